//go:build crash

package crashtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

// The files of a trial, in its directory.
const (
	repositoryFile = "repository.db"
	inputFile      = "input.csv"
	sourceFile     = "source.db"
	sinkFile       = "sink.db"
	outputFile     = "output.csv"
)

const chunkSize = 100

// item is what the pipelines move.
type item struct {
	id     int64
	name   string
	amount int64
	origin core.Origin
}

// Origin is where the item comes from, for the rejects.
func (it *item) Origin() core.Origin { return it.origin }

// target is where a pipeline's output is to be looked for.
type target int

const (
	toRepository target = iota
	toSink
	toFile
	toFileAndSink
	toAll
)

// pipeline is one combination of source and output.
type pipeline struct {
	name   string
	target target
	bind   func(dir string, s *core.Scope) (core.StepBody, error)
	broken bool
	// faulty tells that the source has bad rows, which are skipped.
	faulty bool
	// definition tells that the job is a definition.
	definition bool
	// build makes a job of more than one step, in place of bind.
	build func(dir string) *core.Job
	// orphans tells that what a killed process leaves behind may go on for a
	// while, and is waited for.
	orphans bool
	// again tells which error of a start is answered by the next start.
	again func(error) bool
	// truth changes what the history has to add up to; nil leaves what a job
	// of one step has.
	truth func(*history)
	// prepare adds to what every trial begins with.
	prepare func(ctx context.Context, tr *trial) error
	// also verifies what this pipeline alone leaves behind.
	also func(ctx context.Context, tr *trial) error
}

func pipelines() []pipeline {
	return append(definitionPipelines(), []pipeline{
		{name: "csv-repository", target: toRepository, bind: bindWith(readCSV, writeRepository)},
		{name: "csv-sqlite", target: toSink, bind: bindWith(readCSV, writeSink)},
		{name: "sqlite-csv", target: toFile, bind: bindWith(readSQL, writeCSV)},
		{name: "csv-csv", target: toFile, bind: bindWith(readCSV, writeCSV)},
		{name: "sqlite-sqlite", target: toSink, bind: bindWith(readSQL, writeSink)},
		{name: "sqlite-repository", target: toRepository, bind: bindWith(readSQL, writeRepository)},
		{name: "csv-csv+sqlite", target: toFileAndSink, bind: bindWith(readCSV, writeBoth)},
		{name: "tasklet-repository", target: toRepository, bind: bindTasklet},
		{name: "tasklet-listener", target: toRepository, build: taskletHeard, also: verifyPromoted},
		{name: "skip-repository", target: toRepository, bind: skipping(writeRepository), faulty: true},
		{name: "skip-sqlite", target: toSink, bind: skipping(writeSink), faulty: true},
		{name: "skip-csv+sqlite", target: toFileAndSink, bind: skipping(writeBoth), faulty: true},
		{name: "retry-csv+sqlite", target: toFileAndSink, bind: retrying, also: verifyRetried},
		{name: "split", target: toAll, build: splitJob, truth: splitTruth},
		{name: "partition-csv", target: toFile, build: partitionToFile, truth: partitionTruth},
		{name: "partition-repository", target: toRepository, build: partitionToRepository, truth: partitionTruth},
		{name: "partition-skip", target: toSink, build: partitionSkipping, truth: partitionTruth, faulty: true},
		{name: "flow", target: toAll, build: flowJob, truth: flowTruth, also: verifyFlow, again: wasStopped},
		{name: "jobstep", target: toAll, build: parentJob, truth: parentTruth},
		{name: "exec", target: toFile, build: execJob, truth: execTruth, also: verifyNeverTwice, orphans: true},
		{name: "exec-check", target: toFile, build: execCheckedJob, truth: execTruth, also: verifyNeverTwice, orphans: true},
		{
			name: "exec-once", target: toRepository, build: definitionJob, prepare: prepareCalls, truth: callsTruth,
			also: verifyCalls, again: wasWary, orphans: true,
		},
		{name: "sql-step-other", target: toSink, build: definitionJob, prepare: prepareStatements, truth: statementsTruth, also: verifyMoved},
		{name: "broken: checkpoint away from the rows", target: toSink, bind: bindWith(readCSV, writeUnchecked), broken: true},
		{name: "broken: file never cut back", target: toFile, bind: bindWith(readCSV, writeUncut), broken: true},
	}...)
}

// job makes a pipeline a job.
func (p pipeline) job(dir string) *core.Job {
	if p.build != nil {
		return p.build(dir)
	}
	return newJob(&core.Step{Name: "move", Bind: func(s *core.Scope) (core.StepBody, error) {
		return p.bind(dir, s)
	}})
}

func newJob(steps ...*core.Step) *core.Job {
	return &core.Job{
		Name:       "crash",
		Parameters: core.ParameterSpecs{{Name: "trial", Type: core.TypeLong, Required: true}},
		Steps:      steps,
	}
}

// double is the processor: it filters every tenth item out.
func double(_ context.Context, in item) (out item, keep bool, err error) {
	in.amount *= 2
	return in, in.id%10 != 0, nil
}

type parts struct {
	reader  core.ItemReader[item]
	writer  core.ItemWriter[item]
	streams []core.ItemStream
}

type bindPart func(dir string, s *core.Scope, p *parts) error

func bindWith(read, write bindPart) func(string, *core.Scope) (core.StepBody, error) {
	return func(dir string, s *core.Scope) (core.StepBody, error) {
		var p parts
		if err := read(dir, s, &p); err != nil {
			return nil, err
		}
		if err := write(dir, s, &p); err != nil {
			return nil, err
		}
		return chunk.New(p.reader, core.ProcessorFunc[item, item](double), p.writer,
			chunk.Options{Size: chunkSize, Streams: p.streams}), nil
	}
}

func sourceColumns() []csvfile.Column {
	return []csvfile.Column{{Name: "id", Type: csvfile.Long}, {Name: "name"}, {Name: "amount", Type: csvfile.Long}}
}

func readCSV(dir string, _ *core.Scope, p *parts) error {
	p.reader = csvfile.NewReader(sourceConfig(dir), parseItem)
	return nil
}

func parseItem(row *csvfile.Row, it *item) (err error) {
	if it.id, err = row.Long(0); err != nil {
		return err
	}
	it.name = row.String(1)
	it.origin = row.Origin()
	it.amount, err = row.Long(2)
	return err
}

func readSQL(dir string, s *core.Scope, p *parts) error {
	db := sqlitem.OpenLater(s.Databases, filepath.Join(dir, sourceFile))
	p.reader = sqlitem.NewReader(db, sqlitem.ReaderConfig{Query: "SELECT ID, NAME, AMOUNT FROM SOURCE", Key: "ID"},
		func(rows *sql.Rows, it *item) error { return rows.Scan(&it.id, &it.name, &it.amount) })
	p.streams = append(p.streams, closer{db})
	return nil
}

// closer closes a database with the step.
type closer struct{ db core.Database }

func (closer) Open(context.Context, core.ExecutionContext) error { return nil }
func (closer) Checkpoint(core.ExecutionContext) error            { return nil }
func (c closer) Close() error                                    { return c.db.Close() }

const outputTable = "OUTPUT"

func outputColumns() []string { return []string{"ID", "NAME", "AMOUNT"} }

func values(it *item, dst []any) []any { return append(dst, it.id, it.name, it.amount) }

func writeRepository(_ string, s *core.Scope, p *parts) error {
	db, ok := s.Repo.(sqlitem.Querier)
	if !ok {
		return fmt.Errorf("a %T runs no queries", s.Repo)
	}
	p.writer = sqlitem.NewWriter(sqlitem.WriterConfig{Querier: db, Table: outputTable, Columns: outputColumns()}, values)
	return nil
}

func writeSink(dir string, s *core.Scope, p *parts) error {
	db := sqlitem.OpenLater(s.Databases, filepath.Join(dir, sinkFile))
	p.writer = sqlitem.NewSink(db, sqlitem.WriterConfig{Table: outputTable, Columns: outputColumns()}, values)
	p.streams = append(p.streams, closer{db})
	return nil
}

func csvWriter(dir string, s *core.Scope) *csvfile.Writer[item] {
	return csvfile.NewWriter(csvfile.WriterConfig{
		Path: filepath.Join(dir, outputFile), Columns: []string{"id", "name", "amount"}, Scope: s,
		Footer: func(rows int64) []string { return []string{"END", strconv.FormatInt(rows, 10), ""} },
	}, encodeItem)
}

func writeCSV(dir string, s *core.Scope, p *parts) error {
	p.writer = csvWriter(dir, s)
	return nil
}

func writeBoth(dir string, s *core.Scope, p *parts) (err error) {
	if err := writeSink(dir, s, p); err != nil {
		return err
	}
	p.writer, err = chunk.Tee[item](p.writer, csvWriter(dir, s))
	return err
}

// unchecked commits rows to another database, and leaves the position to the
// repository: the mistake that doubles rows.
type unchecked struct{ db core.Database }

func writeUnchecked(dir string, s *core.Scope, p *parts) error {
	db := sqlitem.OpenLater(s.Databases, filepath.Join(dir, sinkFile))
	p.writer = unchecked{db}
	p.streams = append(p.streams, closer{db})
	return nil
}

func (u unchecked) Write(ctx context.Context, c *core.Chunk[item]) error {
	tx, err := u.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit there is nothing left to roll back
	for _, it := range c.Items {
		if _, err := tx.ExecContext(ctx, "INSERT INTO OUTPUT (ID, NAME, AMOUNT) VALUES (?, ?, ?)", values(&it, nil)...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// uncut appends to the output and never cuts it back.
type uncut struct{ path string }

func writeUncut(dir string, _ *core.Scope, p *parts) error {
	p.writer = uncut{filepath.Join(dir, outputFile)}
	return nil
}

func (u uncut) Write(_ context.Context, c *core.Chunk[item]) error {
	f, err := os.OpenFile(u.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, it := range c.Items {
		if _, err := fmt.Fprintf(f, "%d,%s,%d\n", it.id, it.name, it.amount); err != nil {
			return err
		}
	}
	return f.Sync()
}
