package sqlitem_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// A column that the query lacks is told before anything is read, with the nearest
// that there is.
func TestSourceLacksColumn(t *testing.T) {
	t.Parallel()
	f := setup(t, "CREATE TABLE trade (id INTEGER PRIMARY KEY, amount TEXT)")
	for name, tt := range map[string]struct{ query, key, says, hint string }{
		"misspelt":  {"SELECT * FROM trade;", "id", `the query has no column "amont"`, "did you mean amount?"},
		"the key":   {"SELECT amount AS amont FROM trade -- all", "idd", `the query has no column "idd"`, "there are amont"},
		"the table": {"SELECT * FROM trad", "id", "no such table: trad", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := sqlitem.Source()
			v := optionsOf(t, source.Spec, map[string]any{"query": tt.query, "key": tt.key, "types": pairs("amont", "decimal")})
			schema, err := source.Schema(v)
			if err != nil {
				t.Fatal(err)
			}
			r, err := source.New(f.scope(), v, schema)
			if err != nil {
				t.Fatal(err)
			}
			stream := r.(core.ItemStream)
			defer stream.Close()
			err = stream.Open(t.Context(), core.ExecutionContext{})
			if err == nil || !strings.Contains(err.Error(), tt.says) || core.Hint(err) != tt.hint {
				t.Errorf("got error %v with the hint %q, want %q with %q", err, core.Hint(err), tt.says, tt.hint)
			}
		})
	}
}

// A database that lacks the table is left as it is: no table of checkpoints is
// made in it.
func TestSinkLooksFirst(t *testing.T) {
	t.Parallel()
	f := setup(t)
	path := filepath.Join(t.TempDir(), "sink.db")
	db, err := sqlite.Databases{}.OpenDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), "CREATE TABLE ledger (id INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	err = f.put(t, map[string]any{"resource": path, "table": "leger"}, recordsOf(t, []string{"1"}))
	if err == nil || core.Hint(err) != "did you mean ledger?" {
		t.Errorf("got error %v with the hint %q", err, core.Hint(err))
	}
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"ledger"}, names); diff != "" || rows.Err() != nil {
		t.Errorf("error %v, tables (-want +got):\n%s", rows.Err(), diff)
	}
}

// A table that goes while a step runs fails it, and with the table back a restart
// goes on behind what was committed.
func TestTableDropped(t *testing.T) {
	t.Parallel()
	f := setupSink(t)
	step := f.step(plain)
	dropped := false
	step.Listener.AfterChunk = func(context.Context, *core.Scope) {
		if !dropped {
			dropped = true
			f.inSink(t, "ALTER TABLE entry RENAME TO gone")
		}
	}
	se, err := f.run(t, step)
	if err == nil || !strings.Contains(err.Error(), "no such table: main.entry") && !strings.Contains(err.Error(), "no such table: entry") {
		t.Errorf("got error %v", err)
	}
	if se.Status != core.StatusFailed || se.Counts.Write != sinkChunk {
		t.Errorf("the step is %s with %+v", se.Status, se.Counts)
	}
	if _, err := f.run(t, step); err == nil || !strings.Contains(err.Error(), `the database has no table "entry"`) {
		t.Errorf("a restart without the table: %v", err)
	}
	f.inSink(t, "ALTER TABLE gone RENAME TO entry")
	if _, err := f.run(t, step); err != nil {
		t.Error(err)
	}
	if got := f.rows(t); got != allRows {
		t.Errorf("the table holds %q, want %q", got, allRows)
	}
}
