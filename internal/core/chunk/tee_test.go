package chunk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
)

// station is one writer of a tee; it notes what happens to it in a list that
// all of them share.
type station struct {
	name   string
	events *[]string
	fails  string
	panics string // at this event
}

func (s *station) note(event string) error {
	*s.events = append(*s.events, s.name+" "+event)
	switch event {
	case s.fails:
		return errBroken
	case s.panics:
		panic(s.name + " is gone")
	}
	return nil
}

func (s *station) Write(context.Context, *core.Chunk[int]) error     { return s.note("write") }
func (s *station) Open(context.Context, core.ExecutionContext) error { return s.note("open") }
func (s *station) Checkpoint(core.ExecutionContext) error            { return s.note("checkpoint") }
func (s *station) Finish(context.Context) error                      { return s.note("finish") }
func (s *station) Close() error                                      { return s.note("close") }

// database is a station that keeps a checkpoint of its own.
type database struct{ station }

func (d *database) Claim(
	_ context.Context, c core.SinkClaim, _ func(*core.SinkCheckpoint) error,
) (core.SinkCheckpoint, error) {
	return core.SinkCheckpoint{Lineage: c.Lineage}, d.note("claim")
}

func (d *database) CommitSink(context.Context, core.SinkCheckpoint) (bool, error) {
	err := d.note("commit")
	return err == nil, err
}

func (d *database) RollbackSink() { _ = d.note("rollback") }

func (d *database) Location() string { return "/srv/sink.db" }

func TestTee(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		fileFails     string
		filePanics    string
		databaseFails string
		want          []string
	}{
		{
			name: "files first, then SQL",
			want: []string{
				"db claim", "file open", "db open", "file write", "db write", "file checkpoint", "db checkpoint",
				"db commit", "file finish", "db finish", "file close", "db close",
			},
		},
		{
			name: "a failed file undoes the database", fileFails: "checkpoint",
			want: []string{
				"db claim", "file open", "db open", "file write", "db write", "file checkpoint",
				"db rollback", "file close", "db close",
			},
		},
		{
			name: "a failed commit publishes nothing", databaseFails: "commit",
			want: []string{
				"db claim", "file open", "db open", "file write", "db write", "file checkpoint", "db checkpoint",
				"db commit", "db rollback", "file close", "db close",
			},
		},
		{
			name: "STEP-07 a panic in the close of one closes the others", filePanics: "close",
			want: []string{
				"db claim", "file open", "db open", "file write", "db write", "file checkpoint", "db checkpoint",
				"db commit", "file finish", "db finish", "file close", "db close",
			},
		},
		{
			name: "a claim that is refused opens nothing", databaseFails: "claim",
			want: []string{"db claim"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var events []string
			// The database is named first, and comes last all the same.
			w, err := chunk.Tee[int](
				&database{station{name: "db", events: &events, fails: tt.databaseFails}},
				&station{name: "file", events: &events, fails: tt.fileFails, panics: tt.filePanics})
			if err != nil {
				t.Fatal(err)
			}
			f := setup(t)
			_, err = f.run(t.Context(), t, moving(&source{last: 3}, &middle{}, w, chunk.Options{}))
			if failed := tt.fileFails+tt.databaseFails != ""; (err != nil) != failed {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(tt.want, events); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTeeOfTwoDatabases(t *testing.T) {
	t.Parallel()
	_, err := chunk.Tee[int](&database{}, &station{}, &database{})
	if !errors.Is(err, core.ErrJobDefinition) || core.Hint(err) == "" {
		t.Errorf("got %v, want an ErrJobDefinition with a hint", err)
	}
}

func TestTeeOfFiles(t *testing.T) {
	t.Parallel()
	var events []string
	w, err := chunk.Tee[int](&station{name: "a", events: &events}, &station{name: "b", events: &events})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := w.(core.Sink); ok {
		t.Error("a tee without a sink must commit with the repository")
	}
	f := setup(t)
	if _, err := f.run(t.Context(), t, moving(&source{last: 3}, &middle{}, w, chunk.Options{})); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a open", "b open", "a write", "b write", "a checkpoint", "b checkpoint", "a finish", "b finish", "a close", "b close",
	}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
}
