package definition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// shown writes parts so that a test can compare them.
func shown(parts []definition.Part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.Ref == nil {
			fmt.Fprintf(&b, "%q", p.Literal)
			continue
		}
		fmt.Fprintf(&b, "<%s %s @%d:%d", p.Ref.Scope, p.Ref.Key, p.Ref.Line, p.Ref.Column)
		if p.Ref.HasDefault {
			b.WriteString(" or " + shown(p.Ref.Default))
		}
		b.WriteString(">")
	}
	return b.String()
}

func TestSubstitutions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, value, want string }{
		{"none", `"plain # {x} $y"`, ``},
		{"one", `"#{env['A']}"`, `<env A @3:9>`},
		{"between texts", `"a#{env['A']}b#{env['B']}c"`, `"a"<env A @3:10>"b"<env B @3:22>"c"`},
		{"single quotes", `'#{env[''A'']}'`, `<env A @3:9>`},
		{"double quotes", `'#{env["A"]}'`, `<env A @3:9>`},
		{"other scripts before it", `"한국 #{env['A']}"`, `"한국 "<env A @3:12>`},
		{"spaces", `"#{ env [ 'A' ] }"`, `<env A @3:10>`},
		{"a quote in a key", `"#{env['it''s']}"`, `<env it's @3:9>`},
		{"elvis", `"#{env['A'] ?: 'd'}"`, `<env A @3:9 or "d">`},
		{"an empty default", `"#{env['A'] ?: ''}"`, `<env A @3:9 or >`},
		{"a chain", `"#{env['A'] ?: env['B'] ?: 'c'}"`, `<env A @3:9 or <env B @3:21 or "c">>`},
		{"the form of JSL", `"#{env['A']}?:d e;f"`, `<env A @3:9 or "d e">"f"`},
		{"JSL, empty", `"#{env['A']}?:;"`, `<env A @3:9 or >`},
		{"JSL, nested", `"#{env['A']}?:x#{env['B']}?:y;z;!"`, `<env A @3:9 or "x"<env B @3:23 or "y">"z">"!"`},
		{"escaped", `"##{env['A']} #{env['B']}"`, `"#{env['A']} "<env B @3:22>`},
		{"only escaped", `"##{x}"`, `"#{x}"`},
		{"a step", `"#{steps['load.all'].readCount}"`, ``},
		{"in a block", "|\n    one\n    two #{env['A']}", `"one\ntwo "<env A @5:11>"\n"`},
		{"in a folded block it stands at its beginning", ">\n    one\n    two #{env['A']}", `"one two "<env A @3:6>"\n"`},
		{"behind an escape it stands at its beginning", `"\t#{env['A']}"`, `"\t"<env A @3:6>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := parse(t, "job: x\nproperties:\n  p: "+tt.value+"\nsteps:\n  - step: a\n    exec: {command: [a]}\n")
			if tt.name == "a step" {
				if f.Problems.Err() == nil || !strings.Contains(f.Problems[0].Message, "steps is not known before") {
					t.Errorf("got %v", f.Problems.Err())
				}
				return
			}
			if f.Problems != nil {
				t.Fatal(f.Problems.Text())
			}
			if got := shown(f.Job.Properties[0].Value.Parts); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	for _, text := range []string{
		strings.Repeat("#{env['A']}?:", 20), strings.Repeat("#{env['A']}", 2000), "#{env['A']" + strings.Repeat(" ?: env['A']", 20) + "}",
		"#{env['A'] ?: 'a'}?:b;", "#{env['A']x}", "#{env['A}", "#{env[", "#{env", "#{", "#{env['A'] ?: }", "#{env['A']}?:",
	} {
		if f := parse(t, "job: x\nproperties: {p: \""+text+"\"}\nsteps: []\n"); len(f.Problems) < 2 {
			t.Errorf("%.40s: got %v, want a problem besides the empty steps", text, f.Problems.Err())
		}
	}
}
