package execstep

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// Config says what a step runs, and what becomes of its end. Either Command or
// Script is set.
type Config struct {
	// Command is the program and its arguments, given to it as they are. A
	// program without a slash is looked for in the command's own PATH; a relative
	// one is relative to Dir.
	Command []string
	// Script is run by /bin/sh -c. It takes values from its environment and from
	// nowhere else: whoever splices a parameter into it lets the parameter run
	// commands.
	Script string
	// Dir is the working directory; empty means batchctl's own.
	Dir string
	// Env are further variables. Names that begin with BATCH_ are not allowed.
	Env map[string]string
	// SecretEnv names, for further variables, the secret parameters whose values
	// they get; one that was not given is not set. No command gets a secret but by
	// this or by Env: there is no BATCH_PARAM_ of it.
	SecretEnv map[string]string
	// InheritEnv names the variables of batchctl's own environment that the
	// command gets; a * at the end stands for any rest. nil means DefaultInherit.
	InheritEnv []string
	// Stdin is the file to read from, relative to Dir; empty means /dev/null.
	Stdin string
	// Timeout bounds how long the command may run; 0 means no bound. When it is
	// over the step is FAILED with the exit code TIMEOUT.
	Timeout time.Duration
	// KillAfter is how long a command that was told to end has for it; 0 means
	// DefaultKillAfter.
	KillAfter time.Duration
	// ExitCodes maps exit codes to outcomes: FAILED fails the step, STOPPED stops
	// it, COMPLETED completes it, and any other name completes it with that exit
	// code. 0 is COMPLETED where the map says nothing about it.
	ExitCodes map[int]string
	// Else is the outcome of every other exit code; empty means FAILED.
	Else string
	// OnCrash says what a restart does when batchctl died while the command ran.
	OnCrash OnCrash
	// CheckCommand is asked by Check whether the command was done.
	CheckCommand []string
	// JobFolders are the folders of definitions, absolute, for a batchctl that the
	// command calls; nil says nothing about them.
	JobFolders []string
	// LogDir is the folder below which the output is kept; empty means LogDir().
	LogDir string

	logName string // of a hook; empty means the name of the step
}

// OnCrash is what a restart does when it is not known how the command ended.
type OnCrash int8

// The ways. All but Rerun cost one write transaction more before the command
// starts, and one when it has failed.
const (
	// Rerun runs the command again.
	Rerun OnCrash = iota
	// Fail fails the step once, so that a person looks; the restart after that
	// runs the command again.
	Fail
	// Skip takes the command for done.
	Skip
	// Check runs CheckCommand: exit code 0 says that the command was done, 1 that
	// it was not and has to run, and any other fails the step.
	Check
)

// String returns the name as definitions write it.
func (o OnCrash) String() string {
	switch o {
	case Rerun:
		return "rerun"
	case Fail:
		return "fail"
	case Skip:
		return "skip"
	case Check:
		return "check"
	}
	return fmt.Sprintf("OnCrash(%d)", int8(o))
}

// DefaultKillAfter is how long a command has to end after it was told to.
const DefaultKillAfter = 10 * time.Second

// DefaultInherit names the variables that a command inherits where Config does
// not say.
func DefaultInherit() []string {
	return []string{"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "BATCHCTL_*"}
}

// definition makes an ErrJobDefinition.
func definition(format string, args ...any) error {
	return &core.Error{Kind: core.ErrJobDefinition, Msg: fmt.Sprintf(format, args...)}
}

// Check says what is wrong with cfg by itself, as an ErrJobDefinition, before
// anything is run.
func (cfg Config) Check() error {
	_, err := cfg.checked()
	return err
}

// checked returns cfg with its defaults filled in, or says what is wrong with it
// by itself, whatever the machine looks like.
func (cfg Config) checked() (Config, error) {
	switch {
	case len(cfg.Command) == 0 && cfg.Script == "":
		return cfg, definition("exec: neither a command nor a script is given")
	case len(cfg.Command) > 0 && cfg.Script != "":
		return cfg, definition("exec: both a command and a script are given")
	case cfg.Script == "" && cfg.Command[0] == "":
		return cfg, definition("exec: the name of the command is empty")
	case cfg.Timeout < 0:
		return cfg, definition("exec: the timeout %s is negative", cfg.Timeout)
	case cfg.KillAfter < 0:
		return cfg, definition("exec: kill-after %s is negative", cfg.KillAfter)
	case cfg.OnCrash < Rerun || cfg.OnCrash > Check:
		return cfg, definition("exec: %s is none of rerun, fail, skip and check", cfg.OnCrash)
	case cfg.OnCrash == Check && (len(cfg.CheckCommand) == 0 || cfg.CheckCommand[0] == ""):
		return cfg, definition("exec: on-crash is check, but there is no check command")
	case cfg.OnCrash != Check && len(cfg.CheckCommand) > 0:
		return cfg, definition("exec: there is a check command, but on-crash is %s", cfg.OnCrash)
	}
	if err := cfg.checkText(); err != nil {
		return cfg, err
	}
	if err := cfg.checkSecretEnv(); err != nil {
		return cfg, err
	}
	if err := cfg.checkOutcomes(); err != nil {
		return cfg, err
	}
	if cfg.KillAfter == 0 {
		cfg.KillAfter = DefaultKillAfter
	}
	if cfg.InheritEnv == nil {
		cfg.InheritEnv = DefaultInherit()
	}
	if cfg.Else == "" {
		cfg.Else = core.ExitCodeFailed
	}
	return cfg, nil
}

// checkText refuses what no command can be given.
func (cfg Config) checkText() error {
	for _, text := range []struct {
		what   string
		values []string
	}{
		{"the command", cfg.Command},
		{"the check command", cfg.CheckCommand},
		{"the script", []string{cfg.Script}},
		{"the directory", []string{cfg.Dir}},
		{"stdin", []string{cfg.Stdin}},
		{"the folder of the logs", []string{cfg.LogDir}},
	} {
		for _, value := range text.values {
			if strings.ContainsRune(value, 0) {
				return definition("exec: %s %s contains a NUL character", text.what, core.Quote(value))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Env)) {
		switch {
		case !isVariable(name):
			return definition("exec: env: %s cannot be the name of a variable", core.Quote(name))
		case strings.HasPrefix(name, ownPrefix):
			return definition("exec: env: %s: names that begin with %s are set by batchctl", core.Quote(name), ownPrefix)
		case strings.ContainsRune(cfg.Env[name], 0):
			return definition("exec: env: the value %s of %s contains a NUL character", core.Quote(cfg.Env[name]), name)
		}
	}
	for _, name := range cfg.InheritEnv {
		if !isVariable(strings.TrimSuffix(name, "*")) && name != "*" {
			return definition("exec: inherit: %s cannot be the name of a variable", core.Quote(name))
		}
	}
	return nil
}

func isVariable(name string) bool { return name != "" && !strings.ContainsAny(name, "=\x00") }

func (cfg Config) checkOutcomes() error {
	for _, code := range slices.Sorted(maps.Keys(cfg.ExitCodes)) {
		if code < 0 || code > 255 {
			return definition("exec: exit-codes: %d is not between 0 and 255", code)
		}
		if err := CheckOutcome(cfg.ExitCodes[code]); err != nil {
			return definition("exec: exit-codes: %d: %v", code, err)
		}
	}
	if cfg.Else == "" {
		return nil
	}
	if err := CheckOutcome(cfg.Else); err != nil {
		return definition("exec: exit-codes: *: %v", err)
	}
	return nil
}

// maxOutcome bounds the name of an outcome; the column of exit codes holds 2500.
const maxOutcome = 100

// CheckOutcome says why a name cannot be the exit status of a step.
func CheckOutcome(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the exit status is empty")
	case !utf8.ValidString(name), core.EscapeControl(name) != name, strings.TrimSpace(name) != name:
		return fmt.Errorf("the exit status %s contains what cannot be typed", core.Quote(name))
	case utf8.RuneCountInString(name) > maxOutcome:
		return fmt.Errorf("the exit status %s has more than %d characters", core.Quote(name), maxOutcome)
	}
	for _, reserved := range []string{core.ExitCodeExecuting, core.ExitCodeUnknown, core.ExitCodeRefused} {
		if strings.HasPrefix(name, reserved) {
			return fmt.Errorf("the exit status %s begins with %s, which has a meaning of its own", core.Quote(name), reserved)
		}
	}
	for _, known := range []string{core.ExitCodeCompleted, core.ExitCodeStopped, core.ExitCodeFailed} {
		if strings.EqualFold(name, known) && name != known { // it would complete a step that wants to fail
			return fmt.Errorf("the exit status %s would not mean %s: write it in capitals", core.Quote(name), known)
		}
	}
	return nil
}

// outcome returns the name for an exit code.
func (cfg Config) outcome(code int) string {
	if name, ok := cfg.ExitCodes[code]; ok {
		return name
	}
	if code == 0 {
		return core.ExitCodeCompleted
	}
	return cfg.Else
}

// argv returns the program as it was named, and all arguments with it first.
// step names the script in what the shell says about it.
func (cfg Config) argv(step string) []string {
	if cfg.Script != "" {
		return []string{"/bin/sh", "-c", cfg.Script, step}
	}
	return cfg.Command
}

// name is what messages call the command.
func (cfg Config) name() string {
	if cfg.Script != "" {
		return "the script"
	}
	return "command " + core.Quote(cfg.Command[0])
}

// checkDir looks whether the working directory is there.
func (cfg Config) checkDir() error {
	if cfg.Dir == "" {
		return nil
	}
	info, err := os.Stat(cfg.Dir)
	if err != nil {
		return &core.Error{
			Kind: core.ErrJobDefinition, Msg: "exec: the working directory " + core.QuotePath(cfg.Dir) + " cannot be used",
			Hint: core.ShellQuote("ls", "-ld", cfg.Dir), Err: withoutPath(err),
		}
	}
	if !info.IsDir() {
		return definition("exec: the working directory %s is %s", core.QuotePath(cfg.Dir), kindOf(info.Mode()))
	}
	return nil
}

func kindOf(mode os.FileMode) string {
	if mode.IsRegular() {
		return "a file"
	}
	return core.FileKind(mode)
}

// lookUp returns the path of a program: one with a slash as it is, relative to
// dir; any other from the absolute folders of path.
func lookUp(program, dir, path string) (string, error) {
	if strings.Contains(program, "/") {
		full := program
		if !filepath.IsAbs(full) {
			full = filepath.Join(dir, program)
		}
		if err := runnable(full); err != nil {
			hint := core.Hint(err)
			if hint == "" {
				hint = core.ShellQuote("ls", "-l", full)
			}
			return "", &core.Error{
				Kind: core.ErrJobDefinition, Msg: "exec: " + core.QuotePath(full) + " cannot be run",
				Hint: hint, Err: err,
			}
		}
		return filepath.Abs(full)
	}
	for _, folder := range filepath.SplitList(path) {
		full := filepath.Join(folder, program)
		if filepath.IsAbs(folder) && runnable(full) == nil {
			return full, nil
		}
	}
	return "", &core.Error{
		Kind: core.ErrJobDefinition, Msg: fmt.Sprintf("exec: there is no program %s in PATH, which is %s",
			core.Quote(program), core.Quote(path)), Hint: "write the whole path: cron's PATH is short",
	}
}

func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return withoutPath(err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is %s", core.FileKind(info.Mode()))
	case info.Mode().Perm()&0o111 == 0:
		return &core.Error{Msg: "it is not executable", Hint: core.ShellQuote("chmod", "+x", path)}
	}
	return nil
}
