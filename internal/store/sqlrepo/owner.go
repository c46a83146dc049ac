package sqlrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

const selectOwner = `
SELECT TOKEN, HOST_NAME, HOST_ID, BOOT_ID, PID, PID_START, LOCK_FILE, SINCE
FROM BATCHCTL_EXECUTION_OWNER
WHERE JOB_EXECUTION_ID = ?`

const insertOwner = `
INSERT INTO BATCHCTL_EXECUTION_OWNER
  (JOB_EXECUTION_ID, TOKEN, HOST_NAME, HOST_ID, BOOT_ID, PID, PID_START, LOCK_FILE, SINCE)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

const deleteOwner = "DELETE FROM BATCHCTL_EXECUTION_OWNER WHERE JOB_EXECUTION_ID = ?"

func readOwner(ctx context.Context, q querier, jobExecutionID int64) (owner core.Owner, found bool, err error) {
	var since int64
	err = q.QueryRowContext(ctx, selectOwner, jobExecutionID).Scan(&owner.Token, &owner.HostName, &owner.HostID,
		&owner.BootID, &owner.PID, &owner.PIDStart, &owner.LockFile, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return core.Owner{}, false, nil
	}
	if err != nil {
		return core.Owner{}, false, err
	}
	owner.Since = time.UnixMilli(since).UTC()
	return owner, true, nil
}

func ownerRow(jobExecutionID int64, o core.Owner) []any {
	return []any{jobExecutionID, o.Token, o.HostName, o.HostID, o.BootID, o.PID, o.PIDStart, o.LockFile, o.Since.UnixMilli()}
}

// OwnerOf implements core.JobExplorer.
func (x *Explorer) OwnerOf(ctx context.Context, jobExecutionID int64) (core.OwnerVerdict, error) {
	var owner core.Owner
	var found bool
	err := x.view(ctx, fmt.Sprintf("read the owner of execution %d", jobExecutionID), func(q querier) (err error) {
		if _, err = readHead(ctx, q, jobExecutionID); err == nil {
			owner, found, err = readOwner(ctx, q, jobExecutionID)
		}
		return err
	})
	if err != nil {
		return core.OwnerVerdict{}, err
	}
	return x.cfg.verdict(owner, found), nil
}

// verdict asks about the owner; found tells whether there is one.
func (c Config) verdict(owner core.Owner, found bool) core.OwnerVerdict {
	if !found {
		return core.OwnerVerdict{Evidence: "no owner is recorded"}
	}
	return c.Ownership.Verdict(owner)
}

// describe names an owner for people.
func (c Config) describe(o core.Owner) string {
	return fmt.Sprintf("pid %d on %s, since %s", o.PID, core.EscapeControl(o.HostName), o.Since.In(c.zone()).Format(time.RFC3339))
}

// head is what decisions about an execution need of its row.
type head struct {
	id, version, instanceID int64
	jobName                 string
	status                  core.BatchStatus
	opaqueStatus            string
}

// statusText is the status as it is stored.
func (h head) statusText() string {
	if h.opaqueStatus != "" {
		return core.Quote(h.opaqueStatus)
	}
	return h.status.String()
}

const selectHead = `
SELECT E.JOB_EXECUTION_ID, COALESCE(E.VERSION, 0), E.JOB_INSTANCE_ID, I.JOB_NAME, E.STATUS
FROM BATCH_JOB_EXECUTION E
JOIN BATCH_JOB_INSTANCE I ON I.JOB_INSTANCE_ID = E.JOB_INSTANCE_ID
`

func scanHead(row scanner) (head, error) {
	var h head
	var status sql.NullString
	err := row.Scan(&h.id, &h.version, &h.instanceID, &h.jobName, &status)
	h.status, h.opaqueStatus = readStatus(status)
	return h, err
}

// readHead reads the head of an execution, or ErrNoSuchJobExecution.
func readHead(ctx context.Context, q querier, id int64) (head, error) {
	h, err := scanHead(q.QueryRowContext(ctx, selectHead+"WHERE E.JOB_EXECUTION_ID = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return head{}, noSuchExecution(id)
	}
	return h, err
}

const selectHeadsOfInstance = selectHead + `WHERE E.JOB_INSTANCE_ID = ?
ORDER BY E.JOB_EXECUTION_ID DESC`

// readHeads reads the heads of every execution of an instance, newest first.
func readHeads(ctx context.Context, q querier, instanceID int64) ([]head, error) {
	rows, err := q.QueryContext(ctx, selectHeadsOfInstance, instanceID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var heads []head
	for rows.Next() {
		h, err := scanHead(rows)
		if err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	return heads, rows.Err()
}
