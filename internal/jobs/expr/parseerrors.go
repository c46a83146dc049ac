package expr

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"github.com/batchctl/batchctl/internal/core"
)

// failParse says in our words what expr-lang's lexer or parser found. tokens are
// those of the text; none when there is a character that begins no token.
func (c *compiler) failParse(err error, tokens []lexer.Token) {
	var e *file.Error
	if !errors.As(err, &e) {
		c.fail(0, "this is no expression", "")
	}
	msg, at := e.Message, min(e.From, len(c.text))
	switch {
	case strings.Contains(msg, "maximum allowed nodes"):
		msg = fmt.Sprintf("the expression has more than %d operators, operands and functions", MaxNodes)
	case strings.HasPrefix(msg, "unexpected token EOF"), msg == "unexpected end of expression":
		msg, at = "the expression ends too early", len(c.text)
	case strings.Contains(msg, "value out of range"):
		msg = "the number does not fit into 64 bits; with a point it is a decimal"
	case msg == "literal not terminated":
		at = c.openQuote()
		msg = fmt.Sprintf("the quote %c is not closed: put one behind the text, or take this one away", c.text[at])
	case strings.HasPrefix(msg, "unrecognized character"):
		msg = strayCharacter(c.text[min(at, len(c.text)-1)])
	case strings.Contains(msg, "char escape"), strings.Contains(msg, "unescape"):
		msg = `there is no such escape: write \\ for a backslash`
	case strings.HasPrefix(msg, "unclosed comment"):
		msg = "the comment /* is not closed"
	case strings.Contains(msg, "number syntax"), strings.Contains(msg, "literal"):
		msg = "this is no number"
	case strings.HasPrefix(msg, "expected name"):
		msg = "behind the point a name is expected"
	default:
		at, msg = unexpected(tokens, at)
	}
	c.fail(at, core.EscapeControl(msg), "")
}

// openQuote returns where the text in quotes begins that has no end.
func (c *compiler) openQuote() int {
	open := -1
	for i := 0; i < len(c.text); i++ {
		switch r := c.text[i]; {
		case open < 0 && strings.ContainsRune("'\"`", r):
			open = i
		case open < 0:
		case r == c.text[open]:
			open = -1
		case r == '\n' && c.text[open] != '`':
			return open
		case r == '\\' && c.text[open] != '`':
			i++
		}
	}
	return max(open, 0)
}

// strayCharacter says what to write for a character that begins nothing.
func strayCharacter(r rune) string {
	switch {
	case strings.ContainsRune("“”„‟«»", r), strings.ContainsRune("‘’‚‛´", r):
		return fmt.Sprintf(`%c is no quote here: write straight quotes, 'text' or "text"`, r)
	case unicode.IsSpace(r):
		return fmt.Sprintf("the space here is a U+%04X: write an ordinary one", r)
	case strings.ContainsRune("≠≤≥", r):
		return fmt.Sprintf("there is no %c: write !=, <= or >=", r)
	}
	return fmt.Sprintf("the character %c has no meaning here", r)
}

// elsewhere says how to write what other languages, and SQL above all, call by a
// word.
var elsewhere = map[string]string{
	"AND": "write && or and", "OR": "write || or or", "NOT": "write ! or not",
	"LIKE":  "there is no like: write contains, startsWith or endsWith, or matches with a regular expression",
	"ILIKE": "there is no ilike: write lower(x) contains 'text', or matches with a regular expression",
	"RLIKE": "write matches", "REGEXP": "write matches", "IS": "write x == null, or x != null", "IN": "write x in ['a', 'b']",
	"BETWEEN": "write low <= x && x <= high", "CASE": "write CONDITION ? A : B", "WHEN": "write CONDITION ? A : B",
	"THEN": "write CONDITION ? A : B", "ELSE": "write CONDITION ? A : B", "MOD": "write %", "EQ": "write ==", "NE": "write !=",
	"GT": "write >", "GE": "write >=", "LT": "write <", "LE": "write <=",
}

// unexpected says what is wrong about the token at a place, and where.
func unexpected(tokens []lexer.Token, place int) (at int, msg string) {
	for i, t := range tokens {
		if t.From != place {
			continue
		}
		before := lexer.Token{}
		if i > 0 {
			before = tokens[i-1]
		}
		// The word that was meant as an operator may be taken for a column.
		for _, word := range []lexer.Token{t, before} {
			if ours := elsewhere[strings.ToUpper(word.Value)]; word.Kind == lexer.Identifier && ours != "" {
				if strings.HasPrefix(ours, "write ") {
					ours = core.Quote(word.Value) + " is no operator here: " + ours
				}
				return word.From, ours
			}
		}
		touches := i > 0 && before.To == t.From
		switch {
		case touches && before.Is(lexer.Operator, "<") && t.Is(lexer.Operator, ">"):
			return before.From, "there is no <>: write !="
		case touches && before.Kind == lexer.String && t.Kind == lexer.String:
			return t.From, `a quote within a text is not written twice: put the text into the other kind of quotes, or write \' for it`
		case t.Kind == lexer.Operator && between[t.Value]:
			return t.From, fmt.Sprintf("%s stands between two values, as in a %[1]s b", t.Value)
		case t.Kind == lexer.Operator || t.Kind == lexer.Bracket:
			return t.From, "here " + core.Quote(t.Value) + " is not expected"
		}
		return t.From, "here " + core.Quote(t.Value) + " is not expected: between two values stands an operator, as in a == b && c"
	}
	return place, "this is no expression"
}

// between are operators that look like functions.
var between = map[string]bool{"matches": true, "contains": true, "startsWith": true, "endsWith": true, "in": true, "and": true, "or": true}
