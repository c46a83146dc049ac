package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
)

// newHelpCmd is cobra's command help, but for a topic that it does not know,
// which is a usage error.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND]",
		Short:             "Help about a command or a topic",
		Long:              "Tell what a command does, or what there is to know about a topic.",
		Example:           "  batchctl help run\n  batchctl help exit-codes",
		ValidArgsFunction: completeTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, err := topicOf(cmd.Root(), args)
			if err != nil {
				return err
			}
			topic.InitDefaultHelpFlag() // so that it is listed
			return topic.Help()
		},
	}
}

// helpOf returns the function that shows the help of a command as show does, but
// that of a group refuses a subcommand that it does not have: it would be taken
// for the help of that.
func (a *app) helpOf(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, args []string) {
		if cmd.HasAvailableSubCommands() {
			if a.unknown = cmd.ValidateArgs(cmd.Flags().Args()); a.unknown != nil {
				return
			}
		}
		show(cmd, args)
	}
}

// topicOf finds the command that words name.
func topicOf(root *cobra.Command, words []string) (*cobra.Command, error) {
	topic := root
	for _, word := range words {
		next := below(topic, word)
		if next == nil {
			hint := strings.TrimSpace(root.Name() + " help " + strings.TrimPrefix(topic.CommandPath(), root.Name()+" "))
			if topic == root {
				hint = root.Name() + " help"
			}
			if near := core.Nearest(word, topicNames(topic)); near != "" {
				hint = "did you mean " + near + "? " + hint
			}
			return nil, usageError(hint, "help: there is no topic %s", core.Quote(word))
		}
		topic = next
	}
	return topic, nil
}

func below(cmd *cobra.Command, name string) *cobra.Command {
	if i := slices.IndexFunc(cmd.Commands(), func(sub *cobra.Command) bool { return sub.Name() == name }); i >= 0 {
		return cmd.Commands()[i]
	}
	return nil
}

func topicNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return names
}

func completeTopics(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	topic, err := topicOf(cmd.Root(), args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []cobra.Completion
	for _, sub := range topic.Commands() {
		if !sub.Hidden && strings.HasPrefix(sub.Name(), typed) {
			words = append(words, cobra.CompletionWithDesc(sub.Name(), sub.Short))
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
