package definition_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// The samples are read without a complaint, name each other, and begin with the
// comment by which editors find the schema.
func TestSamples(t *testing.T) {
	t.Parallel()
	set := definition.NewParser(realCatalog()).Load([]string{filepath.Join("..", "..", "..", "testdata", "jobs")}, nil)
	if set.Problems != nil {
		t.Error(set.Problems.Text())
	}
	if len(set.Files) != 7 {
		t.Errorf("got %d samples, want 7", len(set.Files))
	}
	for _, f := range set.Files {
		if warnings := definition.Warnings(f); warnings != nil {
			t.Error(warnings.Text())
		}
		if !strings.HasPrefix(f.Text, "# yaml-language-server: $schema=batchctl.schema.json\n") {
			t.Errorf("%s does not begin with the comment for editors", f.Path)
		}
		if f.Job.Description.Value == "" || !strings.Contains(f.Text, "batchctl ") {
			t.Errorf("%s does not say what it is for, or how it is run", f.Path)
		}
		for _, command := range commandsOf(f.Job.Steps) {
			if !strings.Contains(command, "/") {
				continue // of the system
			}
			if info, err := os.Stat(filepath.Join(filepath.Dir(f.Path), command)); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s: the command %s cannot be run: %v", f.Path, command, err)
			}
		}
	}
}

func commandsOf(elements []definition.Element) []string {
	var all []string
	for _, e := range elements {
		if e.Exec != nil && len(e.Exec.Command) > 0 {
			all = append(all, e.Exec.Command[0].Value)
		}
		all = append(all, commandsOf(e.Steps)...)
		all = append(all, commandsOf(e.Flows)...)
	}
	return all
}
