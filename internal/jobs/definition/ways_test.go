package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
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
			"up to a target, with ways", "  - step: a" + runsTrue + "    transitions: [{on: X, to: c}]\n" +
				"  - step: b" + runsTrue + "    transitions: [{on: \"*\", to: end}]\n  - step: c" + runsTrue,
			`next: b below "a"`,
		},
		{
			"in a flow", "  - flow: f\n    steps:\n" + indented("  - step: a"+runsTrue+"    transitions: [{on: X, to: c}]\n"+
				"  - step: b"+runsTrue+"  - step: c"+runsTrue),
			`next: b below "a" and next: c below "b" (else "b" ends the flow)`,
		},
		{
			"a way that is there", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETED, to: end}]\n" +
				"  - step: b" + runsTrue + "    transitions: [{on: FAILED, to: end}, {on: OK, to: c}]\n  - step: c" + runsTrue,
			`a way to "b" from an element before it`,
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

// A name that is nearly FAILED, STOPPED or COMPLETED has none of their meanings: a
// failure would pass for success, and a transition never be taken.
func TestNearMissesOfStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, steps, want string }{
		{"exit-codes", execWith("exit-codes: {0: COMPLETED, \"*\": FAILD}"), `4: the exit status "FAILD" would not mean FAILED`},
		{"exit-codes, cut off", execWith("exit-codes: {1: FAIL}"), `4: the exit status "FAIL" would not mean FAILED`},
		{"exit-codes, swapped", execWith("exit-codes: {0: COMPELTED}"), `4: the exit status "COMPELTED" would not mean COMPLETED`},
		{"exit-codes that only a * takes", execWith("exit-codes: {1: STOPED}") + "    transitions: [{on: FAILED, to: fail}, {on: \"*\", to: end}]\n", `4: the exit status "STOPED" would not mean STOPPED`},
		{"exit-codes with a way of their own", execWith("exit-codes: {1: STOP}") + "    transitions: [{on: STOP, to: stop}, {on: \"*\", to: end}]\n", ""},
		{"exit-codes with a pattern", execWith("exit-codes: {1: FAIL}") + "    transitions: [{on: \"FAIL*\", to: fail}]\n    next: z\n  - step: z" + runsTrue, ""},
		{"exit-codes of a hook", "  - step: a" + runsTrue + "    listeners: {after-step: {command: [\"true\"], exit-codes: {1: FAILDE}}}\n", `5: the exit status "FAILDE" would not mean FAILED`},
		{"words of their own", execWith("exit-codes: {0: FILED, 1: SKIPPED, 2: MAILED, 3: SHIPPED, 4: FAILOVER, 5: COMPLETED_LATE, 6: FAILED_ROWS, 7: STEPPED, 8: TIMEOUT}"), ""},
		{"a transition", "  - step: a" + runsTrue + "    transitions: [{on: FAILD, to: fail}, {on: COMPLETED, to: end}]\n", `5: nothing gives the exit status "FAILD", which the transition is on`},
		{"a transition, cut off", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETE, to: end}, {on: \"*\", to: fail}]\n", `5: nothing gives the exit status "COMPLETE", which the transition is on`},
		{"a transition in small letters", "  - step: a" + runsTrue + "    transitions: [{on: completed, to: end}, {on: \"*\", to: fail}]\n", `5: nothing gives the exit status "completed", which the transition is on`},
		{"a transition of a flow", "  - flow: f\n    steps: [{step: a, exec: {command: [\"true\"]}}]\n    transitions: [{on: Failed, to: fail}, {on: COMPLETED, to: end}]\n", `5: nothing gives the exit status "Failed", which the transition is on`},
		{"a transition in a flow", "  - flow: f\n    steps:\n" + indented("  - step: a"+runsTrue+"    transitions: [{on: STOPPD, to: fail}, {on: COMPLETED, to: end}]\n"), `7: nothing gives the exit status "STOPPD", which the transition is on`},
		{"a transition on what a script says", "  - step: a\n    exec: {command: 'echo exit-status=COMPLETE >> \"$BATCH_OUTPUT\"'}\n    transitions: [{on: COMPLETE, to: end}, {on: \"*\", to: fail}]\n", ""},
		{"a transition on what a command is told", "  - step: a\n    exec: {command: [sh, -c, 'echo exit-status=COMPLETE >> \"$BATCH_OUTPUT\"']}\n    transitions: [{on: COMPLETE, to: end}, {on: \"*\", to: fail}]\n", ""},
		{"a transition on what a variable says", "  - step: a\n    exec: {command: [\"true\"], env: {SAY: COMPLETE}}\n    transitions: [{on: COMPLETE, to: end}, {on: \"*\", to: fail}]\n", ""},
		{"a transition on what is said behind the parts", "  - step: a\n    partition: {values: [x], reduce: {exec: {command: [\"true\"], exit-codes: {1: COMPLETE}}}}" + runsTrue + "    transitions: [{on: COMPLETE, to: end}, {on: \"*\", to: fail}]\n", ""},
		{"exit-codes that a decision asks for", execWith("exit-codes: {1: FAIL}") + "    next: d\n  - decision: d\n    value: \"steps['a'].exitStatus == 'FAIL' ? 'A' : 'B'\"\n    transitions: [{on: A, to: end}, {on: B, to: fail}]\n", ""},
		{"a transition on another name", "  - step: a" + runsTrue + "    transitions: [{on: FAILED_ROWS, to: fail}, {on: \"FAIL?\", to: fail}, {on: \"COMPLETED\", to: end}]\n", ""},
		{"a decision", "  - decision: d\n    value: \"'COMPLETE'\"\n    transitions: [{on: COMPLETE, to: end}, {on: failed, to: fail}]\n", ""},
		{"a flow that a decision ends", "  - flow: f\n    steps: [{decision: d, value: \"'COMPLETE'\", transitions: [{on: X, to: end}], next: a}, {step: a, exec: {command: [\"true\"]}}]\n    transitions: [{on: COMPLETE, to: end}, {on: COMPLETED, to: end}]\n", ""},
		{"a transition on a status of a child", "  - step: a\n    job: {name: child}\n    transitions: [{on: COMPLETE, to: end}, {on: COMPLETED, to: end}]\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantSaid(t, "job: x\nsteps:\n"+tt.steps, tt.want)
		})
	}
}

// execWith is a step whose command has another key.
func execWith(key string) string {
	return "  - step: a\n    exec: {command: [\"true\"], " + key + "}\n"
}

// wantSaid compiles a definition, beside one of a job that is called child, and
// wants one problem that begins so, or none.
func wantSaid(t *testing.T, text, want string) {
	t.Helper()
	st := newStage(t)
	st.write("job.yaml", text)
	st.write("child.yaml", "job: child\nsteps:\n  - step: one"+runsTrue+"    transitions: [{on: \"*\", to: end, exit-status: COMPLETE}]\n")
	problems := st.compile()
	switch {
	case want == "" && len(problems) > 0:
		t.Errorf("got %s", problems.Text())
	case want != "" && (len(problems) != 1 || !strings.HasPrefix(lineAndMessage(problems[0]), want)):
		t.Errorf("got %s\nwant %s", problems.Text(), want)
	}
}

// An element that completes, and then knows no way, fails the job on the good night.
// What a command may say instead of COMPLETED is not known: see TestWarnings.
func TestNoWayForCompleted(t *testing.T) {
	t.Parallel()
	const sql = "\n    sql: {statements: [DELETE FROM t]}\n"
	const ways = "    transitions: [{on: DIFFERENT, to: z}, {on: FAILED, to: z}]\n"
	const last = "  - step: z" + runsTrue
	const says = `"a" has no way for COMPLETED, so that the job would fail when it completes`
	for _, tt := range []struct{ name, steps, want string }{
		{"a step with statements", "  - step: a" + sql + ways + last, "3: step " + says},
		{"a flow of them", "  - flow: a\n    steps: [{step: b, sql: {statements: [DELETE FROM t]}}]\n" + ways + last, "3: flow " + says},
		{"a split of them", "  - split: a\n    flows: [{flow: f, steps: [{step: b, sql: {statements: [DELETE FROM t]}}]}]\n" + ways + last, "3: split " + says},
		{"in a flow", "  - flow: f\n    steps:\n" + indented("  - step: a"+sql+ways+last), "5: step " + says},
		{"with next", "  - step: a" + sql + ways + "    next: z\n" + last, ""},
		{"with a pattern", "  - step: a" + sql + "    transitions: [{on: FAILED, to: z}, {on: \"C*\", to: end}]\n" + last, ""},
		{"without transitions", "  - step: a" + sql, ""},
		{"a command", "  - step: a" + runsTrue + ways + last, ""},
		{"a flow with a command", "  - flow: a\n    steps: [{step: b, exec: {command: [\"true\"]}}]\n" + ways + last, ""},
		{"a job", "  - step: a\n    job: {name: child}\n" + ways + last, ""},
		{"a command behind the parts", "  - step: a\n    partition: {values: [x], reduce: {exec: {command: [\"true\"]}}}\n    sql: {statements: [\"DELETE FROM t WHERE a = :a\"], params: {a: \"#{partition['value']}\"}}\n" + ways + last, ""},
		{"a flow that ends the job", "  - flow: a\n    steps: [{step: b, sql: {statements: [DELETE FROM t]}, transitions: [{on: COMPLETED, to: end}]}]\n" + ways + last, ""},
		{"a decision", "  - decision: a\n    value: \"'DIFFERENT'\"\n" + ways + last, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantSaid(t, "job: x\nsteps:\n"+tt.steps, tt.want)
		})
	}
}

// A stop whose restart begins at the step that has stopped: the step is complete,
// so that the restart would come to the same stop, for ever.
func TestStopThatNeverMovesOn(t *testing.T) {
	t.Parallel()
	const says = `a restart at "a" skips it, because it is complete, and stops again`
	const last = "  - step: z" + runsTrue
	stop := func(on string) string {
		return "    transitions: [{on: " + on + ", to: stop, restart: a}]\n    next: z\n" + last
	}
	const mapped = "  - step: a\n    exec: {command: [\"true\"], exit-codes: {3: WAIT}}\n"
	for _, tt := range []struct{ name, steps, want string }{
		{"a status of its own", mapped + stop("WAIT"), "5: " + says},
		{"a status that is said", "  - step: a" + runsTrue + stop("REVIEW"), "5: " + says},
		{"COMPLETED", "  - step: a" + runsTrue + stop("COMPLETED"), "5: " + says},
		{"a pattern", mapped + stop(`"W*"`), "5: " + says},
		{"a pattern that takes COMPLETED", "  - step: a\n    sql: {statements: [DELETE FROM t]}\n" + stop(`"*"`), "5: " + says},
		{"a job that is complete", "  - step: a\n    job: {name: child}\n" + stop("COMPLETED"), "5: " + says},
		{"FAILED", mapped + stop("FAILED"), ""},
		{"TIMEOUT", "  - step: a" + runsTrue + stop("TIMEOUT"), ""},
		{"what is left for a pattern", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETED, to: z}, {on: \"*\", to: stop, restart: a}]\n" + last, ""},
		{"what a job that failed says", "  - step: a\n    job: {name: child}\n" + stop("BROKEN"), ""},
		{"it starts again", mapped + "    allow-start-if-complete: true\n" + stop("WAIT"), ""},
		{"another element", mapped + "    transitions: [{on: WAIT, to: stop, restart: z}]\n    next: z\n" + last, ""},
		{"no restart", mapped + "    transitions: [{on: WAIT, to: stop}]\n    next: z\n" + last, ""},
		{"a decision", "  - decision: a\n    value: \"'WAIT'\"\n" + stop(`"*"`), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantSaid(t, "job: x\nsteps:\n"+tt.steps, tt.want)
		})
	}
}

// What may be meant, and is a mistake more often: nobody refuses it.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const way = "    transitions: [{on: FAILED, to: z}]\n"
	const last = "  - step: z" + runsTrue
	const noWay = ` "a" has no way for COMPLETED, so that the job would fail when it completes = add a transition on COMPLETED, or next; it is right if the exit status is always another`
	for _, tt := range []struct {
		name, steps string
		want        []string
	}{
		{"the end before the end", "  - step: a" + runsTrue + way + "    next: b\n  - step: b" + runsTrue + last, []string{
			`7: "b" ends the job here: it has no next, and "z" stands below it = write next: z; or transitions: [{on: COMPLETED, to: end}], if it is meant`,
		}},
		{"in a flow", "  - flow: f\n    steps:\n" + indented("  - step: a"+runsTrue+way+"    next: b\n  - step: b"+runsTrue+last), []string{
			`9: "b" ends the flow "f" here: it has no next, and "z" stands below it = write next: z, unless it is meant`,
		}},
		{"in a branch", "  - split: s\n    flows:\n      - flow: f\n        steps:\n" + indented(indented("  - step: a"+runsTrue+way+"    next: b\n  - step: b"+runsTrue+last)), []string{
			`11: "b" ends the flow "f" here: it has no next, and "z" stands below it = write next: z, unless it is meant`,
		}},
		{"an end that is written down", "  - step: a" + runsTrue + way + "    next: b\n  - step: b" + runsTrue + "    transitions: [{on: COMPLETED, to: end}]\n" + last, nil},
		{"a plain list", "  - step: a" + runsTrue + last, nil},
		{"a command without a way", "  - step: a" + runsTrue + way + last, []string{"3: step" + noWay}},
		{"a flow with a command", "  - flow: a\n    steps: [{step: b, exec: {command: [\"true\"]}}]\n" + way + last, []string{"3: flow" + noWay}},
		{"a job", "  - step: a\n    job: {name: child}\n" + way + last, []string{"3: step" + noWay}},
		{"a command that ends otherwise", execWith("exit-codes: {0: DONE}") + way + "  - step: z" + runsTrue, nil},
		{"a command with a code for it", execWith("exit-codes: {0: DONE, 1: COMPLETED}") + way + last, []string{"3: step" + noWay}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, "job: x\nsteps:\n"+tt.steps)
			if f.Problems != nil {
				t.Fatal(f.Problems.Text())
			}
			var got []string
			for _, p := range definition.Warnings(f) {
				got = append(got, lineAndMessage(p)+" = "+p.Hint)
			}
			same(t, tt.want, got)
		})
	}
}

// That a step cannot have run follows from that its element is never reached.
func TestNeverReachedIsToldAlone(t *testing.T) {
	t.Parallel()
	const never = ` of the job's outermost level is never reached: nothing leads to it from "a", the first`
	for _, tt := range []struct{ name, steps, want string }{
		{
			"a decision", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETED, to: d}]\n  - step: b" + runsTrue +
				"  - decision: d\n    value: \"steps['b'].exitStatus\"\n    transitions: [{on: \"*\", to: end}]\n",
			`6: element "b"` + never,
		},
		{
			"a step", "  - step: a" + runsTrue + "    transitions: [{on: COMPLETED, to: c}]\n  - step: b" + runsTrue +
				"  - step: c\n    exec: {command: [echo, \"#{steps['b'].exitStatus}\"]}\n",
			`6: element "b"` + never,
		},
		{
			"a way for COMPLETED", "  - step: a\n    sql: {statements: [DELETE FROM t]}\n    transitions: [{on: FAILED, to: c}]\n  - step: b" + runsTrue + "  - step: c" + runsTrue,
			`6: element "b"` + never,
		},
		{
			"a step that comes later all the same", "  - step: a\n    exec: {command: [echo, \"#{steps['b'].exitStatus}\"]}\n    next: b\n  - step: b" + runsTrue,
			`4: the step "b" cannot have run when "a" starts`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantSaid(t, "job: x\nsteps:\n"+tt.steps, tt.want)
		})
	}
}
