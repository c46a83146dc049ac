package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
)

// Bounds of a schema.
const (
	// MaxColumns is how many columns a record may have.
	MaxColumns = 4096
	// MaxNameLength is how many characters the name of a column may have.
	MaxNameLength = 256
)

// Column is a column of a schema.
type Column struct {
	Name string
	Kind Kind
	// Required refuses null, and an empty text.
	Required bool
	// Digits is the most digits that a decimal may have, and Scale the most of
	// them behind the point, as in decimal(12,2). Digits 0 bounds neither.
	Digits, Scale int
}

// Type returns the kind of the column with its bounds: long, decimal(12,2).
func (c Column) Type() string {
	if c.Kind == Decimal && c.Digits > 0 {
		return fmt.Sprintf("decimal(%d,%d)", c.Digits, c.Scale)
	}
	return c.Kind.String()
}

// ParseColumn returns the column of a name and a type as Type writes it;
// decimal(12) is decimal(12,0).
func ParseColumn(name, typ string) (Column, error) {
	c := Column{Name: name}
	if bounds, ok := strings.CutPrefix(typ, "decimal("); ok {
		c.Kind = Decimal
		bounds, closed := strings.CutSuffix(bounds, ")")
		digits, scale, both := strings.Cut(bounds, ",")
		var err error
		if c.Digits, err = bound(digits); err == nil && both {
			c.Scale, err = bound(strings.TrimPrefix(scale, " "))
		}
		if !closed || err != nil || c.Digits < 1 || c.Digits > decimal.MaxPrec || c.Scale > c.Digits {
			return c, &core.Error{
				Kind: core.ErrJobDefinition,
				Msg: fmt.Sprintf("%s is no type of a column: want decimal(DIGITS,SCALE) with at most %d digits, as many or fewer behind the point",
					core.Quote(typ), decimal.MaxPrec),
			}
		}
		return c, nil
	}
	var err error
	c.Kind, err = ParseKind(typ)
	return c, err
}

// bound reads one or two digits.
func bound(text string) (int, error) {
	n := 0
	for _, r := range text {
		if r < '0' || r > '9' {
			return 0, errLong
		}
		n = n*10 + int(r-'0')
	}
	if text == "" || len(text) > 2 {
		return 0, errLong
	}
	return n, nil
}

// check refuses a value that the column does not hold.
func (c Column) check(v Value) error {
	switch {
	case v.kind == Null:
		if c.Required {
			return errRequired
		}
	case v.kind != c.Kind:
		return fmt.Errorf("the value is a %s, the column is a %s", v.kind, c.Kind)
	case c.Kind == Decimal && c.Digits > 0:
		if d := v.Decimal(); int(v.scale) > c.Scale && d.MinScale() > c.Scale {
			return fmt.Errorf("%d digits behind the point, the column has %d", d.MinScale(), c.Scale)
		} else if whole := d.Prec() - d.Scale(); whole > c.Digits-c.Scale {
			return fmt.Errorf("%d digits before the point, the column has %d", whole, c.Digits-c.Scale)
		}
	}
	return nil
}

var errRequired = errors.New("a value is required")

// Schema is an ordered list of columns with names of their own. It does not
// change, and is safe for concurrent use.
type Schema struct {
	columns []Column
	index   map[string]int
}

// NewSchema checks columns and returns their schema. Names are compared exactly.
func NewSchema(columns ...Column) (*Schema, error) {
	refuse := func(format string, args ...any) error {
		return &core.Error{Kind: core.ErrJobDefinition, Msg: fmt.Errorf(format, args...).Error()}
	}
	if len(columns) > MaxColumns {
		return nil, refuse("%d columns, at most %d are possible", len(columns), MaxColumns)
	}
	s := &Schema{columns: slices.Clone(columns), index: make(map[string]int, len(columns))}
	for i, c := range columns {
		if err := checkName(c.Name); err != nil {
			return nil, refuse("column %d, %s: %w", i+1, core.Quote(c.Name), err)
		}
		if first, twice := s.index[c.Name]; twice {
			return nil, refuse("column %s is there twice, as number %d and as number %d", core.Quote(c.Name), first+1, i+1)
		}
		if c.Kind == Null || c.Kind > Bool {
			return nil, refuse("column %s has no type", core.Quote(c.Name))
		}
		s.index[c.Name] = i
	}
	return s, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case !utf8.ValidString(name):
		return errors.New("the name is not UTF-8")
	case utf8.RuneCountInString(name) > MaxNameLength:
		return fmt.Errorf("the name is longer than %d characters", MaxNameLength)
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("the name has a control character")
	}
	return nil
}

// Len returns the number of columns.
func (s *Schema) Len() int { return len(s.columns) }

// Column returns column i.
func (s *Schema) Column(i int) Column { return s.columns[i] }

// Columns returns all columns, in order.
func (s *Schema) Columns() []Column { return slices.Clone(s.columns) }

// Names returns the names of all columns, in order.
func (s *Schema) Names() []string {
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.Name
	}
	return names
}

// Index returns the position of the column of that name.
func (s *Schema) Index(name string) (i int, ok bool) {
	i, ok = s.index[name]
	return i, ok
}

// Equal reports whether both schemas have the same columns in the same order.
func (s *Schema) Equal(o *Schema) bool { return s == o || slices.Equal(s.columns, o.columns) }

// String lists the columns: "id long, amount decimal(12,2)".
func (s *Schema) String() string {
	parts := make([]string, len(s.columns))
	for i, c := range s.columns {
		parts[i] = core.EscapeControl(c.Name) + " " + c.Type()
	}
	return strings.Join(parts, ", ")
}
