package expr_test

import (
	"errors"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// columns are those of the records of these tests, with their values.
var columns = []struct{ name, typ, text string }{
	{"l", "long", "7"},
	{"big", "long", "9223372036854775807"},
	{"small", "long", "-9223372036854775808"},
	{"d", "decimal", "12.50"},
	{"wide", "decimal", "9999999999999999999"},
	{"fine", "decimal", "0.0000000000000000001"},
	{"f", "double", "0.5"},
	{"huge", "double", "1e308"},
	{"s", "string", "Abc"},
	{"empty", "string", ""},
	{"day", "date", "2021-01-31"},
	{"at", "datetime", "2021-01-31T20:30:00Z"},
	{"yes", "bool", "true"},
	{"none", "long", ""},
	{"noday", "date", ""},
	{"no name", "string", "quoted"},
	{"steps", "long", "1"},
	{"in", "long", "2"},
	{"date", "date", "2020-02-29"},
}

func testRecord(tb testing.TB) record.Record {
	tb.Helper()
	cols := make([]record.Column, len(columns))
	values := make([]record.Value, len(columns))
	for i, c := range columns {
		var err error
		if cols[i], err = record.ParseColumn(c.name, c.typ); err != nil {
			tb.Fatal(err)
		}
		if values[i], err = record.ParseIn(&cols[i], c.text, nil); err != nil {
			tb.Fatal(err)
		}
	}
	schema, err := record.NewSchema(cols...)
	if err != nil {
		tb.Fatal(err)
	}
	return record.New(schema, values, core.Origin{File: "in.csv", Line: 7})
}

func testEnvironment(tb testing.TB) expr.Environment {
	tb.Helper()
	seoul, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		tb.Fatal(err)
	}
	return expr.Environment{
		Schema: testRecord(tb).Schema(),
		Maps: map[expr.Map][]string{
			expr.JobParameters: {"requestDate", "limit"}, expr.JobProperties: nil, expr.Partition: nil, expr.StepContext: nil,
		},
		Steps: true, StepIDs: []string{"load", "report"}, Zone: seoul,
	}
}

var testVars = &expr.Vars{
	Maps: map[expr.Map]map[string]string{
		expr.JobParameters: {"requestDate": "2021-01-31"}, expr.JobProperties: {"rate": "0.025"},
	},
	Steps: map[string]expr.Step{
		"load": {ExitStatus: "DONE", BatchStatus: "COMPLETED", ReadCount: 10, WriteCount: 7, FilterCount: 2, SkipCount: 1},
	},
}

// eval returns the value of an expression over the record of these tests.
func eval(tb testing.TB, text string) (record.Value, error) {
	tb.Helper()
	p, err := expr.Compile(text, testEnvironment(tb))
	if err != nil {
		return record.Value{}, err
	}
	v, err := p.Eval(testRecord(tb), testVars)
	if err == nil && !v.IsNull() && v.Kind() != p.Kind() {
		tb.Errorf("%s: got a %s, was compiled as a %s", text, v.Kind(), p.Kind())
	}
	return v, err
}

func compileError(tb testing.TB, text string, env expr.Environment) *expr.CompileError {
	tb.Helper()
	p, err := expr.Compile(text, env)
	var ce *expr.CompileError
	if !errors.As(err, &ce) {
		tb.Fatalf("%s: got %v, %v, want a CompileError", text, p, err)
	}
	if !errors.Is(err, core.ErrJobDefinition) || ce.Text != text {
		tb.Errorf("%s: %#v", text, ce)
	}
	return ce
}
