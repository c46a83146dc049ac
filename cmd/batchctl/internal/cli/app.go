package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/secret"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// Main runs batchctl with its own jobs and returns the exit code.
func Main(args []string, env streams.Env, s *streams.Streams) int {
	return run(args, env, s, all.Registry)
}

// Run is Main with other jobs.
func Run(args []string, env streams.Env, s *streams.Streams, jobs ...*core.Job) int {
	return run(args, env, s, func() (*launch.JobRegistry, error) { return launch.NewRegistry(jobs...) })
}

func run(args []string, env streams.Env, s *streams.Streams, registry func() (*launch.JobRegistry, error)) (code int) {
	a := &app{
		program: programName(os.Args[0]), env: env, streams: s, compiled: registry,
		now: time.Now, token: randomToken, exit: os.Exit, masker: &secret.Masker{},
	}
	a.registry = a.withDefinitions(registry)
	defer func() {
		if v := recover(); v != nil {
			a.say("error: internal error: %s; please report it with the lines below", fmt.Sprint(v))
			_, _ = s.Err.Write(debug.Stack()) // nobody is left to be told
			code = codeInternal
		}
	}()
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not end a job
	root := newRootCmd(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		err = a.unknown
	}
	if err != nil && !a.started {
		err = usage(err)
		_ = a.configure(cmd) // what can be known, for the hints; the first error is the one to tell
	}
	lost := s.WriteError()
	if lost == nil || !errors.Is(err, lost) {
		a.report(err)
	}
	code = a.code(err)
	switch {
	case lost == nil:
	case errors.Is(lost, syscall.EPIPE) && (!a.started || !acts[verbOf(cmd)]): // as for "| head": who reads has seen enough
		if err == nil || errors.Is(err, lost) {
			code = a.unread()
		}
	default:
		a.say("error: write the result to standard output: %v", lost)
		if code == 0 {
			code = codeFailed
		}
	}
	return code
}

// app is what the commands share: the streams, the settings, and how to get at
// the repository and the jobs, which are opened only when they are asked for.
type app struct {
	// program is how commands to be pasted begin.
	program string

	env      streams.Env
	streams  *streams.Streams
	compiled func() (*launch.JobRegistry, error) // the jobs that are written in Go
	registry func() (*launch.JobRegistry, error) // those and the definitions
	defined  definitions
	now      func() time.Time
	token    func() string
	exit     func(code int)

	// masker keeps the secrets of the launch out of what is said.
	masker *secret.Masker

	// unknown is about a command that there is not, whose help was asked for.
	unknown error

	settings settings
	display  *time.Location // nil: the repository's zone
	started  bool           // the words were understood; what fails now is no usage error
}

func randomToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// say writes one line to standard error, whatever is in args made harmless and
// the secrets of the launch taken out.
func (a *app) say(format string, args ...any) {
	line := core.EscapeControl(a.masker.Mask(fmt.Sprintf(format, args...)))
	_, _ = fmt.Fprintln(a.streams.Err, line) // there is nowhere left to complain
}

// databasePath returns the path of the repository, absolute where that can be
// told. byDefault is set when nobody gave one.
func (a *app) databasePath() (path string, byDefault bool, err error) {
	if path = a.settings.DB; path != "" {
		if filepath.IsAbs(path) {
			return path, false, nil
		}
		dir, err := workingDirectory()
		if err != nil {
			return "", false, err
		}
		return filepath.Join(dir, path), false, nil
	}
	state := a.env.Get("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home := a.env.Get("HOME")
		if !filepath.IsAbs(home) {
			return "", false, &core.Error{
				Kind: errUsage, Msg: "no repository is given, and HOME is not set to find the default one",
				Hint: "give --db FILE with an absolute path",
			}
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "batchctl", "batchctl.db"), true, nil
}

func workingDirectory() (string, error) {
	dir, err := os.Getwd()
	if err == nil {
		_, err = os.Stat(dir) // $PWD may name a folder that is gone
	}
	if err != nil {
		return "", &core.Error{
			Kind: errUsage, Msg: "the working directory cannot be told", Err: err,
			Hint: "cd to a folder that exists, and give --db an absolute path",
		}
	}
	return dir, nil
}

// store opens the repository for writing, and makes it when it is not there.
func (a *app) store(ctx context.Context) (*sqlite.Store, error) {
	path, byDefault, err := a.databasePath()
	if err != nil {
		return nil, err
	}
	if byDefault {
		if err := makeStateDirectory(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	return sqlite.Open(ctx, path, sqlite.Options{Now: a.now, Token: a.token})
}

// existingStore is store for verbs that act on what is there already.
func (a *app) existingStore(ctx context.Context) (*sqlite.Store, error) {
	explorer, err := a.explorer(ctx)
	if err != nil {
		return nil, err
	}
	if err := explorer.Close(); err != nil {
		return nil, err
	}
	return a.store(ctx)
}

func makeStateDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &core.Error{
			Kind: core.ErrRepository, Op: "make the directory of the repository", Err: err,
			Hint: "give another place with --db FILE",
		}
	}
	return nil
}

// explorer opens the repository for reading.
func (a *app) explorer(ctx context.Context) (*sqlite.Explorer, error) {
	path, _, err := a.databasePath()
	if err != nil {
		return nil, err
	}
	return sqlite.OpenExplorer(ctx, path, sqlite.Options{Now: a.now, Token: a.token})
}

// repositoryExists reports whether opening the repository for writing would
// leave it as it is. Whatever cannot be told is left to the opening.
func (a *app) repositoryExists() (bool, error) {
	path, _, err := a.databasePath()
	if err != nil {
		return false, err
	}
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err != nil || fi.Size() > 0, nil //nolint:nilerr // see above
}

// printer returns the printer for results about a repository in zone.
func (a *app) printer(zone *time.Location) *render.Printer {
	p := &render.Printer{
		Out: a.streams.Out, Format: render.Format(a.settings.Output), Zone: zone, Display: zone, Now: a.now(),
		Style: render.Style{Borders: a.streams.Borders, Width: a.streams.Width, Color: a.color()},
	}
	if a.display != nil {
		p.Display = a.display
	}
	return p
}

func (a *app) color() bool {
	switch a.settings.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return a.streams.OutTerminal && !a.streams.NoColor
}
