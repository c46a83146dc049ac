// Command floor is the least that a program with a command tree and a database
// can do: it is made of cobra and go-sqlite3, opens the file read-only, reads
// its user_version and ends. The start-up of batchctl is measured against it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	_ "github.com/mattn/go-sqlite3" //nolint:depguard // the floor has a driver and no store
	"github.com/spf13/cobra"        //nolint:depguard // the floor has a command tree of its own
)

func main() {
	if err := command().ExecuteContext(context.Background()); err != nil {
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "floor", Short: "Open a database and do nothing", SilenceUsage: true}
	var db string
	root.PersistentFlags().StringVar(&db, "db", "", "database to open")
	root.AddCommand(&cobra.Command{
		Use: "executions", Short: "Open the database and do nothing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return touch(cmd.Context(), cmd.OutOrStdout(), db)
		},
	})
	return root
}

// touch opens the database as an explorer does, without reading any history.
func touch(ctx context.Context, w io.Writer, path string) (err error) {
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_query_only=on"}
	db, err := sql.Open("sqlite3", name.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	_, err = fmt.Fprintln(w, version)
	return err
}
