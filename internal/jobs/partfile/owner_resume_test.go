package partfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

func TestResumeOfOwner(t *testing.T) {
	t.Parallel()
	resume := func(ctx context.Context, path, by string, state partfile.State) (*partfile.File, error) {
		return partfile.Resume(ctx, partfile.Config{Target: path, Owner: owner(t, by)}, state, []byte("end\n"))
	}
	t.Run("its own", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		state := committedBy(t, path, owner(t, "a"), "one\n")
		f, err := resume(t.Context(), path, "a", state)
		do(t, err)
		want(t, path+ownerSuffix, deedOf("a"))
		do(t, f.Publish([]byte("end\n")))
		want(t, path, "one\nend\n")
		want(t, path+ownerSuffix, "")
	})
	t.Run("a part that was begun without an owner becomes its own", func(t *testing.T) {
		t.Parallel()
		for _, torn := range []string{"", deedOf("b")[:30]} {
			path := target(t)
			state := committed(t, path, "one\n", 4)
			if torn != "" {
				write(t, path+ownerSuffix, torn)
			}
			f, err := resume(t.Context(), path, "a", state)
			do(t, err, f.Close())
			want(t, path+ownerSuffix, deedOf("a"))
		}
	})
	t.Run("another's is left alone", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		state := committedBy(t, path, owner(t, "a"), "one\n")
		for _, state := range []partfile.State{state, {}} {
			if _, err := resume(t.Context(), path, "b", state); !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "belongs to job job") {
				t.Errorf("got %v", err)
			}
		}
		want(t, path+partfile.Suffix, "one\n")
	})
	t.Run("another's that was given up holds nothing of this one", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		r := &repository{
			id: "r1", instance: core.JobInstance{ID: 1, JobName: "job", JobKey: "key"}, last: &core.JobExecution{ID: 12, Status: core.StatusAbandoned},
			steps: map[string]*core.StepExecution{"write": {Context: core.ExecutionContext{core.ContextKeyLineage: "a"}}},
		}
		committedBy(t, path, ownerIn(t, r, 1, "write", "a"), "one\n")
		cfg := partfile.Config{Target: path, Owner: ownerIn(t, r, 2, "write", "b")}
		if _, err := partfile.Resume(t.Context(), cfg, partfile.State{}.Add([]byte("two\n")), nil); !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "which is not there any more") {
			t.Errorf("got %v", err)
		}
		f, err := partfile.Resume(t.Context(), cfg, partfile.State{}, nil)
		do(t, err, f.Append([]byte("two\n")), f.Publish(nil))
		want(t, path, "two\n")
	})
	t.Run("nothing was committed, and the first checkpoint comes again", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		committedBy(t, path, owner(t, "a"), "one\n") // but its commit never came
		f, err := resume(t.Context(), path, "a", partfile.State{})
		do(t, err)
		want(t, path+ownerSuffix, "")
		do(t, f.Append([]byte("two\n")))
		_, err = f.Sync()
		do(t, err, f.Close())
		want(t, path+ownerSuffix, deedOf("a"))
	})
}

// TestPublishedBeforeAnother: who died behind the rename finds that the target is
// there, whatever others have begun meanwhile.
func TestPublishedBeforeAnother(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(t *testing.T, path string){
		"nothing yet": func(t *testing.T, path string) {
			t.Helper()
			create(t, partfile.Config{Target: path, Owner: owner(t, "b")}).Close()
		},
		"not committed": func(t *testing.T, path string) {
			t.Helper()
			f := create(t, partfile.Config{Target: path, Owner: owner(t, "b")})
			do(t, f.Append([]byte("two\n")), f.Close())
		},
		"committed": func(t *testing.T, path string) { t.Helper(); committedBy(t, path, owner(t, "b"), "two\n") },
	} {
		for what, text := range map[string]string{"rows": "one\n", "no rows": ""} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				path := target(t)
				cfg := partfile.Config{Target: path, Owner: owner(t, "a")}
				f := create(t, cfg)
				do(t, f.Append([]byte(text)))
				state, err := f.Sync()
				do(t, err, f.Publish([]byte("end\n")))
				write(t, path+ownerSuffix, deedOf("a")) // it died before it could remove that
				begin(t, path)
				before := tree(t, filepath.Dir(path))
				f, err = partfile.Resume(t.Context(), cfg, state, []byte("end\n"))
				if what == "no rows" && name != "committed" {
					do(t, err) // it may as well write the file again
					do(t, f.Publish([]byte("end\n")))
					want(t, path, "end\n")
					return
				}
				do(t, err)
				if !f.Published() {
					t.Error("it does not know")
				}
				if after := tree(t, filepath.Dir(path)); after != before {
					t.Errorf("the files were\n%s\nand are\n%s", before, after)
				}
			})
		}
	}
}

// TestReplaced: who died behind the rename, and has been replaced since, is told
// what that may mean.
func TestReplaced(t *testing.T) {
	t.Parallel()
	path := target(t)
	cfg := partfile.Config{Target: path, Owner: owner(t, "a")}
	f := create(t, cfg)
	do(t, f.Append([]byte("one\n")))
	state, err := f.Sync()
	do(t, err, f.Publish(nil))
	write(t, path, "two\n")
	_, err = partfile.Resume(t.Context(), cfg, state, nil)
	const hint = "put the file back as it was, then restart; or, if another run has replaced it since it was published: batchctl abandon 10"
	if !errors.Is(err, core.ErrCheckpointMismatch) || core.Hint(err) != hint {
		t.Errorf("got %v with the hint %s", err, core.Hint(err))
	}
	want(t, path, "two\n")
}

// TestLost: who finds the unfinished file gone is told what to do if it is gone
// for good.
func TestLost(t *testing.T) {
	t.Parallel()
	path := target(t)
	cfg := partfile.Config{Target: path, Owner: owner(t, "a")}
	f := create(t, cfg)
	do(t, f.Append([]byte("one\n")))
	state, err := f.Sync()
	do(t, err, f.Close(), os.Remove(path+partfile.Suffix))
	_, err = partfile.Resume(t.Context(), cfg, state, nil)
	const hint = "put the file back as it was, then restart; if it is lost, this instance can never be completed: batchctl abandon 10"
	if !errors.Is(err, core.ErrCheckpointMismatch) || core.Hint(err) != hint {
		t.Errorf("got %v with the hint %s", err, core.Hint(err))
	}
}

// TestRemove gives up a part that no checkpoint names.
func TestRemove(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path, Owner: owner(t, "a")})
	do(t, f.Append([]byte("one\n")))
	_, err := f.Sync()
	do(t, err, f.Remove(), f.Remove())
	want(t, path+partfile.Suffix, "")
	want(t, path+ownerSuffix, "")
	var nothing *partfile.File
	do(t, nothing.Remove())
}

// TestOwnerCannotBeWritten: a checkpoint is refused that nothing would protect.
func TestOwnerCannotBeWritten(t *testing.T) {
	t.Parallel()
	path := target(t)
	f := create(t, partfile.Config{Target: path, Owner: owner(t, "a")})
	do(t, f.Append([]byte("one\n")))
	write(t, path+ownerSuffix, "precious\n")
	if _, err := f.Sync(); err == nil || !strings.Contains(err.Error(), "out.csv.part.owner: file exists") {
		t.Errorf("got %v", err)
	}
	want(t, path+ownerSuffix, "precious\n")
	if err := f.Publish(nil); err == nil {
		t.Error("it goes on")
	}
}
