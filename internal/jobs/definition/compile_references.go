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

// known is a hint with the name that was probably meant, or with all there are.
func known(name string, names []string) string {
	if near := didYouMean(name, names); near != "" || len(names) == 0 {
		return near
	}
	return "there are " + strings.Join(names, ", ")
}

func keys(pairs []Pair) []string {
	names := make([]string, len(pairs))
	for i, p := range pairs {
		names[i] = p.Key.Value
	}
	return names
}
