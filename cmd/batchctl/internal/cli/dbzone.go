package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
)

func newDBZoneCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "zone ZONE",
		Short: "Say in which zone dates are local",
		Long: `Say in which zone the dates of parameters are local, and by which @today goes,
for a repository that was made without. It may be the zone that the repository
has; another one is refused once a date is stored, which would become another
day. "db status" shows the zone.`,
		Example: "  batchctl db zone UTC",
		Args:    exactly(1, "zone"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runDBZone(cmd.Context(), a, args[0]) },
	}
}

func runDBZone(ctx context.Context, a *app, name string) error {
	zone, err := loadZone("db zone", name)
	if err != nil {
		return err
	}
	store, err := a.existingStore(ctx)
	if errors.Is(err, core.ErrRepositoryMissing) {
		return &core.Error{Op: "db zone", Err: err, Hint: a.command("db", "init", "--zone", zone.String()) + " makes it in that zone"}
	}
	if err != nil {
		return &core.Error{Op: "db zone", Err: err}
	}
	defer store.Close() // everything is committed
	if err := store.ChooseZone(ctx, zone); err != nil {
		return &core.Error{Op: "db zone", Err: err}
	}
	a.say("dates are local in %s", zone)
	return nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
