package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
	"github.com/batchctl/batchctl/schema"
)

func newDBCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: "Make, check and save the repository"}
	asGroup(cmd)
	cmd.AddCommand(newDBInitCmd(a), newDBZoneCmd(a), newDBStatusCmd(a), newDBPrintCmd(a), newDBCheckCmd(a), newDBBackupCmd(a))
	return cmd
}

func newDBInitCmd(a *app) *cobra.Command {
	zone := ""
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the repository",
		Long: `Make the repository. "run" makes one as well, with UTC as its zone. The zone is
the one in which dates of parameters are local, and what @today goes by; it
does not change once a date is stored.`,
		Example: "  batchctl db init --zone Asia/Seoul",
		Args:    exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDBInit(cmd.Context(), a, zone, cmd.Flags().Changed("zone"))
		},
	}
	cmd.Flags().StringVar(&zone, "zone", "UTC", "time `zone` of the dates in parameters")
	return cmd
}

func runDBInit(ctx context.Context, a *app, zoneName string, chosen bool) error {
	zone, err := loadZone("db init: --zone", zoneName)
	if err != nil {
		return err
	}
	path, byDefault, err := a.databasePath()
	if err != nil {
		return err
	}
	if byDefault {
		if err := makeStateDirectory(filepath.Dir(path)); err != nil {
			return err
		}
	}
	o := sqlite.Options{Now: a.now, Token: a.token}
	if chosen {
		o.Zone = zone
	}
	if err := sqlite.Init(ctx, path, o); err != nil {
		return &core.Error{Op: "db init", Err: err}
	}
	a.say("made the repository %s, dates are local in %s", path, zone)
	return nil
}

func newDBStatusCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show where the repository is, its versions and its size",
		Args:  exactly(0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runDBStatus(cmd.Context(), a) },
	}
}

func runDBStatus(ctx context.Context, a *app) error {
	path, _, err := a.databasePath()
	if err != nil {
		return err
	}
	r, err := sqlite.Status(ctx, path)
	if err != nil {
		return &core.Error{Op: "db status", Err: err}
	}
	text := func(title, name, value string) render.Property {
		return render.Property{Title: title, Name: name, Text: value, Value: value}
	}
	number := func(title, name string, value int64) render.Property {
		return render.Property{Title: title, Name: name, Text: fmt.Sprint(value), Value: value}
	}
	return a.printer(time.UTC).Properties("repository", []render.Property{
		text("path", "path", r.Path),
		number("size", "size", r.Size),
		number("wal size", "walSize", r.WALSize),
		number("schema version", "schemaVersion", int64(r.SchemaVersion)),
		text("layout", "layout", r.Layout),
		text("zone", "zone", r.Zone),
		{Title: "zone chosen", Name: "zoneChosen", Text: yesNo(r.ZoneChosen), Value: r.ZoneChosen},
		text("sqlite", "sqliteVersion", r.SQLiteVersion),
		text("journal mode", "journalMode", r.JournalMode),
		number("instances", "instances", r.Instances),
		number("executions", "executions", r.Executions),
		number("running", "running", r.Running),
	})
}

func newDBPrintCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "print",
		Short: "Print the SQL that makes the tables",
		Args:  exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(a.streams.Out, schema.SQLite)
			return err
		},
	}
}
