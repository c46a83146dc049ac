package core_test

import (
	"context"
	"io/fs"
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
)

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "2021-01-01", `"2021-01-01"`},
		{"empty", "", `""`},
		{"other scripts as they are", "한국 日本 é 😀", `"한국 日本 é 😀"`},
		{"quote and backslash", `a"b\c`, `"a\"b\\c"`},
		{"C0", "a\nb\rc\td\x1b[31m\x00", `"a\nb\rc\td\x1b[31m\x00"`},
		{"DEL and C1", "\x7f\u0085\u009b", `"\x7f\u0085\u009b"`},
		{"invalid UTF-8", "a\xff\xfeb\xed\xa0\x80", `"a\xff\xfeb\xed\xa0\x80"`},
		{"a replacement character is shown as one", "\ufffd", `"\ufffd"`},
		{"bidirectional overrides", "a\u202eb\u2066c\u200fd\u061c", `"a\u202eb\u2066c\u200fd\u061c"`},
		{"line separators", "a\u2028b\u2029", `"a\u2028b\u2029"`},
		{"invisible characters", "\ufeff2021\u200b\u00ad\u2060\U000e0041", `"\ufeff2021\u200b\u00ad\u2060\U000e0041"`},
		{"80 characters", strings.Repeat("한", 80), `"` + strings.Repeat("한", 80) + `"`},
		{"81 characters", strings.Repeat("한", 81), `"` + strings.Repeat("한", 80) + `"...`},
		{"cut before it is escaped", strings.Repeat("\x00", 100), `"` + strings.Repeat(`\x00`, 80) + `"...`},
		{"cut among invalid bytes", strings.Repeat("\xff", 81), `"` + strings.Repeat(`\xff`, 80) + `"...`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, core.Quote(tt.in)); diff != "" {
				t.Errorf("Quote(%q) (-want +got):\n%s", tt.in, diff)
			}
		})
	}
}

func TestEscapeControl(t *testing.T) {
	t.Parallel()
	if got, want := core.EscapeControl("a\"b\\c\x1b]0;x\x07\n\ufeff가맹점"), `a"b\c\x1b]0;x\x07\n`+"\ufeff가맹점"; got != want {
		t.Errorf("EscapeControl = %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		got := core.EscapeControl(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || strings.ContainsFunc(got, isBidi) {
			t.Fatalf("EscapeControl(%q) = %q", s, got)
		}
		if core.EscapeControl(got) != got {
			t.Fatalf("a second time changes %q", got)
		}
	})
}

func isBidi(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		want  string
		words []string
	}{
		{`batchctl run dailySettlement requestDate=2021-01-01`, []string{"batchctl", "run", "dailySettlement", "requestDate=2021-01-01"}},
		{`'requestDate(date)=2021-01-01'`, []string{"requestDate(date)=2021-01-01"}},
		{`'it'\''s' ''`, []string{"it's", ""}},
		{``, nil},
	} {
		if got := core.ShellQuote(tt.words...); got != tt.want {
			t.Errorf("ShellQuote(%q) = %s, want %s", tt.words, got, tt.want)
		}
	}
}

// /bin/sh is the judge.
func TestShellQuoteSplitsBack(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("/bin/sh"); err != nil {
		t.Skip("no /bin/sh on this machine")
	}
	word := rapid.OneOf(
		rapid.StringOf(rapid.RuneFrom([]rune(`'"\$`+"`"+`!*?[]{}()<>|&;#~%^=-+,:@ `+"\n\té한"))),
		rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }),
	)
	var words []string
	generator := rapid.SliceOfN(word, 40, 40)
	for seed := range 25 {
		words = append(words, generator.Example(seed)...)
	}
	words = append(words, "", " ", "'", "''", `\`, "-n", "~", "$HOME", "a=b", "\xff", "*", "$(exit 1)")
	out := split(t.Context(), t, core.ShellQuote(words...))
	if diff := cmp.Diff(words, out); diff != "" {
		t.Errorf("words that /bin/sh reads otherwise (-want +got):\n%s", diff)
	}
}

func split(ctx context.Context, t *testing.T, line string) []string {
	t.Helper()
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Stdin = strings.NewReader(`printf '%s\0' ` + line + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("/bin/sh: %v", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func TestNearest(t *testing.T) {
	t.Parallel()
	jobs := []string{"dailySettlement", "monthlyReport", "purge", "월말정산"}
	for _, tt := range []struct {
		name, word, want string
		candidates       []string
	}{
		{"a letter missing", "dailySetlement", "dailySettlement", jobs},
		{"two letters swapped", "dialySettlement", "dailySettlement", jobs},
		{"another case", "DAILYSETTLEMENT", "dailySettlement", jobs},
		{"a third of a name", "monthlyRep", "monthlyReport", jobs},
		{"other scripts count in characters", "월말결산", "월말정산", jobs},
		{"nothing near", "cleanup", "", jobs},
		{"nothing in common", "a", "", []string{"id", "x"}},
		{"no candidates", "a", "", nil},
		{"the nearer of two", "dat", "date", []string{"data1", "date"}},
		{"the first of two as near", "dat", "data", []string{"data", "date"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := core.Nearest(tt.word, tt.candidates); got != tt.want {
				t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}

func TestFileKind(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode]string{
		fs.ModeDir | 0o755:                      "a directory",
		fs.ModeSymlink | 0o777:                  "a symbolic link",
		fs.ModeNamedPipe:                        "a FIFO",
		fs.ModeSocket:                           "a socket",
		fs.ModeDevice:                           "a device",
		fs.ModeDevice | fs.ModeCharDevice | 0o6: "a device",
		fs.ModeIrregular:                        "a special file",
	} {
		if got := core.FileKind(mode); got != want {
			t.Errorf("%s: got %s, want %s", mode, got, want)
		}
	}
}
