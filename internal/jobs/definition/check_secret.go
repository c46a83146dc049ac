package definition

import (
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// secretPaths refuses secrets in the names of files: those are listed, logged and
// kept in the repository.
func (c *checker) secretPaths(elements []Element) {
	for i := range elements {
		e := &elements[i]
		for _, t := range e.pathTexts() {
			c.secretPath(t, t.Parts, e, 0)
		}
		c.secretPaths(e.Steps)
		c.secretPaths(e.Flows)
	}
}

// pathTexts lists the texts of an element that name files and folders.
func (e *Element) pathTexts() []Text {
	all := slices.Concat((&Body{Exec: e.Exec, SQL: e.SQL}).pathTexts(), e.Listeners.pathTexts())
	if e.Partition != nil {
		all = append(append(all, e.Partition.Files), e.Partition.Reduce.pathTexts()...)
	}
	if k := e.Chunk; k != nil {
		for _, f := range slices.Concat(k.readFiles(), k.written()) {
			all = append(all, f.text)
		}
		for _, o := range k.Reader.Options {
			if o.Key.Value == "files" {
				all = append(all, o.Value)
			}
		}
		for _, op := range k.Processor {
			if op.Exec != nil {
				all = append(all, op.Exec.Dir)
			}
		}
	}
	return all
}

func (h Hooks) pathTexts() (all []Text) {
	for _, x := range []*Exec{h.BeforeJob, h.AfterJob, h.BeforeStep, h.AfterStep, h.OnSkip, h.OnRetry} {
		all = append(all, (&Body{Exec: x}).pathTexts()...)
	}
	return all
}

func (b *Body) pathTexts() (all []Text) {
	if b == nil {
		return nil
	}
	if b.Exec != nil {
		all = append(all, b.Exec.Dir, b.Exec.Stdin)
	}
	if b.SQL != nil {
		all = append(all, b.SQL.File)
	}
	return all
}

// secretPath reports a secret in parts, which are those of t or of a property
// that t names.
func (c *checker) secretPath(t Text, parts []Part, e *Element, depth int) {
	const deepest = 16 // properties that name each other are reported elsewhere
	if depth > deepest {
		return
	}
	walkRefs(parts, func(r *Reference) {
		switch r.Scope {
		case ScopeJobParameters:
			if i := slices.Index(c.parameterNames(), r.Key); i >= 0 && c.job.Parameters[i].Type.Value == "secret" {
				c.add(t.Pos(), "name the file by another parameter, and hand the secret to a command in env",
					"the secret %s cannot be part of a path: paths are shown and logged", core.Quote(r.Key))
			}
		case ScopeProperties, ScopeJobProperties:
			for _, p := range c.properties(r.Scope, e) {
				if p.Key.Value == r.Key {
					c.secretPath(t, p.Value.Parts, e, depth+1)
					return
				}
			}
		}
	})
}

// properties are those that a scope means, the nearest first.
func (c *checker) properties(scope string, e *Element) []Pair {
	if scope == ScopeProperties {
		return slices.Concat(e.Properties, c.job.Properties)
	}
	return c.job.Properties
}
