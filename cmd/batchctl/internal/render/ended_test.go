package render_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/history"
)

// dayJob is a job by definition whose flow night may end it before money, and the
// branch left of its split before late.
func dayJob() *core.Job {
	step := func(name, next string, ways ...core.Transition) core.Element {
		return core.Element{Step: &core.Step{Name: name}, Next: next, Transitions: ways}
	}
	decider := core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) { return "", nil })
	return &core.Job{Name: "day", Definition: &core.JobDefinition{Hash: "h"}, Flow: []core.Element{
		step("fetch", "night"),
		{Name: "night", Next: "money", Transitions: []core.Transition{{On: "FAILED", To: "alarm"}}, Flow: []core.Element{
			step("count", "xa", core.Transition{On: "LATE", To: core.ToEnd}, core.Transition{On: "SOON", To: core.ToStop, Restart: "money"}),
			{Name: "xa", Decider: decider, Transitions: []core.Transition{{On: "NONE", To: core.ToEnd}, {On: "*", To: "xb"}}},
			step("xb", "", core.Transition{On: "FAILED", To: core.ToEnd}, core.Transition{On: "*", To: "xc"}),
			step("xc", ""),
		}},
		step("money", "both"),
		step("alarm", ""),
		{Name: "both", Next: "ask", Split: []core.Element{
			{Name: "left", Flow: []core.Element{step("l1", "l2", core.Transition{On: "EMPTY", To: core.ToEnd}), step("l2", "")}},
			step("right", ""),
		}},
		{Name: "ask", Decider: decider, Next: "late"},
		step("late", "", core.Transition{On: "DONE", To: core.ToEnd}, core.Transition{On: "*", To: "never"}),
		step("never", ""),
	}}
}

// decisionFirst takes away what dayJob has before its decision.
func decisionFirst(x *render.Execution) {
	x.Job.Flow = x.Job.Flow[1:]
	x.Job.Flow[0].Flow = x.Job.Flow[0].Flow[1:]
}

// splitFirst makes a sequence of dayJob: its split, its decision and money.
func splitFirst(x *render.Execution) {
	step := func(name string) core.Element { return core.Element{Step: &core.Step{Name: name}} }
	decision := x.Job.Flow[1].Flow[1]
	x.Job.Flow = []core.Element{
		{Name: "both", Split: []core.Element{step("l1"), step("right")}},
		{Name: "outer", Flow: []core.Element{{Name: "inner", Flow: []core.Element{decision, step("xb")}}}},
		step("money"),
	}
}

func TestEndedBy(t *testing.T) {
	t.Parallel()
	// Each word is a step that ran in this order, with its exit code and status.
	ran := func(words ...string) (steps []*core.StepExecution) {
		for i, word := range words {
			name, code, _ := strings.Cut(word, "=")
			se := &core.StepExecution{ID: int64(i + 1), StepName: name, Status: core.StatusCompleted, ExitStatus: core.ExitStatus{Code: "COMPLETED"}}
			if code != "" {
				se.ExitStatus.Code = code
			}
			if code == "FAILED" {
				se.Status = core.StatusFailed
			}
			steps = append(steps, se)
		}
		return steps
	}
	decided := func(result string) core.ExecutionContext {
		return core.ExecutionContext{core.ContextKeyDecision + "xa": result}
	}
	for name, tc := range map[string]struct {
		steps  []*core.StepExecution
		ec     core.ExecutionContext
		change func(x *render.Execution)
		want   string
	}{
		"a decision in a flow":        {steps: ran("fetch", "count"), ec: decided("NONE"), want: `"xa": NONE -> end; not run: money, both, late, never`},
		"a step in a flow":            {steps: ran("fetch", "count=LATE"), want: `"count": LATE -> end; not run: money, both, late, never`},
		"a step in a flow that fails": {steps: ran("fetch", "count", "xb=FAILED"), ec: decided("SOME"), want: `"xb": FAILED -> end; not run: money, both, late, never`},
		"a step in a branch":          {steps: ran("fetch", "count", "xb", "xc", "money", "l1=EMPTY", "right"), ec: decided("SOME"), want: `"l1": EMPTY -> end; not run: late, never`},
		"a restart that ran the flow only": {
			steps: ran("count"), ec: decided("NONE"), want: `"xa": NONE -> end; not run: money, both, late, never`,
		},
		"what an earlier attempt ran was run": {
			steps: ran("count=LATE"), want: `"count": LATE -> end; not run: both, never`,
			change: func(x *render.Execution) {
				x.Totals = []history.Total{{StepName: "count"}, {StepName: "money"}, {StepName: "late"}}
			},
		},
		"an end at the outermost level":  {steps: ran("fetch", "count", "xb", "xc", "money", "l1", "l2", "right", "late=DONE"), ec: decided("SOME")},
		"the last element":               {steps: ran("fetch", "count", "xb", "xc", "money", "l1", "l2", "right", "late", "never"), ec: decided("SOME")},
		"an old decision, passed since":  {steps: ran("money", "l1", "l2", "right", "late", "never"), ec: decided("NONE")},
		"a step of an earlier execution": {steps: ran("right"), ec: decided("NONE")},
		"nothing ran":                    {ec: decided("NONE")},
		"a step that ran twice":          {steps: ran("fetch", "count", "count=LATE"), want: `"count": LATE -> end; not run: money, both, late, never`},
		"a flow within a flow that failed": {
			steps: ran("fetch", "count=FAILED"), want: `"inner": FAILED -> end; not run: money, both, late, never`,
			change: func(x *render.Execution) {
				night := &x.Job.Flow[1]
				night.Flow = []core.Element{{
					Name: "inner", Transitions: []core.Transition{{On: "FAILED", To: core.ToEnd}},
					Flow: []core.Element{{Step: &core.Step{Name: "count"}}},
				}}
			},
		},
		"a decision behind a split, in a sequence":            {steps: ran("l1", "right"), ec: decided("NONE"), want: `"xa": NONE -> end; not run: money`, change: splitFirst},
		"a decision behind a split with a branch not known":   {steps: ran("l1"), ec: decided("NONE"), change: splitFirst},
		"a decision behind a split with a branch that failed": {steps: ran("l1", "right=FAILED"), ec: decided("NONE"), change: splitFirst},
		"a decision that is not stored": {
			steps: ran("fetch", "count"), change: func(x *render.Execution) {
				x.Job.Flow[1].Flow[1].Transitions = []core.Transition{{To: core.ToEnd}}
			},
		},
		"a decision before anything ran": {
			ec: decided("NONE"), want: `"xa": NONE -> end; not run: money, both, late, never`, change: decisionFirst,
		},
		"a restart that may have begun elsewhere": {
			ec: decided("NONE"), change: func(x *render.Execution) {
				decisionFirst(x)
				x.Context[core.ContextKeyStop+"late"] = true
			},
		},
		"no decision is stored":   {steps: ran("fetch", "count")},
		"a job that failed":       {steps: ran("fetch", "count=LATE"), change: func(x *render.Execution) { x.Status = core.StatusFailed }},
		"a job that is not known": {steps: ran("fetch", "count=LATE"), change: func(x *render.Execution) { x.Job = nil }},
		"a job in Go":             {steps: ran("fetch", "count=LATE"), change: func(x *render.Execution) { x.Job.Definition = nil }},
		"another definition":      {steps: ran("fetch", "count=LATE"), change: func(x *render.Execution) { x.Job.Definition.Hash = "other" }},
		"a stop that comes before the end of another branch": {
			steps: ran("l1=EMPTY", "right"),
			change: func(x *render.Execution) {
				right := &x.Job.Flow[4].Split[1]
				*right = core.Element{Name: "r", Flow: []core.Element{{Step: right.Step, Transitions: []core.Transition{{On: "HELD", To: core.ToStop, Restart: "late"}}}}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.ec == nil {
				tc.ec = core.ExecutionContext{}
			}
			tc.ec[core.ContextKeyDefinition] = "h"
			x := render.Execution{Job: dayJob(), JobExecution: &core.JobExecution{Status: core.StatusCompleted, Steps: tc.steps, Context: tc.ec}}
			if tc.change != nil {
				tc.change(&x)
			}
			p, out := printer(render.FormatTable, render.Style{}, time.UTC)
			if err := p.Execution(x); err != nil {
				t.Fatal(err)
			}
			got := ""
			for line := range strings.Lines(out.String()) {
				if text, ok := strings.CutPrefix(line, "ended by"); ok {
					got += strings.TrimSpace(text)
				}
			}
			if got != tc.want {
				t.Errorf("ended by %s, want %s:\n%s", got, tc.want, out)
			}
			p, out = printer(render.FormatJSON, render.Style{}, time.UTC)
			if err := p.Execution(x); err != nil {
				t.Fatal(err)
			}
			var doc struct {
				Execution struct {
					EndedBy []struct {
						Element, ExitCode string
						NotRun            []string
					}
				}
			}
			if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			got = ""
			for _, e := range doc.Execution.EndedBy {
				got += core.Quote(e.Element) + ": " + e.ExitCode + " -> end; not run: " + strings.Join(e.NotRun, ", ")
			}
			if got != tc.want {
				t.Errorf("programs read %s, want %s", got, tc.want)
			}
		})
	}
}

// TestEndOfJobWithin: within a flow or branch a way to end, fail or stop is said to
// be the end of the whole job.
func TestEndOfJobWithin(t *testing.T) {
	t.Parallel()
	step := func(name string, to string) core.Element {
		return core.Element{Step: &core.Step{Name: name}, Transitions: []core.Transition{{On: "X", To: to, ExitCode: "Y"}}}
	}
	j := &core.Job{Name: "day", Flow: []core.Element{
		step("outermost", core.ToEnd),
		{Name: "f", Flow: []core.Element{step("a", core.ToEnd), step("b", core.ToFail), step("c", "a")}},
		{Name: "s", Split: []core.Element{{Name: "g", Flow: []core.Element{step("d", core.ToStop)}}}},
	}}
	p, out := printer(render.FormatTable, render.Style{}, time.UTC)
	if err := p.Job(j); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "on X -> "); ok {
			got = append(got, text)
		}
	}
	want := []string{
		"end with exit code Y", "end of the job with exit code Y", "fail, which ends the job with exit code Y",
		"a with exit code Y", "stop, which ends the job with exit code Y",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("ways\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
