package definition

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Members of an answer that are no columns.
const (
	memberKeep  = "keep"
	memberError = "error"
	memberClass = "class"
)

// classAnswer is the class of an error about one record: the command said that
// the record is bad, or its answer has a value that the column does not hold.
const classAnswer = "process.answer"

// coprocess compiles a command that is asked about each record and returns the
// columns behind it; nil when there is something wrong.
func (c *compiler) coprocess(x *ExecOp, in *record.Schema) (*record.Schema, late[processor]) {
	form := c.answers(x, in)
	configure := c.command(&Exec{
		Pos: x.Pos, Command: x.Command, Dir: x.Dir, Env: x.Env, InheritEnv: x.InheritEnv,
		Timeout: x.Timeout, KillAfter: x.KillAfter,
	})
	if form == nil {
		return nil, nil
	}
	return form.out, func(b *bound) (processor, error) {
		cfg, err := configure(b)
		if err != nil {
			return nil, err
		}
		p, err := execstep.NewCoprocess(b.scope, cfg)
		if err != nil {
			return nil, err
		}
		return &asking{
			Coprocess: p, form: form, encoder: jsonl.NewEncoder(in), decoder: jsonl.NewDecoder(form.answer, b.zone),
		}, nil
	}
}

// answerForm is what a command answers, and what becomes of it.
type answerForm struct {
	answer *record.Schema // the columns, and behind them keep, error and class
	out    *record.Schema
	slots  []int // of out, for each column of the answer
}

// answers reads the columns of the answers; nil when there is something wrong.
func (c *compiler) answers(x *ExecOp, in *record.Schema) *answerForm {
	var columns []record.Column
	out, slots, sound := in.Columns(), make([]int, len(x.Columns)), true
	for i, p := range x.Columns {
		column, err := record.ParseColumn(p.Key.Value, c.fixed(p.Value, "the type of a column"))
		if err != nil {
			c.reportError(p.Value.Pos(), err)
			sound = false
		}
		if slices.Contains([]string{memberKeep, memberError, memberClass}, p.Key.Value) {
			c.report(p.Key.Pos(), "choose another name", "%s cannot be a column of an answer: it has a meaning of its own", core.Quote(p.Key.Value))
			sound = false
		}
		columns = append(columns, column)
		at, there := in.Index(column.Name)
		if !there {
			at = len(out)
			out = append(out, column)
		}
		out[at], slots[i] = column, at
	}
	if !sound {
		return nil
	}
	schema, err := record.NewSchema(out...)
	if err != nil {
		c.reportError(x.Pos, err)
		return nil
	}
	answer, err := record.NewSchema(append(columns,
		record.Column{Name: memberKeep, Kind: record.Bool},
		record.Column{Name: memberError, Kind: record.String},
		record.Column{Name: memberClass, Kind: record.String},
	)...)
	if err != nil {
		c.reportError(x.Pos, err)
		return nil
	}
	return &answerForm{answer: answer, out: schema, slots: slots}
}

// asking is a processor that asks a command about each record.
type asking struct {
	*execstep.Coprocess

	form    *answerForm
	encoder *jsonl.Encoder
	decoder *jsonl.Decoder
	line    []byte
	room    record.Allocator
}

var (
	_ processor       = (*asking)(nil)
	_ core.ItemStream = (*asking)(nil)
	_ core.Finisher   = (*asking)(nil)
)

// Process implements core.ItemProcessor.
func (a *asking) Process(ctx context.Context, in record.Record) (out record.Record, keep bool, err error) {
	if a.line, err = a.encoder.Append(a.line[:0], &in); err != nil {
		return out, false, err
	}
	line, err := a.Ask(ctx, a.line)
	if err != nil {
		return out, false, err
	}
	answer, err := a.decoder.Decode(line)
	if err != nil {
		return out, false, a.misread(err, line, in)
	}
	n := len(a.form.slots) // of columns; keep, error and class are behind them
	keeps, says, class := answer.Value(n), answer.Value(n+1), answer.Value(n+2)
	given := 0
	for i := range n {
		if a.decoder.Has(i) {
			given++
		}
	}
	switch {
	case !says.IsNull():
		if given > 0 || !keeps.IsNull() {
			return out, false, a.Wrong("answered an error and more than its class", line)
		}
		return out, false, a.rejected(in, says.Str(), class, line)
	case a.decoder.Has(n+1) || a.decoder.Has(n+2):
		return out, false, a.Wrong("answered with a class or an error that says nothing", line)
	case !keeps.IsNull() && !keeps.Bool():
		if given > 0 {
			return out, false, a.Wrong("answered with keep false and with columns", line)
		}
		return out, false, nil
	case given < n:
		return out, false, a.Wrong("answered without the column "+core.Quote(a.missing()), line)
	}
	return a.merge(in, answer), true, nil
}

// missing is the first column that the last answer has not.
func (a *asking) missing() string {
	for i := range a.form.slots {
		if !a.decoder.Has(i) {
			return a.form.answer.Column(i).Name
		}
	}
	return ""
}

// merge sets the columns of an answer in the record that it is about.
func (a *asking) merge(in, answer record.Record) record.Record {
	values := a.room.Values(a.form.out.Len())
	copy(values, in.Values())
	for i, slot := range a.form.slots {
		values[slot] = answer.Value(i)
	}
	return record.New(a.form.out, values, in.Origin())
}

// rejected is the error of a record that the command rejects.
func (a *asking) rejected(in record.Record, says string, class record.Value, line []byte) error {
	e := record.ErrorAt(in.Origin(), "", strings.TrimSpace(says))
	e.Class = classAnswer
	switch {
	case e.Msg == "":
		return a.Wrong("answered with an error without a text", line)
	case class.IsNull():
	case !isProcessClass(class.Str()):
		return a.Wrong("answered with the class "+core.Quote(class.Str())+", which is not below process", line)
	default:
		e.Class = class.Str()
	}
	return e
}

// misread is the error of an answer that cannot be read. One value that is wrong
// is an error of its record; what is no such object at all may be anything, and
// the next line too.
func (a *asking) misread(err error, line []byte, in record.Record) error {
	bad, ok := errors.AsType[*core.ItemError](err)
	if !ok {
		return a.Wrong("answered what cannot be read", line)
	}
	if i, known := a.form.answer.Index(bad.Column); !known || i >= len(a.form.slots) {
		msg := bad.Msg
		if bad.Column != "" {
			msg = bad.Column + ": " + msg
		}
		return a.Wrong("answered with a line that is not of the form agreed on ("+msg+")", line)
	}
	e := record.ErrorAt(in.Origin(), bad.Column, "answer of the command: "+bad.Msg)
	e.Class, e.Value, e.HasValue = classAnswer, bad.Value, bad.HasValue
	return e
}

// isProcessClass reports whether a class is one of errors in processing.
func isProcessClass(class string) bool {
	rest, below := strings.CutPrefix(class, core.PhaseProcess+".")
	return below && len(class) <= maxClass && !strings.ContainsFunc(rest, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}) && rest != ""
}

// maxClass bounds the name of a class that a command says.
const maxClass = 100
