package sqlrepo

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
)

// Querier is what reading needs of a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Initialise creates the schema in tx and stores the settings, to which it adds
// the schema's version and layout. The caller commits.
func Initialise(ctx context.Context, tx *sql.Tx, schemaSQL string, settings map[string]string) error {
	if _, err := tx.ExecContext(ctx, schemaSQL); err != nil {
		return fmt.Errorf("create the schema: %w", err)
	}
	all := map[string]string{
		SettingSchemaVersion: fmt.Sprint(SchemaVersion),
		SettingLayout:        layout.Name,
		SettingZone:          "UTC",
	}
	maps.Copy(all, settings)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		_, err := tx.ExecContext(ctx, "INSERT INTO BATCHCTL_SETTINGS (NAME, VALUE) VALUES (?, ?)", name, all[name])
		if err != nil {
			return fmt.Errorf("store setting %s: %w", name, err)
		}
	}
	return nil
}

// ReadSettings returns the settings of a repository. The error is the driver's:
// there may be no such table.
func ReadSettings(ctx context.Context, q Querier) (map[string]string, error) {
	rows, err := q.QueryContext(ctx, "SELECT NAME, VALUE FROM BATCHCTL_SETTINGS")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	settings := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		settings[name] = value
	}
	return settings, rows.Err()
}
