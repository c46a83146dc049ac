package definition_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

const secretHere = "#{jobParameters['s3cret']}"

// A secret is refused wherever a value may stand, but in the few places that are
// named here: a place that somebody adds is refused as well.
func TestSecretsAreRefusedEverywhere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "good", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		t.Fatal(err)
	}
	declareSecret(t, doc.Content[0])
	parser := definition.NewParser(catalog())
	places, taken := 0, map[string]bool{}
	eachScalar(doc.Content[0], nil, func(path []string, n *yaml.Node) {
		before := *n
		defer func() { *n = before }()
		n.Value, n.Style = secretHere, yaml.DoubleQuotedStyle
		changed, err := yaml.Dump(&doc)
		if err != nil {
			t.Fatal(err)
		}
		places++
		f := parser.Parse("job.yaml", changed)
		if len(f.Problems) > 0 || path[len(path)-1] == "pattern" { // a #{ in a pattern is a part of it
			return
		}
		in := path[len(path)-2]
		taken[in] = true
		if !slices.Contains([]string{"env", "properties"}, in) && !strings.HasSuffix(strings.Join(path[:len(path)-1], " "), "job parameters") {
			t.Errorf("%s takes a secret", strings.Join(path, " "))
		}
	})
	if places < 200 || len(taken) != 3 {
		t.Errorf("looked at %d places, of which %v take a secret", places, taken)
	}
}

// declareSecret adds a parameter to a job.
func declareSecret(t *testing.T, job *yaml.Node) {
	t.Helper()
	var more yaml.Node
	if err := yaml.Load([]byte("s3cret: {type: secret}"), &more); err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(job.Content); i += 2 {
		if job.Content[i].Value == "parameters" {
			job.Content[i+1].Content = append(job.Content[i+1].Content, more.Content[0].Content...)
		}
	}
}

// eachScalar calls f for every value with the keys that lead to it.
func eachScalar(n *yaml.Node, path []string, f func(path []string, n *yaml.Node)) {
	switch n.Kind { //nolint:exhaustive // nothing else holds values
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			eachScalar(n.Content[i+1], append(slices.Clone(path), n.Content[i].Value), f)
		}
	case yaml.SequenceNode:
		for _, child := range n.Content {
			eachScalar(child, append(slices.Clone(path), "-"), f)
		}
	case yaml.ScalarNode:
		if len(path) > 1 {
			f(path, n)
		}
	}
}

// What a job step gives must be a secret of the other job too: there it is kept as
// the reference that it is.
func TestSecretForAnotherJob(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("parent.yaml", `
job: parent
parameters: {password: {type: secret}}
properties: {login: "#{jobParameters['password']}"}
steps:
  - step: launch
    job: {name: child, parameters: {password: "#{jobParameters['password']}", note: "with #{jobParameters['password']}"}}
  - step: indirect
    job: {name: child, parameters: {note: "#{properties['login']}"}}
  - step: undeclared
    job: {name: open, parameters: {password: "#{jobParameters['password']}(string)"}}
`)
	st.write("child.yaml", `
job: child
parameters: {password: {type: secret}, note: {}}
steps: [{step: use, exec: {command: ["true"]}}]
`)
	st.write("open.yaml", `
job: open
steps: [{step: use, exec: {command: ["true"]}}]
`)
	text := st.compile().Text()
	for _, want := range []string{
		`parent.yaml:7:85: the secret "password" cannot be given to job "child": its parameter note is no secret`,
		`parent.yaml:9:43: the secret "password" cannot be given to job "child": its parameter note is no secret`,
		`parent.yaml:11:46: the secret "password" cannot be given to job "open": its parameter password is no secret`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %s in\n%s", want, text)
		}
	}
	if n := strings.Count(text, "cannot be given"); n != 3 {
		t.Errorf("%d are refused:\n%s", n, text)
	}
}

// No expression reads a secret.
func TestSecretsInExpressions(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("x.yaml", `
job: x
parameters: {s: {type: secret}, day: {}}
properties: {login: "u:#{jobParameters['s']}", day: "#{jobParameters['day']}"}
steps:
  - step: load
    chunk:
      reader: {csv: {file: in.csv, types: {a: string}}}
      processor:
        - filter: "a == jobParameters['s']"
        - validate: "a == jobProperties['login']"
        - set: {k: "jobParameters['s']", d: "jobParameters['day'] + jobProperties['day']"}
      writer: {none: {}}
    next: split
  - step: split
    chunk:
      reader: {csv: {file: in.csv, types: {a: string}}}
      route:
        - csv: {file: one.csv}
          when: "jobParameters['s'] == 'x'"
        - csv: {file: two.csv}
      expect:
        - {total: count, where: "jobParameters['s'] != ''", equals: "1"}
        - {total: "sum(long(jobParameters['s']))", equals: "1"}
    next: choose
  - decision: choose
    value: "jobParameters['s']"
    transitions: [{on: "*", to: end}]
`)
	problems := st.compile()
	var lines []int
	for _, p := range problems {
		lines = append(lines, p.Line)
		if !strings.Contains(p.Message, "is a secret, or has one in it") {
			t.Errorf("%s: %s", p.Where(), p.Message)
		}
	}
	same(t, []int{10, 11, 12, 20, 23, 24, 27}, lines)
}
