package sqlite_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlite"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// wantZone looks at the repository as the next process does.
func wantZone(t *testing.T, path, name string, chosen bool) {
	t.Helper()
	r, err := sqlite.Status(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if r.Zone != name || s.Zone().String() != name || r.ZoneChosen != chosen || s.ZoneChosen() != chosen {
		t.Errorf("zone %s and %s, chosen %v and %v; want %s, %v", r.Zone, s.Zone(), r.ZoneChosen, s.ZoneChosen(), name, chosen)
	}
}

func TestZoneIsChosenWhenItIsGiven(t *testing.T) {
	t.Parallel()
	byDefault := made(t)
	wantZone(t, byDefault, "UTC", false)
	for _, name := range []string{"UTC", "Asia/Seoul"} {
		path := t.TempDir() + "/batch.db"
		o := options()
		o.Zone = zone(t, name)
		if err := sqlite.Init(t.Context(), path, o); err != nil {
			t.Fatal(err)
		}
		wantZone(t, path, name, true)
	}
	opened := t.TempDir() + "/batch.db"
	open(t, opened)
	wantZone(t, opened, "UTC", false)
}

func TestChooseZone(t *testing.T) {
	t.Parallel()
	path := made(t)
	s := open(t, path)
	seed(t, s, "COMPLETED", "FAILED")
	choose := func(name string) error { return s.ChooseZone(t.Context(), zone(t, name)) }
	if err := choose("UTC"); err != nil {
		t.Fatal(err)
	}
	wantZone(t, path, "UTC", true)
	if err := choose("Asia/Seoul"); err != nil { // no date is stored yet
		t.Fatal(err)
	}
	wantZone(t, path, "Asia/Seoul", true)
	if err := s.ChooseZone(t.Context(), time.FixedZone("KST", 9*60*60)); !errors.Is(err, core.ErrRepository) {
		t.Errorf("a zone without a name that others know: %v", err)
	}

	if err := s.Exec("UPDATE BATCH_JOB_EXECUTION SET STATUS = 'STARTED' WHERE JOB_EXECUTION_ID = 1"); err != nil {
		t.Fatal(err)
	}
	err := choose("UTC")
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "stays Asia/Seoul while executions are running: 1 of them") {
		t.Errorf("with a running execution: %v", err)
	}
	if err := choose("Asia/Seoul"); err != nil {
		t.Errorf("the same with a running execution: %v", err)
	}
	if err := s.Exec(`
UPDATE BATCH_JOB_EXECUTION SET STATUS = 'COMPLETED';
INSERT INTO BATCH_JOB_EXECUTION_PARAMS (JOB_EXECUTION_ID, TYPE_CD, KEY_NAME, DATE_VAL, IDENTIFYING) VALUES (1, 'DATE', 'day', 0, 'Y')`); err != nil {
		t.Fatal(err)
	}
	err = choose("UTC")
	if !errors.Is(err, core.ErrRepository) || !strings.Contains(err.Error(), "stays Asia/Seoul: dates that are stored in parameters would become other days (1 of them)") {
		t.Errorf("with a date: %v", err)
	}
	if want := "batchctl db zone Asia/Seoul --db " + path; !strings.Contains(core.Hint(err), want) {
		t.Errorf("hint %q, want %q", core.Hint(err), want)
	}
	if err := choose("Asia/Seoul"); err != nil {
		t.Errorf("the same with a date: %v", err)
	}
	wantZone(t, path, "Asia/Seoul", true)
}
