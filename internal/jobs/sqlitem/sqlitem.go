package sqlitem

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
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

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// checkIdentifier refuses a name that could be anything but a name in SQL.
func checkIdentifier(what, name string) error {
	if identifier.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%s %s is not a plain name: want a letter or _, then up to 62 letters, digits or _",
		what, core.Quote(name))
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
