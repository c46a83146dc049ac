package chunk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

// claimSink makes this step execution the only one that may write to the sink,
// and goes on from where the sink is.
func (e *execution[I, O]) claimSink(ctx context.Context) error {
	seq, err := ClaimSink(ctx, e.scope, e.sink)
	if err == nil {
		e.seq = seq
	}
	return err
}

// ClaimSink makes s's step execution the only one that may write to sink, puts
// the repository right by what the sink holds, and returns the number of chunks
// that it has committed there. It is for bodies that write to a sink without
// being a chunk step.
func ClaimSink(ctx context.Context, s *core.Scope, sink core.Sink) (seq int64, err error) {
	claim, err := sinkClaim(s)
	if err != nil {
		return 0, err
	}
	fault.Point("chunk.before-claim")
	held, err := sink.Claim(ctx, claim, func(held *core.SinkCheckpoint) error { return settle(ctx, s, claim, held) })
	if err != nil {
		return 0, err
	}
	fault.Point("chunk.after-claim")
	if held.Seq > claim.Seq { // settle has moved the step's context
		s.Refresh()
	}
	return held.Seq, nil
}

// sinkClaim returns the repository's view of the sink.
func sinkClaim(s *core.Scope) (claim core.SinkClaim, err error) {
	claim.StepExecutionID = s.Step.ID
	if claim.Lineage, _, err = s.Context.String(core.ContextKeyLineage); err != nil {
		return claim, err
	}
	if claim.Replaces, _, err = s.Context.String(core.ContextKeyReplaces); err != nil {
		return claim, err
	}
	if claim.Seq, _, err = s.Context.Int64(core.ContextKeyChunk); err != nil {
		return claim, err
	}
	step, partition := core.SplitStepName(s.Step.StepName)
	claim.Key = core.SinkKey{
		RepoID:    s.Repo.RepositoryID(),
		JobName:   s.Execution.Instance.JobName,
		JobKey:    s.Execution.Instance.JobKey,
		StepName:  step,
		Partition: partition,
	}
	return claim, nil
}

// claim takes the sink over, if there is one. A step that has committed chunks to
// one goes on there or not at all.
func (e *execution[I, O]) claim(ctx context.Context) error {
	if e.sink != nil {
		return e.claimSink(ctx)
	}
	location, ok, err := e.scope.Context.String(core.ContextKeySink)
	if err != nil || !ok || e.seq == 0 {
		return err
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch,
		Msg: fmt.Sprintf("the step has begun to write to %s (chunks committed: %d), and now it does not write there",
			core.QuotePath(location), e.seq),
		Hint: "give its output the path that it had",
	}
}

// settle makes sure that this execution has not been taken over, and puts the
// repository right by what the sink holds: the attempt that the sink was last
// written by gets the counts that it really committed, and this one the position
// that it has to go on from. It may be repeated.
func settle(ctx context.Context, s *core.Scope, claim core.SinkClaim, held *core.SinkCheckpoint) error {
	if err := s.Owned(ctx); err != nil || held == nil {
		return err
	}
	earlier, err := earlierAttempt(ctx, s, claim, *held)
	if err != nil {
		return err
	}
	ahead := held.Seq > claim.Seq
	if earlier == nil && !ahead {
		return nil
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to roll back
	if earlier != nil {
		if err := tx.UpdateStepExecution(ctx, earlier); err != nil {
			return err
		}
	}
	next := s.Step.Clone()
	if ahead {
		next.Context = held.Context.Clone()
	}
	fault.Point("chunk.before-settle")
	if err := s.CommitStep(ctx, tx, s.Step, next, nil); err != nil {
		return fmt.Errorf("put the repository right by the sink: %w", err)
	}
	fault.Point("chunk.after-settle")
	s.Log.LogAttrs(ctx, slog.LevelWarn, "the sink was ahead of the repository, which was put right",
		slog.String("step", s.Step.StepName),
		slog.Int64("sinkChunks", held.Seq), slog.Int64("repositoryChunks", claim.Seq))
	return nil
}

// earlierAttempt returns the step execution that the sink was last written by,
// with the counts and the context of the sink; nil when there is nothing to put
// right. A row of another lineage is not touched: a repository that was
// restored from a backup gives its ids again.
func earlierAttempt(
	ctx context.Context, s *core.Scope, claim core.SinkClaim, held core.SinkCheckpoint,
) (*core.StepExecution, error) {
	if held.StepExecutionID == claim.StepExecutionID || held.Context == nil {
		return nil, nil //nolint:nilnil // nothing to put right is no error
	}
	earlier, err := s.Repo.StepExecution(ctx, held.StepExecutionID)
	switch {
	case errors.Is(err, core.ErrNoSuchStepExecution):
		return nil, nil //nolint:nilnil // as above
	case err != nil:
		return nil, err
	}
	counts := held.Counts
	// The sink may not have seen the last rollbacks, or the repository may not.
	counts.Rollback = max(counts.Rollback, earlier.Counts.Rollback)
	lineage := earlier.Context[core.ContextKeyLineage]
	if earlier.StepName != claim.Key.Step() || lineage != claim.Lineage || earlier.Counts == counts {
		return nil, nil //nolint:nilnil // as above
	}
	earlier.Counts, earlier.Context = counts, held.Context.Clone()
	return earlier, nil
}

// commitToSink makes one attempt to commit a chunk where its output lives, and
// then to tell the repository.
func (e *execution[I, O]) commitToSink(ctx context.Context, next *core.StepExecution, c attempt) error {
	s, seq := e.scope, c.seq
	durable := false
	defer func() {
		if !durable {
			e.sink.RollbackSink()
			e.dropped()
		}
	}()
	if err := e.write(ctx, nil, c); err != nil {
		return err
	}
	if err := e.seal(ctx, next, c); err != nil {
		return err
	}
	next.Context.Put(core.ContextKeySink, e.sink.Location())
	lineage, _, err := next.Context.String(core.ContextKeyLineage)
	if err != nil {
		return err
	}
	fault.Point("chunk.before-sink-commit")
	durable, err = e.sink.CommitSink(ctx, core.SinkCheckpoint{
		Lineage: lineage, StepExecutionID: s.Step.ID, Seq: seq, Counts: next.Counts, Context: next.Context,
	})
	if !durable {
		return fmt.Errorf("commit chunk %d to its sink: %w", seq, err)
	}
	fault.Point("chunk.after-sink-commit")
	if err := errors.Join(err, e.record(ctx, next)); err != nil {
		return fmt.Errorf("chunk %d is in its sink, but not all of its commit went well: %w", seq, err)
	}
	return nil
}

// record writes to the repository what the sink has committed.
func (e *execution[I, O]) record(ctx context.Context, next *core.StepExecution) error {
	s := e.scope
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	fault.Point("chunk.before-commit")
	if err := s.CommitStep(ctx, tx, s.Step, next, s.JobContext); err != nil {
		return err
	}
	fault.Point("chunk.after-commit")
	return nil
}
