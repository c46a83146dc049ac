package core_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
)

func TestBatchStatusUpgrade(t *testing.T) {
	t.Parallel()
	t.Run("STA-01 STEP-44 the table of 8 x 8 joins", func(t *testing.T) {
		t.Parallel()
		const (
			c = core.StatusCompleted
			s = core.StatusStarting
			r = core.StatusStarted
			i = core.StatusStopping
			o = core.StatusStopped
			f = core.StatusFailed
			a = core.StatusAbandoned
			u = core.StatusUnknown
		)
		want := [8][8]core.BatchStatus{
			{c, c, c, i, o, f, a, u},
			{c, s, r, i, o, f, a, u},
			{c, r, r, i, o, f, a, u},
			{i, i, i, i, o, f, a, u},
			{o, o, o, o, o, f, a, u},
			{f, f, f, f, f, f, a, u},
			{a, a, a, a, a, a, a, u},
			{u, u, u, u, u, u, u, u},
		}
		for x, row := range want {
			for y, w := range row {
				got := core.BatchStatus(x).UpgradeTo(core.BatchStatus(y))
				if got != w {
					t.Errorf("%s.UpgradeTo(%s) = %s, want %s", core.BatchStatus(x), core.BatchStatus(y), got, w)
				}
			}
		}
	})
	t.Run("is commutative, associative and idempotent", func(t *testing.T) {
		t.Parallel()
		for _, x := range core.Statuses() {
			if got := x.UpgradeTo(x); got != x {
				t.Errorf("%s joined with itself is %s", x, got)
			}
			for _, y := range core.Statuses() {
				if x.UpgradeTo(y) != y.UpgradeTo(x) {
					t.Errorf("%s and %s do not commute", x, y)
				}
				for _, z := range core.Statuses() {
					left, right := x.UpgradeTo(y).UpgradeTo(z), x.UpgradeTo(y.UpgradeTo(z))
					if left != right {
						t.Errorf("(%s %s) %s = %s, but %s (%s %s) = %s", x, y, z, left, x, y, z, right)
					}
				}
			}
		}
	})
}

func TestBatchStatusNames(t *testing.T) {
	t.Parallel()
	t.Run("STA-02 the order is the order of severity", func(t *testing.T) {
		t.Parallel()
		want := []string{"COMPLETED", "STARTING", "STARTED", "STOPPING", "STOPPED", "FAILED", "ABANDONED", "UNKNOWN"}
		var got []string
		for i, s := range core.Statuses() {
			got = append(got, s.String())
			if i > 0 && max(s, core.Statuses()[i-1]) != s {
				t.Errorf("%s is not beyond its predecessor", s)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
	})
	t.Run("STA-03 running and unsuccessful", func(t *testing.T) {
		t.Parallel()
		running := map[string]bool{"STARTING": true, "STARTED": true, "STOPPING": true}
		bad := map[string]bool{"FAILED": true, "ABANDONED": true, "UNKNOWN": true}
		for _, s := range core.Statuses() {
			if s.IsRunning() != running[s.String()] {
				t.Errorf("%s.IsRunning() = %v", s, s.IsRunning())
			}
			if s.IsUnsuccessful() != bad[s.String()] {
				t.Errorf("%s.IsUnsuccessful() = %v", s, s.IsUnsuccessful())
			}
		}
	})
	t.Run("STA-04 a name that is none of the eight is an error", func(t *testing.T) {
		t.Parallel()
		for _, s := range core.Statuses() {
			got, err := core.ParseBatchStatus(s.String())
			if err != nil || got != s {
				t.Errorf("ParseBatchStatus(%s) = %s, %v", s, got, err)
			}
		}
		for _, name := range []string{"foo", "", "completed", "COMPLETED ", "COMPLETED WITH SKIPS"} {
			got, err := core.ParseBatchStatus(name)
			if err == nil || got != core.StatusUnknown {
				t.Errorf("ParseBatchStatus(%q) = %s, %v; want UNKNOWN and an error", name, got, err)
			}
		}
		if got := core.BatchStatus(8).String(); got != "BatchStatus(8)" {
			t.Errorf("a status out of range reads %s", got)
		}
	})
}

func TestExitStatusAnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, a, b, want string }{
		{"EXS-01 STEP-43 EXECUTING gives way to COMPLETED", "EXECUTING", "COMPLETED", "COMPLETED"},
		{"EXS-02 STEP-43 a longer code of the same prefix", "COMPLETED_CUSTOM", "COMPLETED", "COMPLETED_CUSTOM"},
		{"EXS-03 STEP-43 FAILED beats COMPLETED", "COMPLETED", "FAILED", "FAILED"},
		{"EXS-04 STEP-43 a code of the user's own beats FAILED", "X", "FAILED", "X"},
		{"STEP-43 NOOP beats COMPLETED", "COMPLETED", "NOOP", "NOOP"},
		{"STEP-43 STOPPED beats NOOP", "NOOP", "STOPPED", "STOPPED"},
		{"STEP-43 FAILED beats STOPPED", "FAILED", "STOPPED", "FAILED"},
		{"STEP-43 UNKNOWN beats FAILED", "UNKNOWN", "FAILED", "UNKNOWN"},
		{"no code gives way to any", "", "EXECUTING", "EXECUTING"},
		{"REFUSED is a code of its own", core.ExitCodeRefused, "FAILED", "REFUSED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a, b := core.ExitStatus{Code: tt.a}, core.ExitStatus{Code: tt.b}
			if got := a.And(b).String(); got != tt.want {
				t.Errorf("%s and %s = %s, want %s", a, b, got, tt.want)
			}
			if got := b.And(a).String(); got != tt.want {
				t.Errorf("%s and %s = %s, want %s", b, a, got, tt.want)
			}
		})
	}
	t.Run("codes form a semilattice", func(t *testing.T) {
		t.Parallel()
		codes := rapid.SampledFrom([]string{
			"", "EXECUTING", "COMPLETED", "COMPLETED WITH SKIPS", "NOOP", "STOPPED",
			"STOPPED_X", "FAILED", "FAILED_X", "UNKNOWN", "REFUSED", "A", "Z",
		})
		rapid.Check(t, func(t *rapid.T) {
			draw := func(name string) core.ExitStatus { return core.ExitStatus{Code: codes.Draw(t, name)} }
			a, b, c := draw("a"), draw("b"), draw("c")
			if a.And(a) != a {
				t.Fatalf("%s and itself = %s", a, a.And(a))
			}
			if a.And(b) != b.And(a) {
				t.Fatalf("%s and %s do not commute", a, b)
			}
			if a.And(b).And(c) != a.And(b.And(c)) {
				t.Fatalf("%s, %s, %s do not associate", a, b, c)
			}
			if joined := a.And(b); joined.Compare(a) < 0 || joined.Compare(b) < 0 {
				t.Fatalf("%s is below one of %s, %s", joined, a, b)
			}
		})
	})
}

func TestExitStatusMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, have, add, want string }{
		{"EXS-05 an equal description changes nothing", "disk full", "disk full", "disk full"},
		{"EXS-05 nor does an empty one", "disk full", "", "disk full"},
		{"EXS-05 nor does a blank one", "disk full", " \t\n", "disk full"},
		{"EXS-06 two are joined", "disk full", "2 skipped", "disk full; 2 skipped"},
		{"the first stands alone", "", "disk full", "disk full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			have := core.ExitStatus{Code: "FAILED", Message: tt.have}
			want := core.ExitStatus{Code: "FAILED", Message: tt.want}
			if got := have.AddMessage(tt.add); got != want {
				t.Errorf("AddMessage(%q) = %+v, want %+v", tt.add, got, want)
			}
			if got := have.And(core.ExitStatus{Code: "COMPLETED", Message: tt.add}); got != want {
				t.Errorf("And = %+v, want %+v", got, want)
			}
		})
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	a := core.Counts{Commit: 1, Read: 10, Filter: 2, Write: 5, ReadSkip: 9, ProcessSkip: 1, WriteSkip: 2, Rollback: 4}
	sum := a.Add(core.Counts{Commit: 1, Read: 2, Filter: 3, Write: 4, ReadSkip: 5, ProcessSkip: 6, WriteSkip: 7, Rollback: 8})
	want := core.Counts{Commit: 2, Read: 12, Filter: 5, Write: 9, ReadSkip: 14, ProcessSkip: 7, WriteSkip: 9, Rollback: 12}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	t.Run("CHUNK-47 every item read is accounted for", func(t *testing.T) {
		t.Parallel()
		if !a.Balanced() {
			t.Errorf("%+v is balanced; skipped reads are no items", a)
		}
		for name, unbalance := range map[string]func(*core.Counts){
			"read": func(c *core.Counts) { c.Read++ }, "write": func(c *core.Counts) { c.Write++ },
			"filter": func(c *core.Counts) { c.Filter++ }, "process skip": func(c *core.Counts) { c.ProcessSkip-- },
			"write skip": func(c *core.Counts) { c.WriteSkip-- },
		} {
			b := a
			unbalance(&b)
			if b.Balanced() {
				t.Errorf("one more or less in %s goes unnoticed: %+v", name, b)
			}
		}
	})
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(core.OwnerUnknown, core.OwnerAlive, core.OwnerDead)
	if want := "unknown alive dead"; got != want {
		t.Errorf("verdicts read %q, want %q", got, want)
	}
	var zero core.OwnerVerdict
	if zero.Liveness != core.OwnerUnknown {
		t.Error("a verdict that nobody reached must not be alive or dead")
	}
}
