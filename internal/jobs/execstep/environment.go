package execstep

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// The variables that a command is given.
const (
	ownPrefix       = "BATCH_"
	parameterPrefix = "BATCH_PARAM_"
	// callVariable marks every process that a command has started, wherever it
	// went, for as long as it does not clear its environment.
	callVariable = "BATCHCTL_CALL"
)

// facts are what a command is told about where it runs.
type facts struct {
	parameters              core.JobParameters
	jobName, stepName, part string
	instance, execution     int64
	stepExecution           int64
	attempt                 int
	idempotencyKey          string
	output, call            string
	formatted               func(core.JobParameter) string
	inherited               []string // NAME=value
	inherit                 []string
	added                   map[string]string
}

// environment returns the variables of a command, sorted by name.
func (f facts) environment() ([]string, error) {
	vars := map[string]string{}
	for _, entry := range f.inherited {
		name, value, ok := strings.Cut(entry, "=")
		if ok && isInherited(name, f.inherit) {
			vars[name] = value
		}
	}
	maps.Copy(vars, f.added)
	maps.Copy(vars, map[string]string{
		"BATCH_JOB_NAME":          f.jobName,
		"BATCH_INSTANCE_ID":       strconv.FormatInt(f.instance, 10),
		"BATCH_EXECUTION_ID":      strconv.FormatInt(f.execution, 10),
		"BATCH_STEP_NAME":         f.stepName,
		"BATCH_STEP_EXECUTION_ID": strconv.FormatInt(f.stepExecution, 10),
		"BATCH_RESTART":           strconv.FormatBool(f.attempt > 1),
		"BATCH_ATTEMPT":           strconv.Itoa(f.attempt),
		"BATCH_IDEMPOTENCY_KEY":   f.idempotencyKey,
		"BATCH_OUTPUT":            f.output,
		callVariable:              f.call,
	})
	if f.part != "" {
		vars["BATCH_PARTITION"] = f.part
	}
	if err := f.addParameters(vars); err != nil {
		return nil, err
	}
	env := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if strings.ContainsRune(vars[name], 0) {
			return nil, definition("exec: the value %s of the variable %s contains a NUL character", core.Quote(vars[name]), name)
		}
		env = append(env, name+"="+vars[name])
	}
	return env, nil
}

func (f facts) addParameters(vars map[string]string) error {
	from := map[string]string{}
	for _, p := range f.parameters {
		name := Variable(p.Name)
		if other, taken := from[name]; taken {
			return &core.Error{
				Kind: core.ErrJobDefinition,
				Msg:  "exec: the parameters " + core.Quote(other) + " and " + core.Quote(p.Name) + " would both be the variable " + name,
				Hint: "rename one of them",
			}
		}
		from[name] = p.Name
		vars[name] = f.formatted(p)
	}
	return nil
}

// Variable returns the name of the environment variable in which a command
// finds the parameter of that name: BATCH_PARAM_ and the name, ASCII letters as
// capitals, and an underscore for each character that is neither an ASCII letter
// nor a digit.
func Variable(parameter string) string {
	return parameterPrefix + strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, parameter)
}

// isInherited reports whether a variable is on the list. What steers batchctl's
// own tests, and what another command was marked with, never is.
func isInherited(name string, list []string) bool {
	if name == fault.Variable || name == callVariable || strings.HasPrefix(name, ownPrefix) {
		return false
	}
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, open := strings.CutSuffix(entry, "*")
		return open && strings.HasPrefix(name, prefix) || name == entry
	})
}

// valueOf returns the value of a variable in env.
func valueOf(env []string, name string) string {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// withoutPath takes the operation and the path off an error of package os: the
// message names the path already, and quotes it.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err
	}
	return err
}
