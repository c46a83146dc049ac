package core

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core/civil"
)

// ParameterType is one of the four types of a job parameter.
type ParameterType string

// The four types of the 4.x layout, as an operator writes them.
const (
	TypeString ParameterType = "string"
	TypeLong   ParameterType = "long"
	TypeDouble ParameterType = "double"
	TypeDate   ParameterType = "date"
)

// TypeSecret is the type of a declared parameter whose value is a reference to a
// secret, env:NAME or file:PATH: a string that does not identify. The reference
// is stored and shown; what it refers to is read at the launch, and never is.
const TypeSecret ParameterType = "secret"

// ParameterTypes returns the four types in the order in which they are listed
// to people.
func ParameterTypes() []ParameterType {
	return []ParameterType{TypeString, TypeLong, TypeDouble, TypeDate}
}

// Limits on parameters. A name must fit its column; a value is bounded by the
// widest column that any layout has for it.
const (
	MaxParameterName  = 100
	MaxParameterValue = 2500
	MaxParameters     = 200
)

// MaxName bounds the names of jobs and steps, in UTF-16 units, as their columns
// do.
const MaxName = 100

// JobParameter is one named value that a job is started with. Value is a
// string, int64, float64 or time.Time (an instant, in whole milliseconds).
type JobParameter struct {
	Name        string
	Value       any
	Identifying bool
}

// Type returns the type of the value, or "" when it is none of the four.
func (p JobParameter) Type() ParameterType {
	switch p.Value.(type) {
	case string:
		return TypeString
	case int64:
		return TypeLong
	case float64:
		return TypeDouble
	case time.Time, civil.Written:
		return TypeDate
	}
	return ""
}

// OpaqueValue is the value of a parameter that another program stored in a type
// that batchctl does not know. It is shown, never stored.
type OpaqueValue struct {
	Type string // as stored
	Text string
}

// String returns the text and the type that it was stored with.
func (v OpaqueValue) String() string { return v.Text + " (" + v.Type + ")" }

// Equal reports whether name, type, value and flag are the same.
func (p JobParameter) Equal(q JobParameter) bool {
	if p.Name != q.Name || p.Identifying != q.Identifying || p.Type() != q.Type() {
		return false
	}
	if t, ok := p.Value.(time.Time); ok {
		u, ok := q.Value.(time.Time)
		return ok && t.Equal(u)
	}
	return p.Value == q.Value
}

// JobParameters are the parameters of one execution, unique by name, in the
// order in which they were given. Treat them as immutable.
type JobParameters []JobParameter

// Lookup returns the parameter of that name.
func (ps JobParameters) Lookup(name string) (JobParameter, bool) {
	for _, p := range ps {
		if p.Name == name {
			return p, true
		}
	}
	return JobParameter{}, false
}

// With returns ps with p added, or put in the place of the parameter of the
// same name (PAR-01).
func (ps JobParameters) With(p JobParameter) JobParameters {
	next := slices.Clone(ps)
	for i := range next {
		if next[i].Name == p.Name {
			next[i] = p
			return next
		}
	}
	return append(next, p)
}

// Identifying returns the parameters that take part in the identity of the
// instance (PAR-05).
func (ps JobParameters) Identifying() JobParameters {
	var subset JobParameters
	for _, p := range ps {
		if p.Identifying {
			subset = append(subset, p)
		}
	}
	return subset
}

// String returns the string parameter of that name. ok is false when it is
// absent; another type is an error (PAR-03, PAR-04).
func (ps JobParameters) String(name string) (value string, ok bool, err error) {
	return parameterValue[string](ps, name)
}

// Long is String for int64 parameters.
func (ps JobParameters) Long(name string) (value int64, ok bool, err error) {
	return parameterValue[int64](ps, name)
}

// Double is String for float64 parameters.
func (ps JobParameters) Double(name string) (value float64, ok bool, err error) {
	return parameterValue[float64](ps, name)
}

// Date is String for date parameters; the instant is in UTC.
func (ps JobParameters) Date(name string) (value time.Time, ok bool, err error) {
	value, ok, err = parameterValue[time.Time](ps, name)
	return value.UTC(), ok, err
}

func parameterValue[T any](ps JobParameters, name string) (value T, ok bool, err error) {
	p, ok := ps.Lookup(name)
	if !ok {
		return value, false, nil
	}
	value, ok = p.Value.(T)
	if !ok {
		return value, false, fmt.Errorf("parameter %s is a %s, want a %s",
			p.Name, p.Type(), JobParameter{Value: value}.Type())
	}
	return value, true, nil
}

// Check reports the first parameter that cannot be stored, as an
// ErrJobParametersInvalid.
func (ps JobParameters) Check() error {
	if len(ps) > MaxParameters {
		return parameterError("", fmt.Sprintf("%d parameters, at most %d are allowed", len(ps), MaxParameters), "")
	}
	seen := make(map[string]bool, len(ps))
	for _, p := range ps {
		if err := checkParameterName(p.Name); err != nil {
			return err
		}
		if seen[p.Name] {
			return parameterError(p.Name, "given twice", "give it once")
		}
		seen[p.Name] = true
		if err := checkParameterValue(p); err != nil {
			return err
		}
	}
	return nil
}

func checkParameterName(name string) error {
	switch {
	case name == "":
		return parameterError("", `a parameter has no name before "="`, "write name=value")
	case !utf8.ValidString(name):
		return parameterError(name, "the name is not valid UTF-8", "")
	case utf16Len(name) > MaxParameterName:
		return parameterError(name, fmt.Sprintf("the name has %d characters, at most %d are allowed",
			utf16Len(name), MaxParameterName), "")
	case name[0] == '-' || name[0] == '+':
		return parameterError(name, "a name may not begin with + or -",
			"write name:type:non-identifying=value for a non-identifying parameter")
	}
	for _, r := range name {
		if r == '=' || r == ':' || r == '(' || r == ')' || unicode.IsSpace(r) || needsEscape(r, false) {
			return parameterError(name, fmt.Sprintf("the name contains %s, which a name may not", Quote(string(r))),
				"in fish and zsh quote the whole word: 'name(type)=value', or write name:type=value")
		}
	}
	return nil
}

func checkParameterValue(p JobParameter) error {
	switch v := p.Value.(type) {
	case string:
		switch {
		case !utf8.ValidString(v):
			return parameterError(p.Name, fmt.Sprintf("value %s is not valid UTF-8", Quote(v)), "")
		case strings.ContainsRune(v, 0):
			return parameterError(p.Name, fmt.Sprintf("value %s contains a NUL character", Quote(v)), "")
		case utf16Len(v) > MaxParameterValue:
			return parameterError(p.Name, fmt.Sprintf("the value has %d characters, at most %d are allowed",
				utf16Len(v), MaxParameterValue), "put it into a file and give the path")
		}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return parameterError(p.Name, fmt.Sprintf("%v is not a finite number", v), "")
		}
	case time.Time:
		if !civil.InYears(v) {
			return parameterError(p.Name, fmt.Sprintf("year %d is outside 0001-9999", v.UTC().Year()), "")
		}
		if v.Nanosecond()%int(time.Millisecond) != 0 {
			return parameterError(p.Name, "a date-time finer than a millisecond cannot be stored", "")
		}
	case int64:
	default:
		return parameterError(p.Name, fmt.Sprintf("a value of type %T cannot be stored", p.Value), "")
	}
	return nil
}

// utf16Len counts as the columns do: in UTF-16 units.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// parameterError builds an ErrJobParametersInvalid about the parameter of that
// name, or about all when name is empty.
func parameterError(name, msg, hint string) error {
	if name != "" {
		if len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || needsEscape(r, true) }) {
			name = Quote(name)
		}
		msg = "parameter " + name + ": " + msg
	}
	return &Error{Kind: ErrJobParametersInvalid, Msg: msg, Hint: hint}
}
