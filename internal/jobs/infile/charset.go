package infile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/batchctl/batchctl/internal/core"
)

// Charset is the encoding of a text. The zero value is UTF-8.
type Charset struct {
	name   string
	enc    encoding.Encoding // nil for UTF-8 and UTF-16
	order  binary.ByteOrder  // of UTF-16; else nil
	single bool              // one byte a character
}

// charsets are the names that a mistaken one may have meant.
var charsets = []string{
	"utf-8", "utf-16le", "utf-16be", "windows-1252", "windows-1250", "windows-1251", "windows-1254", "windows-1257",
	"iso-8859-1", "iso-8859-2", "iso-8859-15", "latin1", "macintosh", "ibm866", "koi8-r",
	"euc-kr", "euc-jp", "shift_jis", "gbk", "gb18030", "big5",
}

// FindCharset returns the encoding of a label of the WHATWG Encoding Standard,
// as "euc-kr" or "windows-1252"; UTF-8 for the empty one. Those whose bytes mean
// something else after a switch, as iso-2022-jp, are refused: a restart in the
// middle would not know where the switch is.
func FindCharset(label string) (Charset, error) {
	if label == "" {
		return Charset{}, nil
	}
	enc, err := htmlindex.Get(label)
	if err != nil {
		msg := core.Quote(label) + " is no encoding of the WHATWG standard"
		if near := core.Nearest(strings.ToLower(label), charsets); near != "" {
			return Charset{}, &core.Error{Msg: msg, Hint: "did you mean " + near + "?"}
		}
		return Charset{}, &core.Error{Msg: msg, Hint: "for example " + strings.Join(charsets[:5], ", ") + ", euc-kr, shift_jis"}
	}
	name, err := htmlindex.Name(enc)
	if err != nil {
		return Charset{}, fmt.Errorf("encoding %s: %w", core.Quote(label), err)
	}
	switch name {
	case "utf-8":
		return Charset{}, nil
	case "utf-16le":
		return Charset{name: name, order: binary.LittleEndian}, nil
	case "utf-16be":
		return Charset{name: name, order: binary.BigEndian}, nil
	case "iso-2022-jp", "replacement":
		return Charset{}, &core.Error{
			Msg:  fmt.Sprintf("%s switches its meaning on the way, and cannot be continued in the middle", name),
			Hint: "iconv -f " + core.ShellQuote(label) + " -t UTF-8",
		}
	}
	_, single := enc.(*charmap.Charmap)
	return Charset{name: name, enc: enc, single: single || name == "x-user-defined"}, nil
}

// UTF16Hint says how to read a file that is UTF-16.
func UTF16Hint(name, path string) string {
	return fmt.Sprintf("set the encoding to %s; or iconv -f %s -t UTF-8 %s", strings.ToLower(name), name, core.ShellQuote(path))
}

// Name returns the name of the encoding.
func (c Charset) Name() string {
	if c.name == "" {
		return "utf-8"
	}
	return c.name
}

// Direct reports whether records are UTF-8 when they have been told apart.
func (c Charset) Direct() bool { return c.enc == nil }

// Splits reports whether a byte always stands for itself, so that fields can be
// told apart by it before they are decoded: no letter of several bytes has it.
func (c Charset) Splits(b byte) bool {
	if c.enc == nil || c.single || b < 0x30 {
		return b < 0x80
	}
	return b > '9' && b < 0x40 || b == '|' && slices.Contains([]string{"euc-kr", "euc-jp"}, c.name)
}

// Decode appends src as UTF-8 to dst. bad is the offset in src of the first byte
// that is none of the encoding's, or -1; nothing is appended then.
func (c Charset) Decode(dst, src []byte) (out []byte, bad int) {
	if c.enc == nil {
		if utf8.Valid(src) {
			return append(dst, src...), -1
		}
		return dst, InvalidUTF8(src)
	}
	start := len(dst)
	decoder := c.enc.NewDecoder()
	for at := 0; ; {
		if cap(dst)-len(dst) < 2*(len(src)-at)+utf8.UTFMax {
			dst = slices.Grow(dst, 3*(len(src)-at)+utf8.UTFMax)
		}
		wrote, read, err := decoder.Transform(dst[len(dst):cap(dst)], src[at:], true)
		dst, at = dst[:len(dst)+wrote], at+read
		if err == nil {
			break
		}
		if wrote == 0 && read == 0 {
			return dst[:start], at
		}
	}
	if i := bytes.IndexRune(dst[start:], utf8.RuneError); i >= 0 {
		// As many bytes as were decoded to what stands before.
		decoder.Reset()
		_, at, _ := decoder.Transform(make([]byte, i), src, false)
		return dst[:start], at
	}
	return dst, -1
}

// Text returns src for a message, whatever it holds.
func (c Charset) Text(src []byte) string {
	if c.enc != nil {
		if text, err := c.enc.NewDecoder().Bytes(src); err == nil {
			return string(text)
		}
	}
	return string(src)
}

// InvalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func InvalidUTF8(p []byte) int {
	if utf8.Valid(p) {
		return -1
	}
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRune(p[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
