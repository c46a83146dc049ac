package outfile

import (
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// FileOptions are the options of every writer of files.
func FileOptions() []component.Option {
	return []component.Option{
		{Name: "file", Type: component.Path, Late: true, Required: true, Help: "The file to write; it appears whole, at the end of the step. Until then FILE.part has what is committed, and no other run takes it."},
		{Name: "overwrite", Type: component.Bool, Default: "true", Help: "Replace a file that is there; false refuses before anything is read."},
		{Name: "shared", Type: component.Bool, Default: "false", Help: "Let others read the file: mode 0644 instead of 0600."},
	}
}

// FileConfig returns what FileOptions say, for a writer of the step that s runs.
func FileConfig(s *core.Scope, v component.Values, name string) Config {
	cfg := Config{Path: v.Text("file"), KeepExisting: !v.Bool("overwrite"), Name: name, Owner: partfile.OwnerOf(s)}
	if v.Bool("shared") {
		cfg.Mode = 0o644
	}
	return cfg
}

// LineEndOption is the option of the formats that leave a choice.
func LineEndOption() component.Option {
	return component.Option{Name: "line-end", Type: component.Enum, Values: []string{"lf", "crlf"}, Default: "lf", Help: "What ends a line."}
}
