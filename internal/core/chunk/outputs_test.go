package chunk_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// put writes the items of a chunk one after the other, up to the one that fails.
func (w *world) put(c *core.Chunk[num], put func(n int) error) error {
	w.writes++
	if err := w.edge(); err != nil {
		return err
	}
	for _, n := range c.Items {
		if fails(w.script.write, int(n)) {
			return core.Classified("write.bad", fmt.Errorf("number %d cannot be written", n))
		}
		if err := put(int(n)); err != nil {
			return err
		}
	}
	return w.edge()
}

// tableWriter writes in the chunk's transaction and keeps nothing.
type tableWriter struct{ world *world }

func (t *tableWriter) Write(ctx context.Context, c *core.Chunk[num]) error {
	return t.world.put(c, func(n int) error {
		_, err := c.Tx.(execer).ExecContext(ctx, "INSERT INTO number VALUES (?, ?)", n, c.Seq)
		return err
	})
}

// fileWriter appends to a file at once, and cuts it back.
type fileWriter struct {
	world *world
	mark  int
}

var _ core.Reverter = (*fileWriter)(nil)

func (f *fileWriter) Write(_ context.Context, c *core.Chunk[num]) error {
	return f.world.put(c, func(n int) error {
		f.world.lines = append(f.world.lines, n)
		return nil
	})
}

func (f *fileWriter) Mark(context.Context) error {
	f.mark = len(f.world.lines)
	return f.world.edge()
}

func (f *fileWriter) Revert(context.Context) error {
	if err := f.world.edge(); err != nil {
		return err
	}
	f.world.lines = f.world.lines[:f.mark]
	return nil
}

func (f *fileWriter) Open(_ context.Context, ec core.ExecutionContext) error {
	length, _, err := ec.Int64("file.length")
	if int(length) > len(f.world.lines) {
		return fmt.Errorf("the file has %d lines, its checkpoint %d", len(f.world.lines), length)
	}
	f.world.lines = f.world.lines[:length]
	return err
}

func (f *fileWriter) Checkpoint(ec core.ExecutionContext) error {
	ec.Put("file.length", int64(len(f.world.lines)))
	return f.world.edge()
}
func (f *fileWriter) Close() error { return nil }

// rejectFile is a fileWriter for rejects.
type rejectFile struct {
	world *world
	kept  int // as of the last checkpoint
}

func (f *rejectFile) Reject(_ context.Context, r core.Reject) error {
	if err := f.world.edge(); err != nil {
		return err
	}
	f.world.rejects = append(f.world.rejects, r)
	return nil
}

func (f *rejectFile) Open(_ context.Context, ec core.ExecutionContext) error {
	length, _, err := ec.Int64("rejects.length")
	f.world.rejects, f.kept = f.world.rejects[:length], int(length)
	return err
}

func (f *rejectFile) Checkpoint(ec core.ExecutionContext) error {
	f.kept = len(f.world.rejects)
	ec.Put("rejects.length", int64(f.kept))
	return f.world.edge()
}
func (f *rejectFile) Close() error { return nil }

// Location is that of the finished file, which is all that this one has.
func (f *rejectFile) Location() string {
	if f.kept == 0 {
		return ""
	}
	return "/srv/rejects.jsonl"
}

// sinkWriter writes to a database of its own, and keeps the checkpoint there.
type sinkWriter struct {
	world *world
	tx    *sql.Tx
	saved bool
}

var (
	_ core.Sink     = (*sinkWriter)(nil)
	_ core.Reverter = (*sinkWriter)(nil)
)

func (s *sinkWriter) begin(ctx context.Context) (err error) {
	if s.tx == nil {
		s.tx, err = s.world.db.Begin(context.WithoutCancel(ctx))
	}
	return err
}

func (s *sinkWriter) Write(ctx context.Context, c *core.Chunk[num]) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.world.put(c, func(n int) error {
		_, err := s.tx.ExecContext(ctx, "INSERT INTO number VALUES (?, ?)", n, c.Seq)
		return err
	})
}

// Mark sets no savepoint where no transaction is open: Revert ends it then.
func (s *sinkWriter) Mark(ctx context.Context) error {
	if s.saved = s.tx != nil; !s.saved {
		return s.world.edge()
	}
	_, err := s.tx.ExecContext(ctx, "SAVEPOINT item")
	return errors.Join(s.world.edge(), err)
}

func (s *sinkWriter) Revert(ctx context.Context) error {
	if s.tx == nil || !s.saved {
		s.RollbackSink()
		return s.world.edge()
	}
	_, err := s.tx.ExecContext(ctx, "ROLLBACK TO item")
	return errors.Join(s.world.edge(), err)
}

func (s *sinkWriter) RollbackSink() {
	if s.tx != nil {
		_ = s.tx.Rollback()
		s.tx = nil
	}
}

func (s *sinkWriter) Location() string { return s.world.db.Path() }

func (s *sinkWriter) Claim(
	ctx context.Context, c core.SinkClaim, settle func(*core.SinkCheckpoint) error,
) (ck core.SinkCheckpoint, err error) {
	if err := s.begin(ctx); err != nil {
		return ck, err
	}
	defer s.RollbackSink()
	for _, ddl := range []string{
		"CREATE TABLE IF NOT EXISTS number (n INTEGER PRIMARY KEY, chunk INTEGER)",
		"CREATE TABLE IF NOT EXISTS held (job TEXT PRIMARY KEY, doc TEXT)",
	} {
		if _, err := s.tx.ExecContext(ctx, ddl); err != nil {
			return ck, err
		}
	}
	held, err := s.held(ctx, c.Key.JobName)
	if err != nil {
		return ck, err
	}
	resume, err := c.Judge(held)
	if err != nil {
		return ck, err
	}
	ck = core.SinkCheckpoint{Lineage: c.Lineage}
	if resume {
		ck = *held
	} else {
		held = nil
	}
	if err := settle(held); err != nil {
		return ck, err
	}
	ck.StepExecutionID, ck.Counts = c.StepExecutionID, core.Counts{}
	if _, err := s.commit(ctx, c.Key.JobName, ck); err != nil {
		return ck, err
	}
	return ck, nil
}

func (s *sinkWriter) CommitSink(ctx context.Context, ck core.SinkCheckpoint) (bool, error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	return s.commit(ctx, s.world.job, ck)
}

func (s *sinkWriter) commit(ctx context.Context, job string, ck core.SinkCheckpoint) (bool, error) {
	doc, err := json.Marshal(ck)
	if err != nil {
		return false, err
	}
	if _, err := s.tx.ExecContext(ctx, "REPLACE INTO held VALUES (?, ?)", job, string(doc)); err != nil {
		return false, err
	}
	if err := s.world.edge(); err != nil {
		return false, err
	}
	err = s.tx.Commit()
	s.tx = nil
	if err != nil {
		return false, err
	}
	return true, s.world.edge()
}

func (s *sinkWriter) held(ctx context.Context, job string) (*core.SinkCheckpoint, error) {
	var doc string
	err := s.tx.QueryRowContext(ctx, "SELECT doc FROM held WHERE job = ?", job).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ck := &core.SinkCheckpoint{}
	decoder := json.NewDecoder(bytes.NewReader([]byte(doc)))
	decoder.UseNumber()
	if err := decoder.Decode(ck); err != nil {
		return nil, err
	}
	for key, v := range ck.Context {
		if number, ok := v.(json.Number); ok {
			if ck.Context[key], err = number.Int64(); err != nil {
				return nil, err
			}
		}
	}
	return ck, nil
}
