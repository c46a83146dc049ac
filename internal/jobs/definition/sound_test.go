package definition_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// saidOf returns what is wrong with a definition, one "line: message" each.
func saidOf(t *testing.T, text string) []string {
	t.Helper()
	st := newStage(t)
	st.write("job.yaml", text)
	var all []string
	for _, p := range st.compile() {
		all = append(all, lineAndMessage(p))
	}
	return all
}

func lineAndMessage(p definition.Problem) string {
	_, place, _ := strings.Cut(p.Where(), "job.yaml:")
	line, _, _ := strings.Cut(place, ":")
	return line + ": " + p.Message
}

// What is wrong in one place hides nothing in another: all that is wrong with a
// file is told at once, and nothing that only follows from something else.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	const head = "job: x\nsteps:\n  - step: a\n    chunk:\n"
	const reader = "      reader: {csv: {file: a.csv, types: {id: long, name: string}}}\n"
	const writer = "      writer: {csv: {file: b.csv}}\n"
	for name, test := range map[string]struct {
		text string
		want []string // parts of each message, in order
	}{
		"a class": {
			head + reader + "      processor:\n        - filter: mane == 'x'\n        - set: {y: mane}\n" + writer + "      skip: {include: [read.pars]}\n",
			[]string{`7: there is no column "mane"`, `8: there is no column "mane"`, `"read.pars"`},
		},
		"a key of the chunk": {
			head + "      sise: 10\n" + reader + "      processor:\n        - filter: mane == 'x'\n" + writer,
			[]string{"5: chunk has no key", `8: there is no column "mane"`},
		},
		"a key of the step": {
			head + reader + "      processor:\n        - filter: mane == 'x'\n" + writer + "    tiemout: 5m\n",
			[]string{`7: there is no column "mane"`, "9: step has no key"},
		},
		"an option that has nothing to do with columns": {
			head + "      reader: {csv: {file: a.csv, separatr: x, types: {id: long}}}\n      processor:\n        - filter: mane == 'x'\n" + writer,
			[]string{`5: csv reader has no key`, `7: there is no column "mane"`},
		},
		"the options of columns": {
			head + "      reader: {csv: {file: a.csv, tpyes: {id: long}}}\n      processor:\n        - filter: id > 5\n" + writer,
			[]string{`5: csv reader has no key`},
		},
		"an operation": {
			head + reader + "      processor:\n        - filter: mane == 'x'\n        - sett: {z: id}\n        - filter: z > 1\n" + writer,
			[]string{`7: there is no column "mane"`, "8: an operation"},
		},
		"the class of a validate": {
			head + reader + "      processor:\n        - validate: id > 0\n          class: write.x\n        - filter: mane == 'x'\n" + writer,
			[]string{"8: the class of a validate", `9: there is no column "mane"`},
		},
		"a writer": {
			head + reader + "      processor:\n        - filter: mane == 'x'\n      writer: {csv: {fil: b.csv}}\n",
			[]string{`7: there is no column "mane"`, `8: csv writer has no key`},
		},
		"the flow": {
			"job: x\nparameters: {day: {type: dat}}\nsteps:\n  - step: a\n    exec: {comand: [a]}\n    transitions: [{on: '*', to: b}, {on: FAILED, to: c}]\n" +
				"  - step: b\n    exec: {command: [a], timeout: 5}\n    next: c\n  - step: c\n    exec: {command: [b]}\n  - step: d\n    exec: {command: [b]}\n",
			[]string{"2: type", `5: exec has no key "comand"`, "6: element \"a\": transition on \"FAILED\"", "8: timeout", "12: element \"d\""},
		},
		"a circle": {
			"job: x\nsteps:\n  - step: a\n    exec: {command: [a], timeout: 5}\n    transitions: [{on: '*', to: b}]\n  - step: b\n    exec: {command: [a]}\n    transitions: [{on: X, to: a}]\n    next: end2\n  - step: end2\n    exec: {command: [a]}\n",
			[]string{"4: timeout", "goes round in a circle"},
		},
		"a target that is not there hides what follows from it": {
			"job: x\nsteps:\n  - step: a\n    exec: {command: [a]}\n    next: bb\n  - step: b\n    exec: {command: [a]}\n",
			[]string{`5: there is no element "bb"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := saidOf(t, test.text)
			if len(got) != len(test.want) || slices.ContainsFunc(test.want, func(want string) bool {
				return !slices.ContainsFunc(got, func(said string) bool { return strings.Contains(said, want) })
			}) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// One way that is written down makes all of its level explicit: that is said once,
// with what to write.
func TestNeverReached(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: x
steps:
  - step: a
    exec: {command: [a]}
    transitions: [{on: FAILED, to: stop}]
  - step: b
    exec: {command: [a]}
  - step: c
    exec: {command: [a]}
  - flow: f
    steps:
      - step: g
        exec: {command: [a]}
        next: h
      - step: h
        exec: {command: [a]}
      - step: i
        exec: {command: [a]}
`)
	var got []string
	for _, p := range st.compile() {
		got = append(got, lineAndMessage(p)+" = "+p.Hint)
	}
	same(t, []string{
		`7: elements "b", "c" and "f" of the job's outermost level are never reached: nothing leads to them from "a", the first` +
			` = transitions or next anywhere in a level make all ways in it explicit: write next: b below "a", next: c below "b" and next: f below "c"`,
		`18: element "i" of flow "f" is never reached: nothing leads to it from "g", the first` +
			` = transitions or next anywhere in a level make all ways in it explicit: write next: i below "h"`,
	}, got)
}

// A reader tells all that is wrong with its options, each where it stands.
func TestAllOptionsAtOnce(t *testing.T) {
	t.Parallel()
	const head, tail = "job: x\nsteps:\n  - step: a\n    chunk:\n      reader:\n", "      writer: {csv: {file: b.csv}}\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"csv": {
			"        csv:\n          file: a.csv\n          encoding: utf-99\n          quote: \",\"\n          columns: [a, b, a]\n          types:\n            a: lnog\n            c: long\n            d: long\n          required: [e]\n",
			[]string{
				`8: encoding: `, `9: quote: `, `10: columns: `, `12: a in types`, `13: types: there is no column "c"`, `14: types: there is no column "d"`, `15: required: there is no column "e"`,
			},
		},
		"sql": {
			"        sql:\n          query: SELECT id FROM t WHERE a = :a ORDER BY id\n          params: {b: 1, c: 2}\n          key: \"\\x01\"\n          types: {id: long}\n",
			[]string{`7: query: it has ORDER`, `8: params: the query does not use :b`, `8: params: the query does not use :c`, `8: params: there is no value for :a`, `9: key: `},
		},
		"fixed": {
			"        fixed:\n          file: a.txt\n          columns: {a: 1-5, b: 3-8, c: x, d: 2-4}\n          align: {e: left, a: up}\n          pad: {a: xx}\n          types: {z: long}\n",
			[]string{
				`8: columns: column "b" begins at 3`, `8: columns: column "c"`, `8: columns: column "d" begins at 2`,
				`9: align: there is no column "e"`, `9: align: column "a": "up"`, `10: pad: column "a"`, `11: types: there is no column "z"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := saidOf(t, head+test.text+tail)
			for _, want := range test.want {
				if !slices.ContainsFunc(got, func(said string) bool { return strings.HasPrefix(said, want) }) {
					t.Errorf("nobody says %s", want)
				}
			}
			if len(got) != len(test.want) {
				t.Errorf("got\n%s", strings.Join(got, "\n"))
			}
		})
	}
}
