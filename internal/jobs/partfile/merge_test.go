package partfile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

const pieceHeader = "id,amount\n"

var pieceTexts = []string{"1,10\n2,20\n", "", "3,30\n"}

const mergedText = pieceHeader + "1,10\n2,20\n" + "3,30\n"

// pieces returns the parts of the file at path: two files beside it and one in
// a directory below.
func pieces(path string) (header string, parts []partfile.MergePart) {
	dirs := []string{"", "below", ""}
	for i, text := range pieceTexts {
		parts = append(parts, partfile.MergePart{
			Path:  filepath.Join(filepath.Dir(path), dirs[i], fmt.Sprintf("piece%d.csv", i)),
			State: partfile.State{}.Add([]byte(pieceHeader + text)),
		})
	}
	return pieceHeader, parts
}

// makePieces writes the files that pieces names.
func makePieces(t *testing.T, path string) []partfile.MergePart {
	t.Helper()
	_, parts := pieces(path)
	if err := os.MkdirAll(filepath.Join(filepath.Dir(path), "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, p := range parts {
		write(t, p.Path, pieceHeader+pieceTexts[i])
	}
	return parts
}

func wantMerged(t *testing.T, path string) {
	t.Helper()
	want(t, path, mergedText)
	want(t, path+partfile.Suffix, "")
	_, parts := pieces(path)
	for _, p := range parts {
		want(t, p.Path, "")
	}
}

func merge(t *testing.T, path string, parts []partfile.MergePart) error {
	t.Helper()
	return partfile.Merge(t.Context(), partfile.Config{Target: path}, parts, []byte(pieceHeader))
}

// TestMerge begins in every state that a crash can leave, and in which nothing
// was lost.
func TestMerge(t *testing.T) {
	t.Parallel()
	type state struct {
		name  string
		leave func(t *testing.T, path string, parts []partfile.MergePart)
	}
	states := []state{
		{"nothing was done", func(*testing.T, string, []partfile.MergePart) {}},
		{"half of the part is written", func(t *testing.T, path string, _ []partfile.MergePart) {
			t.Helper()
			write(t, path+partfile.Suffix, mergedText[:12])
		}},
		{"an older file is in the target's place", func(t *testing.T, path string, _ []partfile.MergePart) {
			t.Helper()
			write(t, path, strings.ToUpper(mergedText)) // of the same length
		}},
	}
	for removed := range len(pieceTexts) + 1 {
		name := fmt.Sprintf("the target is there, and %d parts are gone", removed)
		states = append(states, state{name, func(t *testing.T, path string, parts []partfile.MergePart) {
			t.Helper()
			write(t, path, mergedText)
			for _, p := range parts[:removed] {
				do(t, os.Remove(p.Path))
			}
		}})
	}
	for _, tt := range states {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			parts := makePieces(t, path)
			tt.leave(t, path, parts)
			for range 2 { // the second time there is nothing to do
				if err := merge(t, path, parts); err != nil {
					t.Fatal(err)
				}
				wantMerged(t, path)
			}
			if info, err := os.Stat(path); err != nil || info.Mode() != partfile.DefaultMode {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
		})
	}
	t.Run("no parts, and no header", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		do(t, merge(t, path, nil))
		want(t, path, pieceHeader)
		do(t, partfile.Merge(t.Context(), partfile.Config{Target: path, Mode: 0o644}, nil, nil))
		if info, err := os.Stat(path); err != nil || info.Size() != 0 || info.Mode() != 0o644 {
			t.Errorf("got %v, %v", info, err)
		}
	})
	t.Run("a file that exists is kept when it is told so", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		parts := makePieces(t, path)
		cfg := partfile.Config{Target: path, KeepExisting: true}
		write(t, path, "yesterday")
		if err := partfile.Merge(t.Context(), cfg, parts, []byte(pieceHeader)); err == nil || !strings.Contains(err.Error(), "must not be replaced") {
			t.Errorf("got error %v", err)
		}
		want(t, path, "yesterday")
		do(t, os.Remove(path), partfile.Merge(t.Context(), cfg, parts, []byte(pieceHeader)))
		do(t, partfile.Merge(t.Context(), cfg, parts, []byte(pieceHeader))) // it is the merged one
		wantMerged(t, path)
	})
	t.Run("the end of the context", func(t *testing.T) {
		t.Parallel()
		path := target(t)
		parts := makePieces(t, path)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(core.ErrAborted)
		err := partfile.Merge(ctx, partfile.Config{Target: path}, parts, []byte(pieceHeader))
		if !errors.Is(err, core.ErrAborted) {
			t.Errorf("got error %v", err)
		}
		want(t, path+partfile.Suffix, "")
		do(t, merge(t, path, parts))
		wantMerged(t, path)
	})
}

// TestMergeRefuses leaves every file as it was.
func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, path string, parts []partfile.MergePart) []partfile.MergePart
		kind   error
		says   string
	}{
		{"a part is missing, and there is no target", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			do(t, os.Remove(parts[1].Path))
			return parts
		}, core.ErrCheckpointMismatch, "piece1.csv is missing, and the target is not the merged file"},
		{"a part is missing, and the target is of yesterday", func(t *testing.T, path string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			do(t, os.Remove(parts[0].Path))
			write(t, path, pieceHeader+"0,10\n2,20\n3,30\n")
			return parts
		}, core.ErrCheckpointMismatch, "piece0.csv is missing"},
		{"a part was altered", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			write(t, parts[2].Path, pieceHeader+"3,31\n")
			return parts
		}, core.ErrCheckpointMismatch, "piece2.csv was altered: its checkpoint says 15 bytes"},
		{"a part has grown", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			write(t, parts[2].Path, pieceHeader+"3,30\n4,40\n")
			return parts
		}, core.ErrCheckpointMismatch, "piece2.csv was altered: its checkpoint says 15 bytes"},
		{"a part has another header", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			write(t, parts[2].Path, "id,total\n3,30\n")
			parts[2].State = partfile.State{}.Add([]byte("id,total\n3,30\n"))
			return parts
		}, core.ErrCheckpointMismatch, `piece2.csv begins with "id,total\n3", not with the header "id,amount\n"`},
		{"a part has less than the header", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			parts[2].State = partfile.State{Length: 3}
			return parts
		}, core.ErrCheckpointMismatch, "which is less than the header of 10 bytes"},
		{"what lies in the place of a merged part is another file", func(t *testing.T, path string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			write(t, path, mergedText)
			write(t, parts[0].Path, "precious")
			return parts
		}, core.ErrCheckpointMismatch, "piece0.csv was altered after it was merged"},
		{"a part twice", func(_ *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			return append(parts, parts[0])
		}, nil, "is named twice"},
		{"the target is a part", func(_ *testing.T, path string, parts []partfile.MergePart) []partfile.MergePart {
			return append(parts, partfile.MergePart{Path: path, State: parts[0].State})
		}, nil, "is named twice"},
		{"a path that is not absolute", func(_ *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			return append(parts, partfile.MergePart{Path: "piece9.csv", State: parts[0].State})
		}, nil, `the path of part "piece9.csv" is not absolute`},
		{"a part is a directory", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			do(t, os.Remove(parts[1].Path), os.Mkdir(parts[1].Path, 0o700))
			return parts
		}, nil, "is a directory, not a regular file"},
		{"a part is a link", func(t *testing.T, _ string, parts []partfile.MergePart) []partfile.MergePart {
			t.Helper()
			do(t, os.Rename(parts[1].Path, parts[1].Path+".old"), os.Symlink(parts[1].Path+".old", parts[1].Path))
			return parts
		}, nil, "is a symbolic link, not a regular file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := target(t)
			parts := tt.change(t, path, makePieces(t, path))
			before := tree(t, filepath.Dir(path))
			err := merge(t, path, parts)
			if err == nil || !strings.Contains(err.Error(), tt.says) || tt.kind != nil && !errors.Is(err, tt.kind) {
				t.Fatalf("got error %v, want one that says %q", err, tt.says)
			}
			if tt.kind != nil && core.Hint(err) == "" {
				t.Error("there is no hint")
			}
			if after := tree(t, filepath.Dir(path)); after != before {
				t.Errorf("the files were\n%s\nand are\n%s", before, after)
			}
		})
	}
}

// tree renders every file below dir.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		fmt.Fprintf(&b, "%s %v", path, entry.Type())
		if err == nil && entry.Type().IsRegular() {
			text, readErr := os.ReadFile(path)
			fmt.Fprintf(&b, " %q", text)
			err = readErr
		}
		b.WriteByte('\n')
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The states of parts alone tell the state of the merged file, however long
// header and parts are.
func TestMergeOfAnything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	rapid.Check(t, func(rt *rapid.T) {
		some := rapid.SliceOfN(rapid.Byte(), 0, 5000)
		header := some.Draw(rt, "header")
		whole := string(header)
		var parts []partfile.MergePart
		for i := range rapid.IntRange(0, 5).Draw(rt, "parts") {
			body := some.Draw(rt, "body")
			whole += string(body)
			p := partfile.MergePart{
				Path:  filepath.Join(dir, fmt.Sprint(i)),
				State: partfile.State{}.Add(header).Add(body),
			}
			if err := os.WriteFile(p.Path, slices.Concat(header, body), 0o600); err != nil {
				rt.Fatal(err)
			}
			parts = append(parts, p)
		}
		for range 2 { // the second time the states must tell that it is done
			if err := partfile.Merge(context.Background(), partfile.Config{Target: path}, parts, header); err != nil {
				rt.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != whole {
				rt.Fatalf("%d bytes (%v), want %d", len(got), err, len(whole))
			}
		}
	})
}

// TestMergeMemory must not run beside others: it counts what all of them
// allocate.
func TestMergeMemory(t *testing.T) {
	const size = 32 << 20
	path := target(t)
	var parts []partfile.MergePart
	block := make([]byte, size)
	for i := range 2 {
		p := partfile.MergePart{Path: fmt.Sprintf("%s.%d", path, i), State: partfile.State{}.Add(block)}
		do(t, os.WriteFile(p.Path, block, 0o600))
		parts = append(parts, p)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := partfile.Merge(t.Context(), partfile.Config{Target: path}, parts, nil)
	runtime.ReadMemStats(&after)
	do(t, err)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("merging %d bytes allocated %d", 2*size, got)
	}
}
