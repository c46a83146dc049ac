package settlement

import (
	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// The columns of a transaction file, in the order of columns.
const (
	colID = iota
	colMerchantID
	colMerchantName
	colType
	colCurrency
	colAmount
)

// columns returns the columns of a transaction file.
func columns() []csvfile.Column {
	return []csvfile.Column{
		colID:           {Name: "transaction_id", Type: csvfile.Long, Required: true},
		colMerchantID:   {Name: "merchant_id", Type: csvfile.Long, Required: true},
		colMerchantName: {Name: "merchant_name", Required: true},
		colType:         {Name: "transaction_type", Required: true},
		colCurrency:     {Name: "currency", Required: true},
		colAmount:       {Name: "amount", Type: csvfile.Decimal, Required: true, Scale: csvfile.AnyScale},
	}
}

// transaction is a record of the input, parsed.
type transaction struct {
	id       int64
	merchant *merchant
	kind     *kind
	currency int // index in currencies
	amount   decimal.Decimal
	origin   core.Origin
}

// Origin returns where the record is.
func (t *transaction) Origin() core.Origin { return t.origin }

// merchant holds what is bound for every transaction of a merchant.
type merchant struct {
	id      int64
	name    string
	idValue any // id, boxed once
	value   any // name, boxed once
}

// maxMerchants bounds the merchants that are remembered.
const maxMerchants = 10_000

// parser turns records into transactions. It remembers merchants, so that a
// record of a known one costs no allocation.
type parser struct {
	merchants map[int64]*merchant
}

// parse reads a record's fields; what they mean together is checked by the
// processor.
func (p *parser) parse(row *csvfile.Row, t *transaction) (err error) {
	if t.id, err = row.Long(colID); err != nil {
		return err
	}
	merchantID, err := row.Long(colMerchantID)
	if err != nil {
		return err
	}
	if merchantID <= 0 {
		return row.Error(colMerchantID, "must be positive")
	}
	t.merchant = p.merchant(merchantID, row.Bytes(colMerchantName))
	if t.kind = findKind(row.Bytes(colType)); t.kind == nil {
		return row.Error(colType, "unknown type, want one of "+kindCodes())
	}
	if t.currency = findCurrency(row.Bytes(colCurrency)); t.currency < 0 {
		return row.Error(colCurrency, "unknown currency, want one of "+currencyCodes())
	}
	if t.amount, err = row.Decimal(colAmount); err != nil {
		return err
	}
	t.origin = row.Origin()
	return nil
}

// merchant returns what is bound for the merchant under that name, made once as
// long as the name stays the same.
func (p *parser) merchant(id int64, name []byte) *merchant {
	if m := p.merchants[id]; m != nil && m.name == string(name) {
		return m
	}
	if p.merchants == nil || len(p.merchants) >= maxMerchants {
		p.merchants = map[int64]*merchant{}
	}
	m := &merchant{id: id, name: string(name)}
	m.idValue, m.value = m.id, m.name
	p.merchants[id] = m
	return m
}

// wrong returns the error that column of t, which has that value, is wrong.
func (t *transaction) wrong(column int, value, msg string) error {
	return &core.ItemError{
		File: t.origin.File, Line: t.origin.Line, Record: t.origin.Record, Offset: t.origin.Offset,
		Column: columns()[column].Name, Value: value, HasValue: true, Msg: msg, Class: core.ClassProcessValidation,
	}
}
