package core

import (
	"context"
	"database/sql"
	"fmt"
)

// Sink is implemented by an ItemWriter whose output lives in a database of its
// own. The step's checkpoint then lives there too, in the same transaction as
// the rows, and wins over the repository's copy on restart.
//
// Each chunk goes: Write, the streams' Checkpoint, CommitSink, and only then
// the repository's commit. A crash between the two commits leaves the sink
// ahead by one chunk; Claim finds that at the next start.
type Sink interface {
	// Claim makes claim.StepExecutionID the only step execution that may commit
	// to the sink under claim.Key, and returns the checkpoint to go on from.
	// settle is called before the claim commits, with the checkpoint to go on
	// from, nil when there is none: while nobody else can write to the sink it
	// makes sure that the claimant still owns its execution, and puts the
	// repository right. Its error undoes the claim. A sink that does not belong
	// to this lineage, or is behind the repository, is an ErrCheckpointMismatch
	// and is left untouched.
	Claim(ctx context.Context, claim SinkClaim, settle func(held *SinkCheckpoint) error) (SinkCheckpoint, error)
	// CommitSink commits what Write has written together with ck. durable tells
	// whether it is there; it may be in spite of an error. ErrLeaseLost means
	// that another step execution has claimed the sink.
	CommitSink(ctx context.Context, ck SinkCheckpoint) (durable bool, err error)
	// RollbackSink undoes what was written since the last commit. It may be
	// called when there is nothing to undo.
	RollbackSink()
	// Location says where the sink is: for a database in a file its absolute
	// path, symbolic links resolved. It is asked once Claim has succeeded.
	Location() string
}

// SinkKey identifies the checkpoint of one step of one job instance within a
// sink.
type SinkKey struct {
	RepoID    string
	JobName   string
	JobKey    string
	StepName  string
	Partition string // the name of the part, or ""
}

// Step returns the name of the step's executions.
func (k SinkKey) Step() string {
	if k.Partition == "" {
		return k.StepName
	}
	return PartitionStepName(k.StepName, k.Partition)
}

// SinkClaim is the repository's view when a step execution opens its sink.
type SinkClaim struct {
	Key             SinkKey
	StepExecutionID int64
	// Lineage is the token of the step's fresh start.
	Lineage string
	// Replaces is the lineage of the COMPLETED execution that this fresh start
	// follows; empty when there is none.
	Replaces string
	// Seq is the number of chunks that the repository knows as committed.
	Seq int64
}

// SinkCheckpoint is what a sink holds.
type SinkCheckpoint struct {
	Lineage string
	// StepExecutionID is the claimant, to whom Counts belong.
	StepExecutionID int64
	// Seq is the number of chunks committed in this lineage.
	Seq int64
	// Counts are the claimant's, as of its last commit.
	Counts Counts
	// Context is the step's context as of the last commit; nil when Seq is 0.
	Context ExecutionContext
}

// Judge decides what a claimant may do with what the sink holds under its key;
// held is nil when there is nothing. resume is true when it has to go on from
// held, false when it starts afresh. The error is an ErrCheckpointMismatch that
// says both values.
func (c SinkClaim) Judge(held *SinkCheckpoint) (resume bool, err error) {
	const hint = "compare the sink with its backups; nothing was changed"
	switch {
	case held == nil && c.Seq == 0:
		return false, nil
	case held == nil:
		return false, &Error{Kind: ErrCheckpointMismatch, Hint: hint, Msg: fmt.Sprintf(
			"the sink has no checkpoint of step %s, the repository has %d committed chunks", c.Key.Step(), c.Seq)}
	case held.Lineage == c.Lineage && held.Seq >= c.Seq:
		return true, nil
	case held.Lineage == c.Lineage:
		return false, &Error{Kind: ErrCheckpointMismatch, Hint: hint, Msg: fmt.Sprintf(
			"the sink is behind the repository: it has %d committed chunks of step %s, the repository has %d",
			held.Seq, c.Key.Step(), c.Seq)}
	case c.Seq == 0 && c.Replaces == held.Lineage:
		return false, nil
	}
	return false, &Error{Kind: ErrCheckpointMismatch, Hint: hint, Msg: fmt.Sprintf(
		"the sink belongs to another run of step %s: its lineage is %s with %d chunks, the repository's is %s with %d",
		c.Key.Step(), Quote(held.Lineage), held.Seq, Quote(c.Lineage), c.Seq)}
}

// Databases opens databases other than the repository's.
type Databases interface {
	// OpenDatabase opens the SQLite database at path, durable at every commit,
	// and creates it when it is absent or empty; its directory must exist.
	OpenDatabase(ctx context.Context, path string) (Database, error)
}

// Database is an open database that a job reads from or writes to.
type Database interface {
	// QueryContext reads outside of any transaction.
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	// Begin opens a write transaction and holds the write lock from the start.
	Begin(ctx context.Context) (*sql.Tx, error)
	// Path returns the path of the database: absolute and with symbolic links
	// resolved as soon as it has been opened.
	Path() string
	Close() error
}
