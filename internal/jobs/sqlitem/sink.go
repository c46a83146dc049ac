package sqlitem

import (
	"context"

	"github.com/batchctl/batchctl/internal/core"
)

// Sink writes rows to a database that is not the repository's. It keeps the
// step's checkpoint in that database, in the transaction of the rows, and is
// otherwise what a Writer is.
type Sink[T any] struct {
	*Writer[T]
	*outside
}

var (
	_ core.ItemWriter[int] = (*Sink[int])(nil)
	_ core.ItemStream      = (*Sink[int])(nil)
	_ core.Sink            = (*Sink[int])(nil)
	_ core.Reverter        = (*Sink[int])(nil)
)

// NewSink returns a sink that inserts into db as NewWriter says; cfg.Querier is
// set to db. The sink does not close db.
func NewSink[T any](db core.Database, cfg WriterConfig, values func(item *T, dst []any) []any) *Sink[T] {
	cfg.Querier = db
	return &Sink[T]{Writer: NewWriter(cfg, values), outside: &outside{db: db}}
}

// Claim implements core.Sink. A database that does not have what the sink writes
// to is refused before anything is made in it.
func (s *Sink[T]) Claim(
	ctx context.Context, c core.SinkClaim, settle func(held *core.SinkCheckpoint) error,
) (core.SinkCheckpoint, error) {
	if err := s.look(ctx); err != nil {
		return core.SinkCheckpoint{}, err
	}
	return s.outside.Claim(ctx, c, settle)
}

// Open does what a Writer's Open does, which Claim has done already.
func (s *Sink[T]) Open(ctx context.Context, ec core.ExecutionContext) error {
	if s.looked() {
		return nil
	}
	return s.Writer.Open(ctx, ec)
}

// Write inserts the items of c in a transaction of the sink's own, which
// CommitSink commits.
func (s *Sink[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.insert(ctx, classified{s.tx, s.db}, c.Items)
}

// Join returns what writes the items of s in the transaction of first, which
// commits and undoes both; ok is false where first is no sink of this package, or
// has another database.
func (s *Sink[T]) Join(first core.Sink) (w core.ItemWriter[T], ok bool) {
	host, ok := first.(interface{ shared() *outside })
	if !ok || host.shared().Location() != s.Location() {
		return nil, false
	}
	return &guest[T]{Writer: s.Writer, host: host.shared()}, true
}

// guest writes to the database of a sink, in its transaction.
type guest[T any] struct {
	*Writer[T]

	host *outside
}

// Write inserts the items of c.
func (g *guest[T]) Write(ctx context.Context, c *core.Chunk[T]) error {
	if err := g.host.begin(ctx); err != nil {
		return err
	}
	return g.insert(ctx, classified{g.host.tx, g.host.db}, c.Items)
}

// Close ends a transaction that is still open.
func (s *Sink[T]) Close() error {
	s.RollbackSink()
	return s.Writer.Close()
}
