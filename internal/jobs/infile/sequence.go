package infile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/batchctl/batchctl/internal/core"
)

// Keys in the step's context, behind the name of a Sequence: the number of the
// file that is being read, from 0, how many there are, checksums of their names
// and of what the finished ones hold, and the path of the present one.
const (
	keyFile  = ".file"
	keyFiles = ".files"
	keySet   = ".set" + KeyCRC
	keyDone  = ".done" + KeyCRC
	keyPath  = ".path"
)

// Reader is a reader of one file.
type Reader[T any] interface {
	core.ItemReader[T]
	core.ItemStream
	core.RawReader
}

// SequenceConfig says what a Sequence reads.
type SequenceConfig struct {
	// Pattern is a path in whose last element *, ? and [ ] stand for others, as in
	// path/filepath.Match. A path without them is one file.
	Pattern string
	// Options are those with which the readers of the files are opened.
	Options Options
	// AllowNone takes no matching file for an input without records.
	AllowNone bool
	// Name is the prefix of the keys in the step's context.
	Name string
}

// Sequence reads the files that a pattern matches, in the order of their names,
// as one input. It is not safe for concurrent use.
type Sequence[T any] struct {
	cfg   SequenceConfig
	open  func(path string) Reader[T]
	files []string
	at    int
	done  uint32 // of what the finished files hold
	r     Reader[T]
}

var (
	_ core.ItemReader[int] = (*Sequence[int])(nil)
	_ core.ItemStream      = (*Sequence[int])(nil)
	_ core.RawReader       = (*Sequence[int])(nil)
)

// NewSequence returns a reader of many files. open returns the reader of one of
// them, which keeps its position under the same name; it opens nothing itself.
func NewSequence[T any](cfg SequenceConfig, open func(path string) Reader[T]) *Sequence[T] {
	return &Sequence[T]{cfg: cfg, open: open}
}

// Match returns the files that a pattern matches, in the order of their names.
func Match(pattern string) ([]string, error) {
	dir, _ := filepath.Split(pattern)
	if IsPattern(dir) {
		return nil, &core.Error{Op: OpenOp(pattern), Msg: "only the last element of the path may be a pattern"}
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, &core.Error{Op: OpenOp(pattern), Msg: "the pattern cannot be read", Err: err}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(filepath.Base(a), filepath.Base(b)) })
	return files, nil
}

// IsPattern reports whether a path means the files that it matches.
func IsPattern(path string) bool {
	for _, c := range []byte(path) {
		if c == '*' || c == '?' || c == '[' {
			return true
		}
	}
	return false
}

// set is the checksum of the names of the files.
func (s *Sequence[T]) set() uint32 {
	crc := uint32(0)
	for _, f := range s.files {
		crc = crc32c(crc, append([]byte(filepath.Base(f)), 0))
	}
	return crc
}

// Open implements core.ItemStream. On a restart it compares the set of files, and
// what the finished ones hold, with those of the first start.
func (s *Sequence[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	op := OpenOp(s.cfg.Pattern)
	at, err := Numbers(ec, s.cfg.Name, keyFile, keyFiles, keySet, keyDone)
	if err != nil {
		return Damaged(op, err)
	}
	if s.files, err = Match(s.cfg.Pattern); err != nil {
		return err
	}
	s.at, s.done, s.r = 0, 0, nil
	if at == nil {
		if len(s.files) == 0 && !s.cfg.AllowNone {
			return &core.Error{Op: op, Msg: "no file matches", Hint: "ls -l " + core.ShellQuote(filepath.Dir(s.cfg.Pattern))}
		}
		return s.begin(ctx, nil)
	}
	if err := s.compare(ctx, at, ec); err != nil {
		return err
	}
	return s.begin(ctx, ec)
}

// compare refuses other files than those of the first start, and goes to the one
// that was being read.
func (s *Sequence[T]) compare(ctx context.Context, at []int64, ec core.ExecutionContext) error {
	path, _, err := ec.String(s.cfg.Name + keyPath)
	if err != nil {
		return Damaged(OpenOp(s.cfg.Pattern), err)
	}
	refuse := func(msg string) error {
		return &core.Error{
			Kind: core.ErrCheckpointMismatch, Op: OpenOp(s.cfg.Pattern), Msg: msg,
			Hint: "put the files back as they were, then restart: ls -l " + core.ShellQuote(filepath.Dir(s.cfg.Pattern)),
		}
	}
	switch set := int64(s.set()); {
	case int64(len(s.files)) != at[1] || set != at[2]:
		return refuse(fmt.Sprintf("the set of files has changed: %d matched at the first start (crc32c %08x), %d do now (%08x)",
			at[1], at[2], len(s.files), set))
	case at[0] > at[1] || at[0] < at[1] && s.files[at[0]] != path:
		return Damaged(OpenOp(s.cfg.Pattern), fmt.Errorf("file %d is not %s", at[0], core.QuotePath(path)))
	}
	s.at = int(at[0])
	for _, file := range s.files[:s.at] {
		n, crc, err := Sum(ctx, file, s.cfg.Options)
		if err != nil {
			return err
		}
		s.finish(n, crc)
	}
	if int64(s.done) != at[3] {
		return refuse(fmt.Sprintf("the first %d files have been read, and one of them has changed since: crc32c %08x then, %08x now",
			at[0], at[3], s.done))
	}
	return nil
}

// Sum returns how many bytes a file has, unpacked, and their CRC-32C.
func Sum(ctx context.Context, path string, opts Options) (n int64, crc uint32, err error) {
	in, err := Open(path, opts)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for {
		if ctx.Err() != nil {
			return 0, 0, context.Cause(ctx)
		}
		in.Consume(len(in.Window()))
		if err := in.More(); errors.Is(err, io.EOF) {
			return in.Offset(), in.Checksum(), nil
		} else if err != nil {
			return 0, 0, err
		}
	}
}

// finish adds a finished file to the checksum.
func (s *Sequence[T]) finish(n int64, crc uint32) {
	s.done = crc32c(s.done, fmt.Appendf(nil, "%d %08x\n", n, crc))
}

// begin opens the present file, if there is one left.
func (s *Sequence[T]) begin(ctx context.Context, ec core.ExecutionContext) error {
	if s.at == len(s.files) {
		return nil
	}
	s.r = s.open(s.files[s.at])
	return s.r.Open(ctx, ec)
}

// Read implements core.ItemReader.
func (s *Sequence[T]) Read(ctx context.Context, dst []T) (int, error) {
	for {
		if s.at == len(s.files) {
			return 0, io.EOF
		}
		if s.r == nil {
			if err := s.begin(ctx, nil); err != nil {
				return 0, errors.Join(err, s.closeFile())
			}
		}
		n, err := s.r.Read(ctx, dst)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 { // the next call finds the end again
			return n, nil
		}
		if err := s.next(ctx); err != nil {
			return 0, err
		}
	}
}

// next goes behind the present file. What the reader has left unread of it, as
// the bytes of an empty file, is summed up with the rest.
func (s *Sequence[T]) next(ctx context.Context) error {
	end := core.ExecutionContext{}
	if err := s.r.Checkpoint(end); err != nil {
		return err
	}
	at, err := Numbers(end, s.cfg.Name, KeyOffset, KeyCRC, KeyRecord, KeyLine)
	if err != nil {
		return err
	}
	if at == nil { // an empty file has no position
		n, crc, err := Sum(ctx, s.files[s.at], s.cfg.Options)
		if err != nil {
			return err
		}
		at = []int64{n, int64(crc)}
	}
	if err := s.closeFile(); err != nil {
		return err
	}
	s.finish(at[0], uint32(at[1])) //nolint:gosec // Numbers checks
	s.at++
	return nil
}

// Checkpoint implements core.ItemStream.
func (s *Sequence[T]) Checkpoint(ec core.ExecutionContext) error {
	for _, key := range [...]string{KeyOffset, KeyCRC, KeyRecord, KeyLine, keyPath} {
		ec.Put(s.cfg.Name+key, nil) // of the file before
	}
	ec.Put(s.cfg.Name+keyFile, int64(s.at))
	ec.Put(s.cfg.Name+keyFiles, int64(len(s.files)))
	ec.Put(s.cfg.Name+keySet, int64(s.set()))
	ec.Put(s.cfg.Name+keyDone, int64(s.done))
	if s.at < len(s.files) {
		ec.Put(s.cfg.Name+keyPath, s.files[s.at])
	}
	if s.r == nil {
		return nil
	}
	return s.r.Checkpoint(ec)
}

// Raw implements core.RawReader, for every file of the set.
func (s *Sequence[T]) Raw(o core.Origin) ([]byte, error) {
	if s.r != nil && o.File == s.files[s.at] {
		return s.r.Raw(o)
	}
	if !slices.Contains(s.files, o.File) {
		return nil, fmt.Errorf("read input %s: the record is of %s", s.cfg.Pattern, core.QuotePath(o.File))
	}
	in, err := Open(o.File, s.cfg.Options)
	if err != nil {
		return nil, err
	}
	raw, err := in.Raw(o, maxRaw)
	return raw, errors.Join(err, in.Close())
}

func (s *Sequence[T]) closeFile() error {
	r := s.r
	s.r = nil
	if r == nil {
		return nil
	}
	return r.Close()
}

// Close implements core.ItemStream.
func (s *Sequence[T]) Close() error { return s.closeFile() }
