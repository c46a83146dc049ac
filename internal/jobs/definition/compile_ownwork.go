package definition

import (
	"slices"
)

// ownWork refuses parts that would all do the same: nothing of what a part reads,
// or of what its statements are given, is its own. A command is told its part by
// the environment.
func (c *compiler) ownWork(e *Element) {
	p := e.Partition
	if c.stepSpoiled(e) || p.Count.Value == "1" || len(p.Values) == 1 {
		return
	}
	hint := "use a value of the part"
	if names := partitionKeys(p); names != nil {
		hint += ", such as #{partition['" + names[0] + "']}"
	}
	switch {
	case e.Chunk != nil && !e.Chunk.ofPart():
		c.report(e.Chunk.Reader.Name.Pos(), hint+", in an option of the reader, or in a filter",
			"all parts of the step would read the same records, and write each of them as often as there are parts")
	case e.SQL != nil && !ofPart(pairTexts(e.SQL.Params)...) && !ofPart(e.SQL.File):
		c.report(e.SQL.Pos, hint+" in params", "all parts of the step would run the same statements")
	}
}

// ofPart reports whether what a chunk reads depends on the part.
func (k *Chunk) ofPart() bool {
	if k.Reader.ofPart() {
		return true
	}
	for _, op := range k.Processor { // each part may leave to the others what is theirs
		if op.Exec != nil || op.Lookup != nil && op.Lookup.Table.ofPart() || partInExpression(op.Filter.Value) || slices.ContainsFunc(op.Set, func(p Pair) bool { return partInExpression(p.Value.Value) }) {
			return true
		}
	}
	return false
}

func (k Component) ofPart() bool {
	return slices.ContainsFunc(k.Options, func(o Entry) bool {
		return ofPart(o.Value) || ofPart(o.List...) || ofPart(pairTexts(o.Pairs)...)
	})
}

// ofPart reports whether a text refers to the part. A property cannot.
func ofPart(ts ...Text) (found bool) {
	for _, t := range ts {
		walkRefs(t.Parts, func(r *Reference) { found = found || r.Scope == ScopePartition || r.Scope == ScopeStepContext })
	}
	return found
}

func partInExpression(text string) bool { return partPattern().MatchString(text) }

var partPattern = lateRegexp(`\b(` + ScopePartition + `|` + ScopeStepContext + `)\s*[\[.]`)

func pairTexts(pairs []Pair) []Text {
	all := make([]Text, len(pairs))
	for i, p := range pairs {
		all[i] = p.Value
	}
	return all
}
