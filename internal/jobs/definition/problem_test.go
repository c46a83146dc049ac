package definition_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

func TestProblemText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		problem definition.Problem
		want    string
	}{
		{"of a file", definition.Problem{File: "a.yaml", Message: "gone"}, "a.yaml: gone\n"},
		{"with its line", definition.Problem{File: "a.yaml", Line: 7, Column: 3, Message: "m", Hint: "h", Source: "  key: x\r"}, "a.yaml:7:3: m\n    7 |   key: x\n      |   ^\n      = h\n"},
		{"at the end of a line", definition.Problem{File: "a", Line: 1, Column: 5, Message: "m", Source: "job:"}, "a:1:5: m\n    1 | job:\n      |     ^\n"},
		{"wide characters", definition.Problem{File: "a", Line: 12345, Column: 4, Message: "m", Source: "한국ー!"}, "a:12345:4: m\n12345 | 한국ー!\n      |       ^\n"},
		{"marks that combine", definition.Problem{File: "a", Line: 1, Column: 3, Message: "m", Source: "e\u0301x"}, "a:1:3: m\n    1 | e\u0301x\n      |  ^\n"},
		{"an empty line is not shown", definition.Problem{File: "a", Line: 1, Column: 1, Message: "m", Source: " "}, "a:1:1: m\n"},
		{"controls", definition.Problem{File: "a\x1b", Line: 1, Column: 3, Message: "m\x07\n", Hint: "\u202e", Source: "\t\x1bx"}, "a\\x1b:1:3: m\\x07\\n\n    1 |  \\x1bx\n      |      ^\n      = \\u202e\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.problem.Text(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
	t.Run("long lines are cut on both sides", func(t *testing.T) {
		t.Parallel()
		p := definition.Problem{File: "a", Line: 1, Column: 301, Message: "m", Source: strings.Repeat("a", 300) + "X" + strings.Repeat("b", 300)}
		lines := strings.Split(p.Text(), "\n")
		if at := strings.IndexByte(lines[2], '^'); len(lines[1]) > 120 || lines[1][at] != 'X' {
			t.Errorf("got\n%s", p.Text())
		}
	})
}

func TestProblems(t *testing.T) {
	t.Parallel()
	one := definition.Problem{File: "a.yaml", Line: 2, Column: 1, Message: "first\x1b", Hint: "h"}
	for _, tt := range []struct {
		problems definition.Problems
		want     string
	}{
		{definition.Problems{one}, `a.yaml:2:1: first\x1b`},
		{definition.Problems{one, one}, `a.yaml:2:1: first\x1b (and one more problem)`},
		{definition.Problems{one, one, one}, `a.yaml:2:1: first\x1b (and 2 more problems)`},
	} {
		if err := tt.problems.Err(); err.Error() != tt.want || !errors.Is(err, core.ErrJobDefinition) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	if err := definition.Problems(nil).Err(); err != nil {
		t.Errorf("got %v, want no error", err)
	}
	text, err := json.Marshal(one)
	if want := `{"file":"a.yaml","line":2,"column":1,"message":"first\u001b","hint":"h"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}
