package render_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
	"github.com/batchctl/batchctl/internal/core"
)

func forecast() render.Forecast {
	last := &core.JobExecution{ID: 42, Instance: core.JobInstance{ID: 7, JobName: "주문"}, Status: core.StatusStarted}
	before := &core.JobExecution{ID: 41}
	return render.Forecast{
		JobName: "주문", Last: last, Recovered: []int64{42},
		Definition: "jobs/orders\x1b[31m.yaml", Hash: "0123456789abcdef0123",
		Parameters: core.JobParameters{
			{Name: "day", Value: time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC), Identifying: true}, {Name: "limit", Value: int64(5)},
		},
		Resolved: map[string]string{"day": "@yesterday"},
		Flow:     true,
		Steps: []render.ForecastStep{
			{Name: "createTable", Kind: "sql", Outlook: "skip", Last: &core.StepExecution{Status: core.StatusCompleted, JobExecution: before}},
			{Name: "load", Kind: "chunk", Outlook: "resume", Last: &core.StepExecution{
				Status: core.StatusFailed, JobExecution: last, Counts: core.Counts{Read: 2000, Write: 1990},
			}},
			{Name: "report", Kind: "chunk", Outlook: "start"},
		},
		Inputs: []render.ForecastInput{
			{Step: "load", Path: "/srv/in/*.csv", Files: 12, Bytes: 1 << 20},
			{Step: "load", Path: "/srv/in/total.ctl", Problem: "missing"},
			{Step: "load", Path: "/srv/in", Folder: true},
			{Step: "report", Path: "/srv/names.csv", Files: 1, Bytes: 17},
		},
	}
}

func newJob() render.NewJob {
	return render.NewJob{
		JobName: "orders", Path: "jobs/orders.yaml", Schema: "jobs/batchctl.schema.json", Table: "orders", Delimiter: "\t", Encoding: "euc-kr",
		Records: 2, WholeFile: true,
		Columns: []render.NewColumn{
			{Name: "주문 번호", Type: "long", Column: "column", Key: true}, {Name: "amount", Type: "decimal", Column: "amount"},
		},
		Next: []string{"batchctl validate jobs/orders.yaml", "batchctl run orders file=in.csv"},
	}
}

func TestForecastAndNewJob(t *testing.T) {
	t.Parallel()
	terminal := render.Style{Borders: streams.BordersUnicode, Width: 80}
	for _, tt := range []struct {
		name   string
		format render.Format
		style  render.Style
		write  func(*render.Printer) error
	}{
		{"forecast.txt", render.FormatTable, render.Style{}, func(p *render.Printer) error { return p.Forecast(forecast()) }},
		{"forecast-terminal.txt", render.FormatTable, terminal, func(p *render.Printer) error { return p.Forecast(forecast()) }},
		{"forecast.json", render.FormatJSON, render.Style{}, func(p *render.Printer) error { return p.Forecast(forecast()) }},
		{"newjob.txt", render.FormatTable, render.Style{}, func(p *render.Printer) error { return p.NewJob(newJob()) }},
		{"newjob-terminal.txt", render.FormatTable, terminal, func(p *render.Printer) error { return p.NewJob(newJob()) }},
		{"newjob.json", render.FormatJSON, render.Style{}, func(p *render.Printer) error { return p.NewJob(newJob()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			p := &render.Printer{Out: &b, Format: tt.format, Style: tt.style, Zone: time.UTC, Display: time.UTC}
			if err := tt.write(p); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, b.String())
			if strings.Contains(b.String(), "\x1b") {
				t.Error("a name steers the terminal")
			}
			for line := range strings.Lines(b.String()) {
				if w := runewidth.StringWidth(strings.TrimRight(line, "\n")); tt.style.Width > 0 && w > tt.style.Width {
					t.Errorf("%d columns: %q", w, line)
				}
			}
		})
	}
}

func TestReferenceForPrograms(t *testing.T) {
	t.Parallel()
	for want, write := range map[string]func(*render.Printer) error{
		`{"schemaVersion":1,"reference":"a < b\n"}` + "\n": func(p *render.Printer) error { return p.Text("reference", "a < b\n") },
		`{"schemaVersion":1,"functions":[{"name":"abs","signature":"abs(x)","help":"H.","example":"abs(-1)","result":"1"}]}` + "\n": func(p *render.Printer) error {
			return p.Functions([]render.Function{{Name: "abs", Signature: "abs(x)", Help: "H.", Example: "abs(-1)", Result: "1"}})
		},
	} {
		var b bytes.Buffer
		if err := write(&render.Printer{Out: &b, Format: render.FormatJSONL}); err != nil || b.String() != want {
			t.Errorf("got %s, %v, want %s", b.String(), err, want)
		}
	}
}
