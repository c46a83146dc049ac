package sqlrepo

import (
	"context"
	"database/sql"

	"github.com/batchctl/batchctl/internal/core"
)

// Querier is what reading needs of a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Initialise creates the schema in tx and stores the settings. The caller
// commits.
func Initialise(ctx context.Context, tx *sql.Tx, schemaSQL string, settings map[string]string) error {
	panic("not yet")
}

// ReadSettings returns BATCHCTL_SETTINGS.
func ReadSettings(ctx context.Context, q Querier) (map[string]string, error) { panic("not yet") }

// Explorer is a core.JobExplorer.
type Explorer struct{ core.JobExplorer }

// NewExplorer returns an explorer on the pool.
func NewExplorer(reader *sql.DB, cfg Config) *Explorer { panic("not yet") }

// Repository is a core.JobRepository.
type Repository struct{ core.JobRepository }

// New returns a repository on the two pools.
func New(writer, reader *sql.DB, cfg Config) *Repository { panic("not yet") }
