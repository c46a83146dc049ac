package definition_test

import (
	"crypto/sha256"
	"encoding/hex"
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
			`d.yaml:1:6: the job "built" is built into batchctl`,
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
		want := []string{"c.yaml:6:17: jobs run each other round in a circle: a -> b -> c -> a"}
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
