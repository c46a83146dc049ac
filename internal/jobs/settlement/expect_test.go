package settlement_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// expected is what a day must lead to. It is computed here from the input file
// with whole numbers, with nothing of the product's code.
type expected struct {
	ledger, summary []string
	report          string
	tests           int
}

type line struct {
	merchant                           int64
	name, currency                     string
	sales, saleSum, refunds, refundSum int64
	fee                                int64
}

func expect(t *testing.T, dir, date string) expected {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, date+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	e := expected{ledger: []string{}, summary: []string{}}
	lines := map[string]*line{}
	for _, r := range records[1:] {
		id, merchant, name, kind, currency := r[0], number(t, r[1]), r[2], r[3], r[4]
		if kind == "TEST" {
			e.tests++
			continue
		}
		amount := minor(t, r[5], currency)
		key := fmt.Sprintf("%020d %s", merchant, currency)
		if lines[key] == nil {
			lines[key] = &line{merchant: merchant, currency: currency}
		}
		l := lines[key]
		l.name = name
		var fee int64
		switch kind {
		case "SALE":
			fee = permille(amount, 25)
			l.sales, l.saleSum = l.sales+1, l.saleSum+amount
		case "REFUND":
			fee = permille(amount, 10)
			amount = -amount
			l.refunds, l.refundSum = l.refunds+1, l.refundSum+amount
		default:
			t.Fatalf("unknown type %s", kind)
		}
		l.fee += fee
		e.ledger = append(e.ledger, join(id, merchant, name, kind, currency, amount, fee, date))
	}
	e.summarize(t, date, lines)
	return e
}

func (e *expected) summarize(t *testing.T, date string, lines map[string]*line) {
	t.Helper()
	var report bytes.Buffer
	w := csv.NewWriter(&report)
	write := func(fields ...string) {
		if err := w.Write(fields); err != nil {
			t.Fatal(err)
		}
	}
	write("merchant_id", "merchant_name", "currency", "sale_count", "sale_amount",
		"refund_count", "refund_amount", "gross", "fee", "net")
	sorted := slices.SortedFunc(maps.Values(lines), func(a, b *line) int {
		return cmp.Or(cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.currency, b.currency))
	})
	for i, l := range sorted {
		gross := l.saleSum + l.refundSum
		e.summary = append(e.summary, join(i+1, l.merchant, l.name, l.currency, l.sales, l.saleSum,
			l.refunds, l.refundSum, l.fee, gross-l.fee, date))
		write(fmt.Sprint(l.merchant), l.name, l.currency, fmt.Sprint(l.sales), text(l.saleSum, l.currency),
			fmt.Sprint(l.refunds), text(l.refundSum, l.currency), text(gross, l.currency),
			text(l.fee, l.currency), text(gross-l.fee, l.currency))
	}
	write("END", fmt.Sprint(len(sorted)), "", "", "", "", "", "", "", "")
	w.Flush()
	e.report = report.String()
}

// sums returns the totals of a currency's records that are settled, and of its
// TEST records.
func sums(t *testing.T, dir, date, currency string) (settled, tests int64) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, date+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r[4] != currency {
			continue
		}
		switch amount := minor(t, r[5], currency); r[3] {
		case "SALE":
			settled += amount
		case "REFUND":
			settled -= amount
		case "TEST":
			tests += amount
		}
	}
	return settled, tests
}

func join(values ...any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, "|")
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// minor reads an amount as whole minor units.
func minor(t *testing.T, s, currency string) int64 {
	t.Helper()
	if currency != "USD" {
		return number(t, s)
	}
	whole, cents, _ := strings.Cut(s, ".")
	return number(t, whole)*100 + number(t, (cents + "00")[:2])
}

// permille returns n thousandths of amount, rounded half to even.
func permille(amount, n int64) int64 {
	product := amount * n
	quotient, rest := product/1000, product%1000
	if rest > 500 || rest == 500 && quotient%2 == 1 {
		quotient++
	}
	return quotient
}

// text writes whole minor units as a decimal.
func text(minor int64, currency string) string {
	if currency != "USD" {
		return strconv.FormatInt(minor, 10)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d", sign, minor/100, minor%100)
}
