package sqlite_test

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// snapshot returns a digest of every file in dir by name. The -shm is left out:
// it is shared memory, and a reader of a WAL writes to it.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		files[d.Name()] = string(sum[:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// run executes statements on the database with the bare driver.
func run(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if err := errors.Join(execAll(db, statements...), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFilesStayUnchanged(t *testing.T) {
	t.Parallel()
	write := func(content []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	with := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) { t.Helper(); run(t, path, statements...) }
	}
	repository := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := sqlite.Init(t.Context(), path, options()); err != nil {
				t.Fatal(err)
			}
			run(t, path, statements...)
		}
	}
	damage := func(at int64, bytes string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			repository()(t, path)
			patch(t, path, at, bytes)
		}
	}
	for _, tc := range []struct {
		name string
		make func(*testing.T, string)
		want string
	}{
		{"91 text", write([]byte("id,amount\n1,2\n")), "is not an SQLite database"},
		{"91 zeros", write(make([]byte, 8192)), "is not an SQLite database"},
		{"91 one byte", write([]byte("S")), "is not an SQLite database"},
		{"91 header only", write([]byte("SQLite format 3\x00")), "is not an SQLite database"},
		{"91 damaged header", damage(0, "XQLite"), "is not an SQLite database"},
		{"91 damaged schema", damage(100, strings.Repeat("\xff", 200)), "is damaged"},
		{"91 truncated", func(t *testing.T, path string) {
			t.Helper()
			repository()(t, path)
			if err := os.Truncate(path, 4096*3); err != nil {
				t.Fatal(err)
			}
		}, "is damaged"},
		{"93 no table", with("VACUUM"), "SQLite database without any table"},
		{"93 other tables", with("CREATE TABLE T (X)", "INSERT INTO T VALUES (1)"), "SQLite database of something else"},
		{"93 other tables in WAL mode", with("PRAGMA journal_mode = WAL", "CREATE TABLE T (X)"), "SQLite database of something else"},
		{"93 only a view", with("CREATE VIEW BATCHCTL_SETTINGS AS SELECT 1 AS NAME, 1 AS VALUE"), "of something else"},
		{"93 another program's batch tables", with(javaSchema), "holds the batch tables of another program"},
		{"93 another program's batch tables, lower case", with(strings.ToLower(javaSchema)), "holds the batch tables of another program"},
		{"92 newer schema", repository("UPDATE BATCHCTL_SETTINGS SET VALUE = '2' WHERE NAME = 'schema_version'"), "has schema version 2, and this batchctl knows up to 1"},
		{"92 senseless schema", repository("UPDATE BATCHCTL_SETTINGS SET VALUE = 'x' WHERE NAME = 'schema_version'"), `its schema version is "x"`},
		{"92 no schema", repository("DELETE FROM BATCHCTL_SETTINGS WHERE NAME = 'schema_version'"), `its schema version is ""`},
		{"unknown zone", repository("UPDATE BATCHCTL_SETTINGS SET VALUE = 'Mars/Base' WHERE NAME = 'zone'"), `the zone "Mars/Base"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "batch.db")
			tc.make(t, path)
			before := snapshot(t, dir)
			for verb, call := range map[string]func() error{
				"open": func() error {
					_, err := sqlite.Open(t.Context(), path, options())
					return err
				},
				"init": func() error {
					if tc.name == "unknown zone" {
						return &core.Error{Kind: core.ErrRepository, Msg: tc.want, Hint: "-"}
					}
					return sqlite.Init(t.Context(), path, options())
				},
				"explore": func() error {
					_, err := sqlite.OpenExplorer(t.Context(), path, options())
					return err
				},
			} {
				err := call()
				if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: %v, want ErrRepository with %q", verb, err, tc.want)
				}
				if !strings.Contains(err.Error(), path) && verb != "init" {
					t.Errorf("%s: %v does not name the file", verb, err)
				}
				if core.Hint(err) == "" {
					t.Errorf("%s: no hint", verb)
				}
			}
			after := snapshot(t, dir)
			delete(after, "init")         // in the folder of locks of what is a repository
			delete(before, "init")        // (see above)
			delete(after, "batch.db-wal") // an explorer may make an empty one
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("files changed (-before +after):\n%s", diff)
			}
		})
	}
}

const javaSchema = `CREATE TABLE BATCH_JOB_INSTANCE (JOB_INSTANCE_ID INTEGER PRIMARY KEY);
CREATE TABLE BATCH_JOB_EXECUTION (JOB_EXECUTION_ID INTEGER PRIMARY KEY, STATUS TEXT);
INSERT INTO BATCH_JOB_INSTANCE VALUES (1);
INSERT INTO BATCH_JOB_EXECUTION VALUES (1, 'COMPLETED'), (2, 'STARTED');`

// patch overwrites bytes of a file that nobody has open.
func patch(t *testing.T, path string, at int64, bytes string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte(bytes), at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// A database of another program that died with commits in its WAL: neither of
// the two files may change, for a checkpoint of ours would be a write.
func TestForeignWALStaysUnchanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "other.db")
	live := filepath.Join(t.TempDir(), "live.db")
	db, err := sql.Open("sqlite3", live)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := execAll(db, "PRAGMA journal_mode = WAL", "CREATE TABLE T (X)", "INSERT INTO T VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} { // as a crash leaves them
		if err := os.Link(live+suffix, path+suffix+".link"); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path + suffix + ".link")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.WriteFile(path+suffix, b, 0o600), os.Remove(path+suffix+".link")); err != nil {
			t.Fatal(err)
		}
	}
	before := snapshot(t, dir)
	if len(before) != 2 {
		t.Fatalf("prepared %d files, want 2", len(before))
	}
	if _, err := sqlite.Open(t.Context(), path, options()); err == nil || !strings.Contains(err.Error(), "of something else") {
		t.Errorf("open: %v", err)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
}

func TestStatusOfForeignDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "java.db")
	run(t, path, javaSchema)
	before := snapshot(t, dir)
	got, err := sqlite.Status(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Foreign || got.Instances != 1 || got.Executions != 2 || got.Running != 1 || got.SchemaVersion != 0 {
		t.Errorf("status %+v", got)
	}
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("files changed (-before +after):\n%s", diff)
	}
}
