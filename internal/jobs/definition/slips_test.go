package definition_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// One slip in each line of a long file, one after the other: nine of ten are told
// in their line, although YAML stops behind it, and none passes.
func TestSlipsAreToldWhereTheyAre(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "good", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, lines := definition.NewParser(catalog()), strings.Split(string(text), "\n")
	for name, slip := range map[string]struct{ what, instead string }{
		"no colon":               {`^(\s*(?:- )*[a-z-]+):`, "$1"},
		"no space behind it":     {`^(\s*(?:- )*[a-z-]+): `, "$1:"},
		"a bracket not closed":   {`[}\]]$`, ""},
		"brackets not closed":    {`[}\]]{2}$`, ""},
		"a no-break space":       {`^(\s*(?:- )*[a-z-]+): `, "$1:\u00a0"},
		"a no-break indentation": {`^ `, "\u00a0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := regexp.MustCompile(slip.what)
			all, told := 0, 0
			for i, line := range lines {
				wrong := pattern.ReplaceAllString(line, slip.instead)
				if wrong == line || strings.HasPrefix(strings.TrimSpace(line), "#") {
					continue
				}
				all++
				f := p.Parse("job.yaml", []byte(strings.Join(lines[:i], "\n")+"\n"+wrong+"\n"+strings.Join(lines[i+1:], "\n")))
				if len(f.Problems) == 0 {
					t.Errorf("nothing is said of %q", wrong)
					continue
				}
				at := f.Problems[0].Line
				if i == 0 {
					at-- // the text begins with an empty line
				}
				if at == i+1 {
					told++
				} else {
					t.Logf("line %d %q: %s", i+1, wrong, f.Problems[0].Text())
				}
			}
			if all < 10 || told*10 < all*9 {
				t.Errorf("of %d slips %d are told in their line", all, told)
			}
		})
	}
}
