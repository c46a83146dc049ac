package definition

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// used is a file that a step writes, or a pattern of those that it reads. Texts
// that hold the same substitutions are taken for the same name.
type used struct {
	fileUse
	step   *Element
	goesOn bool // it is written behind what is there
}

// outputs refuses what two steps would write to the same file, and what a pattern
// of inputs would find among the outputs of the job: a second run would read what
// the first has written.
func (c *checker) outputs() {
	var written, patterns []used
	eachStep(c.job.Steps, func(e *Element) {
		if e.Partition != nil && e.Partition.Files.Given() {
			t := e.Partition.Files
			c.pattern(t)
			patterns = append(patterns, used{fileUse: fileUse{text: t, role: "the parts"}, step: e})
		}
		if e.Chunk == nil {
			return
		}
		for _, o := range e.Chunk.Reader.Options {
			if o.Key.Value == infile.OptionFiles {
				c.pattern(o.Value)
				c.lastElement(o.Value)
				patterns = append(patterns, used{fileUse: fileUse{text: o.Value, role: "the reader"}, step: e})
			}
		}
		written = append(written, e.outputs()...)
	})
	for i := range written {
		c.apart(written[:i], written[i])
		for _, p := range patterns {
			c.unread(p, written[i])
		}
	}
}

// eachStep calls f for every step.
func eachStep(elements []Element, f func(e *Element)) {
	for i := range elements {
		if elements[i].Kind == KindStep {
			f(&elements[i])
		}
		eachStep(elements[i].Steps, f)
		eachStep(elements[i].Flows, f)
	}
}

// outputs are the files that the chunk of a step writes.
func (e *Element) outputs() (all []used) {
	outputs := slices.Concat(e.Chunk.Writers, e.Chunk.Route)
	if e.Chunk.Writer != nil {
		outputs = append(outputs, *e.Chunk.Writer)
	}
	for _, o := range outputs {
		appends := slices.ContainsFunc(o.Options, func(o Entry) bool { return o.Key.Value == "append" && o.Value.Value == "true" })
		for _, f := range o.files("the writer") {
			all = append(all, used{fileUse: f, step: e, goesOn: appends})
		}
	}
	if e.Chunk.Skip != nil && e.Chunk.Skip.To.Given() {
		all = append(all, used{fileUse: fileUse{text: e.Chunk.Skip.To, role: roleRejects}, step: e})
	}
	return all
}

// apart reports an output that an earlier one of another step would lose. Ways of
// which only one is taken may end in the same file.
func (c *checker) apart(others []used, w used) {
	for _, other := range others {
		one, two := other.step.ID.Value, w.step.ID.Value
		behind := w.goesOn && !slices.Contains(c.order.beside[two], one)
		if one == two || behind || !c.order.together(one, two) || !clash(fileName(other.text), fileName(w.text), equal) ||
			c.own(other) || c.own(w) {
			continue
		}
		c.add(w.text.Pos(), sharedHint, "%s would write over the file of step %s, in line %d", w.role, core.Quote(one), other.text.Line)
		return
	}
}

func equal(a, b string) bool { return a == b }

// own reports whether a name has something of the step in it that differs from
// step to step.
func (c *checker) own(u used) bool {
	own := false
	walkRefs(u.text.Parts, func(r *Reference) {
		own = own || r.Scope == ScopeStepContext || r.Scope == ScopePartition || r.Scope == ScopeProperties
	})
	return own
}

// unread reports an output that a pattern of inputs would find. What an earlier
// step has made is there to be read.
func (c *checker) unread(p, w used) {
	reads, writes := p.step.ID.Value, w.step.ID.Value
	if reads != writes && (c.order.earlier(writes, reads) || !c.order.together(reads, writes)) {
		return
	}
	if finds(inPattern(p.text), fileName(w.text)) {
		c.add(w.text.Pos(), foundHint, "%s makes a file that the pattern of %s finds, in line %d", w.role, p.role, p.text.Line)
	}
}

// fileName is a text as the name of a file, with its substitutions as they are.
func fileName(t Text) string { return filepath.Clean(t.Value) }

// inPattern is a text as a pattern, in which substitutions mean themselves.
func inPattern(t Text) string {
	if t.Parts == nil {
		return filepath.Clean(t.Value)
	}
	at, pattern := 0, strings.Builder{}
	for _, p := range t.Parts {
		if p.Ref == nil {
			i := strings.Index(t.Value[at:], p.Literal)
			if i < 0 { // it has an escape: it stands for nothing that could be found
				return ""
			}
			pattern.WriteString(literally(t.Value[at : at+i]))
			pattern.WriteString(p.Literal)
			at += i + len(p.Literal)
		}
	}
	pattern.WriteString(literally(t.Value[at:]))
	return filepath.Clean(pattern.String())
}

// pattern checks a pattern of files, whatever its substitutions stand for.
func (c *checker) pattern(t Text) {
	if _, err := filepath.Match(inPattern(t), ""); err != nil {
		c.add(t.Pos(), `[ and ] enclose characters, and \ takes the meaning from the one behind it`,
			"%s is no pattern of files", core.Quote(t.Value))
	}
}

// lastElement refuses folders that are patterns, which a reader does not go
// through.
func (c *checker) lastElement(t Text) {
	dir, _ := filepath.Split(inPattern(t))
	for dir = strings.ReplaceAll(dir, `\\`, ""); dir != ""; {
		i := strings.IndexAny(dir, `*?[`)
		if i < 0 {
			return
		}
		if i == 0 || dir[i-1] != '\\' {
			c.add(t.Pos(), "split the step into parts: partition: {files: ...} goes through folders",
				"the folder of %s is a pattern, and only the last element can be one", core.Quote(t.Value))
			return
		}
		dir = dir[i+1:]
	}
}
