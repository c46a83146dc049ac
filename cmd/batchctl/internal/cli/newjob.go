package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/definition/scaffold"
)

type newOptions struct {
	job, from, dir, encoding string
	force                    bool
}

func newNewCmd(a *app) *cobra.Command {
	o := &newOptions{}
	cmd := &cobra.Command{
		Use:   "new JOB --from FILE.csv",
		Short: "Write the definition of a job that imports a file like this one",
		Long: `Look at a CSV file and write the definition of a job that imports it: into a
table of the repository's database, with the types that the columns seem to have,
restartable, and with a file for bad records. It runs as it is, and is yours to
change. A file that is there is never overwritten without --force.`,
		Example: "  batchctl new customers --from customers.csv",
		Args:    exactly(1, "name of the job"),
		RunE: func(_ *cobra.Command, args []string) error {
			o.job = args[0]
			return runNew(a, o)
		},
	}
	cmd.Flags().StringVar(&o.from, "from", "", "the CSV `file` to look at")
	cmd.Flags().StringVar(&o.dir, "dir", "", "the `folder` to write to (default the folder of definitions, else jobs)")
	cmd.Flags().StringVar(&o.encoding, "encoding", "", "the `encoding` of the file, as windows-1252 or euc-kr (default utf-8)")
	cmd.Flags().BoolVar(&o.force, "force", false, "overwrite the definition if it is there")
	return cmd
}

func runNew(a *app, o *newOptions) error {
	verb := "new " + o.job
	if o.from == "" {
		return usageError("batchctl new "+core.ShellQuote(o.job)+" --from FILE.csv", "%s: no data file is given", verb)
	}
	if err := fileNameOf(verb, o.job); err != nil {
		return err
	}
	guess, err := scaffold.Look(o.from, o.encoding)
	if err != nil {
		return &core.Error{Kind: errUsage, Err: &core.Error{Op: verb, Err: err}}
	}
	dir := o.folder(a)
	path := filepath.Join(dir, o.job+".yaml")
	text := guess.Definition(o.job, o.from)
	if err := a.checkNew(verb, path, text); err != nil {
		return err
	}
	schema, err := o.write(verb, path, text)
	if err != nil {
		return err
	}
	return a.showNew(o, path, schema, guess)
}

// folder is where the definition goes: the first folder of those that there are.
func (o *newOptions) folder(a *app) string {
	if o.dir != "" {
		return o.dir
	}
	if folders := a.jobFolders(); len(folders) > 0 {
		return folders[0]
	}
	return "jobs"
}

// fileNameOf refuses the name of a job that could not be that of its file.
func fileNameOf(verb, job string) error {
	if job == "" || strings.ContainsAny(job, "/\\") || strings.HasPrefix(job, ".") || strings.HasPrefix(job, "-") {
		return usageError("letters, digits and dashes make a good name", "%s: %s cannot be the name of a job and of its file", verb, core.Quote(job))
	}
	return nil
}

// checkNew compiles the definition beside all others before anything is written.
func (a *app) checkNew(verb, path, text string) error {
	registry, err := a.compiled()
	if err != nil {
		return err
	}
	builtIn := registry.Jobs()
	parser := definition.NewParser(all.Catalog())
	set := &definition.Set{Files: []*definition.File{parser.Parse(path, []byte(text))}}
	for _, l := range parser.Index(a.jobFolders()) {
		if !samePath(l.Path, path) && l.Name != "" && l.Name == set.Files[0].Name() {
			return usageError("choose another name", "%s: there is a job of that name in %s", verb, core.QuotePath(l.Path))
		}
	}
	for _, job := range builtIn {
		if job.Name == set.Files[0].Name() {
			return usageError("choose another name", "%s: there is a job of that name, and it is built into batchctl", verb)
		}
	}
	set.Problems = set.Files[0].Problems
	if _, problems := definition.Jobs(set, builtIn, a.definitionEnvironment()); len(problems) > 0 {
		return usageError(problems[0].Hint, "%s: no definition can be made of this: %s", verb, problems[0].Message)
	}
	return nil
}

// write writes the definition, and the schema beside it if there is none; schema
// is its path if it was written.
func (o *newOptions) write(verb, path, text string) (schema string, err error) {
	fail := func(err error) error {
		return &core.Error{Kind: errUsage, Err: &core.Error{Op: verb, Err: err, Hint: "give another folder with --dir FOLDER"}}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // definitions hold no secrets
		return "", fail(err)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	err = writeNew(path, flags, []byte(text))
	if errors.Is(err, fs.ErrExist) {
		return "", usageError("overwrite it with --force, or choose another name", "%s: %s is there already", verb, core.QuotePath(path))
	}
	if err != nil {
		return "", fail(err)
	}
	schema = filepath.Join(filepath.Dir(path), scaffold.SchemaFile)
	err = writeNew(schema, os.O_WRONLY|os.O_CREATE|os.O_EXCL, definition.NewParser(all.Catalog()).Schema())
	if errors.Is(err, fs.ErrExist) {
		return "", nil
	}
	if err != nil {
		return "", fail(err)
	}
	return schema, nil
}

func writeNew(path string, flags int, text []byte) error {
	f, err := os.OpenFile(path, flags, 0o644) //nolint:gosec // what the operator names, and no secret
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (a *app) showNew(o *newOptions, path, schema string, guess *scaffold.Guess) error {
	searched := slices.ContainsFunc(a.jobFolders(), func(folder string) bool { return samePath(folder, filepath.Dir(path)) })
	next := func(verb string, words ...string) string {
		line := a.calling(verb)
		if !searched {
			line = append(line, "--jobs", filepath.Dir(path))
		}
		return core.ShellQuote(slices.Concat(line, []string{verb}, words)...)
	}
	view := render.NewJob{
		JobName: o.job, Path: path, Schema: schema, Table: scaffold.Table(o.job),
		Delimiter: guess.Delimiter, Encoding: guess.Encoding, Header: guess.Header,
		Records: guess.Records, WholeFile: guess.All,
		Next: []string{
			next("validate", path),
			next("plan", o.job, "file="+o.from),
			next("run", o.job, "file="+o.from),
		},
	}
	for _, c := range guess.Columns {
		view.Columns = append(view.Columns, render.NewColumn{Name: c.Name, Type: c.Kind.String(), Column: c.To, Key: c.Name == guess.Key})
	}
	if err := a.printer(time.UTC).NewJob(view); err != nil {
		return err
	}
	for _, note := range guess.Notes() {
		a.say("note: %s", note)
	}
	for _, remark := range guess.Remarks() {
		a.say("warning: %s", remark)
	}
	return nil
}
