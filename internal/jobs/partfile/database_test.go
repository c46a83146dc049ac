package partfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// database is the beginning of an SQLite database.
const database = "SQLite format 3\x00\x10\x00\x01\x01\x00"

// refusedDatabase checks that err refuses a database with want.
func refusedDatabase(t *testing.T, err error, dir, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("succeeded")
	}
	got := strings.ReplaceAll(err.Error(), dir, "DIR")
	if got != want || core.Hint(err) != "give the output a path of its own" || !errors.Is(err, core.ErrCheckpointMismatch) {
		t.Errorf("got  %s | %s\nwant %s", got, core.Hint(err), want)
	}
}

func TestDatabaseIsNoOutput(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		database, target, want string
	}{
		"the target":      {"r.db", "r.db", "open output DIR/r.db: is an SQLite database, which publishing would replace; nothing was written"},
		"its log":         {"r.db", "r.db-wal", "open output DIR/r.db-wal: belongs to the SQLite database DIR/r.db, which publishing would damage; nothing was written"},
		"its log's index": {"r.db", "r.db-shm", "open output DIR/r.db-shm: belongs to the SQLite database DIR/r.db, which publishing would damage; nothing was written"},
		"its journal":     {"r.db", "r.db-journal", "open output DIR/r.db-journal: belongs to the SQLite database DIR/r.db, which publishing would damage; nothing was written"},
		"its lock files":  {"r.db", "r.db.locks", "open output DIR/r.db.locks: belongs to the SQLite database DIR/r.db, which publishing would damage; nothing was written"},
		"among its locks": {"r.db", "r.db.locks/x", "open output DIR/r.db.locks/x: lies among the locks of the SQLite database DIR/r.db; nothing was written"},
		"the part":        {"r.part", "r", "open output DIR/r: DIR/r.part is an SQLite database, not a part of this output; nothing was written"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, cfg := filepath.Join(dir, tt.database), partfile.Config{Target: filepath.Join(dir, tt.target)}
			write(t, db, database)
			if parent := filepath.Dir(cfg.Target); parent != dir {
				do(t, os.Mkdir(parent, 0o700))
				t.Cleanup(func() { _ = os.RemoveAll(parent) })
			}
			keep := cfg
			keep.KeepExisting = true
			_, fresh := partfile.Create(t.Context(), cfg)
			_, kept := partfile.Create(t.Context(), keep)
			_, again := partfile.Resume(t.Context(), cfg, partfile.State{}.Add([]byte("x")), nil)
			_, published := partfile.Resume(t.Context(), cfg, partfile.State{}.Add([]byte(database)), nil)
			for _, err := range []error{
				fresh, kept, again, published, partfile.Discard(t.Context(), cfg), partfile.Clear(t.Context(), cfg), partfile.Merge(t.Context(), cfg, nil, []byte("x")),
			} {
				refusedDatabase(t, err, dir, tt.want)
			}
			want(t, db, database)
			if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || !slices.Equal(slices.DeleteFunc(names, func(n string) bool { return n == filepath.Dir(cfg.Target) }), []string{db}) {
				t.Errorf("there is %v, %v", names, err)
			}
		})
	}
}

func TestDatabaseAppearsBeforePublishing(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("one\n")))
	write(t, path, database)
	refusedDatabase(t, f.Publish([]byte("end\n")), filepath.Dir(path),
		"open output DIR/out.csv: is an SQLite database, which publishing would replace; nothing was written")
	want(t, path, database)
	want(t, path+partfile.Suffix, "one\n")
	do(t, os.Remove(path), f.Publish([]byte("end\n")))
	want(t, path, "one\nend\n")
}

func TestNoDatabase(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]string{
		"short": database[:15], "another format": strings.Replace(database, "3", "2", 1), "text": "a report of SQLite format 3\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t) + "-wal"
			write(t, path, old)
			write(t, strings.TrimSuffix(path, "-wal"), old)
			f := create(t, partfile.Config{Target: path})
			do(t, f.Append([]byte("one\n")), f.Publish(nil))
			want(t, path, "one\n")
		})
	}
}
