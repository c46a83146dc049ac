package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func newDBCheckCmd(a *app) *cobra.Command {
	full := false
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Look for damage and for what died; exit code 4 if there is any",
		Args:  exactly(0, ""),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runDBCheck(cmd.Context(), a, full) },
	}
	cmd.Flags().BoolVar(&full, "full", false, "compare every index with its table as well")
	return cmd
}

func runDBCheck(ctx context.Context, a *app, full bool) error {
	path, _, err := a.databasePath()
	if err != nil {
		return err
	}
	r, err := sqlite.Check(ctx, path, full)
	if err != nil {
		return &core.Error{Op: "db check", Err: err}
	}
	problems := make([]render.Problem, len(r.Problems))
	for i, p := range r.Problems {
		problems[i] = render.Problem{Code: p.Code, Message: p.Msg, Hint: a.pasteable(p.Hint)}
	}
	for _, n := range r.Notes {
		a.say("note: %s; %s", n.Msg, a.pasteable(n.Hint))
	}
	if len(problems) == 0 {
		a.say("the repository %s is sound", r.Path)
		if !a.settings.OutputGiven {
			return nil
		}
	}
	if err := a.printer(time.UTC).Problems(problems); err != nil {
		return err
	}
	if len(problems) > 0 {
		return &core.Error{Kind: errWarnings, Op: "db check"}
	}
	return nil
}

func newDBBackupCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Write a consistent copy, also while jobs run",
		Example: "  batchctl db backup /var/backups/batchctl-2021-01-01.db",
		Args:    exactly(1, "file"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runDBBackup(cmd.Context(), a, args[0]) },
	}
}

func runDBBackup(ctx context.Context, a *app, dest string) error {
	path, _, err := a.databasePath()
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dest) {
		dir, err := workingDirectory()
		if err != nil {
			return err
		}
		dest = filepath.Join(dir, dest)
	}
	if err := sqlite.Backup(ctx, path, dest); err != nil {
		return &core.Error{Op: "db backup", Err: err}
	}
	a.say("saved the repository %s to %s; look at it with: %s", path, dest,
		fmt.Sprintf("batchctl --db %s executions", core.ShellQuote(dest)))
	return nil
}
