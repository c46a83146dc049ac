package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

// TestMain makes two programs for the scripts: batchctl itself, and testctl,
// which is batchctl with jobs that wait, fail and misbehave on purpose.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"batchctl": func() {
			os.Exit(cli.Main(os.Args[1:], os.LookupEnv, streams.System(os.LookupEnv)))
		},
		"testctl": func() {
			os.Exit(cli.Run(os.Args[1:], os.LookupEnv, streams.System(os.LookupEnv), append(testJobs(), parameterJobs()...)...))
		},
	})
}

func testJobs() []*core.Job {
	n := core.ParameterSpec{Name: "n", Type: core.TypeLong}
	dir := core.ParameterSpec{Name: "dir", Path: true, NonIdentifying: true, Default: "."}
	step := func(name string, do bodyFunc) *core.Step {
		return &core.Step{Name: name, Bind: func(*core.Scope) (core.StepBody, error) { return do, nil }}
	}
	fails := func(err error) *core.Step {
		return step("fails", func(context.Context, *core.Scope) (core.ExitStatus, error) { return core.ExitStatus{}, err })
	}
	limited := fails(errors.New("no luck"))
	limited.StartLimit = 1
	return []*core.Job{
		{Name: "gate", Help: "commit until there is a file dir/open", Parameters: core.ParameterSpecs{n, dir}, Steps: []*core.Step{step("waits", gate)}},
		{Name: "slow", Help: "commit once, and then work on a chunk until it is told to drop it", Parameters: core.ParameterSpecs{n, dir}, Steps: []*core.Step{step("waits", slow)}},
		{Name: "deaf", Help: "wait for dir/open whatever anybody says", Parameters: core.ParameterSpecs{n, dir}, Steps: []*core.Step{step("waits", deaf)}},
		{Name: "doubles", Help: "take a double", Parameters: core.ParameterSpecs{{Name: "x", Type: core.TypeDouble}}, Steps: []*core.Step{fails(nil)}},
		{Name: "once", Help: "fail, and never run again", PreventRestart: true, Steps: []*core.Step{fails(errors.New("no luck"))}},
		{Name: "limited", Help: "fail, and be started once only", Steps: []*core.Step{limited}},
		{Name: "changed", Help: "find its input changed", Steps: []*core.Step{fails(&core.Error{
			Kind: core.ErrCheckpointMismatch, Op: "open input in.csv", Msg: "the first 10 bytes have crc32c 01, the checkpoint says 02",
		})}},
		{Name: "rude", Help: "fail with what could steer a terminal", Steps: []*core.Step{fails(errors.New("\x1b[31mred\x1b[0m \u202eright\nto left 한국어"))}},
		{Name: "panics", Help: "panic in a step", Steps: []*core.Step{step("falls", func(context.Context, *core.Scope) (core.ExitStatus, error) { panic("out of bounds") })}},
		{Name: "broken", Help: "panic outside of a step", Incrementer: brokenIncrementer{}, Steps: []*core.Step{fails(nil)}},
		{
			Name: "한국어", Help: "정산 작업", Parameters: core.ParameterSpecs{{Name: "가맹점"}, {Name: "note", Default: "中文"}, n},
			Incrementer: core.RunIDIncrementer{}, Steps: []*core.Step{fails(nil)},
		},
	}
}

type bodyFunc func(ctx context.Context, s *core.Scope) (core.ExitStatus, error)

func (f bodyFunc) Execute(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	return f(ctx, s)
}

type brokenIncrementer struct{}

func (brokenIncrementer) Key() core.ParameterSpec { panic("a job that is broken") }

func (brokenIncrementer) Next(ps core.JobParameters, _ *time.Location) (core.JobParameters, error) {
	return ps, nil
}

// gate commits one item at a time until the file is there, a stop is asked for,
// or it is aborted.
func gate(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !isOpen(s) {
		if err := commitOne(ctx, s); err != nil {
			return core.ExitStatus{}, err
		}
		select {
		case <-ctx.Done():
			return core.ExitStatus{}, context.Cause(ctx)
		case <-s.Stop.Done():
			return core.ExitStatus{}, s.Stop.Cause()
		case <-ticker.C:
		}
	}
	return core.ExitStatus{}, nil
}

// slow commits one item, and works on the second until it is aborted.
func slow(ctx context.Context, s *core.Scope) (core.ExitStatus, error) {
	if err := commitOne(ctx, s); err != nil {
		return core.ExitStatus{}, err
	}
	tx, err := s.Begin(ctx)
	if err != nil {
		return core.ExitStatus{}, err
	}
	defer tx.Rollback() // that is what it is for
	<-ctx.Done()
	return core.ExitStatus{}, context.Cause(ctx)
}

func commitOne(ctx context.Context, s *core.Scope) error {
	tx, err := s.Begin(ctx)
	if err != nil {
		return err
	}
	next := s.Step.Clone()
	next.Counts = next.Counts.Add(core.Counts{Read: 1, Write: 1, Commit: 1})
	return s.CommitStep(ctx, tx, s.Step, next, nil)
}

// deaf hears neither a stop nor an abort. It says that it began by a file.
func deaf(_ context.Context, s *core.Scope) (core.ExitStatus, error) {
	dir, _, err := s.Parameters().String("dir")
	if err != nil {
		return core.ExitStatus{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, "begun"), nil, 0o600); err != nil {
		return core.ExitStatus{}, err
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !isOpen(s) {
		<-ticker.C
	}
	return core.ExitStatus{}, nil
}

func isOpen(s *core.Scope) bool {
	dir, _, err := s.Parameters().String("dir")
	if err != nil {
		panic(fmt.Sprint("the gate has no folder: ", err))
	}
	_, err = os.Stat(filepath.Join(dir, "open"))
	return err == nil
}
