//go:build unix

// Command features prints what it costs to have what is not used, as ratios to a
// plain step of the same round: for a day of dailySettlement, and for a step that
// adds numbers up, in which the machinery weighs most. All run by turns in one
// process, each on a fresh database. The plain step is there twice: its ratio to
// itself is the noise.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "features:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

// perRecord is how many numbers are added up for each record of the day: one of
// them costs next to nothing.
const perRecord = 20

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("features", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int("rows", 200_000, fmt.Sprintf("number of records of the day; %d numbers are added up for each", perRecord))
	rounds := flags.Int("rounds", 7, "number of rounds; one more goes before to warm up")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *rows < 1 {
		return errors.New("-rounds and -rows must be at least 1")
	}
	dir, err := os.MkdirTemp("", "batchctl-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	day := bench.Day(*rows)
	if err := day.WriteFiles(dir); err != nil {
		return err
	}
	var days, sums []variant
	for _, f := range bench.Features() {
		days = append(days, variant{f.Name, nil, func(dbPath string) (bench.Cost, error) {
			return f.Settle(ctx, dbPath, dir, day, now)
		}})
	}
	numbers := int64(*rows) * perRecord
	for _, b := range bench.Bares() {
		sums = append(sums, variant{b.Name, b.Adds, func(dbPath string) (bench.Cost, error) {
			return b.Run(ctx, dbPath, numbers, now)
		}})
	}
	for _, c := range []struct {
		title    string
		variants []variant
	}{
		{fmt.Sprintf("settleTransactions of %d records", *rows), days},
		{fmt.Sprintf("\nA job that adds up %d numbers in chunks of %d", numbers, bench.BareChunk), sums},
	} {
		if _, err := fmt.Fprintf(stdout, "%s, with what is not used against plain, %d rounds (min / median / max)\n", c.title, *rounds); err != nil {
			return err
		}
		if err := compare(dir, c.variants, *rounds, stdout); err != nil {
			return err
		}
	}
	return nil
}

// variant is a way to do the same work.
type variant struct {
	name string
	adds []string // the write transactions that it has besides those of the plain one
	run  func(dbPath string) (bench.Cost, error)
}

// compare runs all by turns, beginning with another one each round, and prints
// what they cost as ratios to the first.
func compare(dir string, all []variant, rounds int, stdout io.Writer) error {
	again := all[0]
	again.name += ", again"
	all = slices.Insert(all, 1, again)
	costs := make([][]bench.Cost, len(all))
	for round := range rounds + 1 {
		for n := range all {
			k := (n + round) % len(all)
			c, err := all[k].once(dir)
			if err != nil {
				return fmt.Errorf("%s: %w", all[k].name, err)
			}
			if round > 0 {
				costs[k] = append(costs[k], c)
			}
		}
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  \tCPU ratio\tallocations each\twrite transactions")
	for k, v := range all {
		var cpu, allocs []float64
		for i, c := range costs[k] {
			cpu = append(cpu, float64(c.CPU)/float64(costs[0][i].CPU))
			allocs = append(allocs, c.AllocsPerRecord())
		}
		fmt.Fprintf(table, "  %s\t%s\t%.4f\t%d%s\n", v.name, bench.NewSpread(cpu), bench.NewSpread(allocs).Median,
			costs[k][0].Transactions, v.more())
	}
	return table.Flush()
}

// once runs v in a folder of its own.
func (v variant) once(dir string) (c bench.Cost, err error) {
	folder, err := os.MkdirTemp(dir, "round-")
	if err != nil {
		return bench.Cost{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	return v.run(filepath.Join(folder, "repository.db"))
}

// more tells the write transactions that v adds.
func (v variant) more() string {
	if len(v.adds) == 0 {
		return ""
	}
	return fmt.Sprintf(" (+%d: %s)", len(v.adds), strings.Join(v.adds, ", "))
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // the clock of this program
}
