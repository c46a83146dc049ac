package definition

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// measure is what a tally counts or adds up.
type measure struct {
	name  string        // what it is, as the definition writes it
	sum   *expr.Program // nil: count
	where *expr.Program // nil: every record
}

// tally counts and adds up records exactly, over all attempts at a step: what it
// knows is in the step's context as of each chunk. As a writer it takes the
// records that are written; take is for those that are read.
type tally struct {
	prefix   string // of its keys
	measures []measure
	vars     *expr.Vars
	now      []total
	marked   []total
	err      error // of take, which cannot return it
}

// total is a number of records and an exact sum, in units of 10^-scale.
type total struct {
	count int64
	units big.Int
	scale int
}

var (
	_ core.ItemWriter[record.Record] = (*tally)(nil)
	_ core.ItemStream                = (*tally)(nil)
	_ core.Reverter                  = (*tally)(nil)
)

func newTally(prefix string, measures []measure, vars *expr.Vars) *tally {
	return &tally{prefix: prefix, measures: measures, vars: vars, now: make([]total, len(measures))}
}

// add adds a record to total i.
func (t *tally) add(i int, r record.Record) error {
	m := t.measures[i]
	if m.where != nil {
		counts, err := m.where.EvalBool(r, t.vars)
		if err != nil || !counts {
			return badRecord(r, err)
		}
	}
	t.now[i].count++
	if m.sum == nil {
		return nil
	}
	v, err := m.sum.Eval(r, t.vars)
	if err != nil {
		return badRecord(r, err)
	}
	return badRecord(r, t.now[i].add(v))
}

func badRecord(r record.Record, err error) error {
	if err == nil {
		return nil
	}
	e := record.ErrorAt(r.Origin(), "", "control total: "+err.Error())
	e.Class, e.Err = core.ClassProcessExpression, err
	return e
}

// add adds a value exactly.
func (t *total) add(v record.Value) error {
	negative, digits, scale := false, uint64(0), 0
	switch v.Kind() {
	case record.Long:
		n := v.Long()
		if negative, digits = n < 0, uint64(n); negative { //nolint:gosec // a negative one wraps, and its negative is the magnitude
			digits = -digits
		}
	case record.Decimal:
		negative, digits, scale = v.Coefficient()
	case record.Null:
		return fmt.Errorf("the value is null; coalesce(..., 0) says what stands for it")
	case record.String, record.Double, record.Date, record.DateTime, record.Bool:
		return fmt.Errorf("a %s cannot be added up", v.Kind())
	}
	var by big.Int
	by.SetUint64(digits)
	if negative {
		by.Neg(&by)
	}
	if scale > t.scale {
		t.units.Mul(&t.units, powerOfTen(scale-t.scale))
		t.scale = scale
	} else if scale < t.scale {
		by.Mul(&by, powerOfTen(t.scale-scale))
	}
	t.units.Add(&t.units, &by)
	return nil
}

func powerOfTen(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// text writes the sum as a decimal, with all the digits behind the point that its
// parts had.
func (t *total) text() string {
	digits := new(big.Int).Abs(&t.units).String()
	if missing := t.scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	if t.scale > 0 {
		digits = digits[:len(digits)-t.scale] + "." + digits[len(digits)-t.scale:]
	}
	if t.units.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

// read is the reverse of text.
func (t *total) read(text string) error {
	whole, fraction, _ := strings.Cut(text, ".")
	if _, ok := t.units.SetString(whole+fraction, 10); !ok {
		return fmt.Errorf("%s is not a sum", core.Quote(text))
	}
	t.scale = len(fraction)
	return nil
}

// take adds a record that was read.
func (t *tally) take(r record.Record, which []int) error {
	for _, i := range which {
		if err := t.add(i, r); err != nil && t.err == nil {
			t.err = err
		}
	}
	return t.err
}

// Write implements core.ItemWriter.
func (t *tally) Write(_ context.Context, c *core.Chunk[record.Record]) error {
	for _, r := range c.Items {
		for i := range t.measures {
			if err := t.add(i, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Open implements core.ItemStream.
func (t *tally) Open(_ context.Context, ec core.ExecutionContext) error {
	t.now, t.err = make([]total, len(t.measures)), nil
	chunks, _, err := ec.Int64(core.ContextKeyChunk)
	if err != nil {
		return err
	}
	for i := range t.now {
		known, _, err := ec.Int64(t.key(i, "chunks"))
		if err == nil && known != chunks {
			return t.added(i, chunks)
		}
		count, found, err := ec.Int64(t.key(i, "count"))
		if err == nil && !found {
			continue
		}
		var sum string
		if err == nil {
			sum, found, err = ec.String(t.key(i, "sum"))
		}
		if err == nil && found {
			err = t.now[i].read(sum)
		}
		if err != nil {
			return &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "the control totals in the step's context are damaged", Err: err}
		}
		t.now[i].count = count
	}
	return nil
}

// added refuses a total that knows nothing of what is committed already.
func (t *tally) added(i int, chunks int64) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch,
		Msg: fmt.Sprintf("the total %s does not know of all that the step has committed without it (chunks committed: %d)",
			core.EscapeControl(t.measures[i].name), chunks),
		Hint: "a total cannot be added to a step that has begun, nor changed: leave it as it was, or out, " +
			"then restart with --new-definition",
	}
}

// key is a key of total i. It is of what the total is, and not of its place: a
// total that is put before it changes nothing.
func (t *tally) key(i int, what string) string {
	sum := sha256.Sum256([]byte(t.measures[i].name))
	return t.prefix + "." + hex.EncodeToString(sum[:8]) + "." + what
}

// Checkpoint implements core.ItemStream.
func (t *tally) Checkpoint(ec core.ExecutionContext) error {
	if t.err != nil {
		return t.err
	}
	before, _, err := ec.Int64(core.ContextKeyChunk) // it does not have this one yet
	if err != nil {
		return err
	}
	for i := range t.now {
		ec.Put(t.key(i, "chunks"), before+1)
		ec.Put(t.key(i, "count"), t.now[i].count)
		if t.measures[i].sum != nil {
			ec.Put(t.key(i, "sum"), t.now[i].text())
		}
	}
	return nil
}

// Close implements core.ItemStream.
func (t *tally) Close() error { return nil }

// Mark implements core.Reverter.
func (t *tally) Mark(context.Context) error {
	t.marked = make([]total, len(t.now))
	for i := range t.now {
		t.marked[i] = t.now[i].clone()
	}
	return nil
}

// Revert implements core.Reverter.
func (t *tally) Revert(context.Context) error {
	for i := range t.marked {
		t.now[i] = t.marked[i].clone()
	}
	return nil
}

func (t *total) clone() total {
	next := total{count: t.count, scale: t.scale}
	next.units.Set(&t.units)
	return next
}
