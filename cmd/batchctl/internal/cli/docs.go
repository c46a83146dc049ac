package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/expr"
)

func newDocsCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docs",
		Short: "Print the reference of job definitions",
	}
	asGroup(cmd)
	cmd.AddCommand(
		&cobra.Command{
			Use:   "components",
			Short: "Print every key of a definition, every reader and writer, and the functions of expressions",
			Args:  exactly(0, ""),
			RunE: func(*cobra.Command, []string) error {
				text := definition.NewParser(all.Catalog()).Reference() + "\n" + expressionsText()
				return a.printer(time.UTC).Text("reference", text)
			},
		},
		&cobra.Command{
			Use:   "expressions",
			Short: "Print the functions of expressions",
			Args:  exactly(0, ""),
			RunE:  func(*cobra.Command, []string) error { return a.docsExpressions() },
		})
	return cmd
}

func (a *app) docsExpressions() error {
	p := a.printer(time.UTC)
	if p.Format == render.FormatTable {
		return p.Text("reference", expressionsText())
	}
	functions := make([]render.Function, 0, len(expr.Functions()))
	for _, f := range expr.Functions() {
		functions = append(functions, render.Function{Name: f.Name, Signature: f.Signature, Help: f.Help, Example: f.Example, Result: f.Result})
	}
	return p.Functions(functions)
}

// expressionsText is the reference of expressions.
func expressionsText() string {
	var b strings.Builder
	fmt.Fprintf(&b, `expressions

  A column is written by its name, one whose name is no word as record['the name'].
  The others are jobParameters['x'], jobProperties['x'], partition['x'],
  jobContext['x'] and stepContext['x'], where they are known; texts all of them.
  A decision may ask steps['id'].x of what has run, null otherwise. x is one of
  %s.
  There are 42, 12.50 (a decimal, exact), 'text', true, false and null; the
  operators ! - * / %% + == != < <= > >= && || ? : and those that are words.
  An expression has at most %d bytes.

`, strings.Join(expr.StepFields(), ", "), expr.MaxText)
	for _, f := range expr.Functions() {
		fmt.Fprintf(&b, "  %s\n      %s\n", f.Signature, f.Help)
		if f.Example != "" {
			fmt.Fprintf(&b, "      %s is %s\n", f.Example, f.Result)
		}
	}
	return b.String()
}
