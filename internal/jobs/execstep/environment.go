package execstep

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
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
	// What batchctl itself reads, so that a command can call it.
	variableDB   = "BATCHCTL_DB"
	variableJobs = "BATCHCTL_JOBS"
)

// facts are what a command is told about where it runs.
type facts struct {
	parameters              core.JobParameters
	declared                core.ParameterSpecs
	jobName, stepName, part string
	instance, execution     int64
	stepExecution           int64
	attempt                 int
	idempotencyKey          string
	output, call            string
	database                string   // path of the repository
	folders                 []string // of definitions
	formatted               func(core.JobParameter) string
	inherited               []string // NAME=value
	inherit                 []string
	added                   map[string]string
}

// VariableHelp is what is said about a variable of a command.
type VariableHelp struct{ Name, Help string }

// given is a variable that batchctl sets.
type given struct {
	VariableHelp

	of       func(f facts) string
	optional bool // it is not set where it would be empty
}

// Variables lists what a command is given besides what it inherits, in the order
// in which people are told.
func Variables() []VariableHelp {
	all := []VariableHelp{{parameterPrefix + "NAME", "Each parameter but secrets: the name in capitals, with an underscore for whatever is " +
		"neither a letter nor a digit (run.date is " + Variable("run.date") + "). A secret has no such variable: name it in env."}}
	for _, v := range variables() {
		all = append(all, v.VariableHelp)
	}
	return all
}

// variables are those that do not depend on the parameters.
func variables() []given {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	return []given{
		{VariableHelp{"BATCH_JOB_NAME", "The name of the job."}, func(f facts) string { return f.jobName }, false},
		{VariableHelp{"BATCH_INSTANCE_ID", "The number of the instance: the job with these parameters."}, func(f facts) string { return number(f.instance) }, false},
		{VariableHelp{"BATCH_EXECUTION_ID", "The number of this run of it, as show takes it."}, func(f facts) string { return number(f.execution) }, false},
		{VariableHelp{"BATCH_STEP_NAME", "The name of the step, with that of the part; empty beside a job."}, func(f facts) string { return f.stepName }, false},
		{VariableHelp{"BATCH_STEP_EXECUTION_ID", "The number of this run of the step; 0 beside a job."}, func(f facts) string { return number(f.stepExecution) }, false},
		{VariableHelp{"BATCH_PARTITION", "The name of the part, in the parts of a step with partition only."}, func(f facts) string { return f.part }, true},
		{VariableHelp{"BATCH_RESTART", "true from the second attempt at the step on, else false."}, func(f facts) string { return strconv.FormatBool(f.attempt > 1) }, false},
		{VariableHelp{"BATCH_ATTEMPT", "How often this instance has started the step, from 1 on; 0 beside a job."}, func(f facts) string { return strconv.Itoa(f.attempt) }, false},
		{VariableHelp{"BATCH_IDEMPOTENCY_KEY", "The same in all attempts at the same work, and never again; empty beside a job."}, func(f facts) string { return f.idempotencyKey }, false},
		{VariableHelp{"BATCH_OUTPUT", "The file to write results to: exit-status=NAME, context.KEY=VALUE and job-context.KEY=VALUE, a line each; beside a job or step only the last counts."}, func(f facts) string { return f.output }, false},
		{VariableHelp{variableDB, "The repository of this run: batchctl show $BATCH_EXECUTION_ID asks the right one. env may name another."}, func(f facts) string { return f.database }, true},
		{VariableHelp{variableJobs, "The folders of definitions of this run, for a batchctl that the command calls. env may name others."}, func(f facts) string { return f.joinedFolders() }, true},
	}
}

// joinedFolders returns the folders as a variable holds them, nothing where one
// has a name that would be read as two.
func (f facts) joinedFolders() string {
	if slices.ContainsFunc(f.folders, func(folder string) bool { return strings.ContainsRune(folder, filepath.ListSeparator) }) {
		return ""
	}
	return strings.Join(f.folders, string(filepath.ListSeparator))
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
	for _, v := range variables() {
		if _, own := f.added[v.Name]; own {
			continue
		}
		if value := v.of(f); value != "" || !v.optional {
			vars[v.Name] = value
		}
	}
	vars[callVariable] = f.call
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
	if err := CheckParameters(f.declared, f.parameters); err != nil {
		return &core.Error{Kind: core.ErrJobDefinition, Msg: "exec: " + err.Error(), Hint: core.Hint(err)}
	}
	for _, p := range f.parameters {
		if spec, _ := f.declared.Lookup(p.Name); !spec.IsSecret() {
			vars[Variable(p.Name)] = f.formatted(p)
		}
	}
	return nil
}

// CheckParameters refuses parameters of which two would be the same Variable. A
// secret is none.
func CheckParameters(declared core.ParameterSpecs, ps core.JobParameters) error {
	from := map[string]string{}
	for _, p := range ps {
		if spec, _ := declared.Lookup(p.Name); spec.IsSecret() {
			continue
		}
		name := Variable(p.Name)
		if other, taken := from[name]; taken {
			return &core.Error{
				Kind: core.ErrJobParametersInvalid,
				Msg: "the parameters " + core.Quote(other) + " and " + core.Quote(p.Name) +
					" would both be the variable " + name + " of a command",
				Hint: "leave one of them away, or rename it",
			}
		}
		from[name] = p.Name
	}
	return nil
}

// Variable returns the name of the environment variable in which a command
// finds the parameter of that name, unless it is a secret: BATCH_PARAM_ and the
// name, ASCII letters as capitals, and an underscore for each character that is
// neither an ASCII letter nor a digit.
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
