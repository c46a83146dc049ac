package rejects_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

func target(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "rejects.jsonl")
}

// want checks that path holds text; "" means that there is no such file.
func want(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if text == "" {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %q, %v", filepath.Base(path), b, err)
		}
		return
	}
	if err != nil || string(b) != text {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), b, err, text)
	}
}

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// named is a reject that is told apart by its message.
func named(message string) core.Reject {
	return core.Reject{Step: "s", Phase: core.PhaseRead, Class: core.ClassReadParse, Message: message}
}

// lines are what named gives.
func lines(messages ...string) string {
	var b strings.Builder
	for _, m := range messages {
		b.WriteString(`{"step":"s","phase":"read","class":"read.parse","message":"` + m + `"}` + "\n")
	}
	return b.String()
}

// attempt opens a writer at what was committed.
type attempt struct {
	*rejects.Writer
	t  *testing.T
	ec core.ExecutionContext
}

func begin(t *testing.T, cfg rejects.Config, ec core.ExecutionContext) *attempt {
	t.Helper()
	a := &attempt{Writer: rejects.New(cfg), t: t, ec: ec.Clone()}
	if a.ec == nil {
		a.ec = core.ExecutionContext{}
	}
	do(t, a.Open(t.Context(), a.ec))
	return a
}

func (a *attempt) put(messages ...string) *attempt {
	a.t.Helper()
	for _, m := range messages {
		do(a.t, a.Reject(a.t.Context(), named(m)))
	}
	return a
}

func (a *attempt) finish() *attempt { a.t.Helper(); do(a.t, a.Finish(a.t.Context())); return a }

// sync makes durable what a commit is going to name.
func (a *attempt) sync() core.ExecutionContext {
	a.t.Helper()
	ec := a.ec.Clone()
	do(a.t, a.Checkpoint(ec), ec.Check())
	return ec
}

func (a *attempt) commit(messages ...string) *attempt {
	a.t.Helper()
	a.put(messages...)
	a.ec = a.sync()
	return a
}

func (a *attempt) close() core.ExecutionContext { a.t.Helper(); do(a.t, a.Close()); return a.ec }

func TestWriter(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		run  func(t *testing.T, cfg rejects.Config)
		want string
	}{
		"undisturbed": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			a := begin(t, cfg, nil).commit("a", "b").commit().commit("c")
			want(t, cfg.Path, "")
			want(t, a.Location(), lines("a", "b", "c"))
			a.finish().finish()
			want(t, a.Location(), lines("a", "b", "c"))
			a.close()
		}, lines("a", "b", "c")},
		"CHUNK-66 nothing rejected leaves no file, also not an older one": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			do(t, os.WriteFile(cfg.Path, []byte("yesterday"), 0o600))
			a := begin(t, cfg, nil).commit().commit()
			if got := a.Location(); got != "" {
				t.Errorf("the location is %q, where nothing is", got)
			}
			if len(a.ec) != 0 {
				t.Errorf("the checkpoint is %v, want nothing", a.ec)
			}
			ec := a.finish().close()
			begin(t, cfg, ec).finish().close() // a crash behind it
		}, ""},
		"CHUNK-66 rejected in a chunk that fails, and a restart": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			a := begin(t, cfg, nil).put("x")
			if got := a.Location(); got != "" {
				t.Errorf("the location is %q, and nothing is committed", got)
			}
			ec := a.close()
			want(t, cfg.Path+".part", "")
			begin(t, cfg, ec).commit().finish().close()
		}, ""},
		"several attempts": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			ec := begin(t, cfg, nil).commit("a").put("x").close()
			want(t, cfg.Path+".part", lines("a")) // what was committed, for people to see
			ec = begin(t, cfg, ec).commit().commit("b").close()
			a := begin(t, cfg, ec).commit("c").finish()
			if a.ec["rejects.count"] != int64(3) {
				t.Errorf("the checkpoint is %v, want 3 items", a.ec)
			}
			a.close()
		}, lines("a", "b", "c")},
		"CHUNK-71 died in the middle of a line, and what no commit names is cut off": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			first := begin(t, cfg, nil).commit("a").put("x")
			first.sync()
			ec := first.close()
			do(t, os.Remove(cfg.Path+".part"), os.WriteFile(cfg.Path+".part", []byte(lines("a", "x")+`{"step`), 0o600))
			begin(t, cfg, ec).commit("b").finish().close()
		}, lines("a", "b")},
		"died before the first commit": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			do(t, os.WriteFile(cfg.Path+".part", []byte(lines("x")), 0o600))
			a := begin(t, cfg, nil)
			want(t, cfg.Path+".part", "")
			a.commit("a").finish().close()
		}, lines("a")},
		"died behind the rename": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			ec := begin(t, cfg, nil).commit("a").finish().close()
			again := begin(t, cfg, ec)
			want(t, again.Location(), lines("a"))
			again.finish().close()
		}, lines("a")},
		"replaces an older file": {func(t *testing.T, cfg rejects.Config) {
			t.Helper()
			do(t, os.WriteFile(cfg.Path, []byte("yesterday"), 0o600))
			a := begin(t, cfg, nil).commit("a")
			want(t, cfg.Path, "yesterday")
			a.finish().close()
		}, lines("a")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rejects.Config{Path: target(t)}
			tt.run(t, cfg)
			want(t, cfg.Path, tt.want)
			want(t, cfg.Path+".part", "")
			if info, err := os.Stat(cfg.Path); err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("the mode is %v, want 0600", info.Mode())
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change   func(t *testing.T, cfg *rejects.Config, ec core.ExecutionContext)
		want     string
		mismatch bool
	}{
		"part edited": {func(t *testing.T, cfg *rejects.Config, _ core.ExecutionContext) {
			t.Helper()
			do(t, os.WriteFile(cfg.Path+".part", []byte(lines("b")), 0o600))
		}, "was altered", true},
		"part gone": {func(t *testing.T, cfg *rejects.Config, _ core.ExecutionContext) {
			t.Helper()
			do(t, os.Remove(cfg.Path+".part"))
		}, "rejects.jsonl.part is missing", true},
		"other target":         {func(_ *testing.T, cfg *rejects.Config, _ core.ExecutionContext) { cfg.Path += ".new" }, "the last attempt wrote to ", true},
		"context without key":  {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { delete(ec, "rejects.count") }, "do not fit together", true},
		"context that is odd":  {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { ec["rejects.count"] = int64(0) }, "do not fit together", true},
		"context without file": {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { delete(ec, "rejects.target") }, "do not fit together", true},
		"context of a type":    {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { ec["rejects.crc"] = "1" }, "damaged", true},
		"context of a name":    {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { ec["rejects.target"] = int64(1) }, "damaged", true},
		"context below zero":   {func(_ *testing.T, _ *rejects.Config, ec core.ExecutionContext) { ec["rejects.length"] = int64(-1) }, "holds -1", true},
		"a file to keep": {func(t *testing.T, cfg *rejects.Config, ec core.ExecutionContext) {
			t.Helper()
			clear(ec)
			cfg.KeepExisting = true
			do(t, os.WriteFile(cfg.Path, []byte("old"), 0o600))
		}, "the file exists and must not be replaced", false},
		"no directory": {func(_ *testing.T, cfg *rejects.Config, ec core.ExecutionContext) {
			clear(ec)
			cfg.Path = filepath.Join(cfg.Path, "none")
		}, "does not exist", false},
		"relative": {func(_ *testing.T, cfg *rejects.Config, ec core.ExecutionContext) { clear(ec); cfg.Path = "r.jsonl" }, "not absolute", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rejects.Config{Path: target(t)}
			ec := begin(t, cfg, nil).commit("a").close()
			tt.change(t, &cfg, ec)
			w := rejects.New(cfg)
			err := w.Open(t.Context(), ec)
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, core.ErrCheckpointMismatch) != tt.mismatch {
				t.Errorf("got %v, want %q, a mismatch: %v", err, tt.want, tt.mismatch)
			}
			do(t, w.Close())
		})
	}
}

func TestNotOpen(t *testing.T) {
	t.Parallel()
	w := rejects.New(rejects.Config{Path: target(t)})
	ctx := t.Context()
	for name, err := range map[string]error{
		"reject": w.Reject(ctx, named("a")), "finish": w.Finish(ctx),
		"checkpoint": w.Checkpoint(core.ExecutionContext{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "not open") {
			t.Errorf("%s: %v", name, err)
		}
	}
	do(t, w.Close())
	a := begin(t, rejects.Config{Path: target(t)}, nil)
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(core.ErrAborted)
	if err := a.Reject(ctx, named("a")); !errors.Is(err, core.ErrAborted) {
		t.Errorf("with a cancelled context: %v", err)
	}
	a.close()
}

func TestLines(t *testing.T) {
	t.Parallel()
	origin := core.Origin{File: "in.csv", Line: 7, Record: 6, Offset: 112, Length: 3}
	for name, tt := range map[string]struct {
		reject core.Reject
		maxRaw int
		want   string // behind what all have
	}{
		"nothing known":     {core.Reject{}, 0, ``},
		"a record":          {core.Reject{Origin: origin, Raw: []byte("1,2")}, 0, `,"file":"in.csv","line":7,"record":6,"offset":112,"raw":"1,2"`},
		"at the beginning":  {core.Reject{Origin: core.Origin{File: "in", Length: 1}, Raw: []byte("x")}, 0, `,"file":"in","offset":0,"raw":"x"`},
		"a row":             {core.Reject{Origin: core.Origin{Key: "4711"}}, 0, `,"key":"4711"`},
		"nothing in it":     {core.Reject{Raw: []byte{}}, 0, `,"raw":""`},
		"bytes":             {core.Reject{Raw: []byte("caf\xe9")}, 0, `,"rawBase64":"Y2Fm6Q=="`},
		"control and angle": {core.Reject{Raw: []byte("a\x1b[31m<&>\x00\r\nb\t\"\\")}, 0, `,"raw":"a\u001b[31m<&>\u0000\r\nb\t\"\\"`},
		"hidden controls":   {core.Reject{Raw: []byte("a\x7fb\u009b31m\u202ec\u2028d\u2066상")}, 0, `,"raw":"a\u007fb\u009b31m\u202ec\u2028d\u2066상"`},
		"too long":          {core.Reject{Raw: []byte("12345")}, 4, `,"raw":"1234","rawTruncated":true`},
		"a character cut":   {core.Reject{Raw: []byte("123상")}, 4, `,"raw":"123","rawTruncated":true`},
		"bytes cut":         {core.Reject{Raw: []byte("12\xff\xff\xff")}, 4, `,"rawBase64":"MTL//w==","rawTruncated":true`},
		"lines":             {core.Reject{Origin: core.Origin{File: "in.csv", Line: 7}, Raw: []byte("1,\"a\nb")}, 0, `,"file":"in.csv","line":7,"lastLine":8,"raw":"1,\"a\nb"`},
		"lines, cut":        {core.Reject{Origin: core.Origin{File: "in.csv", Line: 7}, Raw: []byte("a\nb\nc")}, 4, `,"file":"in.csv","line":7,"raw":"a\nb\n","rawTruncated":true`},
		"cut before":        {core.Reject{Origin: origin, Raw: []byte("1,")}, 0, `,"file":"in.csv","line":7,"record":6,"offset":112,"raw":"1,","rawTruncated":true`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := rejects.Config{Path: target(t), MaxRaw: tt.maxRaw}
			tt.reject.Step, tt.reject.Phase, tt.reject.Class, tt.reject.Message = "s", "write", "write.data", "m"
			a := begin(t, cfg, nil)
			do(t, a.Reject(t.Context(), tt.reject))
			a.finish().close()
			want(t, cfg.Path, `{"step":"s","phase":"write","class":"write.data","message":"m"`+tt.want+"}\n")
		})
	}
}

// TestLinesCanBeRead: whatever an item holds, its line is one line of JSON that
// steers no terminal and gives the item back.
func TestLinesCanBeRead(t *testing.T) {
	t.Parallel()
	path := target(t)
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) })).Draw(t, "raw")
		message := rapid.String().Draw(t, "message")
		w := rejects.New(rejects.Config{Path: path})
		err := errors.Join(w.Open(t.Context(), nil),
			w.Reject(t.Context(), core.Reject{Message: message, Raw: append([]byte{}, raw...)}), w.Finish(t.Context()), w.Close())
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 || strings.IndexFunc(string(text), func(r rune) bool {
			return r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0x202a && r <= 0x202e
		}) != len(text)-1 {
			t.Fatalf("the file holds %q, %v", text, err)
		}
		var got struct {
			Message   string
			Raw       string
			RawBase64 []byte
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(raw) {
			got.RawBase64 = append([]byte(nil), got.Raw...)
		}
		if string(got.RawBase64) != string(raw) || got.Message != strings.ToValidUTF8(message, "\ufffd") {
			t.Fatalf("got %+v, want %q and %q", got, raw, message)
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	cfg := rejects.Config{Path: target(t)}
	a := begin(t, cfg, nil)
	do(t, a.Reject(t.Context(), core.Reject{Message: strings.Repeat("상", 1<<20), Raw: make([]byte, 1<<20)}))
	a.finish().close()
	text, err := os.ReadFile(cfg.Path)
	do(t, err)
	var got struct {
		Message, Raw string
		RawTruncated bool
	}
	do(t, json.Unmarshal(text, &got))
	if len(got.Message) > 8<<10 || !strings.HasSuffix(got.Message, "상") || len(got.Raw) != rejects.DefaultMaxRaw || !got.RawTruncated {
		t.Errorf("%d bytes of message, %d of raw, truncated %v", len(got.Message), len(got.Raw), got.RawTruncated)
	}
}

func TestTwoWriters(t *testing.T) {
	t.Parallel()
	path := target(t)
	first := begin(t, rejects.Config{Path: path}, nil).commit("a")
	second := begin(t, rejects.Config{Path: path + "2", Name: "other"}, first.ec).commit("b")
	if diff := cmp.Diff(len(second.ec), 8); diff != "" {
		t.Errorf("%v: (-got +want):\n%s", second.ec, diff)
	}
	w := rejects.New(rejects.Config{Path: path})
	if err := w.Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "somebody else is writing") {
		t.Errorf("a second writer of one file: %v", err)
	}
	do(t, w.Close())
	want(t, path+".part", lines("a"))
	first.finish().close()
	second.finish().close()
}
