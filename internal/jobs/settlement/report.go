package settlement

import (
	"database/sql"
	"fmt"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

const selectSummary = `
SELECT
	LINE,
	MERCHANT_ID,
	MERCHANT_NAME,
	CURRENCY,
	SALE_COUNT,
	SALE_AMOUNT,
	REFUND_COUNT,
	REFUND_AMOUNT,
	FEE,
	NET
FROM MERCHANT_SUMMARY
WHERE REQUEST_DATE = ?`

// reportMode lets others read the report.
const reportMode = 0o644

// reportColumns are the header of the report.
func reportColumns() []string {
	return []string{
		"merchant_id", "merchant_name", "currency", "sale_count", "sale_amount",
		"refund_count", "refund_amount", "gross", "fee", "net",
	}
}

// summary is a row of MERCHANT_SUMMARY.
type summary struct {
	line, merchantID          int64
	merchantName, currency    string
	saleCount, saleAmount     int64
	refundCount, refundAmount int64
	fee, net                  int64
}

// report binds the chunk step that writes settlement-DATE.csv. Its last record
// is END and the number of lines between header and it, so that a copy that was
// cut short shows.
func report(s *core.Scope) (core.StepBody, error) {
	d, err := newDay(s)
	if err != nil {
		return nil, err
	}
	reader := sqlitem.NewReader(d.ledger, sqlitem.ReaderConfig{
		Query: selectSummary,
		Args:  []any{d.date},
		Key:   "LINE",
	}, func(rows *sql.Rows, m *summary) error {
		return rows.Scan(&m.line, &m.merchantID, &m.merchantName, &m.currency, &m.saleCount, &m.saleAmount,
			&m.refundCount, &m.refundAmount, &m.fee, &m.net)
	})
	writer := csvfile.NewWriter(csvfile.WriterConfig{
		Path:    d.report,
		Columns: reportColumns(),
		Mode:    reportMode,
		Scope:   s,
		Footer: func(rows int64) []string {
			footer := make([]string, len(reportColumns()))
			footer[0], footer[1] = "END", strconv.FormatInt(rows, 10)
			return footer
		},
	}, (*summary).encode)
	return chunk.New(reader, chunk.PassThrough[summary](), writer,
		chunk.Options{Streams: []core.ItemStream{d.ledger}}), nil
}

// encode appends the fields of m's line.
func (m *summary) encode(dst []string) ([]string, error) {
	i := findCurrency(m.currency)
	if i < 0 {
		return dst, fmt.Errorf("summary line %d: unknown currency %s", m.line, core.Quote(m.currency))
	}
	c := currencies[i]
	return append(dst,
		strconv.FormatInt(m.merchantID, 10), m.merchantName, c.code,
		strconv.FormatInt(m.saleCount, 10), c.format(m.saleAmount),
		strconv.FormatInt(m.refundCount, 10), c.format(m.refundAmount),
		c.format(m.saleAmount+m.refundAmount), c.format(m.fee), c.format(m.net),
	), nil
}
