package csvfile

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// position is where a reader goes on.
type position struct {
	offset int64
	crc    uint32
	record int64
	line   int
}

// position reads what Checkpoint left; ok is false when there is nothing.
func (c ReaderConfig) position(ec core.ExecutionContext) (at position, ok bool, err error) {
	v, err := infile.Numbers(ec, c.Name, infile.KeyOffset, infile.KeyCRC, infile.KeyRecord, infile.KeyLine)
	if err != nil {
		return at, false, infile.Damaged(infile.OpenOp(c.Path), err)
	}
	if v == nil {
		return at, false, nil
	}
	return position{offset: v[0], crc: uint32(v[1]), record: v[2], line: int(v[3])}, true, nil //nolint:gosec // Numbers checks
}

// resume goes to a position of an earlier attempt, before which the bytes from
// one offset on continue the checksum seed. The header has been read.
func (s *scanner) resume(ctx context.Context, from int64, seed uint32, at position) error {
	begun := s.Offset() // where the first record is
	if err := s.Seek(ctx, from, seed, at.offset, at.crc, int64(at.line)); err != nil {
		return err
	}
	s.record, s.line = at.record, at.line
	if s.LineEnded() || at.offset == from || at.offset == begun { // from is behind a record, or the beginning
		return nil
	}
	// The last record ended with the file. It must not have become longer.
	first, ok, err := s.at(0)
	if err == nil && ok && first == '\r' {
		first, ok, err = s.at(1)
	}
	if err != nil {
		return err
	}
	if ok && first != '\n' {
		return s.Mismatch(fmt.Sprintf("line %d was read as the last one, and text was added to it at byte %d", at.line, at.offset))
	}
	return nil
}
