//go:build crash

package crashtest

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// partCount is how many ranges the CSV source is cut into.
const partCount = 4

// sourceConfig says how the CSV source is read; a part reads its range of it.
func sourceConfig(dir string) csvfile.ReaderConfig {
	return csvfile.ReaderConfig{Path: filepath.Join(dir, inputFile), Columns: sourceColumns()}
}

// partitioned makes a job of one partitioned step, whose parts write as write
// says.
func partitioned(dir string, write bindPart, reduce func(context.Context, *core.Scope, []core.Partition) error) *core.Job {
	return rangesJob(dir, func(cfg csvfile.ReaderConfig, s *core.Scope) (core.StepBody, error) {
		p := parts{reader: csvfile.NewReader(cfg, parseItem)}
		if err := write(dir, s, &p); err != nil {
			return nil, err
		}
		return chunk.New(p.reader, core.ProcessorFunc[item, item](double), p.writer,
			chunk.Options{Size: chunkSize, Streams: p.streams}), nil
	}, reduce)
}

// rangesJob makes a job of one partitioned step, each part of which reads a range
// of the CSV source.
func rangesJob(
	dir string, bind func(csvfile.ReaderConfig, *core.Scope) (core.StepBody, error),
	reduce func(context.Context, *core.Scope, []core.Partition) error,
) *core.Job {
	worker := chunk.Step("range", func(s *core.Scope) (core.StepBody, error) {
		cfg, err := sourceConfig(dir).Part(s.Context)
		if err != nil {
			return nil, err
		}
		return bind(cfg, s)
	})
	source := func(*core.Scope) (csvfile.ReaderConfig, error) { return sourceConfig(dir), nil }
	return newJob(partition.Step("move", worker, csvfile.Ranges(source),
		partition.Options{Grid: partCount, Reduce: reduce}))
}

// partitionSkipping lets every part skip what is bad, with rejects of its own.
func partitionSkipping(dir string) *core.Job {
	return rangesJob(dir, func(cfg csvfile.ReaderConfig, s *core.Scope) (core.StepBody, error) {
		return skippingFrom(cfg, dir, "rejects-"+s.Partition()+".jsonl", s, writeSink)
	}, nil)
}

func partitionToRepository(dir string) *core.Job { return partitioned(dir, writeRepository, nil) }

// partFile is the output of a part, until all are merged.
func partFile(dir, part string) string { return filepath.Join(dir, "output-"+part+".csv") }

func plainCSV(s *core.Scope, path string) csvfile.WriterConfig {
	return csvfile.WriterConfig{Scope: s, Path: path, Columns: []string{"id", "name", "amount"}}
}

// partitionToFile lets every part write a file, and merges them.
func partitionToFile(dir string) *core.Job {
	write := func(dir string, s *core.Scope, p *parts) error {
		p.writer = csvfile.NewWriter(plainCSV(s, partFile(dir, s.Partition())), encodeItem)
		return nil
	}
	return partitioned(dir, write, func(ctx context.Context, s *core.Scope, all []core.Partition) error {
		files := make([]csvfile.MergePart, len(all))
		for i, part := range all {
			ec, err := partition.ContextOf(ctx, s, part)
			if err != nil {
				return err
			}
			files[i] = csvfile.MergePart{Path: partFile(dir, part.Name), Context: ec}
		}
		return csvfile.Merge(ctx, plainCSV(s, filepath.Join(dir, outputFile)), files)
	})
}

func partitionTruth(h *history) {
	h.steps, h.managers, h.commits, h.noFooter = 1+partCount, "move", -1, true
}

func encodeItem(it *item, dst []string) ([]string, error) {
	return append(dst, strconv.FormatInt(it.id, 10), it.name, strconv.FormatInt(it.amount, 10)), nil
}
