package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core/fault"
)

// TestPoints compares the list of failpoints with the calls in the source.
func TestPoints(t *testing.T) {
	t.Parallel()
	var called []string
	err := filepath.WalkDir("../../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		names, err := pointsOf(t, path)
		called = append(called, names...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(called)
	if diff := cmp.Diff(fault.Points(), slices.Compact(called)); diff != "" {
		t.Errorf("the list (-) and the calls (+) differ:\n%s", diff)
	}
}

// pointsOf returns the names that a file calls fault.Point with.
func pointsOf(t *testing.T, path string) ([]string, error) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || f.Sel.Name != "Point" {
			return true
		}
		if pkg, ok := f.X.(*ast.Ident); !ok || pkg.Name != "fault" {
			return true
		}
		literal, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			t.Errorf("%s: a failpoint must be named by a literal", path)
			return true
		}
		name, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		names = append(names, name)
		return true
	})
	return names, nil
}
