package main_test

import (
	"database/sql"
	"errors"

	_ "github.com/mattn/go-sqlite3" // the driver
)

// execSQL runs statements on the SQLite database at path, as another program
// would.
func execSQL(path string, statements ...string) (err error) {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	return nil
}
