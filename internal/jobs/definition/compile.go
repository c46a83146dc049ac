package definition

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Environment is what a definition is compiled in.
type Environment struct {
	// Catalog is what chunks can name; it is the parser's.
	Catalog Catalog
	// Environ returns the variables of the process as NAME=value; it is asked at
	// every launch and start of a step. nil has none.
	Environ func() []string
	// Folders are the folders of definitions, for a batchctl that a command calls.
	Folders []string
	// Job returns the job that a job step names. nil knows none.
	Job func(name string) (*core.Job, error)
}

// Compile makes the job that file describes. Everything about it that can be
// found before it runs is found here: the problems are all that there are, in
// the order of the file, and the job is nil when there is one. The job keeps
// file and reads it at every start of a step.
func Compile(file *File, env Environment) (*core.Job, Problems) {
	dir := filepath.Dir(file.Path)
	if absolute, err := filepath.Abs(dir); err == nil {
		dir = absolute
	}
	if file.Job == nil {
		return nil, file.Problems
	}
	c := &compiler{
		job:    &job{file: file, tree: file.Job, dir: dir, env: env, made: new(core.Job)},
		source: &source{path: file.Path, text: strings.TrimPrefix(file.Text, "\ufeff")},
	}
	c.compile()
	if all := c.all(); len(all) > 0 {
		return nil, all
	}
	c.made.Definition = c.identity()
	return c.made, nil
}

// all returns what was found in reading and in compiling. Of a line that could
// not be read nothing more is told.
func (c *compiler) all() Problems {
	all := slices.Clone(c.file.Problems)
	for _, p := range c.problems {
		if !slices.ContainsFunc(c.file.Problems, func(q Problem) bool { return q.Line == p.Line }) {
			all = append(all, p)
		}
	}
	sortProblems(all)
	return slices.Compact(all)
}

// job is a compiled definition: what its steps need to know when they start.
type job struct {
	file *File
	tree *Job
	dir  string // absolute: of the definition
	env  Environment
	made *core.Job
	// files are those of statements, whose names are written out.
	files []statementFile
}

// compiler collects what is made and what is wrong.
type compiler struct {
	*job

	source   *source
	problems []Problem
	// checks are asked at every launch, with what is known then.
	checks []func(ps core.JobParameters, zone *time.Location) error
	ids    map[string]*Element // every element by its id
	steps  []string            // ids of steps
	at     place               // of what is compiled now
	items  itemHooks           // of the job
}

// place is what references may mean where something stands.
type place struct {
	step  *Element // nil outside of steps
	parts bool     // in each part of a partitioned step
}

func (c *compiler) compile() {
	c.ids = map[string]*Element{}
	c.collect(c.tree.Steps)
	c.made.Name = c.fixed(c.tree.Name, "the name of the job")
	c.made.Help = c.tree.Description.Value
	c.made.PreventRestart = !presentValue(c, c.tree.Restartable, true, parseBool)
	c.parameters()
	c.properties(c.tree.Properties, place{})
	c.resources()
	c.items = c.itemHooks(nil, c.tree.Listeners)
	c.flow()
	c.made.Listener = c.jobListener(c.tree.Listeners)
	c.made.Validator = validator{c.job, c.checks}
	if c.flowIsKnown() {
		c.review()
	}
}

// collect notes all elements by their ids.
func (c *compiler) collect(elements []Element) {
	for i := range elements {
		e := &elements[i]
		if _, taken := c.ids[e.ID.Value]; !taken {
			c.ids[e.ID.Value] = e
		}
		if e.Kind == KindStep {
			c.steps = append(c.steps, e.ID.Value)
		}
		c.collect(e.Steps)
		c.collect(e.Flows)
	}
}

// report adds a problem.
func (c *compiler) report(at Pos, hint, format string, args ...any) {
	msg := strings.TrimPrefix(fmt.Sprintf(format, args...), c.place(at)+": ") // what fails at a run says it too
	c.problems = append(c.problems, c.file.problem(at, hint, msg))
}

// reportError adds what err says.
func (c *compiler) reportError(at Pos, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		if _, one := err.(*core.Error); !one { //nolint:errorlint // the outermost is meant
			for _, err := range joined.Unwrap() {
				c.reportError(at, err)
			}
			return
		}
	}
	c.report(at, core.Hint(err), "%s", err.Error())
}

// place names a position in messages of a run.
func (j *job) place(at Pos) string {
	return core.EscapeControl(j.file.Path) + ":" + strconv.Itoa(at.Line) + ":" + strconv.Itoa(at.Column)
}

// fault is an error of a definition that shows only when it runs.
func (j *job) fault(at Pos, format string, args ...any) error {
	return &core.Error{Kind: core.ErrJobDefinition, Msg: j.place(at) + ": " + fmt.Sprintf(format, args...)}
}

// late is a value that is known when its element starts.
type late[T any] func(b *bound) (T, error)

// lateValue returns the value of t, fallback when it is not given. A text without
// references is read now, any other at the launch, or when its element starts.
func lateValue[T any](c *compiler, t Text, fallback T, parse func(string) (T, error)) late[T] {
	if !t.Given() {
		return func(*bound) (T, error) { return fallback, nil }
	}
	if t.Parts == nil {
		v, err := parse(t.Value)
		if err != nil {
			c.report(t.Pos(), "", "%v", err)
		}
		return func(*bound) (T, error) { return v, nil }
	}
	j := c.job
	find := func(b *bound) (v T, err error) {
		if b.guess {
			return fallback, nil
		}
		text, err := b.text(t)
		if err == nil {
			if v, err = parse(text); err != nil {
				err = j.fault(t.Pos(), "%v", err)
			}
		}
		return v, err
	}
	at := c.at
	c.checks = append(c.checks, func(ps core.JobParameters, zone *time.Location) error {
		_, err := find(j.atLaunch(at.step, ps, zone))
		return ignoreLater(err)
	})
	return find
}

func ignoreLater(err error) error {
	if errors.Is(err, errLater) {
		return nil
	}
	return err
}

// presentValue is lateValue for what has to be known before anything runs.
func presentValue[T any](c *compiler, t Text, fallback T, parse func(string) (T, error)) T {
	if t.Parts != nil {
		c.fixed(t, "this value")
		return fallback
	}
	v, _ := lateValue(c, t, fallback, parse)(nil) // without references it fails never
	return v
}

// fixed returns the text of t, which has to be known before anything runs.
func (c *compiler) fixed(t Text, what string) string {
	if t.Parts != nil {
		c.report(t.Pos(), "write it out", "%s cannot be a substitution: it has to be known before the job runs", what)
	}
	return t.Value
}

// late checks the references of t and returns it, for use when its element
// starts. What is wrong with the present parameters is found at the launch.
func (c *compiler) late(t Text) Text {
	if t.Parts == nil {
		return t
	}
	j, at := c.job, c.at
	c.checks = append(c.checks, func(ps core.JobParameters, zone *time.Location) error {
		return j.atLaunch(at.step, ps, zone).known(t.Parts)
	})
	return t
}

// lates is late for a list.
func (c *compiler) lates(ts []Text) {
	for _, t := range ts {
		c.late(t)
	}
}

// latePairs is late for the values of a map.
func (c *compiler) latePairs(pairs []Pair) {
	for _, p := range pairs {
		c.late(p.Value)
	}
}

// known looks for references that have no value at the launch, and never will.
func (b *bound) known(parts []Part) error {
	for _, p := range parts {
		if p.Ref == nil {
			continue
		}
		_, ok, err := b.lookup(p.Ref)
		switch {
		case errors.Is(err, errLater):
			err = nil
		case err == nil && !ok && p.Ref.HasDefault:
			err = b.known(p.Ref.Default)
		case err == nil && !ok:
			err = b.missing(p.Ref)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is neither true nor false", core.Quote(text))
}

// within returns a parser of whole numbers between bounds.
func within(lowest, highest int64) func(string) (int64, error) {
	return func(text string) (int64, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%s is not a whole number", core.Quote(text))
		case n < lowest || n > highest:
			return 0, fmt.Errorf("%d is out of range, want %d to %d", n, lowest, highest)
		}
		return n, nil
	}
}

// numberWithin returns a parser of numbers between bounds.
func numberWithin(lowest, highest float64) func(string) (float64, error) {
	return func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%s is not a number", core.Quote(text))
		case !(f >= lowest && f <= highest): // also for what is no number
			return 0, fmt.Errorf("%s is out of range, want %v to %v", text, lowest, highest)
		}
		return f, nil
	}
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s is not a duration, want for example 100ms, 10s or 5m", core.Quote(text))
	}
	return d, nil
}
