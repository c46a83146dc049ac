package sqlite

import (
	"context"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// What the tests in sqlite_test need of the inside.
var (
	NetworkType   = networkType
	CheckVersion  = checkVersion
	ParseLock     = parseLock
	UnescapeMount = unescapeMount
	LinkNew       = linkNew
	MountType     = mountType
)

// SelectTables is the look at what a file is.
const SelectTables = selectTables

// Ownership returns the lock files of an open store.
func (s *Store) Ownership() sqlrepo.Ownership { return s.owners }

// NewOwnership returns the lock files of the database at path.
func NewOwnership(path string) sqlrepo.Ownership {
	return newOwnership(path, Options{}.withDefaults())
}

// OwnershipWithTokens makes Claim use these tokens in turn.
func OwnershipWithTokens(path string, tokens ...string) sqlrepo.Ownership {
	o := Options{}.withDefaults()
	o.Token = func() string {
		next := tokens[0]
		if len(tokens) > 1 {
			tokens = tokens[1:]
		}
		return next
	}
	return newOwnership(path, o)
}

// Exec runs a statement on the writing connection and translates its error.
func (s *Store) Exec(statement string, args ...any) error {
	_, err := s.writer.Exec(statement, args...)
	return s.translator.translate("exec", err)
}

// Pragma reads a pragma on the writing or on a reading connection.
func (s *Store) Pragma(name string, writer bool) (value string, err error) {
	db := s.reader
	if writer {
		db = s.writer
	}
	return value, db.QueryRow("PRAGMA " + name).Scan(&value)
}

// Translate runs the translator of a database at path.
func Translate(path, op string, err error) error {
	return translator{path: path, busy: defaultBusyTimeout}.translate(op, err)
}

// Process returns what an owner row keeps of a process.
func Process(pid int) (start string) { return processStart(pid) }

// ThisHost returns what an owner row keeps of this machine.
func ThisHost() core.Owner {
	h := thisHost()
	return core.Owner{HostName: h.name, HostID: h.id, BootID: h.boot}
}

// Begun begins a write transaction and rolls it back.
func (s *Store) Begun(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.translator.translate("begin", err)
	}
	return tx.Rollback()
}

// HoldInitLock holds the lock of the initialisation until the function that it
// returns is called.
func HoldInitLock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	held, release, done := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		err := withInitLock(context.Background(), path, translator{path: path, busy: defaultBusyTimeout}, nil, func() error {
			held <- nil
			<-release
			return nil
		})
		if err != nil {
			held <- err
		}
	}()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	return func() {
		close(release)
		<-done
	}
}
