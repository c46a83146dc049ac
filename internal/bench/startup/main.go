// Command startup prints what it costs to start batchctl and list executions, as
// a ratio to a program made of cobra and go-sqlite3 that opens the same database
// and does nothing (the folder floor). Two programs run by turns, so that both
// see the same machine; a ratio is taken in each round.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/batchctl/batchctl/internal/bench"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "startup:", err)
		os.Exit(1) //nolint:forbidigo // a program of its own
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("startup", flag.ContinueOnError)
	flags.SetOutput(stderr)
	product := flags.String("batchctl", "build/batchctl", "the program to measure")
	floor := flags.String("floor", "build/floor", "the program to compare it with")
	db := flags.String("db", "build/bench.db", "a repository with executions in it")
	rounds := flags.Int("rounds", 15, "rounds of -runs starts of each program; one more goes before to warm up")
	runs := flags.Int("runs", 20, "starts of each program in a round")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 || *runs < 1 {
		return errors.New("-rounds and -runs must be at least 1")
	}
	var cpu, wall []float64
	for i := range *rounds + 1 {
		p, f, err := round(ctx, *product, *floor, *db, *runs)
		if err != nil {
			return err
		}
		if i > 0 {
			cpu = append(cpu, float64(p.cpu)/float64(f.cpu))
			wall = append(wall, float64(p.wall)/float64(f.wall))
		}
	}
	_, err := fmt.Fprintf(stdout, `start-up of "executions" against an empty cobra + go-sqlite3 program, %d rounds of %d (min / median / max)
  CPU ratio   %s
  wall ratio  %s
`, *rounds, *runs, bench.NewSpread(cpu), bench.NewSpread(wall))
	return err
}

// usage is what a number of starts took.
type usage struct{ cpu, wall time.Duration }

// round starts both programs by turns.
func round(ctx context.Context, product, floor, db string, runs int) (p, f usage, err error) {
	for range runs {
		if err := p.add(ctx, product, "--db", db, "executions"); err != nil {
			return p, f, err
		}
		if err := f.add(ctx, floor, "--db", db, "executions"); err != nil {
			return p, f, err
		}
	}
	return p, f, nil
}

// add runs a program to its end; it must succeed and say something.
func (u *usage) add(ctx context.Context, name string, args ...string) error {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the programs that were asked for
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now() //nolint:forbidigo // the clock of this program
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, stderr.String())
	}
	u.wall += time.Since(start)
	u.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if stdout.Len() == 0 {
		return fmt.Errorf("%s: printed nothing", cmd)
	}
	return nil
}
