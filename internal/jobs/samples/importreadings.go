package samples

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

// ImportReadingsName is the name of the job importReadings.
const ImportReadingsName = "importReadings"

// StepImport is the name of its step.
const StepImport = "importFiles"

// The names of its parameters.
const (
	paramDate      = "date"
	paramInput     = "inputDir"
	paramOutput    = "outputDir"
	paramSkipLimit = "skipLimit"
)

// The names of input files begin and end so; between that is the site.
const (
	inputPrefix = "readings-"
	inputSuffix = ".csv"
)

// nameRejects is the prefix of what the rejects keep in the context of a part,
// and keyRejected the key of their number.
const (
	nameRejects = "rejects"
	keyRejected = nameRejects + ".count"
)

// outputMode lets others read the output.
const outputMode = 0o644

// ImportReadings returns the job importReadings.
func ImportReadings() *core.Job {
	return &core.Job{
		Name: ImportReadingsName,
		Help: "bring the meter readings of all sites into one form and one file",
		Parameters: core.ParameterSpecs{
			{Name: paramDate, Type: core.TypeDate, Required: true, Help: "the day of the readings"},
			{
				Name: paramInput, NonIdentifying: true, Path: true, Default: "testdata/readings",
				Help: "folder of readings-SITE.csv",
			},
			{
				Name: paramOutput, NonIdentifying: true, Path: true, Default: "build",
				Help: "folder of readings-DATE.csv, made when it is absent",
			},
			{
				Name: paramSkipLimit, Type: core.TypeLong, NonIdentifying: true, Default: int64(core.DefaultSkipLimit),
				Help: "how many bad lines of a file, over all attempts, go to its rejects before its part fails",
			},
		},
		Validator:   core.CompositeValidator{wholeDay{}, settlement.SettingsValidator{}, twoFolders{}},
		Incrementer: core.DateIncrementer{Name: paramDate},
		Steps: []*core.Step{boundToFolders(
			partition.Step(StepImport, chunk.Step("importFile", importFile), sites(),
				partition.Options{Reduce: mergeSites}),
		)},
	}
}

// batch is what the parameters say.
type batch struct {
	date          string // yyyy-mm-dd
	input, output string // folders
	skipLimit     int64
}

func newBatch(s *core.Scope) (b batch, err error) {
	ps := s.Parameters()
	at, _, err := ps.Date(paramDate)
	if err != nil {
		return b, err
	}
	b.date = at.In(s.Repo.Zone()).Format(time.DateOnly)
	if b.input, _, err = ps.String(paramInput); err != nil {
		return b, err
	}
	if b.output, _, err = ps.String(paramOutput); err != nil {
		return b, err
	}
	b.skipLimit, _, err = ps.Long(paramSkipLimit)
	return b, err
}

// of returns the file of a site's normal readings, which is there until all
// sites are merged.
func (b batch) of(site string) string {
	return filepath.Join(b.output, "readings-"+b.date+"-"+site+".csv")
}

// writer says how normal readings are written, to the file of a site and to that
// of all sites.
func (b batch) writer(s *core.Scope, path string) csvfile.WriterConfig {
	return csvfile.WriterConfig{Path: path, Columns: normalColumns(), Mode: outputMode, Scope: s}
}

// sites makes a part of every file, named after its site, and binds the instance
// to its folders.
func sites() core.Partitioner {
	files := partition.Files(func(s *core.Scope) (string, error) {
		b, err := newBatch(s)
		return filepath.Join(literally(b.input), inputPrefix+"*"+inputSuffix), err
	}, partition.FilesOptions{})
	return partition.Adapt(files, prepareSites)
}

func prepareSites(_ context.Context, s *core.Scope, parts []core.Partition, found error) ([]core.Partition, error) {
	b, err := newBatch(s)
	if err != nil {
		return nil, err
	}
	if found != nil {
		return nil, noInput(s, b, found)
	}
	for i := range parts {
		name, _, err := parts[i].Context.String(partition.KeyFileName)
		if err != nil {
			return nil, err
		}
		parts[i].Name = strings.TrimSuffix(strings.TrimPrefix(name, inputPrefix), inputSuffix)
	}
	if err := os.MkdirAll(b.output, 0o755); err != nil { //nolint:gosec // the readings are for others to read
		return nil, fmt.Errorf("make the output folder: %w", err)
	}
	bindFolders(s, b)
	return parts, nil
}

// literally returns a pattern that matches dir and nothing else.
func literally(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// importFile binds the chunk step that s is a part of: its file, and an output
// and rejects of its own.
func importFile(s *core.Scope) (core.StepBody, error) {
	b, err := newBatch(s)
	if err != nil {
		return nil, err
	}
	path, _, err := s.Context.String(partition.KeyFile)
	if err != nil {
		return nil, err
	}
	rejected, _, err := s.Context.Int64(keyRejected)
	if err != nil {
		return nil, err
	}
	site := s.Partition()
	reader := csvfile.NewReader(csvfile.ReaderConfig{Path: path, Columns: readingColumns()}, parseReading)
	writer := csvfile.NewWriter(b.writer(s, b.of(site)), (*normal).encode)
	return chunk.New(reader, normaliser{site: site, date: b.date}, writer, chunk.Options{
		Skip: core.LimitSkipPolicy{
			ErrorClasses: core.ErrorClasses{Include: []string{core.ClassReadParse, core.ClassProcessValidation}},
			Max:          b.skipLimit,
			Earlier:      rejected,
		},
		Rejects: rejects.New(rejects.Config{
			Path: filepath.Join(b.output, "rejects-"+b.date+"-"+site+".jsonl"), Name: nameRejects, Scope: s,
		}),
	}), nil
}

// mergeSites puts the files of the sites together.
func mergeSites(ctx context.Context, s *core.Scope, parts []core.Partition) error {
	b, err := newBatch(s)
	if err != nil {
		return err
	}
	files := make([]csvfile.MergePart, len(parts))
	for i, part := range parts {
		ec, err := partition.ContextOf(ctx, s, part)
		if err != nil {
			return err
		}
		files[i] = csvfile.MergePart{Path: b.of(part.Name), Context: ec}
	}
	return csvfile.Merge(ctx, b.writer(s, filepath.Join(b.output, "readings-"+b.date+".csv")), files)
}
