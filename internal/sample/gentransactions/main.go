// Command gentransactions writes days of card transactions for dailySettlement.
// Without -rows it writes the days that are committed under
// testdata/transactions.
//
//	gentransactions -out testdata/transactions
//	gentransactions -out DIR -date 2021-02-01 -rows 1000000
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gentransactions:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("gentransactions", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", ".", "folder to write into; it must exist")
	date := flags.String("date", "2021-02-01", "date of the day that -rows makes")
	rows := flags.Int("rows", -1, "number of records; -1 writes the committed days")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	days := sample.Committed()
	if *rows >= 0 {
		day, err := time.Parse(time.DateOnly, *date)
		if err != nil {
			return fmt.Errorf("-date: %w", err)
		}
		days = []sample.Day{{Date: day, Records: *rows}}
	}
	for _, d := range days {
		if err := d.WriteFiles(*out); err != nil {
			return err
		}
	}
	return nil
}
