//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"syscall"

	"github.com/batchctl/batchctl/internal/sample"
)

// peaks returns the peak resident set of each runner in MiB.
func peaks(ctx context.Context, rows int, stderr io.Writer) (all []float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, r := range runners() {
		cmd := exec.CommandContext(ctx, self, "-only", r.name, "-rows", fmt.Sprint(rows)) //nolint:gosec // this program
		cmd.Stderr = stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			return nil, errors.New("the system does not report the peak resident set")
		}
		all = append(all, float64(usage.Maxrss)/1024) // KiB on Linux
	}
	return all, nil
}

// once runs the runner of that name in the folder of the files.
func once(ctx context.Context, name, profile, dir string, day sample.Day) (err error) {
	compared := runners()
	i := slices.IndexFunc(compared, func(r runner) bool { return r.name == name })
	if i < 0 {
		return fmt.Errorf("-only %s: there is no such thing to run", name)
	}
	if profile != "" {
		f, err := os.Create(profile) //nolint:gosec // as it was asked for
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(err, f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	_, err = compared[i].run(ctx, dir, dir, day)
	return err
}
