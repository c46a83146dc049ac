package sample

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// header is the first line of a transaction file.
const header = "transaction_id,merchant_id,merchant_name,transaction_type,currency,amount\n"

// seed is mixed with the date, so every day differs from its neighbours.
const seed = 0x5e771e

// sequenceRange is how many transaction ids a day has.
const sequenceRange = 100_000_000

// Day describes one day of transactions.
type Day struct {
	// Date is midnight UTC of the day.
	Date time.Time
	// Records is how many transactions the day has.
	Records int
	// BreakNear, when positive, writes the first amount from that record on
	// that ends in 0 with the letter O in its place. The control file is
	// that of the undamaged day.
	BreakNear int
	// ControlOff is added to the control file's KRW total.
	ControlOff int64
}

// Committed returns the days under testdata/transactions.
func Committed() []Day {
	date := func(day int) time.Time { return time.Date(2021, time.January, day, 0, 0, 0, 0, time.UTC) }
	return []Day{
		{Date: date(1), Records: 5000},
		{Date: date(2), Records: 3000, BreakNear: 2700},
		{Date: date(3)},
		{Date: date(4), Records: 2000, ControlOff: 100},
	}
}

// Name returns the name that the day's files share, "2021-01-01".
func (d Day) Name() string { return d.Date.Format(time.DateOnly) }

// WriteFiles writes the day's two files, DATE.csv and DATE.ctl, into dir.
func (d Day) WriteFiles(dir string) error {
	if d.Records < 0 || d.Records >= sequenceRange {
		return fmt.Errorf("%d records: a day has 0 to %d", d.Records, sequenceRange-1)
	}
	base := filepath.Join(dir, d.Name())
	var c control
	if err := writeFile(base+".csv", func(w *bufio.Writer) { c = d.writeRecords(w) }); err != nil {
		return err
	}
	c.totals[krw] += d.ControlOff
	return writeFile(base+".ctl", c.write)
}

// writeFile lets write fill the file at path. The writer keeps its first error
// and Flush returns it.
func writeFile(path string, write func(*bufio.Writer)) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644) //nolint:gosec // sample data is for everybody to read
	if err != nil {
		return fmt.Errorf("write sample: %w", err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("write sample: %w", closeErr)
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	write(w)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write sample: %w", err)
	}
	return nil
}

// control is what the control file of a day says.
type control struct {
	records int
	totals  [len(currencies)]int64
	seen    [len(currencies)]bool
}

func (c *control) write(w *bufio.Writer) {
	writeString(w, "records="+strconv.Itoa(c.records)+"\n")
	for i, cur := range currencies {
		if c.seen[i] {
			writeString(w, "total."+cur.code+"="+format(c.totals[i], cur.scale)+"\n")
		}
	}
}

// writeRecords writes the transaction file and returns its control totals.
func (d Day) writeRecords(w *bufio.Writer) control {
	year, month, day := d.Date.Date()
	dayNumber := int64(year)*10_000 + int64(month)*100 + int64(day)
	r := random(uint64(seed) ^ uint64(dayNumber)<<24) //nolint:gosec // dayNumber is positive
	c := control{records: d.Records}
	toBreak := d.BreakNear > 0
	writeString(w, header)
	for n := 1; n <= d.Records; n++ {
		m := &merchants[r.below(int64(len(merchants)))]
		cur := m.currencies[r.below(int64(len(m.currencies)))]
		kind, sign := drawType(&r)
		minor := drawAmount(&r, &currencies[cur])
		amount := format(minor, currencies[cur].scale)
		c.totals[cur] += sign * minor
		c.seen[cur] = true
		if toBreak && n >= d.BreakNear && strings.HasSuffix(amount, "0") {
			amount, toBreak = amount[:len(amount)-1]+"O", false
		}
		writeString(w, strconv.FormatInt(dayNumber*sequenceRange+int64(n), 10)+","+
			strconv.FormatInt(m.id, 10)+","+quote(m.name)+","+kind+","+currencies[cur].code+","+amount+"\n")
	}
	return c
}

// drawType returns a type and the sign with which its amount counts.
func drawType(r *random) (kind string, sign int64) {
	switch p := r.below(1000); {
	case p < 75:
		return "REFUND", -1
	case p < 95:
		return "TEST", 1
	}
	return "SALE", 1
}

// drawAmount returns an amount in minor units; small ones are more frequent.
func drawAmount(r *random, c *currency) int64 {
	span := (c.high - c.low) / c.step
	return c.low + r.below(r.between(1, span))*c.step
}

// format writes minor units as a decimal.
func format(minor int64, scale int) string {
	if scale == 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	digits := fmt.Sprintf("%0*d", scale+1, minor)
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// quote writes a field as CSV.
func quote(field string) string {
	if !strings.ContainsAny(field, ",\"\r\n") {
		return field
	}
	return `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
}

// writeString leaves the error to w.Flush, which returns the first one.
func writeString(w io.StringWriter, s string) {
	_, _ = w.WriteString(s) // a bufio.Writer keeps its error for Flush
}
