package streams

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Env looks a variable of the environment up, as os.LookupEnv does.
type Env func(key string) (value string, ok bool)

// Get returns the value of key, or "" when it is not set.
func (env Env) Get(key string) string {
	value, _ := env(key)
	return value
}

// Borders says how much drawing a terminal can be trusted with.
type Borders int

// The zero value draws nothing.
const (
	BordersNone Borders = iota
	BordersASCII
	BordersUnicode
)

// Streams are the three standard streams and what is known about them. Out and
// Err may be written to by several goroutines.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	// OutTerminal and ErrTerminal tell whether a person is looking.
	OutTerminal, ErrTerminal bool
	// Width is the number of columns of the terminal; 0 means no limit.
	Width int
	// Borders is what tables may be drawn with.
	Borders Borders
	// NoColor is set where colour is not wanted or not possible.
	NoColor bool

	out *remembering
}

// System returns the streams of the process.
func System(env Env) *Streams {
	s := &Streams{
		In:          os.Stdin,
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	s.setOutput(os.Stdout, os.Stderr)
	if s.OutTerminal {
		s.Width = width(env)
	}
	s.Look(env)
	return s
}

// Test returns streams into buffers, without a terminal.
func Test() (s *Streams, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	s = New(strings.NewReader(""), stdout, stderr)
	return s, stdout, stderr
}

// New returns streams that are no terminal.
func New(stdin io.Reader, stdout, stderr io.Writer) *Streams {
	s := &Streams{In: stdin}
	s.setOutput(stdout, stderr)
	return s
}

func (s *Streams) setOutput(stdout, stderr io.Writer) {
	s.out = &remembering{w: stdout}
	s.Out, s.Err = s.out, &remembering{w: stderr}
}

// Look sets Borders and NoColor by what the environment says about the
// terminal. A missing TERM or a very narrow terminal gets no borders, a dumb
// one and a locale other than UTF-8 get ASCII.
func (s *Streams) Look(env Env) {
	terminal := env.Get("TERM")
	noColor, given := env("NO_COLOR")
	s.NoColor = given && noColor != "" || terminal == "dumb" || terminal == ""
	switch {
	case !s.OutTerminal, terminal == "", s.Width > 0 && s.Width < minWidth:
		s.Borders = BordersNone
	case terminal == "dumb" || !utf8Locale(env):
		s.Borders = BordersASCII
	default:
		s.Borders = BordersUnicode
	}
}

// minWidth is the narrowest terminal that a table with borders makes sense on.
const minWidth = 40

// WriteError returns the first error of writing to standard output.
func (s *Streams) WriteError() error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.out.err
}

func width(env Env) int {
	if columns, err := strconv.Atoi(env.Get("COLUMNS")); err == nil && columns > 0 {
		return columns
	}
	columns, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || columns < 1 {
		return 80
	}
	return columns
}

// utf8Locale reads the locale as setlocale(3) does: the first that is set
// decides, and none at all is the C locale.
func utf8Locale(env Env) bool {
	for _, key := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(env.Get(key)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// remembering keeps the first error, and writes nothing after it.
type remembering struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (r *remembering) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.w.Write(p)
	r.err = err
	return n, err
}
