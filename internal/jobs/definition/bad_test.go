package definition_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// What is said about each of the broken files: all of it, in the order of the
// file. The numbers are rows of the catalogue of bad input.
func TestBad(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "bad", "*.yaml"))
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d files, error %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f := definition.NewParser(catalog()).Parse(filepath.Base(path), text)
			if !errors.Is(f.Problems.Err(), core.ErrJobDefinition) {
				t.Fatalf("got error %v, want an ErrJobDefinition", f.Problems.Err())
			}
			got, golden := f.Problems.Text(), strings.TrimSuffix(path, ".yaml")+".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			checkProblems(t, f)
			if strings.Contains(got, "%!") {
				t.Error("a message is put together wrongly")
			}
		})
	}
}

// checkProblems checks what holds for all problems of a file.
func checkProblems(t *testing.T, f *definition.File) {
	t.Helper()
	lines := strings.Split(f.Text, "\n")
	before := definition.Problem{}
	for _, p := range f.Problems {
		if shown := p.Text(); core.EscapeControl(strings.ReplaceAll(shown, "\n", "")) != strings.ReplaceAll(shown, "\n", "") {
			t.Errorf("the problem could steer a terminal: %q", shown)
		}
		if p.Message == "" || strings.HasSuffix(strings.TrimSuffix(p.Message, "..."), ".") {
			t.Errorf("the message is %q, the hint %q", p.Message, p.Hint)
		}
		if p.Line < before.Line || p.Line == before.Line && p.Column < before.Column {
			t.Errorf("%s comes after %s", p.Where(), before.Where())
		}
		if p.Line > len(lines) || p.Line > 0 && (p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1) {
			t.Errorf("%s is no place in the file", p.Where())
		}
		before = p
	}
}

// Files that are no text, too large or too deep.
func TestRefusedUnread(t *testing.T) {
	t.Parallel()
	const rest = "\nsteps:\n  - step: a\n    exec: {command: [a]}\n"
	bomb := "a0: &a0 [x, x]\n"
	for i := range 9 {
		c := string(rune('0' + i))
		d := string(rune('1' + i))
		bomb += "a" + d + ": &a" + d + " [*a" + c + ", *a" + c + ", *a" + c + ", *a" + c + ", *a" + c + ", *a" + c + ", *a" + c + "]\n"
	}
	for _, tt := range []struct{ name, text, where, says string }{
		{"row 36 empty", "", "x.yaml:1:1", "the file is empty"},
		{"row 37 too large", "job: x" + rest + strings.Repeat("#", definition.MaxSize), "x.yaml", "at most 1048576 are read"},
		{"row 42 alias bomb", bomb, "x.yaml:1:5", "the anchor &a0 is refused"},
		{"row 43 nested brackets", strings.Repeat("[", 20000), "x.yaml:1:65", "nested deeper than 64 levels"},
		{"row 43 nested maps", strings.Repeat("{a: ", 20000), "x.yaml:1:257", "nested deeper than 64 levels"},
		{"row 43 nested lists", "a:\n" + strings.Repeat("- ", 20000), "x.yaml:2:", "nested deeper than 64 levels"},
		{"no UTF-8", "job: x\xff" + rest, "x.yaml:1:7", "the byte 0xff is not UTF-8"},
		{"UTF-16", "\xff\xfej\x00o\x00b\x00", "x.yaml:1:1", "the byte 0xff is not UTF-8"},
		{"UTF-16 without a mark", "j\x00o\x00b\x00", "x.yaml:1:2", "NUL"},
		{"bell", "job: x" + rest + "description: a\a\n", "x.yaml:5:15", "U+0007"},
		{"bidi", "job: x\u202e" + rest, "x.yaml:1:7", "U+202E"},
		{"a carriage return", "job: x\rsteps: []\n", "x.yaml:1:7", "carriage return"},
		{"a mark in the middle", "job: x" + rest + "\ufeffdescription: a\n", "x.yaml:5:1", "U+FEFF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := definition.NewParser(catalog()).Parse("x.yaml", []byte(tt.text))
			if !slices.ContainsFunc(f.Problems, func(p definition.Problem) bool {
				return strings.HasPrefix(p.Where(), tt.where) && strings.Contains(p.Message, tt.says)
			}) {
				t.Fatalf("got %v, want %s: %s", f.Problems.Err(), tt.where, tt.says)
			}
			if len(f.Problems) > 100 {
				t.Errorf("got %d problems, want no more than 100", len(f.Problems))
			}
			checkProblems(t, f)
		})
	}
	t.Run("a mark at the beginning and carriage returns are fine", func(t *testing.T) {
		t.Parallel()
		f := parse(t, "\ufeff"+strings.ReplaceAll("job: x"+rest, "\n", "\r\n"))
		if f.Problems != nil || f.Name() != "x" {
			t.Errorf("got %q, %v", f.Name(), f.Problems.Err())
		}
	})
}
