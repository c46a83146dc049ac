//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// keyLast is the key of the last id that the tasklet has moved.
const keyLast = "move.last"

// bindTasklet binds the pipeline that is a tasklet: each call moves chunkSize
// rows in the call's own transaction and asks to be called again.
func bindTasklet(dir string, s *core.Scope) (core.StepBody, error) {
	return engine.TaskletStep("move", mover{filepath.Join(dir, sourceFile)}).Bind(s)
}

// taskletHeard is the tasklet with a listener after the step, whose end then is
// a commit of its own: death between the two must not repeat the finishing call.
func taskletHeard(dir string) *core.Job {
	step := engine.TaskletStep("move", mover{filepath.Join(dir, sourceFile)})
	step.Listener = engine.PromoteContext(engine.Promotion{Keys: []string{keyLast}, Strict: true})
	return newJob(step)
}

// verifyPromoted checks that the job's context has what the listener promotes,
// and the step's nothing of how that was brought about.
func verifyPromoted(ctx context.Context, tr *trial) error {
	store, err := openStore(ctx, tr.dir)
	if err != nil {
		return err
	}
	defer store.Close()
	je, err := store.LastJobExecution(ctx, 1)
	if err != nil {
		return err
	}
	se, err := store.LastStepExecution(ctx, 1, "move")
	if err != nil {
		return err
	}
	last := int64((tr.rows - 1) / chunkSize * chunkSize)
	if got := je.Context[keyLast]; got != last || se.Context[core.ContextKeyFinished+"move"] != nil {
		return fmt.Errorf("the job's context has %s = %v, want %d; the step's is %v", keyLast, got, last, se.Context)
	}
	return nil
}

// mover moves rows from the source at a path to the table in the repository.
type mover struct{ source string }

// Execute implements core.Tasklet. Its counters are those of a chunk step that
// does the same.
func (m mover) Execute(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
	last, _, err := s.Context.Int64(keyLast)
	if err != nil {
		return core.Finished, err
	}
	items, more, err := m.read(ctx, s.Databases, last)
	if err != nil {
		return core.Finished, err
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return core.Finished, err
	}
	db, ok := tx.(sqlitem.Execer)
	if !ok {
		return core.Finished, fmt.Errorf("the transaction is a %T", tx)
	}
	for _, in := range items {
		c.Read++
		out, keep, err := double(ctx, in)
		if err != nil {
			return core.Finished, err
		}
		if !keep {
			c.Filter++
			continue
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO OUTPUT (ID, NAME, AMOUNT) VALUES (?, ?, ?)", values(&out, nil)...); err != nil {
			return core.Finished, err
		}
		c.Write++
	}
	if !more {
		return core.Finished, nil
	}
	s.Context.Put(keyLast, items[len(items)-1].id)
	return core.Continuable, nil
}

// read returns the rows of one call, and whether there are more.
func (m mover) read(ctx context.Context, databases core.Databases, last int64) (items []item, more bool, err error) {
	db := sqlitem.OpenLater(databases, m.source)
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "SELECT ID, NAME, AMOUNT FROM SOURCE WHERE ID > ? ORDER BY ID LIMIT ?", last, chunkSize+1)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	if items, err = scanItems(rows); len(items) > chunkSize {
		return items[:chunkSize], true, err
	}
	return items, false, err
}

func scanItems(rows *sql.Rows) (items []item, err error) {
	for rows.Next() {
		var it item
		if err := rows.Scan(&it.id, &it.name, &it.amount); err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	return items, rows.Err()
}
