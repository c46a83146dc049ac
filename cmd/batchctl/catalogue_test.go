package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rowHead begins what the scripts say about a row of the catalogue of bad input.
var rowHead = regexp.MustCompile(`^# Row (\d+):`)

// Every row about definitions, what they run and the files that they read and
// write is tried with the program: its exit code, and what it says first.
func TestCatalogueIsTried(t *testing.T) {
	t.Parallel()
	const firstRow, lastRow = 35, 89
	files, err := filepath.Glob(filepath.Join(root(t), "testdata", "script", "catalogue*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d scripts, error %v", len(files), err)
	}
	tried, told := map[int]bool{}, map[int]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		script, _, _ := strings.Cut(string(text), "\n-- ")
		row := 0
		for line := range strings.Lines(script) {
			if head := rowHead.FindStringSubmatch(line); head != nil {
				row, err = strconv.Atoi(head[1])
				if err != nil {
					t.Fatal(err)
				}
			}
			tried[row] = tried[row] || strings.HasPrefix(line, "exits ")
			told[row] = told[row] || strings.HasPrefix(line, "first") || line == "! stderr .\n"
		}
	}
	for row := firstRow; row <= lastRow; row++ {
		if !tried[row] || !told[row] {
			t.Errorf("row %d: it is tried: %t, what it says first is looked at: %t", row, tried[row], told[row])
		}
	}
}
