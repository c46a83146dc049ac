package component_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func TestParse(t *testing.T) {
	t.Parallel()
	enum := component.Option{Type: component.Enum, Values: []string{"a", "b"}}
	bounded := component.Option{Type: component.Int, Min: 1, Max: 10}
	for name, tt := range map[string]struct {
		option component.Option
		text   string
		want   any
		err    string
	}{
		"bool":          {component.Option{Type: component.Bool}, "true", true, ""},
		"bool, none":    {component.Option{Type: component.Bool}, "", false, ""},
		"bool, yes":     {component.Option{Type: component.Bool}, "yes", nil, `"yes" is neither true nor false`},
		"int":           {component.Option{Type: component.Int}, "-7", int64(-7), ""},
		"int, none":     {bounded, "", int64(0), ""},
		"44 int, range": {bounded, "11", nil, "11 is out of range, want 1 to 10"},
		"44 int, words": {bounded, "ten", nil, `"ten" is not a whole number`},
		"duration":      {component.Option{Type: component.Duration}, "1m30s", 90 * time.Second, ""},
		"duration, bad": {component.Option{Type: component.Duration}, "-1s", nil, `"-1s" is not a duration`},
		"duration, no":  {component.Option{Type: component.Duration}, "", time.Duration(0), ""},
		"char":          {component.Option{Type: component.Char}, "é", "é", ""},
		"char, two":     {component.Option{Type: component.Char}, "ab", nil, `"ab" has 2 characters, want one`},
		"enum":          {enum, "b", "b", ""},
		"enum, other":   {enum, "c", nil, `"c" is none of a, b`},
		"text":          {component.Option{Type: component.Text}, " x", " x", ""},
		"path":          {component.Option{Type: component.Path}, "a/b", "a/b", ""},
		"list":          {component.Option{Type: component.Names}, "a", nil, "is a scalar, want a list of columns"},
		"map":           {component.Option{Type: component.Columns}, "a", nil, "is a scalar, want a map of columns"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.option.Parse(tt.text)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(got, tt.want); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	spec := component.Spec{Name: "x", Options: []component.Option{
		{Name: "text", Type: component.Text, Default: "d"},
		{Name: "bool", Type: component.Bool, Default: "true"},
		{Name: "int", Type: component.Int, Default: "5", Min: 1, Max: 9},
		{Name: "wait", Type: component.Duration, Default: "2s"},
		{Name: "names", Type: component.Names},
		{Name: "map", Type: component.TextMap},
	}}
	v, err := component.NewValues(spec, map[string]any{"names": []string{"a"}, "text": "given"})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{v.Text("text"), v.Bool("bool"), v.Int("int"), v.Duration("wait"), v.List("names"), v.Pairs("map")}
	want := []any{"given", true, int64(5), 2 * time.Second, []string{"a"}, []component.Pair(nil)}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if o, ok := spec.Option("int"); !ok || o.Max != 9 {
		t.Errorf("option int: %+v, %v", o, ok)
	}
	if _, ok := spec.Option("none"); ok {
		t.Error("there is an option that is none")
	}
	for name, ask := range map[string]func(){"another type": func() { v.Int("text") }, "no option": func() { v.Text("none") }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			ask()
		}()
	}
	spec.Options[2].Default = "77"
	if _, err := component.NewValues(spec, nil); err == nil || !strings.Contains(err.Error(), "default of option int of x: 77 is out of range") {
		t.Errorf("a bad default: %v", err)
	}
}

func TestMakeSchema(t *testing.T) {
	t.Parallel()
	types := []component.Pair{{Name: "id", Value: "long"}, {Name: "d", Value: "decimal(5,2)"}}
	s, err := component.MakeSchema([]string{"s", "d", "id"}, types, []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Column{{Name: "s", Kind: record.String}, {Name: "d", Kind: record.Decimal, Digits: 5, Scale: 2}, {Name: "id", Kind: record.Long, Required: true}}
	if diff := cmp.Diff(s.Columns(), want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if s, err := component.MakeSchema(nil, types, nil); err != nil || !cmp.Equal(s.Names(), []string{"id", "d"}) {
		t.Errorf("of types alone: %v", err)
	}
	for name, tt := range map[string]struct {
		names    []string
		types    []component.Pair
		required []string
		option   string
		hint     string
	}{
		"nothing":          {option: "types", hint: "types: {id: long"},
		"type of nothing":  {names: []string{"idd"}, types: types[:1], option: "types", hint: "did you mean idd?"},
		"no type":          {types: []component.Pair{{Name: "a", Value: "lnog"}}, option: "types", hint: "did you mean long?"},
		"required nothing": {names: []string{"a"}, required: []string{"zzzzzz"}, option: "required", hint: "there are a"},
		"twice":            {names: []string{"a", "a"}, option: "columns"},
	} {
		_, err := component.MakeSchema(tt.names, tt.types, tt.required)
		wrong, ok := errors.AsType[*component.OptionError](err)
		if !ok || wrong.Option != tt.option || !strings.Contains(wrong.Hint, tt.hint) || !errors.Is(err, core.ErrJobDefinition) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if at, err := component.Pick("columns", []string{"id", "s"}, s); err != nil || !cmp.Equal(at, []int{2, 0}) {
		t.Errorf("picked %v, %v", at, err)
	}
	for _, names := range [][]string{{"x"}, {"id", "id"}} {
		if _, err := component.Pick("columns", names, s); err == nil {
			t.Errorf("picked %v", names)
		}
	}
}
