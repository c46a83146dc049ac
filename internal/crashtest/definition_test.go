//go:build crash

package crashtest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

const packedFile = "input-1.csv.gz"

// moveDefinition takes the source through every format, from a compressed file
// to a database and a file, beside each other at the end.
const moveDefinition = `
job: crash
parameters:
  trial: {type: long, required: true}
resources:
  sink: {driver: sqlite, dsn: sink.db}
steps:
  - step: unpack
    chunk:
      size: 100
      reader:
        csv:
          files: "input-*.csv.gz"
          types: {id: long, name: string, amount: long}
      processor:
        - filter: "id % 10 != 0"
        - set: {amount: "amount * 2"}
      writer:
        jsonl: {file: stage.jsonl}
      expect:
        - {total: count, equals: "%[1]d"}
  - step: fix
    chunk:
      size: 100
      reader:
        jsonl:
          file: stage.jsonl
          types: {id: long, name: string, amount: long}
      writer:
        fixed:
          file: stage.txt
          columns: {id: "10", name: "20", amount: "12"}
  - step: spread
    chunk:
      size: 100
      reader:
        fixed:
          file: stage.txt
          columns: {id: "10", name: "20", amount: "12"}
          types: {id: long, amount: long}
      writers:
        - csv: {file: output.csv}
        - sql: {resource: sink, table: OUTPUT}
`

// definitionJob makes the job of a file that is written beside its data.
func definitionJob(dir string) *core.Job {
	parser := definition.NewParser(all.Catalog())
	job, problems := definition.Compile(parser.ReadFile(filepath.Join(dir, "move.yaml")), definition.Environment{Catalog: all.Catalog()})
	if err := problems.Err(); err != nil {
		panic(problems.Text())
	}
	return job
}

// pack writes the definition, and the source compressed.
func pack(_ context.Context, tr *trial) error {
	plain, err := os.ReadFile(tr.path(inputFile))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(tr.path(packedFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := gzip.NewWriter(f)
	_, err = w.Write(plain)
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		return err
	}
	text := fmt.Sprintf(strings.ReplaceAll(moveDefinition, "id % 10", "id %% 10"), tr.rows)
	return os.WriteFile(tr.path("move.yaml"), []byte(text), 0o600)
}

func definitionTruth(h *history) {
	read, written := h.counts[0], h.counts[1]
	h.steps, h.noFooter = 3, true
	h.counts[0], h.counts[1] = read+2*written, 3*written
	h.commits = (read+chunkSize-1)/chunkSize + 2*((written+chunkSize-1)/chunkSize)
}
