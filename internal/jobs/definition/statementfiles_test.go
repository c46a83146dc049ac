package definition_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// A file of statements belongs to the definition: a restart under another one is
// refused, and what ran is kept.
func TestStatementFilesBelongToTheDefinition(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	const text = `
job: files
steps:
  - step: work
    sql: {file: x.sql}
  - step: late
    partition: {count: 1, reduce: {sql: {file: y.sql}}}
    exec: {command: [test, -e, there]}
`
	st.write("job.yaml", text)
	st.write("x.sql", "CREATE TABLE x (a);")
	st.write("y.sql", "CREATE TABLE y (a);")
	first := st.job("files").Definition
	same(t, first, st.job("files").Definition)
	if _, err := st.run("files"); err == nil {
		t.Fatal("it has completed")
	}
	st.write("y.sql", "CREATE TABLE z (a);")
	je, err := st.run("files")
	if je != nil || !errors.Is(err, core.ErrJobRestart) || !strings.Contains(err.Error(), "the definition of the job has changed since the last attempt") {
		t.Fatalf("got %v", err)
	}
	st.write("there", "")
	job := st.job("files")
	if je, err = st.launcher.Run(t.Context(), job, nil, launch.Options{NewDefinition: true}); err != nil {
		t.Fatal(err)
	}
	same(t, any(job.Definition.Hash), je.Context[core.ContextKeyDefinition])
	kept := st.query(st.store.Path(), "SELECT TEXT FROM BATCHCTL_DEFINITION ORDER BY TEXT")
	const xText = "\n# file \"x.sql\", 19 bytes\nCREATE TABLE x (a);"
	want := []string{
		text + xText + "\n# file \"y.sql\", 19 bytes\nCREATE TABLE y (a);", text + xText + "\n# file \"y.sql\", 19 bytes\nCREATE TABLE z (a);",
	}
	slices.Sort(kept)
	same(t, want, kept)
	same(t, []string{"z"}, st.query(st.store.Path(), "SELECT name FROM sqlite_schema WHERE name IN ('y', 'z')"))
}

// What was kept is what runs, also when the file has changed since.
func TestStatementsAreReadOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", "job: once\nsteps:\n  - step: work\n    sql: {file: x.sql}\n")
	st.write("x.sql", "CREATE TABLE one (a);")
	job := st.job("once")
	st.write("x.sql", "CREATE TABLE two (a);")
	if _, err := st.launcher.Run(t.Context(), job, nil, launch.Options{}); err != nil {
		t.Fatal(err)
	}
	same(t, []string{"one"}, st.query(st.store.Path(), "SELECT name FROM sqlite_schema WHERE name IN ('one', 'two')"))
}
