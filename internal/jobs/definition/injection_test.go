package definition_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// injections are values that mean something to a shell, to SQL, to a terminal, to
// a substitution or to a path, where they are not kept apart from its text.
func injections() []string {
	return []string{
		"", " ", "-", "--help", "-rf", "-e evil", "*", "?", "~", "~root", "!!", "#", "%s%n", "&", "|", ";", "<evil", ">evil", ">>evil",
		"$(touch evil)", "`touch evil`", "${IFS}touch${IFS}evil", "$((1+1))", "$HOME", "$BATCH_PARAM_V", "$'\\x41'", "a\\nb", "\\", `\"`, `"`, "'", `'"'"'`,
		"; touch evil", "&& touch evil", "| touch evil", "\ntouch evil\n", "x\n--", "a\tb", "{a,b}", "[a-z]", "a=b", "() { :; }; touch evil",
		"'); DROP TABLE said; --", "' OR '1'='1", `"; DROP TABLE said; --`, "1; DELETE FROM said", "0 UNION SELECT 1", "said.id", ":v", "@v", "?1", "$v",
		"/* */", "--", "X'41'", "NULL", "true", "1e9", "007", "0x10", "\u202egpj.exe", "\u00a0", "💥", "é", "e\u0301",
		"#{jobParameters['w']}", "#{env['HOME']}", "#{", "##{x}", "{{v}}", "${v}", "null", "[]", "{}", "&anchor", "*alias", "!!str", "a: b", "- a",
		"\x1b[2J", "\x07", strings.Repeat("A", 2000),
	}
}

// Whatever a value holds, it is a value: a word of a command, a variable of a
// script, a bound value of a statement, a field of a file.
func TestInjection(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: inject
parameters: {n: {type: long, required: true}, v: {required: true}, w: {default: other, identifying: false}}
steps:
  - step: words
    exec: {command: [sh, -c, 'printf "%s" "$1" > words.txt', sh, "#{jobParameters['v']}"]}
  - step: script
    exec: {command: 'printf "%s" "$BATCH_PARAM_V" > script.txt; printf "%s" "$GIVEN" > given.txt', env: {GIVEN: "#{jobParameters['v']}"}}
  - step: statement
    sql: {statements: ["INSERT INTO said (n, v) VALUES (:n, :v)"], params: {n: "#{jobParameters['n']}", v: "#{jobParameters['v']}"}}
  - step: query
    chunk:
      reader:
        sql:
          query: SELECT n AS id, v, :v AS again FROM said WHERE n = :n AND v = :v
          params: {n: "#{jobParameters['n']}", v: "#{jobParameters['v']}"}
          key: id
          types: {id: long, v: string, again: string}
      processor:
        - filter: "v == jobParameters['v']"
      writers:
        - sql: {table: heard}
        - jsonl: {file: heard.jsonl}
`)
	st.exec(st.store.Path(), "CREATE TABLE said (n INTEGER, v TEXT)", "CREATE TABLE heard (id INTEGER, v TEXT, again TEXT)")
	for i, v := range injections() {
		st.must("inject", fmt.Sprintf("n=%d", i), "v="+v)
		for _, name := range []string{"words.txt", "script.txt", "given.txt"} {
			if got := st.read(name); got != v {
				t.Errorf("%s: got %q, want %q", name, got, v)
			}
		}
		same(t, []string{v + "|" + v}, st.query(st.store.Path(), "SELECT v, again FROM heard WHERE id = ?", i))
		if st.exists("evil") {
			t.Fatalf("%q has run", v)
		}
	}
}

// A path out of the folder that a parameter has to lie within is refused, however
// it is written.
func TestPathInjection(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in/day.csv", "id\n1\n")
	st.write("outside.csv", "id\n2\n")
	if err := os.Symlink("../outside.csv", filepath.Join(st.dir, "in", "link.csv")); err != nil {
		t.Fatal(err)
	}
	st.write("job.yaml", `
job: paths
parameters: {file: {type: path, within: in, required: true}}
steps:
  - step: read
    exec: {command: [cat, "#{jobParameters['file']}"]}
`)
	for i, path := range []string{
		"../outside.csv", "in/../../outside.csv", "in/../outside.csv", "/etc/passwd", "in/link.csv", "in/./../outside.csv", "in//..//outside.csv",
		"outside.csv", ".", "..", "/", "in/../in/../outside.csv", "in/none/../../outside.csv",
	} {
		if !filepath.IsAbs(path) {
			path = st.dir + "/" + path // as typed, not cleaned
		}
		je, err := st.run("paths", "file="+path)
		if je != nil || !errors.Is(err, core.ErrJobParametersInvalid) {
			t.Errorf("%d: %s: execution %v, error %v", i, path, je, err)
		}
	}
	if je := st.must("paths", fmt.Sprintf("file=%s/in/day.csv", st.dir)); je.Status != core.StatusCompleted {
		t.Errorf("the file in the folder: %s", je.Status)
	}
}
