package flow_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/flow"
)

// problems returns the lines of what Check says, without the job's name.
func problems(t *testing.T, job *core.Job) []string {
	t.Helper()
	err := flow.Check(job)
	if err == nil {
		return nil
	}
	wantError(t, err, core.ErrJobDefinition)
	var lines []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		rest, ok := strings.CutPrefix(line, `job "nightly": `)
		if !ok {
			t.Errorf("the line %q does not name the job", line)
		}
		lines = append(lines, rest)
	}
	return lines
}

// stops gives e a stop with a restart.
func stops(e element, restart string) element {
	return with(e, transition{To: core.ToStop, Restart: restart})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	b := &bundle{}
	long := strings.Repeat("x", core.MaxName+1)
	partitioned := b.step("p")
	partitioned.Worker = flowStep("w", b.el("a"))
	for _, tt := range []struct {
		name string
		job  *core.Job
		want []string
	}{
		{"FLOW-01 no elements", job(), []string{"the job has neither steps nor a flow"}},
		{"FLOW-01 an empty nested flow", job(element{Name: "f", Flow: []element{}}), []string{`flow "f" is empty`}},
		{"FLOW-01 an empty flow step", simpleJob(flowStep("f")), []string{`flow step "f" is empty`}},
		{"FLOW-02 an unknown target", job(on(b.el("a"), "*", "repiar"), b.el("repair")), []string{
			`element "a": transition on "*" to "repiar": there is no such element; did you mean "repair"?`,
		}},
		{"FLOW-02 an unknown next", job(then(b.el("a"), "z")), []string{`element "a": next "z": there is no such element`}},
		{"FLOW-02 a misspelt end", job(on(b.el("a"), "", "END")), []string{
			`element "a": transition on "*" to "END": there is no such element; did you mean "end"?`,
		}},
		{"FLOW-02 no target", job(on(b.el("a"), "X", "")), []string{
			`element "a": transition on "X" to nowhere: it needs the name of an element, or end, fail or stop`,
		}},
		{"a target within a nested flow", job(then(b.el("a"), "c"), nested("f", b.el("b"), b.el("c"))), []string{
			`element "a": next "c": it is an element of flow "f", and cannot be reached from the job's outermost level`,
		}},
		{"a target outside of a nested flow", job(nested("f", then(b.el("a"), "b")), b.el("b")), []string{
			`element "a": next "b": it is an element of the job's outermost level, and cannot be reached from flow "f"`,
		}},
		{"a target that is a step and no element", job(then(b.el("a"), "b"), element{Name: "load", Step: b.step("b")}), []string{
			`element "a": next "b": that is the step of element "load"; name the element`,
		}},
		{"next is no word", job(then(b.el("a"), core.ToEnd)), []string{
			`element "a": next "end" is no element; to end the job there, write a transition to it`,
		}},
		{"FLOW-03 FLOW-56 a circle, and no end", job(then(b.el("a"), "b"), then(b.el("b"), "a")), []string{
			`the job's outermost level goes round in a circle: "a" -> "b" -> "a"`,
			`no way leads from element "a" of the job's outermost level to an end`,
			`no way leads from element "b" of the job's outermost level to an end`,
		}},
		{"FLOW-56 a circle with an end", job(nested("f", on(on(b.el("a"), "AGAIN", "a"), "*", core.ToEnd))), []string{
			`flow "f" goes round in a circle: "a" -> "a"`,
		}},
		{"FLOW-14 the same pattern twice", job(on(on(b.el("a"), "X", core.ToEnd), "X", core.ToFail)), []string{
			`element "a": transition on "X": there is another on the same pattern before it`,
		}},
		{"FLOW-14 the same pattern twice, once unwritten", job(on(on(b.el("a"), "", core.ToEnd), "*", core.ToFail)), []string{
			`element "a": transition on "*": there is another on the same pattern before it`,
		}},
		{"FLOW-08 a pattern without wildcards that is hidden", job(on(on(b.el("a"), "CON*", core.ToEnd), "CONX", core.ToFail)), []string{
			`element "a": transition on "CONX": it is never taken, because "CON*" before it takes all that it would`,
		}},
		{"FLOW-09 a pattern that is hidden", job(on(on(b.el("a"), "CON*", core.ToEnd), "CON?", core.ToFail)), []string{
			`element "a": transition on "CON?": it is never taken, because "CON*" before it takes all that it would`,
		}},
		{"FLOW-38 a split without branches", job(element{Name: "s", Split: []element{}}), []string{`split "s" has no branches`}},
		{"branches lead nowhere", job(split("s", 0, then(b.el("a"), "b"), on(b.el("b"), "*", "a"))), []string{
			`branch "a" of split "s" has next "b": a branch leads nowhere, the split does`,
			`branch "b" of split "s" has transitions: a branch leads nowhere; put it into a flow, or the transitions to the split`,
		}},
		{"branches are steps or flows", job(split("s", -1, b.decide("d", "x"), split("t", 0, b.el("a")))), []string{
			`split "s": threads is -1; it must be 0, for all at once, or more`,
			`branch "d" of split "s" must be a step or a flow: put it into a flow`,
			`branch "t" of split "s" must be a step or a flow: put it into a flow`,
		}},
		{"what a branch does is looked at", job(split("s", 0, nested("f", then(b.el("a"), "b")))), []string{
			`element "a": next "b": there is no such element`,
		}},
		{"threads without a split", job(element{Step: b.step("a"), Threads: 2}), []string{
			`element "a": threads 2 means nothing here: it is no split`,
		}},
		{"an element that does nothing", job(element{Name: "a"}), []string{
			`element "a" does nothing: it must be a step, a flow, a split or a decision`,
		}},
		{"an element that does several things", job(element{Name: "a", Step: b.step("a"), Flow: []element{b.el("b")}}), []string{
			`element "a" is a flow and a step at once: it must be one of them`,
		}},
		{"a decision without transitions", job(b.decide("d", "x")), []string{
			`decision "d" has no transitions, so its answer says no way`,
		}},
		{"an element that is never reached", job(on(b.el("a"), "*", "c"), b.el("b"), b.el("c")), []string{
			`element "b" of the job's outermost level is never reached: nothing leads to it from "a", the first`,
		}},
		{"a restart reaches its target", job(
			nested("f", with(b.el("a"), transition{To: core.ToStop, Restart: "b"})), then(b.el("b"), "c"), b.el("c"),
			on(b.el("z"), "*", core.ToEnd)), []string{
			`element "z" of the job's outermost level is never reached: nothing leads to it from "f", the first`,
		}},
		{"a name that is used twice", job(
			nested("a", b.el("b")), split("s", 0, nested("f", b.el("a"))), element{Name: "c", Step: b.step("b")}), []string{
			`the name "a" is used twice, in the job's outermost level and in flow "f"`,
			`the name "b" is used twice, in flow "a" and in the job's outermost level`,
		}},
		{"a name that a flow step uses again", simpleJob(b.step("a"), flowStep("f", b.el("a"))), []string{
			`the name "a" is used twice, in the job's outermost level and in flow step "f"`,
		}},
		{"names", job(b.el("stop"), nested("", b.el("a")), nested("b:c", b.el("d")), nested(long, b.el("e"))), []string{
			`element "stop": the name is taken by what ends a job; choose another`,
			`an element of the job's outermost level has no name`,
			`element "b:c": the name must not contain ":", which stands before the name of a part`,
			`element ` + core.Quote(long) + `: the name must have 1 to 100 characters`,
		}},
		{"restart without stop", job(with(b.el("a"), transition{To: core.ToFail, Restart: "a"})), []string{
			`element "a": transition on "*": restart "a" means nothing here: only a stop has it`,
		}},
		{"restart within a flow", job(nested("fl", with(b.el("a"), transition{To: core.ToStop, Restart: "f"}))), []string{
			`element "a": transition on "*": restart "f" is no element of the job's outermost level; did you mean "fl"?`,
		}},
		{"FLOW-22 branches that restart at different elements", job(
			split("s", 1,
				nested("f", stops(b.el("a"), "c")), b.el("e"),
				nested("g", on(then(b.el("b"), "t"), "X", core.ToStop), split("t", 1, nested("h", stops(b.el("i"), "d"))))),
			b.el("c"), b.el("d")), []string{
			`element "i": transition on "*": restart "d" is not that of element "a" in another branch of split "s", which is "c": ` +
				`when both stop the job, a restart would pass one of them over; they must name the same element`,
		}},
		{"FLOW-22 branches that restart at the same element, and one that restarts at several", job(
			split("s", 1, nested("f", stops(b.el("a"), "c")), nested("g", stops(b.el("b"), "c"))),
			split("t", 1, nested("h", then(with(b.el("e"), transition{On: "X", To: core.ToStop, Restart: "c"}), "i"), stops(b.el("i"), "d")), b.el("k")),
			b.el("c"), b.el("d")), nil},
		{"an exit code without an end", job(with(b.el("a"), transition{To: "b", ExitCode: "X"}), b.el("b")), []string{
			`element "a": transition on "*": the exit code "X" means nothing here: only end, fail and stop give the job one`,
		}},
		{"an end within a flow step", simpleJob(flowStep("f", nested("g", on(b.el("a"), "X", core.ToFail)))), []string{
			`element "a": transition on "X": fail ends the job, which nothing in a flow step can; use a nested flow instead of the flow step`,
		}},
		{"a flow step as the worker of a partitioned one", simpleJob(partitioned), []string{
			`step "p": a flow step cannot be partitioned: its steps would have the same names in every part`,
		}},
		{"everything at once", job(
			then(b.el("a"), "x"), nested("f", on(on(b.el("b"), "*", "c"), "X", core.ToEnd), then(b.el("c"), "b"))), []string{
			`element "a": next "x": there is no such element`,
			`element "b": transition on "X": it is never taken, because "*" before it takes all that it would`,
			`flow "f" goes round in a circle: "b" -> "c" -> "b"`,
		}},
		{"a good one", job(
			on(then(b.el("a"), "f"), "FAILED", "f"), on(then(nested("f", b.el("b"), element{Name: "c", Step: b.step("c2")}), "s"), "FAILED", "d"),
			with(b.decide("d", "x"), transition{On: "R?", To: core.ToStop, Restart: "d", ExitCode: "WAIT"}),
			split("s", 2, b.el("e"), element{Step: flowStep("g", b.el("h"))})), nil},
		{"a simple job", simpleJob(b.step("a"), b.step("end")), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := problems(t, tt.job)
			if diff := cmp.Diff(strings.Join(tt.want, "\n"), strings.Join(got, "\n")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckKinds(t *testing.T) {
	t.Parallel()
	b := &bundle{}
	err := flow.Check(job(then(b.el("a"), "x")))
	e, ok := errors.AsType[*core.Error](err)
	if !ok || !errors.Is(e.Kind, core.ErrJobDefinition) {
		t.Errorf("got %#v, want a *core.Error of kind ErrJobDefinition", err)
	}
}
