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
}

// target is where a pipeline's output is to be looked for.
type target int

const (
	toRepository target = iota
	toSink
	toFile
	toFileAndSink
)

// pipeline is one combination of source and output.
type pipeline struct {
	name   string
	target target
	bind   func(dir string, s *core.Scope) (core.StepBody, error)
	broken bool
}

func pipelines() []pipeline {
	return []pipeline{
		{name: "csv-repository", target: toRepository, bind: bindWith(readCSV, writeRepository)},
		{name: "csv-sqlite", target: toSink, bind: bindWith(readCSV, writeSink)},
		{name: "sqlite-csv", target: toFile, bind: bindWith(readSQL, writeCSV)},
		{name: "csv-csv", target: toFile, bind: bindWith(readCSV, writeCSV)},
		{name: "sqlite-sqlite", target: toSink, bind: bindWith(readSQL, writeSink)},
		{name: "sqlite-repository", target: toRepository, bind: bindWith(readSQL, writeRepository)},
		{name: "csv-csv+sqlite", target: toFileAndSink, bind: bindWith(readCSV, writeBoth)},
		{name: "tasklet-repository", target: toRepository, bind: bindTasklet},
		{name: "broken: checkpoint away from the rows", target: toSink, bind: bindWith(readCSV, writeUnchecked), broken: true},
		{name: "broken: file never cut back", target: toFile, bind: bindWith(readCSV, writeUncut), broken: true},
	}
}

// job makes a pipeline a job of one step.
func (p pipeline) job(dir string) *core.Job {
	return &core.Job{
		Name:       "crash",
		Parameters: core.ParameterSpecs{{Name: "trial", Type: core.TypeLong, Required: true}},
		Steps: []*core.Step{{Name: "move", Bind: func(s *core.Scope) (core.StepBody, error) {
			return p.bind(dir, s)
		}}},
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

func readCSV(dir string, _ *core.Scope, p *parts) error {
	p.reader = csvfile.NewReader(csvfile.ReaderConfig{
		Path: filepath.Join(dir, inputFile),
		Columns: []csvfile.Column{
			{Name: "id", Type: csvfile.Long}, {Name: "name"}, {Name: "amount", Type: csvfile.Long},
		},
	}, func(row *csvfile.Row, it *item) (err error) {
		if it.id, err = row.Long(0); err != nil {
			return err
		}
		it.name = row.String(1)
		it.amount, err = row.Long(2)
		return err
	})
	return nil
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

func csvWriter(dir string) *csvfile.Writer[item] {
	return csvfile.NewWriter(csvfile.WriterConfig{
		Path: filepath.Join(dir, outputFile), Columns: []string{"id", "name", "amount"},
		Footer: func(rows int64) []string { return []string{"END", strconv.FormatInt(rows, 10), ""} },
	}, func(it *item, dst []string) ([]string, error) {
		return append(dst, strconv.FormatInt(it.id, 10), it.name, strconv.FormatInt(it.amount, 10)), nil
	})
}

func writeCSV(dir string, _ *core.Scope, p *parts) error {
	p.writer = csvWriter(dir)
	return nil
}

func writeBoth(dir string, s *core.Scope, p *parts) (err error) {
	if err := writeSink(dir, s, p); err != nil {
		return err
	}
	p.writer, err = chunk.Tee[item](p.writer, csvWriter(dir))
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
