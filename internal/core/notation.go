package core

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Notation reads and writes job parameters as words of a command line:
//
//	name=value                        typed by the job's declaration
//	name:type=value                   needs no quotes in any shell
//	name:type:non-identifying=value
//	name(type)=value                  quote it
//	name=value(type)                  quote it
//	+name…=value, -name…=value        where Signs allows it
//
// A word is split at its first "=", and a value is read whole or refused: no
// trailing text, no roll-over of days, no silent rounding.
type Notation struct {
	// Declared types the parameters; a name that is not declared is refused
	// unless Open is set.
	Declared ParameterSpecs
	// Extra are names that count as declared besides, typed by what is given:
	// the key of the job's incrementer.
	Extra ParameterSpecs
	// Open accepts undeclared names, as strings unless they carry a type.
	Open bool
	// Zone is where a date without offset is local. nil means UTC.
	Zone *time.Location
	// Signs accepts + (identifying) and - (not) before the name: in files, and
	// after "--" on a command line.
	Signs bool
}

const flagNonIdentifying = "non-identifying"

// lazily compiles a pattern at its first use: most commands parse no parameter,
// and all of them pay for what is compiled at the start.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// Parse reads words into parameters. The error is an ErrJobParametersInvalid
// that names the first parameter that is wrong.
func (n Notation) Parse(words []string) (JobParameters, error) {
	if len(words) > MaxParameters {
		return nil, parameterError("", fmt.Sprintf("%d parameters, at most %d are allowed", len(words), MaxParameters), "")
	}
	ps := make(JobParameters, 0, len(words))
	for _, word := range words {
		p, err := n.parse(word)
		if err != nil {
			return nil, err
		}
		if _, twice := ps.Lookup(p.Name); twice {
			return nil, parameterError(p.Name, "given twice", "give it once")
		}
		ps = append(ps, p)
	}
	return ps, nil
}

var fishDate = lazily(`[0-9]{1,2}:[0-9]{2}:[0-9]{2}`)

func (n Notation) parse(word string) (JobParameter, error) {
	left, value, found := strings.Cut(word, "=")
	if !found {
		return JobParameter{}, parameterError(word, `has no "="`, "write "+suggestWord(word))
	}
	if fishDate().MatchString(left) || strings.ContainsAny(left, " \t") && strings.Contains(left, ":") {
		return JobParameter{}, parameterError(left,
			"the name looks like the output of a command: the shell has run what stood in parentheses",
			"quote the word: 'requestDate(date)=2021-01-01', or write requestDate:date=2021-01-01")
	}
	sign := ""
	if n.Signs && left != "" && (left[0] == '+' || left[0] == '-') {
		sign, left = left[:1], left[1:]
	}
	head, err := splitHead(left)
	if err != nil {
		return JobParameter{}, err
	}
	spec, declared := n.Declared.Lookup(head.name)
	if !declared {
		spec, declared = n.Extra.Lookup(head.name)
	}
	if !declared && !n.Open {
		return JobParameter{}, undeclared(head.name, append(n.Declared.Names(), n.Extra.Names()...))
	}
	typ := head.typ
	if typ == "" {
		value, typ = trailingType(value, spec, declared)
	}
	switch {
	case typ == "" && declared:
		typ = spec.ParameterType()
	case typ == "":
		typ = TypeString
	case declared && typ != spec.ParameterType():
		return JobParameter{}, parameterError(head.name,
			fmt.Sprintf("given as %s, but the job declares it %s", typ, spec.ParameterType()),
			fmt.Sprintf("write %s=%s", head.name, exampleOf(spec.ParameterType())))
	}
	identifying, err := identity(head, sign, spec, declared)
	if err != nil {
		return JobParameter{}, err
	}
	p := JobParameter{Name: head.name, Identifying: identifying}
	if p.Value, err = parseValue(value, typ, n.zone()); err != nil {
		return JobParameter{}, parameterError(head.name, err.Error(), "")
	}
	return p, checkParameterValue(p)
}

func (n Notation) zone() *time.Location {
	if n.Zone == nil {
		return time.UTC
	}
	return n.Zone
}

func suggestWord(word string) string {
	if _, err := splitHead(word); err != nil {
		return "name=value"
	}
	return ShellQuote(word + "=VALUE")
}

// head is what stands before the "=" of a word.
type head struct {
	name           string
	typ            ParameterType
	nonIdentifying bool
}

func splitHead(left string) (head, error) {
	h := head{name: left}
	switch open := strings.IndexByte(left, '('); {
	case open >= 0:
		if !strings.HasSuffix(left, ")") {
			return h, parameterError(left, `the parenthesis of the type is not closed`, "write name(type)=value")
		}
		h.name = left[:open]
		if err := h.setType(left[open+1 : len(left)-1]); err != nil {
			return h, err
		}
	case strings.IndexByte(left, ':') >= 0:
		fields := strings.Split(left, ":")
		h.name = fields[0]
		if len(fields) > 3 || len(fields) == 3 && fields[2] != flagNonIdentifying {
			return h, parameterError(h.name, fmt.Sprintf("%s is not of the form name:type:non-identifying", Quote(left)), "")
		}
		h.nonIdentifying = len(fields) == 3
		if err := h.setType(fields[1]); err != nil {
			return h, err
		}
	}
	return h, checkParameterName(h.name)
}

func (h *head) setType(word string) error {
	if !slices.Contains(ParameterTypes(), ParameterType(word)) {
		hint := ""
		if near := Nearest(word, typeNames()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return parameterError(h.name, fmt.Sprintf("unknown type %s, the types are %s",
			Quote(word), strings.Join(typeNames(), ", ")), hint)
	}
	h.typ = ParameterType(word)
	return nil
}

func typeNames() []string {
	var names []string
	for _, t := range ParameterTypes() {
		names = append(names, string(t))
	}
	return names
}

// trailingType takes "(type)" off the end of a value when the word is a known
// type and the declaration does not say otherwise.
func trailingType(value string, spec ParameterSpec, declared bool) (string, ParameterType) {
	open := strings.LastIndexByte(value, '(')
	if open < 0 || !strings.HasSuffix(value, ")") {
		return value, ""
	}
	typ := ParameterType(value[open+1 : len(value)-1])
	if !slices.Contains(ParameterTypes(), typ) || declared && typ != spec.ParameterType() {
		return value, ""
	}
	return value[:open], typ
}

// identity joins what the word says about identity with the declaration. A
// contradiction is refused: it would silently name another instance.
func identity(h head, sign string, spec ParameterSpec, declared bool) (bool, error) {
	said, identifying := sign != "" || h.nonIdentifying, sign != "-" && !h.nonIdentifying
	if sign == "+" && h.nonIdentifying {
		return false, parameterError(h.name, "is said to be identifying and non-identifying at once", "")
	}
	if !declared {
		return identifying, nil
	}
	if said && identifying == spec.NonIdentifying {
		word := "identifying"
		if spec.NonIdentifying {
			word = flagNonIdentifying
		}
		return false, parameterError(h.name, "the job declares it "+word, "leave the mark away")
	}
	return !spec.NonIdentifying, nil
}

func parseValue(text string, typ ParameterType, zone *time.Location) (any, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("value %s is not valid UTF-8", Quote(text))
	}
	switch typ {
	case TypeLong:
		return parseLong(text)
	case TypeDouble:
		return parseDouble(text)
	case TypeDate:
		return ParseDate(text, zone)
	case TypeString:
	}
	return text, nil
}

var (
	longForm   = lazily(`^[+-]?[0-9]+$`)
	doubleForm = lazily(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
)

func parseLong(text string) (any, error) {
	if !longForm().MatchString(text) {
		return nil, fmt.Errorf("value %s is not a whole number: digits only, as in 42", Quote(text))
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("value %s is outside the range of a long, %d to %d",
			Quote(text), int64(math.MinInt64), int64(math.MaxInt64))
	}
	return v, nil
}

func parseDouble(text string) (any, error) {
	if !doubleForm().MatchString(text) {
		if strings.Contains(text, ",") {
			return nil, fmt.Errorf("value %s is not a number: the decimal mark is a point, as in 1.5", Quote(text))
		}
		return nil, fmt.Errorf("value %s is not a finite decimal number, as in 1.5", Quote(text))
	}
	v, err := strconv.ParseFloat(text, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	if err != nil || v == 0 && strings.ContainsAny(mantissa, "123456789") {
		return nil, fmt.Errorf("value %s is outside the range of a double", Quote(text))
	}
	return v, nil
}

var (
	dateForm = lazily(`^([0-9]{4})(?:-([0-9]{2})-|/([0-9]{2})/|([0-9]{2}))([0-9]{2})$`)
	timeForm = lazily(`^([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?$`)
)

// ParseDate reads a civil date (2021-01-01, 2021/01/01, 20210101) or an ISO
// date-time with or without offset (2021-01-01T00:00:00.123+09:00) in zone. A
// day or a local time that does not exist is an error; of a local time that
// exists twice the earlier instant is meant.
func ParseDate(text string, zone *time.Location) (time.Time, error) {
	day, clock, hasClock := strings.Cut(text, "T")
	d := dateForm().FindStringSubmatch(day)
	if d == nil {
		return time.Time{}, fmt.Errorf("value %s is not a date of the form 2021-01-01", Quote(text))
	}
	year, month, dom := number(d[1]), number(d[2]+d[3]+d[4]), number(d[5])
	if year < 1 {
		return time.Time{}, fmt.Errorf("value %s: the year is outside 0001-9999", Quote(text))
	}
	utc := time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC)
	if utc.Day() != dom || int(utc.Month()) != month {
		return time.Time{}, fmt.Errorf("value %s: there is no such day", Quote(text))
	}
	offset := ""
	if hasClock {
		c := timeForm().FindStringSubmatch(clock)
		if c == nil || number(c[1]) > 23 || number(c[2]) > 59 || number(c[3]) > 59 {
			return time.Time{}, fmt.Errorf("value %s is not a date-time of the form 2021-01-01T13:30:00", Quote(text))
		}
		fraction := (c[4] + "000000000")[:9]
		if fraction[3:] != "000000" {
			return time.Time{}, fmt.Errorf("value %s is finer than a millisecond", Quote(text))
		}
		utc = utc.Add(time.Duration(number(c[1]))*time.Hour + time.Duration(number(c[2]))*time.Minute +
			time.Duration(number(c[3]))*time.Second + time.Duration(number(fraction)))
		offset = c[5]
	}
	if offset != "" {
		return atOffset(utc, offset, text)
	}
	t, ok := localInstant(utc, zone)
	if !ok {
		return time.Time{}, fmt.Errorf("value %s: there is no such local time in %s, clocks were put forward over it",
			Quote(text), zone)
	}
	return t, nil
}

func number(digits string) int {
	n := 0
	for _, r := range digits {
		n = n*10 + int(r-'0')
	}
	return n
}

func atOffset(civil time.Time, offset, text string) (time.Time, error) {
	if offset == "Z" {
		return civil, nil
	}
	hours, minutes := number(offset[1:3]), number(offset[4:6])
	if minutes > 59 || hours*60+minutes > 18*60 {
		return time.Time{}, fmt.Errorf("value %s has an offset outside ±18:00", Quote(text))
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if offset[0] == '-' {
		d = -d
	}
	return civil.Add(-d), nil
}

// localInstant finds the earliest instant whose wall clock in zone shows civil.
func localInstant(civil time.Time, zone *time.Location) (time.Time, bool) {
	var found time.Time
	ok := false
	for _, probe := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := civil.Add(probe).In(zone).Zone()
		t := civil.Add(-time.Duration(offset) * time.Second)
		_, there := t.In(zone).Zone()
		if there == offset && (!ok || t.Before(found)) {
			found, ok = t, true
		}
	}
	return found.UTC(), ok
}

// FormatDate writes an instant so that ParseDate reads it back in any zone: the
// day alone when it is a midnight of zone that reads back as itself, else a
// date-time with offset.
func FormatDate(t time.Time, zone *time.Location) string {
	local := t.In(zone)
	if y, m, d := local.Date(); 1 <= y && y <= 9999 {
		// What ParseDate would make of the day, without compiling its patterns:
		// a listing parses nothing.
		if back, ok := localInstant(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), zone); ok && back.Equal(t) {
			return local.Format(time.DateOnly)
		}
	}
	if _, offset := local.Zone(); offset%60 != 0 {
		local = t.UTC()
	}
	switch year := local.Year(); {
	case year < 1:
		local = t.In(time.FixedZone("", maxOffset))
	case year > 9999:
		local = t.In(time.FixedZone("", -maxOffset))
	}
	return local.Format("2006-01-02T15:04:05.999Z07:00")
}

// maxOffset bounds the offset of a date-time, in seconds.
const maxOffset = 18 * 60 * 60

// inYears reports whether some offset gives t a year of four digits, so that it
// can be written.
func inYears(t time.Time) bool {
	return t.Add(maxOffset*time.Second).UTC().Year() >= 1 && t.Add(-maxOffset*time.Second).UTC().Year() <= 9999
}

// FormatValue writes the value of p without its type.
func FormatValue(p JobParameter, zone *time.Location) string {
	switch v := p.Value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		return FormatDate(v, zone)
	}
	return fmt.Sprint(p.Value)
}

// Format writes p as one word that Parse reads back to an equal parameter:
// name=value where the declaration says the rest, else name:type=value, with
// :non-identifying where it has to be said.
func (n Notation) Format(p JobParameter) string {
	value := FormatValue(p, n.zone())
	spec, declared := n.Declared.Lookup(p.Name)
	if !declared {
		spec, declared = n.Extra.Lookup(p.Name)
	}
	plain := declared && spec.ParameterType() == p.Type()
	if plain {
		if _, typ := trailingType(value, spec, true); typ == "" {
			return p.Name + "=" + value
		}
	}
	word := p.Name + ":" + string(p.Type())
	if !p.Identifying && !declared {
		word += ":" + flagNonIdentifying
	}
	return word + "=" + value
}

// Words writes all of ps with Format.
func (n Notation) Words(ps JobParameters) []string {
	words := make([]string, len(ps))
	for i, p := range ps {
		words[i] = n.Format(p)
	}
	return words
}

// ErrNoPrevious is returned by an incrementer that needs a previous value and
// has none.
var ErrNoPrevious = errors.New("no previous value")
