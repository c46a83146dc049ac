package definition

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Input is a file that a step of a definition reads.
type Input struct {
	Step string
	// Path is absolute, and a pattern when Pattern is set.
	Path    string
	Pattern bool
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
	w.elements(f.Job.Steps)
	return w.found
}

// inputs walks a definition.
type inputs struct {
	j     *job
	ps    core.JobParameters
	zone  *time.Location
	found []Input
}

func (w *inputs) elements(elements []Element) {
	for i := range elements {
		e := &elements[i]
		if e.Partition != nil && e.Partition.Files.Given() {
			w.add(e, e.Partition.Files, true)
		}
		if e.Chunk != nil {
			w.chunk(e)
		}
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
}

func (w *inputs) reader(e *Element, c Component) {
	for _, option := range c.Options {
		if name := option.Key.Value; name == "file" || name == "files" {
			w.add(e, option.Value, name == "files")
		}
	}
}

// add adds a file, once for each step. One that is named by what is not known
// yet, as the value of a part, is left out.
func (w *inputs) add(e *Element, t Text, pattern bool) {
	path, err := w.j.atLaunch(e, w.ps, w.zone).path(t)
	if err != nil || path == "" {
		return
	}
	in := Input{Step: e.ID.Value, Path: path, Pattern: pattern && strings.ContainsAny(path, "*?[")}
	if !slices.Contains(w.found, in) {
		w.found = append(w.found, in)
	}
}
