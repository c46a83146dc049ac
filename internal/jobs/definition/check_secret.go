package definition

import (
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// A secret goes into the environment of a command, and by its reference to a
// parameter of another job that is a secret itself. Whatever else takes a value may
// be stored, shown or logged, and gets none.

// secret refuses a secret in a text. e is where the text stands, nil outside of
// steps.
func (c *checker) secret(t Text, e *Element) {
	name, property := c.job.secretIn(t.Parts, e)
	if name == "" {
		return
	}
	hint := `only the env of a command may have it: env: {KEY: "#{jobParameters['` + name + `']}"}`
	if property != "" {
		c.add(t.Pos(), hint, "the property %s has the secret %s in it, which would be stored or shown here", core.Quote(property), core.Quote(name))
		return
	}
	c.add(t.Pos(), hint, "the secret %s would be stored or shown here", core.Quote(name))
}

// secretIn returns the first secret that parts would put in, and the property by
// which they would, "" for none. Parts stand in e, or outside of steps when e is
// nil.
func (j *Job) secretIn(parts []Part, e *Element) (name, property string) {
	return j.secretBelow(parts, e, map[Pos]bool{})
}

// secretBelow is secretIn; seen are the properties that were looked at, which may
// name each other in a circle.
func (j *Job) secretBelow(parts []Part, e *Element, seen map[Pos]bool) (name, property string) {
	walkRefs(parts, func(r *Reference) {
		switch {
		case name != "":
		case r.Scope == ScopeJobParameters && j.isSecret(r.Key):
			name = r.Key
		case r.Scope == ScopeProperties || r.Scope == ScopeJobProperties:
			all := j.propertiesOf(r.Scope, e)
			i := slices.IndexFunc(all, func(p Pair) bool { return p.Key.Value == r.Key })
			if i < 0 || seen[all[i].Key.Pos()] {
				return
			}
			seen[all[i].Key.Pos()] = true
			if name, _ = j.secretBelow(all[i].Value.Parts, e, seen); name != "" {
				property = r.Key
			}
		}
	})
	return name, property
}

// isSecret reports whether a parameter is declared to be a secret.
func (j *Job) isSecret(name string) bool {
	return slices.ContainsFunc(j.Parameters, func(p Parameter) bool { return p.Name.Value == name && p.Type.Value == string(core.TypeSecret) })
}

// propertiesOf are those that a scope means, the nearest first.
func (j *Job) propertiesOf(scope string, e *Element) []Pair {
	if scope == ScopeProperties && e != nil {
		return slices.Concat(e.Properties, j.Properties)
	}
	return j.Properties
}

// secrets are the names of the secret parameters.
func (j *Job) secrets() []string {
	var names []string
	for _, p := range j.Parameters {
		if j.isSecret(p.Name.Value) {
			names = append(names, p.Name.Value)
		}
	}
	return names
}

// secretProperties are the properties of the job that have a secret in them.
func (j *Job) secretProperties() []string {
	var names []string
	for _, p := range j.Properties {
		if name, _ := j.secretIn(p.Value.Parts, nil); name != "" {
			names = append(names, p.Key.Value)
		}
	}
	return names
}
