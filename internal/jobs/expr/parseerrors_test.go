package expr_test

import (
	"regexp"
	"strings"
	"testing"
)

// Who knows another language, SQL above all, is told how it is written here, and
// nothing of what the parser calls its tokens.
func TestWrittenAsElsewhere(t *testing.T) {
	t.Parallel()
	inner := regexp.MustCompile(`(Identifier|Operator|Bracket|String|Number)\(|token|literal|U\+[0-9A-F]{4} '`)
	for text, want := range map[string]string{
		"l > 0 AND s == 'x'":    `7: "AND" is no operator here: write && or and`,
		"l > 0 And s == 'x'":    `7: "And" is no operator here: write && or and`,
		"l > 0 OR yes":          `7: "OR" is no operator here: write || or or`,
		"NOT l > 3":             `1: "NOT" is no operator here: write ! or not`,
		"yes && NOT (l > 3)":    "", // a function that is not there
		"s like 'a%'":           "3: there is no like: write contains, startsWith or endsWith, or matches",
		"s LIKE 'a%'":           "3: there is no like",
		"s NOT LIKE 'a%'":       `3: "NOT" is no operator here: write ! or not`,
		"l IS NULL":             `3: "IS" is no operator here: write x == null, or x != null`,
		"l is not null":         `3: "is" is no operator here: write x == null, or x != null`,
		"l IN (1, 2)":           `3: "IN" is no operator here: write x in ['a', 'b']`,
		"l BETWEEN 1 AND 2":     `3: "BETWEEN" is no operator here: write low <= x && x <= high`,
		"CASE WHEN yes THEN 1":  "write CONDITION ? A : B",
		"l <> 3":                "3: there is no <>: write !=",
		"l == NULL":             "did you mean null?",
		"yes == TRUE":           "did you mean true?",
		"l = 3":                 "3: to compare write ==",
		"l === 3":               "5: to compare write ==",
		"s == 'it''s'":          `10: a quote within a text is not written twice`,
		`s == "say ""x"""`:      `a quote within a text is not written twice`,
		`l > 0"`:                `6: the quote " is not closed`,
		`s == 'a' && s != 'b`:   `18: the quote ' is not closed`,
		`s == 'a\'b' && s == '`: `21: the quote ' is not closed`,
		"s == `a":               "6: the quote ` is not closed",
		"s == 'a\nb'":           "6: the quote ' is not closed",
		"s == “x”":              `6: “ is no quote here: write straight quotes, 'text' or "text"`,
		"l\u00a0>\u00a00 @":     "the character @ has no meaning here",
		"l ≤ 3":                 "3: there is no ≤: write !=, <= or >=",
		`s == 'a\q'`:            `there is no such escape: write \\ for a backslash`,
		`s == '\u12'`:           `there is no such escape`,
		"l /* x":                "the comment /* is not closed",
		"12abc":                 "this is no number",
		"0x":                    "",
		"record.":               "",
		"l > > 3":               `5: here ">" is not expected`,
		"'a' 'b'":               `5: here "b" is not expected: between two values`,
		"matches 'x'":           "1: matches stands between two values, as in a matches b",
		"all(l)":                "",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			err := compileError(t, text, testEnvironment(t))
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want %q", err, want)
			}
			if column, _, _ := strings.Cut(want, ":"); column != "" && strings.Trim(column, "0123456789") == "" &&
				!strings.Contains(err.Error(), ", column "+want) {
				t.Errorf("got %q, want column %s", err, column)
			}
			if found := inner.FindString(err.Msg); found != "" {
				t.Errorf("%q is a word of the parser: %s", found, err.Msg)
			}
		})
	}
}

// A column may be called as an operator is elsewhere.
func TestColumnsCalledAsOperators(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"AND", "is", "like"} {
		if err := compileError(t, word+" == 1", testEnvironment(t)); !strings.Contains(err.Msg, `there is no column "`+word+`"`) {
			t.Errorf("got %q", err)
		}
	}
}
