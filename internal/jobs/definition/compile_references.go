package definition

import (
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// properties checks the references in the values of properties: to what stands
// above them, so that none goes round in a circle.
func (c *compiler) properties(pairs []Pair, at place) {
	before := c.at
	defer func() { c.at = before }()
	c.at = at
	for i, p := range pairs {
		if p.Value.Parts == nil {
			continue
		}
		c.late(p.Value)
		walkRefs(p.Value.Parts, func(r *Reference) {
			own := r.Scope == ScopeProperties || r.Scope == ScopeJobProperties && at.step == nil
			if own && slices.ContainsFunc(pairs[i:], func(q Pair) bool { return q.Key.Value == r.Key }) {
				c.report(r.Pos, "define it above", "the property %s is defined below its use, or by itself", core.Quote(r.Key))
			}
		})
	}
}

// absent says that key is none of known.
func absent(problem, key string, known []string) (string, string) {
	switch {
	case slices.Contains(known, key):
		return "", ""
	case core.Nearest(key, known) != "":
		return problem, "did you mean " + core.Nearest(key, known) + "?"
	case len(known) > 0:
		return problem, "there are " + strings.Join(known, ", ")
	}
	return problem, ""
}

func keys(pairs []Pair) []string {
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p.Key.Value
	}
	return names
}
