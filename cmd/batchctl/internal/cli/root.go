package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/fault"
)

const (
	groupRun     = "run"
	groupInspect = "inspect"
	groupRepair  = "repair"
	groupSetUp   = "setup"
)

const rootHelp = `batchctl runs batch jobs from cron or by hand. It knows which business date
already ran, resumes a failed run where its last commit left it, keeps the
history, and says with its exit code whether a retry helps.

  batchctl run dailySettlement requestDate=2021-01-01
  batchctl executions --job dailySettlement
  batchctl restart 42`

func newRootCmd(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "batchctl",
		Short:         "Run batch jobs, remember what became of them, resume what failed",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       buildVersion(),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.configure(cmd); err != nil {
				return err
			}
			a.started = true
			return nil
		},
	}
	asGroup(root)
	root.SetIn(a.streams.In)
	root.SetOut(a.streams.Out)
	root.SetErr(a.streams.Err)
	root.SetVersionTemplate("batchctl {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	a.addFlags(root.PersistentFlags())
	a.addJobsFlag(root.PersistentFlags())
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupInspect, Title: "Inspect:"},
		&cobra.Group{ID: groupRepair, Title: "Repair:"},
		&cobra.Group{ID: groupSetUp, Title: "Set up:"},
	)
	root.SetHelpFunc(a.helpOf(root.HelpFunc()))
	root.SetHelpCommand(newHelpCmd())
	root.SetHelpCommandGroupID(groupSetUp)
	root.SetCompletionCommandGroupID(groupSetUp)
	addTo(root, groupRun, newPlanCmd(a), newRunCmd(a), newNextCmd(a), newRestartCmd(a), newStopCmd(a))
	addTo(root, groupInspect, newJobsCmd(a), newInstancesCmd(a), newExecutionsCmd(a), newShowCmd(a))
	addTo(root, groupRepair, newAbandonCmd(a), newRecoverCmd(a))
	addTo(root, groupSetUp, newDBCmd(a), newNewCmd(a), newValidateCmd(a), newSchemaCmd(a), newDocsCmd(a), newVersionCmd(a))
	root.AddCommand(
		&cobra.Command{Use: "parameters", Short: "How parameters are written", Long: notationHelp},
		newTopic("definitions", "How jobs are written without a compiler", definitionsTopic),
		newTopic("dates", "How @yesterday and the like are written", datesHelp),
		newTopic("environment", "Which variables are read", environmentHelp),
		newTopic("exit-codes", "What the exit codes mean", exitCodesHelp),
	)
	if fault.Enabled {
		addTo(root, groupRepair, newFailpointsCmd(a))
	}
	a.completeSettings(root)
	return root
}

// newTopic returns a help topic whose text is made when it is read.
func newTopic(use, short string, long func() string) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.Long = long()
		cmd.Parent().HelpFunc()(cmd, args)
	})
	return cmd
}

func addTo(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, cmd := range cmds {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// asGroup makes cmd show its help when it is called alone, and refuse a
// subcommand that it does not have.
func asGroup(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		hint := cmd.CommandPath() + " --help"
		if near := core.Nearest(args[0], names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return usageError(hint, "%s has no command %s", cmd.CommandPath(), core.Quote(args[0]))
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// flagError explains a flag that was not understood; a non-identifying
// parameter in Spring's notation looks like one.
func flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help"
	if strings.HasPrefix(err.Error(), "unknown shorthand flag") && strings.Contains(err.Error(), "=") {
		hint = "for a non-identifying parameter write -- before it, or name:type:non-identifying=value"
	}
	return usageError(hint, "%s: %s", verbOf(cmd), err)
}

func exitCodesHelp() string {
	var b strings.Builder
	for _, c := range Codes() {
		fmt.Fprintf(&b, "  %-7s %s\n", c.Code, c.Meaning)
	}
	b.WriteString(`
COMPLETED, FAILED and STOPPED are the status of the execution, whatever its exit
code says; one that is COMPLETED with the exit code FAILED is told in a warning.

"run --if-complete skip" gives 0 instead of 5 and is silent: what cron starts
again and again mails when something is wrong, and only then.

A command that only shows something ends silently with 141 when its reader has
gone away, as "batchctl executions | head -1" may: as SIGPIPE would end it.

With --exit-codes spring: 0 COMPLETED with the exit code COMPLETED, 2 no such job,
1 anything else, also COMPLETED with an exit code of its own.
`)
	return b.String()
}

// verbOf is the command without the name of the program.
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// exactly wants n words, and says what they are when they are not there.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		hint := cmd.CommandPath() + " --help"
		switch {
		case len(args) < n && n > 0:
			return usageError(hint, "%s: no %s given", verbOf(cmd), what)
		case len(args) > n:
			return usageError(hint, "%s: unexpected word %s", verbOf(cmd), core.Quote(args[n]))
		}
		return nil
	}
}
