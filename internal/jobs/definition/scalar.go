package definition

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/expr"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// Limits of scalars.
const (
	maxPattern = 1 << 10 // bytes of a regular expression
	maxExpr    = expr.MaxText
)

// check looks whether a scalar is what its key takes, and splits it where it
// holds substitutions.
func (w *walker) check(t *Text, k *key, kd kind, name string) bool {
	if w.foreign(*t, k, kd, name) {
		return false
	}
	at := strings.Index(t.Value, "#{")
	if kd == kindScript {
		at = substitutionIn(t.Value)
	}
	if at >= 0 && kd != kindRegexp {
		if k.late && kd != kindScript {
			return w.substitute(t)
		}
		hint, msg := noSubstitution(k, kd)
		if kd == kindScript {
			hint = variableHint(t.Value[at:])
		}
		w.add(w.placeIn(*t, at), hint, "%s", msg)
		return false
	}
	if t.Value == "" && !k.empty {
		w.add(t.Pos(), "", "%s is empty", name)
		return false
	}
	if strings.IndexByte(t.Value, 0) >= 0 {
		w.add(t.Pos(), "", "%s contains a NUL character", name)
		return false
	}
	msg, hint := w.wrong(t.Value, k, kd)
	if msg != "" {
		w.add(t.Pos(), hint, "%s: %s", name, msg)
		return false
	}
	return true
}

// substitute splits t.
func (w *walker) substitute(t *Text) bool {
	parts, err := parseSubstitutions(t.Value)
	if err != nil {
		w.add(w.placeIn(*t, err.offset), err.hint, "%s", err.msg)
		return false
	}
	walkRefs(parts, func(r *Reference) { r.Pos = w.placeIn(*t, r.Column) })
	t.Parts = parts
	return true
}

// substitutionIn finds what is meant as a substitution in the text of a script,
// in which #{ may stand by right; -1 when there is nothing.
func substitutionIn(script string) int {
	for at := 0; ; {
		i := strings.Index(script[at:], "#{")
		if i < 0 {
			return -1
		}
		at += i + len("#{")
		rest := strings.TrimLeft(script[at:], " ")
		if slices.ContainsFunc(scopes, func(s string) bool { return strings.HasPrefix(rest, s+"[") }) {
			return at - len("#{")
		}
	}
}

// noSubstitution says why there can be none.
func noSubstitution(k *key, kd kind) (hint, msg string) {
	switch {
	case kd == kindScript:
		return "", "values are not put into the text of a shell script, where they could run commands"
	case kd == kindExpr || kd == kindTotal:
		return "write jobParameters['name'] without #{ }", "an expression names values without #{ }"
	case k.name == "statements" || k.name == "query" || k.name == "statement":
		return "write :name in the statement, and name: \"#{...}\" in params", "values reach SQL as bound parameters, and are never put into its text"
	case kd == kindID || kd == kindRef || kd == kindJobName || kd == kindParam || kd == kindName || kd == kindBind || kd == kindColumn || kd == kindEnvName:
		return "write the name out", "a name cannot be a substitution"
	}
	return "write the value out", k.name + " takes no substitution: it has to be known before the job runs"
}

// wrong says what is wrong with the value of a scalar, "" when nothing is.
func (w *walker) wrong(v string, k *key, kd kind) (msg, hint string) {
	switch kd {
	case kindText, kindScript, kindPath:
	case kindExpr:
		if len(v) > maxExpr {
			return fmt.Sprintf("the expression has %d bytes, at most %d are allowed", len(v), maxExpr), ""
		}
		if strings.TrimSpace(v) == "" {
			return "the expression is empty", ""
		}
	case kindBool:
		return wrongBool(v)
	case kindInt:
		return wrongInt(v, k.min, k.max)
	case kindNumber:
		return wrongNumber(v, k.min, k.max)
	case kindLimit:
		if v == "none" {
			return "", ""
		}
		if msg, _ := wrongInt(v, 0, 1e9); msg != "" {
			return msg, "a whole number, or none"
		}
	case kindDuration:
		return wrongDuration(v)
	case kindEnum:
		if !slices.Contains(k.values, v) {
			if len(k.values) == 1 {
				return fmt.Sprintf("%s is not %s, and there is nothing else", core.Quote(v), k.values[0]), ""
			}
			return fmt.Sprintf("%s is none of %s", core.Quote(v), listed(k.values, "and")), or(otherType(v, k.values), parameterType(v, k.values), didYouMean(v, k.values))
		}
	case kindJobName, kindID, kindRef:
		return wrongID(v, kd)
	case kindParam:
		if _, err := (core.Notation{Open: true}).Parse([]string{v + ":string=x"}); err != nil || strings.ContainsAny(v, "=:") {
			return fmt.Sprintf("%s cannot be the name of a parameter", core.Quote(v)), "letters, digits, points and dashes make a good one"
		}
	case kindName, kindBind, kindEnvName:
		return wrongName(v, kd)
	case kindColumn, kindStatus, kindGlob:
		if strings.ContainsFunc(v, unicode.IsControl) || len(v) > 1000 {
			return fmt.Sprintf("%s is too long, or has control characters", core.Quote(v)), ""
		}
	case kindRegexp:
		return wrongRegexp(v)
	case kindClass:
		return wrongClass(v)
	case kindExitCode:
		if n, err := strconv.ParseUint(v, 10, 8); v != "*" && (err != nil || strconv.FormatUint(n, 10) != v) {
			return fmt.Sprintf("%s is no exit code", core.Quote(v)), `0 to 255, or "*" for any other`
		}
	case kindTotal:
		inner, isSum := strings.CutPrefix(v, "sum(")
		if v != "count" && (!isSum || !strings.HasSuffix(inner, ")") || len(inner) < 2) {
			return fmt.Sprintf("%s is no total", core.Quote(v)), "write count, or sum(EXPRESSION)"
		}
	case kindOption:
		return wrongOption(v, k)
	case kindColumnType:
		return wrongColumnType(v)
	}
	return "", ""
}

func wrongBool(v string) (msg, hint string) {
	if v == "true" || v == "false" {
		return "", ""
	}
	switch strings.ToLower(v) {
	case "yes", "y", "on", "true", "1":
		hint = "write true"
	case "no", "n", "off", "false", "0":
		hint = "write false"
	}
	return core.Quote(v) + " is neither true nor false", hint
}

// plainNumber refuses what other programs read as another number.
func plainNumber(v string) (msg, hint string) {
	digits := strings.TrimPrefix(v, "-")
	switch {
	case strings.Contains(digits, "_"):
		return core.Quote(v) + " is not a number", "write " + core.Quote(strings.ReplaceAll(v, "_", "")) + " without the underscores"
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9':
		return core.Quote(v) + " begins with a zero, which some read as octal", "write it without"
	}
	return "", ""
}

func wrongInt(v string, least, most float64) (msg, hint string) {
	if msg, hint = plainNumber(v); msg != "" {
		return msg, hint
	}
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case err != nil || strings.HasPrefix(v, "+"):
		return core.Quote(v) + " is not a whole number", ""
	case float64(n) < least || float64(n) > most:
		return fmt.Sprintf("%d is out of range, want %.0f to %.0f", n, least, most), ""
	}
	return "", ""
}

func wrongNumber(v string, least, most float64) (msg, hint string) {
	if msg, hint = plainNumber(v); msg != "" {
		return msg, hint
	}
	f, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil || strings.Trim(v, "0123456789.-") != "" || math.IsInf(f, 0):
		return core.Quote(v) + " is not a number", "as in 2.5"
	case f < least || f > most:
		return fmt.Sprintf("%s is out of range, want %g to %g", v, least, most), ""
	}
	return "", ""
}

func wrongDuration(v string) (msg, hint string) {
	d, err := time.ParseDuration(v)
	switch {
	case err == nil && d < 0:
		return core.Quote(v) + " is negative", ""
	case err == nil && !strings.HasPrefix(v, "+"):
		return "", ""
	case strings.Trim(v, "0123456789.") == "":
		return core.Quote(v) + " has no unit", "write " + v + "s for seconds"
	case strings.HasSuffix(v, "d"):
		return core.Quote(v) + " is not a duration", "there are no days: write 24h"
	}
	return core.Quote(v) + " is not a duration", "as in 100ms, 10s, 5m or 2h"
}

func wrongID(v string, kd kind) (msg, hint string) {
	switch {
	case len(utf16.Encode([]rune(v))) > core.MaxName:
		return fmt.Sprintf("%s is longer than %d characters", core.Quote(v), core.MaxName), ""
	case strings.ContainsFunc(v, unicode.IsControl), strings.TrimSpace(v) != v:
		return core.Quote(v) + " begins or ends with a space, or has control characters", ""
	case kd == kindID && strings.Contains(v, ":"):
		return core.Quote(v) + ` has a ":", which stands before the name of a part`, ""
	case kd == kindID && slices.Contains(reserved, v):
		return core.Quote(v) + " is taken by what ends a job", "choose another name"
	}
	return "", ""
}

// reserved are the targets that end a job.
var reserved = []string{core.ToEnd, core.ToFail, core.ToStop}

func wrongName(v string, kd kind) (msg, hint string) {
	more := "_"
	if kd == kindName {
		more = "_.-"
	}
	for i, r := range v {
		if i == 0 && strings.ContainsRune(".-", r) {
			return core.Quote(v) + " is not a plain name", "it begins with a letter"
		}
		letter := 'a' <= r|0x20 && r|0x20 <= 'z' && r < 0x80
		if !letter && !strings.ContainsRune(more, r) && (i == 0 || r < '0' || r > '9') {
			return core.Quote(v) + " is not a plain name", "it begins with a letter, and has letters, digits and " + more
		}
	}
	switch {
	case len(v) > core.MaxName:
		return fmt.Sprintf("%s is longer than %d characters", core.Quote(v), core.MaxName), ""
	case kd == kindEnvName && strings.HasPrefix(v, "BATCH_"):
		return core.Quote(v) + " begins with BATCH_, as the variables that batchctl gives do", "choose another name"
	}
	return "", ""
}

func wrongRegexp(v string) (msg, hint string) {
	if len(v) > maxPattern {
		return fmt.Sprintf("the pattern has %d bytes, at most %d are allowed", len(v), maxPattern), ""
	}
	if _, err := syntax.Parse(v, syntax.Perl); err != nil {
		return fmt.Sprintf("%s is not a regular expression: %s", core.Quote(v), strings.TrimPrefix(err.Error(), "error parsing regexp: ")), ""
	}
	return "", ""
}

// classRoots are what classes of errors begin with.
var classRoots = []string{core.PhaseRead, core.PhaseProcess, core.PhaseWrite, "exec", core.ClassTimeout}

func wrongClass(v string) (msg, hint string) {
	for i, word := range strings.Split(v, ".") {
		if word == "" || strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return core.Quote(v) + " is no class of errors", "as in read.parse or process.validation"
		}
		if i == 0 && !slices.Contains(classRoots, word) {
			hint := wholeClass(v)
			if near := core.Nearest(word, classRoots); near != "" {
				hint = "did you mean " + near + strings.TrimPrefix(v, word) + "?"
			}
			if strings.HasSuffix(v, "Exception") {
				hint = "classes are dotted words, as in read.parse, process.validation or write.constraint"
			}
			return fmt.Sprintf("%s is no class of errors: they begin with %s", core.Quote(v), listed(classRoots, "or")), hint
		}
	}
	return "", ""
}

// wrongColumnType asks what records can hold.
func wrongColumnType(v string) (msg, hint string) {
	_, err := record.ParseColumn("column", v)
	if err == nil {
		return "", ""
	}
	if ours := typesElsewhere()[strings.ToLower(v)]; ours != "" {
		return err.Error(), "that is called " + ours + " here"
	}
	return err.Error(), or(sizedType(v), core.Hint(err), didYouMean(v, columnTypes))
}

// typesElsewhere are the types of columns by names that they have elsewhere.
func typesElsewhere() map[string]string {
	return map[string]string{
		"text": "string", "varchar": "string", "char": "string", "int": "long", "integer": "long", "bigint": "long",
		"float": "double", "real": "double", "number": "decimal", "numeric": "decimal", "money": "decimal",
		"timestamp": "datetime", "boolean": "bool",
	}
}

// wrongOption asks the component's own table.
func wrongOption(v string, k *key) (msg, hint string) {
	if msg, hint = wrongOptionNumber(v, k); msg != "" {
		return msg, hint
	}
	if _, err := k.option.Parse(v); err != nil {
		return err.Error(), or(escaped(v, k), didYouMean(v, k.values))
	}
	return "", ""
}

func wrongOptionNumber(v string, k *key) (msg, hint string) {
	switch k.option.Type {
	case component.Int:
		return plainNumber(v)
	case component.Bool:
		return wrongBool(v)
	case component.Duration:
		return wrongDuration(v)
	case component.Text, component.Path, component.Char, component.Enum, component.Names, component.Texts, component.TextMap, component.Columns:
	}
	return "", ""
}
