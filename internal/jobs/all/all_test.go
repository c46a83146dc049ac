package all_test

import (
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/all"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	registry, err := all.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dailySettlement", "importReadings", "closeMonth"} {
		job, err := registry.Job(name)
		if err != nil {
			t.Fatal(err)
		}
		if job.Help == "" {
			t.Errorf("%s says nothing of what it does", name)
		}
	}
}
