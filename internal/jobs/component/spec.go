package component

// Type is what an option takes.
type Type int8

// The types. A text may hold substitutions where the option says so.
const (
	Text     Type = iota // one scalar, as it is written
	Path                 // a path, relative to the folder of the definition
	Bool                 // true or false
	Int                  // a whole number within Min and Max
	Duration             // as 100ms, 10s, 5m, 2h
	Char                 // one character
	Enum                 // one of Values
	Names                // a list of column names
	Texts                // a list of texts
	TextMap              // a map of names to texts
	Columns              // a map of column names to kinds of values
)

// String returns the type as the reference names it.
func (t Type) String() string {
	switch t {
	case Text:
		return "text"
	case Path:
		return "path"
	case Bool:
		return "bool"
	case Int:
		return "integer"
	case Duration:
		return "duration"
	case Char:
		return "character"
	case Enum:
		return "one of"
	case Names:
		return "list of columns"
	case Texts:
		return "list of texts"
	case TextMap:
		return "map of texts"
	case Columns:
		return "map of columns"
	}
	return "unknown"
}

// Option is one option of a component.
type Option struct {
	Name string
	Type Type
	// Late allows substitutions, which are made when the step starts.
	Late     bool
	Required bool
	// Default is the text that stands for an option that is not given; empty
	// means none, or false, 0, and an empty list.
	Default string
	// Values are those of an Enum.
	Values []string
	// Min and Max bound an Int; both 0 means no bounds.
	Min, Max int64
	// Help says in one line what the option does, and what its unit is.
	Help string
}

// Spec is a component as a definition names it.
type Spec struct {
	Name    string
	Help    string
	Options []Option
	// Example is a small block as it stands in a definition.
	Example string
}

// Option returns the option of that name.
func (s Spec) Option(name string) (Option, bool) {
	for _, o := range s.Options {
		if o.Name == name {
			return o, true
		}
	}
	return Option{}, false
}
