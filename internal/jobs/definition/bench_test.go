package definition_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// What two hundred definitions add to the start of the program: of the usual
// size, and such as have every key that there is.
func BenchmarkLoad(b *testing.B) {
	for _, file := range []string{"import.yaml", "everything.yaml"} {
		b.Run(file, func(b *testing.B) {
			dir := b.TempDir()
			text, err := os.ReadFile(filepath.Join("testdata", "good", file))
			if err != nil {
				b.Fatal(err)
			}
			_, rest, _ := bytes.Cut(text, []byte("\n"))
			for i := range 200 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.yaml", i)), fmt.Appendf(nil, "job: job%d\n%s", i, rest), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				set := definition.NewParser(catalog()).Load([]string{dir}, nil)
				if err := set.Problems.Err(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(text)), "bytes/file")
		})
		b.Run("index/"+file, func(b *testing.B) {
			dir := b.TempDir()
			text, err := os.ReadFile(filepath.Join("testdata", "good", file))
			if err != nil {
				b.Fatal(err)
			}
			for i := range 200 {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.yaml", i)), text, 0o600); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if got := definition.NewParser(catalog()).Index([]string{dir}); len(got) != 200 || got[0].Name == "" {
					b.Fatal(got)
				}
			}
		})
	}
}
