package expr

import (
	"fmt"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

func dateFunctions() []Function {
	date, long := record.Date, record.Long
	return []Function{
		{
			Name: "date", Signature: "date(x, pattern string) date", Help: "A day, from a text as 2021-01-31 or by a pattern of yyyy MM dd, or the day of a datetime.",
			Example: "date('31.01.2021', 'dd.MM.yyyy')", Result: "2021-01-31", build: buildDate,
		},
		{
			Name: "datetime", Signature: "datetime(x, pattern string) datetime",
			Help:    "An instant, from a text as 2021-01-31T13:30:00 or by a pattern of yyyy MM dd HH mm ss SSS, or the beginning of a day; clocks are those of the job's zone.",
			Example: "datetime('2021-01-31T13:30:00+09:00')", Result: "2021-01-31T04:30:00Z", build: buildDateTime,
		},
		{
			Name: "addDays", Signature: "addDays(day date, n long) date", Help: "The day n days later, or earlier where n is negative.",
			Example: "addDays(date('2021-02-28'), 1)", Result: "2021-03-01", build: strict(date, addDays, date, long),
		},
		{
			Name: "addMonths", Signature: "addMonths(day date, n long) date", Help: "The same day n months later, or the last of that month if it is shorter.",
			Example: "addMonths(date('2021-01-31'), 1)", Result: "2021-02-28", build: strict(date, addMonths, date, long),
		},
		{
			Name: "daysBetween", Signature: "daysBetween(from date, to date) long", Help: "How many days to is after from.",
			Example: "daysBetween(date('2021-01-01'), date('2021-12-31'))", Result: "364",
			build: strict(long, func(_ *frame, _ int, v []record.Value) record.Value {
				return record.OfLong(v[1].Days() - v[0].Days())
			}, date, date),
		},
		{
			Name: "dayOfWeek", Signature: "dayOfWeek(day date) long", Help: "1 for Monday to 7 for Sunday.",
			Example: "dayOfWeek(date('2021-01-01'))", Result: "5", build: part(func(y, m, d int) int {
				v, _ := record.OfDay(y, m, d)
				return int(((v.Days()+3)%7+7)%7) + 1 // 1970-01-01 was a Thursday
			}),
		},
		{
			Name: "year", Signature: "year(day date) long", Help: "The year.",
			Example: "year(date('2021-01-31'))", Result: "2021", build: part(func(y, _, _ int) int { return y }),
		},
		{
			Name: "month", Signature: "month(day date) long", Help: "The month, from 1 to 12.",
			Example: "month(date('2021-01-31'))", Result: "1", build: part(func(_, m, _ int) int { return m }),
		},
		{
			Name: "day", Signature: "day(day date) long", Help: "The day of the month, from 1 to 31.",
			Example: "day(date('2021-01-31'))", Result: "31", build: part(func(_, _, d int) int { return d }),
		},
		{
			Name: "monthStart", Signature: "monthStart(day date) date", Help: "The first day of the month.",
			Example: "monthStart(date('2021-01-31'))", Result: "2021-01-01",
			build: strict(date, monthEdge(func(int, int) int { return 1 }), date),
		},
		{
			Name: "monthEnd", Signature: "monthEnd(day date) date", Help: "The last day of the month.",
			Example: "monthEnd(date('2024-02-01'))", Result: "2024-02-29",
			build: strict(date, monthEdge(record.DaysIn), date),
		},
	}
}

func monthEdge(day func(year, month int) int) func(*frame, int, []record.Value) record.Value {
	return func(_ *frame, _ int, v []record.Value) record.Value {
		year, month, _ := v[0].Day()
		edge, _ := record.OfDay(year, month, day(year, month))
		return edge
	}
}

func addDays(f *frame, at int, v []record.Value) record.Value {
	n := v[1].Long()
	if n > record.MaxDays-record.MinDays || n < record.MinDays-record.MaxDays {
		return outOfYears(f, at, "addDays", v)
	}
	day, ok := record.OfDays(v[0].Days() + n)
	if !ok {
		return outOfYears(f, at, "addDays", v)
	}
	return day
}

func outOfYears(f *frame, at int, name string, v []record.Value) record.Value {
	return f.fail(at, fmt.Sprintf("%s(%s, %s) is outside the years 0001 to 9999", name, show(v[0]), show(v[1])))
}

func addMonths(f *frame, at int, v []record.Value) record.Value {
	const most = 12 * 10_000
	n := v[1].Long()
	if n > most || n < -most {
		return outOfYears(f, at, "addMonths", v)
	}
	year, month, day := v[0].Day()
	months := year*12 + month - 1 + int(n)
	year, month = months/12, months%12+1
	if months < 12 || year > 9999 {
		return outOfYears(f, at, "addMonths", v)
	}
	later, _ := record.OfDay(year, month, min(day, record.DaysIn(year, month)))
	return later
}

// part compiles a function of the parts of a day, which may also be that of a
// datetime in the zone of the environment.
func part(of func(year, month, day int) int) builder {
	return func(c *compiler, name string, args []ast.Node, s span) *node {
		n := c.single(name, args, s)
		if n.kind != record.Date && n.kind != record.DateTime {
			c.failf(n.span, "%s needs a date or a datetime, not a %s", name, n.kind)
		}
		zone := c.env.zone()
		return &node{span: s, kind: record.Long, eval: func(f *frame) record.Value {
			v := dayIn(f, s.at, f.need(n), zone)
			if v.IsNull() {
				return v
			}
			year, month, day := v.Day()
			return record.OfLong(int64(of(year, month, day)))
		}}
	}
}

// dayIn returns a date, or the day of a datetime in zone.
func dayIn(f *frame, at int, v record.Value, zone *time.Location) record.Value {
	if v.Kind() != record.DateTime {
		return v
	}
	day, ok := record.OfDate(v.Time().In(zone))
	if !ok {
		return f.fail(at, "the day of "+show(v)+" is outside the years 0001 to 9999")
	}
	return day
}

func buildDate(c *compiler, name string, args []ast.Node, s span) *node {
	if len(args) == 2 {
		return c.parsePattern(name, args, s, record.Date)
	}
	return converter(record.Date, func(f *frame, at int, v record.Value) record.Value {
		return dayIn(f, at, v, c.env.zone())
	}, record.DateTime)(c, name, args, s)
}

func buildDateTime(c *compiler, name string, args []ast.Node, s span) *node {
	if len(args) == 2 {
		return c.parsePattern(name, args, s, record.DateTime)
	}
	return converter(record.DateTime, func(f *frame, at int, v record.Value) record.Value {
		instant, err := record.OfLocal(v.Time(), c.env.zone())
		if err != nil {
			return f.fail(at, name+"("+show(v)+"): "+err.Error())
		}
		return instant
	}, record.Date)(c, name, args, s)
}

// parsePattern compiles date(text, pattern) and datetime(text, pattern).
func (c *compiler) parsePattern(name string, args []ast.Node, s span, kind record.Kind) *node {
	nodes := c.arguments(name, args, s, 0, record.String, record.String)
	pattern, err := parseTimePattern(c.constant(nodes[1], "the pattern"))
	if err == nil {
		err = pattern.canParse(kind)
	}
	if err != nil {
		c.failf(nodes[1].span, "the pattern %s: %s", core.Quote(nodes[1].value().Str()), err)
	}
	zone, text := c.env.zone(), nodes[0]
	return &node{span: s, kind: kind, eval: func(f *frame) record.Value {
		v := f.need(text)
		if v.IsNull() {
			return v
		}
		parsed, err := pattern.parse(v.Str(), kind, zone)
		if err != nil {
			return f.fail(s.at, name+"("+show(v)+", "+core.Quote(pattern.text)+"): "+err.Error())
		}
		return parsed
	}}
}
