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
		"INSERT INTO a VALUES ('it''s', \"b\", [c], `d`, x'00', 1.5e3) -- x", "DELETE FROM a /* b", "ROLLBACK; x", "'", "",
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
		// A comment may swallow what follows; a line end and */ close every one.
		for _, more := range []string{"\n;DROP TABLE b", "*/\n;DROP TABLE b"} {
			if bind(text+more) == nil && !strings.Contains(text, "/*") {
				t.Errorf("%q and another statement were accepted", text)
			}
		}
	})
}
