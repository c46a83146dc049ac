package record

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Kind is the type of a value or of a column.
type Kind uint8

// The kinds. No column is Null: it is the kind of a value that is not there.
const (
	Null Kind = iota
	String
	Long
	Double
	Decimal
	Date
	DateTime
	Bool
)

var kindNames = [...]string{"null", "string", "long", "double", "decimal", "date", "datetime", "bool"}

// String returns the name of the kind.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Kinds returns the kinds that a column may have.
func Kinds() []Kind { return []Kind{String, Long, Double, Decimal, Date, DateTime, Bool} }

// ParseKind returns the kind of that name. The error names the nearest one.
func ParseKind(name string) (Kind, error) {
	names := kindNames[1:]
	for i, n := range names {
		if n == name {
			return Kind(i + 1), nil
		}
	}
	hint := ""
	if near := core.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return Null, &core.Error{
		Kind: core.ErrJobDefinition, Hint: hint,
		Msg: fmt.Sprintf("%s is no type of a column; there are %s", core.Quote(name), strings.Join(names, ", ")),
	}
}
