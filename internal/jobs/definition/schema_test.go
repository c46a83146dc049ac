package definition_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// schema is the small part of JSON Schema that ours is written in.
type schema struct {
	t        *testing.T
	root     map[string]any
	patterns map[string]*regexp.Regexp
}

func newSchema(t *testing.T) schema {
	t.Helper()
	s := schema{t: t, patterns: map[string]*regexp.Regexp{}}
	if err := json.Unmarshal(definition.NewParser(catalog()).Schema(), &s.root); err != nil {
		t.Fatal(err)
	}
	return s
}

// valid reports whether v is what the schema describes. A word of the schema
// that it does not know fails the test.
func (s schema) valid(rule, v any) bool {
	if r, ok := rule.(bool); ok {
		return r
	}
	ok := true
	for word, arg := range rule.(map[string]any) {
		ok = s.word(word, arg, rule.(map[string]any), v) && ok
	}
	return ok
}

func (s schema) word(word string, arg any, rule map[string]any, v any) bool {
	object, isObject := v.(map[string]any)
	array, isArray := v.([]any)
	text, isText := v.(string)
	number, isNumber := v.(float64)
	switch word {
	case "$schema", "title", "description", "default", "definitions", "properties":
		return true
	case "$ref":
		if len(rule) > 1 {
			s.t.Errorf("beside $ref %v nothing else counts: %v", arg, rule)
		}
		return s.valid(s.root["definitions"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/definitions/")], v)
	case "anyOf":
		return slices.ContainsFunc(arg.([]any), func(r any) bool { return s.valid(r, v) })
	case "oneOf":
		n := 0
		for _, r := range arg.([]any) {
			if s.valid(r, v) {
				n++
			}
		}
		return n == 1
	case "allOf":
		return !slices.ContainsFunc(arg.([]any), func(r any) bool { return !s.valid(r, v) })
	case "not":
		return !s.valid(arg, v)
	case "enum":
		return slices.Contains(arg.([]any), v)
	case "required":
		return !isObject || !slices.ContainsFunc(arg.([]any), func(k any) bool { _, ok := object[k.(string)]; return !ok })
	case "additionalProperties":
		known, _ := rule["properties"].(map[string]any)
		for k, item := range object {
			if r, ok := known[k]; ok && !s.valid(r, item) || !ok && !s.valid(arg, item) {
				return false
			}
		}
		return true
	case "propertyNames":
		for k := range object {
			if !s.valid(arg, k) {
				return false
			}
		}
		return true
	case "items":
		return !isArray || !slices.ContainsFunc(array, func(item any) bool { return !s.valid(arg, item) })
	case "minItems":
		return !isArray || float64(len(array)) >= arg.(float64)
	case "minProperties":
		return !isObject || float64(len(object)) >= arg.(float64)
	case "minLength":
		return !isText || float64(len([]rune(text))) >= arg.(float64)
	case "pattern":
		if s.patterns[arg.(string)] == nil {
			s.patterns[arg.(string)] = regexp.MustCompile(arg.(string))
		}
		return !isText || s.patterns[arg.(string)].MatchString(text)
	case "minimum":
		return !isNumber || number >= arg.(float64)
	case "maximum":
		return !isNumber || number <= arg.(float64)
	case "type":
		types, several := arg.([]any)
		if !several {
			types = []any{arg}
		}
		return slices.ContainsFunc(types, func(name any) bool { return s.is(name.(string), v) })
	}
	s.t.Errorf("the schema says %s, which this test does not know", word)
	return false
}

func (s schema) is(name string, v any) bool {
	switch v := v.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == math.Trunc(v)
	case []any:
		return name == "array"
	}
	return name == "object"
}

// plain makes of a node what an editor validates: typed by YAML 1.2's core.
func plain(n *yaml.Node) any {
	if n.Kind == yaml.MappingNode {
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	}
	if n.Kind == yaml.SequenceNode {
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	}
	if n.Style == 0 {
		switch n.Value {
		case "", "~", "null":
			return nil
		case "true", "false":
			return n.Value == "true"
		}
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil && regexp.MustCompile(`^[-+]?[0-9.]+$`).MatchString(n.Value) {
			return f
		}
	}
	return n.Value
}

// The schema is satisfied by every good file. Of the bad ones it refuses those
// whose mistakes it can express; the others are listed with the reason.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	beyond := map[string]string{
		"39-duplicate-key": "the last of two keys counts",
		"45-targets":       "targets are names of elsewhere",
		"53-runs-itself":   "a name of elsewhere",
		"incrementer":      "a name of elsewhere",
		"47-long-name":     "lengths are counted in UTF-16",
		"shell":            "which word a shell runs depends on those before it",
		"secret-path":      "types of parameters are those of elsewhere",
		"variables":        "names of elsewhere",
		"secrets":          "types of parameters are those of elsewhere",
		"52-outputs":       "files are named twice",
		"patterns":         "how a pattern is written, and what it finds elsewhere",
		"order":            "steps of elsewhere",
	}
	check := func(path string, want bool) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc yaml.Node
		if err := yaml.Load(text, &doc, yaml.WithUniqueKeys(false)); err != nil {
			return // no values to look at
		}
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		switch got := s.valid(s.root, plain(doc.Content[0])); {
		case beyond[name] != "" && !got:
			t.Errorf("%s: the schema can express it: take it off the list", name)
		case beyond[name] == "" && got != want:
			t.Errorf("%s: the schema says %v, the parser %v", name, got, want)
		}
	}
	for folder, want := range map[string]bool{"good": true, "bad": false} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatal(folder, err)
		}
		for _, path := range files {
			check(path, want)
		}
	}
}

// One value changed at a time: what the schema refuses the parser refuses too.
// What a scalar says is left to the parser where the schema is silent.
func TestSchemaRefusesNothingMore(t *testing.T) {
	t.Parallel()
	s := newSchema(t)
	text, err := os.ReadFile(filepath.Join("testdata", "good", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		t.Fatal(err)
	}
	parser := definition.NewParser(catalog())
	tried, both := 0, 0
	try := func(what string) {
		if tried++; tried%7 != 0 { // every seventh; seven has nothing in common with the number of values
			return
		}
		out, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		refused := parser.Parse("x.yaml", out).Problems.Err()
		if !s.valid(s.root, plain(doc.Content[0])) {
			both++
			if refused == nil {
				t.Errorf("%s: the schema refuses it, the parser does not", what)
			}
		}
	}
	values := []yaml.Node{
		{Kind: yaml.ScalarNode, Value: "5"},
		{Kind: yaml.ScalarNode, Value: "x y"},
		{Kind: yaml.ScalarNode, Value: "true"},
		{Kind: yaml.ScalarNode, Value: "-1.5"},
		{Kind: yaml.ScalarNode, Value: "5m"},
		{Kind: yaml.ScalarNode, Value: "", Style: yaml.DoubleQuotedStyle},
		{Kind: yaml.ScalarNode, Value: "#{env['A']}", Style: yaml.DoubleQuotedStyle},
		{Kind: yaml.SequenceNode},
		{Kind: yaml.MappingNode},
	}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		for i, c := range n.Content {
			at := path + "/" + c.Value
			if n.Kind == yaml.MappingNode && i%2 == 0 {
				key := c.Value
				c.Value = "unheard"
				try(at + " renamed")
				c.Value = key
				continue
			}
			if n.Kind == yaml.MappingNode {
				at = path + "/" + n.Content[i-1].Value
			}
			before := *c
			for _, v := range values {
				*c = v
				try(at + " = " + v.Value)
			}
			*c = before
			walk(c, at)
		}
	}
	walk(doc.Content[0], "")
	if tried < 2000 || both < tried/7/3 {
		t.Errorf("tried %d changes, of which the schema refused %d", tried, both)
	}
}

// Every field of the tree is filled by the file that has every key, and every
// key of the grammar is in that file and in the reference.
func TestEverything(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "good", "everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f := parse(t, string(text))
	if f.Problems != nil {
		t.Fatal(f.Problems.Text())
	}
	filled := map[string]bool{}
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() { //nolint:exhaustive // the tree is made of these
		case reflect.Pointer:
			if !v.IsNil() {
				look(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				filled[name] = filled[name] || !v.Field(i).IsZero()
				look(v.Field(i))
			}
		}
	}
	look(reflect.ValueOf(f.Job))
	if len(filled) < 120 {
		t.Errorf("only %d fields were seen", len(filled))
	}
	for name, ok := range filled {
		if !ok && name != "Job.Open" {
			t.Errorf("%s is empty: the file lacks the key, or nobody reads it", name)
		}
	}
	s, help := newSchema(t), definition.NewParser(catalog()).Reference()
	for name, block := range s.root["definitions"].(map[string]any) {
		properties, _ := block.(map[string]any)["properties"].(map[string]any)
		for key := range properties {
			if !strings.Contains(string(text), key+":") {
				t.Errorf("the key %s of %s is not in the file", key, name)
			}
			if !strings.Contains(help, "\n  "+key+": ") && !strings.Contains(name, "-of-a-") {
				t.Errorf("the key %s of %s is not in the reference", key, name)
			}
		}
	}
	for line := range strings.Lines(help) {
		if len([]rune(line)) > 120 {
			t.Errorf("a line of the reference is %d characters long: %s", len([]rune(line)), line)
		}
	}
}
