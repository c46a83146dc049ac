package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// maxParamsFile bounds a file of parameters, in bytes.
const maxParamsFile = 1 << 20

// paramsFile is a file of parameters: one name=value on a line, as on the
// command line and without quotes, + and - before the name included. Lines that
// are empty and lines that begin with # are passed over; what comes after the
// first = is the value, to the end of the line.
type paramsFile struct {
	name  string // for messages
	lines []paramsLine
}

type paramsLine struct {
	number int
	word   string
}

// readParamsFile reads the file that --params-file names; "-" is standard input.
func (a *app) readParamsFile(name string) (*paramsFile, error) {
	refuse := func(hint string, err error) error {
		return &core.Error{Kind: errUsage, Op: "--params-file " + core.QuotePath(name), Hint: hint, Msg: err.Error()}
	}
	in := a.streams.In
	if name != "-" {
		f, err := os.Open(name) //nolint:gosec // it is the file that was asked for
		if err != nil {
			if e, ok := errors.AsType[*fs.PathError](err); ok {
				err = e.Err
			}
			return nil, refuse(core.ShellQuote("ls", "-ld", filepath.Dir(name)), err)
		}
		defer func() { _ = f.Close() }() // opened for reading; nothing can be lost
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, refuse("give a file of lines name=value", errors.New("it is a directory"))
		}
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxParamsFile+1))
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, refuse("", err)
	}
	if len(text) > maxParamsFile {
		return nil, refuse("give a file of lines name=value", fmt.Errorf("it has more than %d bytes", maxParamsFile))
	}
	file, err := parseParamsFile(text)
	if err != nil {
		return nil, refuse("save it as UTF-8", err)
	}
	file.name = name
	if name == "-" {
		file.name = "standard input"
	}
	return file, nil
}

// parseParamsFile takes text apart into lines, and does not look into them.
func parseParamsFile(text []byte) (*paramsFile, error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, errors.New("it is UTF-16")
	}
	file := &paramsFile{}
	number := 0
	for raw := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		line := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
		word := strings.TrimLeft(line, " \t")
		if word != "" && word[0] != '#' {
			file.lines = append(file.lines, paramsLine{number: number, word: word})
		}
	}
	return file, nil
}

// place is where a line stands, for people.
func (f *paramsFile) place(number int) string {
	return core.EscapeControl(f.name) + ":" + strconv.Itoa(number)
}

// parse reads the lines with n. given are the parameters of the command line:
// whoever names one in both places means one of them, and it is not for batchctl
// to say which.
func (f *paramsFile) parse(n core.Notation, given core.JobParameters) (core.JobParameters, error) {
	if len(f.lines) > core.MaxParameters {
		return nil, &core.Error{
			Kind: core.ErrJobParametersInvalid, Op: f.name,
			Msg: fmt.Sprintf("%d parameters, at most %d are allowed", len(f.lines), core.MaxParameters),
		}
	}
	n.Signs = true
	var ps core.JobParameters
	at := map[string]int{}
	for _, line := range f.lines {
		one, err := n.Parse([]string{line.word})
		if err != nil {
			return nil, &core.Error{Op: f.place(line.number), Err: err}
		}
		p := one[0]
		if first, twice := at[p.Name]; twice {
			return nil, twiceGiven(f.place(line.number), p.Name, "in line "+strconv.Itoa(first))
		}
		if _, twice := given.Lookup(p.Name); twice {
			return nil, twiceGiven(f.place(line.number), p.Name, "on the command line")
		}
		at[p.Name] = line.number
		ps = append(ps, p)
	}
	return ps, nil
}

func twiceGiven(place, name, elsewhere string) error {
	return &core.Error{
		Kind: core.ErrJobParametersInvalid, Op: place, Hint: "give it once",
		Msg: "parameter " + core.EscapeControl(name) + ": given here and " + elsewhere,
	}
}
