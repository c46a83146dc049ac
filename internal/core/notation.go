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

	"github.com/batchctl/batchctl/internal/core/civil"
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
	// Expand returns the day that an expression such as @today means for the date
	// of that name, in a form that ParseDate reads. nil: there are no expressions.
	Expand func(name, expression string) (string, error)
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
	if typ == "" && !spec.IsSecret() {
		value, typ = trailingType(value, spec, declared)
	}
	switch {
	case spec.IsSecret() && (typ == "" || typ == TypeSecret):
		p := JobParameter{Name: head.name, Value: value}
		if _, err = identity(head, sign, spec, declared); err == nil {
			err = checkReference(p)
		}
		return p, err
	case typ == "" && declared:
		typ = spec.ParameterType()
	case typ == "":
		typ = TypeString
	case declared && typ != spec.Declared():
		return JobParameter{}, parameterError(head.name,
			fmt.Sprintf("given as %s, but the job declares it %s", typ, spec.Declared()),
			fmt.Sprintf("write %s=%s", head.name, exampleOf(spec)))
	case typ == TypeSecret:
		return JobParameter{}, parameterError(head.name, "the type secret is for parameters that the job declares so", "")
	}
	identifying, err := identity(head, sign, spec, declared)
	if err != nil {
		return JobParameter{}, err
	}
	p := JobParameter{Name: head.name, Identifying: identifying}
	if typ == TypeDate && strings.HasPrefix(value, civil.Sign) && n.Expand != nil {
		if value, err = n.Expand(head.name, value); err != nil {
			return JobParameter{}, err
		}
	}
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
	if !slices.Contains(ParameterTypes(), ParameterType(word)) && word != string(TypeSecret) {
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
	if said && identifying != spec.Identifying() {
		word := "identifying"
		if !spec.Identifying() {
			word = flagNonIdentifying
		}
		return false, parameterError(h.name, "the job declares it "+word, "leave the mark away")
	}
	return spec.Identifying(), nil
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
	case TypeString, TypeSecret:
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

// ParseDate reads a civil date (2021-01-01, 2021/01/01, 20210101) or an ISO
// date-time with or without offset (2021-01-01T00:00:00.123+09:00) in zone. A
// day or a local time that does not exist is an error; of a local time that
// exists twice the earlier instant is meant.
func ParseDate(text string, zone *time.Location) (time.Time, error) {
	t, err := civil.Parse(text, zone)
	if err != nil {
		return t, fmt.Errorf("value %s%w", Quote(text), err)
	}
	return t, nil
}

// FormatDate writes an instant so that ParseDate reads it back in any zone: the
// day alone when it is a midnight of zone that reads back as itself, else a
// date-time with offset.
func FormatDate(t time.Time, zone *time.Location) string { return civil.Format(t, zone) }

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
	if declared && spec.ParameterType() == p.Type() {
		if _, typ := trailingType(value, spec, true); typ == "" || spec.IsSecret() {
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
