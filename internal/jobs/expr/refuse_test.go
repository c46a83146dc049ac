package expr_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/expr"
)

// What is no expression of the language is found before anything runs, with the
// column and what to write instead.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// names
		"amuont > 0 && 1 > 0":          `1: there is no column "amuont"`,
		"l > 0 && dya == day":          `10: there is no column "dya"; did you mean day?`,
		"record['no nam'] == 'x'":      `1: there is no column "no nam"; did you mean no name?`,
		"uper(s)":                      `1: there is no function "uper"; did you mean upper?`,
		"jobParameters['requestdate']": `1: jobParameters has no "requestdate"; did you mean requestDate?`,
		"env['HOME']":                  `1: env is not known here`,
		"jobContext['x']":              `1: jobContext is not known here`,
		"steps['laod'].readCount":      `1: there is no step "laod"; did you mean load?`,
		"steps['load'].readcount":      `1: a step has no "readcount"; it has batchStatus, exitStatus`,
		"steps['load']":                `1: say what of the step: steps['load'].batchStatus, .exitStatus`,
		"steps":                        `1: steps needs a name behind it`,
		"record":                       `1: record needs a name behind it, as in record['name']`,
		"jobParameters":                `jobParameters needs a name behind it`,
		"l.x":                          `only record, jobParameters`,
		"l[0]":                         `want a name in quotes`,
		"record[s]":                    `want a name in quotes`,
		"steps['load'].exitStatus.x":   `values have no parts`,
		"upper(s).x":                   `values have no parts`,
		"서울 == 1":                      `1: there is no column "서울"`,
		"'서울' == '서울' && nix":          `17: there is no column "nix"`,
		"isNull(filter)":               `8: there is no column "filter"`,
		"Math.max(1, 2)":               `there are no methods`,
		"s.upper()":                    `there are no methods`,
		"upper(s)(1)":                  `here "(" is not expected`,

		// types
		"s > 5":                    `5: both sides of > must be of one type, not string and long: write long(...) around the text`,
		"day == '2021-01-01'":      `not date and string: write date(...) around the text`,
		"day == at":                `not date and datetime`,
		"yes == 1":                 `not bool and long`,
		"yes < false":              `a bool is not before or behind another`,
		"null < null":              `a null is not before`,
		"s + 1":                    `3: + between a string and a long is not possible: write string(...) to join texts, or decimal(...) to add numbers`,
		"s * 2":                    `* between a string and a long is not possible: write decimal(...) or int(...) around the text`,
		"day - date":               `5: - between a date and a date is not possible: write daysBetween(from, to)`,
		"day + 1":                  `write addDays(day, n)`,
		"at - 1":                   `write addDays(day, n)`,
		"yes + yes":                `+ between a bool and a bool is not possible`,
		"null + 1":                 `+ between a null and a long is not possible`,
		"1 + null":                 `is not possible`,
		"-s":                       `1: - stands before a number, not a string`,
		"-day":                     `not a date`,
		"-null":                    `not a null`,
		"!l":                       `! turns a bool around, not a long`,
		"not s == 'x'":             `not turns a bool around, not a string: write not (...) around the whole comparison`,
		"l && yes":                 `1: the left side of && is a long, want a bool`,
		"yes || s":                 `8: the right side of || is a string, want a bool`,
		"l ? 1 : 2":                `the condition before ? is a long, want a bool`,
		"yes ? 1 : 'a'":            `11: both sides of : must be of one type, not long and string`,
		"f + d":                    `5: a double is not exact and does not mix with a decimal`,
		"f == l":                   `a double is not exact and does not mix with a long`,
		"f + 9007199254740993":     `a double does not hold this number exactly`,
		"s contains 1":             `the right side of contains is a long, want a string`,
		"l startsWith 'a'":         `the left side of startsWith is a long`,
		"s matches s":              `the pattern behind matches has to be a text that is written down`,
		"s matches '('":            `11: the pattern is no regular expression: missing closing )`,
		"s matches '(a{1000}){2}'": `repeat`,
		"s matches '" + strings.Repeat(".{1000}", 100) + "'": `the pattern repeats too much`,
		"s matches '" + strings.Repeat("a", 1025) + "'":      `the pattern has 1025 bytes, at most 1024 are allowed`,
		"s in 'abc'":            `in needs a list behind it`,
		"s in []":               `the list behind in is empty`,
		"s in ['a', s]":         `a list holds literals only`,
		"s in ['a', null]":      `a list holds literals only`,
		"s in ['a', 1]":         `must be of one type`,
		"l in ['a']":            `must be of one type`,
		"day in ['2021-01-01']": `a date is in no list`,
		"null in [1]":           `null is in no list`,

		// functions
		"upper()":                    `upper takes upper(text string) string`,
		"upper(s, s)":                `upper takes`,
		"upper(l)":                   `7: argument 1 of upper is a long, want a string`,
		"substr(s, 'a', 1)":          `argument 2 of substr is a string, want a long`,
		"upper(null)":                `argument 1 of upper is a null`,
		"round(d)":                   `round takes a number, how many digits`,
		"round(s, 2)":                `round needs a number, not a string`,
		"round(f, 2)":                `a double has no digits to round: write round(decimal(f), ...)`,
		"round(f * f, 2)":            `a double has no digits to round`,
		"round(s * l, 2)":            `is not possible`,
		"round(d, 2.0)":              `the number of digits is a decimal, want a long`,
		"round(d, 2, 'half-evn')":    `"half-evn" is no way to round; there are half-even, half-up, half-down, up, down, ceiling, floor; did you mean half-even?`,
		"round(d, 2, s)":             `the way to round is one of`,
		"abs()":                      `abs takes`,
		"abs(s)":                     `abs needs a number, not a string`,
		"min(1)":                     `min takes min(a, b, ...)`,
		"min('a', 'b')":              `min needs numbers, days or instants, not a string`,
		"max(null, null)":            `not a null`,
		"max(1, day)":                `the arguments of max must be of one type`,
		"coalesce(none, 'x')":        `the arguments of coalesce must be of one type, not long and string`,
		"coalesce(s)":                `coalesce takes`,
		"isNull()":                   `isNull takes`,
		"int(day)":                   `no long is made of a date`,
		"int(null)":                  `no long is made of a null`,
		"double(day)":                `no double is made of a date`,
		"decimal(yes)":               `no decimal is made of a bool`,
		"date(l)":                    `no date is made of a long`,
		"datetime(l)":                `no datetime is made of a long`,
		"year(s)":                    `year needs a date or a datetime, not a string`,
		"date(s, s)":                 `the pattern has to be a text that is written down`,
		"date(s, 'yyyy-MM')":         `the pattern "yyyy-MM": dd is missing`,
		"date(s, 'yyyy-MM-dd HH')":   `a date has no time of the day`,
		"date(s, 'yy-MM-dd')":        `yy is not one of yyyy MM dd HH mm ss SSS`,
		"date(s, 'yyyy-MM-dd yyyy')": `yyyy is there twice`,
		`date(s, "yyyy-MM-dd'")`:     `a quote is not closed`,
		"date(s, '')":                `it is empty`,
		"format(day, 'HH')":          `a date has no time of the day`,
		"format(day, s)":             `the pattern has to be a text`,
		"format(l, '0.0.0')":         `the pattern "0.0.0": want one such as '0'`,
		"format(l, '#')":             `want one such as`,
		"format(l, '" + strings.Repeat("0", 41) + "')":   `more than 40 digits before the point`,
		"format(l, '0." + strings.Repeat("0", 20) + "')": `more than 19 digits behind the point`,
		"format(f, '0')":   `format needs a long, decimal, date or datetime, not a double`,
		"format(l)":        `format takes`,
		"contains(s, 'a')": `1: contains stands between two values, as in a contains b`,

		// literals
		"9223372036854775808":    `the number does not fit into 64 bits; with a point it is a decimal`,
		"1.00000000000000000000": `digits`,
		"1e3":                    `1: want a whole number such as -42: write all digits, in tens`,
		"1.5e3":                  `want a decimal number such as -1234.56: write all digits`,
		"0x1F":                   `write all digits, in tens`,
		"0b11":                   `write all digits, in tens`,
		"5.":                     `want a decimal number`,
		"'a":                     `1: the quote ' is not closed`,
		"b'abc'":                 `there are no bytes`,

		// outside of the language
		"filter([1, 2], # > 1)":                      `there are no predicates`,
		"map(1..9, {# * 2})":                         `there are no ranges`,
		`reduce(1..100000, #acc + "xxxxxxxxxx", "")`: `there are no ranges`,
		"all([1], {true})":                           `there are no maps and blocks`,
		"count([1, 2])":                              `there is no function "count"`,
		"sum([l, l])":                                `there is no function "sum"`,
		"1..5":                                       `there are no ranges`,
		"[1, 2]":                                     `a list stands only behind in`,
		"{'a': 1}":                                   `there are no maps`,
		"s[1:2]":                                     `there are no slices`,
		"s[:2]":                                      `there are no slices`,
		"s | upper()":                                `there are no pipes: write f(x)`,
		"let x = 1; x":                               `there are no variables`,
		"1; 2":                                       `an expression is one value`,
		"if yes {1} else {2}":                        `write CONDITION ? A : B`,
		"s?.x":                                       `there is no ?. operator`,
		"none ?? 1":                                  `there is no ?? operator: write coalesce(a, b)`,
		"none ?: 1":                                  `there is no ?: operator: write coalesce(a, b)`,
		"none ? : 1":                                 `there is no ?: operator`,
		"2 ** 3":                                     `there is no power operator`,
		"2 ^ 3":                                      `there is no power operator`,
		"::upper(s)":                                 `there is no :: operator`,
		"l = 7":                                      `to compare write ==`,
		"1 < l < 9":                                  `comparisons cannot be chained: write a < b && b < c`,
		"#":                                          `there are no predicates`,
		"now()":                                      `there is no function "now"`,
		"toJSON(s)":                                  `there is no function "toJSON"`,
		"repeat('x', 1000000)":                       `there is no function "repeat"`,
		"split(s, ',')":                              `there is no function "split"`,
		"get(s, 'x')":                                `there is no function "get"`,
		"$env":                                       `there is no column "$env"`,
		"$env['HOME']":                               `only record`,
		"l & 1":                                      `&`,
		"l @ 1":                                      `3: the character @ has no meaning here`,

		// form
		"":                                `1: the expression is empty`,
		" \t\n":                           `the expression is empty`,
		"l +":                             `4: the expression ends too early`,
		"(l":                              `the expression ends too early`,
		"l)":                              `2: here ")" is not expected`,
		"l l":                             `3: here "l" is not expected: between two values stands an operator`,
		"\xff":                            `the expression is not UTF-8`,
		strings.Repeat("(", 101) + "1":    `101: more than 100 brackets within each other`,
		strings.Repeat(" ", 4096) + "1":   `1: the expression has 4097 bytes, at most 4096 are allowed`,
		strings.Repeat("!", 1200) + "yes": `more than 1000 operators, operands and functions`,
		"l" + strings.Repeat("+l", 600):   `more than 1000 operators`,
		"f(\x1b[2J)":                      `\x1b`,
	} {
		t.Run(text[:min(len(text), 60)], func(t *testing.T) {
			t.Parallel()
			err := compileError(t, text, testEnvironment(t))
			if !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("got %q, want %q", err, want)
			}
			if column, _, _ := strings.Cut(want, ":"); column != "" && strings.Trim(column, "0123456789") == "" &&
				!strings.Contains(err.Error(), ", column "+want) {
				t.Errorf("got %q, want column %s", err, column)
			}
			if err.Column < 1 || err.Column > len([]rune(text))+1 || strings.Count(err.Caret("  "), "\n") != 1 {
				t.Errorf("column %d, %q", err.Column, err.Caret("  "))
			}
		})
	}
}

func TestWithoutColumnsOrSteps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"amount > 0":                         `there is no column "amount": this expression is not about a record`,
		"record['x'] == 'y'":                 `there is no column "x"`,
		"steps['load'].exitStatus == 'DONE'": `steps is not known here`,
		"jobParameters['x'] == 'y'":          `jobParameters is not known here`,
	} {
		if err := compileError(t, text, expr.Environment{}); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, want %q", text, err, want)
		}
	}
	if _, err := expr.Compile("1 + 1 == 2", expr.Environment{}); err != nil {
		t.Error(err)
	}
}

func TestCaret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"l > 0 && dya == day", "> l > 0 && dya == day\n>          ^"},
		{"l > 0\n\t&& dya == day", "> \t&& dya == day\n> \t   ^"},
		{"'\x01' == dya", "> '\\x01' == dya\n>           ^"},
		{"l +", "> l +\n>    ^"},
	} {
		if got := compileError(t, tt.text, testEnvironment(t)).Caret("> "); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.text, got, tt.want)
		}
	}
}

// A part that expr-lang's parser puts into the tree twice must not be compiled
// twice at each level: 40 levels would take for ever.
func TestNoPartIsCompiledTwice(t *testing.T) {
	t.Parallel()
	for _, wrap := range [][2]string{{"(1 < ", " < 3 ? 1 : 2)"}, {"(", " ? : 1)"}} {
		text := strings.Repeat(wrap[0], 40) + "l" + strings.Repeat(wrap[1], 40)
		compileError(t, text, testEnvironment(t))
	}
}
