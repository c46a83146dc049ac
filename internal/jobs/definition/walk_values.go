package definition

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func (w *walker) scalar(n *yaml.Node, k *key, name string) (Text, bool) {
	if n.Kind != yaml.ScalarNode {
		w.add(Pos{n.Line, n.Column}, k.advice(), "%s takes one value, found %s", name, found(n))
		return Text{}, false
	}
	t := text(n)
	return t, w.check(&t, k, k.kind, name)
}

func (w *walker) list(n *yaml.Node, k *key, name string) (items []value, ok bool) {
	if n.Kind != yaml.SequenceNode {
		w.add(Pos{n.Line, n.Column}, w.example(k), "%s takes a list, found %s", name, found(n))
		return nil, false
	}
	if len(n.Content) == 0 && !k.empty {
		w.add(Pos{n.Line, n.Column}, k.advice(), "the list of %s is empty", name)
		return nil, false
	}
	items = make([]value, 0, len(n.Content))
	entry := *k
	entry.empty = true
	for _, c := range n.Content {
		if c.Kind == yaml.AliasNode || w.null(c, "") {
			continue
		}
		if t, good := w.scalar(c, &entry, "an entry of "+name); good {
			items = append(items, value{text: t})
		}
	}
	return items, true
}

func (w *walker) texts(n *yaml.Node, k *key, name string) (items []value, ok bool) {
	if n.Kind != yaml.MappingNode {
		w.add(Pos{n.Line, n.Column}, k.advice(), "%s takes a map, found %s", name, found(n))
		return nil, false
	}
	if len(n.Content) == 0 && !k.empty {
		w.add(Pos{n.Line, n.Column}, k.advice(), "the map %s is empty", name)
		return nil, false
	}
	items = make([]value, 0, len(n.Content)/2)
	asKey, entry := *k, *k
	asKey.late, asKey.empty, entry.empty = false, false, k.kind == kindText
	w.entries(w.whole(n, k), func(key Text, v *yaml.Node) {
		good := w.check(&key, &asKey, k.keys, "a name in "+name)
		if v.Kind == yaml.AliasNode || w.null(v, "") {
			return
		}
		t, fine := w.scalar(v, &entry, core.EscapeControl(key.Value)+" in "+name)
		if !fine && k.kind == kindColumnType && t.Given() { // the column is there, whatever it is
			t.Value, fine = record.String.String(), true
		}
		if good && fine {
			items = append(items, value{key: key, text: t})
		}
	})
	return items, true
}

// one reads a block or a choice.
func (w *walker) one(n *yaml.Node, k *key) *object {
	if c := w.g.choices[k.of]; c != nil {
		return w.choice(n, c, k.shape == many)
	}
	return w.block(n, w.g.blocks[k.of])
}

// choice reads a block that is one of several; entry says that it is one of a list.
func (w *walker) choice(n *yaml.Node, c *choice, entry bool) *object {
	heads := make([]string, len(c.blocks))
	for i, name := range c.blocks {
		heads[i] = w.g.blocks[name].keys[0].name
	}
	if n.Kind == yaml.ScalarNode && slices.Contains(heads, n.Value) {
		w.add(Pos{n.Line, n.Column}, w.chosen(n, c, heads), "%s is a map, found %s", article(c.name), found(n))
		return nil
	}
	if !w.mapping(n, article(c.name)+" is", nil) {
		return nil
	}
	chosen, second := -1, Text{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := slices.Index(heads, n.Content[i].Value)
		switch {
		case at < 0:
		case chosen < 0:
			chosen = at
		case chosen != at && w.g.blocks[c.blocks[chosen]].index[heads[at]] == nil && second.Value == "":
			if w.g.blocks[c.blocks[at]].index[heads[chosen]] != nil {
				chosen = at
				continue
			}
			second = text(n.Content[i])
		}
	}
	if chosen >= 0 {
		b := w.g.blocks[c.blocks[chosen]]
		if second.Value != "" {
			hint := ""
			if entry {
				hint = `begin the second with "- "`
			}
			w.add(second.Pos(), hint, "%s and %s exclude each other: %s is one of %s", heads[chosen], second.Value, article(c.name), listed(heads, "and"))
			return nil
		}
		return w.block(n, b)
	}
	hint := w.chosen(n, c, heads)
	for i := 0; i+1 < len(n.Content) && hint == ""; i += 2 {
		hint = didYouMean(n.Content[i].Value, heads)
	}
	if c.name == "element" && hint == "" {
		hint = "begin with `- step: NAME`; below it stand exec, sql, chunk or job"
	}
	one := "one of the keys "
	if len(heads) == 1 {
		one = "the key "
	}
	w.add(Pos{n.Line, n.Column}, hint, "%s has %s%s", article(c.name), one, listed(heads, "and"))
	return nil
}

func (w *walker) many(n *yaml.Node, k *key, name string) (items []value, ok bool) {
	if n.Kind != yaml.SequenceNode {
		w.add(Pos{n.Line, n.Column}, w.example(k), "%s takes a list, found %s", name, found(n))
		return nil, false
	}
	if len(n.Content) == 0 && !k.empty {
		w.add(Pos{n.Line, n.Column}, k.advice(), "the list of %s is empty", name)
		return nil, false
	}
	defer func(end Pos) { w.end = end }(w.end)
	last := w.end
	for i, c := range n.Content {
		w.end = last
		if i+1 < len(n.Content) {
			w.end = Pos{n.Content[i+1].Line, n.Content[i+1].Column}
		}
		if obj := w.one(c, k); obj != nil {
			items = append(items, value{obj: obj})
		}
	}
	return items, true
}

func (w *walker) named(n *yaml.Node, k *key, name string) (items []value, ok bool) {
	if n.Kind != yaml.MappingNode {
		w.add(Pos{n.Line, n.Column}, k.advice(), "%s takes a map, found %s", name, found(n))
		return nil, false
	}
	w.entries(n, func(key Text, v *yaml.Node) {
		entry := *k
		w.check(&key, &entry, k.keys, "a name in "+name)
		// A name alone is a block in which nothing is said.
		obj := &object{Pos: key.Pos(), block: w.g.blocks[k.of]}
		if v.Kind != yaml.ScalarNode || v.Tag != "!!null" || v.Value != "" || v.Style != 0 {
			if obj = w.block(v, w.g.blocks[k.of]); obj == nil {
				return
			}
		} else if !w.swallowed[v.Line] {
			w.complete(obj, nil)
		}
		items = append(items, value{key: key, obj: obj})
	})
	return items, true
}
