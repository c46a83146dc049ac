package all_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// The schema that the samples name is the one that the program writes.
func TestSchemaOfTheSamples(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../../../testdata/jobs/batchctl.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if want := definition.NewParser(all.Catalog()).Schema(); !bytes.Equal(want, got) {
		t.Error("it is out of date: go run -tags sqlite_omit_load_extension ./cmd/batchctl schema > testdata/jobs/batchctl.schema.json")
	}
}
