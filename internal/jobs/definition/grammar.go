package definition

import (
	"maps"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// kind is what a scalar is.
type kind int8

const (
	kindText   kind = iota
	kindExpr        // an expression
	kindScript      // text for a shell
	kindPath
	kindBool
	kindInt
	kindNumber
	kindLimit // a whole number, or none
	kindDuration
	kindEnum
	kindJobName
	kindID    // of an element
	kindRef   // to an element
	kindParam // the name of a job parameter
	kindName  // a plain name
	kindBind  // the name of a bound value
	kindStatus
	kindColumn
	kindRegexp
	kindGlob
	kindClass
	kindEnvName
	kindExitCode // 0 to 255, or *
	kindTotal    // count or sum(...)
	kindColumnType
	kindOption // as a component's option says
)

// shape is how values stand together.
type shape int8

const (
	scalar shape = iota // one
	list                // a list of scalars
	texts               // a map of names to scalars
	one                 // a block
	many                // a list of blocks
	named               // a map of names to blocks
)

// key is a key of a block.
type key struct {
	name     string
	shape    shape
	kind     kind             // of scalars
	keys     kind             // of the names in a map
	of       string           // the block or choice of one, many and named
	values   []string         // of kindEnum
	min, max float64          // of kindInt and kindNumber
	option   component.Option // of kindOption
	late     bool             // may hold substitutions
	required bool
	empty    bool // may be an empty text, list or map
	preset   string
	help     string
	// or is another form that the value may have.
	or *key
	// known are names for the same thing elsewhere; who writes one is told ours.
	known []string
}

// block is a map with known keys.
type block struct {
	name    string
	title   string // for people; name when empty
	help    string
	keys    []key
	exactly [][]string // of each of these groups one key is given
	// variables are what a command finds in its environment.
	variables []execstep.VariableHelp
	example   string

	index map[string]*key
}

// choice is a map that is one of several blocks: the one whose first key it has.
type choice struct {
	name, help string
	blocks     []string
}

// grammar is everything that a definition can say.
type grammar struct {
	blocks  map[string]*block
	choices map[string]*choice
	order   []string // of both, as the reference lists them
}

// Catalog lists the readers and writers that a definition can name.
type Catalog struct {
	Sources []component.Source
	Targets []component.Target
}

// readers and writers are their specs.
func (c Catalog) readers() []component.Spec {
	specs := make([]component.Spec, len(c.Sources))
	for i, s := range c.Sources {
		specs[i] = s.Spec
	}
	return specs
}

func (c Catalog) writers() []component.Spec {
	specs := make([]component.Spec, len(c.Targets))
	for i, t := range c.Targets {
		specs[i] = t.Spec
	}
	return specs
}

// Names of blocks and choices that the program asks for.
const (
	blockFile    = "job file"
	choiceReader = "reader"
	choiceWriter = "writer"
	choiceRoute  = "route"
)

// newGrammar puts the tables and the components together.
func newGrammar(c Catalog) *grammar {
	g := &grammar{blocks: map[string]*block{}, choices: map[string]*choice{}}
	for _, part := range []func(*grammar){fileBlocks, stepBlocks, bodyBlocks, partBlocks, chunkBlocks, opBlocks} {
		part(g)
	}
	g.components(choiceReader, "what a chunk reads", c.readers(), nil)
	g.components(choiceWriter, "what a chunk writes", c.writers(), templates())
	g.components(choiceRoute, "a writer of a route", c.writers(), append([]key{
		{name: "when", kind: kindExpr, help: "Records for which this is true go here. Only the last entry may do without."},
	}, templates()...))
	for _, b := range g.blocks {
		b.index = make(map[string]*key, len(b.keys))
		for i := range b.keys {
			b.index[b.keys[i].name] = &b.keys[i]
		}
	}
	return g
}

func templates() []key {
	return []key{
		{name: "header-template", late: true, help: "A line before the records. A restart writes the same again."},
		{name: "footer-template", late: true, help: "A line after the records, with #{total['count']} and #{total['sum(COLUMN)']} of what was written."},
	}
}

// components makes a choice of one block for each spec, and a block for its
// options.
func (g *grammar) components(name, help string, specs []component.Spec, more []key) {
	ch := choice{name: name, help: help}
	for _, spec := range specs {
		what := name
		if what == choiceRoute {
			what = choiceWriter
		}
		inner := spec.Name + " " + what
		if g.blocks[inner] == nil {
			b := block{name: inner, help: spec.Help, example: spec.Example}
			for _, o := range spec.Options {
				b.keys = append(b.keys, optionKey(o))
			}
			g.block(b)
		}
		outer := block{name: spec.Name + " of a " + name, title: name, keys: []key{
			{name: spec.Name, shape: one, of: inner, empty: true, required: true, help: spec.Help},
		}}
		outer.keys = append(outer.keys, more...)
		g.blocks[outer.name] = &outer
		ch.blocks = append(ch.blocks, outer.name)
	}
	g.choice(ch)
}

// optionKey makes a key of a component's option.
func optionKey(o component.Option) key {
	k := key{
		name: o.Name, kind: kindOption, option: o, late: o.Late, required: o.Required, preset: o.Default, help: o.Help,
		known: otherNames(o.Name), values: o.Values, min: float64(o.Min), max: float64(o.Max),
	}
	switch o.Type {
	case component.Text, component.Char:
		k.empty = true
	case component.Names, component.Texts:
		k.shape = list
		k.kind = kindText
	case component.TextMap, component.Columns:
		k.shape = texts
		k.kind, k.keys = kindText, kindColumn
		switch {
		case len(o.Values) > 0:
			k.kind = kindEnum
		case o.Type == component.Columns:
			k.kind = kindColumnType
		}
	case component.Path, component.Bool, component.Int, component.Duration, component.Enum:
	}
	return k
}

func (g *grammar) block(b block) {
	g.blocks[b.name] = &b
	g.order = append(g.order, b.name)
}

func (g *grammar) choice(c choice) {
	g.choices[c.name] = &c
	g.order = append(g.order, c.name)
}

// called returns how people call a block.
func (b *block) called() string {
	if b.title != "" {
		return b.title
	}
	return b.name
}

// names returns the keys of a block in their order.
func (b *block) names() []string {
	names := make([]string, len(b.keys))
	for i := range b.keys {
		names[i] = b.keys[i].name
	}
	return names
}

// suggest returns the key that was probably meant by one that the block does not
// have, "" when that cannot be told, and what to say about it.
func (b *block) suggest(name string) (meant, hint string) {
	for i := range b.keys { // by the whole name first: path is file, whatever looks more like it
		if slices.Contains(b.keys[i].known, name) {
			return b.keys[i].name, "that is called " + b.keys[i].name + " here"
		}
	}
	if near := core.Nearest(name, b.names()); near != "" {
		return near, "did you mean " + near + "?"
	}
	known := map[string]string{}
	for i := range b.keys {
		for _, other := range b.keys[i].known {
			known[other] = b.keys[i].name
		}
	}
	other := name
	if known[name] == "" {
		other = core.Nearest(name, slices.Sorted(maps.Keys(known)))
	}
	if meant = known[other]; meant != "" {
		return meant, "that is called " + meant + " here"
	}
	return "", "there are " + listed(b.names(), "and")
}
