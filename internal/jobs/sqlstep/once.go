package sqlstep

import (
	"context"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// Check says what is wrong with cfg by itself, as an ErrJobDefinition, before
// anything is run.
func (cfg Config) Check() error {
	_, err := compile(cfg)
	return err
}

// Run runs statements beside the work of a step, in the repository's database and
// a transaction of their own, which commits before Run returns. After a crash or a
// failure of the step they run again, so they must be safe to repeat.
func Run(ctx context.Context, s *core.Scope, cfg Config) error {
	t, err := compile(cfg)
	if err != nil {
		return err
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin the transaction of the statements: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	db, ok := tx.(execer)
	if !ok {
		return fmt.Errorf("the repository's transaction, a %T, runs no statements of jobs", tx)
	}
	rows, err := t.runBounded(ctx, s, db)
	if err != nil {
		return err
	}
	if t.rowsKey != "" {
		s.Context.Put(t.rowsKey, rows)
	}
	return tx.Commit()
}

// RunIn is Run in another database. An attempt that has been taken over runs
// nothing.
func RunIn(ctx context.Context, s *core.Scope, cfg Config, other core.Database) error {
	t, err := compile(cfg)
	if err != nil {
		return err
	}
	tx, err := other.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin the transaction of the statements: %w", err)
	}
	defer tx.Rollback()                  // after a commit there is nothing left to roll back
	if err := s.Owned(ctx); err != nil { // nobody else writes there from here on
		return err
	}
	rows, err := t.runBounded(ctx, s, tx)
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit the statements in %s: %w", core.QuotePath(other.Path()), err)
	}
	if t.rowsKey != "" {
		s.Context.Put(t.rowsKey, rows)
	}
	return nil
}

// Split takes the text of a file apart into statements, at the semicolons that
// end them. The last one need not have one.
func Split(text string) ([]string, error) {
	ends, err := semicolons(text)
	if err != nil {
		return nil, err
	}
	var all []string
	begin := 0
	for _, end := range append(ends, len(text)) {
		tokens, err := scan(text[begin:end])
		if err != nil {
			return nil, err
		}
		if _, whole := endOf(tokens); !whole && end < len(text) {
			continue
		}
		if len(tokens) > 0 { // else there are comments only
			all = append(all, strings.TrimSpace(text[begin:end]))
		}
		begin = min(end+1, len(text))
	}
	return all, nil
}

// semicolons returns where the semicolons outside of quotes and comments are.
func semicolons(text string) ([]int, error) {
	var found []int
	for at := 0; at < len(text); {
		rest := text[at:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"):
			at += lengthUntil(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			at += 2 + lengthUntil(rest[2:], "*/")
		case c == '\'', c == '"', c == '`', c == '[':
			_, length, err := unquote(rest)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", 1+strings.Count(text[:at], "\n"), err)
			}
			at += length
		case c == ';':
			found = append(found, at)
			at++
		default:
			at++
		}
	}
	return found, nil
}
