package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/render"
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

func newValidateCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "validate [FILE ...]",
		Short: "Check job definitions without running anything",
		Long: `Check files of job definitions, or all files of the folders of --jobs: every
problem with its place, the line and what was probably meant. The jobs that a file
runs are looked for beside it, in the folders of --jobs, and among those that are
built in. Nothing is run and nothing is written. Exit code 64 when there is a
problem. What may be meant, and is a mistake more often, is told in a warning.`,
		Example: "  batchctl validate\n  batchctl validate jobs/import.yaml",
		RunE:    func(_ *cobra.Command, args []string) error { return runValidate(a, args) },
	}
}

func runValidate(a *app, files []string) error {
	registry, err := a.compiled()
	if err != nil {
		return err
	}
	if err := a.refuseNoFiles(files); err != nil {
		return err
	}
	folders := a.jobFolders()
	if len(files) == 0 && len(folders) == 0 {
		return usageError("name files, or a folder with --jobs FOLDER", "validate: there is no folder of definitions")
	}
	jobs, problems, warnings := a.validated(registry, folders, files)
	if err := a.showProblems(jobs, problems, warnings); err != nil {
		return err
	}
	if len(problems) > 0 {
		return &core.Error{Kind: errInvalid, Err: problems}
	}
	return nil
}

// refuseNoFiles refuses words that name no file: a folder, and standard input.
func (a *app) refuseNoFiles(words []string) error {
	for _, word := range words {
		if word == "-" {
			return usageError("write it to a file, and name that: "+core.ShellQuote("batchctl", "validate", "FILE.yaml"),
				"validate: a definition is a file, whose folder its paths begin at; standard input has none")
		}
		if info, err := os.Stat(word); err == nil && info.IsDir() && filepath.Ext(word) == "" {
			return usageError(core.ShellQuote("batchctl", "validate", "--jobs", word), "validate: %s is a folder", core.QuotePath(word))
		}
	}
	return nil
}

// validated compiles files together with those that they run, and returns the
// jobs, the problems and the warnings of files alone; without files, of the folders.
func (a *app) validated(registry *launch.JobRegistry, folders, files []string) (jobs int, problems, warnings definition.Problems) {
	builtIn := registry.Jobs()
	parser := definition.NewParser(all.Catalog())
	if len(files) == 0 {
		set := parser.Load(folders, jobNames(builtIn))
		made, problems := definition.Jobs(set, builtIn, a.definitionEnvironment())
		for _, f := range set.Files {
			warnings = append(warnings, warningsOf(f, problems)...)
		}
		return len(made), problems, warnings
	}
	set := parser.FindAll(files, folders, jobNames(builtIn))
	_, all := definition.Jobs(set, builtIn, a.definitionEnvironment())
	for _, path := range files {
		found := false
		for _, p := range all {
			if p.File == path {
				problems, found = append(problems, p), true
			}
		}
		if found {
			continue
		}
		jobs++
		for _, f := range set.Files {
			if samePath(f.Path, path) {
				warnings = append(warnings, warningsOf(f, all)...)
			}
		}
	}
	return jobs, problems, warnings
}

// warningsOf returns the warnings of a file that has no problems.
func warningsOf(f *definition.File, problems definition.Problems) definition.Problems {
	if slices.ContainsFunc(problems, func(p definition.Problem) bool { return p.File == f.Path }) {
		return nil
	}
	return definition.Warnings(f)
}

func samePath(a, b string) bool {
	first, err := filepath.Abs(a)
	if err != nil {
		return false
	}
	second, err := filepath.Abs(b)
	return err == nil && first == second
}

// showProblems writes the result.
func (a *app) showProblems(jobs int, problems, warnings definition.Problems) error {
	for _, w := range warnings {
		a.say("warning: %s: %s; %s", w.Where(), core.EscapeControl(w.Message), core.EscapeControl(w.Hint))
	}
	switch render.Format(a.settings.Output) {
	case render.FormatJSON, render.FormatJSONL:
		if problems == nil {
			problems = definition.Problems{}
		}
		if warnings == nil {
			warnings = definition.Problems{}
		}
		enc := json.NewEncoder(a.streams.Out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			SchemaVersion int                  `json:"schemaVersion"`
			Valid         int                  `json:"valid"`
			Problems      []definition.Problem `json:"problems"`
			Warnings      []definition.Problem `json:"warnings"`
		}{1, jobs, problems, warnings})
	case render.FormatTable, render.FormatCSV:
	}
	if len(problems) > 0 {
		_, err := fmt.Fprintf(a.streams.Out, "%s\n", problems.Text())
		return err
	}
	_, err := fmt.Fprintf(a.streams.Out, "%s without problems\n", plural(jobs, "definition"))
	return err
}
