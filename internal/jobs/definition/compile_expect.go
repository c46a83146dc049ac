package definition

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// expected is a compiled control total.
type expected struct {
	Expect
	sum     string // expression; empty: count
	written bool
	warn    late[bool] // of a difference that skipped records may explain
	env     expr.Environment
}

// name says which total of which records it is.
func (e *expected) name() string {
	what, of := e.Total.Value, "read"
	if e.Where.Given() {
		what += " where " + e.Where.Value
	}
	if e.written {
		of = "written"
	}
	return what + " of the records " + of
}

// inInput reports whether the total is one of the input as a whole, which has its
// bad records too: nothing has to be known of a record to count it.
func (e *expected) inInput() bool { return !e.written && e.sum == "" && !e.Where.Given() }

// auditor keeps the totals of a step and compares them at its end with what is
// expected: of records that were read, and of those that were written. Records
// that were skipped in reading are in a count of all that were read, as in the
// count that the sender of a file makes, and in no other total.
type auditor struct {
	tally

	j             *job
	b             *bound
	expected      []expected
	read, written []int  // indices of expected
	bad           int64  // records that were skipped in reading, over all attempts
	lost          int64  // those that were skipped behind it
	settled       string // the differences that are none of an error
}

// keyBad and keyLost are the keys of bad and lost in the step's context.
const (
	keyBad  = keyExpect + ".bad"
	keyLost = keyExpect + ".lost"
)

// keyExpect is the prefix of an auditor's keys.
const keyExpect = "batchctl.expect"

var _ core.Finisher = (*auditor)(nil)

// expectations compiles control totals.
func (c *compiler) expectations(list []Expect, in, out *record.Schema, p *chunkPlan) {
	if len(list) == 0 || in == nil || out == nil {
		return
	}
	var all []expected
	for _, x := range list {
		e := expected{Expect: x, written: x.Of.Value == "written"}
		schema := in
		if e.written {
			schema = out
		}
		e.env = c.expressions(schema)
		e.sum = totalExpression(x.Total.Value)
		if e.sum != "" {
			c.summable(x.Total, e)
		}
		if x.Where.Given() {
			if w := c.expression(x.Where, schema); w != nil && w.Kind() != record.Bool {
				c.report(x.Where.Pos(), "", "the expression is a %s, want a bool", w.Kind())
			}
		}
		e.warn = c.whenSkipped(x.WhenSkipped)
		c.late(x.Equals)
		if x.Equals.Given() && x.Equals.Parts == nil {
			if _, err := parseTotal(x.Equals.Value); err != nil {
				c.report(x.Equals.Pos(), "", "%v", err)
			}
		}
		if k := x.Control; k != nil {
			c.lates([]Text{k.File, k.Key, k.Default})
		}
		all = append(all, e)
	}
	j := c.job
	p.expect = func(b *bound) (*auditor, error) { return j.auditor(b, all) }
}

func (c *compiler) summable(t Text, e expected) {
	p, err := expr.Compile(e.sum, e.env)
	switch {
	case err != nil:
		c.reportExpression(t, err)
	case p.Kind() == record.Double:
		c.report(t.Pos(), "write sum(decimal(...))", "a double is not exact, and its sum depends on the order")
	case p.Kind() != record.Long && p.Kind() != record.Decimal:
		c.report(t.Pos(), "", "a %s cannot be added up", p.Kind())
	}
}

// totalExpression returns what sum(...) adds up, and nothing for count.
func totalExpression(text string) string {
	inner, ok := strings.CutPrefix(text, "sum(")
	if !ok {
		return ""
	}
	return strings.TrimSuffix(inner, ")")
}

// auditor makes the auditor of one execution of the step.
func (j *job) auditor(b *bound, all []expected) (*auditor, error) {
	a := &auditor{j: j, b: b, expected: all}
	var measures []measure
	for i, e := range all {
		m := measure{name: e.name()}
		var err error
		if e.sum != "" {
			if m.sum, err = expr.Compile(e.sum, b.in(e.env)); err != nil {
				return nil, err
			}
		}
		if e.Where.Given() {
			if m.where, err = expr.Compile(e.Where.Value, b.in(e.env)); err != nil {
				return nil, err
			}
		}
		measures = append(measures, m)
		if e.written {
			a.written = append(a.written, i)
		} else {
			a.read = append(a.read, i)
		}
	}
	vars, err := b.vars(all[0].env)
	if err != nil {
		return nil, err
	}
	a.tally = *newTally(keyExpect, measures, vars)
	return a, nil
}

// take is told about each record that was read.
func (a *auditor) takeRead(_ context.Context, r *record.Record) error { return a.take(*r, a.read) }

// Open implements core.ItemStream.
func (a *auditor) Open(ctx context.Context, ec core.ExecutionContext) error {
	for key, n := range map[string]*int64{keyBad: &a.bad, keyLost: &a.lost} {
		var err error
		if *n, _, err = ec.Int64(key); err != nil {
			return &core.Error{Kind: core.ErrCheckpointMismatch, Msg: "the control totals in the step's context are damaged", Err: err}
		}
	}
	for _, e := range a.expected {
		if e.Control == nil { // of anything else there is nothing to look for
			continue
		}
		if _, _, _, err := a.number(e); err != nil {
			return err
		}
	}
	return a.tally.Open(ctx, ec)
}

// Checkpoint implements core.ItemStream.
func (a *auditor) Checkpoint(ec core.ExecutionContext) error {
	if a.bad > 0 {
		ec.Put(keyBad, a.bad)
	}
	if a.lost > 0 {
		ec.Put(keyLost, a.lost)
	}
	return a.tally.Checkpoint(ec)
}

// Write implements core.ItemWriter: it writes nothing, and counts.
func (a *auditor) Write(_ context.Context, c *core.Chunk[record.Record]) error {
	for _, r := range c.Items {
		for _, i := range a.written {
			if err := a.add(i, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Revert implements core.Reverter for what was written; what was read stays
// read.
func (a *auditor) Revert(context.Context) error {
	for _, i := range a.written {
		a.now[i] = a.marked[i].clone()
	}
	return nil
}

// compare says by how much a total is not what is expected, or nothing.
func (a *auditor) compare(e expected, got *total) (string, error) {
	want, text, from, err := a.number(e)
	if err != nil {
		return "", err
	}
	count := got.count
	if e.inInput() {
		count += a.bad
	}
	is := big.NewRat(count, 1)
	shown := fmt.Sprint(count)
	if e.sum != "" {
		shown = got.text()
		is.SetFrac(&got.units, powerOfTen(got.scale))
	}
	if is.Cmp(want) == 0 {
		return "", nil
	}
	difference := new(big.Rat).Sub(is, want)
	return fmt.Sprintf("%s is %s, %s says %s, difference %s%s", core.EscapeControl(e.name()), shown, from, text,
		signed(difference, max(got.scale, decimals(text))), a.without(e)), nil
}

func signed(r *big.Rat, digits int) string {
	text := r.FloatString(digits)
	if r.Sign() > 0 {
		return "+" + text
	}
	return text
}

func decimals(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction)
}

var totalForm = lateRegexp(`^[+-]?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// parseTotal reads a whole number or a decimal.
func parseTotal(text string) (*big.Rat, error) {
	if !totalForm().MatchString(text) {
		return nil, fmt.Errorf("%s is not a number", core.Quote(text))
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("%s is not a number", core.Quote(text))
	}
	return r, nil
}

// number returns an expected value, its text, and where it is from.
func (a *auditor) number(e expected) (value *big.Rat, text, from string, err error) {
	if text, from, err = a.want(e); err != nil {
		return nil, "", "", err
	}
	if value, err = parseTotal(text); err != nil {
		err = &core.Error{Msg: fmt.Sprintf("%s: %s: %v", a.j.place(e.Pos), from, err)}
	}
	return value, text, from, err
}

// want returns the text of an expected value, and where it is from.
func (a *auditor) want(e expected) (text, from string, err error) {
	if e.Control == nil {
		text, err = a.b.text(e.Equals)
		return strings.TrimSpace(text), "the definition", err
	}
	path, err := a.b.path(e.Control.File)
	if err != nil {
		return "", "", err
	}
	from = "control file " + core.QuotePath(path)
	content, err := readSmall(path, maxControl)
	if err != nil {
		return "", from, &core.Error{Op: "control totals", Hint: core.ShellQuote("ls", "-l", path), Err: err}
	}
	if text, err = a.b.controlValue(e.Control, content); err != nil {
		return "", from, &core.Error{Op: from, Err: err}
	}
	return text, from, nil
}

// maxControl bounds a control file.
const maxControl = 64 << 10

// controlValue finds the value in a control file.
func (b *bound) controlValue(k *Control, content string) (string, error) {
	switch {
	case k.Key.Given():
		key, err := b.text(k.Key)
		if err != nil {
			return "", err
		}
		found, twice := "", false
		for line := range strings.Lines(content) {
			name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
			if !ok || strings.TrimSpace(name) != key {
				continue
			}
			if twice {
				return "", fmt.Errorf("the line %s=... is there twice", key)
			}
			found, twice = strings.TrimSpace(value), true
		}
		if !twice {
			return b.controlDefault(k, "it has no line "+key+"=...")
		}
		return found, nil
	case k.Pattern.Given():
		re, err := regexp.Compile(k.Pattern.Value)
		if err != nil {
			return "", err
		}
		match := re.FindStringSubmatch(content)
		if match == nil {
			return b.controlDefault(k, "nothing in it matches "+core.Quote(k.Pattern.Value))
		}
		return strings.TrimSpace(match[min(1, len(match)-1)]), nil
	}
	return strings.TrimSpace(content), nil
}

func (b *bound) controlDefault(k *Control, problem string) (string, error) {
	if !k.Default.Given() {
		return "", errors.New(problem)
	}
	return b.text(k.Default)
}
