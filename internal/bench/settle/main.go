//go:build unix

// Command settle prints what the chunk step of dailySettlement costs as a ratio
// to a loop written by hand. The two run by turns in one process, on fresh
// databases, and must leave the same ledger.
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

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("settle", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int("rows", 200_000, "number of records")
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
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	day := sample.Day{Date: time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC), Records: *rows}
	if err := day.WriteFiles(dir); err != nil {
		return err
	}
	var product, floor []bench.Usage
	for i := range *rounds + 1 {
		p, f, err := round(ctx, dir, day, i)
		if err != nil {
			return err
		}
		if i > 0 {
			product, floor = append(product, p), append(floor, f)
		}
	}
	return report(stdout, product, floor)
}

// round runs both once, the other first in every second round.
func round(ctx context.Context, dir string, day sample.Day, i int) (p, f bench.Usage, err error) {
	folder := filepath.Join(dir, "round")
	if err := os.MkdirAll(filepath.Join(folder, "empty"), 0o700); err != nil {
		return p, f, err
	}
	defer func() {
		if removeErr := os.RemoveAll(folder); err == nil {
			err = removeErr
		}
	}()
	productDB, floorDB := filepath.Join(folder, "product.db"), filepath.Join(folder, "floor.db")
	runs := []func() error{
		func() (err error) { p, err = bench.Product(ctx, productDB, dir, day, now); return err },
		func() (err error) {
			if err := bench.Prepare(ctx, floorDB, filepath.Join(folder, "empty"), day, now); err != nil {
				return err
			}
			f, err = bench.Measure(now, func() (int64, error) {
				return bench.Floor(ctx, floorDB, filepath.Join(dir, day.Name()+".csv"))
			})
			return err
		},
	}
	for k := range runs {
		if err := runs[(k+i)%len(runs)](); err != nil {
			return p, f, err
		}
	}
	return p, f, same(ctx, productDB, floorDB)
}

// same refuses a round in which the two ledgers differ.
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

// report writes the ratios.
func report(w io.Writer, product, floor []bench.Usage) error {
	var cpu, wall, rate, floorRate, speed, floorSpeed []float64
	for i, p := range product {
		f := floor[i]
		cpu = append(cpu, float64(p.CPU)/float64(f.CPU))
		wall = append(wall, float64(p.Wall)/float64(f.Wall))
		rate = append(rate, float64(p.Records)/p.CPU.Seconds())
		floorRate = append(floorRate, float64(f.Records)/f.CPU.Seconds())
		speed = append(speed, float64(p.Records)/p.Wall.Seconds())
		floorSpeed = append(floorSpeed, float64(f.Records)/f.Wall.Seconds())
	}
	last := len(product) - 1
	_, err := fmt.Fprintf(w, `settleTransactions against a hand-written loop, %d records, %d rounds (min / median / max)
  CPU ratio             %s
  wall ratio            %s
  records per CPU-s     %s   floor %s
  records per second    %s   floor %s
  allocations a record  %.2f   floor %.2f
`, product[0].Records, len(product), bench.NewSpread(cpu), bench.NewSpread(wall),
		bench.NewSpread(rate).Thousands(), bench.NewSpread(floorRate).Thousands(),
		bench.NewSpread(speed).Thousands(), bench.NewSpread(floorSpeed).Thousands(),
		product[last].AllocsPerRecord(), floor[last].AllocsPerRecord())
	return err
}

func now() time.Time {
	return time.Now() //nolint:forbidigo // the clock of this program
}
