package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file below testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", name, diff)
	}
}

func seoul(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func at(second int) time.Time {
	return time.Date(2021, 1, 2, 15, 4, second, 678_000_000, time.UTC)
}

func failedExecution(zone *time.Location) *core.JobExecution {
	je := &core.JobExecution{
		ID: 42, Instance: core.JobInstance{ID: 7, JobName: "dailySettlement", JobKey: "0123"},
		Parameters: core.JobParameters{
			{Name: "requestDate", Value: time.Date(2021, 1, 2, 0, 0, 0, 0, zone).UTC(), Identifying: true},
			{Name: "run.id", Value: int64(9007199254740993), Identifying: true},
			{Name: "rate", Value: 1.5},
			{Name: "note", Value: "한국어 \u202e\"quoted\"\x7f\nsecond line"},
			{Name: "since", Value: core.OpaqueValue{Type: "java.time.LocalTime", Text: "12:00"}},
		},
		Status: core.StatusFailed, ExitStatus: core.ExitStatus{Code: "FAILED", Message: "in.csv:2701: amount: \"1O\": not a number\nsecond line"},
		CreateTime: at(5), StartTime: at(6), EndTime: at(9),
		Context: core.ExecutionContext{"batch.version": "batchctl", "total": int64(12), "ratio": 0.25, "done": false},
	}
	je.Steps = []*core.StepExecution{
		{
			ID: 1, JobExecution: je, StepName: "verifyInput", Status: core.StatusCompleted, ExitStatus: core.ExitStatus{Code: "COMPLETED"},
			StartTime: at(6), EndTime: at(7), Counts: core.Counts{Commit: 1}, Context: core.ExecutionContext{},
		},
		{
			ID: 2, JobExecution: je, StepName: "settleTransactions", Status: core.StatusFailed,
			ExitStatus: core.ExitStatus{Code: "FAILED", Message: "another message"}, StartTime: at(7), EndTime: at(6),
			Counts:        core.Counts{Commit: 2, Read: 2000, Filter: 48, Write: 1949, ReadSkip: 1, ProcessSkip: 2, WriteSkip: 3, Rollback: 4},
			OpaqueContext: `{"@class":"java.util.HashMap"}`,
		},
		{ID: 3, JobExecution: je, StepName: "strange", Status: core.StatusUnknown, OpaqueStatus: "PAUSED"},
	}
	return je
}

func printer(format render.Format, style render.Style, zone *time.Location) (*render.Printer, *bytes.Buffer) {
	var out bytes.Buffer
	return &render.Printer{Out: &out, Format: format, Style: style, Zone: zone, Display: zone, Now: at(30)}, &out
}

const narrow = 72

func TestExecution(t *testing.T) {
	t.Parallel()
	zone := seoul(t)
	for name, tc := range map[string]struct {
		format render.Format
		style  render.Style
	}{
		"execution.json":         {format: render.FormatJSON},
		"execution.jsonl":        {format: render.FormatJSONL},
		"execution.txt":          {format: render.FormatTable},
		"execution-terminal.txt": {format: render.FormatTable, style: render.Style{Borders: streams.BordersUnicode, Width: 100}},
		"execution-narrow.txt":   {format: render.FormatTable, style: render.Style{Borders: streams.BordersASCII, Width: narrow}},
		"execution-colour.txt":   {format: render.FormatTable, style: render.Style{Borders: streams.BordersUnicode, Width: 120, Color: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := printer(tc.format, tc.style, zone)
			je := failedExecution(zone)
			if tc.style.Width == narrow { // what is 0 everywhere gives way
				je.Steps[1].Counts.ReadSkip, je.Steps[1].Counts.ProcessSkip, je.Steps[1].Counts.WriteSkip = 0, 0, 0
				je.Steps[1].Counts.Rollback, je.Steps[1].Counts.Filter = 0, 0
				je.Steps = je.Steps[:2]
			}
			if err := p.Execution(render.Execution{JobExecution: je, Owner: "alive: process 12 holds the lock"}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
			safe(t, out.String(), tc.style.Color)
			if tc.style.Width > 0 {
				fits(t, out.String(), tc.style.Width)
			}
		})
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	zone := seoul(t)
	running := failedExecution(zone)
	running.ID, running.Status, running.ExitStatus, running.EndTime = 43, core.StatusStarted, core.ExitStatus{Code: "UNKNOWN"}, time.Time{}
	executions := []*core.JobExecution{running, failedExecution(zone)}
	job := &core.Job{
		Name: "dailySettlement", Help: "settle one day", Incrementer: core.DateIncrementer{Name: "requestDate"},
		Parameters: core.ParameterSpecs{
			{Name: "requestDate", Type: core.TypeDate, Required: true, Help: "the day to settle"},
			{Name: "inputDir", NonIdentifying: true, Path: true, Default: "in", Help: "where the files are"},
		},
		Steps: []*core.Step{{Name: "verifyInput", StartLimit: 3}, {Name: "report", AllowStartIfComplete: true}},
	}
	for base, write := range map[string]func(p *render.Printer) error{
		"executions": func(p *render.Printer) error { return p.Executions(executions) },
		"none":       func(p *render.Printer) error { return p.Executions(nil) },
		"instances": func(p *render.Printer) error {
			return p.Instances([]render.Instance{{JobInstance: executions[0].Instance, Last: executions[0]}, {JobInstance: core.JobInstance{ID: 6, JobName: "빈 작업", JobKey: "4567"}}})
		},
		"jobs": func(p *render.Printer) error { return p.Jobs([]*core.Job{job}) },
		"problems": func(p *render.Printer) error {
			return p.Problems([]render.Problem{{Code: "mode", Message: "it has mode 0644", Hint: "chmod 600 r.db"}})
		},
	} {
		for _, format := range render.Formats() {
			t.Run(base+"."+string(format), func(t *testing.T) {
				t.Parallel()
				p, out := printer(format, render.Style{}, zone)
				if err := write(p); err != nil {
					t.Fatal(err)
				}
				golden(t, base+"."+string(format), out.String())
				if format != render.FormatCSV { // which is for programs, and quotes
					safe(t, out.String(), false)
				}
			})
		}
	}
	t.Run("job", func(t *testing.T) {
		t.Parallel()
		for _, format := range []render.Format{render.FormatTable, render.FormatJSON} {
			p, out := printer(format, render.Style{}, zone)
			if err := p.Job(job); err != nil {
				t.Fatal(err)
			}
			golden(t, "job."+string(format), out.String())
		}
	})
	t.Run("a description is no list", func(t *testing.T) {
		t.Parallel()
		p, out := printer(render.FormatCSV, render.Style{}, zone)
		if err := p.Job(job); err == nil || out.Len() > 0 {
			t.Errorf("Job as CSV = %v, wrote %q", err, out)
		}
	})
}

// safe fails when something in text could steer a terminal.
func safe(t *testing.T, text string, color bool) {
	t.Helper()
	if color {
		for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[2m", "\x1b[0m"} {
			text = strings.ReplaceAll(text, code, "")
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if escaped := core.EscapeControl(line); escaped != line {
			t.Errorf("not safe for a terminal: %q", line)
		}
	}
}

func fits(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		plain := line
		for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[2m", "\x1b[0m", "\n"} {
			plain = strings.ReplaceAll(plain, code, "")
		}
		if got := runewidth.StringWidth(plain); got > width {
			t.Errorf("%d columns, the terminal has %d: %q", got, width, plain)
		}
	}
}

func TestTableBordersAlign(t *testing.T) {
	t.Parallel()
	table := render.Table{
		Columns: []render.Column{{Title: "ID", Right: true}, {Title: "이름"}, {Title: "TEXT"}},
		Rows: [][]render.Cell{
			{{Text: "1"}, {Text: "서울식당"}, {Text: strings.Repeat("긴 글 ", 30)}},
			{{Text: "1000"}, {Text: "上海小吃", Tone: render.ToneBad}, {Text: strings.Repeat("x", 100)}},
			{{Text: "7"}, {Text: "café"}, {Text: ""}},
		},
	}
	for name, style := range map[string]render.Style{
		"unicode": {Borders: streams.BordersUnicode, Width: 60},
		"ascii":   {Borders: streams.BordersASCII, Width: 60},
		"colour":  {Borders: streams.BordersUnicode, Width: 60, Color: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := table.Write(&out, style); err != nil {
				t.Fatal(err)
			}
			widths := map[int]bool{}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(line, "\n")
				line = strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(line)
				widths[runewidth.StringWidth(line)] = true
			}
			if len(widths) != 1 || widths[0] {
				t.Errorf("lines of different widths %v:\n%s", widths, &out)
			}
			if style.Borders == streams.BordersASCII && strings.ContainsAny(out.String(), "│─╭┌") {
				t.Errorf("box drawing on an ASCII terminal:\n%s", &out)
			}
			fits(t, out.String(), 60)
		})
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	if got, want := render.Time(at(5), seoul(t)), "2021-01-03 00:04:05+09:00"; got != want {
		t.Errorf("Time = %q, want %q", got, want)
	}
	if got := render.Time(time.Time{}, time.UTC); got != "" {
		t.Errorf("Time of none = %q", got)
	}
	for name, tc := range map[string]struct {
		start, end time.Time
		want       string
	}{
		"not started":                        {want: ""},
		"ended":                              {start: at(5), end: at(6), want: "1s"},
		"running until now":                  {start: at(5), want: "25s"},
		"row 101 the clock went backwards":   {start: at(6), end: at(5), want: "?"},
		"milliseconds of what takes a while": {start: at(5), end: at(25).Add(345 * time.Millisecond), want: "20s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := render.Duration(tc.start, tc.end, at(30)); got != tc.want {
				t.Errorf("Duration = %q, want %q", got, tc.want)
			}
		})
	}
}

// TestExecutionFields holds the documented field lists against the document.
func TestExecutionFields(t *testing.T) {
	t.Parallel()
	p, out := printer(render.FormatJSON, render.Style{}, time.UTC)
	if err := p.Execution(render.Execution{JobExecution: failedExecution(time.UTC)}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SchemaVersion int
		Execution     map[string]any
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SchemaVersion != 1 {
		t.Errorf("schemaVersion %d, want 1", doc.SchemaVersion)
	}
	for name := range strings.FieldsSeq("jobExecutionId jobInstanceId jobName status exitCode exitMessage createTime startTime endTime parameters steps context") {
		if _, ok := doc.Execution[name]; !ok {
			t.Errorf("no field %s", name)
		}
	}
}
