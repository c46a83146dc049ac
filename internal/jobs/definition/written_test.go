package definition_test

import "testing"

// A dollar stays where nobody takes it for the value of a parameter: in commands,
// which have a shell, in SQL, templates and the values that commands get; and so
// do quotes of print in texts for people.
func TestDollarsStay(t *testing.T) {
	t.Parallel()
	f := parse(t, `
job: dollars
description: “for people”
properties: {price: "$5", shell: "$HOME", open: "${", number: "${1}"}
steps:
  - step: a
    exec:
      command: [sh, -c, "echo ${HOME}"]
      env: {TEMPLATE: "${name}"}
  - step: b
    exec:
      command: |
        echo "${HOME}"
  - step: c
    sql: {statements: ["INSERT INTO a VALUES ('${x}')"]}
  - step: d
    chunk:
      reader: {csv: {file: "in$.csv", types: {amount: "decimal(12,2)"}}}
      processor: [{set: {a: "max(1, 2)", b: max(1)}}, {validate: a > 0, message: “no”}]
      writer: {csv: {file: "“out”.csv"}, header-template: "${name}"}
`)
	if f.Problems != nil {
		t.Error(f.Problems.Text())
	}
}

// A key is missed where it is, and not where it should be.
func TestKeysOfAnotherLevelAreNotMissed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text     string
		problems int
	}{
		"the reader beside the chunk": {"reader: {csv: {file: a}}\n    chunk: {writer: {none: {}}}", 1},
		"nothing beside the chunk":    {"chunk: {writer: {none: {}}}", 1},
		"both beside the chunk":       {"reader: {csv: {file: a}}\n    writer: {none: {}}\n    chunk: {size: 5}", 2},
		"in the chunk and beside it":  {"skip: never\n    chunk: {skip: never, reader: {csv: {file: a}}, writer: {none: {}}}", 1},
		"behind the chunk":            {"chunk: {reader: {csv: {file: a}}}\n    writer: {none: {}}", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, "job: x\nsteps:\n  - step: a\n    "+tt.text+"\n")
			if len(f.Problems) != tt.problems {
				t.Errorf("got %d problems, want %d:\n%s", len(f.Problems), tt.problems, f.Problems.Text())
			}
		})
	}
}
