package partition_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/partition"
)

// contextsOf asks a partitioner and renders what it says.
func contextsOf(t *testing.T, p core.Partitioner, grid int) []core.ExecutionContext {
	t.Helper()
	parts, err := p.Partition(t.Context(), &core.Scope{}, grid)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]core.ExecutionContext, len(parts))
	for i, part := range parts {
		if part.Name != "" {
			t.Errorf("part %d has the name %q of its own", i, part.Name)
		}
		all[i] = part.Context
	}
	return all
}

func TestPartitioners(t *testing.T) {
	t.Parallel()
	between := func(bounds ...int64) []core.ExecutionContext {
		all := []core.ExecutionContext{}
		for i := 0; i < len(bounds); i += 2 {
			all = append(all, core.ExecutionContext{"min": bounds[i], "max": bounds[i+1]})
		}
		return all
	}
	for _, tt := range []struct {
		name string
		p    core.Partitioner
		grid int
		want []core.ExecutionContext
	}{
		{"count", partition.Count(), 2, []core.ExecutionContext{
			{"index": int64(0), "count": int64(2)}, {"index": int64(1), "count": int64(2)},
		}},
		{"a range that divides", partition.FixedRange(1, 9), 3, between(1, 3, 4, 6, 7, 9)},
		{"one that does not", partition.FixedRange(1, 10), 4, between(1, 3, 4, 6, 7, 8, 9, 10)},
		{"fewer numbers than the grid", partition.FixedRange(-1, 1), 8, between(-1, -1, 0, 0, 1, 1)},
		{"one number", partition.FixedRange(7, 7), 3, between(7, 7)},
		{"no numbers", partition.FixedRange(8, 7), 3, between()},
		{"all numbers in one", partition.FixedRange(math.MinInt64, math.MaxInt64), 1, between(math.MinInt64, math.MaxInt64)},
		{"all numbers in two", partition.FixedRange(math.MinInt64, math.MaxInt64), 2, between(math.MinInt64, -1, 0, math.MaxInt64)},
		{"values", partition.Values("EU", int64(1), 1.0, true), 9, []core.ExecutionContext{
			{"value": "EU"}, {"value": int64(1)}, {"value": 1.0}, {"value": true},
		}},
		{"no values", partition.Values(), 9, []core.ExecutionContext{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, contextsOf(t, tt.p, tt.grid)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for says, p := range map[string]core.Partitioner{
		`the value "EU" comes twice`:    partition.Values("EU", "US", "EU"),
		`context key "value" holds`:     partition.Values([]int{1}),
		"find the values: boom":         partition.ValuesOf(func(context.Context, *core.Scope) ([]any, error) { return nil, errBoom }),
		"find the range of the key: bo": partition.Range(func(context.Context, *core.Scope) (int64, int64, error) { return 0, 0, errBoom }),
	} {
		if _, err := p.Partition(t.Context(), &core.Scope{}, 2); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got error %v, want one that says %q", err, says)
		}
	}
}

func TestGrid(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]core.Partitioner{"count": partition.Count(), "range": partition.FixedRange(0, math.MaxInt64)} {
		for grid, want := range map[int]int{0: 0, 1: 1, partition.MaxGrid: partition.MaxGrid} {
			if parts, err := p.Partition(t.Context(), &core.Scope{}, grid); err != nil || len(parts) != want {
				t.Errorf("%s: a grid of %d made %d parts, %v", name, grid, len(parts), err)
			}
		}
		for _, grid := range []int{math.MinInt, -1, partition.MaxGrid + 1, math.MaxInt} {
			parts, err := p.Partition(t.Context(), &core.Scope{}, grid)
			if want := fmt.Sprintf("the grid asks for %d parts, and 0 to 100000 are possible", grid); len(parts) > 0 || err == nil || err.Error() != want || core.Hint(err) == "" {
				t.Errorf("%s: %v, want %q and a hint", name, err, want)
			}
		}
	}
}

// The parts of any range are as many as asked for or as there are numbers, none
// is empty, and they cover the range without a gap and without overlap.
func TestRangeIsCovered(t *testing.T) {
	t.Parallel()
	bound := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-20, 20),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1, math.MaxInt64}))
	rapid.Check(t, func(rt *rapid.T) {
		lowest, highest, grid := bound.Draw(rt, "lowest"), bound.Draw(rt, "highest"), rapid.IntRange(1, 70).Draw(rt, "grid")
		parts := contextsOf(t, partition.FixedRange(lowest, highest), grid)
		if lowest > highest {
			if len(parts) != 0 {
				rt.Fatalf("%d parts of nothing", len(parts))
			}
			return
		}
		want := uint64(grid)
		if steps := uint64(highest) - uint64(lowest); steps < want {
			want = steps + 1
		}
		if uint64(len(parts)) != want {
			rt.Fatalf("%d parts, want %d", len(parts), want)
		}
		next, shortest, longest := lowest, uint64(math.MaxUint64), uint64(0)
		for i, part := range parts {
			from, to := part["min"].(int64), part["max"].(int64)
			if from != next || from > to || (to == highest) != (i == len(parts)-1) {
				rt.Fatalf("part %d is %d to %d, want one that begins at %d", i, from, to, next)
			}
			steps := uint64(to) - uint64(from)
			shortest, longest = min(shortest, steps), max(longest, steps)
			next = to + 1
		}
		if longest-shortest > 1 {
			rt.Fatalf("the parts have between %d and %d numbers", shortest+1, longest+1)
		}
	})
}

func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b/2.csv", "a/1.csv", "a/10.csv", "a/2.csv", "a/x.txt", "a/[1].csv", "plain.csv"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "a", "d.dir"), 0o755), os.Symlink("/nowhere", filepath.Join(dir, "b", "gone.lnk"))); err != nil {
		t.Fatal(err)
	}
	files := func(pattern string, o partition.FilesOptions) core.Partitioner {
		return partition.Files(func(*core.Scope) (string, error) { return pattern, nil }, o)
	}
	for _, tt := range []struct {
		pattern string
		want    []string
	}{
		{"a/?.csv", []string{"a/1.csv", "a/2.csv"}},
		{"a/[0-9]*.csv", []string{"a/1.csv", "a/10.csv", "a/2.csv"}},
		{`a/\[1].csv`, []string{"a/[1].csv"}},
		{"*/2.csv", []string{"a/2.csv", "b/2.csv"}},
		{"[ab]/*[0-9].csv", []string{"a/1.csv", "a/10.csv", "a/2.csv", "b/2.csv"}},
		{"a/../a/1.csv", []string{"a/1.csv"}},
		{"plain.csv", []string{"plain.csv"}},
		{"*/*.none", nil},
	} {
		t.Run("PART-20 "+tt.pattern, func(t *testing.T) {
			t.Parallel()
			want := []core.ExecutionContext{}
			for _, name := range tt.want {
				want = append(want, core.ExecutionContext{"file": filepath.Join(dir, name), "fileName": filepath.Base(name)})
			}
			got := contextsOf(t, files(dir+"/"+tt.pattern, partition.FilesOptions{AllowNone: true}), 1)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, tt := range []struct{ name, pattern, says, hint string }{
		{"PART-20 no match", dir + "/a/*.tsv", `a/*.tsv": no file matches`, "ls -l " + dir + "/a"},
		{"PART-20 no match of a name", dir + "/none.csv", "no file matches", "ls -l " + dir},
		{"not absolute", "a/*.csv", "the pattern is not absolute", ""},
		{"not a pattern", dir + "/[", "syntax error in pattern", ""},
		{"a directory that is missing", dir + "/none/*.csv", "no such file or directory", "ls -ld " + dir + "/none " + dir},
		{"a file in the place of the directory", dir + "/plain.csv/*", "is not a directory", "ls -ld " + dir + "/plain.csv " + dir},
		{"a directory matches", dir + "/a/d*", "is a directory, not a regular file", ""},
		{"a link to nowhere", dir + "/b/*.lnk", "no such file or directory", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range []partition.FilesOptions{{}, {AllowNone: true}} {
				parts, err := files(tt.pattern, o).Partition(t.Context(), &core.Scope{}, 1)
				if o.AllowNone && strings.Contains(tt.says, "no file matches") {
					if err != nil || len(parts) != 0 {
						t.Errorf("got %v, %v", parts, err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.pattern) {
					t.Errorf("got error %v, want one that says %q and the pattern", err, tt.says)
				}
				if got := core.Hint(err); got != tt.hint {
					t.Errorf("got hint %q, want %q", got, tt.hint)
				}
			}
		})
	}
	_, err := partition.Files(func(*core.Scope) (string, error) { return "", errBoom }, partition.FilesOptions{}).Partition(t.Context(), nil, 1)
	wantError(t, err, errBoom, "")
	t.Run("a directory whose name is escaped is one that must be there", func(t *testing.T) {
		t.Parallel()
		in := filepath.Join(t.TempDir(), "in[1]")
		ask := func(o partition.FilesOptions) ([]core.Partition, error) {
			return files(filepath.Dir(in)+`/in\[1]/*.csv`, o).Partition(t.Context(), nil, 1)
		}
		_, err := ask(partition.FilesOptions{AllowNone: true})
		wantError(t, err, os.ErrNotExist, "")
		if want := core.ShellQuote("ls", "-ld", in, filepath.Dir(in)); core.Hint(err) != want {
			t.Errorf("got hint %q, want %q", core.Hint(err), want)
		}
		if err := os.Mkdir(in, 0o700); err != nil {
			t.Fatal(err)
		}
		if parts, err := ask(partition.FilesOptions{AllowNone: true}); err != nil || len(parts) != 0 {
			t.Errorf("got %v, %v", parts, err)
		}
		if _, err := ask(partition.FilesOptions{}); core.Hint(err) != core.ShellQuote("ls", "-l", in) {
			t.Errorf("got %v, hint %q", err, core.Hint(err))
		}
	})
	t.Run("one file by two names is not two files", func(t *testing.T) {
		t.Parallel()
		in := t.TempDir()
		if err := errors.Join(os.WriteFile(in+"/1.csv", nil, 0o600), os.Symlink("1.csv", in+"/latest.csv")); err != nil {
			t.Fatal(err)
		}
		_, err := files(in+"/*.csv", partition.FilesOptions{}).Partition(t.Context(), nil, 1)
		if want := fmt.Sprintf(`"%[1]s/1.csv" and "%[1]s/latest.csv" are one file`, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one that says %s", err, want)
		}
		if got := contextsOf(t, files(in+"/l*.csv", partition.FilesOptions{}), 1); len(got) != 1 || got[0]["fileName"] != "latest.csv" {
			t.Errorf("a link alone is %v", got)
		}
	})
	t.Run("a directory that cannot be read is not an empty one", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() == 0 {
			t.Skip("root reads every directory")
		}
		closed := filepath.Join(t.TempDir(), "closed")
		if err := os.Mkdir(closed, 0o300); err != nil {
			t.Fatal(err)
		}
		if _, err := files(closed+"/*", partition.FilesOptions{AllowNone: true}).Partition(t.Context(), nil, 1); !errors.Is(err, os.ErrPermission) {
			t.Errorf("got error %v", err)
		}
	})
}

// A name that no execution could have is one of a file, which a person can rename.
func TestFileThatCannotBeAPart(t *testing.T) {
	t.Parallel()
	b, dir := setup(t), t.TempDir()
	path := filepath.Join(dir, "a:b.csv")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := partition.Files(func(*core.Scope) (string, error) { return dir + "/*.csv", nil }, partition.FilesOptions{})
	step := partition.Step("load", tasklet(func(context.Context, *core.Scope, *core.StepContribution) (core.RepeatStatus, error) {
		return core.Finished, nil
	}), core.PartitionerFunc(func(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
		parts, err := files.Partition(ctx, s, grid)
		for i := range parts {
			parts[i].Name = filepath.Base(parts[i].Context[partition.KeyFile].(string))
		}
		return parts, err
	}), partition.Options{})
	_, err := b.run(step)
	if want := `the file "` + path + `" cannot be part "a:b.csv": the name must not contain ":"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	if want := "rename the file, then batchctl restart 1"; core.Hint(err) != want {
		t.Errorf("hint %q, want %q", core.Hint(err), want)
	}
	if err := os.Rename(path, filepath.Join(dir, "a-b.csv")); err != nil {
		t.Fatal(err)
	}
	b.complete(step)
}

// A file that came after the plan was made is none of this instance's, which is
// said, and without one that has gone nothing is started.
func TestFilesOfThePlan(t *testing.T) {
	t.Parallel()
	b, dir := setup(t), t.TempDir()
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1.csv")
	write("2.csv")
	var c called
	worker := tasklet(func(_ context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		path, _, err := s.Context.String(partition.KeyFile)
		if err != nil {
			return core.Finished, err
		}
		c.add(filepath.Base(path))
		if s.Execution.ID == 1 && filepath.Base(path) == "2.csv" {
			return core.Finished, errBoom
		}
		_, err = os.Stat(path)
		return core.Finished, err
	})
	step := partition.Step("load", worker, partition.Files(
		func(*core.Scope) (string, error) { return dir + "/*.csv", nil }, partition.FilesOptions{}), partition.Options{})
	_, err := b.run(step)
	wantError(t, err, errBoom, "part partition1")
	c.take()
	write("0.csv")
	if err := os.Remove(filepath.Join(dir, "2.csv")); err != nil {
		t.Fatal(err)
	}
	je, err := b.run(step)
	wantError(t, err, core.ErrCheckpointMismatch, fmt.Sprintf(`the file "%s/2.csv" of part "partition1" has gone, and the part is not complete; no part was started`, dir))
	if want := "put it back, then batchctl restart 2"; core.Hint(err) != want || je.Steps[0].ExitStatus.Code != core.ExitCodeRefused {
		t.Errorf("hint %q, want %q; the step ended %s", core.Hint(err), want, je.Steps[0].ExitStatus.Code)
	}
	write("2.csv")
	je, err = b.run(step)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`1 file has come since the parts were planned and is not read by this instance: "%s/0.csv"`, dir)
	if got := je.Steps[0].ExitStatus; got.Message != want || got.Code != core.ExitCodeCompleted {
		t.Errorf("the step ended %+v, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"2.csv"}, c.take()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
