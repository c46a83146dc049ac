package settlement_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/settlement"
)

func TestBadRecords(t *testing.T) {
	t.Parallel()
	const good = "2021030100000001,7,a,SALE,KRW,20"
	for name, c := range map[string]struct{ record, want string }{
		"unknown type":      {"2021030100000002,7,a,SALES,KRW,20", `:3: transaction_type: "SALES": unknown type, want one of SALE, REFUND, TEST`},
		"unknown currency":  {"2021030100000002,7,a,SALE,EUR,20", `:3: currency: "EUR": unknown currency, want one of KRW, JPY, USD`},
		"lower case":        {"2021030100000002,7,a,SALE,krw,20", `:3: currency: "krw": unknown currency`},
		"zero":              {"2021030100000002,7,a,SALE,USD,0.00", `:3: amount: "0.00": must be positive`},
		"negative":          {"2021030100000002,7,a,REFUND,KRW,-20", `:3: amount: "-20": must be positive`},
		"too fine":          {"2021030100000002,7,a,SALE,JPY,20.5", `:3: amount: "20.5": JPY has 0 decimals, this amount has 1`},
		"too fine, zero":    {"2021030100000002,7,a,SALE,USD,20.500", `:3: amount: "20.500": USD has 2 decimals, this amount has 3`},
		"too fine TEST":     {"2021030100000002,7,a,TEST,KRW,1.0", `:3: amount: "1.0": KRW has 0 decimals, this amount has 1`},
		"too large to mul":  {"2021030100000002,7,a,SALE,KRW,999999999999999999", `:3: amount: "999999999999999999": too large to be settled exactly`},
		"too large for int": {"2021030100000002,7,a,TEST,KRW,9999999999999999999", `:3: amount: "9999999999999999999": too large to be settled exactly`},
		"no amount":         {"2021030100000002,7,a,SALE,KRW,", `:3: amount: "": empty`},
		"exponent":          {"2021030100000002,7,a,SALE,KRW,2e3", `:3: amount: "2e3": `},
		"another day":       {"2021030200000002,7,a,SALE,KRW,20", `:3: transaction_id: "2021030200000002": not a transaction of 2021-03-01, whose ids are 2021030100000000 to 2021030199999999`},
		"merchant 0":        {"2021030100000002,0,a,SALE,KRW,20", `:3: merchant_id: "0": must be positive`},
		"merchant text":     {"2021030100000002,x7,a,SALE,KRW,20", `:3: merchant_id: "x7": `},
		"no name":           {"2021030100000002,7,,SALE,KRW,20", `:3: merchant_name: "": empty`},
		"double":            {"2021030100000001,7,a,SALE,KRW,20", `2021-03-01.csv:3`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.input(t, "2021-03-01", "records=2\n", good, c.record)
			je, err := b.run(t, "2021-03-01")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("run: %v\nwant %s", err, c.want)
			}
			if got := stepOf(je, settlement.StepSettle); got.Status != core.StatusFailed || got.Counts.Write != 0 {
				t.Errorf("settleTransactions is %s and wrote %d", got.Status, got.Counts.Write)
			}
			if rows := b.rows(t, `SELECT * FROM SETTLED_TRANSACTION`); len(rows) != 0 {
				t.Errorf("the ledger holds %v", rows)
			}
		})
	}
}

func TestVerifyInputRefuses(t *testing.T) {
	t.Parallel()
	const date = "2021-01-01"
	remove := func(name string) func(*testing.T, *bench) {
		return func(t *testing.T, b *bench) {
			t.Helper()
			if err := os.Remove(filepath.Join(b.in, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	control := func(text string) func(*testing.T, *bench) {
		return func(t *testing.T, b *bench) {
			t.Helper()
			b.edit(t, date+".ctl", func(string) string { return text })
		}
	}
	emptyDay := func(text string) func(*testing.T, *bench) {
		return func(t *testing.T, b *bench) {
			t.Helper()
			b.input(t, date, text)
		}
	}
	for name, c := range map[string]struct {
		damage func(*testing.T, *bench)
		want   string
	}{
		"no file":            {remove(date + ".csv"), "open input "},
		"no control file":    {remove(date + ".ctl"), "open control file "},
		"one record missing": {control("records=5001\n"), `2021-01-01.ctl:1: records: "5001": `},
		"no count":           {control("total.KRW=1\n"), "2021-01-01.ctl: has no line records=NUMBER"},
		"bad count":          {control("records=-1\n"), `2021-01-01.ctl:1: records: "-1": want a number of records`},
		"count twice":        {control("records=5000\nrecords=5000\n"), `2021-01-01.ctl:2: records: "5000": is there twice`},
		"no equals sign":     {control("records=5000\n\ntotal\n"), `2021-01-01.ctl:3: "total": has no "="`},
		"unknown name":       {control("records=5000\nsum.KRW=1\n"), `2021-01-01.ctl:2: sum.KRW: "1": unknown name`},
		"unknown currency":   {control("records=5000\ntotal.EUR=1\n"), `2021-01-01.ctl:2: total.EUR: "1": unknown currency`},
		"total too fine":     {control("records=5000\ntotal.KRW=1.5\n"), `2021-01-01.ctl:2: total.KRW: "1.5": more decimals than the currency has`},
		"total no number":    {control("records=5000\ntotal.KRW=1O\n"), `2021-01-01.ctl:2: total.KRW: "1O": want a decimal number`},
		"sum of nothing":     {emptyDay("records=0\ntotal.KRW=0\ntotal.USD=0.05\n"), `2021-01-01.ctl:3: total.USD: "0.05": there are no records to add up to it`},
		"endless":            {control("records=5000\n" + strings.Repeat("\n", 70_000)), "has more than 65536 bytes"},
		"header": {func(t *testing.T, b *bench) {
			t.Helper()
			b.replace(t, date+".csv", "merchant_name,transaction_type", "merchant,transaction_type")
		}, `"merchant_name" is missing`},
		"one column more": {func(t *testing.T, b *bench) {
			t.Helper()
			b.edit(t, date+".csv", func(text string) string { return strings.Replace(text, "amount\n", "amount,tip\n", 1) })
		}, `column "tip" is not expected`},
		"output folder is a file": {func(t *testing.T, b *bench) {
			t.Helper()
			if err := os.WriteFile(b.out, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "make the output folder: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			c.damage(t, b)
			je, err := b.run(t, date)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("run: %v\nwant %s", err, c.want)
			}
			if se := stepOf(je, settlement.StepVerify); se.Status != core.StatusFailed || len(je.Steps) != 1 {
				t.Errorf("verifyInput is %s, %d steps, want FAILED and no further step", se.Status, len(je.Steps))
			}
		})
	}
}

func TestBadAmountIsNotFoundByVerifyInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.input(t, "2021-03-01", "records=1\n", "2021030100000001,7,a,SALE,KRW,x")
	je, err := b.run(t, "2021-03-01")
	if err == nil {
		t.Fatal("completed")
	}
	if got := stepOf(je, settlement.StepVerify).Status; got != core.StatusCompleted {
		t.Errorf("verifyInput is %s, want COMPLETED", got)
	}
}

func TestDayThatTheLedgerHoldsAlready(t *testing.T) {
	t.Parallel()
	b := setup(t)
	je := b.mustRun(t, "2021-01-01")
	before := b.rows(t, ledgerQuery, "2021-01-01")
	if err := b.store.DeleteJobInstance(t.Context(), je.Instance.ID); err != nil {
		t.Fatal(err)
	}
	_, err := b.run(t, "2021-01-01")
	if err == nil || !strings.Contains(err.Error(), "the ledger holds ") {
		t.Fatalf("run: %v, want a refusal", err)
	}
	if d := diff(before, b.rows(t, ledgerQuery, "2021-01-01")); d != "" {
		t.Errorf("ledger (-before +after):\n%s", d)
	}
}

func TestTimeOfDay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := time.Date(2021, 1, 1, 9, 30, 0, 0, time.UTC)
	je, err := b.run(t, "2021-01-01", core.JobParameter{Name: "requestDate", Value: at, Identifying: true})
	if je != nil || !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), "is not the beginning of a day") {
		t.Fatalf("run at 09:30: %v, want a refusal at launch", err)
	}
	if hint := core.Hint(err); !strings.Contains(hint, "requestDate=2021-01-01") {
		t.Errorf("hint %q", hint)
	}
}
