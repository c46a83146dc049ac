package csvfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// mergeConfig is how the parts of these tests are written.
func mergeConfig(path string) csvfile.WriterConfig {
	return csvfile.WriterConfig{Path: path, Columns: []string{"who", "what"}}
}

// writePart writes and publishes a part with a chunk of rows, or without a chunk.
func writePart(t *testing.T, path string, chunk bool, rows ...[2]string) csvfile.MergePart {
	t.Helper()
	w := csvfile.NewWriter(mergeConfig(path), func(row *[2]string, dst []string) ([]string, error) {
		return append(dst, row[0], row[1]), nil
	})
	ec := core.ExecutionContext{}
	steps := []func() error{
		func() error { return w.Open(t.Context(), ec) },
		func() error { return w.Finish(t.Context()) },
		w.Close,
	}
	if chunk {
		write := func() error {
			if len(rows) == 0 {
				return nil // all were filtered out
			}
			return w.Write(t.Context(), &core.Chunk[[2]string]{Seq: 1, Items: rows})
		}
		steps = append(steps[:1:1], append([]func() error{write, func() error { return w.Checkpoint(ec) }}, steps[1:]...)...)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return csvfile.MergePart{Path: path, Context: ec}
}

// mergeParts writes parts of two rows, of a chunk without rows, without a chunk, and
// of one row.
func mergeParts(t *testing.T, dir string) []csvfile.MergePart {
	t.Helper()
	return []csvfile.MergePart{
		writePart(t, filepath.Join(dir, "a.csv"), true, [2]string{"a", "1, 2"}, [2]string{"b", "3"}),
		writePart(t, filepath.Join(dir, "b.csv"), true),
		writePart(t, filepath.Join(dir, "c.csv"), false),
		writePart(t, filepath.Join(dir, "d.csv"), true, [2]string{"d", "4"}),
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := make([]string, len(entries))
	for i, e := range entries {
		found[i] = e.Name()
	}
	return found
}

func TestMerge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parts := mergeParts(t, dir)
	target := filepath.Join(dir, "whole.csv")
	for range 2 { // a restart may find it done
		if err := csvfile.Merge(t.Context(), mergeConfig(target), parts); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(target)
		if err != nil {
			t.Fatal(err)
		}
		if want := "who,what\na,\"1, 2\"\nb,3\nd,4\n"; string(data) != want {
			t.Errorf("merged into\n%s\nwant\n%s", data, want)
		}
		if found := names(t, dir); len(found) != 1 {
			t.Errorf("left are %v, want the merged file alone", found)
		}
	}
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, cfg *csvfile.WriterConfig, parts []csvfile.MergePart)
		want   error
	}{
		"a part that has changed": {func(t *testing.T, _ *csvfile.WriterConfig, parts []csvfile.MergePart) {
			t.Helper()
			if err := os.WriteFile(parts[3].Path, []byte("who,what\nd,5\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, core.ErrCheckpointMismatch},
		"a part that is missing": {func(t *testing.T, _ *csvfile.WriterConfig, parts []csvfile.MergePart) {
			t.Helper()
			if err := os.Rename(parts[0].Path, parts[0].Path+".away"); err != nil {
				t.Fatal(err)
			}
		}, core.ErrCheckpointMismatch},
		"the context of another part": {func(_ *testing.T, _ *csvfile.WriterConfig, parts []csvfile.MergePart) {
			parts[0].Context = parts[3].Context
		}, core.ErrCheckpointMismatch},
		"a footer": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ []csvfile.MergePart) {
			cfg.Footer = func(int64) []string { return []string{"END"} }
		}, core.ErrJobDefinition},
		"no columns": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ []csvfile.MergePart) { cfg.Columns = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			parts := mergeParts(t, dir)
			cfg := mergeConfig(filepath.Join(dir, "whole.csv"))
			c.change(t, &cfg, parts)
			before := names(t, dir)
			err := csvfile.Merge(t.Context(), cfg, parts)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if after := names(t, dir); len(after) != len(before) {
				t.Errorf("it has left %v of %v", after, before)
			}
		})
	}
}
