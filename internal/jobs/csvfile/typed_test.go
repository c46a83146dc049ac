package csvfile_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// typed reads the one column of the only record of a file as text.
func typed(t *testing.T, c csvfile.Column, value string) (string, error) {
	t.Helper()
	c.Name = "v"
	path := file(t, "v,pad\n\""+strings.ReplaceAll(value, `"`, `""`)+"\",\n")
	r := csvfile.NewReader(csvfile.ReaderConfig{Path: path, Columns: []csvfile.Column{c}}, func(row *csvfile.Row, item *string) error {
		switch c.Type {
		case csvfile.String:
			*item = row.String(0)
		case csvfile.Long:
			n, err := row.Long(0)
			*item = core.Quote(strings.TrimSpace(row.String(0)))
			if err == nil {
				*item = itoa(n)
			}
			return err
		case csvfile.Decimal:
			d, err := row.Decimal(0)
			*item = d.String()
			return err
		case csvfile.Date:
			d, err := row.Date(0)
			*item = d.Format("2006-01-02T15:04:05Z07:00")
			return err
		}
		return nil
	})
	mustOpen(t, r, nil)
	items, errs := readAll(t, r)
	if len(errs) > 0 {
		return "", errors.New(texts(path, errs...)[0])
	}
	return items[0], nil
}

func TestTypedColumns(t *testing.T) {
	t.Parallel()
	long := csvfile.Column{Type: csvfile.Long}
	exact := csvfile.Column{Type: csvfile.Decimal, Scale: csvfile.AnyScale}
	money := csvfile.Column{Type: csvfile.Decimal, Scale: 2, Digits: 12}
	date := csvfile.Column{Type: csvfile.Date}
	const (
		wantLong    = "expected a whole number such as -42"
		wantDecimal = "expected a decimal number such as -1234.56"
		wantDate    = "expected a date such as 2021-01-31"
	)
	tests := []struct {
		column csvfile.Column
		value  string
		want   string
		err    string // behind `in.csv:2: v: "value": `
	}{
		{long, "0", "0", ""},
		{long, "-0", "0", ""},
		{long, "+5", "5", ""},
		{long, "007", "7", ""},
		{long, "9223372036854775807", "9223372036854775807", ""},
		{long, "-9223372036854775808", "-9223372036854775808", ""},
		{long, "9223372036854775808", "", "the number does not fit into 64 bits"},
		{long, "-9223372036854775809", "", "the number does not fit into 64 bits"},
		{long, "99999999999999999999999", "", "the number does not fit into 64 bits"},
		{long, "", "", "empty, " + wantLong},
		{long, "-", "", wantLong},
		{long, "1.0", "", wantLong},
		{long, "1e3", "", `"e" is not part of a number, ` + wantLong},
		{long, "0x10", "", `"x" is not part of a number, ` + wantLong},
		{long, "1_000", "", `"_" is not part of a number, ` + wantLong},
		{long, " 1", "", `" " is not part of a number, ` + wantLong},
		{long, "1 ", "", `" " is not part of a number, ` + wantLong},
		{long, "--1", "", `"-" is not part of a number, ` + wantLong},
		{long, "１２", "", `"１" is not part of a number, ` + wantLong},

		{exact, "1234.5600", "1234.5600", ""},
		{exact, "-0.01", "-0.01", ""},
		{exact, "+7", "7", ""},
		{exact, "-0.00", "0.00", ""},
		{exact, "9999999999999999999", "9999999999999999999", ""},
		{exact, "-9.999999999999999999", "-9.999999999999999999", ""},
		{exact, "0000000000000000000000000001.5", "1.5", ""},
		{exact, "0.0000000000000000001", "0.0000000000000000001", ""},
		{exact, "0.00000000000000000001", "", "20 digits behind the point, at most 19 can be held"},
		{exact, "12345678901234567890", "", "20 digits, at most 19 can be held"},
		{exact, "1.0000000000000000000", "", "20 digits, at most 19 can be held"},
		{exact, "", "", "empty, " + wantDecimal},
		{exact, ".5", "", wantDecimal},
		{exact, "5.", "", wantDecimal},
		{exact, "1.2.3", "", wantDecimal},
		{exact, "-", "", wantDecimal},
		{exact, "-.", "", wantDecimal},
		{exact, "1e5", "", `"e" is not part of a number, ` + wantDecimal},
		{exact, "NaN", "", `"N" is not part of a number, ` + wantDecimal},
		{exact, "Inf", "", `"I" is not part of a number, ` + wantDecimal},

		{money, "1234.56", "1234.56", ""},
		{money, "1234567890.12", "1234567890.12", ""},

		{date, "2021-01-31", "2021-01-31T00:00:00Z", ""},
		{date, "2020-02-29", "2020-02-29T00:00:00Z", ""},
		{date, "0001-01-01", "0001-01-01T00:00:00Z", ""},
		{date, "9999-12-31", "9999-12-31T00:00:00Z", ""},
		{date, "2021-02-29", "", "there is no such day"},
		{date, "2021-02-30", "", "there is no such day"},
		{date, "2021-13-01", "", "there is no such day"},
		{date, "2021-00-10", "", "there is no such day"},
		{date, "0000-01-01", "", "there is no such day"},
		{date, "2021-1-1", "", wantDate},
		{date, "01/02/2021", "", wantDate},
		{date, "2021-01-01T00:00", "", wantDate},
		{date, "2021-01-0١", "", wantDate},
		{date, "", "", "empty, " + wantDate},

		// The catalogue's numbers of other places.
		{money, "1.234,56", "", `"," is not part of a number, ` + wantDecimal},
		{money, "1,234.56", "", `"," is not part of a number, ` + wantDecimal},
		{money, "1 234", "", `" " is not part of a number, ` + wantDecimal},
		{money, "$5", "", `"$" is not part of a number, ` + wantDecimal},
		{money, "١٢", "", `"١" is not part of a number, ` + wantDecimal},
		{money, "1.234", "", "3 digits behind the point, the column has 2"},
		{money, "1.000", "", "3 digits behind the point, the column has 2"},
		{money, "12345678901.23", "", "13 digits, at most 12 can be held"},
		{csvfile.Column{Type: csvfile.Decimal}, "1.5", "", "1 digit behind the point, the column has 0"},
	}
	for _, tt := range tests {
		t.Run("75 76 "+tt.column.Type.String()+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			got, err := typed(t, tt.column, tt.value)
			text := ""
			if err != nil {
				text = err.Error()
			}
			want := ""
			if tt.err != "" {
				want = "in.csv:2: v: " + core.Quote(tt.value) + ": " + tt.err
			}
			if diff := cmp.Diff([]string{got, text}, []string{tt.want, want}); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

func TestRow(t *testing.T) {
	t.Parallel()
	cfg := csvfile.ReaderConfig{
		Path:    file(t, "b,x,a\n\"2\n\",skip,1\n4,skip,3\n"),
		Columns: []csvfile.Column{{Name: "a", Type: csvfile.Long}, {Name: "b"}},
	}
	type item struct {
		Line           int
		Record, Offset int64
		A              int64
		B, Raw, Name   string
		Empty          bool
	}
	r := csvfile.NewReader(cfg, func(row *csvfile.Row, it *item) (err error) {
		*it = item{
			Line: row.Line(), Record: row.Record(), Offset: row.Offset(),
			B: row.String(1), Raw: string(row.Bytes(1)), Name: row.Name(1), Empty: row.Empty(1),
		}
		it.A, err = row.Long(0)
		return err
	})
	mustOpen(t, r, nil)
	got, errs := readAll(t, r)
	want := []item{
		{Line: 2, Record: 1, Offset: 6, A: 1, B: "2\n", Raw: "2\n", Name: "b"},
		{Line: 4, Record: 2, Offset: 18, A: 3, B: "4", Raw: "4", Name: "b"},
	}
	if diff := cmp.Diff(got, want); diff != "" || errs != nil {
		t.Errorf("errors %v, items (-got +want):\n%s", errs, diff)
	}
}

func TestBindErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("the day is closed")
	path := file(t, "a,b\n1,x\n2,x\n3,x\n4,x\n5,x\n")
	calls := 0
	r := csvfile.NewReader(csvfile.ReaderConfig{Path: path, Columns: columns("b", "a").Columns}, func(row *csvfile.Row, item *string) error {
		if *item != "" {
			t.Errorf("item is %q when bind gets it, want the zero value", *item)
		}
		*item = row.String(1)
		switch calls++; calls {
		case 1:
			return cause
		case 2:
			return row.Error(1, "unknown merchant")
		case 3:
			return row.Error(-1, "out of order")
		case 4:
			_, err := row.Long(1)
			return err
		}
		return nil
	})
	mustOpen(t, r, nil)
	items, errs := readAll(t, r)
	want := []string{
		"in.csv:2: the day is closed",
		`in.csv:3: a: "2": unknown merchant`,
		"in.csv:4: out of order",
		`in.csv:5: a: "4": the column is declared as string and read as long`,
	}
	if diff := cmp.Diff(texts(path, errs...), want); diff != "" {
		t.Errorf("errors (-got +want):\n%s", diff)
	}
	if !errors.Is(errs[0], cause) {
		t.Errorf("%v does not wrap the error of bind", errs[0])
	}
	var item *core.ItemError
	if !errors.As(errs[1], &item) || item.Record != 2 || item.Line != 3 {
		t.Errorf("got record %d, line %d, want 2 and 3", item.Record, item.Line)
	}
	if diff := cmp.Diff(items, []string{"5"}); diff != "" {
		t.Errorf("items (-got +want):\n%s", diff)
	}
}
