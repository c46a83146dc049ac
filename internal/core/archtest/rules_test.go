package archtest_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checklist holds how many numbered rules each family has.
var checklist = map[string]int{"STEP": 55, "CHUNK": 72, "FLOW": 60, "PART": 31}

var (
	ruleName = regexp.MustCompile(`\b(STEP|CHUNK|FLOW|PART)-([0-9]{2})\b`)
	// namedRules are those with which the name of a test begins.
	namedRules   = regexp.MustCompile(`^(?:[A-Z]+-[0-9]{2}(?:,? (?:and |to )?|/|$))+`)
	departureRow = regexp.MustCompile(`(?m)^\| ((?:STEP|CHUNK|FLOW|PART)-[0-9]{2}) \| (.+) \|$`)
)

// Every rule is proven by a test that carries its number, or departed from for
// a reason.
func TestRulesAreTestedOrDepartedFrom(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../DEPARTURES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkRules(checklist, rulesInTests(moduleFiles(t)), string(text)) {
		t.Error(problem)
	}
	t.Logf("%d departures", len(departureRow.FindAllString(string(text), -1)))
}

func TestRulesPlanted(t *testing.T) {
	t.Parallel()
	departures := "| FLOW-01 | because |\n| FLOW-02 | both |\n| FLOW-09 | no such rule |\n| FLOW-02 | again |\n"
	want := []string{
		"FLOW-02: departed from twice",
		"FLOW-03: neither tested nor departed from", "FLOW-09: there is no such rule",
	}
	got := checkRules(map[string]int{"FLOW": 3}, map[string]bool{"FLOW-02": true}, departures)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func checkRules(families map[string]int, tested map[string]bool, departures string) []string {
	var problems []string
	departed := map[string]bool{}
	for _, row := range departureRow.FindAllStringSubmatch(departures, -1) {
		if departed[row[1]] {
			problems = append(problems, row[1]+": departed from twice")
		}
		departed[row[1]] = true
	}
	known := map[string]bool{}
	for _, family := range slices.Sorted(maps.Keys(families)) {
		for n := range families[family] {
			rule := fmt.Sprintf("%s-%02d", family, n+1)
			known[rule] = true
			if !tested[rule] && !departed[rule] {
				problems = append(problems, rule+": neither tested nor departed from")
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(departed)) {
		if !known[rule] {
			problems = append(problems, rule+": there is no such rule")
		}
	}
	return problems
}

// rulesInTests returns the rules with which string literals in the functions of
// tests begin, as the names of subtests do: "CHUNK-12 CHUNK-14 what holds". What an
// error says of a rule, "CHUNK-12: got ...", names none.
func rulesInTests(files []file) map[string]bool {
	tested := map[string]bool{}
	add := func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			return true
		}
		for _, rule := range ruleName.FindAllString(namedRules.FindString(text), -1) {
			tested[rule] = true
		}
		return true
	}
	for _, f := range files {
		if !f.test || strings.HasSuffix(f.pkg, "archtest") {
			continue
		}
		for _, decl := range f.ast.Decls {
			if _, ok := decl.(*ast.FuncDecl); ok {
				ast.Inspect(decl, add)
			}
		}
	}
	return tested
}
