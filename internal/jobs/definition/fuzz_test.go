package definition_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// Whatever a file holds, it is read or refused: every problem is harmless and
// has a place in the file, and what is refused once is refused again.
func FuzzParse(f *testing.F) {
	for _, folder := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	for _, text := range []string{"\ufeffjob: x", "? {a: b}\n: c", "--- >\n #{\n", "job: |2\n   a\n #{x", "a: 'b\n #{c'd'", "- - - - x", "\u0085", "%TAG ! x\n---\n!a b"} {
		f.Add(text)
	}
	parser := definition.NewParser(catalog())
	f.Fuzz(func(t *testing.T, text string) {
		file := parser.Parse("x.yaml", []byte(text))
		checkProblems(t, file)
		if file.Problems == nil && (file.Name() == "" || len(file.Job.Steps) == 0) {
			t.Errorf("accepted without a name or steps: %q", text)
		}
		if said := file.Problems.Error(); core.EscapeControl(said) != said || strings.Contains(said, "\n") {
			t.Errorf("got error %q", said)
		}
		if again := parser.Parse("x.yaml", []byte(text)); again.Problems.Text() != file.Problems.Text() {
			t.Error("the same text has other problems the second time")
		}
	})
}
