package csvfile_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// output is a writer under test and the context that it commits to.
type output struct {
	*csvfile.Writer[[]string]
	t   *testing.T
	seq int64
	ec  core.ExecutionContext
}

// begin opens a writer at the last committed context of before, if any, as a
// restart does.
func begin(t *testing.T, cfg csvfile.WriterConfig, before *output) *output {
	t.Helper()
	o := &output{Writer: csvfile.NewWriter(cfg, encodeFields), t: t, ec: core.ExecutionContext{}}
	if before != nil {
		o.ec, o.seq = before.ec, before.seq
	}
	mustOpen(t, o.Writer, o.ec)
	return o
}

// put writes a chunk that does not commit.
func (o *output) put(records ...[]string) *output {
	o.t.Helper()
	if err := o.Write(o.t.Context(), &core.Chunk[[]string]{Seq: o.seq + 1, Items: records}); err != nil {
		o.t.Fatal(err)
	}
	return o
}

// checkpoint makes durable what a commit is going to name.
func (o *output) checkpoint() core.ExecutionContext {
	o.t.Helper()
	ec := o.ec.Clone()
	if err := o.Checkpoint(ec); err != nil {
		o.t.Fatal(err)
	}
	if err := ec.Check(); err != nil {
		o.t.Fatal(err)
	}
	return ec
}

// commit writes a chunk and commits it.
func (o *output) commit(records ...[]string) *output {
	o.t.Helper()
	o.put(records...)
	o.ec = o.checkpoint()
	o.seq++
	return o
}

// crash ends the attempt.
func (o *output) crash() *output {
	o.t.Helper()
	if err := o.Close(); err != nil {
		o.t.Fatal(err)
	}
	return o
}

func (o *output) mark() *output {
	o.t.Helper()
	if err := o.Mark(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	return o
}

func (o *output) revert() *output {
	o.t.Helper()
	if err := o.Revert(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	return o
}

func (o *output) finish() *output {
	o.t.Helper()
	if err := o.Finish(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	return o
}

func outConfig(t *testing.T) csvfile.WriterConfig {
	t.Helper()
	return csvfile.WriterConfig{
		Path: filepath.Join(t.TempDir(), "out.csv"), Columns: []string{"id", "name"},
		Footer: func(rows int64) []string { return []string{"end", strconv.FormatInt(rows, 10)} },
	}
}

func wantFile(t *testing.T, path, text string) {
	t.Helper()
	if diff := cmp.Diff(content(t, path), text); diff != "" {
		t.Errorf("%s (-got +want):\n%s", filepath.Base(path), diff)
	}
}

func wantNoFile(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there (%v)", filepath.Base(path), err)
	}
}

const whole = "id,name\n1,a\n2,b\n3,c\nend,3\n"

func TestWriter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		run  func(t *testing.T, cfg csvfile.WriterConfig)
		want string
	}{
		"undisturbed": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			o := begin(t, cfg, nil).commit([]string{"1", "a"}, []string{"2", "b"}).commit([]string{"3", "c"})
			wantNoFile(t, cfg.Path)
			o.finish().finish().crash()
		}, whole},
		"CHUNK-61 CHUNK-63 crash behind a commit": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit([]string{"1", "a"}).crash()
			wantNoFile(t, cfg.Path)
			begin(t, cfg, first).commit([]string{"2", "b"}, []string{"3", "c"}).finish()
		}, whole},
		"CHUNK-61 crash before the commit of what was written": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit([]string{"1", "a"}).put([]string{"2", "x"})
			first.checkpoint()
			second := begin(t, cfg, first.crash()).commit([]string{"2", "b"}).put([]string{"3", "xxxxx"}).crash()
			begin(t, cfg, second).commit([]string{"3", "c"}).finish()
		}, whole},
		"CHUNK-64 crash before the first commit": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).put([]string{"9", "x"}).crash()
			begin(t, cfg, first).commit([]string{"1", "a"}, []string{"2", "b"}, []string{"3", "c"}).finish()
		}, whole},
		"crash behind a commit without rows": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit().put([]string{"9", "x"}).crash()
			begin(t, cfg, first).commit([]string{"1", "a"}, []string{"2", "b"}, []string{"3", "c"}).finish()
		}, whole},
		"crash behind the rename": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit([]string{"1", "a"}, []string{"2", "b"}, []string{"3", "c"}).finish().crash()
			second := begin(t, cfg, first)
			if diff := cmp.Diff(second.checkpoint(), first.ec); diff != "" {
				t.Errorf("checkpoint of what was published (-got +want):\n%s", diff)
			}
			second.finish().put() // no more rows
			third := begin(t, cfg, second.crash())
			err := third.Write(t.Context(), &core.Chunk[[]string]{Seq: 9, Items: [][]string{{"4", "d"}}})
			if !errors.Is(err, core.ErrCheckpointMismatch) || core.Hint(err) == "" {
				t.Errorf("Write behind the end: %v", err)
			}
		}, whole},
		"crash before the rename, footer written": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit([]string{"1", "a"}, []string{"2", "b"}, []string{"3", "c"}).crash()
			write(t, cfg.Path+".part", whole)
			begin(t, cfg, first).finish()
		}, whole},
		"a failed commit, the chunk again": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			o := begin(t, cfg, nil).mark().put([]string{"1", "x"})
			o.checkpoint()
			o.revert().commit([]string{"1", "a"}).mark().put([]string{"2", "xxx"})
			o.checkpoint()
			o.revert().put([]string{"2", "y"})
			o.checkpoint()
			o.revert().commit([]string{"2", "b"}).commit([]string{"3", "c"}).finish()
		}, whole},
		"the chunk again item by item": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			o := begin(t, cfg, nil).mark().put([]string{"1", "a"}, []string{"2", "b"}, []string{"9", "x"}).revert()
			o.put([]string{"1", "a"}).mark().put([]string{"2", "b"}).mark().put([]string{"9", "x"}).revert().revert()
			o.commit([]string{"3", "c"}).finish()
		}, whole},
		"reverted to nothing, then a crash": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).mark().put([]string{"9", "x"}).revert()
			wantFile(t, cfg.Path+".part", "")
			first.ec = first.checkpoint()
			begin(t, cfg, first.crash()).commit([]string{"1", "a"}, []string{"2", "b"}, []string{"3", "c"}).finish()
		}, whole},
		"CHUNK-67 an item that cannot be encoded": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			o := begin(t, cfg, nil).commit([]string{"1", "a"})
			for _, bad := range [][]string{{"x"}, {"x", "\xff"}, {"x", "\x00"}, {"x", "y", "z"}, nil} {
				err := o.Write(t.Context(), &core.Chunk[[]string]{Seq: 2, Items: [][]string{{"2", "b"}, bad}})
				if err == nil || !strings.Contains(err.Error(), "item 2 of the chunk: ") {
					t.Fatalf("got %v", err)
				}
			}
			wantFile(t, cfg.Path+".part", "id,name\n1,a\n")
			o.commit([]string{"2", "b"}, []string{"3", "c"}).finish()
		}, whole},
		"no rows": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			begin(t, cfg, nil).commit().finish()
		}, "id,name\nend,0\n"},
		"no rows, crash behind the rename": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			first := begin(t, cfg, nil).commit().finish().crash()
			begin(t, cfg, first).finish()
		}, "id,name\nend,0\n"},
		"CHUNK-65 replaces an older file": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			write(t, cfg.Path, "yesterday\n")
			o := begin(t, cfg, nil).commit([]string{"1", "a"})
			wantFile(t, cfg.Path, "yesterday\n")
			o.finish()
		}, "id,name\n1,a\nend,1\n"},
		"format": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			cfg.Comma, cfg.CRLF, cfg.Footer = ';', true, nil
			begin(t, cfg, nil).commit([]string{"a;b", "a,b"}, []string{`say "x"`, "x\ny"}, []string{"", " x "}, []string{"=1+1", "-5"}).finish()
		}, "id;name\r\n\"a;b\";a,b\r\n\"say \"\"x\"\"\";\"x\ny\"\r\n; x \r\n=1+1;-5\r\n"},
		"no header, no footer": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			cfg.NoHeader, cfg.Footer = true, func(int64) []string { return nil }
			begin(t, cfg, nil).commit([]string{"1", "a"}).finish()
		}, "1,a\n"},
		"formula guard": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			cfg.FormulaGuard, cfg.Footer = true, nil
			begin(t, cfg, nil).commit([]string{"=1+1", "+1"}, []string{"-1", "@x"}, []string{"\tx", "\nx"}, []string{"\rx", "a=1"}).finish()
		}, "id,name\n'=1+1,'+1\n'-1,'@x\n'\tx,\"'\nx\"\n\"'\rx\",a=1\n"},
		"one empty field is no blank line": {func(t *testing.T, cfg csvfile.WriterConfig) {
			t.Helper()
			cfg.Columns, cfg.Footer = []string{"id"}, nil
			begin(t, cfg, nil).commit([]string{""}).finish()
		}, "id\n\"\"\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := outConfig(t)
			tt.run(t, cfg)
			wantFile(t, cfg.Path, tt.want)
			wantNoFile(t, cfg.Path+".part")
		})
	}
}

func TestWriterCheckpoint(t *testing.T) {
	t.Parallel()
	cfg := outConfig(t)
	cfg.Name = "report"
	o := begin(t, cfg, nil).commit([]string{"1", "상점"})
	text := "id,name\n1,상점\n"
	want := core.ExecutionContext{
		"report.length": int64(len(text)), "report.crc": int64(crc(t, text)), "report.rows": int64(1), "report.target": cfg.Path,
	}
	if diff := cmp.Diff(o.ec, want); diff != "" {
		t.Errorf("CHUNK-62 (-got +want):\n%s", diff)
	}
	wantFile(t, cfg.Path+".part", text)
}

func TestWriterRefusesAtOpen(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change   func(t *testing.T, cfg *csvfile.WriterConfig, ec core.ExecutionContext)
		want     string
		mismatch bool
	}{
		"89 part edited": {func(t *testing.T, cfg *csvfile.WriterConfig, _ core.ExecutionContext) {
			t.Helper()
			write(t, cfg.Path+".part", "id,name\n1,A\n")
		}, "out.csv.part was altered: the checkpoint says 12 bytes", true},
		"other target": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ core.ExecutionContext) {
			cfg.Path += ".new"
		}, "the last attempt wrote to ", true},
		"context damaged": {func(_ *testing.T, _ *csvfile.WriterConfig, ec core.ExecutionContext) {
			delete(ec, "csv.out.rows")
		}, "only 2 of the 3 context keys", true},
		"context without a target": {func(_ *testing.T, _ *csvfile.WriterConfig, ec core.ExecutionContext) {
			delete(ec, "csv.out.target")
		}, `context key "csv.out.target" stands alone or is missing`, true},
		"context of another type": {func(_ *testing.T, _ *csvfile.WriterConfig, ec core.ExecutionContext) {
			ec["csv.out.target"] = int64(1)
		}, "holds a int64, want a string", true},
		"86 target exists": {func(t *testing.T, cfg *csvfile.WriterConfig, ec core.ExecutionContext) {
			t.Helper()
			clear(ec)
			cfg.KeepExisting = true
			write(t, cfg.Path, "old")
		}, "the file exists and must not be replaced", false},
		"86 directory missing": {func(_ *testing.T, cfg *csvfile.WriterConfig, ec core.ExecutionContext) {
			clear(ec)
			cfg.Path = filepath.Join(filepath.Dir(cfg.Path), "none", "out.csv")
		}, "does not exist", false},
		"relative path": {func(_ *testing.T, cfg *csvfile.WriterConfig, ec core.ExecutionContext) {
			clear(ec)
			cfg.Path = "out.csv"
		}, "the path is not absolute", false},
		"no columns": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ core.ExecutionContext) {
			cfg.Columns = nil
		}, "no columns are declared", false},
		"column twice": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ core.ExecutionContext) {
			cfg.Columns = []string{"a", "a"}
		}, `column "a" is there twice`, false},
		"delimiter": {func(_ *testing.T, cfg *csvfile.WriterConfig, _ core.ExecutionContext) {
			cfg.Comma = '\n'
		}, `'\n' cannot be the delimiter`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := outConfig(t)
			ec := begin(t, cfg, nil).commit([]string{"1", "a"}).crash().ec
			part := cfg.Path + ".part"
			tt.change(t, &cfg, ec)
			before := content(t, part)
			err := open(t, csvfile.NewWriter(cfg, encodeFields), ec)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, core.ErrCheckpointMismatch) != tt.mismatch {
				t.Fatalf("got %v, want %q, a mismatch: %v", err, tt.want, tt.mismatch)
			}
			wantFile(t, part, before)
		})
	}
}

func TestWriterNotOpen(t *testing.T) {
	t.Parallel()
	cfg := outConfig(t)
	w := csvfile.NewWriter(cfg, encodeFields)
	for name, err := range map[string]error{
		"write": w.Write(t.Context(), &core.Chunk[[]string]{}), "checkpoint": w.Checkpoint(core.ExecutionContext{}),
		"finish": w.Finish(t.Context()), "revert": w.Revert(t.Context()), "mark": w.Mark(t.Context()),
	} {
		if err == nil || !strings.Contains(err.Error(), cfg.Path+": not open") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestWriterCancelled(t *testing.T) {
	t.Parallel()
	cfg := outConfig(t)
	o := begin(t, cfg, nil)
	cause := errors.New("aborted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := o.Write(ctx, &core.Chunk[[]string]{Seq: 1, Items: [][]string{{"1", "a"}}}); !errors.Is(err, cause) {
		t.Errorf("write: %v", err)
	}
	if err := o.Finish(ctx); !errors.Is(err, cause) {
		t.Errorf("finish: %v", err)
	}
	wantNoFile(t, cfg.Path)
}

func TestWriterAllocations(t *testing.T) {
	o := begin(t, outConfig(t), nil)
	items := make([][]string, 1000)
	for i := range items {
		items[i] = []string{"12345", `a "quoted", field`}
	}
	chunk := &core.Chunk[[]string]{Items: items}
	write := func() {
		if err := o.Write(t.Context(), chunk); err != nil {
			t.Fatal(err)
		}
	}
	write() // the buffers grow once
	if got := testing.AllocsPerRun(10, write) / float64(len(items)); got > 0.01 {
		t.Errorf("%.3f allocations a row, the ceiling is 0", got)
	}
}
