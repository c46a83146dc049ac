package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// newFailpointsCmd is there in a program that was built with the tag faults.
func newFailpointsCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "failpoints",
		Short: "List the points at which this build can be made to die",
		Long: `List the named commit edges of a program that was built with the tag faults.
One of them is armed by a variable:

  ` + fault.Variable + `=chunk.before-commit:3=kill batchctl run ...`,
		Args: exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			for _, point := range fault.Points() {
				if _, err := fmt.Fprintln(a.streams.Out, point); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
