package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// field is a part of a pattern of days and times: a number of fixed width, or
// characters that stand for themselves.
type field struct {
	letter  byte // y M d H m s S; 0 for text
	width   int
	literal string
}

// timePattern is a pattern as yyyy-MM-dd'T'HH:mm:ss. It has the same letters as
// Java's, with the widths that can be read back.
type timePattern struct {
	text   string
	fields []field
}

var fieldWidths = map[byte]int{'y': 4, 'M': 2, 'd': 2, 'H': 2, 'm': 2, 's': 2, 'S': 3}

func parseTimePattern(text string) (*timePattern, error) {
	p := &timePattern{text: text}
	literal := func(s string) { p.fields = append(p.fields, field{literal: s}) }
	for i := 0; i < len(text); {
		switch ch := text[i]; {
		case ch == '\'':
			end := strings.IndexByte(text[i+1:], '\'')
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			if end == 0 {
				literal("'")
			} else {
				literal(text[i+1 : i+1+end])
			}
			i += end + 2
		case ch|0x20 >= 'a' && ch|0x20 <= 'z':
			n := len(text[i:]) - len(strings.TrimLeft(text[i:], text[i:i+1]))
			if fieldWidths[ch] != n {
				return nil, fmt.Errorf("%s is not one of yyyy MM dd HH mm ss SSS; words go in quotes", text[i:i+n])
			}
			if slices.ContainsFunc(p.fields, func(f field) bool { return f.letter == ch }) {
				return nil, fmt.Errorf("%s is there twice", text[i:i+n])
			}
			p.fields = append(p.fields, field{letter: ch, width: n})
			i += n
		default:
			literal(text[i : i+1])
			i++
		}
	}
	if len(p.fields) == 0 {
		return nil, errors.New("it is empty")
	}
	return p, nil
}

func (p *timePattern) letters() string {
	var b strings.Builder
	for _, f := range p.fields {
		if f.letter != 0 {
			b.WriteByte(f.letter)
		}
	}
	return b.String()
}

// canParse refuses a pattern that does not say which day or instant is meant.
func (p *timePattern) canParse(kind record.Kind) error {
	letters := p.letters()
	for _, need := range []string{"yyyy", "MM", "dd"} {
		if !strings.Contains(letters, need[:1]) {
			return fmt.Errorf("%s is missing", need)
		}
	}
	if kind == record.Date {
		return p.canFormat(kind)
	}
	return nil
}

// canFormat refuses the time of a date.
func (p *timePattern) canFormat(kind record.Kind) error {
	if kind == record.Date && strings.ContainsAny(p.letters(), "HmsS") {
		return errors.New("a date has no time of the day")
	}
	return nil
}

func (p *timePattern) parse(text string, kind record.Kind, zone *time.Location) (record.Value, error) {
	var n [128]int
	rest := text
	for _, f := range p.fields {
		if f.letter == 0 {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, f.literal); !ok {
				return record.Value{}, errors.New("the text does not have this form")
			}
			continue
		}
		if len(rest) < f.width {
			return record.Value{}, errors.New("the text is too short")
		}
		for i := range f.width {
			if rest[i]-'0' > 9 {
				return record.Value{}, errors.New("the text does not have this form")
			}
			n[f.letter] = n[f.letter]*10 + int(rest[i]-'0')
		}
		rest = rest[f.width:]
	}
	if rest != "" {
		return record.Value{}, errors.New("the text is longer")
	}
	day, ok := record.OfDay(n['y'], n['M'], n['d'])
	if !ok {
		return record.Value{}, errors.New("there is no such day")
	}
	if kind == record.Date {
		return day, nil
	}
	if n['H'] > 23 || n['m'] > 59 || n['s'] > 59 {
		return record.Value{}, errors.New("there is no such time of the day")
	}
	wall := time.Date(n['y'], time.Month(n['M']), n['d'], n['H'], n['m'], n['s'], n['S']*int(time.Millisecond), time.UTC)
	return record.OfLocal(wall, zone)
}

func (p *timePattern) format(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	for _, f := range p.fields {
		var n int
		switch f.letter {
		case 'y':
			n = year
		case 'M':
			n = int(month)
		case 'd':
			n = day
		case 'H':
			n = t.Hour()
		case 'm':
			n = t.Minute()
		case 's':
			n = t.Second()
		case 'S':
			n = t.Nanosecond() / int(time.Millisecond)
		default:
			dst = append(dst, f.literal...)
			continue
		}
		for unit := pow10(f.width - 1); unit > 0; unit /= 10 {
			dst = append(dst, byte('0'+n/unit%10))
		}
	}
	return dst
}

func pow10(n int) int { return int(powers[n]) } //nolint:gosec // of a width
