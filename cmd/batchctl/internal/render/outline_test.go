package render_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

// monthEnd is a job with every kind of element.
func monthEnd() *core.Job {
	step := func(name, kind string) *core.Step { return &core.Step{Name: name, Kind: kind} }
	load := step("load", "partition")
	load.Worker = step("loadFile", "chunk")
	pack := step("pack", "flow")
	pack.Flow = []core.Element{{Step: step("zip", "exec")}, {Step: step("sign", "exec")}}
	closing := step("close", "job")
	closing.Job = "closeMonth"
	fetch := step("fetch", "tasklet")
	fetch.StartLimit, fetch.AllowStartIfComplete = 3, true
	decider := core.DeciderFunc(func(context.Context, *core.Run, *core.StepExecution) (string, error) { return "", nil })
	return &core.Job{Name: "monthEnd", Help: "close a month", Flow: []core.Element{
		{Step: fetch, Next: "size"},
		{Name: "size", Decider: decider, Transitions: []core.Transition{
			{On: "EMPTY", To: core.ToEnd, ExitCode: "NOTHING"}, {On: "SMALL", To: "close"}, {On: "HELD?", To: core.ToStop, Restart: "both"}, {To: "both"},
		}},
		{Name: "both", Threads: 1, Next: "load", Split: []core.Element{
			{Step: step("mail", "exec")},
			{Name: "books", Flow: []core.Element{{Step: step("debit", "sql")}, {Step: step("credit", "sql")}}},
		}},
		{Step: load, Transitions: []core.Transition{{On: core.ExitCodeFailed, To: core.ToFail}}, Next: "rest"},
		{Name: "rest", Next: "close", Flow: []core.Element{{Step: pack}, {Step: step("send", "exec")}}},
		{Step: closing},
	}}
}

// monthExecution is an execution of monthEnd in which most goes wrong.
func monthExecution() *core.JobExecution {
	je := &core.JobExecution{
		ID: 9, Instance: core.JobInstance{ID: 3, JobName: "monthEnd"}, Status: core.StatusFailed,
		ExitStatus: core.ExitStatus{Code: "FAILED", Message: "step close: ended FAILED"},
		CreateTime: at(1), StartTime: at(1), EndTime: at(20),
		Context: core.ExecutionContext{
			"batch.version": "batchctl", core.ContextKeyDecision + "size": "LARGE",
			"month": "2021-01", "rows": int64(12), "ratio": 2.0, "closed": false,
		},
	}
	second := 0
	add := func(name string, status core.BatchStatus, message string, counts core.Counts) {
		second++
		je.Steps = append(je.Steps, &core.StepExecution{
			ID: int64(100 + second), JobExecution: je, StepName: name, Status: status,
			ExitStatus: core.ExitStatus{Code: status.String(), Message: message},
			StartTime:  at(second), EndTime: at(second + 1), Counts: counts,
		})
	}
	add("fetch", core.StatusCompleted, "", core.Counts{Commit: 1})
	add("debit", core.StatusCompleted, "", core.Counts{Commit: 1})
	add("mail", core.StatusAbandoned, "exit code 75: no route to \x1b[31mhost\nsecond line\n\nthird line\nfourth line\nfifth line", core.Counts{Rollback: 1})
	add("credit", core.StatusCompleted, "", core.Counts{Commit: 1})
	add("load", core.StatusCompleted, "", core.Counts{Commit: 12, Read: 1200, Write: 1150, Filter: 30, ProcessSkip: 20})
	for i := range 12 {
		switch i {
		case 3:
			add("load:partition3", core.StatusFailed, "disk full", core.Counts{Read: 10, Rollback: 1})
		case 7:
			add("load:partition7", core.StatusStopped, "", core.Counts{Read: 10})
		default:
			add(fmt.Sprintf("load:partition%d", i), core.StatusCompleted, "", core.Counts{Commit: 1, Read: 100, Write: 98, ProcessSkip: 2})
		}
	}
	add("pack", core.StatusFailed, "zip: exit code 12", core.Counts{})
	add("zip", core.StatusFailed, "zip: exit code 12", core.Counts{Rollback: 1})
	add("close", core.StatusFailed, "step close: ended FAILED", core.Counts{})
	je.Steps[4].Context = core.ExecutionContext{
		core.ContextKeyPlan: planOf(14, `{"index":%d,"file":"/in/%[1]d.csv","fileName":"%[1]d.csv"}`),
		"load.note":         strings.Repeat("long ", 40), "batchctl.lineage": "token",
	}
	je.Steps[1].OpaqueContext = `{"@class":"java.util.HashMap"}`
	return je
}

// planOf is the plan of n parts, whose contexts are written with their number.
func planOf(n int, context string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = fmt.Sprintf(`{"name":"partition%d","context":%s}`, i, fmt.Sprintf(context, i))
	}
	return `{"since":1,"parts":[` + strings.Join(parts, ",") + `]}`
}

func monthView() render.Execution {
	je := monthExecution()
	return render.Execution{
		JobExecution: je, Job: monthEnd(),
		Children: map[int64]render.Child{je.Steps[len(je.Steps)-1].ID: {
			JobName:   "closeMonth",
			Execution: &core.JobExecution{ID: 12, Instance: core.JobInstance{JobName: "closeMonth"}, Status: core.StatusFailed},
		}},
		Command: func(words ...string) string {
			return core.ShellQuote(append([]string{"batchctl", "--db", "/r.db"}, words...)...)
		},
	}
}

func TestOutline(t *testing.T) {
	t.Parallel()
	ascii, unicode := streams.BordersASCII, streams.BordersUnicode
	for name, tc := range map[string]struct {
		style  render.Style
		change func(x *render.Execution)
	}{
		"outline.txt":          {},
		"outline-terminal.txt": {style: render.Style{Borders: unicode, Width: 120}},
		"outline-colour.txt":   {style: render.Style{Borders: unicode, Width: 130, Color: true}, change: func(x *render.Execution) { x.Contexts = true }},
		"outline-narrow.txt":   {style: render.Style{Borders: ascii, Width: 60}},
		"outline-tiny.txt":     {style: render.Style{Width: 38}},
		"outline-flat.txt":     {change: func(x *render.Execution) { x.Job = nil }},
		"outline-parts.txt":    {change: func(x *render.Execution) { x.Partitions = true }},
		"outline-context.txt":  {change: func(x *render.Execution) { x.Contexts = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := printer(render.FormatTable, tc.style, time.UTC)
			x := monthView()
			if tc.change != nil {
				tc.change(&x)
			}
			if err := p.Execution(x); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
			safe(t, out.String(), tc.style.Color)
			if tc.style.Borders != streams.BordersNone {
				fits(t, out.String(), tc.style.Width)
				aligned(t, out.String())
			}
		})
	}
}

// TestOutlineOrder: what is drawn, and in which order, without what is around.
func TestOutlineOrder(t *testing.T) {
	t.Parallel()
	many := func(name string, n int, status core.BatchStatus) []*core.StepExecution {
		steps := []*core.StepExecution{{ID: 1, StepName: name, Status: core.StatusFailed}}
		for i := range n {
			steps = append(steps, &core.StepExecution{
				ID: int64(i + 2), StepName: core.PartitionStepName(name, fmt.Sprintf("partition%d", i)), Status: status,
			})
		}
		return steps
	}
	ran := func(names ...string) (steps []*core.StepExecution) {
		for i, name := range names {
			steps = append(steps, &core.StepExecution{ID: int64(i + 1), StepName: name})
		}
		return steps
	}
	decided := func(result string) core.ExecutionContext {
		return core.ExecutionContext{core.ContextKeyDecision + "size": result}
	}
	for name, tc := range map[string]struct {
		steps []*core.StepExecution
		ec    core.ExecutionContext
		want  []string
	}{
		"a way that was not taken is not drawn": {
			steps: ran("fetch", "close"), ec: decided("SMALL"), want: []string{"fetch", "? size -> SMALL", "close"},
		},
		"a decision that ended the job": {
			steps: ran("fetch"), ec: decided("EMPTY"), want: []string{"fetch", "? size -> EMPTY"},
		},
		"a restart behind a decision": {
			steps: ran("load", "close"), ec: decided("LARGE"), want: []string{"? size -> LARGE", "load", "close"},
		},
		"a decision that was not asked": {steps: ran("fetch"), want: []string{"fetch"}},
		"branches that took turns": {
			steps: ran("debit", "mail", "credit"),
			want:  []string{"both (split)", "  books (flow)", "    debit", "    credit", "  mail"},
		},
		"a step that the job does not have": {
			steps: ran("fetch", "gone", "close"), want: []string{"fetch", "gone", "close"},
		},
		"a step that ran twice": {steps: ran("fetch", "fetch"), want: []string{"fetch", "fetch"}},
		"parts without their manager": {
			steps: ran("load:a", "load:b"), want: []string{"load", "2 parts: 2 COMPLETED"},
		},
		"more failed parts than anybody reads": {
			steps: many("load", 30, core.StatusFailed),
			want: append(append([]string{"load", "30 parts: 30 FAILED"}, numbered("  load:partition%d", 20)...),
				"  and 10 more that did not complete: batchctl show 0 --partitions"),
		},
		"parts that wait are counted, those at work are listed": {
			steps: append(many("load", 2, core.StatusStarting), &core.StepExecution{ID: 9, StepName: "load:x", Status: core.StatusStarted}),
			want:  []string{"load", "3 parts: 2 STARTING, 1 STARTED", "  load:x"},
		},
		"the worst parts come first, and before any is left out": {
			steps: append(many("load", 25, core.StatusStopped),
				&core.StepExecution{ID: 97, StepName: "load:running", Status: core.StatusStarted},
				&core.StepExecution{ID: 98, StepName: "load:bad", Status: core.StatusFailed},
				&core.StepExecution{ID: 99, StepName: "load:worse", Status: core.StatusFailed}),
			want: append(append([]string{"load", "28 parts: 1 STARTED, 25 STOPPED, 2 FAILED", "  load:bad", "  load:worse"}, numbered("  load:partition%d", 18)...),
				"  and 8 more that did not complete: batchctl show 0 --partitions"),
		},
		"what is left out stands behind what the last part said": {
			steps: saying(planned(many("load", 21, core.StatusFailed), `{"index":%d}`), "no space left on the device"),
			want: append(append([]string{"load", "21 parts: 21 FAILED"}, saidEach(numbered("  load:partition%d", 20), "  no space left on the device")...),
				"  and 1 more that did not complete: batchctl show 0 --partitions"),
		},
		"parts are known by what the plan gave them": {
			steps: planned(many("load", 2, core.StatusFailed), `{"index":%d,"count":2,"min":1000000,"max":2.0,"value":"EM\u001b[31mEA","open":true}`),
			want: []string{
				"load", "2 parts: 2 FAILED",
				"  load:partition0", `  max 2.0, min 1000000, open true, value "EM\x1b[31mEA"`,
				"  load:partition1", `  max 2.0, min 1000000, open true, value "EM\x1b[31mEA"`,
			},
		},
		"a message in which a value stands by chance is no name": {
			steps: saying(planned(many("load", 1, core.StatusFailed), `{"index":%d,"branch":"mail","value":"b"}`), "command b ended"),
			want:  []string{"load", "1 part: 1 FAILED", "  load:partition0", `  branch "mail", value "b"`, "  command b ended"},
		},
		"a message that names the file of its part is enough": {
			steps: saying(planned(many("load", 2, core.StatusFailed), `{"index":%d,"file":"/in/%[1]d.csv","fileName":"%[1]d.csv"}`), "/in/1.csv:3: no number"),
			want:  []string{"load", "2 parts: 2 FAILED", "  load:partition0", `  file "/in/0.csv"`, "  /in/1.csv:3: no number", "  load:partition1", "  /in/1.csv:3: no number"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := printer(render.FormatTable, render.Style{}, time.UTC)
			err := p.Execution(render.Execution{JobExecution: &core.JobExecution{Steps: tc.steps, Context: tc.ec}, Job: monthEnd()})
			if err != nil {
				t.Fatal(err)
			}
			got := stepColumn(t, out.String())
			if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
				t.Errorf("draws\n%s\nwant\n%s\nin\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"), out)
			}
		})
	}
}

// planned gives a manager and its parts a plan.
func planned(steps []*core.StepExecution, context string) []*core.StepExecution {
	steps[0].Context = core.ExecutionContext{core.ContextKeyPlan: planOf(len(steps)-1, context)}
	return steps
}

// saying lets all parts say the same.
func saying(steps []*core.StepExecution, message string) []*core.StepExecution {
	for _, se := range steps[1:] {
		se.ExitStatus.Message = message
	}
	return steps
}

// saidEach puts what was said behind each of lines.
func saidEach(lines []string, said string) (both []string) {
	for _, line := range lines {
		both = append(both, line, said)
	}
	return both
}

func numbered(format string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprintf(format, i))
	}
	return texts
}

// stepColumn cuts the column STEP out of a table, with notes in full.
func stepColumn(t *testing.T, text string) (column []string) {
	t.Helper()
	_, table, ok := strings.Cut(text, "\n\n")
	head, rows, _ := strings.Cut(table, "\n")
	from, to := strings.Index(head, "STEP"), strings.Index(head, "STATUS")
	if !ok || from < 0 || to < 0 {
		t.Fatalf("no table of steps in\n%s", text)
	}
	for row := range strings.Lines(rows) {
		row = strings.TrimRight(row, "\n")
		note := strings.TrimPrefix(row, strings.Repeat(" ", from+4))
		switch {
		case note != row && len(note) > 0 && strings.TrimSpace(row[:from]) == "" && !strings.HasPrefix(strings.TrimSpace(note), "?") && len(row) > to:
			column = append(column, note)
		default:
			column = append(column, strings.TrimRight(row[from:min(to, len(row))], " "))
		}
	}
	return column
}

// aligned fails when the lines of the table with borders in text are not all of
// one width.
func aligned(t *testing.T, text string) {
	t.Helper()
	widths := map[int]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[2m", "\x1b[0m"} {
			line = strings.ReplaceAll(line, code, "")
		}
		if strings.ContainsAny(line[:min(len(line), 3)], "│├╭╰|+") {
			widths[runewidth.StringWidth(line)] = true
		}
	}
	if len(widths) != 1 {
		t.Errorf("lines of %d widths:\n%s", len(widths), text)
	}
}

// TestStepsOfDocument: programs are told where and when a step ran, as people are.
func TestStepsOfDocument(t *testing.T) {
	t.Parallel()
	type step struct {
		StepName, StartTime, EndTime string
		Within                       []string
		Launched                     *struct {
			JobName        string
			JobExecutionID int64
			Status         string
		}
	}
	read := func(x render.Execution) map[string]step {
		p, out := printer(render.FormatJSON, render.Style{}, time.UTC)
		if err := p.Execution(x); err != nil {
			t.Fatal(err)
		}
		var doc struct{ Execution struct{ Steps []step } }
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		steps := map[string]step{}
		for _, s := range doc.Execution.Steps {
			steps[s.StepName] = s
		}
		return steps
	}
	x := monthView()
	x.Steps[len(x.Steps)-2].EndTime = time.Time{}
	steps := read(x)
	for name, want := range map[string]string{
		"fetch": "", "mail": "both", "credit": "both books", "load": "", "load:partition7": "load",
		"pack": "rest", "zip": "rest pack", "close": "",
	} {
		if got := strings.Join(steps[name].Within, " "); got != want {
			t.Errorf("%s is within %q, want %q", name, got, want)
		}
	}
	if s := steps["mail"]; s.StartTime != "2021-01-02T15:04:03.678Z" || s.EndTime != "2021-01-02T15:04:04.678Z" {
		t.Errorf("mail ran from %q to %q", s.StartTime, s.EndTime)
	}
	if s := steps["zip"]; s.StartTime == "" || s.EndTime != "" {
		t.Errorf("zip runs from %q to %q", s.StartTime, s.EndTime)
	}
	if l := steps["close"].Launched; l == nil || l.JobName != "closeMonth" || l.JobExecutionID != 12 || l.Status != "FAILED" {
		t.Errorf("close launched %+v", l)
	}
	if l := steps["fetch"].Launched; l != nil {
		t.Errorf("fetch launched %+v", l)
	}
	x = monthView()
	x.Job = nil
	x.Children[x.Steps[len(x.Steps)-1].ID] = render.Child{JobName: "closeMonth"}
	steps = read(x)
	if a, b := steps["zip"].Within, steps["load:partition7"].Within; a != nil || len(b) != 1 || b[0] != "load" {
		t.Errorf("of a job that is not known: zip is within %q, a part within %q", a, b)
	}
	if l := steps["close"].Launched; l == nil || l.JobName != "closeMonth" || l.JobExecutionID != 0 {
		t.Errorf("close, which has not launched, launched %+v", l)
	}
}

func TestChildNotLaunched(t *testing.T) {
	t.Parallel()
	p, out := printer(render.FormatTable, render.Style{}, time.UTC)
	x := monthView()
	x.Children[x.Steps[len(x.Steps)-1].ID] = render.Child{JobName: "closeMonth"}
	if err := p.Execution(x); err != nil {
		t.Fatal(err)
	}
	if want := "-> closeMonth, not launched\n"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in\n%s", want, out)
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format render.Format
		style  render.Style
	}{
		"plan.txt":          {format: render.FormatTable},
		"plan-terminal.txt": {format: render.FormatTable, style: render.Style{Borders: streams.BordersUnicode, Width: 100}},
		"plan-narrow.txt":   {format: render.FormatTable, style: render.Style{Borders: streams.BordersASCII, Width: 50}},
		"plan.json":         {format: render.FormatJSON},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := printer(tc.format, tc.style, time.UTC)
			if err := p.Job(monthEnd()); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
			safe(t, out.String(), false)
			if tc.style.Borders != streams.BordersNone {
				fits(t, out.String(), tc.style.Width)
				aligned(t, out.String())
			}
		})
	}
}

// TestPlanOnNarrowTerminal: what is the same for every step gives way to names.
func TestPlanOnNarrowTerminal(t *testing.T) {
	t.Parallel()
	j := &core.Job{Name: "day", Steps: []*core.Step{{Name: "settleTransactions", Kind: "chunk"}, {Name: "report", Kind: "exec"}}}
	for width, want := range map[int][2]bool{100: {true, true}, 40: {false, false}} {
		p, out := printer(render.FormatTable, render.Style{Borders: streams.BordersASCII, Width: width}, time.UTC)
		if err := p.Job(j); err != nil {
			t.Fatal(err)
		}
		fits(t, out.String(), width)
		got := [2]bool{strings.Contains(out.String(), "START LIMIT"), strings.Contains(out.String(), "AGAIN IF COMPLETE")}
		if got != want || !strings.Contains(out.String(), "settleTransactions") {
			t.Errorf("%d columns: the columns are there: %v, want %v:\n%s", width, got, want, out)
		}
	}
	j.Steps[0].StartLimit = 3
	p, out := printer(render.FormatTable, render.Style{Borders: streams.BordersASCII, Width: 45}, time.UTC)
	if err := p.Job(j); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "START LIMIT") || strings.Contains(text, "AGAIN") {
		t.Errorf("the limit of one step is not told, or what is told of none is:\n%s", text)
	}
}

// TestNarrowLevels: on a narrow terminal what is inside of something is still
// moved in further than that, and on a wide one as far as in a pipe.
func TestNarrowLevels(t *testing.T) {
	t.Parallel()
	step := func(name string, flow ...core.Element) core.Element {
		return core.Element{Step: &core.Step{Name: name, Kind: "chunk", Flow: flow}}
	}
	j := &core.Job{Name: "deep", Flow: []core.Element{
		{Name: "one", Flow: []core.Element{{Name: "two", Flow: []core.Element{step("three", step("four"))}}}},
	}}
	for _, width := range []int{50, 60, 100} {
		p, out := printer(render.FormatTable, render.Style{Borders: streams.BordersASCII, Width: width}, time.UTC)
		if err := p.Job(j); err != nil {
			t.Fatal(err)
		}
		fits(t, out.String(), width)
		last := -1
		for level, name := range []string{"one", "two", "th", "fo"} {
			found := false
			for line := range strings.Lines(out.String()) {
				cell, ok := strings.CutPrefix(line, "| ")
				bare := strings.TrimLeft(cell, " ")
				if in := len(cell) - len(bare); ok && strings.HasPrefix(bare, name) && !found {
					found = true
					if in <= last || width == 100 && in != 2*level {
						t.Errorf("%d columns: %s is moved in by %d, what it is in by %d:\n%s", width, name, in, last, out)
					}
					last = in
				}
			}
			if !found {
				t.Errorf("%d columns: no %s:\n%s", width, name, out)
			}
		}
	}
}
