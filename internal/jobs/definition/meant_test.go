package definition_test

import (
	"slices"
	"strings"
	"testing"
)

// What people try first is answered with what to write.
func TestMeant(t *testing.T) {
	t.Parallel()
	const (
		steps  = "job: x\nsteps:\n"
		step   = steps + "  - step: a\n"
		reader = step + "    chunk:\n      reader: {csv: {file: a.csv, types: {id: long}}}\n"
		writer = "      writer: {csv: {file: b.csv}}\n"
	)
	for name, test := range map[string]struct{ text, hint string }{
		"a step with a name":    {steps + "  - name: a\n    exec: {command: [a]}\n", "begin with `- step: NAME`"},
		"a step without a name": {steps + "  - exec: {command: [a]}\n", "begin with `- step: NAME`"},
		"a command":             {step + "    exec: ls -l\n", `write exec: {command: [ls, -l]}, or exec: {command: "ls -l"} for the shell`},
		"a statement":           {step + "    sql: SELECT 1\n", `write sql: {statements: ["SELECT 1"]}`},
		"a limit of skips":      {reader + writer + "      skip: 10\n", "write skip: {limit: 10, include: [read]}"},
		"a path":                {step + "    chunk:\n      reader: {csv: {path: a.csv, types: {id: long}}}\n" + writer, "that is called file here"},
		"a path of JSON":        {step + "    chunk:\n      reader: {jsonl: {path: a.csv, types: {id: long}}}\n" + writer, "that is called file here"},
		"a separator":           {step + "    chunk:\n      reader: {csv: {file: a.csv, separator: ;, types: {id: long}}}\n" + writer, "that is called delimiter here"},
		"a type of parameters":  {"job: x\nparameters: {n: {type: integer}}\n" + step[len("job: x\n"):] + "    exec: {command: [a]}\n", "that is called long here"},
		"a type of columns":     {step + "    chunk:\n      reader: {csv: {file: a.csv, types: {id: integer}}}\n" + writer, "that is called long here"},
		"append":                {reader + "      writer: {jsonl: {file: b, append: true}}\n", "an output is written as a whole"},
		"a transaction":         {step + "    sql: {statements: [SELECT 1], transaction: false}\n", "are one transaction, always"},
		"a new plan":            {step + "    partition: {count: 2, replan: true}\n    exec: {command: [a]}\n", "a restart keeps the parts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", test.text)
			problems := st.compile()
			hints := make([]string, len(problems))
			for i, p := range problems {
				hints[i] = p.Hint
			}
			if !slices.ContainsFunc(hints, func(hint string) bool { return strings.Contains(hint, test.hint) }) {
				t.Errorf("want %s, got\n%s", test.hint, problems.Text())
			}
		})
	}
}
