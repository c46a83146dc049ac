package sqlstep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// Database is a database that is not the repository's. It keeps the checkpoint of
// the step beside what the statements change.
type Database interface {
	core.Sink
	// ExecContext runs a statement in the transaction that CommitSink commits.
	execer
	// Close undoes what is not committed.
	Close() error
}

// elsewhere is the body of a step whose statements run in another database.
//
// They and the checkpoint, which carries the counts and the number 1, commit
// there; then the repository is told. A start that finds the number is behind
// that commit: it puts the attempt that made it right, and runs nothing.
type elsewhere struct {
	*tasklet

	db Database
}

// statementsSeq is the number of the only commit.
const statementsSeq = 1

// Execute implements core.StepBody.
func (e *elsewhere) Execute(ctx context.Context, s *core.Scope) (exit core.ExitStatus, err error) {
	defer e.close(ctx, s)
	if cause := s.Stop.Cause(); cause != nil {
		return exit, cause
	}
	seq, err := chunk.ClaimSink(ctx, s, e.db)
	if err != nil {
		return exit, err
	}
	if seq >= statementsSeq {
		s.Log.LogAttrs(ctx, slog.LevelInfo, "The statements were committed by an earlier attempt, and are not run again",
			slog.String("step", s.Step.StepName), slog.String("database", e.db.Location()))
		return exit, nil
	}
	if err := e.once(ctx, s); err != nil {
		return exit, err
	}
	if s.AfterChunk != nil {
		s.AfterChunk(ctx, s)
	}
	return exit, nil
}

// close closes the database. What it says comes too late to fail the step.
func (e *elsewhere) close(ctx context.Context, s *core.Scope) {
	if err := e.db.Close(); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "the database of the statements was not closed properly",
			slog.String("step", s.Step.StepName), slog.String("error", err.Error()))
	}
}

// once runs the statements and commits them. When anything fails before the
// commit there, or panics, nothing of them is left but a rollback to be counted.
func (e *elsewhere) once(ctx context.Context, s *core.Scope) (err error) {
	durable := false
	defer func() {
		if !durable {
			e.db.RollbackSink()
			s.Uncommitted.Rollback++
		}
		s.Refresh()
	}()
	if s.BeforeChunk != nil {
		if err := s.BeforeChunk(ctx, s); err != nil {
			return fmt.Errorf("before chunk: %w", err)
		}
	}
	rows, err := e.runBounded(ctx, s, e.db)
	if err != nil {
		return err
	}
	if e.rowsKey != "" {
		s.Context.Put(e.rowsKey, rows)
	}
	next := s.Step.Clone()
	next.Context = s.Context.Clone()
	next.Counts = next.Counts.Add(core.Counts{Commit: 1, Write: rows})
	next.Context.Put(core.ContextKeyChunk, int64(statementsSeq))
	next.Context.Put(core.ContextKeySink, e.db.Location())
	lineage, _, err := next.Context.String(core.ContextKeyLineage)
	if err != nil {
		return err
	}
	durable, err = e.db.CommitSink(ctx, core.SinkCheckpoint{
		Lineage: lineage, StepExecutionID: s.Step.ID, Seq: statementsSeq, Counts: next.Counts, Context: next.Context,
	})
	if !durable {
		return fmt.Errorf("commit the statements: %w", err)
	}
	if err := errors.Join(err, record(ctx, s, next)); err != nil {
		return fmt.Errorf("the statements are committed in %s, but not all of their commit went well: %w",
			core.QuotePath(e.db.Location()), err)
	}
	return nil
}

// record tells the repository what the other database has committed.
func record(ctx context.Context, s *core.Scope, next *core.StepExecution) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	fault.Point("sqlstep.before-record")
	if err := s.CommitStep(ctx, tx, s.Step, next, s.JobContext); err != nil {
		return err
	}
	fault.Point("sqlstep.after-record")
	return nil
}

// ranElsewhere refuses to run statements in the repository's database that an
// earlier attempt has committed in another one.
func ranElsewhere(s *core.Scope) error {
	location, ok, err := s.Step.Context.String(core.ContextKeySink)
	if err != nil || !ok {
		return err
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch,
		Msg: fmt.Sprintf("an earlier attempt has committed the statements in %s, and now they would run in the repository's database",
			core.QuotePath(location)),
		Hint: "give the resource the path that it had",
	}
}
