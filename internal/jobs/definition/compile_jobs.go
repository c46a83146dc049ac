package definition

import (
	"fmt"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// Jobs compiles all files of set, with builtIn as the jobs that job steps can
// name besides. A file that has problems, also one whose job step names a job
// that has, gives no job. The problems are those of the set and all that were
// found in compiling.
func Jobs(set *Set, builtIn []*core.Job, env Environment) (jobs []*core.Job, problems Problems) {
	l := &library{env: env, byName: map[string]*entry{}}
	for _, job := range builtIn {
		l.byName[job.Name] = &entry{job: job, done: true}
	}
	l.env.Job = l.find
	problems = append(problems, set.Problems...)
	for _, f := range set.Files {
		name := f.Name()
		switch e := l.byName[name]; {
		case name == "":
		case e == nil:
			l.byName[name] = &entry{file: f}
		case e.job != nil:
			e.twin = f
		}
	}
	for _, f := range set.Files {
		e := l.byName[f.Name()]
		if e == nil || e.file != f { // it has no name, or one that is taken: both are problems of the set
			e = &entry{file: f}
		}
		l.compile(e)
		if e.job != nil {
			jobs = append(jobs, e.job)
		}
		problems = append(problems, e.problems...)
	}
	sortProblems(problems)
	return jobs, slices.Compact(problems)
}

// library compiles files as they are asked for.
type library struct {
	env    Environment
	byName map[string]*entry
}

// entry is a job, or a file that will be one.
type entry struct {
	file     *File // nil for a job that is built in
	twin     *File // that has the name of a job that is built in
	job      *core.Job
	problems Problems
	begun    bool
	done     bool
}

func (l *library) compile(e *entry) {
	if e.done || e.begun {
		return
	}
	e.begun = true
	e.job, e.problems = Compile(e.file, l.env)
	e.done = true
}

// find returns the job that a job step names.
func (l *library) find(name string) (*core.Job, error) {
	e := l.byName[name]
	if e == nil {
		names := make([]string, 0, len(l.byName))
		for known := range l.byName {
			names = append(names, known)
		}
		hint := core.ShellQuote("batchctl", "jobs")
		if near := core.Nearest(name, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, &core.Error{Kind: core.ErrNoSuchJob, Msg: fmt.Sprintf("there is no job %s", core.Quote(name)), Hint: hint}
	}
	if e.begun && !e.done {
		return nil, &core.Error{Kind: core.ErrJobDefinition, Msg: fmt.Sprintf("job %s launches this one, round in a circle", core.Quote(name))}
	}
	if e.twin != nil {
		return nil, &core.Error{
			Kind: core.ErrDuplicateJob,
			Msg: fmt.Sprintf("job %s cannot be launched: %s has the name of a job that is built into batchctl",
				core.Quote(name), e.twin.Path),
			Hint: core.ShellQuote("batchctl", "validate", e.twin.Path),
		}
	}
	l.compile(e)
	if e.job == nil {
		return nil, &core.Error{
			Kind: core.ErrJobDefinition, Msg: fmt.Sprintf("job %s cannot be launched: its definition has problems of its own", core.Quote(name)),
			Hint: core.ShellQuote("batchctl", "validate", e.file.Path),
		}
	}
	return e.job, nil
}
