package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	readConnections = 4
	// statements that a connection keeps prepared.
	statementCache = 64
)

// hardening is run on every connection, whatever it is for: nothing in a
// database file may run code or be taken at its word.
const hardening = `
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA mmap_size = 0;
`

// upkeep is run on every writing connection: how long the WAL may grow.
const upkeep = `
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 67108864;
`

// access is how a connection may use the file.
type access int8

const (
	readOnly  access = iota // other processes may be writing
	immutable               // nobody may be writing, and no file is made
	readWrite
)

// connector opens connections that are all set up alike. It spares a driver
// registered under a name of our own.
type connector struct {
	driver *sqlite3.SQLiteDriver
	dsn    string
}

var _ driver.Connector = (*connector)(nil)

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.driver.Open(c.dsn)
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.driver }

func newConnector(path string, how access, busy time.Duration) *connector {
	q := url.Values{}
	q.Set("_busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	q.Set("_foreign_keys", "on")
	q.Set("_stmt_cache_size", strconv.Itoa(statementCache))
	setup := hardening
	switch how {
	case immutable:
		q.Set("immutable", "1")
		fallthrough
	case readOnly:
		q.Set("mode", "ro")
		q.Set("_query_only", "on")
	case readWrite:
		q.Set("mode", "rw")
		q.Set("_txlock", "immediate")
		q.Set("_synchronous", "FULL")
		setup += upkeep
	}
	file := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	return &connector{
		driver: &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
			_, err := c.Exec(setup, nil)
			return err
		}},
		dsn: file.String(),
	}
}

// openPool returns a pool that opens its connections when they are needed and
// keeps them.
func openPool(path string, how access, busy time.Duration) *sql.DB {
	db := sql.OpenDB(newConnector(path, how, busy))
	n := readConnections
	if how == readWrite {
		n = 1
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// checkVersion refuses an SQLite with the race between a checkpoint and the
// reset of the WAL that can damage a database: fixed in 3.51.3 and 3.53.0.
func checkVersion(version string, number int) error {
	if number >= 3_053_000 || number >= 3_051_003 && number < 3_052_000 {
		return nil
	}
	return refuse(fmt.Sprintf("this program was built with SQLite %s, which can damage a database that several programs write", version),
		"build it with the SQLite that its go.mod names, without the tag libsqlite3", nil)
}

func checkLinkedVersion() error {
	version, number, _ := sqlite3.Version()
	return checkVersion(version, number)
}

// sqliteVersion returns the version of the linked SQLite.
func sqliteVersion() string {
	version, _, _ := sqlite3.Version()
	return version
}

func zoneOf(path string, settings map[string]string, key string) (*time.Location, error) {
	name := settings[key]
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, refuse(fmt.Sprintf("the repository %s keeps its dates in the zone %s, which this machine does not know",
			core.QuotePath(path), core.Quote(name)), "install the tzdata package, or set ZONEINFO", err)
	}
	return zone, nil
}
