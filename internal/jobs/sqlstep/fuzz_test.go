package sqlstep_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

// Whatever a statement looks like, it is accepted or refused in one harmless
// line, and a second statement behind an accepted one is refused.
func FuzzStatement(f *testing.F) {
	for _, text := range []string{
		"DELETE FROM a", "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END", "WITH x AS (SELECT 1) DELETE FROM a",
		"INSERT INTO a VALUES ('it''s', \"b\", [c], `d`, x'00', 1.5e3) -- x", "DELETE FROM a /* b", "ROLLBACK; x", "'", "", "CREATE TRIGGER",
	} {
		f.Add(text)
	}
	bind := func(text string) error {
		_, err := sqlstep.Step("work", func(*core.Scope) (sqlstep.Config, error) {
			return sqlstep.Config{Statements: []string{text}}, nil
		}).Bind(nil)
		return err
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := bind(text)
		if err != nil {
			if said := err.Error(); !errors.Is(err, core.ErrJobDefinition) || core.EscapeControl(said) != said {
				t.Errorf("got error %q", said)
			}
			return
		}
		// Only an open comment could swallow what follows.
		if more := "\n;DROP TABLE b"; !strings.Contains(text, "/*") && bind(text+more) == nil {
			t.Errorf("%q and another statement were accepted", text)
		}
	})
}
