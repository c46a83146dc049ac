package partfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

func target(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "out.csv")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// want checks that path holds text; "" means that there is no such file.
func want(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if text == "" {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %q, %v", path, b, err)
		}
		return
	}
	if err != nil || string(b) != text {
		t.Errorf("%s holds %q (%v), want %q", path, b, err, text)
	}
}

func create(t *testing.T, cfg partfile.Config) *partfile.File {
	t.Helper()
	f, err := partfile.Create(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// committed leaves a part that holds text, of which the first n bytes are in
// the returned state.
func committed(t *testing.T, path, text string, n int) partfile.State {
	t.Helper()
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte(text[:n])))
	state, err := f.Sync()
	do(t, err, f.Append([]byte(text[n:])), f.Close())
	return state
}

func TestPublish(t *testing.T) {
	t.Parallel()
	path := target(t)
	write(t, path, "old")
	f := create(t, partfile.Config{Target: path, Mode: 0o640})
	do(t, f.Append([]byte("one\n")), f.Append(nil))
	state, err := f.Sync()
	do(t, err)
	if got := state.String(); got != "4 bytes, crc32c a2379c0d" {
		t.Errorf("state is %s", got)
	}
	want(t, path, "old")
	do(t, f.Publish([]byte("end\n")))
	want(t, path, "one\nend\n")
	want(t, path+partfile.Suffix, "")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^0o640 != 0 || info.Mode().Perm()&0o600 != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	again, err := f.Sync()
	if !f.Published() || again != state || f.State() != state || err != nil {
		t.Errorf("after publishing: %v %v %v", f.Published(), again, err)
	}
	do(t, f.Publish([]byte("more\n")), f.Rollback(partfile.State{}))
	want(t, path, "one\nend\n")
	if err := f.Append([]byte("x")); !errors.Is(err, core.ErrCheckpointMismatch) {
		t.Errorf("Append after Publish returns %v", err)
	}
}

func TestDefaultMode(t *testing.T) {
	t.Parallel()
	path := target(t)
	create(t, partfile.Config{Target: path})
	if info, err := os.Stat(path + partfile.Suffix); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v, want 0600", info.Mode(), err)
	}
}

func TestCreateReplacesLeftover(t *testing.T) {
	t.Parallel()
	path := target(t)
	other := path + ".other"
	write(t, other, "precious")
	do(t, os.Link(other, path+partfile.Suffix))
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("new")))
	want(t, path+partfile.Suffix, "new")
	want(t, other, "precious") // a new file, not the old one emptied
}

func TestLongestName(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 244))
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("x")), f.Publish(nil))
	want(t, path, "x")
}

func TestRefusedAtOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, dir string) partfile.Config
		want    string
	}{
		"86 relative path": {func(*testing.T, string) partfile.Config {
			return partfile.Config{Target: "out.csv"}
		}, "open output out.csv: the path is not absolute"},
		"86 directory missing": {func(_ *testing.T, dir string) partfile.Config {
			return partfile.Config{Target: dir + "/no such/out.csv"}
		}, `open output DIR/no such/out.csv: the directory DIR/no such does not exist | mkdir -p 'DIR/no such'`},
		"name too long for the part's owner": {func(_ *testing.T, dir string) partfile.Config {
			return partfile.Config{Target: dir + "/" + strings.Repeat("n", 245)}
		}, "open output DIR/" + strings.Repeat("n", 245) + ": the name has 245 bytes, too many for the files that are written beside it: " +
			"their names end in .part and .part.owner | give a name of at most 244 bytes"},
		"86 directory is a file": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			write(t, dir+"/file", "x")
			return partfile.Config{Target: dir + "/file/out.csv"}
		}, `open output DIR/file/out.csv: DIR/file is not a directory`},
		"86 target is a directory": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			do(t, os.Mkdir(dir+"/out.csv", 0o700))
			return partfile.Config{Target: dir + "/out.csv"}
		}, "open output DIR/out.csv: is a directory, not a regular file | give the path of a file: it is replaced in one step at the end"},
		"86 target is a FIFO": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			do(t, syscall.Mkfifo(dir+"/out.csv", 0o600))
			return partfile.Config{Target: dir + "/out.csv"}
		}, "open output DIR/out.csv: is a FIFO, not a regular file | give the path of a file: it is replaced in one step at the end"},
		"86 target is a symbolic link": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			do(t, os.Symlink("elsewhere.csv", dir+"/out.csv"))
			return partfile.Config{Target: dir + "/out.csv"}
		}, "open output DIR/out.csv: is a symbolic link, which publishing would replace | give the path that it points to"},
		"86 target exists and is kept": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			write(t, dir+"/out.csv", "old")
			return partfile.Config{Target: dir + "/out.csv", KeepExisting: true}
		}, "open output DIR/out.csv: the file exists and must not be replaced | mv DIR/out.csv DIR/out.csv.old"},
		"part is a symbolic link": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			write(t, dir+"/victim", "precious")
			do(t, os.Symlink("victim", dir+"/out.csv.part"))
			return partfile.Config{Target: dir + "/out.csv"}
		}, `open output DIR/out.csv: DIR/out.csv.part is a symbolic link, not a regular file | rm DIR/out.csv.part`},
		"part is a FIFO": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			do(t, syscall.Mkfifo(dir+"/out.csv.part", 0o600))
			return partfile.Config{Target: dir + "/out.csv"}
		}, `open output DIR/out.csv: DIR/out.csv.part is a FIFO, not a regular file | rm DIR/out.csv.part`},
		"part is being written": {func(t *testing.T, dir string) partfile.Config {
			t.Helper()
			cfg := partfile.Config{Target: dir + "/out.csv"}
			do(t, create(t, cfg).Append([]byte("x")))
			return cfg
		}, `open output DIR/out.csv: somebody else is writing DIR/out.csv.part | wait for it to end, or give one of the two another path; batchctl executions --status STARTED shows what is running`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cfg := tt.prepare(t, dir)
			check := func(f *partfile.File, err error) {
				t.Helper()
				if err == nil {
					f.Close()
					t.Fatal("succeeded")
				}
				got := err.Error()
				if hint := core.Hint(err); hint != "" {
					got += " | " + hint
				}
				if got = strings.ReplaceAll(got, dir, "DIR"); got != tt.want {
					t.Errorf("got  %s\nwant %s", got, tt.want)
				}
			}
			check(partfile.Create(t.Context(), cfg))
			if !cfg.KeepExisting {
				check(partfile.Resume(t.Context(), cfg, partfile.State{}.Add([]byte("x")), nil))
			}
			if b, err := os.ReadFile(dir + "/victim"); err == nil && string(b) != "precious" {
				t.Errorf("the file behind the link holds %q", b)
			}
		})
	}
}

func TestDirectoryNotWritable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may write anywhere")
	}
	dir := t.TempDir()
	do(t, os.Chmod(dir, 0o500))
	if _, err := partfile.Create(t.Context(), partfile.Config{Target: dir + "/out.csv"}); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), dir+"/out.csv.part") {
		t.Errorf("86: got %v", err)
	}
}

func TestResume(t *testing.T) {
	t.Parallel()
	t.Run("CHUNK-61 what was not committed is cut off", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		state := committed(t, path, "one\ntwo\n", 4)
		f, err := partfile.Resume(t.Context(), partfile.Config{Target: path}, state, nil)
		do(t, err)
		want(t, path+partfile.Suffix, "one\n")
		do(t, f.Append([]byte("2\n")), f.Publish([]byte("end\n")))
		want(t, path, "one\n2\nend\n")
	})
	t.Run("a target of an earlier run does not matter", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		write(t, path, "old")
		state := committed(t, path, "one\n", 4)
		f, err := partfile.Resume(t.Context(), partfile.Config{Target: path}, state, nil)
		do(t, err, f.Close())
		want(t, path, "old")
	})
	t.Run("a target to keep has appeared", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		state := committed(t, path, "one\n", 4)
		write(t, path, "old")
		if _, err := partfile.Resume(t.Context(), partfile.Config{Target: path, KeepExisting: true}, state, nil); err == nil {
			t.Error("succeeded")
		}
	})
	t.Run("a target to keep appears before publishing", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		f := create(t, partfile.Config{Target: path, KeepExisting: true})
		write(t, path, "old")
		if err := f.Publish(nil); err == nil || !strings.Contains(err.Error(), "must not be replaced") {
			t.Errorf("got %v", err)
		}
		want(t, path, "old")
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		state := committed(t, path, "one\n", 4)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := partfile.Resume(ctx, partfile.Config{Target: path}, state, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		part, target string // what is found; "": missing
		want         string
	}{
		"89 part edited": {"One\ntwo\n", "", `DIR/out.csv.part was altered: the checkpoint says 8 bytes, crc32c fcac93a4, found 8 bytes, crc32c`},
		"89 part cut":    {"one\n", "", `DIR/out.csv.part is too short: the checkpoint says 8 bytes, crc32c fcac93a4, found 4 bytes, crc32c a2379c0d`},
		"part missing":   {"", "", `DIR/out.csv.part is missing: the checkpoint says 8 bytes, crc32c fcac93a4, and the file was not published`},
		"part missing, target differs": {
			"", "one\nTwo\nend\n", `DIR/out.csv was altered: the checkpoint says 12 bytes, crc32c fe4179da, found 12 bytes, crc32c`,
		},
		"part missing, target without the tail": {
			"", "one\ntwo\n", `DIR/out.csv is too short: the checkpoint says 12 bytes, crc32c fe4179da, found 8 bytes, crc32c fcac93a4`,
		},
		"part missing, target longer": {
			"", "one\ntwo\nend\nmore\n", `DIR/out.csv was altered: the checkpoint says 12 bytes, crc32c fe4179da, found 17 bytes, crc32c`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			state := committed(t, path, "one\ntwo\n", 8)
			do(t, os.Remove(path+partfile.Suffix))
			if tt.part != "" {
				write(t, path+partfile.Suffix, tt.part)
			}
			if tt.target != "" {
				write(t, path, tt.target)
			}
			_, err := partfile.Resume(t.Context(), partfile.Config{Target: path}, state, []byte("end\n"))
			if !errors.Is(err, core.ErrCheckpointMismatch) || core.Hint(err) == "" {
				t.Fatalf("got %v, want a checkpoint mismatch with a hint", err)
			}
			if got := strings.ReplaceAll(err.Error(), filepath.Dir(path), "DIR"); !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			want(t, path+partfile.Suffix, tt.part)
			want(t, path, tt.target)
		})
	}
}

func TestResumePublished(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("one\n")))
	state, err := f.Sync()
	do(t, err, f.Publish([]byte("end\n"))) // and the process dies before COMPLETED
	again, err := partfile.Resume(t.Context(), partfile.Config{Target: path, KeepExisting: true}, state, []byte("end\n"))
	do(t, err)
	if !again.Published() || again.State() != state {
		t.Errorf("published %v, state %v, want true and %v", again.Published(), again.State(), state)
	}
	do(t, again.Publish([]byte("end\n")), again.Close())
	want(t, path, "one\nend\n")
	want(t, path+partfile.Suffix, "")
}

func TestResumeOfNothing(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]string{"no target": "", "target of an earlier run": "old"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			if old != "" {
				write(t, path, old)
			}
			f, err := partfile.Resume(t.Context(), partfile.Config{Target: path}, partfile.State{}, []byte("end\n"))
			do(t, err, f.Append([]byte("one\n")), f.Publish([]byte("end\n")))
			want(t, path, "one\nend\n")
		})
	}
}

func TestRollback(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("one\n")))
	state := f.State()
	do(t, f.Append([]byte("two\n")), f.Rollback(state), f.Append([]byte("2\n")), f.Publish(nil))
	want(t, path, "one\n2\n")
}

func TestCloseKeepsThePart(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path})
	do(t, f.Append([]byte("one\n")), f.Close(), f.Close())
	want(t, path, "")
	want(t, path+partfile.Suffix, "one\n")
	for name, err := range map[string]error{"append": f.Append([]byte("x")), "publish": f.Publish(nil), "rollback": f.Rollback(partfile.State{})} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after close: %v", name, err)
		}
	}
	var none *partfile.File
	do(t, none.Close())
}
