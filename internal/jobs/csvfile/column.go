package csvfile

import (
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Type is the type of a column.
type Type int

// The types of columns.
const (
	// String is any text.
	String Type = iota
	// Long is a whole number of 64 bits: digits with an optional sign.
	Long
	// Decimal is an exact number: digits with an optional sign and point.
	Decimal
	// Date is a day: yyyy-mm-dd.
	Date
)

// String returns the name of the type.
func (t Type) String() string {
	switch t {
	case String:
		return "string"
	case Long:
		return "long"
	case Decimal:
		return "decimal"
	case Date:
		return "date"
	}
	return fmt.Sprintf("Type(%d)", int(t))
}

// AnyScale is a Scale that allows as many digits behind the point as a decimal
// holds.
const AnyScale = -1

// Column declares a column that a file must have.
type Column struct {
	// Name is the name in the header, compared exactly.
	Name string
	Type Type
	// Required refuses an empty field.
	Required bool
	// Scale is the most digits behind the point of a Decimal, AnyScale for no
	// limit. More digits are an error, never rounded.
	Scale int
	// Digits is the most significant digits of a Decimal; 0 means as many as a
	// decimal holds, which is 19.
	Digits int
}

// checkNames refuses names that cannot be told apart in a header.
func checkNames(op string, names []string) error {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		switch {
		case name == "":
			return &core.Error{Op: op, Msg: fmt.Sprintf("column %d has no name", i+1)}
		case seen[name]:
			return &core.Error{Op: op, Msg: fmt.Sprintf("column %s is there twice", core.Quote(name))}
		}
		seen[name] = true
	}
	return nil
}
