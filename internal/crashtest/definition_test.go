//go:build crash

package crashtest

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

//go:embed testdata
var definitions embed.FS

// The files that a definition is given.
const (
	definitionFile = "move.yaml"
	controlFile    = "input.ctl"
)

// definitionPipelines are those whose job is a file of testdata, by its name:
// one for each thing that a definition reads, asks or writes.
func definitionPipelines() []pipeline {
	// behind is a step that takes what the first has written.
	behind := func(int) bool { return true }
	ps := []pipeline{
		{name: "definition", target: toFileAndSink, prepare: giving(packed), truth: and(truthOf(behind, behind), withoutFooter)},
		{name: "definition-csv-gzip", target: toFile, prepare: giving(packed)},
		{name: "definition-csv-zstd-utf16", target: toFile, prepare: giving(foreign)},
		{name: "definition-glob", target: toRepository, prepare: giving(pieces)},
		{name: "definition-fixed", target: toFile, truth: truthOf(behind)},
		{name: "definition-jsonl", target: toFile, prepare: giving(nested), truth: truthOf(behind)},
		{name: "definition-route", target: toSink, truth: truthOf(func(id int) bool { return id%3 != 0 })},
		{name: "definition-outputs", target: toAll, truth: truthOf(behind)},
		{name: "definition-lookup", target: toFile, prepare: giving(numbered)},
		{name: "definition-coprocess", target: toSink, prepare: giving(script), orphans: true},
		{name: "definition-sql", target: toSink, prepare: staged, truth: truthOf(behind)},
		{name: "definition-skip", target: toFileAndSink, faulty: true},
		{name: "definition-partition", target: toSink, prepare: giving(pieces), truth: pieceTruth},
	}
	for i, p := range ps {
		ps[i].definition, ps[i].build = true, definitionJob
		ps[i].prepare = func(ctx context.Context, tr *trial) error {
			if err := define(ctx, tr); err != nil || p.prepare == nil {
				return err
			}
			return p.prepare(ctx, tr)
		}
	}
	return ps
}

// definitionJob makes the job of the file that lies beside its data.
func definitionJob(dir string) *core.Job {
	parser := definition.NewParser(all.Catalog())
	job, problems := definition.Compile(parser.ReadFile(filepath.Join(dir, definitionFile)), definition.Environment{Catalog: all.Catalog()})
	if err := problems.Err(); err != nil {
		panic(problems.Text())
	}
	return job
}

// define writes the definition, and the totals of what is read and written.
func define(_ context.Context, tr *trial) error {
	text, err := definitions.ReadFile("testdata/" + tr.pipeline.name + ".yaml")
	if err != nil {
		return err
	}
	read, written := 0, 0
	for i := 1; i <= tr.rows; i++ {
		_, _, amount := sourceRow(i)
		read += amount
	}
	tr.eachExpected(func(_ int, _ string, amount int) { written += amount })
	totals := fmt.Sprintf("records=%d\namount=%d\nwritten=%d\n", tr.rows, read, written)
	return errors.Join(tr.give(definitionFile, text), tr.give(controlFile, []byte(totals)))
}

// give writes a file into the directory of the trial.
func (tr *trial) give(name string, text []byte) error {
	return os.WriteFile(tr.path(name), text, 0o600)
}

// giving prepares files, by their names.
func giving(files func(tr *trial) (map[string][]byte, error)) func(context.Context, *trial) error {
	return func(_ context.Context, tr *trial) error {
		given, err := files(tr)
		for name, text := range given {
			err = errors.Join(err, tr.give(name, text))
		}
		return err
	}
}

// records is the CSV source from a row to another.
func (tr *trial) records(from, to int) []byte {
	var b bytes.Buffer
	b.WriteString("id,name,amount\n")
	for i := from; i <= to; i++ {
		b.WriteString(tr.line(i) + "\n")
	}
	return b.Bytes()
}

// packed is the source in a file of gzip.
func packed(tr *trial) (map[string][]byte, error) {
	data, err := gzipped(tr.records(1, tr.rows))
	return map[string][]byte{"input-1.csv.gz": data}, err
}

// foreign is the source in UTF-16 and in a file of zstd.
func foreign(tr *trial) (map[string][]byte, error) {
	var text []byte
	for _, unit := range utf16.Encode([]rune(string(tr.records(1, tr.rows)))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	data, err := zstandard(text)
	return map[string][]byte{"input.csv.zst": data}, err
}

// pieces is the source in three files, none of which ends where a chunk does.
func pieces(tr *trial) (map[string][]byte, error) {
	first, second := tr.rows/3+7, 2*tr.rows/3+5
	middle, err := gzipped(tr.records(first+1, second))
	if err != nil {
		return nil, err
	}
	last, err := zstandard(tr.records(second+1, tr.rows))
	return map[string][]byte{
		"input-1.csv": tr.records(1, first), "input-2.csv.gz": middle, "input-3.csv.zst": last,
	}, err
}

func gzipped(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	err = errors.Join(err, w.Close()) // which writes
	return b.Bytes(), err
}

func zstandard(text []byte) ([]byte, error) {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		return nil, err
	}
	return w.EncodeAll(text, nil), w.Close()
}

// nested is the source as objects with members in members.
func nested(tr *trial) (map[string][]byte, error) {
	var b bytes.Buffer
	for i := 1; i <= tr.rows; i++ {
		id, name, amount := sourceRow(i)
		fmt.Fprintf(&b, "{\"id\":%d,\"shop\":{\"city\":null,\"name\":%q},\"amounts\":[0,%d]}\n", id, name, amount)
	}
	return map[string][]byte{"input.jsonl": b.Bytes()}, nil
}

// numbered is the source without its names, and a table of them.
func numbered(tr *trial) (map[string][]byte, error) {
	var records, names strings.Builder
	records.WriteString("id,amount\n")
	for i := 1; i <= tr.rows; i++ {
		id, _, amount := sourceRow(i)
		fmt.Fprintf(&records, "%d,%d\n", id, amount)
	}
	names.WriteString("number,name\n")
	for i := range 97 {
		_, name, _ := sourceRow(i)
		fmt.Fprintf(&names, "%d,%s\n", i, name)
	}
	return map[string][]byte{"nameless.csv": []byte(records.String()), "names.csv": []byte(names.String())}, nil
}

// script is what the co-process runs.
func script(*trial) (map[string][]byte, error) {
	text, err := definitions.ReadFile("testdata/double.sh")
	return map[string][]byte{"double.sh": text}, err
}

// staged makes the table that rows are put into on their way.
func staged(ctx context.Context, tr *trial) error {
	return tr.exec(ctx, sinkFile, "PRAGMA journal_mode = WAL",
		"CREATE TABLE STAGE (ID INTEGER PRIMARY KEY, NAME TEXT NOT NULL, AMOUNT INTEGER NOT NULL)",
		"CREATE TABLE DETAIL (ID INTEGER NOT NULL, NAME TEXT NOT NULL, AMOUNT INTEGER NOT NULL)") // a doubled row would double the rows of a join
}

// truthOf adds steps that read, and write again, what of the first step's output
// each of them takes.
func truthOf(steps ...func(id int) bool) func(*history) {
	return func(h *history) {
		rows := h.counts[0]
		for _, takes := range steps {
			n := 0
			for id := range rows {
				if (id+1)%10 != 0 && takes(id+1) {
					n++
				}
			}
			h.steps++
			h.counts[0], h.counts[1] = h.counts[0]+n, h.counts[1]+n
			h.commits += (n + chunkSize - 1) / chunkSize
		}
	}
}

func withoutFooter(h *history) { h.noFooter = true }

func and(truths ...func(*history)) func(*history) {
	return func(h *history) {
		for _, truth := range truths {
			truth(h)
		}
	}
}

// pieceTruth is what three parts leave.
func pieceTruth(h *history) {
	h.steps, h.managers, h.commits = 1+3, "move", -1
}
