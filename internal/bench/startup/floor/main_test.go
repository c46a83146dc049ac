package main

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// The floor must open the database that it is given: a program that did not
// would be no floor.
func TestFloorOpensTheDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "50% ?#.db")
	if err := start(path, &bytes.Buffer{}); err == nil {
		t.Error("a file that is absent is opened")
	}
	db, err := sql.Open("sqlite3", "file:"+strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 4711"); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := start(path, &out); err != nil || out.String() != "4711\n" {
		t.Errorf("the floor says %q, %v", out.String(), err)
	}
}

func start(path string, out *bytes.Buffer) error {
	cmd := command()
	cmd.SetArgs([]string{"executions", "--db", path})
	cmd.SetOut(out)
	cmd.SetErr(&bytes.Buffer{})
	return cmd.Execute()
}
