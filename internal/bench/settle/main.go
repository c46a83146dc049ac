//go:build unix

// Command settle prints what the chunk step of dailySettlement costs, compiled
// and as a definition, as ratios to a loop written by hand. The three run by
// turns in one process, on fresh databases, and must leave the same ledger. The
// peak resident set of each is that of a process of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
	"github.com/batchctl/batchctl/internal/sample"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "settle:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

// runner settles day, whose files are in dir, with databases in folder.
type runner struct {
	name string
	run  func(ctx context.Context, folder, dir string, day sample.Day) (bench.Usage, error)
}

// runners returns what is compared; the first is the loop written by hand.
func runners() []runner {
	return []runner{
		{"loop", loop},
		{"compiled", func(ctx context.Context, folder, dir string, day sample.Day) (bench.Usage, error) {
			return bench.Product(ctx, database(folder, "compiled"), dir, day, now)
		}},
		{"definition", func(ctx context.Context, folder, dir string, day sample.Day) (bench.Usage, error) {
			return bench.Definition(ctx, database(folder, "definition"), dir, day, now)
		}},
	}
}

func loop(ctx context.Context, folder, dir string, day sample.Day) (bench.Usage, error) {
	path, empty := database(folder, "loop"), filepath.Join(folder, "empty")
	if err := os.MkdirAll(empty, 0o700); err != nil {
		return bench.Usage{}, err
	}
	if err := bench.Prepare(ctx, path, empty, day, now); err != nil {
		return bench.Usage{}, err
	}
	return bench.Measure(now, func() (int64, error) {
		return bench.Floor(ctx, path, filepath.Join(dir, day.Name()+".csv"))
	})
}

func database(folder, name string) string { return filepath.Join(folder, name+".db") }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("settle", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int("rows", 200_000, "number of records")
	rounds := flags.Int("rounds", 7, "number of rounds; one more goes before to warm up")
	only := flags.String("only", "", "run nothing but loop, compiled or definition, once and without a report")
	profile := flags.String("profile", "", "with -only: write a CPU profile to this file")
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
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	day := bench.Day(*rows)
	if err := day.WriteFiles(dir); err != nil {
		return err
	}
	if *only != "" {
		return once(ctx, *only, *profile, dir, day)
	}
	// First, while this process is small: a child's peak begins at its parent's.
	peaks, err := peaks(ctx, *rows, stderr)
	if err != nil {
		return err
	}
	all := make([][]bench.Usage, len(runners()))
	for i := range *rounds + 1 {
		usages, err := round(ctx, dir, day, i)
		if err != nil {
			return err
		}
		for k, u := range usages {
			if i > 0 {
				all[k] = append(all[k], u)
			}
		}
	}
	return report(stdout, all, peaks)
}

// round runs each once, beginning with another one each time.
func round(ctx context.Context, dir string, day sample.Day, i int) (usages []bench.Usage, err error) {
	folder, err := os.MkdirTemp(dir, "round-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if removeErr := os.RemoveAll(folder); err == nil {
			err = removeErr
		}
	}()
	compared := runners()
	usages = make([]bench.Usage, len(compared))
	for n := range compared {
		k := (n + i) % len(compared)
		if usages[k], err = compared[k].run(ctx, folder, dir, day); err != nil {
			return nil, fmt.Errorf("%s: %w", compared[k].name, err)
		}
	}
	for _, r := range compared[1:] {
		if err := same(ctx, database(folder, compared[0].name), database(folder, r.name)); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return usages, nil
}

// same refuses a round in which two ledgers differ.
func same(ctx context.Context, a, b string) error {
	rowsA, digestA, err := bench.LedgerDigest(ctx, a)
	if err != nil {
		return err
	}
	rowsB, digestB, err := bench.LedgerDigest(ctx, b)
	if err != nil {
		return err
	}
	if rowsA == 0 || rowsA != rowsB || digestA != digestB {
		return fmt.Errorf("the ledgers differ: %d rows %s, %d rows %s", rowsA, digestA, rowsB, digestB)
	}
	return nil
}

// report writes the ratios to the loop and the figures of each.
func report(w io.Writer, all [][]bench.Usage, peaks []float64) error {
	floor := all[0]
	if _, err := fmt.Fprintf(w, "settleTransactions against a loop written by hand, %d records, %d rounds (min / median / max)\n",
		floor[0].Records, len(floor)); err != nil {
		return err
	}
	for k, r := range runners() {
		var cpu, wall, rate, speed, allocs []float64
		for i, u := range all[k] {
			cpu = append(cpu, float64(u.CPU)/float64(floor[i].CPU))
			wall = append(wall, float64(u.Wall)/float64(floor[i].Wall))
			rate = append(rate, float64(u.Records)/u.CPU.Seconds())
			speed = append(speed, float64(u.Records)/u.Wall.Seconds())
			allocs = append(allocs, u.AllocsPerRecord())
		}
		if _, err := fmt.Fprintf(w, `%s
  CPU ratio             %s
  wall ratio            %s
  records per CPU-s     %s
  records per second    %s
  allocations a record  %s
  peak resident set     %.1f MiB
`, r.name, bench.NewSpread(cpu), bench.NewSpread(wall), bench.NewSpread(rate).Thousands(),
			bench.NewSpread(speed).Thousands(), bench.NewSpread(allocs), peaks[k]); err != nil {
			return err
		}
	}
	return nil
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // the clock of this program
}
