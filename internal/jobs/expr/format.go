package expr

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// numberPattern is a pattern as #,##0.00: at least so many digits before the
// point, exactly so many behind it, and groups of three or not.
type numberPattern struct {
	text         string
	whole, scale int
	grouped      bool
}

// numberForm is compiled at its first use: most commands format nothing.
var numberForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(#,##)?(0+)(?:\.(0+))?$`) })

// maxWhole bounds the zeros before the point.
const maxWhole = 40

func parseNumberPattern(text string) (*numberPattern, error) {
	m := numberForm().FindStringSubmatch(text)
	switch {
	case m == nil:
		return nil, errors.New("want one such as '0', '00000', '0.00' or '#,##0.00'")
	case len(m[3]) > decimal.MaxScale:
		return nil, fmt.Errorf("more than %d digits behind the point", decimal.MaxScale)
	case len(m[2]) > maxWhole:
		return nil, fmt.Errorf("more than %d digits before the point", maxWhole)
	}
	return &numberPattern{text: text, whole: len(m[2]), scale: len(m[3]), grouped: m[1] != ""}, nil
}

// format writes a decimal; ok is false if it has more digits behind the point
// than the pattern.
func (p *numberPattern) format(v record.Value) (text string, ok bool) {
	neg, coef, scale := v.Coefficient()
	for scale > p.scale && coef%10 == 0 {
		coef /= 10
		scale--
	}
	if scale > p.scale {
		return "", false
	}
	digits := strconv.FormatUint(coef, 10) + strings.Repeat("0", p.scale-scale)
	if missing := p.scale + p.whole - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	var b strings.Builder
	if neg {
		b.WriteByte('-')
	}
	whole := digits[:len(digits)-p.scale]
	for i := range len(whole) {
		if p.grouped && i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if p.scale > 0 {
		b.WriteByte('.')
		b.WriteString(digits[len(whole):])
	}
	return b.String(), true
}

// buildFormat compiles format(x, pattern).
func buildFormat(c *compiler, name string, args []ast.Node, s span) *node {
	if len(args) != 2 {
		c.failf(s, "%s takes %s", name, c.usage(name))
	}
	x, arg := c.node(args[0]), c.node(args[1])
	text := c.constant(arg, "the pattern")
	refuse := func(err error) {
		if err != nil {
			c.failf(arg.span, "the pattern %s: %s", core.Quote(text), err)
		}
	}
	switch x.kind {
	case record.Long, record.Decimal:
		pattern, err := parseNumberPattern(text)
		refuse(err)
		x = toDecimal(x)
		return &node{span: s, kind: record.String, eval: func(f *frame) record.Value {
			v := f.need(x)
			if v.IsNull() {
				return v
			}
			text, ok := pattern.format(v)
			if !ok {
				return f.fail(s.at, show(v)+" has more digits behind the point than "+core.Quote(pattern.text)+": round it first")
			}
			return record.OfString(text)
		}}
	case record.Date, record.DateTime:
		pattern, err := parseTimePattern(text)
		refuse(err)
		refuse(pattern.canFormat(x.kind))
		return c.formatTime(x, pattern, s)
	case record.Null, record.String, record.Double, record.Bool:
	}
	c.failf(x.span, "%s needs a long, decimal, date or datetime, not a %s", name, x.kind)
	return nil
}

func (c *compiler) formatTime(x *node, pattern *timePattern, s span) *node {
	zone := c.env.zone()
	return &node{span: s, kind: record.String, eval: func(f *frame) record.Value {
		v := f.need(x)
		if v.IsNull() {
			return v
		}
		t := v.Time()
		if v.Kind() == record.DateTime {
			if t = t.In(zone); t.Year() < 1 || t.Year() > 9999 {
				return f.fail(s.at, show(v)+" is outside the years 0001 to 9999")
			}
		}
		var buf [64]byte
		return record.OfString(string(pattern.format(buf[:0], t)))
	}}
}
