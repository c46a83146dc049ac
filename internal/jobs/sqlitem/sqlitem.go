package sqlitem

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
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

// maxName is the length of the longest name, in characters.
const maxName = record.MaxNameLength

// checkName refuses what cannot be a name. Any other is quoted wherever it stands
// in SQL, so that reserved words, spaces, quotes and letters of all kinds are
// names and nothing else.
func checkName(what, name string) error {
	if name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl) {
		return nil
	}
	return fmt.Errorf("%s %s is not a name: want 1 to %d characters, none of them a control character", what, core.Quote(name), maxName)
}

// quote makes a name an SQL identifier.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

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
