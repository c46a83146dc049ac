package settlement

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/rejects"
)

// keyTestRecords is the key of the number of TEST records in the step's
// context; their totals are at currency.total.
const keyTestRecords = "settlement.test.records"

// nameRejects is the prefix of what the rejects keep in the step's context, and
// keyRejected the key of their number.
const (
	nameRejects = "rejects"
	keyRejected = nameRejects + ".count"
)

// settled is a row of the ledger.
type settled struct {
	id       int64
	merchant *merchant
	kind     *kind
	currency *currency
	amount   int64
	fee      int64
	origin   core.Origin
}

// Origin returns where the record is, for an error of the writer.
func (row *settled) Origin() core.Origin { return row.origin }

// settle binds the chunk step that fills the ledger.
func settle(s *core.Scope) (core.StepBody, error) {
	d, err := newDay(s)
	if err != nil {
		return nil, err
	}
	skips, err := d.skips(s.Context)
	if err != nil {
		return nil, err
	}
	var date any = d.date // boxed once
	reader := csvfile.NewReader(csvfile.ReaderConfig{Path: d.input, Columns: columns(), StrictColumns: true}, new(parser).parse)
	writer := d.ledger.writer(func(row *settled, dst []any) []any {
		return append(dst, row.id, row.merchant.idValue, row.merchant.value,
			row.kind.value, row.currency.value, row.amount, row.fee, date)
	})
	return chunk.New(reader, &feeProcessor{day: d}, writer, chunk.Options{
		Streams: []core.ItemStream{d.ledger},
		Skip:    skips,
		Rejects: rejects.New(rejects.Config{Path: d.rejects, Name: nameRejects, Scope: s}), // also for those of an earlier attempt
	}), nil
}

// skips lets bad records pass up to the limit, to which those count that earlier
// attempts have rejected: ec is the context that they have left. Without a limit
// nothing may pass, and a bad record fails the step with nothing to say of limits.
func (d day) skips(ec core.ExecutionContext) (core.SkipPolicy, error) {
	rejected, _, err := ec.Int64(keyRejected)
	if err != nil || d.skipLimit == 0 {
		return nil, err
	}
	return core.LimitSkipPolicy{
		ErrorClasses: core.ErrorClasses{
			Include: []string{core.ClassReadParse, core.ClassProcessValidation, core.ClassWriteConstraint},
		},
		Max:     d.skipLimit,
		Earlier: rejected,
	}, nil
}

// feeProcessor checks a transaction, computes its fee, and filters TEST
// transactions out, whose totals it keeps from one attempt to the next.
type feeProcessor struct {
	day day

	testRecords int64
	testTotals  [len(currencies)]int64
}

var (
	_ core.ItemProcessor[transaction, settled] = (*feeProcessor)(nil)
	_ core.ItemStream                          = (*feeProcessor)(nil)
)

// Process implements core.ItemProcessor.
func (p *feeProcessor) Process(_ context.Context, t transaction) (row settled, keep bool, err error) {
	if err := p.check(&t); err != nil {
		return settled{}, false, err
	}
	c := currencies[t.currency]
	amount, err := c.minor(t.amount)
	if err != nil {
		return settled{}, false, p.wrongAmount(&t, c, err)
	}
	amount *= t.kind.sign
	if t.kind.test {
		return settled{}, false, p.addTest(&t, amount)
	}
	fee, err := c.fee(t.amount, t.kind)
	if err != nil {
		return settled{}, false, p.wrongAmount(&t, c, err)
	}
	return settled{
		id: t.id, merchant: t.merchant, kind: t.kind, currency: c, amount: amount, fee: fee,
		origin: t.origin,
	}, true, nil
}

// check refuses what is well-formed but cannot be.
func (p *feeProcessor) check(t *transaction) error {
	switch {
	case t.id < p.day.firstID || t.id > p.day.lastID:
		return t.wrong(colID, strconv.FormatInt(t.id, 10), fmt.Sprintf(
			"not a transaction of %s, whose ids are %d to %d", p.day.date, p.day.firstID, p.day.lastID))
	case !t.amount.IsPos():
		return t.wrong(colAmount, t.amount.String(), "must be positive: a refund is marked by its type")
	}
	return nil
}

func (p *feeProcessor) wrongAmount(t *transaction, c *currency, err error) error {
	msg := err.Error()
	if errors.Is(err, errTooFine) {
		msg = fmt.Sprintf("%s has %d decimals, this amount has %d", c.code, c.scale, t.amount.Scale())
	}
	return t.wrong(colAmount, t.amount.String(), msg)
}

func (p *feeProcessor) addTest(t *transaction, amount int64) error {
	sum, ok := add(p.testTotals[t.currency], amount)
	if !ok {
		return t.wrong(colAmount, t.amount.String(), "the total of the TEST records is "+errTooLarge.Error())
	}
	p.testTotals[t.currency] = sum
	p.testRecords++
	return nil
}

// Open implements core.ItemStream.
func (p *feeProcessor) Open(_ context.Context, ec core.ExecutionContext) error {
	var err error
	p.testRecords, p.testTotals, err = testTotals(ec)
	return err
}

// Checkpoint implements core.ItemStream.
func (p *feeProcessor) Checkpoint(ec core.ExecutionContext) error {
	ec.Put(keyTestRecords, p.testRecords)
	for i, c := range currencies {
		ec.Put(c.total, p.testTotals[i])
	}
	return nil
}

// Close implements core.ItemStream.
func (p *feeProcessor) Close() error { return nil }

// testTotals reads what Checkpoint has kept.
func testTotals(ec core.ExecutionContext) (records int64, totals [len(currencies)]int64, err error) {
	if records, _, err = ec.Int64(keyTestRecords); err != nil {
		return 0, totals, err
	}
	for i, c := range currencies {
		if totals[i], _, err = ec.Int64(c.total); err != nil {
			return 0, totals, err
		}
	}
	return records, totals, nil
}
