package sqlitem

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Querier reads from a database; the repository's read side is one.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Execer is what a chunk's transaction must be able to do for a Writer.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Classifier is implemented by a database that knows the classes of the errors
// of its transactions; that of the program is one.
type Classifier interface {
	// Classify returns err with its class, or as it is when it has none.
	Classify(err error) error
}

// classify returns err with the class that db gives it.
func classify(db core.Database, err error) error {
	if c, ok := db.(Classifier); ok && err != nil {
		return c.Classify(err)
	}
	return err
}

// maxIdentifier is the length of the longest name, in characters.
const maxIdentifier = 63

// checkIdentifier refuses a name that could be anything but a name in SQL.
func checkIdentifier(what, name string) error {
	if isIdentifier(name) {
		return nil
	}
	return fmt.Errorf("%s %s is not a plain name: want a letter or _, then up to 62 letters, digits or _",
		what, core.Quote(name))
}

func isIdentifier(name string) bool {
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return name != "" && len(name) <= maxIdentifier
}

// quote makes a checked name an SQL identifier.
func quote(name string) string { return `"` + name + `"` }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}

// didYouMean returns a hint with the name that was probably meant, or with all
// of them when none is near.
func didYouMean(name string, candidates []string) string {
	if near := core.Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	if len(candidates) == 0 {
		return ""
	}
	return "there are " + strings.Join(candidates, ", ")
}
