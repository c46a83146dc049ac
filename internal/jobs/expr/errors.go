package expr

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// CompileError says why a text is no expression of this language, and where.
type CompileError struct {
	Text   string // the expression
	Column int    // 1-based, in characters
	Msg    string
	// Nearest is the name that was probably meant; empty if there is none.
	Nearest string
}

// Error returns "expression "amuont > 0", column 1: there is no column
// "amuont"; did you mean amount?".
func (e *CompileError) Error() string {
	return "expression " + core.Quote(e.Text) + ", column " + strconv.Itoa(e.Column) + ": " + e.Problem()
}

// Problem returns what is wrong, without the place.
func (e *CompileError) Problem() string {
	if e.Nearest == "" {
		return e.Msg
	}
	return e.Msg + "; did you mean " + core.EscapeControl(e.Nearest) + "?"
}

// Unwrap makes the error a core.ErrJobDefinition.
func (e *CompileError) Unwrap() error { return core.ErrJobDefinition }

// Caret returns the line of the expression that the error is in, and below it a
// caret at the place, both behind indent.
func (e *CompileError) Caret(indent string) string { return Caret(e.Text, e.Column, indent) }

// Caret returns the line of text that a column is in, counted in characters from
// 1, and a line below it with a caret at the column; both begin with indent.
func Caret(text string, column int, indent string) string {
	at := byteOf(text, column-1)
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	end := len(text)
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		end = at + n
	}
	blank := func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}
	show := func(s string) string { // keeps tabs, so that the caret is below its place
		parts := strings.Split(s, "\t")
		for i := range parts {
			parts[i] = core.EscapeControl(parts[i])
		}
		return strings.Join(parts, "\t")
	}
	line, before := show(text[begin:end]), show(text[begin:at])
	return indent + line + "\n" + indent + strings.Map(blank, before) + "^"
}

// byteOf returns where in text the character is that many characters are before.
func byteOf(text string, characters int) int {
	for i := range text {
		if characters <= 0 {
			return i
		}
		characters--
	}
	return len(text)
}

// EvalError says why an expression has no value for a record.
type EvalError struct {
	Text   string // the expression
	Column int    // 1-based, in characters: the operator or function
	Msg    string // what went wrong, with the operands
}

// Error returns "expression "a / b", column 3: 1 / 0: division by zero".
func (e *EvalError) Error() string {
	return "expression " + core.Quote(e.Text) + ", column " + strconv.Itoa(e.Column) + ": " + e.Msg
}

// ErrorClass makes the error one of the class process.expression.
func (e *EvalError) ErrorClass() string { return core.ClassProcessExpression }

// cut returns the beginning of a text that may be long.
func cut(s string, characters int) string {
	if utf8.RuneCountInString(s) <= characters {
		return s
	}
	return s[:byteOf(s, characters)] + "..."
}
