package definition

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Input is a file that a step of a definition reads, its database too, or the
// program that it runs. Hooks are looked at as steps are.
type Input struct {
	Step string // or the hook, and what it belongs to
	// Path is absolute, and a pattern when Pattern is set. That of a program may be
	// a name that is looked for in PATH.
	Path    string
	Pattern bool
	Program bool
	// WrittenBy is an earlier step that writes the file, or makes the database.
	WrittenBy string
}

// Inputs returns the files that the steps of f, of which made was compiled, would
// read in an execution with the parameters ps, as far as that can be told before they start: what readers,
// lookups and control files name. f has no problems.
func Inputs(f *File, made *core.Job, ps core.JobParameters, zone *time.Location, env Environment) []Input {
	dir, err := filepath.Abs(filepath.Dir(f.Path))
	if err != nil {
		return nil
	}
	w := &inputs{j: &job{file: f, tree: f.Job, dir: dir, env: env, made: made}, ps: ps, zone: zone}
	w.writers = map[string]string{}
	w.elements(f.Job.Steps)
	w.hooks(nil, f.Job.Listeners)
	return w.found
}

// inputs walks a definition.
type inputs struct {
	j     *job
	ps    core.JobParameters
	zone  *time.Location
	found []Input
	// writers are the steps that were come by, by the paths that they write.
	writers map[string]string
}

func (w *inputs) elements(elements []Element) {
	for i := range elements {
		e := &elements[i]
		if e.Partition != nil && e.Partition.Files.Given() {
			w.add(e, e.Partition.Files, true)
		}
		if p := e.Partition; p != nil && p.SQL != nil {
			w.database(e, p.SQL.Resource)
		}
		switch {
		case e.Chunk != nil:
			w.chunk(e)
		case e.SQL != nil:
			w.database(e, e.SQL.Resource)
		case e.Exec != nil:
			w.program(e, e.ID.Value, e.Exec)
		}
		w.hooks(e, e.Listeners)
		w.elements(e.Steps)
		w.elements(e.Flows)
	}
}

func (w *inputs) chunk(e *Element) {
	w.reader(e, e.Chunk.Reader)
	for i := range e.Chunk.Processor {
		if lookup := e.Chunk.Processor[i].Lookup; lookup != nil {
			w.reader(e, lookup.Table)
		}
	}
	for i := range e.Chunk.Expect {
		if control := e.Chunk.Expect[i].Control; control != nil {
			w.add(e, control.File, false)
		}
	}
	w.outputs(e)
}

// outputs notes the files that a chunk writes.
func (w *inputs) outputs(e *Element) {
	all := slices.Concat(e.Chunk.Writers, e.Chunk.Route)
	if e.Chunk.Writer != nil {
		all = append(all, *e.Chunk.Writer)
	}
	for _, o := range all {
		for _, option := range o.Options {
			if option.Key.Value != "file" {
				continue
			}
			if path, err := w.j.atLaunch(e, w.ps, w.zone).path(option.Value); err == nil && path != "" && w.writers[path] == "" {
				w.writers[path] = e.ID.Value
			}
		}
	}
}

// database adds the file of a resource. Statements make one that may be made.
func (w *inputs) database(e *Element, name Text) {
	r := w.j.resource(name.Value)
	if r == nil {
		return // the repository's own
	}
	path, err := w.j.atLaunch(e, w.ps, w.zone).path(r.DSN)
	if err != nil || path == "" {
		return
	}
	if e.SQL != nil && r.Create.Value == "true" && w.writers[path] == "" {
		w.writers[path] = e.ID.Value
	}
	w.put(Input{Step: e.ID.Value, Path: path, WrittenBy: w.writers[path]})
}

// hooks adds the programs of the hooks of a step, of the job when e is nil.
func (w *inputs) hooks(e *Element, hooks Hooks) {
	of := ""
	if e != nil {
		of = " of " + e.ID.Value
	}
	for _, h := range []struct {
		name string
		exec *Exec
	}{
		{"before-job", hooks.BeforeJob},
		{"before-step", hooks.BeforeStep},
		{"on-retry", hooks.OnRetry},
		{"on-skip", hooks.OnSkip},
		{"after-step", hooks.AfterStep},
		{"after-job", hooks.AfterJob},
	} {
		if h.exec != nil {
			w.program(e, "hook "+h.name+of, h.exec)
		}
	}
}

// program adds the program of a command, of a step or hook.
func (w *inputs) program(e *Element, of string, x *Exec) {
	w.addTo(e, of, x.Stdin, false)
	if len(x.Command) == 0 {
		return
	}
	b := w.j.atLaunch(e, w.ps, w.zone)
	name, err := b.text(x.Command[0])
	if err != nil || name == "" {
		return
	}
	if strings.ContainsRune(name, filepath.Separator) && !filepath.IsAbs(name) {
		dir, err := b.path(x.Dir)
		if err != nil {
			return
		}
		name = filepath.Join(or(dir, w.j.dir), name)
	}
	w.put(Input{Step: of, Path: name, Program: true, WrittenBy: w.writers[name]})
}

func (w *inputs) reader(e *Element, c Component) {
	for _, option := range c.Options {
		switch name := option.Key.Value; name {
		case "file", "files":
			w.add(e, option.Value, name == "files")
		case "resource":
			w.database(e, option.Value)
		}
	}
}

// add adds a file, once for each step. One that is named by what is not known
// yet, as the value of a part, is left out.
func (w *inputs) add(e *Element, t Text, pattern bool) { w.addTo(e, e.ID.Value, t, pattern) }

// addTo is add for a step or hook.
func (w *inputs) addTo(e *Element, of string, t Text, pattern bool) {
	path, err := w.j.atLaunch(e, w.ps, w.zone).path(t)
	if err != nil || path == "" {
		return
	}
	in := Input{Step: of, Path: path, Pattern: pattern && strings.ContainsAny(path, "*?[")}
	for path, step := range w.writers {
		matches, _ := filepath.Match(in.Path, path)
		if path == in.Path || in.Pattern && matches {
			in.WrittenBy = step
		}
	}
	w.put(in)
}

func (w *inputs) put(in Input) {
	if !slices.Contains(w.found, in) {
		w.found = append(w.found, in)
	}
}
