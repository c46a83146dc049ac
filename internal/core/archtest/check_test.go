package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// file is one parsed Go file.
type file struct {
	path    string // slash-separated, relative to the root of the module
	pkg     string // its folder
	test    bool
	imports []string
	ast     *ast.File
	fset    *token.FileSet
	lines   int
}

// parseModule parses every Go file below root, whatever its build tags; nested
// modules and testdata are not part of it.
func parseModule(root string) ([]file, error) {
	var files []file
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skipFolder(root, name, entry.Name())
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := file{
			path: filepath.ToSlash(rel), pkg: path.Dir(filepath.ToSlash(rel)), test: strings.HasSuffix(name, "_test.go"),
			ast: parsed, fset: fset, lines: fset.File(parsed.FileStart).LineCount(),
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

func skipFolder(root, name, base string) error {
	if name == root {
		return nil
	}
	if base == "testdata" || base == "build" || base[0] == '.' || base[0] == '_' {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// rules are the tables that a module is held to.
type rules struct {
	module             string
	floors, testFloors map[string][]string
	forTests           []string
}

// checkImports returns what in files the tables do not allow.
func (r rules) checkImports(files []file) []string {
	var problems []string
	seen := map[string]bool{}
	for _, f := range files {
		allowed, row := r.floors[f.pkg]
		if !row {
			if !seen[f.pkg] {
				problems = append(problems, fmt.Sprintf("%s: the package has no row in the table of floors", f.pkg))
			}
			seen[f.pkg] = true
			continue
		}
		seen[f.pkg] = true
		if f.test {
			allowed = slices.Concat(allowed, r.testFloors[f.pkg], r.forTests, []string{f.pkg})
		}
		for _, imported := range f.imports {
			if !r.isAllowed(imported, allowed) {
				problems = append(problems, fmt.Sprintf("%s: may not import %s", f.path, imported))
			}
		}
	}
	for pkg := range r.floors {
		if !seen[pkg] {
			problems = append(problems, fmt.Sprintf("%s: has a row in the table of floors, but does not exist", pkg))
		}
	}
	for pkg := range r.testFloors {
		if _, row := r.floors[pkg]; !row {
			problems = append(problems, fmt.Sprintf("%s: has a row for its tests and none for itself", pkg))
		}
	}
	slices.Sort(problems)
	return problems
}

func (r rules) isAllowed(imported string, allowed []string) bool {
	if imported == r.module {
		return false
	}
	if own, ok := strings.CutPrefix(imported, r.module+"/"); ok {
		return slices.Contains(allowed, own)
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return true // the standard library, and C
	}
	return slices.ContainsFunc(allowed, func(row string) bool {
		dep, ok := strings.CutPrefix(row, "+")
		return ok && (imported == dep || strings.HasPrefix(imported, dep+"/"))
	})
}

// checkSizes returns the files and functions, tests apart, that are too long.
func checkSizes(files []file, maxFile, maxFunc int) []string {
	var problems []string
	for _, f := range files {
		if f.test || ast.IsGenerated(f.ast) {
			continue
		}
		if f.lines > maxFile {
			problems = append(problems, fmt.Sprintf("%s: %d lines, at most %d", f.path, f.lines, maxFile))
		}
		for name, lines := range functions(f) {
			if lines > maxFunc {
				problems = append(problems, fmt.Sprintf("%s: func %s has %d lines, at most %d", f.path, name, lines, maxFunc))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// functions returns the lengths of the functions of f by name.
func functions(f file) map[string]int {
	lengths := map[string]int{}
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lengths[fn.Name.Name] = max(lengths[fn.Name.Name], f.fset.Position(fn.End()).Line-f.fset.Position(fn.Pos()).Line+1)
	}
	return lengths
}

// countCore returns the lines and the exported interfaces of a package, tests
// apart.
func countCore(files []file, pkg string) (lines, interfaces int) {
	for _, f := range files {
		if f.test || f.pkg != pkg {
			continue
		}
		lines += f.lines
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if ok && spec.Name.IsExported() {
				if _, ok := spec.Type.(*ast.InterfaceType); ok {
					interfaces++
				}
			}
			return true
		})
	}
	return lines, interfaces
}

func percentile(values []int, p int) int {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)*p/100]
}

func moduleFiles(t *testing.T) []file {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	files, err := parseModule(root)
	if err != nil {
		t.Fatal(err)
	}
	return files
}
