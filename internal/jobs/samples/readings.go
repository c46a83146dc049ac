package samples

import (
	"context"
	"strconv"
	"time"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// The columns of a file of readings, in the order of readingColumns.
const (
	colMeter = iota
	colDay
	colHour
	colQuantity
	colUnit
)

func readingColumns() []csvfile.Column {
	return []csvfile.Column{
		colMeter:    {Name: "meter", Required: true},
		colDay:      {Name: "day", Type: csvfile.Date, Required: true},
		colHour:     {Name: "hour", Type: csvfile.Long, Required: true},
		colQuantity: {Name: "quantity", Type: csvfile.Decimal, Required: true, Scale: csvfile.AnyScale},
		colUnit:     {Name: "unit", Required: true},
	}
}

// normalColumns are the header of readings-DATE.csv.
func normalColumns() []string { return []string{"site", "meter", "day", "hour", "kwh"} }

// kwhScale is the number of decimals of a kWh: a Wh is what is counted.
const kwhScale = 3

// unit is a unit of energy.
type unit struct {
	code string
	kwh  decimal.Decimal // how many kWh it is
}

var units = [...]*unit{
	{"Wh", decimal.MustNew(1, 3)},
	{"kWh", decimal.MustNew(1, 0)},
	{"MWh", decimal.MustNew(1000, 0)},
}

// reading is a record of the input, parsed.
type reading struct {
	meter    string
	day      time.Time
	hour     int64
	quantity decimal.Decimal
	unit     *unit
	origin   core.Origin
}

// Origin returns where the reading comes from.
func (r *reading) Origin() core.Origin { return r.origin }

// parseReading reads a record's fields; what they mean is for normaliser.
func parseReading(row *csvfile.Row, r *reading) (err error) {
	r.meter = row.String(colMeter)
	if r.day, err = row.Date(colDay); err != nil {
		return err
	}
	if r.hour, err = row.Long(colHour); err != nil {
		return err
	}
	if r.quantity, err = row.Decimal(colQuantity); err != nil {
		return err
	}
	for _, u := range units {
		if u.code == string(row.Bytes(colUnit)) {
			r.unit = u
		}
	}
	if r.unit == nil {
		return row.Error(colUnit, "unknown unit, want Wh, kWh or MWh")
	}
	r.origin = row.Origin()
	return nil
}

// wrong returns the error that column of r, which has that value, is wrong.
func (r *reading) wrong(column int, value, msg string) error {
	return &core.ItemError{
		File: r.origin.File, Line: r.origin.Line, Record: r.origin.Record, Offset: r.origin.Offset,
		Column: readingColumns()[column].Name, Value: value, HasValue: true,
		Msg: msg, Class: core.ClassProcessValidation,
	}
}

// normal is a reading in the form that all sites share.
type normal struct {
	site, meter, day string
	hour             int64
	kwh              decimal.Decimal
}

// encode appends the fields of the reading.
func (n *normal) encode(dst []string) ([]string, error) {
	return append(dst, n.site, n.meter, n.day, strconv.FormatInt(n.hour, 10), n.kwh.String()), nil
}

// normaliser brings the readings of a site into the form that all sites share,
// and filters out those of another day.
type normaliser struct {
	site, date string
}

var _ core.ItemProcessor[reading, normal] = normaliser{}

// Process implements core.ItemProcessor.
func (p normaliser) Process(_ context.Context, r reading) (n normal, keep bool, err error) {
	switch {
	case r.hour < 0 || r.hour > 23:
		return n, false, r.wrong(colHour, strconv.FormatInt(r.hour, 10), "want 0 to 23")
	case r.quantity.IsNeg():
		return n, false, r.wrong(colQuantity, r.quantity.String(), "must not be negative")
	}
	day := r.day.Format(time.DateOnly)
	if day != p.date {
		return n, false, nil
	}
	kwh, err := r.kwh()
	return normal{site: p.site, meter: r.meter, day: day, hour: r.hour, kwh: kwh}, err == nil, err
}

// kwh returns the quantity in kWh, exactly.
func (r *reading) kwh() (decimal.Decimal, error) {
	exact, err := r.quantity.MulExact(r.unit.kwh, r.quantity.Scale()+r.unit.kwh.Scale())
	if err != nil {
		return decimal.Decimal{}, r.wrong(colQuantity, r.quantity.String(), "too large to be held exactly")
	}
	kwh := exact.Trim(kwhScale).Pad(kwhScale)
	if kwh.Scale() > kwhScale {
		return decimal.Decimal{}, r.wrong(colQuantity, r.quantity.String(), "finer than one Wh")
	}
	if kwh.Scale() < kwhScale {
		return decimal.Decimal{}, r.wrong(colQuantity, r.quantity.String(), "too large to be held exactly")
	}
	return kwh, nil
}
