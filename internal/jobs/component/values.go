package component

import (
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Values are the options that a definition gives a component, checked against
// its Spec, with defaults filled in. In the hands of a constructor substitutions
// have been made and paths are absolute. Asking for an option under another type
// than its own, or for one that the Spec does not have, is a mistake of the
// component and panics.
type Values struct {
	spec   Spec
	values map[string]any // string, bool, int64, time.Duration, []string, []Pair
}

// Pair is an entry of a map, in the order of the definition.
type Pair struct{ Name, Value string }

// NewValues returns the values of options that are given; those of the others
// are their defaults.
func NewValues(spec Spec, given map[string]any) (Values, error) {
	v := Values{spec: spec, values: make(map[string]any, len(spec.Options))}
	for _, o := range spec.Options {
		value, ok := given[o.Name]
		if !ok {
			var err error
			if value, err = o.fallback(); err != nil {
				return v, fmt.Errorf("default of option %s of %s: %w", o.Name, spec.Name, err)
			}
		}
		v.values[o.Name] = value
	}
	return v, nil
}

// fallback returns the value of an option that is not given.
func (o Option) fallback() (any, error) {
	switch o.Type {
	case Names, Texts:
		return []string(nil), nil
	case TextMap, Columns:
		return []Pair(nil), nil
	case Text, Path, Bool, Int, Duration, Char, Enum:
	}
	return o.Parse(o.Default)
}

// Text returns the value of a Text, Path, Char or Enum.
func (v Values) Text(name string) string { return value[string](v, name) }

// Bool returns the value of a Bool.
func (v Values) Bool(name string) bool { return value[bool](v, name) }

// Int returns the value of an Int.
func (v Values) Int(name string) int64 { return value[int64](v, name) }

// Duration returns the value of a Duration.
func (v Values) Duration(name string) time.Duration { return value[time.Duration](v, name) }

// List returns the value of Names and Texts.
func (v Values) List(name string) []string { return value[[]string](v, name) }

// Pairs returns the value of a TextMap and of Columns.
func (v Values) Pairs(name string) []Pair { return value[[]Pair](v, name) }

func value[T any](v Values, name string) T {
	got, ok := v.values[name].(T)
	if !ok {
		panic(fmt.Sprintf("component %s: option %s is a %T", v.spec.Name, name, v.values[name]))
	}
	return got
}

// OptionError says what is wrong with the value of an option. Whoever knows
// where the option stands adds the place.
type OptionError struct {
	Option string
	Entry  string // of a list or map: the one that is meant; empty: all
	Msg    string
	Hint   string
}

// Error returns the option and what is wrong with it.
func (e *OptionError) Error() string { return "option " + e.Option + ": " + e.Msg }

// Wrong returns an OptionError.
func Wrong(option, format string, args ...any) error {
	return &OptionError{Option: option, Msg: fmt.Sprintf(format, args...)}
}

// Unwrap makes it an ErrJobDefinition.
func (e *OptionError) Unwrap() error { return core.ErrJobDefinition }
