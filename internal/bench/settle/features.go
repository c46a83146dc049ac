//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/batchctl/batchctl/internal/bench"
	"github.com/batchctl/batchctl/internal/sample"
)

// features prints what it costs to have what the day does not need, as ratios to
// the plain step of the same round. The plain step is there twice: its ratio to
// itself is the noise.
func features(ctx context.Context, dir string, day sample.Day, rounds int, stdout io.Writer) error {
	all := bench.Features()
	again := all[0]
	again.Name += ", again"
	all = slices.Insert(all, 1, again)
	costs := make([][]bench.Cost, len(all))
	for round := range rounds + 1 {
		for n := range all {
			k := (n + round) % len(all)
			c, err := settleWith(ctx, all[k], dir, day)
			if err != nil {
				return fmt.Errorf("%s: %w", all[k].Name, err)
			}
			if round > 0 {
				costs[k] = append(costs[k], c)
			}
		}
	}
	if _, err := fmt.Fprintf(stdout, "settleTransactions with what it does not need, against the plain step, %d records, %d rounds (min / median / max)\n",
		day.Records, rounds); err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tCPU ratio\tallocations a record\twrite transactions")
	for k, f := range all {
		var cpu, allocs []float64
		for i, c := range costs[k] {
			cpu = append(cpu, float64(c.CPU)/float64(costs[0][i].CPU))
			allocs = append(allocs, c.AllocsPerRecord())
		}
		fmt.Fprintf(table, "  %s\t%s\t%.4f\t%d\n", f.Name, bench.NewSpread(cpu), bench.NewSpread(allocs).Median, costs[k][0].Transactions)
	}
	return table.Flush()
}

// settleWith runs f once in a folder of its own.
func settleWith(ctx context.Context, f bench.Feature, dir string, day sample.Day) (c bench.Cost, err error) {
	folder, err := os.MkdirTemp(dir, "round-")
	if err != nil {
		return bench.Cost{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	return f.Settle(ctx, database(folder, "feature"), dir, day, now)
}
