//go:build unix

// Command memory checks that the memory of dailySettlement does not grow with
// its input: it runs the given batchctl on a small and a large day and compares
// their peak resident sets.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("memory", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("batchctl", "build/batchctl", "the program to measure")
	small := flags.Int("small", 100_000, "records of the small day")
	large := flags.Int("large", 5_000_000, "records of the large day")
	limit := flags.Float64("limit", 1.1, "how much more memory the large day may need, as a ratio")
	if err := flags.Parse(args); err != nil {
		return err
	}
	path, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	var peaks []float64
	for _, rows := range []int{*small, *large} {
		peak, err := measure(ctx, path, rows, stderr)
		if err != nil {
			return fmt.Errorf("%d records: %w", rows, err)
		}
		if _, err := fmt.Fprintf(stdout, "%9d records: peak resident set %.1f MiB\n", rows, peak); err != nil {
			return err
		}
		peaks = append(peaks, peak)
	}
	ratio := peaks[1] / peaks[0]
	if _, err := fmt.Fprintf(stdout, "ratio %.2f, limit %.2f\n", ratio, *limit); err != nil {
		return err
	}
	if ratio > *limit {
		return errors.New("memory grows with the input")
	}
	return nil
}

// measure settles a day of that many records and returns the peak resident set
// in MiB.
func measure(ctx context.Context, program string, rows int, stderr io.Writer) (peak float64, err error) {
	dir, err := os.MkdirTemp("", "batchctl-memory-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil {
			err = removeErr
		}
	}()
	day := sample.Day{Date: time.Date(2021, 2, 1, 0, 0, 0, 0, time.UTC), Records: rows}
	if err := day.WriteFiles(dir); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, program, "--db", filepath.Join(dir, "batchctl.db"), //nolint:gosec // the program to measure
		"run", "dailySettlement", "requestDate="+day.Name(), "inputDir="+dir, "outputDir="+dir)
	cmd.Stderr = stderr
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("the system does not report the peak resident set")
	}
	return float64(usage.Maxrss) / 1024, nil // KiB on Linux
}
