package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
)

// maxProblems bounds what one kind of check reports.
const maxProblems = 100

// Problem is one finding of Check.
type Problem struct {
	// Code names the kind: damaged, foreign-key, no-owner, dead-owner,
	// stray-owner, stray-lock, sink-mismatch, sink-unreadable, mode; as a note
	// sink-ahead.
	Code string
	// Msg says what was found, Hint the next command to type.
	Msg, Hint string
}

// CheckReport is what Check found. No problem means that all is well.
type CheckReport struct {
	Path     string
	Full     bool
	Problems []Problem
	// Notes are findings that nobody needs to act upon.
	Notes []Problem

	dead map[int64]bool // executions whose owner is
}

func (r *CheckReport) add(code, msg, hint string) {
	r.Problems = append(r.Problems, Problem{Code: code, Msg: msg, Hint: hint})
}

// Check looks for damage in the repository at path: the structure of the file
// (with full also the agreement of every index with its table), references to
// rows that are not there, executions that run without a living owner, lock
// files and owner rows left behind, databases of sinks that do not fit the
// repository any more, and files that others may read. It changes nothing; jobs
// may run meanwhile. A finding is not an error.
func Check(ctx context.Context, path string, full bool) (CheckReport, error) {
	path, db, _, err := openReader(ctx, path)
	r := CheckReport{Path: path, Full: full, dead: map[int64]bool{}}
	if err != nil {
		if cause, ok := errors.AsType[sqlite3.Error](err); ok && cause.Code == sqlite3.ErrCorrupt {
			r.damaged(cause.Error())
			return r, nil
		}
		return CheckReport{}, err
	}
	defer func() { _ = db.Close() }() // only read from
	tr := translator{path: path, busy: explorerBusyTimeout}
	for _, check := range []func(context.Context, *sql.DB) error{
		r.structure, r.references, r.owners, r.strays, r.sinks,
	} {
		err := check(ctx, db)
		if cause, ok := errors.AsType[sqlite3.Error](err); ok && cause.Code == sqlite3.ErrCorrupt {
			r.damaged(cause.Error())
			continue
		}
		if err != nil {
			return CheckReport{}, tr.translate("check", err)
		}
	}
	r.modes()
	return r, nil
}

func (r *CheckReport) damaged(what string) {
	r.add("damaged", core.EscapeControl(what), "stop all jobs and restore the repository from a backup")
}

// structure asks SQLite to look at every page.
func (r *CheckReport) structure(ctx context.Context, db *sql.DB) error {
	query := fmt.Sprintf("PRAGMA quick_check(%d)", maxProblems)
	if r.Full {
		query = fmt.Sprintf("PRAGMA integrity_check(%d)", maxProblems)
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var finding string
		if err := rows.Scan(&finding); err != nil {
			return err
		}
		if finding != "ok" {
			r.damaged(finding)
		}
	}
	return rows.Err()
}

func (r *CheckReport) references(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer rows.Close()
	for n := 0; rows.Next() && n < maxProblems; n++ {
		var table, parent string
		var id, key sql.NullInt64
		if err := rows.Scan(&table, &id, &parent, &key); err != nil {
			return err
		}
		r.add("foreign-key", fmt.Sprintf("row %d of %s belongs to a row of %s that is not there",
			id.Int64, core.EscapeControl(table), core.EscapeControl(parent)), "restore the repository from a backup")
	}
	return rows.Err()
}

// owners looks at every execution that has not ended, and whether anybody is
// still at it.
func (r *CheckReport) owners(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `
SELECT e.JOB_EXECUTION_ID, i.JOB_NAME, e.STATUS,
  coalesce(o.TOKEN, ''), coalesce(o.HOST_NAME, ''), coalesce(o.HOST_ID, ''), coalesce(o.BOOT_ID, ''),
  coalesce(o.PID, 0), coalesce(o.PID_START, ''), coalesce(o.LOCK_FILE, '')
FROM BATCH_JOB_EXECUTION e
JOIN BATCH_JOB_INSTANCE i ON i.JOB_INSTANCE_ID = e.JOB_INSTANCE_ID
LEFT JOIN BATCHCTL_EXECUTION_OWNER o ON o.JOB_EXECUTION_ID = e.JOB_EXECUTION_ID
WHERE e.STATUS IN ('STARTING', 'STARTED', 'STOPPING')
ORDER BY e.JOB_EXECUTION_ID`)
	if err != nil {
		return err
	}
	defer rows.Close()
	own := newOwnership(r.Path, Options{}.withDefaults())
	for rows.Next() {
		var id int64
		var job, status string
		var o core.Owner
		if err := rows.Scan(&id, &job, &status, &o.Token, &o.HostName, &o.HostID, &o.BootID,
			&o.PID, &o.PIDStart, &o.LockFile); err != nil {
			return err
		}
		verdict := own.Verdict(o)
		what := fmt.Sprintf("execution %d of %s is %s, and %s", id, core.EscapeControl(job), status, verdict.Evidence)
		hint := core.ShellQuote("batchctl", "recover", fmt.Sprint(id), "--db", r.Path)
		switch {
		case o.Token == "":
			r.add("no-owner", what, hint+" --force --yes, once you know that nothing runs it")
		case verdict.Liveness == core.OwnerDead:
			r.dead[id] = true
			r.add("dead-owner", what, hint)
		}
	}
	return rows.Err()
}

// strays looks for what ended executions have left behind. It does no harm.
func (r *CheckReport) strays(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `
SELECT o.JOB_EXECUTION_ID, o.TOKEN, coalesce(e.STATUS, '') IN ('STARTING', 'STARTED', 'STOPPING')
FROM BATCHCTL_EXECUTION_OWNER o
LEFT JOIN BATCH_JOB_EXECUTION e ON e.JOB_EXECUTION_ID = o.JOB_EXECUTION_ID`)
	if err != nil {
		return err
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var id int64
		var token string
		var running bool
		if err := rows.Scan(&id, &token, &running); err != nil {
			return err
		}
		known[token+lockSuffix] = true
		if !running {
			r.add("stray-owner", fmt.Sprintf("execution %d has ended and still has an owner row", id),
				"it does no harm")
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return r.strayLocks(known)
}

func (r *CheckReport) strayLocks(known map[string]bool) error {
	dir := r.Path + locksSuffix
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return lockError(dir, err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !strings.HasSuffix(e.Name(), lockSuffix) || known[e.Name()] {
			continue
		}
		// One that is held belongs to a launch that has not committed yet.
		if state, _ := probe(path); state == lockFree {
			r.add("stray-lock", fmt.Sprintf("the lock file %s belongs to no execution and nobody holds it", core.QuotePath(path)),
				core.ShellQuote("rm", path))
		}
	}
	return nil
}

// modes reports files that anybody but their owner may use.
func (r *CheckReport) modes() {
	paths := []string{r.Path, r.Path + "-wal", r.Path + "-shm", r.Path + "-journal", r.Path + locksSuffix}
	locks, err := filepath.Glob(globQuote(r.Path+locksSuffix) + "/*")
	if err == nil { // a pattern that is quoted is never malformed
		paths = append(paths, locks...)
	}
	for _, path := range paths {
		fi, err := os.Lstat(path)
		if err != nil || fi.Mode().Perm()&0o077 == 0 {
			continue
		}
		mode := "600"
		if fi.IsDir() {
			mode = "700"
		}
		r.add("mode", fmt.Sprintf("%s has mode %#o: parameters may be confidential", core.QuotePath(path), fi.Mode().Perm()),
			core.ShellQuote("chmod", mode, path))
	}
}

// globQuote returns a pattern that matches path only.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
