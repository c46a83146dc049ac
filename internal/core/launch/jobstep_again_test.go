package launch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func byName(ps core.JobParameters) core.JobParameters {
	return slices.SortedFunc(slices.Values(ps), func(p, q core.JobParameter) int { return strings.Compare(p.Name, q.Name) })
}

// A restart asks the extractor again. What identifies the child stays as it was,
// so that it is the same instance; the rest is what the parent says now.
func TestJobStepParametersOfARestart(t *testing.T) {
	t.Parallel()
	region := core.JobParameter{Name: "region", Value: "eu", Identifying: true}
	stored := func(b *bundle) core.JobParameters {
		b.t.Helper()
		se, err := b.store.LastStepExecution(b.t.Context(), 1, "close")
		if err != nil {
			b.t.Fatal(err)
		}
		_, ps, _, err := launch.ChildLaunch(se.Context)
		if err != nil {
			b.t.Fatal(err)
		}
		return ps
	}
	for _, tt := range []struct {
		name  string
		again func() (core.JobParameters, error) // that the extractor says to the restart
		want  core.JobParameters
		logs  string
	}{
		{
			name:  "others that do not identify",
			again: func() (core.JobParameters, error) { return params(day(1), text("inputDir", "/new")), nil },
			want:  params(day(1), text("inputDir", "/new"), region),
		},
		{
			name:  "one that does not identify is a default again",
			again: func() (core.JobParameters, error) { return params(day(1)), nil },
			want:  params(day(1), text("inputDir", "/srv/batch/in"), region),
		},
		{
			name:  "another day",
			again: func() (core.JobParameters, error) { return params(day(2), text("inputDir", "/new")), nil },
			want:  params(day(1), text("inputDir", "/first"), region),
			logs:  "parameter=day",
		},
		{
			name: "another region",
			again: func() (core.JobParameters, error) {
				return params(day(1), text("inputDir", "/new"), core.JobParameter{Name: "region", Value: "us", Identifying: true}), nil
			},
			want: params(day(1), text("inputDir", "/first"), region),
			logs: "parameter=region",
		},
		{
			name:  "no day",
			again: func() (core.JobParameters, error) { return params(text("inputDir", "/new")), nil },
			want:  params(day(1), text("inputDir", "/first"), region),
			logs:  "parameter=day",
		},
		{
			name: "a day that does not identify",
			again: func() (core.JobParameters, error) {
				d := day(1)
				d.Identifying = false
				return params(d, text("inputDir", "/new")), nil
			},
			want: params(day(1), text("inputDir", "/first"), region),
			logs: "parameter=day",
		},
		{
			name:  "nothing but an error",
			again: func() (core.JobParameters, error) { return nil, errors.New("the list of days has gone") },
			want:  params(day(1), text("inputDir", "/first"), region),
			logs:  "the list of days has gone",
		},
	} {
		t.Run("FLOW-50 "+tt.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			b := setup(t, monthly(daily(failFirst(1)), func(_ context.Context, s *core.Scope) (core.JobParameters, error) {
				if asked++; asked == 1 {
					return params(day(1), text("inputDir", "/first")), nil
				}
				s.Context.Put("asked", int64(asked))
				return tt.again()
			}))
			first, err := b.start(day(1))
			if err == nil {
				t.Fatal("the child did not fail")
			}
			if _, err := b.Restart(t.Context(), first.ID, nil, launch.Options{}); err != nil {
				t.Fatal(err)
			}
			children := b.of("daily")
			if len(children) != 2 || children[0].Instance != children[1].Instance {
				t.Fatalf("%d executions, want two of one instance", len(children))
			}
			if d := cmp.Diff(byName(tt.want), byName(children[1].Parameters)); d != "" {
				t.Errorf("launched (-want +got):\n%s", d)
			}
			if d := cmp.Diff(byName(tt.want), byName(stored(b))); d != "" {
				t.Errorf("stored (-want +got):\n%s", d)
			}
			warned := strings.Contains(b.logs.String(), "level=WARN")
			if warned != (tt.logs != "") || !strings.Contains(b.logs.String(), tt.logs) {
				t.Errorf("the log, which must warn of %q:\n%s", tt.logs, b.logs)
			}
			se, err := b.store.LastStepExecution(t.Context(), 1, "close")
			if err != nil {
				t.Fatal(err)
			}
			if _, kept := se.Context["asked"]; kept != (tt.logs == "") {
				t.Errorf("what the extractor has put is kept: %t", kept)
			}
		})
	}
	t.Run("FLOW-50 an override of the parent reaches the child", func(t *testing.T) {
		t.Parallel()
		child := daily(failFirst(2))
		parent := monthly(child, launch.ParentParameters("day", "inputDir"))
		parent.Parameters = append(parent.Parameters, core.ParameterSpec{Name: "inputDir", Path: true, NonIdentifying: true})
		b := setup(t, parent)
		first, err := b.start(day(1), text("inputDir", "/first"))
		if err == nil {
			t.Fatal("the child did not fail")
		}
		second, err := b.Restart(t.Context(), first.ID, params(text("inputDir", "/second")), launch.Options{})
		if err == nil {
			t.Fatal("the child did not fail again")
		}
		if _, err := b.Restart(t.Context(), second.ID, nil, launch.Options{}); err != nil {
			t.Fatal(err)
		}
		var used []string
		for _, je := range b.of("daily") {
			dir, _, err := je.Parameters.String("inputDir")
			if err != nil {
				t.Fatal(err)
			}
			used = append(used, dir)
		}
		if d := cmp.Diff([]string{"/first", "/second", "/second"}, used); d != "" {
			t.Errorf("inputDir of the child (-want +got):\n%s", d)
		}
	})
	t.Run("what the child refuses fails the step", func(t *testing.T) {
		t.Parallel()
		asked := 0
		b := setup(t, monthly(daily(failFirst(1)), func(context.Context, *core.Scope) (core.JobParameters, error) {
			if asked++; asked == 2 {
				return params(day(1), text("colour", "red")), nil
			}
			return params(day(1)), nil
		}))
		first, err := b.start(day(1))
		if err == nil {
			t.Fatal("the child did not fail")
		}
		_, err = b.Restart(t.Context(), first.ID, nil, launch.Options{})
		if err == nil || !strings.Contains(err.Error(), "job daily was not launched") || !strings.Contains(err.Error(), "parameter colour") {
			t.Errorf("got error %v", err)
		}
		if d := cmp.Diff(byName(params(day(1), text("inputDir", "/srv/batch/in"), region)), byName(stored(b))); d != "" {
			t.Errorf("stored (-want +got):\n%s", d)
		}
	})
}
