package samples_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/samples"
)

// The parts that are complete have left their files in the folders of the first
// attempt. A restart with another folder would miss them, or find those of
// somebody else: it is refused before a part runs.
func TestImportIsBoundToItsFolders(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		move  func(b *bench, other string)
		param string
		of    func(b *bench) string
	}{
		{"output", func(b *bench, other string) { b.out = other }, "outputDir", func(b *bench) string { return b.out }},
		{"input", func(b *bench, other string) { b.in = other }, "inputDir", func(b *bench) string { return b.in }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			b.committed(t)
			if _, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=0"); err == nil {
				t.Fatal("the bad line did not fail")
			}
			before, bound, other := *b, tt.of(b), t.TempDir()
			tt.move(b, other)
			je, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
			want := `this instance has "` + bound + `" as its ` + tt.param + `, and is now given "` + other + `"; no part was started`
			if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), want) {
				t.Fatalf("%v\nwant %s", err, want)
			}
			if want := "batchctl restart 2 " + tt.param + "=" + bound; core.Hint(err) != want {
				t.Errorf("hint %q, want %q", core.Hint(err), want)
			}
			if d := diff([]string{"importFiles FAILED"}, ran(je)); d != "" || je.Steps[0].ExitStatus.Code != core.ExitCodeRefused {
				t.Errorf("ended %v (-want +got):\n%s", je.Steps[0].ExitStatus, d)
			}
			if entries, err := os.ReadDir(other); err != nil || len(entries) > 0 {
				t.Errorf("%v %v in the other folder, want nothing", entries, err)
			}
			*b = before
			b.mustRun(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
			if got := b.output(t)["readings-2021-01-01.csv"]; got != header+busan+jeju+seoul {
				t.Errorf("output\n%s", got)
			}
		})
	}
	t.Run("a link that leads elsewhere since", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.committed(t)
		folder, link, other := b.in, filepath.Join(t.TempDir(), "link"), t.TempDir()
		if err := os.Symlink(folder, link); err != nil {
			t.Fatal(err)
		}
		b.in = link
		if _, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=0"); err == nil {
			t.Fatal("the bad line did not fail")
		}
		point := func(to string) {
			t.Helper()
			if err := errors.Join(os.Remove(link), os.Symlink(to, link)); err != nil {
				t.Fatal(err)
			}
		}
		point(other)
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
		want := `this instance has "` + link + `" as its inputDir, which led to "` + folder + `" and leads to "` + other + `" now`
		if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v\nwant %s", err, want)
		}
		point(folder)
		b.mustRun(t, samples.ImportReadings(), "date=2021-01-01", "skipLimit=1")
	})
	t.Run("a folder that held nothing binds nobody", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		if _, err := b.run(t, samples.ImportReadings(), "date=2021-01-01"); err == nil {
			t.Fatal("an empty folder was imported")
		}
		b.in, b.out = filepath.Join(b.in, "below"), filepath.Join(b.in, "out")
		b.committed(t)
		b.mustRun(t, samples.ImportReadings(), "date=2021-01-01")
	})
}

func TestImportFoldersThatCannotBe(t *testing.T) {
	t.Parallel()
	t.Run("one for both", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.committed(t)
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(b.in, link); err != nil {
			t.Fatal(err)
		}
		for _, out := range []string{b.in, link, b.in + "/../in/"} {
			b.out = out
			je, err := b.run(t, samples.ImportReadings(), "date=2021-01-01")
			if je != nil || !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "are one folder") || core.Hint(err) == "" {
				t.Errorf("%s: %v, hint %q, want a refusal at launch", out, err, core.Hint(err))
			}
		}
	})
	t.Run("no input", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.in = filepath.Join(b.in, "nope")
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01")
		if err == nil || !strings.Contains(err.Error(), b.in) || core.Hint(err) != "batchctl restart 1 inputDir=FOLDER" {
			t.Errorf("%v, hint %q", err, core.Hint(err))
		}
	})
	t.Run("a file that can be no part", func(t *testing.T) {
		t.Parallel()
		b := setup(t, nil)
		b.write(t, "readings-a:b.csv", "meter,day,hour,quantity,unit")
		_, err := b.run(t, samples.ImportReadings(), "date=2021-01-01")
		if err == nil || !strings.Contains(err.Error(), filepath.Join(b.in, "readings-a:b.csv")) || !strings.Contains(core.Hint(err), "rename the file") {
			t.Errorf("%v, hint %q", err, core.Hint(err))
		}
	})
}

func TestImportDays(t *testing.T) {
	t.Parallel()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, date, hint string
		zone             *time.Location
	}{
		{"a day", "2021-01-01", "", time.UTC},
		{"a day in Seoul", "2021-01-01", "", seoul},
		{"a time of day", "2021-01-01T08:00:00", "batchctl run importReadings date=2021-01-01", time.UTC},
		{"a time of day in Seoul", "2021-01-01T08:00:00", "batchctl run importReadings date=2021-01-01", seoul},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.zone)
			b.committed(t)
			je, err := b.run(t, samples.ImportReadings(), "date="+tt.date)
			if tt.hint == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if je != nil || !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "is not the beginning of a day") || core.Hint(err) != tt.hint {
				t.Errorf("%v, hint %q, want a refusal at launch", err, core.Hint(err))
			}
		})
	}
}
