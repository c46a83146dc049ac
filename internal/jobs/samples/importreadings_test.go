package samples_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/samples"
)

const header = "site,meter,day,hour,kwh\n"

// committed copies the sites under testdata/readings.
func (b *bench) committed(t *testing.T) {
	t.Helper()
	if err := os.CopyFS(b.in, os.DirFS("../../../testdata/readings")); err != nil {
		t.Fatal(err)
	}
}

const (
	busan = `busan,B-0001,2021-01-01,0,1.125
busan,B-0001,2021-01-01,1,0.998
busan,B-0002,2021-01-01,0,12.500
busan,B-0002,2021-01-01,1,13.100
busan,"B-0003, pier",2021-01-01,0,0.000
`
	jeju = `jeju,귤-17,2021-01-01,0,0.750
jeju,귤-17,2021-01-01,2,0.740
`
	seoul = `seoul,S-100,2021-01-01,22,3200.000
seoul,S-100,2021-01-01,23,3105.000
seoul,S-101,2021-01-01,22,48.370
seoul,S-101,2021-01-01,23,47.995
`
)

// Three sites become one file, in the order of the sites. What is of another day
// is left out, and the line that nobody can read goes to the rejects of its site.
func TestImport(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.committed(t)
	je := b.mustRun(t, samples.ImportReadings(), "date=2021-01-01")

	files := b.output(t)
	rejects := files["rejects-2021-01-01-jeju.jsonl"]
	delete(files, "rejects-2021-01-01-jeju.jsonl")
	if d := diff(map[string]string{"readings-2021-01-01.csv": header + busan + jeju + seoul}, files); d != "" {
		t.Errorf("output (-want +got):\n%s", d)
	}
	var reject struct {
		Step, Phase, Class, File string
		Line                     int
	}
	if err := json.Unmarshal([]byte(rejects), &reject); err != nil {
		t.Fatalf("%q: %v", rejects, err)
	}
	if reject.Step != "importFiles:jeju" || reject.File != filepath.Join(b.in, "readings-jeju.csv") || reject.Line != 3 || reject.Class != core.ClassReadParse {
		t.Errorf("reject %+v", reject)
	}
	steps := ran(je)
	slices.Sort(steps)
	want := []string{"importFiles COMPLETED", "importFiles:busan COMPLETED", "importFiles:jeju COMPLETED", "importFiles:seoul COMPLETED"}
	if d := diff(want, steps); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	for _, se := range je.Steps {
		c := se.Counts
		if se.StepName == samples.StepImport && (c.Read != 13 || c.Write != 11 || c.Filter != 2 || c.ReadSkip != 1) {
			t.Errorf("the sums over the parts are %+v", c)
		}
	}
	if _, err := b.run(t, samples.ImportReadings(), "date=2021-01-01"); !errors.Is(err, core.ErrJobInstanceAlreadyComplete) {
		t.Errorf("second run: %v, want it refused as complete", err)
	}
	// Another day has its own file.
	b.mustRun(t, samples.ImportReadings(), "date=2021-01-02")
	if got := b.output(t)["readings-2021-01-02.csv"]; got != header+"jeju,귤-17,2021-01-02,0,0.735\n" {
		t.Errorf("the next day is %q", got)
	}
}

// One site that fails keeps no other from its work, and nothing from being
// published half. The restart runs that site alone.
func TestImportRestartsTheFailedFileOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.committed(t)
	first, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=0")
	if err == nil || !strings.Contains(err.Error(), `readings-jeju.csv:3: quantity: "7S0"`) {
		t.Fatalf("%v, want the bad line of jeju", err)
	}
	steps := ran(first)
	slices.Sort(steps)
	want := []string{"importFiles FAILED", "importFiles:busan COMPLETED", "importFiles:jeju FAILED", "importFiles:seoul COMPLETED"}
	if d := diff(want, steps); d != "" {
		t.Errorf("first attempt (-want +got):\n%s", d)
	}
	if _, published := b.output(t)["readings-2021-01-01.csv"]; published {
		t.Error("the file was published without jeju")
	}

	b.replace(t, "readings-jeju.csv", "7S0", "750")
	b.write(t, "readings-ulsan.csv", "meter,day,hour,quantity,unit", "U-1,2021-01-01,0,1,kWh") // too late
	second := b.mustRun(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=0")
	if d := diff([]string{"importFiles COMPLETED", "importFiles:jeju COMPLETED"}, ran(second)); d != "" {
		t.Errorf("second attempt (-want +got):\n%s", d)
	}
	mended := strings.Replace(jeju, "0.750\n", "0.750\njeju,귤-17,2021-01-01,1,0.750\n", 1)
	if d := diff(map[string]string{"readings-2021-01-01.csv": header + busan + mended + seoul}, b.output(t)); d != "" {
		t.Errorf("output (-want +got):\n%s", d)
	}
}

// When only the merging fails, only the merging is repeated.
func TestImportRepeatsTheMerge(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.committed(t)
	inTheWay := filepath.Join(b.out, "readings-2021-01-01.csv")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := b.run(t, samples.ImportReadings(), "date=2021-01-01"); err == nil || !strings.Contains(err.Error(), "readings-2021-01-01.csv") {
		t.Fatalf("%v, want the output to be refused", err)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	second := b.mustRun(t, samples.ImportReadings(), "date=2021-01-01")
	if d := diff([]string{"importFiles COMPLETED"}, ran(second)); d != "" {
		t.Errorf("second attempt (-want +got):\n%s", d)
	}
	if got := b.output(t)["readings-2021-01-01.csv"]; got != header+busan+jeju+seoul {
		t.Errorf("output\n%s", got)
	}
}

func TestBadReadings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ line, want string }{
		"no number":      {"m,2021-01-01,0,x,kWh", `quantity: "x"`},
		"no day":         {"m,2021-02-30,0,1,kWh", `day: "2021-02-30": there is no such day`},
		"unknown unit":   {"m,2021-01-01,0,1,kwh", `unit: "kwh": unknown unit, want Wh, kWh or MWh`},
		"no such hour":   {"m,2021-01-01,24,1,kWh", `hour: "24": want 0 to 23`},
		"negative":       {"m,2021-01-01,0,-1,kWh", `quantity: "-1": must not be negative`},
		"half a Wh":      {"m,2021-01-01,0,0.5,Wh", `quantity: "0.5": finer than one Wh`},
		"part of a Wh":   {"m,2021-01-01,0,0.0000001,MWh", `quantity: "0.0000001": finer than one Wh`},
		"more than held": {"m,2021-01-01,0,99999999999999999,kWh", `quantity: "99999999999999999": too large to be held exactly`},
		"no meter":       {",2021-01-01,0,1,kWh", `meter: "": empty`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.write(t, "readings-here.csv", "meter,day,hour,quantity,unit", "m,2021-01-01,0,1.0,kWh", c.line, "m,2021-01-01,2,0.2000,MWh")
			_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=0")
			if err == nil || !strings.Contains(err.Error(), "readings-here.csv:3: "+c.want) {
				t.Fatalf("%v\nwant %s", err, c.want)
			}
			b.mustRun(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
			files := b.output(t)
			if got := files["readings-2021-01-01.csv"]; got != header+"here,m,2021-01-01,0,1.000\nhere,m,2021-01-01,2,200.000\n" {
				t.Errorf("output\n%s", got)
			}
			if got := files["rejects-2021-01-01-here.jsonl"]; strings.Count(got, "\n") != 1 || !strings.Contains(got, `"raw":"`+c.line) {
				t.Errorf("rejects\n%s", got)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a folder without readings", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.write(t, "other.csv", "x")
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01")
		if err == nil || !strings.Contains(err.Error(), "no file matches") || core.Hint(err) == "" {
			t.Errorf("%v, hint %q", err, core.Hint(err))
		}
	})
	t.Run("a time of day", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.committed(t)
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01T08:00:00")
		if err == nil || !strings.Contains(err.Error(), "is not the beginning of a day") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a negative limit", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=-1")
		if !errors.Is(err, core.ErrJobParametersInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

// A folder whose name looks like a pattern is a folder.
func TestImportFromAnOddFolder(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.in = filepath.Join(b.in, "[a-z]*?")
	b.committed(t)
	b.mustRun(t, samples.ImportReadings(), "date=2021-01-01")
	if got := b.output(t)["readings-2021-01-01.csv"]; got != header+busan+jeju+seoul {
		t.Errorf("output\n%s", got)
	}
}

// The limit is that of a file, over all attempts.
func TestImportLimitIsThatOfTheFile(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	lines := []string{"meter,day,hour,quantity,unit", "m,2021-01-01,0,x,kWh"}
	for range 1500 { // more than a chunk
		lines = append(lines, "m,2021-01-01,1,1,kWh")
	}
	b.write(t, "readings-here.csv", append(lines, "m,2021-01-01,2,y,kWh")...)
	b.write(t, "readings-there.csv", lines...) // has a limit of its own
	for range 3 {
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
		if !errors.Is(err, core.ErrSkipLimitExceeded) {
			t.Fatalf("%v, want the second bad line of the file to fail every attempt", err)
		}
	}
	b.mustRun(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=2")
	if got := strings.Count(b.output(t)["rejects-2021-01-01-here.jsonl"], "\n"); got != 2 {
		t.Errorf("%d rejects, want both bad lines", got)
	}
}
