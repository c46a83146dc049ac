package flow_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/flow"
)

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, pattern, code string
		want                bool
	}{
		{"FLOW-07 * takes anything", "*", "ANY", true},
		{"FLOW-07 * takes nothing", "*", "", true},
		{"FLOW-07 no pattern is *", "", "ANY", true},
		{"FLOW-07 ? takes one character", "CON?", "CONX", true},
		{"FLOW-07 ? takes one character of several bytes", "CON?", "CONÜ", true},
		{"FLOW-07 ? does not take none", "CON?", "CON", false},
		{"FLOW-07 ? does not take two", "CON?", "CONXX", false},
		{"the whole code counts", "FAILED", "FAILED_SOFT", false},
		{"the whole code counts at its begin, too", "SOFT", "FAILED_SOFT", false},
		{"a dot is a dot", "A.C", "ABC", false},
		{"brackets are brackets", "[AB]", "A", false},
		{"a backslash is one", `A\*`, `A\B`, true},
		{"the code may have a star", "A*", "A*", true},
		{"case counts", "failed", "FAILED", false},
		{"several stars", "*WITH*SKIPS", "COMPLETED WITH MANY SKIPS", true},
		{"the last part has to be at the end", "*AB", "ABA", false},
		{"an invalid byte is a character", "?", "\xff", true},
		{"and no other", "\ufffd", "\xff", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := core.MatchExitCode(tt.pattern, tt.code); got != tt.want {
				t.Errorf("pattern %q, code %q: got %t, want %t", tt.pattern, tt.code, got, tt.want)
			}
		})
	}
}

// naive is the definition of a match, word for word.
func naive(pattern, code string) bool {
	if pattern == "" {
		return code == ""
	}
	p, n := utf8.DecodeRuneInString(pattern)
	c, m := utf8.DecodeRuneInString(code)
	switch {
	case p == '*':
		return naive(pattern[n:], code) || code != "" && naive(pattern, code[m:])
	case code == "":
		return false
	case p == '?' || p == c && n == m:
		return naive(pattern[n:], code[m:])
	}
	return false
}

func TestMatchesAsDefined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune("abÜ*?")), 1, 8, -1).Draw(t, "pattern")
		code := rapid.StringOfN(rapid.RuneFrom([]rune("abÜ*")), 0, 10, -1).Draw(t, "code")
		if got, want := core.MatchExitCode(pattern, code), naive(pattern, code); got != want {
			t.Fatalf("pattern %q, code %q: got %t, want %t", pattern, code, got, want)
		}
	})
}

func TestMatchesInTime(t *testing.T) {
	t.Parallel()
	// Backtracking over every star would not end within the life of the machine.
	if core.MatchExitCode(strings.Repeat("*a", 1000)+"b", strings.Repeat("a", 20000)) {
		t.Error("it matched")
	}
	if flow.Covers(strings.Repeat("*a?", 20), strings.Repeat("a?*", 25)+"b") {
		t.Error("it covers")
	}
	if !flow.Covers(strings.Repeat("*?", 40), strings.Repeat("?*", 40)) {
		t.Error("it does not cover")
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		wide, narrow string
		want         bool
	}{
		{"*", "FAILED", true},
		{"", "*", true},
		{"*", "", true},
		{"FAILED", "*", false},
		{"CON*", "CON?", true},
		{"CON?", "CON*", false},
		{"?*", "*?", true},
		{"*?*", "**?", true},
		{"?*", "*", false},
		{"*a?*", "*aa*", true},
		{"*?a*", "*aa", true},
		{"*a*a*", "*a?a*", true},
		{"*a?a*", "*a*a*", false},
		{"?*a", "*a", false},
		{"A*", "B*", false},
		{"??", "?", false},
		{"*A", "A*A", true},
	} {
		t.Run(tt.wide+" "+tt.narrow, func(t *testing.T) {
			t.Parallel()
			if got := flow.Covers(tt.wide, tt.narrow); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

// words are all codes of up to n characters of a, b and one that stands for all
// others.
func words(n int) []string {
	all, last := []string{""}, []string{""}
	for range n {
		var next []string
		for _, w := range last {
			next = append(next, w+"a", w+"b", w+"#")
		}
		all, last = append(all, next...), next
	}
	return all
}

// For patterns of up to four characters it is enough to try all codes of up to
// eight: what one takes and another does not shows in one of these.
func TestCoversAsTried(t *testing.T) {
	t.Parallel()
	all := words(8)
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOfN(rapid.RuneFrom([]rune("aab*?")), 1, 4, -1)
		wide, narrow := glob.Draw(t, "wide"), glob.Draw(t, "narrow")
		want, counter := true, ""
		for _, w := range all {
			if naive(narrow, w) && !naive(wide, w) {
				want, counter = false, w
				break
			}
		}
		if got := flow.Covers(wide, narrow); got != want {
			t.Fatalf("%q covers %q: got %t, want %t (%q)", wide, narrow, got, want, counter)
		}
	})
}

// A longer pattern: what is said to be covered has no counterexample.
func TestCoversHasNoCounterexample(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		glob := rapid.StringOfN(rapid.RuneFrom([]rune("ab**?")), 1, 9, -1)
		wide, narrow := glob.Draw(t, "wide"), glob.Draw(t, "narrow")
		covered := flow.Covers(wide, narrow)
		for range 20 {
			var w strings.Builder
			for _, c := range narrow {
				switch c {
				case '*':
					w.WriteString(rapid.StringOfN(rapid.RuneFrom([]rune("ab#")), 0, 3, -1).Draw(t, "any"))
				case '?':
					w.WriteString(rapid.StringOfN(rapid.RuneFrom([]rune("ab#")), 1, 1, -1).Draw(t, "one"))
				default:
					w.WriteRune(c)
				}
			}
			if covered && !naive(wide, w.String()) {
				t.Fatalf("%q is said to cover %q, but does not take %q", wide, narrow, w.String())
			}
		}
	})
}

func FuzzMatches(f *testing.F) {
	f.Add("*", "COMPLETED")
	f.Add("CO?*ED", "COMPLETED")
	f.Add("\xff?", "\xff\xfe")
	f.Fuzz(func(t *testing.T, pattern, code string) {
		if len(pattern) > 12 || len(code) > 12 || pattern == "" {
			return
		}
		got := core.MatchExitCode(pattern, code)
		if want := naive(pattern, code); got != want {
			t.Errorf("pattern %q, code %q: got %t, want %t", pattern, code, got, want)
		}
		if !got && flow.Covers(pattern, code) && !strings.ContainsAny(code, "*?") {
			t.Errorf("pattern %q covers the code %q and does not match it", pattern, code)
		}
	})
}
