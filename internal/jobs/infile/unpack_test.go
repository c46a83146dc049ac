package infile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// drain reads an input to its end and returns what it held.
func drain(tb testing.TB, path string, opts infile.Options) (string, error) {
	tb.Helper()
	in, err := infile.Open(path, opts)
	if err != nil {
		return "", err
	}
	defer in.Close()
	var b strings.Builder
	for {
		b.Write(in.Window())
		in.Consume(len(in.Window()))
		if err := in.More(); errors.Is(err, io.EOF) {
			return b.String(), nil
		} else if err != nil {
			return b.String(), err
		}
	}
}

func TestPacked(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("가나다,1234\n", 50_000)
	for name, data := range map[string][]byte{"in.gz": gzipped([]byte(text)), "in.zst": zstandard([]byte(text))} {
		if got, err := drain(t, temp(t, name, data), infile.Options{}); got != text || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		how := "gzip"
		if name == "in.zst" {
			how = "zstd"
		}
		for cut := range map[int]bool{0: true, 5: true, len(data) / 2: true, len(data) - 1: true} {
			_, err := drain(t, temp(t, name, data[:cut]), infile.Options{})
			if err == nil || !strings.Contains(err.Error(), how+" ") || core.Hint(err) == "" || core.ClassOf(err, "") != "" {
				t.Errorf("81 %s cut to %d bytes: %v", name, cut, err)
			}
		}
		damaged := bytes.Clone(data)
		damaged[len(damaged)/2] ^= 0x55
		if _, err := drain(t, temp(t, name, damaged), infile.Options{}); err == nil || !strings.Contains(err.Error(), how+" data") {
			t.Errorf("81 %s damaged: %v", name, err)
		}
		if _, err := drain(t, temp(t, name, []byte("plain text, no more")), infile.Options{}); err == nil {
			t.Errorf("81 %s that is none is read", name)
		}
		if _, err := drain(t, temp(t, name, data), infile.Options{MaxUnpacked: 1000}); err == nil || !strings.Contains(err.Error(), "more than 1000 bytes") {
			t.Errorf("81 %s with a limit: %v", name, err)
		}
	}
	if _, err := infile.Open(temp(t, "x", nil), infile.Options{Compression: "rar"}); err == nil {
		t.Error("rar is taken for a compression")
	}
}

// TestPackedWithMore: what stands behind packed data, and what is none at all, is
// told apart from a file that was cut off.
func TestPackedWithMore(t *testing.T) {
	t.Parallel()
	text := "id,name\n1,a\n"
	gz, zst := gzipped([]byte(text)), zstandard([]byte(text))
	end := fmt.Sprintf("which ends at byte %d of the file", len(gz))
	for name, tt := range map[string]struct {
		file, data string
		want, hint string
	}{
		"81 a few bytes behind gzip":    {"in.gz", string(gz) + "garbage", end + ", 7 bytes follow that are none", "head -c "},
		"81 one byte behind gzip":       {"in.gz", string(gz) + "\n", end + ", 1 byte follows that is none", "head -c "},
		"81 text behind gzip":           {"in.gz", string(gz) + strings.Repeat("x", 100), end + ", 100 bytes follow that are none", "head -c "},
		"81 zeros and more behind gzip": {"in.gz", string(gz) + strings.Repeat("\x00", 99) + "x", end + ", 100 bytes follow that are none", "head -c "},
		"81 zeros behind gzip":          {"in.gz", string(gz) + strings.Repeat("\x00", 100_000), "", ""},
		"81 a second member cut off":    {"in.gz", string(gz) + string(gz[:5]), "the file is cut off", "sent again"},
		"81 a second member begun":      {"in.gz", string(gz) + string(gz[:1]), "the file is cut off", "sent again"},
		"81 a wrong checksum":           {"in.gz", string(gz[:len(gz)-4]) + "abcd", "no sound gzip data", "file "},
		"81 text behind zstd":           {"in.zst", string(zst) + "garbage", "something follows that is none", "sent again"},
		"81 a second frame cut off":     {"in.zst", string(zst) + string(zst[:6]), "the file is cut off", "sent again"},
		"81 short text for gzip":        {"in.gz", "id\n", "it is not packed with gzip", "set the compression to none"},
		"81 text for gzip":              {"in.gz", text, "it is not packed with gzip", "set the compression to none"},
		"81 short text for zstd":        {"in.zst", "id\n", "it is not packed with zstd", "set the compression to none"},
		"81 text for zstd":              {"in.zst", text, "it is not packed with zstd", "set the compression to none"},
		"81 gzip for zstd":              {"in.zst", string(gz), "it is not packed with zstd", "set the compression to gzip"},
		"81 zstd for gzip":              {"in.gz", string(zst), "it is not packed with gzip", "set the compression to zstd"},
		"81 nothing for gzip":           {"in.gz", "", "has 0 bytes, which no gzip file has", "sent again"},
		"81 nothing for zstd":           {"in.zst", "", "has 0 bytes, which no zstd file has", "sent again"},
		"81 a skippable frame":          {"in.zst", "\x5a\x2a\x4d\x18\x03\x00\x00\x00abc" + string(zst), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := drain(t, temp(t, tt.file, []byte(tt.data)), infile.Options{})
			switch {
			case tt.want == "":
				if got != text || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, text)
				}
			case err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(core.Hint(err), tt.hint):
				t.Errorf("got %v (%s), want %s (%s)", err, core.Hint(err), tt.want, tt.hint)
			}
		})
	}
}

// TestBombs is not parallel: it counts what the whole process allocates.
func TestBombs(t *testing.T) {
	const size = 256 << 20
	for name, data := range map[string][]byte{"in.gz": gzipped(make([]byte, size)), "in.zst": zstandard(make([]byte, size))} {
		path := temp(t, name, data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		in, err := infile.Open(path, infile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			in.Consume(len(in.Window()))
			err = in.More()
		}
		at := in.Offset()
		runtime.ReadMemStats(&after)
		if !strings.Contains(err.Error(), "times as many, which is the limit") || at > 32<<20 {
			t.Errorf("81 %s: %v at byte %d", name, err, at)
		}
		if most := uint64(48 << 20); after.TotalAlloc-before.TotalAlloc > most {
			t.Errorf("81 %s: allocated %d bytes, the ceiling is %d", name, after.TotalAlloc-before.TotalAlloc, most)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
	}
	w, err := zstd.NewWriter(nil, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	long := w.EncodeAll(bytes.Repeat([]byte("0123456789abcdef\n"), 5<<20), nil)
	if _, err := drain(t, temp(t, "long.zst", long), infile.Options{MaxRatio: -1}); err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("81 a large window: %v", err)
	}
}

func TestForgottenCompression(t *testing.T) {
	t.Parallel()
	path := temp(t, "in.csv", gzipped([]byte("id\n1\n")))
	r, err := newReader(t, csvfile.Source(), map[string]any{"file": path, "columns": []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readOut(t, r, nil); err == nil || !strings.Contains(err.Error(), "packed with gzip") || core.Hint(err) != "set the compression to gzip" {
		t.Errorf("81 gzip without its name: %v (%s)", err, core.Hint(err))
	}
}

func TestUTF16(t *testing.T) {
	t.Parallel()
	le, err := infile.FindCharset("utf-16le")
	if err != nil {
		t.Fatal(err)
	}
	be, err := infile.FindCharset("utf-16be")
	if err != nil {
		t.Fatal(err)
	}
	swapped := func(data []byte) []byte {
		out := bytes.Clone(data)
		for i := 0; i+1 < len(out); i += 2 {
			binary.BigEndian.PutUint16(out[i:], binary.LittleEndian.Uint16(data[i:]))
		}
		return out
	}
	long := strings.Repeat("가a😀", 30_000)
	for name, tt := range map[string]struct {
		charset infile.Charset
		data    []byte
		want    string
	}{
		"little":                 {le, utf16le("aé가😀\n"), "aé가😀\n"},
		"big":                    {be, swapped(utf16le("aé가😀\n")), "aé가😀\n"},
		"62 the mark decides":    {le, swapped(utf16le("\ufeffa\n")), "\ufeffa\n"},
		"62 the mark decides be": {be, utf16le("\ufeffa\n"), "\ufeffa\n"},
		"pairs across blocks":    {le, utf16le("x" + long), "x" + long},
		"79 half a pair":         {le, []byte{'a', 0, 0x00, 0xd8, 'b', 0, 0x00, 0xdc}, "a\xffb\xff"},
		"half a pair at the end": {le, []byte{'a', 0, 0x00, 0xd8}, "a\xff"},
		"half a character":       {le, []byte{'a', 0, 'b'}, "a\xff"},
		"empty":                  {le, nil, ""},
	} {
		got, err := drain(t, temp(t, "in.txt", tt.data), infile.Options{Charset: tt.charset})
		if got != tt.want || err != nil {
			t.Errorf("%s: %q, %v", name, got[:min(len(got), 40)], err)
		}
	}
}

func TestCharsets(t *testing.T) {
	t.Parallel()
	for label, tt := range map[string]struct {
		data string
		want string
		bad  int
	}{
		"":               {"가", "가", -1},
		"UTF8":           {"a\xff", "", 1},
		"latin1":         {"caf\xe9 \x80", "café €", -1},
		"euc-kr":         {"\xb0\xa1\xb3\xaaA", "가나A", -1},
		"ks_c_5601-1987": {"\xb0\xa1\xff\x20", "", 2},
		"shift_jis":      {"\x93\xfa\x96\x7b|\\", "日本|\\", -1},
		"gb18030":        {"\x81\x30\x84\x36", "\u00a5", -1},
	} {
		c, err := infile.FindCharset(label)
		if err != nil {
			t.Fatal(err)
		}
		got, bad := c.Decode([]byte("+"), []byte(tt.data))
		if bad != tt.bad || bad < 0 && string(got) != "+"+tt.want || bad >= 0 && string(got) != "+" {
			t.Errorf("%s: %q, bad byte %d, want %q, %d", label, got, bad, tt.want, tt.bad)
		}
	}
	for label, hint := range map[string]string{
		"eucr-kr": "did you mean euc-kr?", "iso-2022-jp": "iconv -f iso-2022-jp -t UTF-8", "hz-gb-2312": "iconv -f hz-gb-2312 -t UTF-8", "": "",
		"ebcdic-cp-us-something": "for example utf-8",
	} {
		if _, err := infile.FindCharset(label); (err == nil) != (label == "") || !strings.Contains(core.Hint(err), hint) {
			t.Errorf("%s: %v (%s)", label, err, core.Hint(err))
		}
	}
	for label, want := range map[string][2]bool{"utf-8": {true, true}, "euc-kr": {true, true}, "gbk": {false, true}, "shift_jis": {false, true}, "windows-1252": {true, true}} {
		c, err := infile.FindCharset(label)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{c.Splits('|'), c.Splits(';')}; got != want {
			t.Errorf("%s splits at | and ;: %v, want %v", label, got, want)
		}
	}
}

func TestNotAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, path := range map[string]string{"59 missing": dir + "/none", "59 directory": dir, "59 device": os.DevNull} {
		if _, err := infile.Open(path, infile.Options{}); err == nil || core.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
