package definition_test

import (
	"strings"
	"testing"
)

// hintsOf returns what is said about a definition, with the hints.
func hintsOf(t *testing.T, text string) (said []string) {
	t.Helper()
	st := newStage(t)
	st.write("job.yaml", text)
	for _, p := range st.compile() {
		said = append(said, lineAndMessage(p)+" = "+p.Hint)
	}
	return said
}

// indented is steps as those of a flow.
func indented(steps string) string { return strings.ReplaceAll("    "+steps, "\n", "\n    ") + "\n" }

const (
	runsTrue = "\n    exec: {command: [\"true\"]}\n"
	explicit = "transitions or next anywhere in a level make all ways in it explicit: write "
)

// What the hint tells leads through all of the level: to an element that is reached
// already too, for else the one before it would end the job. No way is told that
// is there, or that nothing would go.
func TestNeverReachedTellsTheWholeChain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, steps, want string }{
		{
			"up to a target", "  - step: a" + runsTrue + "    transitions: [{on: X, to: d}]\n" +
				"  - step: b" + runsTrue + "  - step: c" + runsTrue + "  - step: d" + runsTrue,
			`next: b below "a", next: c below "b" and next: d below "c" (else "c" ends the job)`,
		},
		{
			"in a flow", "  - flow: f\n    steps:\n" + indented("  - step: a"+runsTrue+"    transitions: [{on: X, to: c}]\n"+
				"  - step: b"+runsTrue+"  - step: c"+runsTrue),
			`next: b below "a" and next: c below "b" (else "b" ends the flow)`,
		},
		{
			"a way that is there", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETED, to: end}]\n" +
				"  - step: b" + runsTrue + "    transitions: [{on: FAILED, to: end}, {on: OK, to: c}]\n  - step: c" + runsTrue,
			``,
		},
		{
			"a long one", "  - step: a" + runsTrue + "    transitions: [{on: X, to: end}]\n" + strings.Join([]string{
				"  - step: b", "  - step: c", "  - step: d", "  - step: e", "  - step: f", "  - step: g", "  - step: h", "  - step: i", "  - step: j", "",
			}, runsTrue),
			`next: b below "a", next: c below "b", next: d below "c", next: e below "d", next: f below "e", next: g below "f", ` +
				`next: h below "g" and so on, down to next: j below "i"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			said := hintsOf(t, "job: x\nsteps:\n"+tt.steps)
			want := ""
			if tt.want != "" {
				want = explicit + tt.want
			}
			if len(said) != 1 || !strings.Contains(said[0], "never reached") || !strings.HasSuffix(said[0], " = "+want) {
				t.Errorf("got\n%s\nwant %q", strings.Join(said, "\n"), want)
			}
		})
	}
}
