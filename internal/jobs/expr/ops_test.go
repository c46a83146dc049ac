package expr_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// item makes a record of the columns of these tests.
func item(tb testing.TB, texts ...string) record.Record {
	tb.Helper()
	cols := []record.Column{
		{Name: "id", Kind: record.Long}, {Name: "code", Kind: record.String}, {Name: "amount", Kind: record.Decimal}, {Name: "note", Kind: record.String},
	}
	schema, err := record.NewSchema(cols...)
	if err != nil {
		tb.Fatal(err)
	}
	values := make([]record.Value, len(cols))
	for i, text := range texts {
		if values[i], err = record.ParseIn(&cols[i], text, nil); err != nil {
			tb.Fatal(err)
		}
	}
	return record.New(schema, values, core.Origin{File: "in.csv", Line: 7, Record: 6, Offset: 120, Length: 30})
}

func rates(tb testing.TB) *expr.Table {
	tb.Helper()
	schema, err := record.NewSchema(
		record.Column{Name: "currency", Kind: record.String, Required: true}, record.Column{Name: "rate", Kind: record.Decimal, Required: true})
	if err != nil {
		tb.Fatal(err)
	}
	table := expr.NewTable("rates", schema, 1<<20)
	for key, rate := range map[string]string{"KR": "0.025", "US": "0.01"} {
		v, err := record.Parse(record.Decimal, rate, nil)
		if err != nil {
			tb.Fatal(err)
		}
		if err := table.Add(key, []record.Value{record.OfString(key + "D"), v}); err != nil {
			tb.Fatal(err)
		}
	}
	return table
}

func compileOps(tb testing.TB, ops ...expr.Op) *expr.Ops {
	tb.Helper()
	o, err := expr.CompileOps(ops, expr.Environment{Schema: item(tb).Schema()})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// show lists the columns of a record with their values.
func show(r record.Record) string {
	parts := make([]string, r.Len())
	for i := range parts {
		parts[i] = r.Schema().Column(i).Name + "=" + r.Value(i).GoString()
	}
	return strings.Join(parts, " ")
}

func TestOps(t *testing.T) {
	t.Parallel()
	set := func(pairs ...string) expr.Op {
		var op expr.Op
		for i := 0; i < len(pairs); i += 2 {
			op.Set = append(op.Set, expr.Assignment{Name: pairs[i], Expr: pairs[i+1]})
		}
		return op
	}
	lookup := func(missing expr.Missing) expr.Op {
		return expr.Op{Lookup: &expr.Lookup{
			Table: rates(t), Key: "upper(code)", Missing: missing,
			Columns: []expr.Take{{Name: "rate"}, {Name: "currency", As: "note"}},
		}}
	}
	const all = "id=long(1) code=string(kr) amount=decimal(100.00) note=string(x)"
	for name, tt := range map[string]struct {
		ops    []expr.Op
		schema string
		want   string // of the record 1, kr, 100.00, x; empty: filtered
	}{
		"none":           {nil, "id long, code string, amount decimal, note string", all},
		"kept":           {[]expr.Op{{Filter: "amount > 0"}}, "id long, code string, amount decimal, note string", all},
		"filtered":       {[]expr.Op{{Filter: "amount > 100"}}, "id long, code string, amount decimal, note string", ""},
		"valid":          {[]expr.Op{{Validate: &expr.Validation{Expr: "len(code) == 2"}}}, "id long, code string, amount decimal, note string", all},
		"set in order":   {[]expr.Op{set("fee", "round(amount * 0.025, 2)", "net", "amount - fee")}, "id long, code string, amount decimal, note string, fee decimal, net decimal", all + " fee=decimal(2.50) net=decimal(97.50)"},
		"set again":      {[]expr.Op{set("id", "string(id + 1)", "id", "id + '!'", "code", "upper(code)")}, "id string, code string, amount decimal, note string", "id=string(2!) code=string(KR) amount=decimal(100.00) note=string(x)"},
		"set to null":    {[]expr.Op{set("amount", "null")}, "id long, code string, amount decimal, note string", "id=long(1) code=string(kr) amount=null() note=string(x)"},
		"drop":           {[]expr.Op{{Drop: []string{"code", "id"}}}, "amount decimal, note string", "amount=decimal(100.00) note=string(x)"},
		"keep":           {[]expr.Op{{Keep: []string{"note", "id"}}}, "note string, id long", "note=string(x) id=long(1)"},
		"drop the last":  {[]expr.Op{set("fee", "1"), {Drop: []string{"fee"}}}, "id long, code string, amount decimal, note string", all},
		"dropped, again": {[]expr.Op{{Drop: []string{"id"}}, set("id", "code + '1'")}, "code string, amount decimal, note string, id string", "code=string(kr) amount=decimal(100.00) note=string(x) id=string(kr1)"},
		"set what goes":  {[]expr.Op{set("fee", "amount * 2"), {Keep: []string{"fee"}}, set("two", "fee / 2"), {Filter: "two == 100"}}, "fee decimal, two decimal", "fee=decimal(200.00) two=decimal(100.00)"},
		"lookup":         {[]expr.Op{lookup(expr.MissingFails), set("fee", "round(amount * rate, 2)")}, "id long, code string, amount decimal, note string, rate decimal, fee decimal", "id=long(1) code=string(kr) amount=decimal(100.00) note=string(KRD) rate=decimal(0.025) fee=decimal(2.50)"},
		"missing, null":  {[]expr.Op{set("code", "'xx'"), lookup(expr.MissingNull), set("fee", "amount * coalesce(rate, 0)")}, "id long, code string, amount decimal, note string, rate decimal, fee decimal", "id=long(1) code=string(xx) amount=decimal(100.00) note=null() rate=null() fee=decimal(0.00)"},
		"missing, gone":  {[]expr.Op{set("code", "'xx'"), lookup(expr.MissingFilters)}, "id long, code string, amount decimal, note string, rate decimal", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := compileOps(t, tt.ops...)
			if got := o.Schema().String(); !strings.HasPrefix(got, tt.schema) || o.Schema().Len() != strings.Count(tt.schema, ",")+1 {
				t.Errorf("schema: got %s, want %s", got, tt.schema)
			}
			in := item(t, "1", "kr", "100.00", "x")
			processor := o.Processor(nil)
			for range 2 { // after a failed write a record may come again
				out, keep, err := processor.Process(t.Context(), in)
				if err != nil || keep != (tt.want != "") {
					t.Fatalf("keep %v, %v", keep, err)
				}
				if keep && show(out) != tt.want {
					t.Errorf("got %s, want %s", show(out), tt.want)
				}
				if keep && (out.Origin() != in.Origin() || out.Schema() != o.Schema() || out.Check() != nil) {
					t.Errorf("origin %v, %v", out.Origin(), out.Check())
				}
			}
			if show(in) != all {
				t.Errorf("the record was changed to %s", show(in))
			}
		})
	}
}

func TestOpsItemErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		op          expr.Op
		want, class string
	}{
		"filter": {
			expr.Op{Filter: "amount / id > 1"},
			`in.csv:7: expression "amount / id > 1", column 8: 100.00 / 0: division by zero`, "process.expression",
		},
		"filter is null": {expr.Op{Filter: "id == 0 ? null : true"}, `in.csv:7: expression "id == 0 ? null : true", column 1: the result is null, want true or false`, "process.expression"},
		"validate": {
			expr.Op{Validate: &expr.Validation{Expr: "len(code) > 5", Message: "the code is too short"}},
			`in.csv:7: code: "kr": the code is too short`, "process.validation",
		},
		"validate two": {
			expr.Op{Validate: &expr.Validation{Expr: "len(code) > id + 5", Class: "process.validation.code"}},
			`in.csv:7: does not hold: len(code) > id + 5`, "process.validation.code",
		},
		"validate fails":   {expr.Op{Validate: &expr.Validation{Expr: "note > 'a'"}}, `in.csv:7: expression "note > 'a'", column 1: note is null; coalesce(note, ...) says what stands for it`, "process.expression"},
		"validate is null": {expr.Op{Validate: &expr.Validation{Expr: "isNull(note) ? null : true"}}, `in.csv:7: expression "isNull(note) ? null : true", column 1: the result is null, want true or false`, "process.expression"},
		"set":              {expr.Op{Set: []expr.Assignment{{Name: "fee", Expr: "int(code)"}}}, `in.csv:7: fee: expression "int(code)", column 1: int("kr"): want a whole number such as -42`, "process.expression"},
		"lookup":           {expr.Op{Lookup: &expr.Lookup{Table: rates(t), Key: "code", Columns: []expr.Take{{Name: "rate"}}}}, `in.csv:7: key "kr" is not in the table "rates"`, "process.lookup"},
		"lookup of null":   {expr.Op{Lookup: &expr.Lookup{Table: rates(t), Key: "note", Columns: []expr.Take{{Name: "rate"}}}}, `in.csv:7: key null is not in the table "rates"`, "process.lookup"},
		"lookup fails":     {expr.Op{Lookup: &expr.Lookup{Table: rates(t), Key: "code + note", Columns: []expr.Take{{Name: "rate"}}}}, `in.csv:7: expression "code + note", column 8: note is null`, "process.expression"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := item(t, "0", "kr", "100.00", "")
			values := append([]record.Value(nil), r.Values()...)
			values[3] = record.Value{}
			_, keep, err := compileOps(t, tt.op).Apply(record.New(r.Schema(), values, r.Origin()), nil)
			var ie *core.ItemError
			if !errors.As(err, &ie) || keep || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if got := core.ClassOf(err, core.PhaseProcess); got != tt.class || ie.Offset != 120 || ie.Record != 6 {
				t.Errorf("class %s, want %s; %v", got, tt.class, ie.Origin())
			}
		})
	}
	if _, _, err := compileOps(t).Apply(record.Record{}, nil); err == nil {
		t.Error("a record of another schema is accepted")
	}
}

// All mistakes are found at once, each with its op; what follows from another is
// none of its own.
func TestCompileOpsRefuses(t *testing.T) {
	t.Parallel()
	_, err := expr.CompileOps([]expr.Op{
		{Filter: "amount"},
		{Filter: "amuont > 0"},
		{Set: []expr.Assignment{{Name: "fee", Expr: "nowhere * 2"}, {Name: "net", Expr: "amount - fee"}, {Name: "", Expr: "1"}, {Name: "x", Expr: "null"}}},
		{Drop: []string{"coed"}},
		{Keep: []string{"id", "id", "fee", "net", "amount", "nowhere"}},
		{Filter: "code == 'x'"},
		{},
		{Filter: "true", Drop: []string{"id"}},
		{Validate: &expr.Validation{Expr: "id"}},
		{Lookup: &expr.Lookup{Key: "id"}},
		{Lookup: &expr.Lookup{Table: rates(t), Key: "idd", Columns: []expr.Take{{Name: "rat"}, {Name: "nothing"}}}},
		{Keep: []string{"amount"}},
		{Drop: []string{"amount"}},
	}, expr.Environment{Schema: item(t).Schema()})
	var all expr.OpErrors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	got := make([]string, len(all))
	for i, e := range all {
		got[i] = e.Error()
	}
	want := []string{
		`op 1, filter: expression "amount", column 1: the expression is a decimal, want a bool`,
		`op 2, filter: expression "amuont > 0", column 1: there is no column "amuont"; did you mean amount?`,
		`op 3, set fee: expression "nowhere * 2", column 1: there is no column "nowhere"`,
		`op 3, set: column 1, "": the name is empty`,
		`op 3, set x: expression "null", column 1: null alone is of no type: a new column needs one`,
		`op 4, drop coed: there is no such column; did you mean code?`,
		`op 5, keep id: the column is there twice`,
		`op 5, keep nowhere: there is no such column`,
		`op 6, filter: expression "code == 'x'", column 1: there is no column "code"`,
		`op 7: want exactly one of filter, validate, set, drop, keep, lookup, found 0`,
		`op 8: want exactly one of filter, validate, set, drop, keep, lookup, found 2`,
		`op 9, validate: expression "id", column 1: there is no column "id"`,
		`op 10, lookup: expression "id", column 1: there is no column "id"`,
		`op 10, lookup: a lookup needs a table and columns to take from it`,
		`op 11, lookup: expression "idd", column 1: there is no column "idd"`,
		`op 11, lookup rat: the table "rates" has no such column; did you mean rate?`,
		`op 11, lookup nothing: the table "rates" has no such column`,
		`op 13, drop amount: no column is left, and a record has one at least`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var ce *expr.CompileError
	if !errors.As(all[1], &ce) || ce.Column != 1 || all[1].Op != 1 || all[1].Field != "filter" || !errors.Is(err, core.ErrJobDefinition) {
		t.Errorf("%#v", all[1])
	}
	if !strings.HasSuffix(err.Error(), "(and 17 more)") {
		t.Errorf("got %s", err)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := rates(t)
	row := []record.Value{record.OfString("x"), {}}
	if err := table.Add("KR", row); err == nil || err.Error() != `table "rates": the key "KR" is there twice` {
		t.Errorf("got %v", err)
	}
	if err := table.Add("JP", row[:1]); err == nil {
		t.Error("a short row")
	}
	small := expr.NewTable("small", table.Schema(), 300)
	if err := small.Add("a", row); err != nil {
		t.Error(err)
	}
	if err := small.Add("b", []record.Value{record.OfString(strings.Repeat("x", 100)), {}}); err == nil ||
		!strings.HasPrefix(err.Error(), `table "small": more than 300 bytes, at row 2`) || small.Len() != 1 {
		t.Errorf("got %v, %d rows", err, small.Len())
	}
}

func TestOpsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	o := compileOps(t, expr.Op{Filter: "id > 0"}, expr.Op{Set: []expr.Assignment{{Name: "twice", Expr: "id * 2"}}}, expr.Op{Drop: []string{"note"}})
	processor := o.Processor(nil)
	base := item(t, "1", "kr", "1", "x")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			var outs []record.Record
			for i := range 2000 {
				values := append([]record.Value(nil), base.Values()...)
				values[0] = record.OfLong(int64(worker*10_000 + i + 1))
				out, _, err := processor.Process(context.WithoutCancel(t.Context()), record.New(base.Schema(), values, base.Origin()))
				if err != nil {
					t.Error(err)
					return
				}
				outs = append(outs, out)
			}
			for i, out := range outs {
				if id := int64(worker*10_000 + i + 1); out.Value(0).Long() != id || out.Value(3).Long() != 2*id {
					t.Errorf("record %d became %s", id, show(out))
					return
				}
			}
		})
	}
	wg.Wait()
}

// settleOps are three expressions over a record of transactions.
func settleOps(tb testing.TB) *expr.Ops {
	tb.Helper()
	o, err := expr.CompileOps([]expr.Op{
		{Filter: "type != 'TEST' && amount > 0"},
		{Set: []expr.Assignment{{Name: "fee", Expr: "round(amount * 0.025, 2)"}, {Name: "net", Expr: "amount - fee"}}},
	}, expr.Environment{Schema: settlement(tb).Schema()})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestOpsRarelyAllocate(t *testing.T) {
	o, r := settleOps(t), settlement(t)
	allocs := testing.AllocsPerRun(1000, func() {
		if _, keep, err := o.Apply(r, nil); err != nil || !keep {
			t.Fatal(keep, err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a record", allocs)
	}
}

func BenchmarkOps(b *testing.B) {
	o, r := settleOps(b), settlement(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := o.Apply(r, nil); err != nil {
			b.Fatal(err)
		}
	}
}
