package infile

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// notText is what stands for half a pair of surrogates and for half a character:
// a byte that is nowhere in UTF-8, so that whoever reads the text finds it.
const notText = 0xff

// utf16Reader makes UTF-16 into UTF-8, a byte order mark included. A mark at the
// beginning decides the byte order, whatever was said.
type utf16Reader struct {
	r     io.Reader
	order binary.ByteOrder
	in    []byte // what was read and not decoded
	out   []byte // what was decoded and not given out
	buf   []byte
	begun bool
	err   error
}

func newUTF16(r io.Reader, order binary.ByteOrder) *utf16Reader {
	return &utf16Reader{r: r, order: order, buf: make([]byte, 32<<10)}
}

// Read implements io.Reader.
func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		n, err := u.r.Read(u.buf[len(u.in):])
		u.in, u.err = u.buf[:len(u.in)+n], err
		u.decode(errors.Is(err, io.EOF))
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// decode fills out with what in holds in full, or with all of it at the end.
func (u *utf16Reader) decode(atEnd bool) {
	in, out := u.in, u.out[:0]
	if !u.begun && len(in) >= 2 {
		u.begun = true
		switch {
		case in[0] == 0xff && in[1] == 0xfe:
			u.order = binary.LittleEndian
		case in[0] == 0xfe && in[1] == 0xff:
			u.order = binary.BigEndian
		}
	}
	for len(in) >= 2 {
		c := rune(u.order.Uint16(in))
		if !utf16.IsSurrogate(c) {
			out, in = utf8.AppendRune(out, c), in[2:]
			continue
		}
		if len(in) < 4 && !atEnd {
			break
		}
		pair := utf8.RuneError
		if len(in) >= 4 {
			pair = utf16.DecodeRune(c, rune(u.order.Uint16(in[2:])))
		}
		if pair == utf8.RuneError {
			out, in = append(out, notText), in[2:]
			continue
		}
		out, in = utf8.AppendRune(out, pair), in[4:]
	}
	if atEnd && len(in) > 0 {
		out, in = append(out, notText), nil
	}
	u.out, u.in = out, u.buf[:copy(u.buf, in)]
}
