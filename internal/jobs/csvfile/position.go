package csvfile

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// Keys in the step's context, behind the name of the reader or writer.
const (
	keyOffset = ".offset"
	keyCRC    = ".crc"
	keyRecord = ".record"
	keyLine   = ".line"

	keyLength = ".length"
	keyRows   = ".rows"
	keyTarget = ".target"
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
	v, err := numbers(ec, c.Name, keyOffset, keyCRC, keyRecord, keyLine)
	if err != nil {
		return at, false, damaged(infile.OpenOp(c.Path), err)
	}
	if v == nil {
		return at, false, nil
	}
	return position{offset: v[0], crc: uint32(v[1]), record: v[2], line: int(v[3])}, true, nil //nolint:gosec // numbers checks
}

// numbers returns the values of the keys behind name, nil when none is there.
func numbers(ec core.ExecutionContext, name string, keys ...string) ([]int64, error) {
	values := make([]int64, 0, len(keys))
	for _, key := range keys {
		n, present, err := ec.Int64(name + key)
		switch {
		case err != nil:
			return nil, err
		case !present:
			continue
		case n < 0 || key == keyCRC && n > math.MaxUint32:
			return nil, fmt.Errorf("context key %s holds %d", core.Quote(name+key), n)
		}
		values = append(values, n)
	}
	switch len(values) {
	case 0:
		return nil, nil
	case len(keys):
		return values, nil
	}
	return nil, fmt.Errorf("only %d of the %d context keys %s are there", len(values), len(keys), core.Quote(name+".*"))
}

// saved reads what Checkpoint left; ok is false when there is nothing. A
// checkpoint of another file is refused.
func (c WriterConfig) saved(ec core.ExecutionContext) (at saved, ok bool, err error) {
	op := "open output " + core.EscapeControl(c.Path)
	v, err := numbers(ec, c.Name, keyLength, keyCRC, keyRows)
	if err != nil {
		return at, false, damaged(op, err)
	}
	target, present, err := ec.String(c.Name + keyTarget)
	switch {
	case err == nil && present != (v != nil):
		err = fmt.Errorf("context key %s stands alone or is missing", core.Quote(c.Name+keyTarget))
		fallthrough
	case err != nil:
		return at, false, damaged(op, err)
	case v == nil:
		return at, false, nil
	case target != filepath.Clean(c.Path):
		return at, false, &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: op,
			Msg:  "the last attempt wrote to " + core.EscapeControl(target),
			Hint: "restart with the path of the last attempt",
		}
	}
	return saved{state: partfile.State{Length: v[0], CRC: uint32(v[1])}, rows: v[2]}, true, nil //nolint:gosec // numbers checks
}

func (c WriterConfig) check() error {
	op := "open output " + core.EscapeControl(c.Path)
	if !validComma(c.Comma) {
		return &core.Error{Op: op, Msg: quoteByte(c.Comma) + " cannot be the delimiter"}
	}
	if len(c.Columns) == 0 {
		return &core.Error{Op: op, Msg: "no columns are declared"}
	}
	return checkNames(op+": declared columns", c.Columns)
}

func validComma(c byte) bool { return c != '"' && c != '\r' && c != '\n' && c < 0x80 }

func damaged(op string, err error) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: op, Msg: "the step's context is damaged", Err: err,
		Hint: "batchctl abandon gives up the instance for good; nothing else helps",
	}
}

// resume goes to a position of an earlier attempt, before which the bytes from
// one offset on continue the checksum seed. The header has been read.
func (s *scanner) resume(ctx context.Context, from int64, seed uint32, at position) error {
	begun := s.Offset() // where the first record is
	if err := s.Seek(ctx, from, seed, at.offset, at.crc); err != nil {
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
