package expr_test

import (
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// settlement is a record of transactions.
func settlement(tb testing.TB) record.Record {
	tb.Helper()
	schema, err := record.NewSchema(
		record.Column{Name: "id", Kind: record.Long}, record.Column{Name: "name", Kind: record.String},
		record.Column{Name: "type", Kind: record.String}, record.Column{Name: "amount", Kind: record.Decimal},
		record.Column{Name: "day", Kind: record.Date},
	)
	if err != nil {
		tb.Fatal(err)
	}
	values := make([]record.Value, schema.Len())
	for i, text := range []string{"17", " kim minsu ", "SALE", "12345.67", "2021-01-01"} {
		c := schema.Column(i)
		if values[i], err = record.ParseIn(&c, text, nil); err != nil {
			tb.Fatal(err)
		}
	}
	return record.New(schema, values, core.Origin{File: "in.csv", Line: 7})
}

func BenchmarkEval(b *testing.B) {
	r := settlement(b)
	for _, text := range []string{
		"round(amount * 0.025, 2)", "type != 'TEST' && amount > 0", "upper(trim(name))", "amount - round(amount * 0.025, 2)",
		"round(amount / 3, 2)", "id % 10 in [1, 7]", "addMonths(day, 1)", "name matches '^ [a-z ]+$'",
	} {
		b.Run(text, func(b *testing.B) {
			p, err := expr.Compile(text, expr.Environment{Schema: r.Schema()})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Eval(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	env := expr.Environment{Schema: settlement(b).Schema()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := expr.Compile("round(amount * 0.025, 2) > 0 && upper(trim(name)) != 'KIM'", env); err != nil {
			b.Fatal(err)
		}
	}
}
