package launch_test

import (
	"context"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func TestParentParameters(t *testing.T) {
	t.Parallel()
	parent := params(day(1), text("note", "n"), core.JobParameter{Name: "limit", Value: int64(7)}, core.JobParameter{Name: "rate", Value: 0.1, Identifying: true})
	ec := core.ExecutionContext{"limit": int64(9), "count": int64(3), "share": 0.25, "final": true, "note": false, "file": "a.csv"}
	for _, tt := range []struct {
		name string
		keys []string
		want core.JobParameters
	}{
		{"FLOW-53 all of the parent's when no key is named", nil, parent},
		{"FLOW-53 no others than those that are named", []string{"rate", "day"}, params(parent[3], day(1))},
		{"FLOW-54 the step's context comes before the parent's parameter, whose flag is kept", []string{"limit", "note"}, params(
			core.JobParameter{Name: "limit", Value: int64(9)}, text("note", "false"))},
		{"FLOW-54 the types of the context are kept", []string{"count", "share", "final", "file"}, params(
			core.JobParameter{Name: "count", Value: int64(3), Identifying: true}, core.JobParameter{Name: "share", Value: 0.25, Identifying: true},
			core.JobParameter{Name: "final", Value: "true", Identifying: true}, core.JobParameter{Name: "file", Value: "a.csv", Identifying: true})},
		{"a key that is nowhere is left out, one that is named twice is there once", []string{"gone", "day", "day"}, params(day(1))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &core.Scope{Run: &core.Run{Execution: &core.JobExecution{Parameters: parent}}, Context: ec}
			got, err := launch.ParentParameters(tt.keys...)(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestChildLaunch(t *testing.T) {
	t.Parallel()
	t.Run("every type is kept to the last digit", func(t *testing.T) {
		t.Parallel()
		given := params(
			core.JobParameter{Name: "text", Value: "a \"b\" <&> ä \x7f", Identifying: true}, text("empty", ""),
			core.JobParameter{Name: "max", Value: int64(math.MaxInt64)}, core.JobParameter{Name: "min", Value: int64(math.MinInt64)},
			core.JobParameter{Name: "tenth", Value: 0.1}, core.JobParameter{Name: "tiny", Value: math.SmallestNonzeroFloat64},
			core.JobParameter{Name: "zero", Value: math.Copysign(0, -1)},
			core.JobParameter{Name: "day", Value: time.Date(2021, 3, 28, 1, 30, 0, int(time.Millisecond), time.UTC)},
			core.JobParameter{Name: "early", Value: time.Date(1, 1, 1, 0, 0, 0, 0, time.FixedZone("", 5*3600)).UTC()},
			core.JobParameter{Name: "late", Value: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.FixedZone("", -5*3600)).UTC()},
		)
		var specs core.ParameterSpecs
		for _, p := range given {
			specs = append(specs, core.ParameterSpec{Name: p.Name, Type: p.Type(), NonIdentifying: !p.Identifying})
		}
		child := job("child", succeed)
		child.Parameters = specs
		b := setup(t, &core.Job{Name: "monthly", Steps: []*core.Step{launch.JobStep("close", child, func(context.Context, *core.Scope) (core.JobParameters, error) {
			return given, nil
		})}})
		if _, err := b.start(); err != nil {
			t.Fatal(err)
		}
		se, err := b.store.LastStepExecution(t.Context(), 1, "close")
		if err != nil {
			t.Fatal(err)
		}
		name, ps, ok, err := launch.ChildLaunch(se.Context)
		if name != "child" || !ok || err != nil {
			t.Fatalf("got %s, %v, %v", name, ok, err)
		}
		if diff := cmp.Diff(given, ps); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if zero, _, _ := ps.Double("zero"); !math.Signbit(zero) {
			t.Error("the sign of zero is lost")
		}
	})
	for name, tt := range map[string]struct {
		ec   core.ExecutionContext
		want string
	}{
		"no name":      {core.ExecutionContext{core.ContextKeyChildJob: int64(1)}, `holds a int64`},
		"no text":      {core.ExecutionContext{core.ContextKeyChildJob: "x", core.ContextKeyChildParameters: true}, `holds a bool`},
		"no JSON":      {core.ExecutionContext{core.ContextKeyChildJob: "x", core.ContextKeyChildParameters: "nonsense"}, `"nonsense" is not a list of parameters`},
		"no such type": {core.ExecutionContext{core.ContextKeyChildJob: "x", core.ContextKeyChildParameters: `[{"name":"p","type":"uuid"}]`}, `parameter "p": "uuid" is not a type`},
		"no number":    {core.ExecutionContext{core.ContextKeyChildJob: "x", core.ContextKeyChildParameters: `[{"name":"p","type":"long","value":"1.5"}]`}, `parameter "p": strconv.ParseInt`},
	} {
		t.Run("damaged: "+name, func(t *testing.T) {
			t.Parallel()
			if _, _, ok, err := launch.ChildLaunch(tt.ec); ok || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v", ok, err)
			}
		})
	}
	t.Run("a step that is none has none", func(t *testing.T) {
		t.Parallel()
		if _, _, ok, err := launch.ChildLaunch(core.ExecutionContext{"n": int64(1)}); ok || err != nil {
			t.Errorf("got %v, %v", ok, err)
		}
	})
}

// A job step costs the transactions of its child and one for the parameters.
func TestJobStepTransactions(t *testing.T) {
	t.Parallel()
	count := func(job *core.Job) int64 {
		b := setup(t)
		repo := &counting{JobRepository: b.store}
		b.JobOperator = b.operator(repo, job)
		if _, err := b.Start(t.Context(), job.Name, params(day(1)), launch.Options{}); err != nil {
			t.Fatal(err)
		}
		return repo.writes.Load()
	}
	child := daily(succeed)
	parent := &core.Job{Name: "monthly", Parameters: child.Parameters[:1], Steps: []*core.Step{launch.JobStep("close", child, nil)}}
	if alone, both := count(child), count(parent); alone != 4 || both != 4+4+1 {
		t.Errorf("the child costs %d transactions alone and %d with a parent, want 4 and 9", alone, both)
	}
}

type counting struct {
	core.JobRepository
	writes atomic.Int64
}

func (r *counting) CreateJobExecution(ctx context.Context, l core.Launch) (*core.JobExecution, error) {
	r.writes.Add(1)
	return r.JobRepository.CreateJobExecution(ctx, l)
}

func (r *counting) Begin(ctx context.Context, je *core.JobExecution) (core.Tx, error) {
	r.writes.Add(1)
	return r.JobRepository.Begin(ctx, je)
}
