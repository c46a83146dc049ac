package infile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"

	"github.com/batchctl/batchctl/internal/core"
)

// checkHead refuses a file that does not begin as files of that compression do,
// before anything is made of it.
func checkHead(file *os.File, path, how string, size int64) error {
	op := OpenOp(path)
	if size == 0 {
		return &core.Error{
			Op: op, Msg: "the file has 0 bytes, which no " + how + " file has",
			Hint: "have the whole file sent again; set the compression to none if an empty one is right",
		}
	}
	head := make([]byte, min(size, int64(len(magicZstd))))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return &core.Error{Op: op, Err: err}
	}
	is := PackedHint(head)
	if is == how || is == "" && (bytes.HasPrefix(magicGzip, head) || bytes.HasPrefix(magicZstd, head)) { // or cut off
		return nil
	}
	if is == "" {
		is = CompressionNone
	}
	return &core.Error{
		Op: op, Msg: "it is not packed with " + how + ", as its name or the definition says",
		Hint: "set the compression to " + is + ", or have the right file sent",
	}
}

// members reads the members of a gzip file one behind the other. Zeros behind the
// last, with which tapes fill up blocks, mean nothing; anything else is refused.
type members struct {
	raw    *counted
	src    *bufio.Reader
	member *gzip.Reader
	path   string
	size   int64
	err    error // what every further Read returns
}

func newMembers(raw *counted, path string, size int64) (*members, error) {
	m := &members{raw: raw, src: bufio.NewReader(raw), path: path, size: size}
	var err error
	if m.member, err = gzip.NewReader(m.src); err != nil {
		return nil, noEOF(err)
	}
	m.member.Multistream(false)
	return m, nil
}

// Read implements io.Reader.
func (m *members) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.member.Read(p)
	if errors.Is(err, io.EOF) {
		err = m.next()
	}
	m.err = err
	return n, err
}

// next goes to the next member. It returns io.EOF behind the last.
func (m *members) next() error {
	end := m.raw.n - int64(m.src.Buffered())
	head, err := m.src.Peek(len(magicGzip))
	switch {
	case len(head) == 0:
		return err
	case !bytes.HasPrefix(magicGzip, head):
		return m.rest(end)
	}
	if err := m.member.Reset(m.src); err != nil {
		return noEOF(err)
	}
	m.member.Multistream(false)
	return nil
}

// rest reads what is no member up to the end of the file.
func (m *members) rest(end int64) error {
	for {
		b, err := m.src.ReadByte()
		switch {
		case err != nil:
			return err
		case b != 0:
			return m.garbage(end)
		}
	}
}

func (m *members) garbage(end int64) error {
	more := "1 byte follows that is none"
	if n := m.size - end; n != 1 {
		more = fmt.Sprintf("%d bytes follow that are none", n)
	}
	return &core.Error{
		Op:  "read input " + core.EscapeControl(m.path),
		Msg: fmt.Sprintf("behind the gzip data, which ends at byte %d of the file, %s", end, more),
		Hint: fmt.Sprintf("have the file sent again; if the rest means nothing, cut it off: head -c %d %s > %s", end,
			core.ShellQuote(m.path), core.ShellQuote(m.path+".cut")),
	}
}
