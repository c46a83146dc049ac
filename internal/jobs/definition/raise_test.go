package definition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// Who is told of a bad record is told by which parameter it could be passed over,
// if there is one that a restart can change.
func TestHowToPassOver(t *testing.T) {
	t.Parallel()
	const free = "limit: {type: long, default: 0, identifying: false}"
	const notIncluded = "correct the input; class read.parse is not in skip.include: to reject such records put it there, and then batchctl restart 1 --new-definition"
	const byParameter = "limit: \"#{jobParameters['limit']}\""
	for _, tt := range []struct{ name, declared, limit, class, given, hint string }{
		{"nothing may be skipped", free, byParameter, "read.parse", "limit=0", "correct the input, then batchctl restart 1; or reject it (a higher limit rejects more of them): batchctl restart 1 limit=1"},
		{"a class above it", free, byParameter, "read", "limit=0", "or reject it (a higher limit rejects more of them): batchctl restart 1 limit=1"},
		{"the limit is exceeded", free, byParameter, "read", "limit=1", "raise the limit, then batchctl restart 1 limit=2"},
		{"by a default", "limit: {identifying: false}", `limit: "#{jobParameters['limit'] ?: '0'}"`, "read", "", "batchctl restart 1 limit=1"},
		{"another class", free, byParameter, "process.expression", "limit=0", notIncluded},
		{"another class, and a limit that is written out", free, "limit: 7", "process", "limit=0", notIncluded},
		{"it is another instance", "limit: {type: long}", byParameter, "read", "limit=0", ""},
		{"a number that is written out", free, "limit: 1", "read", "limit=0", "raise the limit, then batchctl restart 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", "id\n1\nx\ny\n3\n")
			st.write("job.yaml", `
job: raise
parameters: {`+tt.declared+`}
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {id: long}}}
      writer: {none: {}}
      skip: {`+tt.limit+`, include: [`+tt.class+`]}
`)
			var words []string
			if tt.given != "" {
				words = []string{tt.given}
			}
			_, err := st.run("raise", words...)
			if _, ok := errors.AsType[*core.ItemError](err); !ok {
				t.Fatalf("got %v, want the error of a record", err)
			}
			if got := core.Hint(err); !strings.HasSuffix(got, tt.hint) || tt.hint == "" && got != "" {
				t.Errorf("got the hint %q, want %q", got, tt.hint)
			}
		})
	}
}
