package sqlrepo_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
	"github.com/batchctl/batchctl/internal/store/storetest"
	"github.com/batchctl/batchctl/schema"
)

// owners is an Ownership for one machine, kept in memory.
type owners struct {
	mu    sync.Mutex
	next  int
	alive map[string]bool
	// released are the tokens that Release was given.
	released []string
	// failRelease is returned by Release.
	failRelease error
}

func newOwners() *owners { return &owners{alive: map[string]bool{}} }

func (o *owners) File(string) *os.File { return nil }

func (o *owners) Claim(ctx context.Context) (core.Owner, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next++
	token := fmt.Sprintf("%032d", o.next)
	o.alive[token] = true
	return core.Owner{
		Token: token, HostName: "batch1", HostID: "host", BootID: "boot", PID: 4000 + o.next, PIDStart: "17",
		LockFile: "/locks/" + token, Since: time.Date(2021, 1, 1, 0, 0, 0, 5e6, time.UTC),
	}, ctx.Err()
}

func (o *owners) Release(token string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.alive, token)
	o.released = append(o.released, token)
	return o.failRelease
}

func (o *owners) Verdict(owner core.Owner) core.OwnerVerdict {
	liveness, evidence := o.judge(owner)
	return core.OwnerVerdict{Owner: owner, Liveness: liveness, Evidence: evidence}
}

func (o *owners) judge(owner core.Owner) (core.Liveness, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case owner.HostID != "host":
		return core.OwnerUnknown, "it is on another host"
	case owner.BootID != "boot":
		return core.OwnerDead, "the host has booted since"
	case o.alive[owner.Token]:
		return core.OwnerAlive, "its lock is held"
	}
	return core.OwnerDead, "its lock is free"
}

func (o *owners) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.alive)
}

// clock ticks by a second at every reading.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2021, 1, 2, 2, 0, 0, 123456789, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func config(o *owners) sqlrepo.Config {
	return sqlrepo.Config{Now: clock(), Token: func() string { return "token" }, Ownership: o}
}

func pool(t *testing.T, path, options string, conns int) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=10000&_foreign_keys=1&_journal_mode=WAL&_synchronous=NORMAL"+options)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(conns)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// connect opens both pools of a repository.
func connect(t *testing.T, path string, cfg sqlrepo.Config) *sqlrepo.Repository {
	t.Helper()
	repo := sqlrepo.New(pool(t, path, "&_txlock=immediate", 1), pool(t, path, "&_query_only=1", 2), cfg)
	t.Cleanup(func() { _ = repo.Close() })
	return repo
}

// create makes a repository and returns its path.
func create(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "repository.db")
	db := pool(t, path, "&_txlock=immediate", 1)
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	err = sqlrepo.Initialise(t.Context(), tx, schema.SQLite, map[string]string{sqlrepo.SettingRepositoryID: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		path, o := create(t), newOwners()
		return storetest.Store{
			Repo: connect(t, path, config(o)),
			DB:   pool(t, path, "&_txlock=immediate", 2),
			Another: func(t *testing.T) core.JobRepository {
				t.Helper()
				return connect(t, path, config(o))
			},
		}
	})
}
