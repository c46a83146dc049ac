package definition

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// level is a block that is being read: what lies in it is a level deeper.
type level struct {
	block *block
	node  *yaml.Node
	// strays are keys that stand beside it, and belong into it: nobody misses them.
	strays []string
	in     string // the key of the block whose value is read now
}

// straysIn returns the keys of a map that its block does not have, but one of
// the blocks in it has, by the key under which that one stands.
func (w *walker) straysIn(n *yaml.Node, b *block) map[string][]string {
	var strays map[string][]string
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if b.index[name] != nil {
			continue
		}
		present, _ := w.into(n, b, name)
		for _, into := range present {
			if strays == nil {
				strays = map[string][]string{}
			}
			strays[into] = append(strays[into], name)
		}
	}
	return strays
}

// into returns the keys of a block under which a name is a key: those that are
// there, or where none is, those that could be.
func (w *walker) into(n *yaml.Node, b *block, name string) (present, absent []string) {
	for i := range b.keys {
		k := &b.keys[i]
		switch {
		case k.shape != one || !w.has(k.of, name):
		case nodeOf(n, k.name) != nil:
			present = append(present, k.name)
		default:
			absent = append(absent, k.name)
		}
	}
	return present, absent
}

// has reports whether a block, or one of a choice, has a key.
func (w *walker) has(of, name string) bool {
	if b := w.g.blocks[of]; b != nil {
		return b.index[name] != nil
	}
	c := w.g.choices[of]
	return c != nil && slices.ContainsFunc(c.blocks, func(inner string) bool { return w.g.blocks[inner].keys[0].name == name })
}

// nodeOf returns what a key of a map has; nil when it is not there.
func nodeOf(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Kind == yaml.ScalarNode && n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// misplaced says what is probably wrong about a key that the innermost block does
// not have: another word, another level, or another spelling.
func (w *walker) misplaced(name string, b *block) (meant, hint string) {
	if meant, hint = unspaced(name, func(key string) bool { return b.index[key] != nil }); hint != "" {
		return meant, hint
	}
	if clean := withoutSpaces(name); clean != name && b.index[clean] != nil {
		return clean, "there is a space in it that is not seen, as a no-break space: write " + clean + " anew"
	}
	for i := range b.keys {
		if slices.Contains(b.keys[i].known, name) {
			return b.suggest(name)
		}
	}
	own := w.levels[len(w.levels)-1]
	present, absent := w.into(own.node, own.block, name)
	if len(present) > 0 {
		return "", "it belongs into " + listed(present, "or") + ": indent it below that key"
	}
	if hint = w.further(name); hint != "" {
		return "", hint
	}
	if len(b.keys) == 0 {
		return "", "it has no keys"
	}
	if meant, hint = b.suggest(name); meant == "" && len(absent) > 0 {
		hint = "it belongs into " + listed(absent, "or")
	}
	return meant, hint
}

// further says which block around the innermost has a key, and where it belongs;
// "" where none has.
func (w *walker) further(name string) string {
	for i := len(w.levels) - 2; i >= 0; i-- {
		outer := w.levels[i]
		k := outer.block.index[name]
		if k == nil || nodeOf(outer.node, name) != nil {
			continue
		}
		for j := 0; j+1 < len(outer.node.Content); j += 2 {
			if key := outer.node.Content[j]; key.Value == outer.in {
				return "it belongs to " + outer.block.called() + ": write it beside " + outer.in + " in line " + strconv.Itoa(key.Line) + ", not below it"
			}
		}
	}
	return ""
}

// unspaced says what to write for a key that has its value in it, since behind
// the colon a space is missing; meant is the key.
func unspaced(name string, has func(string) bool) (meant, hint string) {
	key, value, ok := strings.Cut(name, ":")
	if !ok || value == "" || !has(key) {
		return "", ""
	}
	return key, "put a space behind the colon: " + key + ": " + value
}

// chosen says how to write a map that names what it chooses in a way of its own:
// {type: csv, file: in.csv} instead of csv: {file: in.csv}.
func (w *walker) chosen(n *yaml.Node, c *choice, heads []string) string {
	if n.Kind == yaml.ScalarNode {
		if at := slices.Index(heads, n.Value); at >= 0 {
			return "write " + w.sample(c, at) + " instead of the name alone"
		}
		return ""
	}
	var given []string
	named := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if _, hint := unspaced(k.Value, func(key string) bool { return slices.Contains(heads, key) }); hint != "" {
			return hint
		}
		if at := slices.Index(heads, v.Value); at >= 0 && v.Kind == yaml.ScalarNode && !w.someHas(c, k.Value) {
			named = at
			continue
		}
		given = append(given, k.Value)
	}
	if named >= 0 {
		return "write " + w.sample(c, named, given...)
	}
	var fit []string
	for at := range heads {
		inner := w.inner(c, at)
		if inner != nil && len(given) > 0 && !slices.ContainsFunc(given, func(name string) bool { return inner.index[name] == nil }) {
			fit = append(fit, w.sample(c, at, given...))
		}
	}
	if len(fit) > 0 {
		return "write " + listed(fit, "or")
	}
	return ""
}

// inner returns the block below the head of a choice; nil when there is none.
func (w *walker) inner(c *choice, at int) *block {
	if k := w.g.blocks[c.blocks[at]].keys[0]; k.shape == one {
		return w.g.blocks[k.of]
	}
	return nil
}

// someHas reports whether what a choice has below its heads knows a key.
func (w *walker) someHas(c *choice, name string) bool {
	for at := range c.blocks {
		if inner := w.inner(c, at); inner != nil && inner.index[name] != nil {
			return true
		}
	}
	return false
}

// sample shows how one of a choice is written, with those of the given keys that
// it has, or with the first that it needs.
func (w *walker) sample(c *choice, at int, given ...string) string {
	head, inner := w.g.blocks[c.blocks[at]].keys[0].name, w.inner(c, at)
	if inner == nil {
		return head + ": ..."
	}
	var names []string
	for _, name := range given {
		if inner.index[name] != nil {
			names = append(names, name+": ...")
		}
	}
	for _, needed := range []bool{true, false} {
		for i := range inner.keys {
			if k := &inner.keys[i]; len(names) == 0 && k.required == needed && k.preset == "" {
				names = append(names, k.name+": ...")
			}
		}
	}
	return head + ": {" + strings.Join(names, ", ") + "}"
}
