package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

func textFunctions() []Function {
	str, long := record.String, record.Long
	return []Function{
		{
			Name: "upper", Signature: "upper(text string) string", Help: "The text in capitals.",
			Example: "upper('Abc')", Result: "ABC", build: strict(str, changed(strings.ToUpper), str),
		},
		{
			Name: "lower", Signature: "lower(text string) string", Help: "The text in small letters.",
			Example: "lower('Abc')", Result: "abc", build: strict(str, changed(strings.ToLower), str),
		},
		{
			Name: "trim", Signature: "trim(text string) string", Help: "The text without white space at its ends.",
			Example: "trim('  a b ')", Result: "a b", build: strict(str, changed(strings.TrimSpace), str),
		},
		{
			Name: "len", Signature: "len(text string) long", Help: "The number of characters.",
			Example: "len('서울')", Result: "2", build: strict(long, length, str),
		},
		{
			Name: "substr", Signature: "substr(text string, from long, length long) string",
			Help:    "At most length characters, the first of them number from; the first of the text is number 1.",
			Example: "substr('settlement', 1, 6)", Result: "settle", build: strict(str, substr, str, long, long),
		},
		{
			Name: "replace", Signature: "replace(text string, old string, new string) string", Help: "The text with every old replaced by new.",
			Example: "replace('1,234,567', ',', '')", Result: "1234567", build: strict(str, replace, str, str, str),
		},
		{
			Name: "hash", Signature: "hash(text string) string", Help: "The SHA-256 of the text's bytes, as 64 hexadecimal digits.",
			Example: "substr(hash('a'), 1, 8)", Result: "ca978112", build: strict(str, hash, str),
		},
	}
}

func changed(change func(string) string) func(*frame, int, []record.Value) record.Value {
	return func(f *frame, at int, v []record.Value) record.Value {
		if !f.spend(at, len(v[0].Str())) {
			return record.Value{}
		}
		return f.text(at, change(v[0].Str()))
	}
}

func length(f *frame, at int, v []record.Value) record.Value {
	if !f.spend(at, len(v[0].Str())) {
		return record.Value{}
	}
	return record.OfLong(int64(utf8.RuneCountInString(v[0].Str())))
}

func substr(f *frame, at int, v []record.Value) record.Value {
	text, from, length := v[0].Str(), v[1].Long(), v[2].Long()
	switch {
	case from < 1:
		return f.fail(at, fmt.Sprintf("substr from character %d: the first is number 1", from))
	case length < 0:
		return f.fail(at, fmt.Sprintf("substr of %d characters", length))
	case !f.spend(at, len(text)):
		return record.Value{}
	}
	// No text has more characters than bytes, so that the cuts fit into an int.
	begin := byteOf(text, int(min(from-1, int64(len(text)))))
	rest := text[begin:]
	return record.OfString(rest[:byteOf(rest, int(min(length, int64(len(rest)))))])
}

func replace(f *frame, at int, v []record.Value) record.Value {
	text, old, with := v[0].Str(), v[1].Str(), v[2].Str()
	if old == "" {
		return f.fail(at, "replace of an empty text")
	}
	if !f.spend(at, len(text)+len(old)) {
		return record.Value{}
	}
	n := strings.Count(text, old)
	size := len(text) + n*(len(with)-len(old))
	if size > MaxString || !f.spend(at, size) {
		return f.fail(at, "the result is a text of more than 1 MiB")
	}
	return record.OfString(strings.ReplaceAll(text, old, with))
}

func hash(f *frame, at int, v []record.Value) record.Value {
	if !f.spend(at, len(v[0].Str())) {
		return record.Value{}
	}
	sum := sha256.Sum256([]byte(v[0].Str()))
	return record.OfString(hex.EncodeToString(sum[:]))
}

// maxInstructions bounds a compiled pattern: repeats can make much of a short
// one.
const maxInstructions = 2000

// matches compiles text matches 'pattern'. RE2 goes through the text once for
// all instructions of the pattern together.
func (c *compiler) matches(left, right *node) *node {
	pattern := c.constant(right, "the pattern behind matches")
	if len(pattern) > MaxPattern {
		c.failf(right.span, "the pattern has %d bytes, at most %d are allowed", len(pattern), MaxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		c.failf(right.span, "the pattern is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil || len(prog.Inst) > maxInstructions {
		c.failf(right.span, "the pattern repeats too much: %d instructions, at most %d are allowed", len(prog.Inst), maxInstructions)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		c.failf(right.span, "the pattern is no regular expression: %s", err)
	}
	weight := 1 + len(prog.Inst)/2
	at := left.from
	return &node{kind: record.Bool, eval: func(f *frame) record.Value {
		v := f.need(left)
		if !f.spend(at, len(v.Str())*weight) {
			return record.Value{}
		}
		return record.OfBool(re.MatchString(v.Str()))
	}}
}
