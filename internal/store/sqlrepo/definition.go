package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// A repository that was made before definitions were kept has no table for them:
// it gets one with the first.
const createDefinitions = `
CREATE TABLE IF NOT EXISTS BATCHCTL_DEFINITION (
  HASH TEXT PRIMARY KEY,
  TEXT TEXT NOT NULL
) WITHOUT ROWID`

// define keeps the definition of the job with the execution, and refuses to go
// on under another one than the last execution had, unless that is meant.
func (l *launch) define(ctx context.Context, tx *sql.Tx, je *core.JobExecution) error {
	if err := l.checkDefinition(je); err != nil {
		return err
	}
	hash := l.definitionHash()
	if hash == "" {
		je.Context.Put(core.ContextKeyDefinition, nil)
		return nil
	}
	je.Context.Put(core.ContextKeyDefinition, hash)
	if _, err := tx.ExecContext(ctx, createDefinitions); err != nil {
		return fmt.Errorf("make the table of definitions: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO BATCHCTL_DEFINITION (HASH, TEXT) VALUES (?, ?)", hash, l.Definition.Text); err != nil {
		return fmt.Errorf("keep the definition: %w", err)
	}
	return nil
}

func (l *launch) refuseDefinition(before, now string) error {
	e := &core.Error{
		Kind: core.ErrJobRestart,
		Msg: fmt.Sprintf("the definition of the job has changed since the last attempt, execution %d of %s, from %.12s to %.12s",
			l.last, l.named(), before, now),
		Hint: "put the old one back, or go on under the new one with: " + hint("restart", l.last) + " --new-definition",
	}
	if now == "" {
		e.Msg = fmt.Sprintf("the last attempt, execution %d of %s, ran the definition %.12s, and the job is none of a definition file now",
			l.last, l.named(), before)
	}
	return e
}

// checkDefinition refuses to go on under another definition than the last
// execution had, unless that is meant.
func (l *launch) checkDefinition(je *core.JobExecution) error {
	before, _, err := je.Context.String(core.ContextKeyDefinition)
	if err != nil {
		return err
	}
	if hash := l.definitionHash(); before != "" && before != hash && !l.NewDefinition {
		return l.refuseDefinition(before, hash)
	}
	return nil
}

// definitionHash returns the hash of the job's definition, "" when it has none.
func (l *launch) definitionHash() string {
	if l.Definition == nil {
		return ""
	}
	return l.Definition.Hash
}
