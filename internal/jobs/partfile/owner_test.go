package partfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// TestOwner: a part is its owner's from its first checkpoint to its publishing.
func TestOwner(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path, Owner: owner(t, "a")})
	do(t, f.Append([]byte("one\n")))
	want(t, path+ownerSuffix, "") // who has committed nothing keeps nobody out
	_, err := f.Sync()
	do(t, err)
	want(t, path+ownerSuffix, deedOf("a"))
	if info, err := os.Stat(path + ownerSuffix); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
	do(t, f.Append([]byte("two\n")))
	_, err = f.Sync()
	do(t, err, f.Publish([]byte("end\n")))
	want(t, path, "one\ntwo\nend\n")
	want(t, path+ownerSuffix, "")
}

func TestOwnerOfNoStep(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*core.Scope{
		"no scope": nil, "no run": {}, "no step": {Run: &core.Run{Repo: &repository{}}},
		"no repository": {Run: &core.Run{}, Step: &core.StepExecution{}},
		"no lineage":    {Run: &core.Run{Repo: &repository{}}, Step: &core.StepExecution{}},
	} {
		path := filepath.Join(t.TempDir(), "out.csv")
		f := create(t, partfile.Config{Target: path, Owner: partfile.OwnerOf(s)})
		do(t, f.Append([]byte("one\n")))
		_, err := f.Sync()
		do(t, err)
		if _, err := os.Stat(path + ownerSuffix); err == nil {
			t.Errorf("%s: there is an owner", name)
		}
	}
}

// TestForeignPart asks for the target of an instance that another one has begun,
// in every state that the other can be in.
func TestForeignPart(t *testing.T) {
	t.Parallel()
	const remove = "finish or abandon it where it was begun; or, if nobody will: rm DIR/out.csv.part DIR/out.csv.part.owner"
	const unknown = " and is not known to this repository | " + remove
	const wayOut = " | batchctl restart 12 finishes it; batchctl abandon 12 gives it up for good"
	job := func(status core.BatchStatus) func(r *repository) {
		return func(r *repository) { r.last.Status = status }
	}
	step := func(name string, status core.BatchStatus) func(r *repository) {
		return func(r *repository) { r.steps[name].Status = status }
	}
	tests := map[string]struct {
		step   string
		change func(r *repository)
		want   string // behind whose it is; "": it may be taken
	}{
		"failed":  {"write", job(core.StatusFailed), ": execution 12 is FAILED" + wayOut},
		"stopped": {"write", job(core.StatusStopped), ": execution 12 is STOPPED" + wayOut},
		"running": {"write", job(core.StatusStarted), ": execution 12 is STARTED | wait for it to end: batchctl show 12"},
		"died": {"write", func(r *repository) { r.last.Status, r.liveness = core.StatusStarted, core.OwnerDead }, ": execution 12 is STARTED, and its process has died" +
			" | batchctl restart 12 finishes it; batchctl recover 12, then batchctl abandon 12 give it up for good"},
		"unknown":                    {"write", job(core.StatusUnknown), ": execution 12 is UNKNOWN | " + remove},
		"abandoned":                  {"write", job(core.StatusAbandoned), ""},
		"the flow went on":           {"write", job(core.StatusCompleted), ""},
		"the step was left":          {"write", step("write", core.StatusAbandoned), ""},
		"the step was completed":     {"write", step("write", core.StatusCompleted), ""},
		"a part":                     {"write:p1", job(core.StatusFailed), ": execution 12 is FAILED" + wayOut},
		"the step of a part is left": {"write:p1", step("write", core.StatusAbandoned), ""},
		"another step of this run": {"write", func(r *repository) {
			r.last.ID, r.last.Status = 20, core.StatusStarted
		}, ": execution 20 is STARTED | give each of the two steps an output of its own"},
		"another repository":         {"write", func(r *repository) { r.id = "r2" }, unknown},
		"no such instance":           {"write", func(r *repository) { r.instance.ID = 3 }, unknown},
		"an instance of another job": {"write", func(r *repository) { r.instance.JobName = "other" }, unknown},
		"other parameters":           {"write", func(r *repository) { r.instance.JobKey = "other" }, unknown},
		"a step that was not run":    {"write", func(r *repository) { delete(r.steps, "write") }, unknown},
		"a copy of the repository": {"write", func(r *repository) {
			r.steps["write"].Status = core.StatusCompleted
			r.steps["write"].Context[core.ContextKeyLineage] = "b"
		}, unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			dir := filepath.Dir(path)
			begun := func(name string) *core.StepExecution {
				return &core.StepExecution{StepName: name, Status: core.StatusFailed, Context: core.ExecutionContext{core.ContextKeyLineage: "a"}}
			}
			r := &repository{
				id: "r1", instance: core.JobInstance{ID: 1, JobName: "job", JobKey: "key"},
				steps: map[string]*core.StepExecution{"write": begun("write"), "write:p1": begun("write:p1")},
				last:  &core.JobExecution{ID: 12, Status: core.StatusFailed},
			}
			committedBy(t, path, ownerIn(t, r, 1, tt.step, "a"), "one\n")
			tt.change(r)
			before := tree(t, dir)
			cfg := partfile.Config{Target: path, Owner: ownerIn(t, r, 2, "write", "c")}
			for what, try := range map[string]func() error{
				"create":  func() error { f, err := partfile.Create(t.Context(), cfg); return errors.Join(err, f.Close()) },
				"discard": func() error { return partfile.Discard(t.Context(), cfg) },
				"clear":   func() error { return partfile.Clear(t.Context(), cfg) },
				"merge":   func() error { return partfile.Merge(t.Context(), cfg, nil, []byte("x")) },
			} {
				err := try()
				if tt.want == "" {
					do(t, err)
					continue
				}
				if !errors.Is(err, core.ErrCheckpointMismatch) {
					t.Fatalf("%s: got %v", what, err)
				}
				got := strings.ReplaceAll(err.Error()+" | "+core.Hint(err), dir, "DIR")
				want := "open output DIR/out.csv: DIR/out.csv.part belongs to job job (day=2021-01-02), step " + tt.step + ", which has not finished" + tt.want
				if got != want {
					t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
				}
				if after := tree(t, dir); after != before {
					t.Errorf("%s: the files were\n%s\nand are\n%s", what, before, after)
				}
			}
			if tt.want == "" {
				want(t, path+ownerSuffix, "")
			}
		})
	}
}

// TestRepositoryFails: what cannot be asked is not taken for given up.
func TestRepositoryFails(t *testing.T) {
	t.Parallel()
	path := target(t)
	committedBy(t, path, owner(t, "a"), "one\n")
	cfg := partfile.Config{Target: path, Owner: ownerIn(t, &repository{id: "r1", err: core.ErrRepository}, 2, "write", "c")}
	_, err := partfile.Create(t.Context(), cfg)
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "cannot tell whether job job (day=2021-01-02), step write still needs") {
		t.Errorf("got %v", err)
	}
	want(t, path+partfile.Suffix, "one\n")
	want(t, path+ownerSuffix, deedOf("a"))
}

// committedBy leaves a part that holds text and belongs to o.
func committedBy(t *testing.T, path string, o partfile.Owner, text string) partfile.State {
	t.Helper()
	f, err := partfile.Create(t.Context(), partfile.Config{Target: path, Owner: o})
	do(t, err, f.Append([]byte(text)))
	state, err := f.Sync()
	do(t, err, f.Close())
	return state
}

// TestStates begins in every state of part and owner file that a crash, or a
// person, can leave.
func TestStates(t *testing.T) {
	t.Parallel()
	const none = "-"
	tests := map[string]struct {
		part, owner string
		by          string
		refused     string
	}{
		"nothing":                          {none, none, "b", ""},
		"died before the first checkpoint": {"one\n", none, "b", ""},
		"died in the first checkpoint":     {"one\n", deedOf("a")[:40], "b", ""},
		"... before a byte was written":    {"one\n", "", "b", ""},
		"... with the power":               {"one\n", strings.Repeat("\x00", 100), "b", ""},
		"died behind the rename":           {none, deedOf("a"), "b", ""},
		"died when it began":               {"", deedOf("a"), "b", ""},
		"its own":                          {"one\n", deedOf("b"), "b", ""},
		"another's":                        {"one\n", deedOf("a"), "b", "belongs to job job"},
		"another's, and nobody asks":       {"one\n", deedOf("a"), "", "belongs to job job"},
		"of a later version":               {"one\n", strings.Replace(deedOf("a"), ":1,", ":2,", 1), "b", "another version of batchctl has written it"},
		"without a lineage":                {"one\n", deedOf(""), "b", "another version of batchctl has written it"},
		"edited":                           {"one\n", strings.Replace(deedOf("a"), ",", ";", 1), "b", "does not say whose the part is"},
		"a file of somebody":               {none, "precious", "b", "does not say whose the part is"},
		"a text of somebody":               {none, "precious\n", "b", "does not say whose the part is"},
		"a database":                       {none, database, "b", "is an SQLite database"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			for suffix, text := range map[string]string{partfile.Suffix: tt.part, ownerSuffix: tt.owner} {
				if text != none {
					write(t, path+suffix, text)
				}
			}
			before := tree(t, filepath.Dir(path))
			f, err := partfile.Create(t.Context(), partfile.Config{Target: path, Owner: owner(t, tt.by)})
			if tt.refused != "" {
				if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), tt.refused) || core.Hint(err) == "" {
					t.Errorf("got %v", err)
				}
				if after := tree(t, filepath.Dir(path)); after != before {
					t.Errorf("the files were\n%s\nand are\n%s", before, after)
				}
				return
			}
			do(t, err)
			want(t, path+ownerSuffix, "")
			do(t, f.Append([]byte("two\n")))
			_, err = f.Sync()
			do(t, err)
			want(t, path+partfile.Suffix, "two\n")
			want(t, path+ownerSuffix, deedOf("b"))
			do(t, f.Publish(nil), f.Close())
			want(t, path+ownerSuffix, "")
		})
	}
	for name, lay := range map[string]func(path string) error{
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":      func(path string) error { return os.Symlink("elsewhere", path) },
		"a FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			do(t, lay(path+ownerSuffix))
			if _, err := partfile.Create(t.Context(), partfile.Config{Target: path, Owner: owner(t, "b")}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("got %v", err)
			}
		})
	}
}
