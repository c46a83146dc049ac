package execstep_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

func TestParseOutput(t *testing.T) {
	t.Parallel()
	got, err := execstep.ParseOutput([]byte("exit-status=A B\n# x\n\ncontext.a=\r\ncontext.b==c=\njob-context.ä.b= spaced \t"))
	want := execstep.Output{
		ExitStatus: "A B", Context: map[string]string{"a": "", "b": "=c="}, JobContext: map[string]string{"ä.b": " spaced \t"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	for _, tt := range []struct{ name, text, says string }{
		{"no =", "\n\nok", `line 3: "ok" has no =`},
		{"another key", "Exit-Status=x", `line 1: the key "Exit-Status" is none of`},
		{"spaces around the key", " exit-status=x", "none of"},
		{"two outcomes", "exit-status=a\nexit-status=a", "line 2: exit-status is given twice"},
		{"no outcome", "exit-status=", "the exit status is empty"},
		{"a failure in small letters", "exit-status=failed", `line 1: the exit status "failed" would not mean FAILED`},
		{"a stop in small letters", "exit-status=Stopped", `"Stopped" would not mean STOPPED`},
		{"an end in small letters", "exit-status=completed", `"completed" would not mean COMPLETED`},
		{"an outcome of ours", "exit-status=EXECUTING", "begins with EXECUTING"},
		{"a key twice", "context.a=1\ncontext.a=1", `line 2: "context.a" is given twice`},
		{"no name", "context.=1", `"context." names nothing`},
		{"a key of ours", "job-context.batchctl.restart=x", "is one of batchctl's own"},
		{"a key of Spring's", "context.batch.version=x", "is one of batchctl's own"},
		{"control in a key", "context.a\x1b=1", "cannot be typed"},
		{"space at the end of a key", "context.a =1", "cannot be typed"},
		{"NUL in a value", "context.a=\x00", "contains a control character"},
		{"not UTF-8", "context.a=\xff", "is not valid UTF-8"},
		{"long key", "context." + strings.Repeat("k", 201) + "=", "more than 200 characters"},
		{"too long", strings.Repeat("#\n", 40_000), "more than 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := execstep.ParseOutput([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got error %v, want one that says %q", err, tt.says)
			}
		})
	}
}

// What is accepted can be stored, and an error can be shown.
func FuzzParseOutput(f *testing.F) {
	for _, text := range []string{"", "exit-status=OK\n", "context.a=b\r\njob-context.c=d", "# x\n\n=", "context.a=\x00", "exit-status=\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := execstep.ParseOutput(text)
		if err != nil {
			if said := err.Error(); core.EscapeControl(said) != said || !utf8.ValidString(said) {
				t.Errorf("the error %q is not harmless", said)
			}
			return
		}
		lines := 0
		for _, values := range []map[string]string{out.Context, out.JobContext} {
			ec := core.ExecutionContext{}
			for key, value := range values {
				lines++
				ec.Put(key, value)
				if strings.HasPrefix(key, "batchctl.") {
					t.Errorf("key %q was accepted", key)
				}
			}
			if err := ec.Check(); err != nil {
				t.Error(err)
			}
		}
		if n := strings.Count(string(text), "\n") + 1; lines > n {
			t.Errorf("%d values in %d lines", lines, n)
		}
	})
}
