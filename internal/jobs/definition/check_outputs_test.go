package definition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// No chunk writes over its definition, nor rejects that nobody could read: the
// definition is refused, or the step where the name is known late.
func TestUnfitOutputs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, out, rejects, says string }{
		{"the definition", "x/../job.yaml", "r.jsonl", "the writer would write over the definition itself"},
		{"rejects over the definition", "out.csv", "job.yaml", "the rejects would write over the definition itself"},
		{"packed rejects", "out.csv", "r.jsonl.gz", "rejects are written as plain JSON lines, and "},
		{"rejects packed otherwise", "out.csv", "r.zst", "r.zst\" would be read as zstd"},
		{"a packed output", "out.csv.gz", "r.jsonl", ""},
	} {
		const steps = "steps:\n  - step: load\n    chunk:\n      reader: {csv: {file: in.csv, types: {id: long}}}\n      writer: {csv: {file: OUT}}\n      skip: {limit: 1, include: [read.parse], to: REJECTS}\n"
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "id\n1\n")
			st.write("job.yaml", "job: unfit\n"+strings.NewReplacer("OUT", tt.out, "REJECTS", tt.rejects).Replace(steps))
			if got := st.compile(); tt.says == "" && len(got) > 0 || tt.says != "" && (len(got) != 1 || !strings.Contains(got.Error(), tt.says)) {
				t.Errorf("got %v, want %q", got, tt.says)
			}
		})
		t.Run(tt.name+", known late", func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "id\n1\n")
			st.write("job.yaml", "job: unfit\nparameters: {out: {}, rejects: {}}\n"+
				strings.NewReplacer("OUT", `"#{jobParameters['out']}"`, "REJECTS", `"#{jobParameters['rejects']}"`).Replace(steps))
			_, err := st.run("unfit", "out="+tt.out, "rejects="+tt.rejects)
			if tt.says == "" && err != nil || tt.says != "" && (!errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}
