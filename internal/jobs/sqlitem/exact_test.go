package sqlitem_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// A number that SQLite would keep with fewer digits than it has is an error of its
// row, never rounded silently.
func TestExact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		declared string
		value    any
		kept     string // "" is refused
	}{
		{"DECIMAL(12,2)", "1234567890.12", "1234567890.12"},
		{"DECIMAL(20,2)", "1234567890123.45", "1234567890123.45"},
		{"DECIMAL(20,2)", "12345678901234.56", ""},
		{"DECIMAL(20,2)", "-12345678901234567.89", ""},
		{"DECIMAL(20,2)", "123456789012345.00000", "123456789012345"},
		{"NUMERIC", "0.0000000000000001234", "1.234e-16"},
		{"NUMERIC", "9223372036854775807", "9223372036854775807"},
		{"NUMERIC", "9223372036854775808", ""},
		{"INTEGER", int64(9007199254740993), "9007199254740993"},
		{"INTEGER", "9007199254740993", "9007199254740993"},
		{"INTEGER", "9007199254740993.5", ""},
		{"REAL", int64(9007199254740993), ""},
		{"DOUBLE", "9007199254740993", ""},
		{"REAL", int64(900719925474099), "900719925474099.0"},
		{"REAL", "0.1", "0.1"},
		{"TEXT", "12345678901234567.89", "12345678901234567.89"},
		{"VARCHAR(30)", "12345678901234567.890", "12345678901234567.890"},
		{"", "12345678901234567.890", "12345678901234567.890"},
		{"NUMERIC", "12345678901234567-89", "12345678901234567-89"},
		{"NUMERIC", "2021-01-31T01:02:03.123456789Z", "2021-01-31T01:02:03.123456789Z"},
		{"NUMERIC", nil, "NULL"},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.declared, tt.value), func(t *testing.T) {
			t.Parallel()
			f := setup(t, "CREATE TABLE kept (id INTEGER PRIMARY KEY, v "+tt.declared+")")
			w := sqlitem.NewWriter(sqlitem.WriterConfig{Querier: f.store, Table: "kept", Columns: []string{"id", "V"}},
				func(e *entry, dst []any) []any { return append(dst, e.id, tt.value) })
			if err := w.Open(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			err := write(t, f, w, entries(1, 1))
			if tt.kept == "" {
				if core.ClassOf(err, "") != core.ClassWriteData || !strings.Contains(err.Error(), `table "kept": `) ||
					!strings.Contains(err.Error(), " digits, and SQLite keeps 15 of them in column v, which is declared "+tt.declared) {
					t.Errorf("got error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.kept}, f.column(t, "SELECT coalesce(CAST(v AS TEXT), 'NULL') FROM kept")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
