package definition_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
	"github.com/batchctl/batchctl/internal/sample"
)

const samples = "../../../testdata/jobs"

// sampleStage is a stage with the samples in its folder.
func sampleStage(t *testing.T) *stage {
	t.Helper()
	st := newStage(t)
	if err := os.CopyFS(st.dir, os.DirFS(samples)); err != nil {
		t.Fatal(err)
	}
	st.builtIn = []*core.Job{settlement.Job()}
	return st
}

// runBuiltIn launches a job that is written in Go.
func (st *stage) runBuiltIn(job *core.Job, words ...string) (*core.JobExecution, error) {
	st.t.Helper()
	notation := job.Notation()
	notation.Zone = st.store.Zone()
	ps, err := notation.Parse(words)
	if err != nil {
		st.t.Fatal(err)
	}
	return st.launcher.Run(st.t.Context(), job, ps, launch.Options{})
}

// The definition and the compiled job leave the same ledger and the same report,
// byte for byte.
func TestDailySettlementTwice(t *testing.T) {
	t.Parallel()
	days := []sample.Day{
		{Date: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), Records: 5000},
		{Date: time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC), Records: 1},
		{Date: time.Date(2021, 1, 3, 0, 0, 0, 0, time.UTC), Records: 0},
	}
	left := map[bool]*stage{}
	for _, compiled := range []bool{true, false} {
		st := sampleStage(t)
		left[compiled] = st
		in, out := filepath.Join(st.dir, "days"), filepath.Join(st.dir, "reports")
		if err := os.Mkdir(in, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, day := range days {
			if err := day.WriteFiles(in); err != nil {
				t.Fatal(err)
			}
			words := []string{"requestDate=" + day.Date.Format(time.DateOnly), "inputDir=" + in, "outputDir=" + out}
			want := core.ExitCodeCompleted
			if day.Records == 0 {
				want = "NOTHING_TO_SETTLE"
			}
			var je *core.JobExecution
			var err error
			if compiled {
				je, err = st.runBuiltIn(settlement.Job(), words...)
			} else {
				je, err = st.run("dailySettlementYaml", words...)
			}
			if err != nil || je.ExitStatus.Code != want {
				t.Fatalf("compiled %v, %s: %v, %+v", compiled, words[0], err, je)
			}
		}
	}
	for _, query := range []string{
		"SELECT * FROM SETTLED_TRANSACTION ORDER BY TRANSACTION_ID", "SELECT * FROM SETTLED_DAY ORDER BY 1",
		"SELECT * FROM MERCHANT_SUMMARY ORDER BY REQUEST_DATE, LINE",
	} {
		want := left[true].query(left[true].store.Path(), query)
		if len(want) == 0 {
			t.Fatalf("%s: nothing to compare", query)
		}
		same(t, want, left[false].query(left[false].store.Path(), query))
	}
	for _, name := range []string{"reports/settlement-2021-01-01.csv", "reports/settlement-2021-01-02.csv"} {
		same(t, left[true].read(name), left[false].read(name))
	}
	if left[false].exists("reports/settlement-2021-01-03.csv") {
		t.Error("there is a report of nothing")
	}
}

// All samples are without problems, wherever they are.
func TestSamplesCompile(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.builtIn = []*core.Job{settlement.Job()}
	set := definition.NewParser(realCatalog()).Load([]string{samples}, nil)
	jobs, problems := definition.Jobs(set, st.builtIn, definition.Environment{Catalog: realCatalog()})
	if len(problems) > 0 || len(jobs) != 7 {
		t.Fatalf("%d jobs\n%s", len(jobs), problems.Text())
	}
}

func TestSampleSettleDay(t *testing.T) {
	t.Parallel()
	st := sampleStage(t)
	je := st.must("settleDay", "requestDate=2021-01-01")
	same(t, []string{"prepare COMPLETED", "load COMPLETED", "closeDay COMPLETED", "settle COMPLETED", "report COMPLETED"}, steps(je))
	same(t, []string{"1|A-100|25.00|975.00", "2|A-100|0.50|19.49", "4|C-300|0.18|6.92"},
		st.query(st.store.Path(), "SELECT * FROM settlement ORDER BY id"))
	if !st.exists("out/report-2021-01-01.txt") {
		t.Error("there is no report")
	}
}

func TestSampleImportCustomers(t *testing.T) {
	t.Parallel()
	st := sampleStage(t)
	je := st.must("importCustomers", "file=in/customers.csv")
	if c := je.Steps[1].Counts; c.Write != 2 || c.Filter != 1 || c.ReadSkip != 1 || c.ProcessSkip != 1 || c.WriteSkip != 1 {
		t.Errorf("counts %+v", c)
	}
	same(t, []string{"1|ann@example.org", "6|joe@example.org"}, st.query(st.store.Path(), "SELECT id, email FROM customer ORDER BY id"))
	rejected := st.read("in/customers.csv.rejects.jsonl")
	for _, class := range []string{`"class":"read.parse"`, `"class":"process.validation.email"`, `"class":"write.constraint`} {
		if !strings.Contains(rejected, class) {
			t.Errorf("no reject of %s in\n%s", class, rejected)
		}
	}
}

func TestSampleReconcile(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		words []string
		code  string
		steps []string
	}{
		{"clean", []string{"requestDate=2021-01-01"}, "COMPLETED", []string{"compare COMPLETED"}},
		{"no data", []string{"requestDate=2021-12-25"}, "NOTHING_TO_DO", []string{"compare NO_DATA"}},
		{"repaired", []string{"requestDate=2021-01-01", "found=-1"}, "COMPLETED", []string{"compare FAILED", "fetchAgain COMPLETED", "compareAgain COMPLETED"}},
		{"approved", []string{"requestDate=2021-01-01", "found=3", "approve=yes"}, "COMPLETED", []string{"compare COMPLETED", "book COMPLETED"}},
	} {
		st := sampleStage(t)
		je := st.must("reconcile", test.words...)
		if je.ExitStatus.Code != test.code {
			t.Errorf("%s: %s, want %s", test.name, je.ExitStatus.Code, test.code)
		}
		same(t, test.steps, steps(je))
	}
	st := sampleStage(t)
	if je, err := st.run("reconcile", "requestDate=2021-01-01", "found=3"); !errors.Is(err, core.ErrStopped) || je.ExitStatus.Code != "WAITING_FOR_REVIEW" {
		t.Fatalf("%v", err)
	}
	same(t, []string{"book COMPLETED"}, steps(st.must("reconcile", "requestDate=2021-01-01", "approve=yes")))
}

func TestSampleNightlyExtracts(t *testing.T) {
	t.Parallel()
	st := sampleStage(t)
	out := filepath.Join(st.dir, "x")
	je := st.must("nightlyExtracts", "runDate=2021-01-01", "out="+out)
	if len(je.Steps) != 5 || !st.exists("x/2021-01-01/COMPLETE") {
		t.Errorf("%v", steps(je))
	}
	// The command of a later day cannot make its folder.
	st.write("x/2021-01-02", "a file")
	je, err := st.run("nightlyExtracts", "runDate=2021-01-02", "out="+out)
	if err == nil || je.ExitStatus.Code != "EXTRACT_FAILED" || !slices.Contains(steps(je), "alert COMPLETED") {
		t.Errorf("%v %v", err, steps(je))
	}
}

func TestSampleIngestClicks(t *testing.T) {
	t.Parallel()
	st := sampleStage(t)
	je := st.must("ingestClicks", "day=20210101")
	got := steps(je)
	slices.Sort(got)
	same(t, []string{
		"archive COMPLETED", "ingest COMPLETED", "ingest:partition0 COMPLETED", "ingest:partition1 COMPLETED", "prepare COMPLETED",
	}, got)
	same(t, []string{"a.csv|1|/", "a.csv|2|/cart", "b.csv|1|/help"}, st.query(st.store.Path(), "SELECT source, line, url FROM click ORDER BY 1, 2"))
}

func TestSampleWarehouseLoad(t *testing.T) {
	t.Parallel()
	st := sampleStage(t)
	shop := filepath.Join(st.dir, "shop.db")
	st.exec(shop, "CREATE TABLE order_line (id INTEGER PRIMARY KEY, day TEXT, sku TEXT, qty INTEGER, price TEXT)",
		"INSERT INTO order_line VALUES (1, '2021-01-01', 'ab', 2, '1.25'), (2, '2021-01-01', 'cd', 0, '9.00'), (3, '2021-01-02', 'ef', 1, '1.00')")
	out := filepath.Join(st.dir, "w")
	je := st.must("warehouseLoad", "day=2021-01-01", "out="+out, "run.id=1")
	same(t, []string{"settlementFirst COMPLETED", "extract COMPLETED", "transform COMPLETED", "load COMPLETED"}, steps(je))
	same(t, "id,sku,qty,amount\n1,AB,2,2.50\n", st.read("w/sales-2021-01-01.csv"))
	// The next run finds the settlement done.
	same(t, steps(je), steps(st.must("warehouseLoad", "day=2021-01-01", "out="+out, "run.id=2")))
}
