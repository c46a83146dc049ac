package core_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

func TestMatchExitCode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern string
		matches []string
		not     []string
	}{
		{"", []string{"", "COMPLETED"}, nil},
		{"*", []string{"", "COMPLETED", "ä"}, nil},
		{"COMPLETED", []string{"COMPLETED"}, []string{"", "COMPLETE", "COMPLETED WITH SKIPS", "completed"}},
		{"COMPLETED*", []string{"COMPLETED", "COMPLETED WITH SKIPS"}, []string{"NOT COMPLETED", "COMPLETE"}},
		{"*ED", []string{"ED", "FAILED", "EDED"}, []string{"EDX", "E"}},
		{"A*B*C", []string{"ABC", "A-B-B-C", "ABBCC"}, []string{"AC", "ABCD", "ACB"}},
		{"CON?", []string{"CONT", "CON?", "CONä"}, []string{"CON", "CONTI"}},
		{"?", []string{"x", "€"}, []string{"", "xx"}},
		{"*?", []string{"x", "xyz€"}, []string{""}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{"[ab]", []string{"[ab]"}, []string{"a"}},
		{strings.Repeat("*a", 40) + "b", []string{strings.Repeat("a", 60) + "b"}, []string{strings.Repeat("a", 60)}},
	} {
		t.Run(tt.pattern, func(t *testing.T) {
			t.Parallel()
			for _, code := range tt.matches {
				if !core.MatchExitCode(tt.pattern, code) {
					t.Errorf("%q does not match %q", tt.pattern, code)
				}
			}
			for _, code := range tt.not {
				if core.MatchExitCode(tt.pattern, code) {
					t.Errorf("%q matches %q", tt.pattern, code)
				}
			}
		})
	}
}
