package sample_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/sample"
)

const committed = "../../testdata/transactions"

func TestCommittedFilesAreTheGenerators(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := map[string]bool{}
	for _, d := range sample.Committed() {
		if err := d.WriteFiles(dir); err != nil {
			t.Fatal(err)
		}
		for _, ext := range []string{".csv", ".ctl"} {
			name := d.Name() + ext
			want[name] = true
			got, err := os.ReadFile(filepath.Join(committed, name))
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, fresh) {
				t.Errorf("%s is not what the generator writes: run make generate", name)
			}
		}
	}
	entries, err := os.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s is in testdata/transactions, but no generated day has it", e.Name())
		}
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	day := sample.Day{Date: time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC), Records: 300}
	whole, damaged := write(t, day), func() files { day.BreakNear = 100; return write(t, day) }()
	if whole.ctl != damaged.ctl {
		t.Error("the control file of a damaged day differs from that of the undamaged one")
	}
	var lines []int
	a, b := strings.Split(whole.csv, "\n"), strings.Split(damaged.csv, "\n")
	for i := range a {
		if a[i] != b[i] {
			lines = append(lines, i+1)
			if mended := strings.TrimSuffix(b[i], "O") + "0"; mended != a[i] {
				t.Errorf("line %d: %q, want %q with its last 0 replaced", i+1, b[i], a[i])
			}
		}
	}
	if len(lines) != 1 || lines[0] < 101 || lines[0] > 121 {
		t.Errorf("damaged lines %v, want one just behind record 100", lines)
	}
}

func TestTooManyRecords(t *testing.T) {
	t.Parallel()
	if err := (sample.Day{Records: 100_000_000}).WriteFiles(t.TempDir()); err == nil {
		t.Error("a day whose transaction ids would run into the next day was written")
	}
}

type files struct{ csv, ctl string }

func write(t *testing.T, d sample.Day) files {
	t.Helper()
	dir := t.TempDir()
	if err := d.WriteFiles(dir); err != nil {
		t.Fatal(err)
	}
	read := func(ext string) string {
		data, err := os.ReadFile(filepath.Join(dir, d.Name()+ext))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return files{csv: read(".csv"), ctl: read(".ctl")}
}
