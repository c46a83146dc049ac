package definition

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/core"
)

// value is what a key has, checked against the grammar.
type value struct {
	key   Text
	text  Text    // of a scalar, also as an entry of a list or map
	items []value // of lists and maps
	obj   *object // of a block
	or    bool    // it has the other form of the key
}

// object is a block as it is given. Keys that are wrong are missing in it.
type object struct {
	Pos
	block  *block
	values []given
	spans  []Span
}

// given is a key that a block has.
type given struct {
	*key
	value
}

// find returns what a key has; there are few, and a search is cheaper than a map.
func (o *object) find(name string) (value, bool) {
	for i := range o.values {
		if o.values[i].name == name {
			return o.values[i].value, true
		}
	}
	return value{}, false
}

// walker reads nodes by the grammar.
type walker struct {
	*source
	g   *grammar
	end Pos // where what is read now has ended; the zero Pos: with the file
	// levels are the blocks that are being read, from the outermost on.
	levels []level
}

// block reads a node as a block; nil when it is none.
func (w *walker) block(n *yaml.Node, b *block) *object {
	if !w.mapping(n, article(b.called())+" is", b) {
		return nil
	}
	o := &object{Pos: Pos{n.Line, n.Column}, block: b, values: make([]given, 0, len(n.Content)/2), spans: spansOf(n, w.end)}
	defer func(end Pos) { w.end = end }(w.end)
	present := make([]string, 0, len(n.Content)/2)
	if up := len(w.levels) - 1; up >= 0 {
		present = append(present, w.levels[up].strays...)
	}
	strays := w.straysIn(n, b)
	w.levels = append(w.levels, level{block: b, node: n})
	own := len(w.levels) - 1
	defer func() { w.levels = w.levels[:own] }()
	w.entries(n, func(name Text, v *yaml.Node) {
		w.levels[own].in, w.levels[own].strays = name.Value, strays[name.Value]
		k := b.index[name.Value]
		if k == nil {
			present = append(present, w.unknown(name, b)) // nobody misses what is only misspelt
			return
		}
		present = append(present, name.Value)
		w.end = endOf(o.spans, name.Pos())
		if got, ok := w.value(v, k, name); ok {
			o.values = append(o.values, given{k, got})
		}
	})
	w.complete(o, present)
	return o
}

// mapping reports whether n is a map with keys; if not that is a problem.
func (w *walker) mapping(n *yaml.Node, what string, b *block) bool {
	if n.Kind == yaml.MappingNode {
		return true
	}
	if n.Kind == yaml.AliasNode || w.null(n, "") {
		return false
	}
	hint := ""
	if b != nil && len(b.keys) > 0 {
		hint = "it begins with " + b.keys[0].name + ":"
		if len(b.keys) > 1 {
			hint = "it has keys: " + listed(b.names(), "and")
		}
	}
	w.add(Pos{n.Line, n.Column}, hint, "%s a map, found %s", what, found(n))
	return false
}

// null reports a value that is missing.
func (w *walker) null(n *yaml.Node, hint string) bool {
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Tag != "!!null" {
		return false
	}
	at := Pos{n.Line, n.Column}
	switch {
	case w.swallowed[n.Line]:
	case n.Value == "":
		w.add(at, hint, "there is no value")
	default:
		w.add(at, `put it into quotes if the text is meant; leave the key out if nothing is`, "%s is no value", n.Value)
	}
	return true
}

// article puts an article before a name.
func article(name string) string {
	if strings.ContainsRune("aeio", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// found says what a node is.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	case yaml.ScalarNode, yaml.DocumentNode, yaml.StreamNode:
	}
	return "the text " + core.Quote(n.Value)
}

// entries calls f for each entry of a map, and reports keys that are no text or
// are there twice.
func (w *walker) entries(n *yaml.Node, f func(name Text, v *yaml.Node)) {
	seen := keysOf(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := Pos{k.Line, k.Column}
		switch {
		case k.Kind == yaml.AliasNode:
			continue // reported as an alias
		case k.Kind != yaml.ScalarNode:
			w.add(at, "", "a key is a text, found %s", found(k))
			continue
		case k.Tag == "!!merge" && k.Style == 0:
			w.add(at, "write the keys out", "the merge key << is refused: a definition says what it means in place")
			continue
		}
		if first := seen(i); first > 0 {
			w.add(at, "take one of them away", "the key %s is there twice, first in line %d", core.Quote(k.Value), first)
			continue
		}
		f(text(k), v)
	}
}

// keysOf returns a function that says in which line the i-th key of a map was
// there before; 0 if it was not.
func keysOf(n *yaml.Node) func(i int) int {
	const few = 40
	if len(n.Content) <= few {
		return func(i int) int {
			for j := 0; j < i; j += 2 {
				if n.Content[j].Kind == yaml.ScalarNode && n.Content[j].Value == n.Content[i].Value {
					return n.Content[j].Line
				}
			}
			return 0
		}
	}
	lines := make(map[string]int, len(n.Content)/2)
	return func(i int) int {
		first := lines[n.Content[i].Value]
		if first == 0 {
			lines[n.Content[i].Value] = n.Content[i].Line
		}
		return first
	}
}

func text(n *yaml.Node) Text {
	return Text{Value: n.Value, Line: n.Line, Column: n.Column, Quoted: n.Style&^(yaml.FlowStyle|yaml.TaggedStyle) != 0}
}

// unknown reports a key that the block does not have, and returns the one that
// was probably meant.
func (w *walker) unknown(name Text, b *block) (meant string) {
	if strings.Contains(name.Value, "#{") {
		w.add(name.Pos(), "", "a substitution cannot be a key")
		return ""
	}
	meant, hint := w.misplaced(name.Value, b)
	if instead := elsewhere(b, name.Value); instead != "" {
		meant, hint = "", instead
	}
	if spec, isWriter := strings.CutSuffix(b.name, " "+choiceWriter); isWriter && slices.Contains([]string{"header-template", "footer-template", "when"}, name.Value) {
		hint = "write it beside " + spec + ", not below it"
	}
	w.add(name.Pos(), hint, "%s has no key %s", b.called(), core.Quote(name.Value))
	return meant
}

// complete reports keys that are missing, and those that exclude each other.
func (w *walker) complete(o *object, present []string) {
	for i := range o.block.keys {
		if k := &o.block.keys[i]; k.required && !slices.Contains(present, k.name) {
			w.add(o.Pos, k.advice(), "%s needs the key %s", o.block.called(), k.name)
		}
	}
	for _, group := range o.block.exactly {
		var given []string
		for _, name := range group {
			if slices.Contains(present, name) {
				given = append(given, name)
			}
		}
		switch {
		case len(given) == 0:
			w.add(o.Pos, "", "%s needs one of the keys %s", o.block.called(), listed(group, "and"))
		case len(given) > 1:
			at := o.Pos
			if v, ok := o.find(given[1]); ok {
				at = v.key.Pos()
			}
			w.add(at, "", "%s exclude each other: %s needs exactly one of %s", listed(given, "and"), o.block.called(), listed(group, "and"))
		}
	}
}

// value reads the node of a key.
func (w *walker) value(n *yaml.Node, k *key, name Text) (v value, ok bool) {
	v.key = name
	if form := mapForm(k.name, n); form != "" && k.shape == one && !w.has(k.of, n.Value) && n.Tag != "!!null" && (k.or == nil || !slices.Contains(k.or.values, n.Value)) {
		w.add(Pos{n.Line, n.Column}, form, "%s takes a map, found %s", k.name, found(n))
		return v, false
	}
	if w.null(n, w.example(k)) || n.Kind == yaml.AliasNode {
		return v, false
	}
	form := k
	if k.or != nil && w.fits(n, k.or) && !w.fits(n, k) {
		form, v.or = k.or, true
		if form.kind == kindEnum && !slices.Contains(form.values, n.Value) {
			w.add(Pos{n.Line, n.Column}, or(didYouMean(n.Value, form.values), w.example(k)), "%s takes a map or %s, found %s",
				k.name, listed(form.values, "or"), found(n))
			return v, false
		}
	}
	switch form.shape {
	case scalar:
		v.text, ok = w.scalar(n, form, k.name)
		ok = ok || form.kind == kindID && v.text.Given() // who leads to it is right
	case list:
		v.items, ok = w.list(n, form, k.name)
	case texts:
		v.items, ok = w.texts(n, form, k.name)
	case one:
		v.obj = w.one(n, form)
		ok = v.obj != nil
	case many:
		v.items, ok = w.many(n, form, k.name)
	case named:
		v.items, ok = w.named(n, form, k.name)
	}
	return v, ok
}

// fits reports whether n has the kind of node that k takes.
func (w *walker) fits(n *yaml.Node, k *key) bool {
	switch k.shape {
	case scalar:
		return n.Kind == yaml.ScalarNode
	case list, many:
		return n.Kind == yaml.SequenceNode
	case texts, one, named:
	}
	return n.Kind == yaml.MappingNode
}

// advice is what the reference says about a key.
func (k *key) advice() string {
	if k.help == "" {
		return ""
	}
	return k.name + ": " + k.help
}

// example says how the value of a key looks.
func (w *walker) example(k *key) string {
	switch k.shape {
	case scalar:
		return ""
	case list:
		return "write " + k.name + ": [first, second]"
	case many:
		if k.of == "element" {
			return `write "- step: NAME" entries below it`
		}
		return `write "- " entries below it`
	case texts, one, named:
	}
	if b := w.g.blocks[k.of]; b != nil && len(b.keys) == 0 {
		return "write " + k.name + ": {}"
	}
	return `write "key: value" lines below it`
}
