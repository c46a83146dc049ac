package launch_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	t.Run("REG-01 two jobs of one name", func(t *testing.T) {
		t.Parallel()
		_, err := launch.NewRegistry(job("a", succeed), job("b", succeed), job("a", fail))
		wantError(t, err, core.ErrDuplicateJob)
		if !strings.Contains(err.Error(), `"a"`) {
			t.Errorf("error %q does not name the job", err)
		}
	})
	t.Run("REG-02 an unknown job", func(t *testing.T) {
		t.Parallel()
		r, err := launch.NewRegistry(job("dailySettlement", succeed), job("archive", succeed))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Job("dailySettlemnt")
		wantError(t, err, core.ErrNoSuchJob)
		wantHint(t, err, "did you mean dailySettlement? batchctl jobs lists the jobs")
		_, err = r.Job("unheardOf")
		wantError(t, err, core.ErrNoSuchJob)
		wantHint(t, err, "batchctl jobs")
	})
	t.Run("EXE-08 a job without steps", func(t *testing.T) {
		t.Parallel()
		_, err := launch.NewRegistry(&core.Job{Name: "empty"})
		wantError(t, err, core.ErrJobDefinition)
	})
	t.Run("VAL-03 a parameter both required and optional", func(t *testing.T) {
		t.Parallel()
		j := job("a", succeed)
		j.Parameters = core.ParameterSpecs{{Name: "p", Required: true, Default: "x"}}
		_, err := launch.NewRegistry(j)
		wantError(t, err, core.ErrJobDefinition)
	})
	t.Run("jobs are listed by name, and the list is the caller's own", func(t *testing.T) {
		t.Parallel()
		r, err := launch.NewRegistry(job("b", succeed), job("c", succeed), job("a", succeed))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			jobs := r.Jobs()
			names := make([]string, len(jobs))
			for i := range jobs {
				names[i], jobs[i] = jobs[i].Name, nil
			}
			if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		if j, err := r.Job("b"); err != nil || j.Name != "b" {
			t.Errorf("got %v, %v", j, err)
		}
	})
}
