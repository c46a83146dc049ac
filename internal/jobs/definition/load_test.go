package definition_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// folder writes files, by name, into a folder of its own.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func jobText(name string) string {
	return "job: " + name + "\nsteps:\n  - step: a\n    exec: {command: [a]}\n"
}

func runs(name string, children ...string) string {
	text := "job: " + name + "\nsteps:\n"
	for i, c := range children {
		text += "  - step: s" + string(rune('0'+i)) + "\n    job: {name: " + c + "}\n"
	}
	return text
}

// said returns the problems in one line each, without the folder.
func said(dir string, ps definition.Problems) []string {
	var all []string
	for _, p := range ps {
		all = append(all, strings.ReplaceAll(p.Where()+": "+p.Message, dir+"/", ""))
	}
	return all
}

func TestLoad(t *testing.T) {
	t.Parallel()
	t.Run("files by name, others are left alone", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, map[string]string{
			"b.yaml": jobText("second"), "a.yml": jobText("first"), "readme.md": "job: [", ".hidden.yaml": "job: [", "x.yaml~": "[",
		})
		if err := os.Symlink(filepath.Join(dir, "readme.md"), filepath.Join(dir, "not.md")); err != nil {
			t.Fatal(err)
		}
		other := folder(t, map[string]string{"real": jobText("third")})
		if err := os.Symlink(filepath.Join(other, "real"), filepath.Join(dir, "c.yaml")); err != nil {
			t.Fatal(err)
		}
		set := definition.NewParser(catalog()).Load([]string{dir}, nil)
		var names []string
		for _, f := range set.Files {
			names = append(names, filepath.Base(f.Path)+"="+f.Name())
		}
		if diff := cmp.Diff([]string{"a.yml=first", "b.yaml=second", "c.yaml=third"}, names); diff != "" || set.Problems != nil {
			t.Errorf("files (-want +got):\n%s%v", diff, set.Problems)
		}
		sum := sha256.Sum256([]byte(jobText("first")))
		if got := set.Files[0]; got.Text != jobText("first") || got.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("got text %q, hash %s", got.Text, got.SHA256)
		}
	})
	t.Run("row 35 what cannot be read", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, map[string]string{"good.yaml": jobText("good")})
		for _, make1 := range []func() error{
			func() error { return os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o700) },
			func() error { return syscall.Mkfifo(filepath.Join(dir, "fifo.yaml"), 0o600) },
			func() error { return os.Symlink("nowhere", filepath.Join(dir, "link.yaml")) },
			func() error { return os.WriteFile(filepath.Join(dir, "big.yml"), make([]byte, 2<<20), 0o600) },
		} {
			if err := make1(); err != nil {
				t.Fatal(err)
			}
		}
		missing := filepath.Join(dir, "missing")
		set := definition.NewParser(catalog()).Load([]string{dir, missing}, nil)
		want := []string{
			"big.yml: the file has 2097152 bytes, at most 1048576 are read",
			"dir.yaml: the definition cannot be read: it is a directory",
			"fifo.yaml: the definition cannot be read: it is a FIFO",
			"link.yaml: the definition cannot be read: no such file or directory",
			"missing: the folder of definitions cannot be listed: no such file or directory",
		}
		if diff := cmp.Diff(want, said(dir, set.Problems)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if !slices.ContainsFunc(set.Files, func(f *definition.File) bool { return f.Name() == "good" && f.Problems == nil }) {
			t.Error("the good file is not there")
		}
	})
	t.Run("row 46 one name twice, both places", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, map[string]string{
			"a.yaml": jobText("x"), "b.yaml": "# more\n" + jobText("x"), "c.yaml": jobText("x"), "d.yaml": jobText("built"), "e.yaml": jobText("own"),
		})
		set := definition.NewParser(catalog()).Load([]string{dir}, []string{"built"})
		want := []string{
			`a.yaml:1:6: the job "x" is there twice: here and in b.yaml:2:6`,
			`b.yaml:2:6: the job "x" is there twice: here and in a.yaml:1:6`,
			`c.yaml:1:6: the job "x" is there twice: here and in a.yaml:1:6`,
			`d.yaml:1:6: the job "built" is there twice: here and built into batchctl`,
		}
		if diff := cmp.Diff(want, said(dir, set.Problems)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
		if text := set.Problems[1].Text(); !strings.Contains(text, "    2 | job: x\n      |      ^\n") {
			t.Errorf("the line is not shown: %s", text)
		}
	})
	t.Run("row 53 jobs that run each other", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, map[string]string{
			"a.yaml": runs("a", "leaf", "b"), "b.yaml": runs("b", "c"), "c.yaml": runs("c", "leaf", "a"), "leaf.yaml": jobText("leaf"),
			"d.yaml": runs("d", "a", "elsewhere"),
		})
		set := definition.NewParser(catalog()).Load([]string{dir}, nil)
		want := []string{
			"a.yaml:6:17: jobs run each other round in a circle: a -> b -> c -> a",
			"b.yaml:4:17: jobs run each other round in a circle: b -> c -> a -> b",
			"c.yaml:6:17: jobs run each other round in a circle: c -> a -> b -> c",
		}
		if diff := cmp.Diff(want, said(dir, set.Problems)); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	})
	t.Run("no folder, no file", func(t *testing.T) {
		t.Parallel()
		if set := definition.NewParser(catalog()).Load(nil, nil); len(set.Files) > 0 || set.Problems.Err() != nil {
			t.Errorf("got %v", set)
		}
	})
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.txt": jobText("a")})
	p := definition.NewParser(catalog())
	if f := p.ReadFile(filepath.Join(dir, "a.txt")); f.Name() != "a" || f.Problems.Err() != nil {
		t.Errorf("got %q, %v", f.Name(), f.Problems.Err())
	}
	f := p.ReadFile(filepath.Join(dir, "b.txt"))
	if f.Name() != "" || f.Problems.Err() == nil || f.Problems[0].Hint != "ls -l "+filepath.Join(dir, "b.txt") {
		t.Errorf("got %q, %v", f.Name(), f.Problems)
	}
}

// An index says of every file what reading it would say.
func TestIndex(t *testing.T) {
	t.Parallel()
	const steps = "\nsteps:\n  - step: a\n    exec: {command: [a]}\n"
	files := map[string]string{}
	for i, head := range []string{
		"job: plain", "job:  spaced  ", "job: 'single'", `job: "double"`, `job: "esc\u0061ped"`, "job: with # comment", "job: it's",
		"job: two words", "job: >\n  folded", "job: plain\n  goes on", "job: plain\ndescription: a\n\n  b", "description: a\ndescription: b\njob: c", "{job: flow,", `"job": key`, "job: a: b", "job: [a]", "job: ~", "job:",
		"# yaml\njob: x\ndescription: a plain one", "description: 'before'\njob: y", "description: |\n  job: no\njob: z", "job: a\njob: b",
		"job: w\r", "job: x\ndescription: \"a 'b'\"", "job: &a x", "# nothing", "job: x\ndescription: b # c", "  job: x", "job: x:", "job:\tx",
	} {
		files[fmt.Sprintf("%02d.yaml", i)] = head + steps
	}
	dir := folder(t, files)
	p := definition.NewParser(catalog())
	entries := p.Index([]string{dir})
	if len(entries) != len(files) {
		t.Fatalf("got %d entries, want %d", len(entries), len(files))
	}
	read := 0
	for _, e := range entries {
		f := p.ReadFile(e.Path)
		want := definition.Listing{Path: e.Path, Name: f.Name()}
		if f.Job != nil {
			want.Description = f.Job.Description.Value
		}
		if f.Job == nil {
			continue // what a broken file is called is of no matter
		}
		read++
		if diff := cmp.Diff(want, e); diff != "" {
			t.Errorf("%q (-want +got):\n%s", f.Text, diff)
		}
	}
	if read < 18 {
		t.Errorf("only %d files could be read", read)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a.yaml": runs("a", "b"), "b.yaml": runs("b", "leaf"), "leaf.yaml": jobText("leaf"), "other.yaml": "job: other\nsteps: 5\n",
		"broken.yaml": "job: [", "twice.yaml": jobText("leaf2"), "twice2.yaml": jobText("leaf2"),
	})
	p := definition.NewParser(catalog())
	for _, tt := range []struct {
		name  string
		files []string
		says  []string
	}{
		{"a", []string{"a", "b", "leaf"}, nil},
		{"leaf", []string{"leaf"}, nil},
		{"nothing", nil, nil},
		{"other", []string{"other"}, []string{"other.yaml:2:8: steps takes a list, found the text \"5\""}},
		{"leaf2", []string{"leaf2", "leaf2"}, []string{
			"twice.yaml:1:6: the job \"leaf2\" is there twice: here and in twice2.yaml:1:6",
			"twice2.yaml:1:6: the job \"leaf2\" is there twice: here and in twice.yaml:1:6",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set := p.Find([]string{dir}, nil, tt.name)
			var names []string
			for _, f := range set.Files {
				names = append(names, f.Name())
			}
			if diff := cmp.Diff(tt.files, names); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.says, said(dir, set.Problems)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
