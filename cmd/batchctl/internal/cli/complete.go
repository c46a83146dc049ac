package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/civil"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

// A completion that keeps somebody waiting is worse than none.
const (
	completionTime = 500 * time.Millisecond
	completionRows = 30
)

type completer = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

func complete(cmd *cobra.Command, flag string, how completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, how); err != nil {
		panic(err) // the flag does not exist
	}
}

// completeSettings completes the values of flags that have a few.
func (a *app) completeSettings(root *cobra.Command) {
	for _, s := range settingsTable() {
		if s.choices != nil {
			complete(root, s.name, cobra.FixedCompletions(s.choices, cobra.ShellCompDirectiveNoFileComp))
		}
	}
}

func completeStatuses(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	for _, s := range core.Statuses() {
		names = append(names, s.String())
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeJobs(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	jobs, err := a.outlines(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, job := range jobs {
		names = append(names, cobra.CompletionWithDesc(job.Name, job.Help))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeJobAndParameters completes the job, then the names of its parameters.
func (a *app) completeJobAndParameters(
	cmd *cobra.Command, args []string, typed string,
) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeJobs(cmd, args, typed)
	}
	job, err := a.job("", args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeParameters(job, args[1:], typed)
}

func completeParameters(job *core.Job, given []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	specs := append(slices.Clip(job.Parameters), job.Notation().Extra...)
	if name, _, valued := strings.Cut(typed, "="); valued {
		spec, ok := specs.Lookup(name)
		switch {
		case ok && spec.Path:
			return nil, cobra.ShellCompDirectiveDefault
		case ok && spec.ParameterType() == core.TypeDate:
			return completeDates(name), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		case ok && spec.IsSecret():
			return []cobra.Completion{
				cobra.CompletionWithDesc(name+"="+core.SecretEnv, "the name of a variable"),
				cobra.CompletionWithDesc(name+"="+core.SecretFile, "the path of a file of mode 0600"),
			}, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []cobra.Completion
	for _, spec := range specs {
		if !isGiven(spec.Name, given) {
			words = append(words, cobra.CompletionWithDesc(spec.Name+"=", describeSpec(spec)))
		}
	}
	return words, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// completeDates offers the words that an expression begins with; steps may follow.
func completeDates(name string) []cobra.Completion {
	var words []cobra.Completion
	for _, w := range civil.Anchors() {
		words = append(words, cobra.CompletionWithDesc(name+"="+civil.Sign+w.Name, w.Help))
	}
	return words
}

func describeSpec(spec core.ParameterSpec) string {
	text := string(spec.Declared())
	if spec.Required {
		text += ", required"
	}
	if spec.Help != "" {
		text += ": " + spec.Help
	}
	return text
}

func isGiven(name string, words []string) bool {
	for _, word := range words {
		left, _, _ := strings.Cut(strings.TrimLeft(word, "+-"), "=")
		if head, _, _ := strings.Cut(left, ":"); head == name || strings.HasPrefix(left, name+"(") {
			return true
		}
	}
	return false
}

// completeExecutions completes ids of the newest executions with one of the
// statuses; none means any.
func (a *app) completeExecutions(statuses ...core.BatchStatus) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 || a.configure(cmd) != nil {
			return nil, none
		}
		path, _, err := a.databasePath()
		if err != nil {
			return nil, none
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(commandContext(cmd)), completionTime)
		defer cancel()
		x, err := sqlite.OpenExplorer(ctx, path, sqlite.Options{Now: a.now, Token: a.token, BusyTimeout: completionTime})
		if err != nil {
			return nil, none
		}
		defer x.Close() // only read from
		page, err := x.JobExecutions(ctx, core.JobExecutionQuery{Statuses: statuses, Limit: completionRows})
		if err != nil {
			return nil, none
		}
		var ids []cobra.Completion
		for _, je := range page {
			n := core.Notation{Open: true, Zone: x.Zone()}
			words := core.EscapeControl(strings.Join(n.Words(je.Parameters.Identifying()), " "))
			ids = append(ids, cobra.CompletionWithDesc(strconv.FormatInt(je.ID, 10),
				fmt.Sprintf("%s %s %s", je.Status, je.Instance.JobName, words)))
		}
		return ids, none | cobra.ShellCompDirectiveKeepOrder
	}
}

// commandContext is the command's context, which completion may not have.
func commandContext(cmd *cobra.Command) context.Context {
	if ctx := cmd.Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}
