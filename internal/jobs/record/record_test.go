package record_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func newSchema(tb testing.TB, columns ...record.Column) *record.Schema {
	tb.Helper()
	s, err := record.NewSchema(columns...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := newSchema(t, record.Column{Name: "id", Kind: record.Long}, record.Column{Name: "amount", Kind: record.Decimal, Digits: 12, Scale: 2})
	if got, want := s.String(), "id long, amount decimal(12,2)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if i, ok := s.Index("amount"); i != 1 || !ok {
		t.Errorf("amount is at %d, %v", i, ok)
	}
	if _, ok := s.Index("Amount"); ok {
		t.Error("names are not compared exactly")
	}
	if diff := cmp.Diff([]string{"id", "amount"}, s.Names()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !s.Equal(newSchema(t, s.Columns()...)) || s.Equal(newSchema(t, s.Column(0))) {
		t.Error("Equal is wrong")
	}
	s.Columns()[0].Name = "changed"
	if s.Column(0).Name != "id" {
		t.Error("the columns of a schema can be changed")
	}
}

func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	column := func(name string) record.Column { return record.Column{Name: name, Kind: record.String} }
	many := make([]record.Column, record.MaxColumns+1)
	for i := range many {
		many[i] = column(strings.Repeat("x", 1+i%200) + time.Duration(i).String())
	}
	for name, tt := range map[string]struct {
		columns []record.Column
		want    string
	}{
		"twice":     {[]record.Column{column("a"), column("b"), column("a")}, `column "a" is there twice, as number 1 and as number 3`},
		"empty":     {[]record.Column{column("a"), column("")}, `column 2, "": the name is empty`},
		"control":   {[]record.Column{column("a\x1b[2J")}, `column 1, "a\x1b[2J": the name has a control character`},
		"not UTF-8": {[]record.Column{column("\xff")}, `the name is not UTF-8`},
		"long":      {[]record.Column{column(strings.Repeat("서", 257))}, `longer than 256 characters`},
		"no kind":   {[]record.Column{{Name: "a"}}, `column "a" has no type`},
		"many":      {many, "4097 columns, at most 4096 are possible"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := record.NewSchema(tt.columns...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, core.ErrJobDefinition) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := record.NewSchema(many[:record.MaxColumns]...); err != nil {
		t.Errorf("as many as are possible: %v", err)
	}
}

func TestParseColumn(t *testing.T) {
	t.Parallel()
	for _, k := range record.Kinds() {
		c, err := record.ParseColumn("x", k.String())
		if err != nil || c.Kind != k || c.Type() != k.String() {
			t.Errorf("%s: got %v, %v", k, c, err)
		}
	}
	for text, want := range map[string]string{"decimal(12,2)": "decimal(12,2)", "decimal(19)": "decimal(19,0)", "decimal(5, 5)": "decimal(5,5)"} {
		if c, err := record.ParseColumn("x", text); err != nil || c.Type() != want {
			t.Errorf("%s: got %s, %v", text, c.Type(), err)
		}
	}
	for _, text := range []string{"", "null", "number", "Long", "decimal(", "decimal()", "decimal(0)", "decimal(20)", "decimal(2,3)", "decimal(12,2", "decimal(a)", "decimal(1,)", "decimal(-1)", "decimal(012)"} {
		if c, err := record.ParseColumn("x", text); err == nil || !errors.Is(err, core.ErrJobDefinition) {
			t.Errorf("%q: got %v, %v", text, c, err)
		}
	}
	_, err := record.ParseKind("dateTime")
	if core.Hint(err) != "did you mean datetime?" {
		t.Errorf("got %v, hint %q", err, core.Hint(err))
	}
}

// What is empty or too fine for its column is refused, never rounded.
func TestParseIn(t *testing.T) {
	t.Parallel()
	money := record.Column{Kind: record.Decimal, Digits: 5, Scale: 2}
	for name, tt := range map[string]struct {
		column     record.Column
		text, want string
		err        string
	}{
		"empty long":            {record.Column{Kind: record.Long}, "", "null()", ""},
		"empty text":            {record.Column{Kind: record.String}, "", "string()", ""},
		"required long":         {record.Column{Kind: record.Long, Required: true}, "", "", "a value is required"},
		"required text":         {record.Column{Kind: record.String, Required: true}, "", "", "a value is required"},
		"fits":                  {money, "-999.99", "decimal(-999.99)", ""},
		"zeros fit":             {money, "1.5000", "decimal(1.5000)", ""},
		"nothing before":        {money, "0.05", "decimal(0.05)", ""},
		"too fine":              {money, "1.505", "", "3 digits behind the point, the column has 2"},
		"too large":             {money, "1000", "", "4 digits before the point, the column has 3"},
		"no number":             {money, "x", "", "decimal number such as"},
		"unbounded keeps zeros": {record.Column{Kind: record.Decimal}, "1.50", "decimal(1.50)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := record.ParseIn(&tt.column, tt.text, nil)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %#v, %v, want %q", v, err, tt.err)
				}
				return
			}
			if got := v.GoString(); err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	s := newSchema(t, record.Column{Name: "id", Kind: record.Long, Required: true}, record.Column{Name: "name", Kind: record.String})
	origin := core.Origin{File: "in.csv", Line: 7, Record: 6, Offset: 100, Length: 9}
	r := record.New(s, []record.Value{record.OfLong(5), record.OfString("kim")}, origin)
	if core.OriginOf(&r) != origin || core.WhereOf(&r) != "in.csv:7" {
		t.Errorf("origin is %v", core.OriginOf(&r))
	}
	if v, ok := r.Get("name"); !ok || v.Str() != "kim" || r.Value(0).Long() != 5 || r.Len() != 2 || r.Schema() != s {
		t.Errorf("got %#v", v)
	}
	if _, ok := r.Get("nam"); ok {
		t.Error("found a column that is not there")
	}
	if _, ok := (record.Record{}).Get("name"); ok {
		t.Error("the zero record has a column")
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	e := r.Error("name", r.Value(1), "is not welcome")
	if got, want := e.Error(), `in.csv:7: name: "kim": is not welcome`; got != want || e.Origin().Offset != 100 {
		t.Errorf("got %q, want %q", got, want)
	}
	for want, values := range map[string][]record.Value{
		`in.csv:7: id: a value is required`:                                {{}, {}},
		`in.csv:7: name: "1": the value is a long, the column is a string`: {record.OfLong(1), record.OfLong(1)},
	} {
		if err := record.New(s, values, origin).Check(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a record of one value for two columns")
		}
	}()
	record.New(s, make([]record.Value, 1), origin)
}

func TestAny(t *testing.T) {
	t.Parallel()
	day := time.Date(2021, 1, 31, 0, 0, 0, 0, time.UTC)
	date, _ := record.OfDate(day)
	instant, _ := record.OfTime(day.Add(time.Nanosecond))
	double, _ := record.OfDouble(0.5)
	for _, tt := range []struct {
		v    record.Value
		want any
	}{
		{record.Value{}, nil},
		{record.OfString("a"), "a"},
		{record.OfLong(-1), int64(-1)},
		{double, 0.5},
		{record.OfDecimal(decimal.MustParse("9999999999999999999")), decimal.MustParse("9999999999999999999")},
		{record.OfDecimal(decimal.MustParse("-1.50")), decimal.MustParse("-1.50")},
		{date, day},
		{instant, day.Add(1)},
		{record.OfBool(true), true},
	} {
		if got := tt.v.Any(); got != tt.want {
			t.Errorf("%#v: got %v, want %v", tt.v, got, tt.want)
		}
	}
}

// What an allocator has handed out it never hands out again.
func TestAllocator(t *testing.T) {
	t.Parallel()
	var a record.Allocator
	rows := make([][]record.Value, 3000)
	for i := range rows {
		n := i % 5
		if i == 1000 {
			n = 5000
		}
		rows[i] = a.Values(n)
		if len(rows[i]) != n || cap(rows[i]) != n {
			t.Fatalf("row %d has room for %d of %d values", i, cap(rows[i]), n)
		}
		for k := range rows[i] {
			if !rows[i][k].IsNull() {
				t.Fatalf("row %d was used before", i)
			}
			rows[i][k] = record.OfLong(int64(i))
		}
	}
	for i, row := range rows {
		for _, v := range row {
			if v.Long() != int64(i) {
				t.Fatalf("row %d was changed", i)
			}
		}
	}
}

func TestAllocatorRarelyAllocates(t *testing.T) {
	var a record.Allocator
	if allocs := testing.AllocsPerRun(100, func() {
		for range 1000 {
			a.Values(10)
		}
	}); allocs > 11 {
		t.Errorf("%v allocations for 1000 rows of 10 values", allocs)
	}
}
