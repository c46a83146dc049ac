package infile_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/jobs/infile"
)

func charset(tb testing.TB, label string) infile.Charset {
	tb.Helper()
	c, err := infile.FindCharset(label)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestEncoder(t *testing.T) {
	t.Parallel()
	for label, tt := range map[string]struct {
		text, want string
		lacks      rune
	}{
		"windows-1252":   {"a é€\x00", "a \xe9\x80\x00", 0},
		"iso-8859-1":     {"가", "", '가'}, // the same as windows-1252
		"euc-kr":         {"가a", "\xb0\xa1a", 0},
		"shift_jis":      {"表\\", "\x95\x5c\\", 0},
		"latin1":         {"ab\ufffd", "", utf8.RuneError},
		"gb18030":        {"😀€\ufffd", "", utf8.RuneError}, // it would be read as damage
		"big5":           {"中x한", "", '한'},
		"iso-8859-15":    {"€", "\xa4", 0},
		"utf-16le":       {"a😀", "a\x00\x3d\xd8\x00\xde", 0},
		"utf-16be":       {"\ufeffa", "\xfe\xff\x00a", 0},
		"utf-16":         {"é", "\xe9\x00", 0},
		"macintosh":      {"Ω", "\xbd", 0},
		"x-user-defined": {"\uf7ff", "\xff", 0},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			e := charset(t, label).NewEncoder()
			for range 2 { // the second time from memory
				got, lacks, ok := e.Append([]byte("+"), []byte(tt.text))
				if string(got) != "+"+tt.want || ok != (tt.lacks == 0) || lacks != tt.lacks {
					t.Errorf("%q, lacks %q, %v, want %q, %q", got, lacks, ok, tt.want, tt.lacks)
				}
				if n, lacks, ok := e.Measure(tt.text); n != len(tt.want) || ok != (tt.lacks == 0) || lacks != tt.lacks {
					t.Errorf("measured %d, lacks %q, %v", n, lacks, ok)
				}
			}
			if tt.lacks != 0 && e.Has(tt.lacks) {
				t.Errorf("it has %q", tt.lacks)
			}
		})
	}
	var none *infile.Encoder
	if e := charset(t, "utf8").NewEncoder(); e != none {
		t.Error("UTF-8 is encoded")
	}
	if n, _, ok := none.Measure("é"); n != 2 || !ok || !none.Has('가') || !none.Misleads("\ufeffa") || none.Misleads("a\ufeff") {
		t.Error("no encoder is not that of UTF-8")
	}
}

// TestEncoderReadsBack: whatever an encoding has is read back as it was, in
// pieces too, and so it has nothing that it would change.
func TestEncoderReadsBack(t *testing.T) {
	t.Parallel()
	for _, label := range []string{
		"windows-1252", "windows-1250", "iso-8859-8-i", "koi8-u", "ibm866", "x-mac-cyrillic", "windows-874",
		"euc-kr", "euc-jp", "shift_jis", "gbk", "gb18030", "big5",
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			c := charset(t, label)
			e := c.NewEncoder()
			letters := rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("a\\~|¥‾−～é€ßЖ가漢字かｶΩ…\u00a0\u0080\uff5e\uffe3\ue000")))
			rapid.Check(t, func(rt *rapid.T) {
				var text, whole []byte
				for range rapid.IntRange(0, 8).Draw(rt, "pieces") {
					r := letters.Draw(rt, "letter")
					piece := utf8.AppendRune(nil, r)
					b, _, ok := e.Append(nil, piece)
					if ok != e.Has(r) {
						rt.Fatalf("%U: %v", r, ok)
					}
					if ok {
						text, whole = append(text, piece...), append(whole, b...)
					}
				}
				if got, bad := c.Decode(nil, whole); bad >= 0 || !bytes.Equal(got, text) {
					rt.Fatalf("%q is written as %q and read as %q (%d)", text, whole, got, bad)
				}
				if got, _, ok := e.Append(nil, text); !ok || !bytes.Equal(got, whole) {
					rt.Fatalf("%q as a whole is %q, in pieces %q", text, got, whole)
				}
			})
		})
	}
}

// TestMisleads compares with what the readers say of a file that begins so.
func TestMisleads(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ÿþ": true, "þÿab": true, "ï»¿": true, "(µ/ý": true, "\x1f‹": true, "": false, "abcdefgh": false, "ÿ": false, "éÿþ": false, "ÿÿþ가": false, "ï»¿x가": true,
	} {
		if got := charset(t, "windows-1252").NewEncoder().Misleads(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if e := charset(t, "utf-16le").NewEncoder(); !e.Misleads("\ufeff") || e.Misleads("ÿþ") {
		t.Error("UTF-16 is not like UTF-8")
	}
}
