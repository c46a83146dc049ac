package core_test

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestJobParameters(t *testing.T) {
	t.Parallel()
	ps := core.JobParameters{
		param("d", day(2021, 1, 1).In(time.FixedZone("", 3600))), param("n", int64(5)),
		nonIdentifying("f", 1.5), param("s", "text"),
	}
	t.Run("PAR-01 the last of one name wins, in its place", func(t *testing.T) {
		t.Parallel()
		got := ps.With(nonIdentifying("n", "six"))
		want := core.JobParameters{ps[0], nonIdentifying("n", "six"), ps[2], ps[3]}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("replaced (-want +got):\n%s", diff)
		}
		if p, _ := ps.Lookup("n"); p.Value != int64(5) {
			t.Errorf("With changed what it was called on: %v", ps)
		}
		if got := ps.With(param("x", "y")); len(got) != 5 || len(ps) != 4 {
			t.Errorf("added: %d, original %d", len(got), len(ps))
		}
	})
	t.Run("PAR-02 a parameter without value cannot be stored", func(t *testing.T) {
		t.Parallel()
		err := core.JobParameters{param("k", nil)}.Check()
		if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "parameter k") {
			t.Errorf("Check = %v", err)
		}
	})
	t.Run("PAR-03 another type is an error", func(t *testing.T) {
		t.Parallel()
		_, ok, err := ps.String("n")
		if ok || err == nil || err.Error() != "parameter n is a long, want a string" {
			t.Errorf("String(n) = %v, %v", ok, err)
		}
		if _, _, err := ps.Date("s"); err == nil || err.Error() != "parameter s is a string, want a date" {
			t.Errorf("Date(s): %v", err)
		}
	})
	t.Run("PAR-04 an absent name is no error", func(t *testing.T) {
		t.Parallel()
		if v, ok, err := ps.Long("absent"); v != 0 || ok || err != nil {
			t.Errorf("Long(absent) = %d, %v, %v", v, ok, err)
		}
	})
	t.Run("PAR-05 the identifying subset in order", func(t *testing.T) {
		t.Parallel()
		want := core.JobParameters{ps[0], ps[1], ps[3]}
		if diff := cmp.Diff(want, ps.Identifying()); diff != "" {
			t.Errorf("identifying (-want +got):\n%s", diff)
		}
	})
	t.Run("each type has its getter", func(t *testing.T) {
		t.Parallel()
		d, okD, errD := ps.Date("d")
		n, okN, errN := ps.Long("n")
		f, okF, errF := ps.Double("f")
		s, okS, errS := ps.String("s")
		if !okD || !okN || !okF || !okS || errors.Join(errD, errN, errF, errS) != nil {
			t.Fatalf("found %v %v %v %v", okD, okN, okF, okS)
		}
		if !d.Equal(day(2021, 1, 1)) || d.Location() != time.UTC || n != 5 || f != 1.5 || s != "text" {
			t.Errorf("values %v %v %v %v", d, n, f, s)
		}
	})
}

func TestJobParameterEqual(t *testing.T) {
	t.Parallel()
	p := param("d", day(2021, 1, 1))
	if !p.Equal(param("d", day(2021, 1, 1).In(time.FixedZone("KST", 9*3600)))) {
		t.Error("one instant in two zones differs")
	}
	for name, q := range map[string]core.JobParameter{
		"name": param("e", day(2021, 1, 1)), "value": param("d", day(2021, 1, 2)),
		"flag": nonIdentifying("d", day(2021, 1, 1)), "type": param("d", "2021-01-01"),
	} {
		if p.Equal(q) || q.Equal(p) {
			t.Errorf("another %s goes unnoticed", name)
		}
	}
	if param("n", int64(5)).Equal(param("n", 5.0)) {
		t.Error("long 5 and double 5 are one")
	}
	if got := param("n", 5).Type(); got != "" {
		t.Errorf("an int has the type %q", got)
	}
}

func TestJobParametersCheck(t *testing.T) {
	t.Parallel()
	edge := func(text string) time.Time {
		d, err := core.ParseDate(text, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	good := core.JobParameters{
		param("s", ""), param("n", int64(math.MinInt64)), param("f", -math.MaxFloat64),
		param("first", edge("0001-01-01T00:00+18:00")), param("last", edge("9999-12-31T23:59:59.999-18:00")),
	}
	if err := good.Check(); err != nil {
		t.Errorf("Check of what can be stored: %v", err)
	}
	for name, tt := range map[string]struct {
		ps  core.JobParameters
		msg string
	}{
		"twice":            {core.JobParameters{param("k", "a"), param("k", "b")}, "parameter k: given twice"},
		"name":             {core.JobParameters{param("a b", "v")}, `parameter "a b": the name contains " "`},
		"NaN":              {core.JobParameters{param("k", math.NaN())}, "not a finite number"},
		"infinity":         {core.JobParameters{param("k", math.Inf(1))}, "not a finite number"},
		"before the years": {core.JobParameters{param("k", good[3].Value.(time.Time).Add(-time.Millisecond))}, "outside 0001-9999"},
		"after the years":  {core.JobParameters{param("k", good[4].Value.(time.Time).Add(time.Millisecond))}, "outside 0001-9999"},
		"microseconds":     {core.JobParameters{param("k", day(2021, 1, 1).Add(time.Microsecond))}, "finer than a millisecond"},
		"int":              {core.JobParameters{param("k", 5)}, "a value of type int cannot be stored"},
		"opaque":           {core.JobParameters{param("k", core.OpaqueValue{Type: "UUID", Text: "x"})}, "cannot be stored"},
		"too many":         {make(core.JobParameters, 201), "201 parameters, at most 200"},
	} {
		err := tt.ps.Check()
		if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), tt.msg) {
			t.Errorf("%s: Check = %v, want %q", name, err, tt.msg)
		}
	}
}

func specs() core.ParameterSpecs {
	return core.ParameterSpecs{
		{Name: "requestDate", Type: core.TypeDate, Required: true},
		{Name: "currency", Pattern: regexp.MustCompile(`KR|KRW|[A-Z]{3}`), Default: "KRW"},
		{Name: "inputDir", Path: true, NonIdentifying: true, Default: "in"},
		{Name: "limit", Type: core.TypeLong, NonIdentifying: true},
	}
}

func TestParameterSpecsValidate(t *testing.T) {
	t.Parallel()
	date := param("requestDate", day(2021, 1, 1))
	for _, tt := range []struct {
		name      string
		ps        core.JobParameters
		msg, hint string // no msg: valid
	}{
		{"all given", core.JobParameters{date, param("currency", "USD"), param("limit", int64(1))}, "", ""},
		{"optional ones absent", core.JobParameters{date}, "", ""},
		{"a pattern matches the whole by any alternative", core.JobParameters{date, param("currency", "KRW")}, "", ""},
		{"VAL-01 required absent", core.JobParameters{param("limit", int64(1))}, "missing required parameter requestDate", "add requestDate=2021-01-01"},
		{"VAL-02 undeclared", core.JobParameters{date, param("currancy", "x")}, "parameter currancy: the job declares no such parameter", "did you mean currency?"},
		{"another type", core.JobParameters{date, param("limit", "1")}, "is declared long, not string", ""},
		{"a pattern must match the whole", core.JobParameters{date, param("currency", "xKRW\n")}, `value "xKRW\n" does not match`, ""},
		{"a longer text that begins well", core.JobParameters{date, param("currency", "KRWX")}, "does not match", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := specs().Validate(tt.ps, time.UTC)
			if tt.msg == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("Validate = %v, want %q", err, tt.msg)
			}
			if got := core.Hint(err); got != tt.hint {
				t.Errorf("hint %q, want %q", got, tt.hint)
			}
		})
	}
	t.Run("VAL-01 every missing one is listed", func(t *testing.T) {
		t.Parallel()
		required := core.ParameterSpecs{{Name: "a", Required: true, Type: core.TypeLong}, {Name: "b", Required: true, Type: core.TypeDouble}, {Name: "c", Required: true}}
		err := required.Validate(core.JobParameters{param("b", 0.5)}, time.UTC)
		if err == nil || err.Error() != "missing required parameter a, c" || core.Hint(err) != "add a=1 c=TEXT" {
			t.Errorf("Validate = %v, hint %q", err, core.Hint(err))
		}
	})
}

func TestParameterSpecsCheck(t *testing.T) {
	t.Parallel()
	if err := specs().Check(); err != nil {
		t.Errorf("a sound declaration: %v", err)
	}
	for _, tt := range []struct {
		name string
		spec core.ParameterSpec
		msg  string
	}{
		{"VAL-03 required and optional", core.ParameterSpec{Name: "k", Required: true, Default: "x"}, "cannot be both required and optional"},
		{"a bad name", core.ParameterSpec{Name: "a b"}, "not a valid parameter name"},
		{"no name", core.ParameterSpec{}, "not a valid parameter name"},
		{"declared twice", core.ParameterSpec{Name: "currency"}, "declared twice"},
		{"a default of another type", core.ParameterSpec{Name: "k", Type: core.TypeLong, Default: 1}, "default of type int, want a long"},
		{"a pattern on a number", core.ParameterSpec{Name: "k", Type: core.TypeLong, Pattern: regexp.MustCompile(`1`)}, "is not a string"},
		{"a path that is a date", core.ParameterSpec{Name: "k", Type: core.TypeDate, Path: true}, "is not a string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := append(specs(), tt.spec).Check()
			if !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("Check = %v, want %q", err, tt.msg)
			}
		})
	}
}

func TestParameterSpecsComplete(t *testing.T) {
	t.Parallel()
	given := core.JobParameters{nonIdentifying("limit", int64(1)), param("requestDate", day(2021, 1, 1))}
	got := specs().Complete(given, "/srv/batch")
	want := core.JobParameters{
		given[0], given[1], param("currency", "KRW"), nonIdentifying("inputDir", "/srv/batch/in"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, specs().Complete(got, "/elsewhere")); diff != "" {
		t.Errorf("what is complete changes again (-want +got):\n%s", diff)
	}
	for path, want := range map[string]string{"/abs/x": "/abs/x", "../x": "/srv/x", "": ""} {
		ps := core.JobParameters{nonIdentifying("inputDir", path)}
		if p, _ := specs().Complete(ps, "/srv/batch").Lookup("inputDir"); p.Value != want {
			t.Errorf("path %q becomes %q, want %q", path, p.Value, want)
		}
		if ps[0].Value != path {
			t.Errorf("Complete changed what it was given: %v", ps)
		}
	}
}

type validator struct {
	asked *int
	err   error
}

func (v validator) Validate(core.JobParameters, *time.Location) error { *v.asked++; return v.err }

func TestCompositeValidator(t *testing.T) {
	t.Parallel()
	t.Run("VAL-04 the first refusal wins", func(t *testing.T) {
		t.Parallel()
		var first, second, third int
		refusal := errors.New("no")
		err := core.CompositeValidator{validator{&first, nil}, validator{&second, refusal}, validator{&third, nil}}.Validate(nil, time.UTC)
		if !errors.Is(err, refusal) || first != 1 || second != 1 || third != 0 {
			t.Errorf("error %v after asking %d, %d, %d times", err, first, second, third)
		}
	})
	if err := (core.CompositeValidator{}).Validate(nil, time.UTC); err != nil {
		t.Errorf("no validators refuse: %v", err)
	}
}
