package archtest_test

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Limits of core, which must not swell, and of all the rest.
const (
	maxCoreLines      = 3500
	maxCoreInterfaces = 25
	maxFileLines      = 600
	maxFuncLines      = 80
)

func TestFloors(t *testing.T) {
	t.Parallel()
	r := rules{module: module, floors: floors, testFloors: testFloors, forTests: forTests}
	for _, problem := range r.checkImports(moduleFiles(t)) {
		t.Error(problem)
	}
}

func TestCoreStaysSmall(t *testing.T) {
	t.Parallel()
	lines, interfaces := countCore(moduleFiles(t), "internal/core")
	if lines == 0 || lines > maxCoreLines {
		t.Errorf("package core has %d lines, at most %d: a life cycle belongs to engine, a cost per item to chunk", lines, maxCoreLines)
	}
	if interfaces == 0 || interfaces > maxCoreInterfaces {
		t.Errorf("package core has %d exported interfaces, at most %d", interfaces, maxCoreInterfaces)
	}
	t.Logf("package core: %d lines, %d exported interfaces", lines, interfaces)
}

func TestSizes(t *testing.T) {
	t.Parallel()
	files := moduleFiles(t)
	for _, problem := range checkSizes(files, maxFileLines, maxFuncLines) {
		t.Error(problem)
	}
	for _, tests := range []bool{false, true} {
		var fileLines, funcLines []int
		for _, f := range files {
			if f.test != tests || ast.IsGenerated(f.ast) {
				continue
			}
			fileLines = append(fileLines, f.lines)
			for _, n := range functions(f) {
				funcLines = append(funcLines, n)
			}
		}
		t.Logf("tests %-5v: %d files, p90 %d lines, longest %d; %d functions, p90 %d lines, longest %d", tests,
			len(fileLines), percentile(fileLines, 90), percentile(fileLines, 100),
			len(funcLines), percentile(funcLines, 90), percentile(funcLines, 100))
	}
}

// Every module that go.mod names has a line in CONTRIBUTING.md.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	modules := regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.]+\.[a-z]+/\S+) v[0-9]`).FindAllStringSubmatch(string(mod), -1)
	if len(modules) < 10 {
		t.Fatalf("go.mod names %d modules", len(modules))
	}
	for _, m := range modules {
		name := regexp.MustCompile(`/v[0-9]+$`).ReplaceAllString(m[1], "")
		if !strings.Contains(string(guide), name) {
			t.Errorf("%s has no line in CONTRIBUTING.md: what for, what instead, licence", name)
		}
	}
}

// The checks must fail where there is something to find.
func TestPlantedViolations(t *testing.T) {
	t.Parallel()
	files, err := parseModule("testdata/planted")
	if err != nil {
		t.Fatal(err)
	}
	r := rules{
		module: "example.org/planted",
		floors: map[string][]string{
			"core": {}, "verb": {"core"}, "store": {"core", "+example.com/driver"}, "gone": {}, "tested": {"core"},
		},
		testFloors: map[string][]string{"tested": {"verb"}, "nowhere": {}},
		forTests:   []string{"+example.com/assert"},
	}
	want := []string{
		"core/core.go: may not import example.com/yaml",
		"core/core.go: may not import example.org/planted/verb",
		"gone: has a row in the table of floors, but does not exist",
		"nowhere: has a row for its tests and none for itself",
		"store/store.go: may not import example.com/driverless",
		"store/store_test.go: may not import example.org/planted/verb",
		"store/tagged.go: may not import example.org/planted",
		"stray: the package has no row in the table of floors",
		"tested/tested.go: may not import example.com/assert",
		"tested/tested.go: may not import example.org/planted/verb",
	}
	if diff := cmp.Diff(want, r.checkImports(files)); diff != "" {
		t.Errorf("imports (-want +got):\n%s", diff)
	}
	wantSizes := []string{"core/core.go: 16 lines, at most 15", "verb/verb.go: 16 lines, at most 15", "verb/verb.go: func Long has 8 lines, at most 7"}
	if diff := cmp.Diff(wantSizes, checkSizes(files, 15, 7)); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
	if lines, interfaces := countCore(files, "core"); lines != 16 || interfaces != 2 {
		t.Errorf("core has %d lines and %d exported interfaces, want 16 and 2", lines, interfaces)
	}
	if got := percentile([]int{9, 1, 8, 2, 7, 3, 6, 4, 5, 10, 0}, 90); got != 9 {
		t.Errorf("p90 = %d, want 9", got)
	}
}
