package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// examples returns the examples of the reference by the names of their blocks.
func examples(t *testing.T) map[string]string {
	t.Helper()
	all, name, inside := map[string]string{}, "", false
	for line := range strings.Lines(definition.NewParser(realCatalog()).Reference()) {
		switch {
		case line == "  Example:\n":
			inside = true
		case inside && strings.HasPrefix(line, "      "):
			all[name] += strings.TrimPrefix(line, "      ")
		case strings.TrimSpace(line) != "":
			inside = false
			if !strings.HasPrefix(line, " ") {
				name = strings.TrimSpace(line)
			}
		}
	}
	return all
}

// What stands around an example; EXAMPLE is where it goes, on a line of its own.
const (
	aroundStep = `job: example
parameters: {day: {type: date, default: "2021-01-01"}, requestDate: {type: date, default: "2021-01-01"}, file: {type: path, default: in.csv}}
resources: {ledger: {driver: sqlite, dsn: ledger.db}}
steps:
`
	aroundBody = aroundStep + `  - step: one
    EXAMPLE
`
	aroundReader = aroundStep + `  - step: one
    chunk:
      writer: {none: {}}
      reader:
        EXAMPLE
`
	records = `      reader: {csv: {file: in.csv, types: {id: long, name: string, email: string, qty: long, amount: decimal, rate: decimal, branch_code: string}}}
`
	aroundChunk = aroundStep + `  - step: one
    chunk:
` + records + `      writer: {none: {}}
      EXAMPLE
`
	aroundOperation = aroundStep + `  - step: one
    chunk:
` + records + `      writer: {none: {}}
      processor:
        EXAMPLE
`
	aroundWriter = aroundStep + `  - step: one
    chunk:
` + records + `      processor: [{keep: [id, name, amount]}]
      writer:
        EXAMPLE
`
)

// TestExamples: every example of the reference is one that can be copied.
func TestExamples(t *testing.T) {
	t.Parallel()
	around := map[string]string{
		"job file":      "EXAMPLE\n",
		"parameter":     "job: example\nparameters:\n  EXAMPLE\nsteps: [{step: one, exec: {command: [x]}}]\n",
		"resource":      "job: example\nresources:\n  EXAMPLE\nsteps: [{step: one, exec: {command: [x]}}]\n",
		"job listeners": "job: example\nlisteners:\n  EXAMPLE\nsteps: [{step: one, exec: {command: [x]}}]\n",
		"step":          "job: example\nsteps:\n  EXAMPLE\n",
		"decision": "job: example\nsteps:\n  - {step: compare, exec: {command: [x]}, next: howBad}\n  EXAMPLE\n" +
			"  - {step: book, exec: {command: [x]}}\n",
		"transition":     aroundStep + "  - step: one\n    exec: {command: [x], exit-codes: {1: NO_DATA}}\n    transitions:\n      - EXAMPLE\n      - {on: \"*\", to: fail}\n",
		"exec":           aroundBody,
		"crash check":    aroundStep + "  - step: one\n    exec:\n      command: [x]\n      EXAMPLE\n",
		"sql":            aroundBody,
		"job step":       aroundBody,
		"partition":      aroundStep + "  - step: one\n    exec: {command: [x, \"#{partition['file']}\"]}\n    EXAMPLE\n",
		"chunk":          aroundBody,
		"control total":  aroundChunk,
		"skip":           aroundChunk,
		"retry":          aroundChunk,
		"filter":         aroundOperation,
		"validate":       aroundOperation,
		"set":            aroundOperation,
		"drop":           aroundOperation,
		"keep":           aroundOperation,
		"lookup":         aroundOperation,
		"co-process":     aroundOperation,
		"csv reader":     aroundReader,
		"jsonl reader":   aroundReader,
		"fixed reader":   aroundReader,
		"sql reader":     aroundReader,
		"csv writer":     aroundWriter,
		"jsonl writer":   aroundWriter,
		"fixed writer":   aroundWriter,
		"sql writer":     aroundWriter,
		"none writer":    aroundWriter,
		"route":          aroundChunk,
		"step listeners": aroundBody,
	}
	found := examples(t)
	if len(found) < 25 {
		t.Fatalf("there are only %d examples", len(found))
	}
	for name, example := range found {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outer, ok := around[name]
			if !ok {
				t.Fatal("nothing says what stands around it")
			}
			st := newStage(t)
			st.write("in.csv", "id,name,email,qty,amount,rate,branch_code\n")
			st.write("branches.csv", "code,name\n")
			st.write("other.yaml", "job: dailySettlement\nparameters: {requestDate: {type: date}}\nsteps: [{step: one, exec: {command: [x]}}]\n")
			before, _, _ := strings.Cut(outer, "EXAMPLE")
			indent := strings.Repeat(" ", len(before)-strings.LastIndexByte(before, '\n')-1)
			if strings.HasSuffix(before, "- ") {
				indent = indent[:len(indent)-2] + "  "
			}
			text := strings.ReplaceAll(strings.TrimSuffix(example, "\n"), "\n", "\n"+indent)
			text = strings.Replace(outer, "EXAMPLE", text, 1)
			st.write("job.yaml", text)
			if problems := st.compile(); len(problems) > 0 {
				t.Errorf("%s\n%s", problems.Text(), text)
			}
		})
	}
}
