package infile_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// FuzzRestart: whatever a file of any format holds, packed in any way or not at
// all, reading it ends, takes memory in proportion to it, and going on behind any
// record reads what reading at once has read.
func FuzzRestart(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(formats()))
	ways := slices.Sorted(maps.Keys(packings))
	for i, kind := range kinds {
		text := formats()[kind].text
		for way := range ways {
			f.Add(text, byte(i), byte(way))
		}
		for _, other := range []string{"", "\n", "\ufeff", "\r", "\x00", "\xff\xfe", "a", text + "\n", text + text, text[:len(text)/2], text + "\r\n\r\n"} {
			f.Add(other, byte(i), byte(0))
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, kind, way byte) {
		format, p := formats()[kinds[int(kind)%len(kinds)]], packings[ways[int(way)%len(ways)]]
		data, ok := packed(p.pack, text)
		if !ok {
			return // there are no such letters in that encoding
		}
		given := map[string]any{"file": write(t, filepath.Join(dir, p.name), data), "max-record": int64(256)}
		maps.Copy(given, format.given)
		if p.encoding != "" {
			given["encoding"] = p.encoding
		}
		defer os.Remove(given["file"].(string))
		open := func(ec core.ExecutionContext) ([]outcome, error) {
			r, err := newReader(t, format.source(), given)
			if err != nil {
				t.Fatal(err)
			}
			return readOut(t, r, ec)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		all, err := open(core.ExecutionContext{})
		runtime.ReadMemStats(&after)
		// The window, what unpacks, and some kilobytes for the text of each error.
		if most := uint64(16<<20 + (len(all)+1)*64<<10 + 64*len(text)); after.TotalAlloc-before.TotalAlloc > most {
			t.Errorf("%d bytes and %d records took %d bytes of memory, the ceiling is %d", len(text), len(all), after.TotalAlloc-before.TotalAlloc, most)
		}
		for i, o := range all {
			rest, again := open(o.EC)
			if (again == nil) != (err == nil) || err != nil && again.Error() != err.Error() {
				t.Fatalf("restart behind record %d ends with %v, want %v", i, again, err)
			}
			if diff := cmp.Diff(texts(rest), texts(all[i:])); diff != "" {
				t.Fatalf("restart behind record %d (-got +want):\n%s", i, diff)
			}
		}
	})
}

// packed packs text, if that encoding has its letters.
func packed(pack func(string) []byte, text string) (data []byte, ok bool) {
	defer func() { ok = recover() == nil }()
	return pack(text), true
}

// FuzzUnpack: whatever bytes a file holds that says it is packed, reading it ends
// with what it unpacks to or an error that says what to do.
func FuzzUnpack(f *testing.F) {
	text := []byte("id,name\n1,a\n")
	gz, zst := gzipped(text), zstandard(text)
	for _, data := range [][]byte{
		nil,
		{0x1f},
		gz, slices.Concat(gz, gz), slices.Concat(gz, []byte("x")), slices.Concat(gz, make([]byte, 600)), gz[:len(gz)-3],
		zst, slices.Concat(zst, zst), slices.Concat(zst, []byte("garbage")), zst[:len(zst)-1], text,
	} {
		f.Add(data, true)
		f.Add(data, false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, gzip bool) {
		name := "in.zst"
		if gzip {
			name = "in.gz"
		}
		path := write(t, filepath.Join(dir, name), data)
		opts := infile.Options{MaxUnpacked: 1 << 20}
		got, err := drain(t, path, opts)
		if _, ok := errors.AsType[*core.Error](err); err != nil && (!ok || core.Hint(err) == "") {
			t.Errorf("%v, hint %q", err, core.Hint(err))
		}
		if len(got) > 1<<20 {
			t.Errorf("%d bytes came out", len(got))
		}
		again, err2 := drain(t, path, opts)
		if again != got || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Errorf("%d bytes, %v; and then %d, %v", len(got), err, len(again), err2)
		}
	})
}
