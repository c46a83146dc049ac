package definition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
)

// A total goes on with what it knew, wherever it stands among the others, and one
// that a step has not begun with is refused: it would be of the rest only.
func TestTotalsOfANewDefinition(t *testing.T) {
	t.Parallel()
	const text = `
job: totals
steps:
  - step: load
    chunk:
      size: 2
      reader: {csv: {file: in.csv, types: {id: long, qty: long}}}
      writer: {csv: {file: out.csv, columns: [id]}, footer-template: "FOOTER"}
      expect: EXPECT
`
	const (
		count, sum = `{total: count, equals: "5"}`, `{total: sum(qty), equals: "50"}`
		plain      = "END #{total['count']}"
	)
	for _, tt := range []struct {
		name, before, after string
		footer              string // the new one; empty: as before
		refused             string // none: it completes
	}{
		{name: "in another order", before: count + "," + sum, after: sum + "," + count},
		{name: "one less, the first", before: count + "," + sum, after: sum},
		{name: "another value", before: `{total: sum(qty), equals: "5"}`, after: sum},
		{name: "the same twice", before: count, after: count + "," + count},
		{name: "one more", before: count, after: count + "," + sum, refused: "total sum(qty) of the records read"},
		{name: "one for another", before: count, after: sum, refused: "total sum(qty) of the records read"},
		{name: "another condition", before: count, after: `{total: count, where: "qty > 0", equals: "5"}`, refused: "total count where qty > 0 of"},
		{name: "of other records", before: count, after: `{total: count, of: written, equals: "5"}`, refused: "total count of the records written"},
		{name: "in a footer", before: count, after: count, footer: "END #{total['sum(id)']}", refused: "total sum(id) of a footer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			define := func(totals, footer string) {
				st.write("job.yaml", strings.NewReplacer("EXPECT", "["+totals+"]", "FOOTER", footer).Replace(text))
			}
			st.write("in.csv", "id,qty\n1,10\n2,10\n3,10\n4,10\nx,10\n")
			define(tt.before, plain)
			if _, err := st.run("totals"); err == nil {
				t.Fatal("it did not fail at the bad record")
			}
			st.write("in.csv", "id,qty\n1,10\n2,10\n3,10\n4,10\n5,10\n")
			footer := plain
			if tt.footer != "" {
				footer = tt.footer
			}
			define(tt.after, footer)
			_, err := st.rerun("totals", launch.Options{NewDefinition: true})
			if tt.refused == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), tt.refused) ||
				!strings.Contains(err.Error(), "(chunks committed: 2)") || !strings.Contains(core.Hint(err), "leave it as it was, or out") {
				t.Errorf("error %v, hint %q", err, core.Hint(err))
			}
			define(tt.before, plain)
			if _, err := st.rerun("totals", launch.Options{NewDefinition: true}); err != nil {
				t.Errorf("as it was: %v", err)
			}
		})
	}
	t.Run("left out, and put back later", func(t *testing.T) {
		t.Parallel()
		st := newStage(t)
		const fails = "id,qty\n1,10\n2,10\nx,10\n4,10\n5,10\n"
		for _, phase := range []struct{ input, totals string }{
			{fails, count + "," + sum}, {strings.ReplaceAll(strings.ReplaceAll(fails, "x,", "3,"), "5,", "x,"), count},
		} {
			st.write("in.csv", phase.input)
			st.write("job.yaml", strings.NewReplacer("EXPECT", "["+phase.totals+"]", "FOOTER", plain).Replace(text))
			_, err := st.rerun("totals", launch.Options{NewDefinition: true})
			if err == nil || errors.Is(err, core.ErrCheckpointMismatch) {
				t.Fatalf("error %v, want that of a bad record", err)
			}
		}
		st.write("in.csv", strings.ReplaceAll(fails, "x,", "3,"))
		st.write("job.yaml", strings.NewReplacer("EXPECT", "["+count+","+sum+"]", "FOOTER", plain).Replace(text))
		_, err := st.rerun("totals", launch.Options{NewDefinition: true})
		if !errors.Is(err, core.ErrCheckpointMismatch) || !strings.Contains(err.Error(), "total sum(qty)") {
			t.Errorf("error %v", err)
		}
	})
}
