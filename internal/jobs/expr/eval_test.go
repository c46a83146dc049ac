package expr_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/expr"
)

func TestValues(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// literals and names
		"42": "long(42)", "1_000": "long(1000)", "12.50": "decimal(12.50)", ".5": "decimal(0.5)",
		"'a\\'b'": "string(a'b)", `"a"`: "string(a)", "`a`": "string(a)", "true": "bool(true)",
		"null": "null()", "nil": "null()", "s": "string(Abc)", "record['no name']": "string(quoted)", "record.s": "string(Abc)",
		"record['steps']": "long(1)", "record['in'] /* the word */": "long(2)", "date": "date(2020-02-29)",
		"jobParameters['requestDate']": "string(2021-01-31)", "jobProperties.rate": "string(0.025)", "partition['x']": "null()",
		"steps['load'].exitStatus": "string(DONE)", "steps['load'].batchStatus": "string(COMPLETED)",
		"steps['load'].readCount - steps['load'].writeCount - steps['load'].filterCount - steps.load.skipCount": "long(0)",
		"steps['report'].exitStatus": "null()", "steps['report'].exitStatus == 'DONE'": "bool(false)",
		// longs
		"l + 1": "long(8)", "l - 8": "long(-1)", "l * -3": "long(-21)", "-l % 4": "long(-3)", "l % -4": "long(3)", "small % -1": "long(0)",
		"-big - 1": "long(-9223372036854775808)", "+l": "long(7)", "2 + 3 * 4": "long(14)", "(2 + 3) * 4": "long(20)", "- -l": "long(7)",
		"4611686018427387904 * -2": "long(-9223372036854775808)",
		// division is exact
		"l / 2": "decimal(3.5)", "6 / 2": "decimal(3)", "1 / 8": "decimal(0.125)", "d / 100": "decimal(0.125)", "500.00 / 100": "decimal(5.00)", "1 / 0.1": "decimal(10)",
		"-7 / 2": "decimal(-3.5)", "0 / 7": "decimal(0)",
		// decimals
		"0.1 + 0.2": "decimal(0.3)", "0.1 + 0.2 == 0.3": "bool(true)", "d * 2": "decimal(25.00)", "d + l": "decimal(19.50)", "l - d": "decimal(-5.50)",
		"d % 5": "decimal(2.50)", "-d % 0.7": "decimal(-0.60)", "-d": "decimal(-12.50)", "big + 0.0": "decimal(9223372036854775807)",
		"0.5000000000000000000 * 2.00": "decimal(1)", "1.50 == 1.5": "bool(true)", "-1.5 < -1.49": "bool(true)", "wide > fine": "bool(true)", "-wide < fine": "bool(true)",
		"0 == 0.00": "bool(true)", "0.00 < fine": "bool(true)", "big > 922337203685477580.5": "bool(true)", "small < -922337203685477580.5": "bool(true)",
		// doubles
		"f + 1": "double(1.5)", "f * 0.1": "double(0.05)", "f == 0.5": "bool(true)", "1 / f": "double(2)", "-f": "double(-0.5)", "f % 0.3": "double(0.2)",
		"double(l) / 2": "double(3.5)", "decimal(f) + d": "decimal(13.00)",
		// texts
		"s + '-' + string(l)": "string(Abc-7)", "s < 'abc'": "bool(true)", "s contains 'b'": "bool(true)", "s startsWith 'b'": "bool(false)",
		"s endsWith 'c'": "bool(true)", "s not contains 'b'": "bool(false)", "not (s contains 'b')": "bool(false)", "s matches '^A.c$'": "bool(true)", "s not matches '^b'": "bool(true)",
		"s in ['Abc', 'x']": "bool(true)", "s not in ['Abc']": "bool(false)", "l in [1, 7.0]": "bool(true)", "d in [12, 12.5]": "bool(true)", "f in [0.5]": "bool(true)", "none in [1]": "bool(false)", "yes in [false]": "bool(false)",
		// logic
		"yes && l > 5": "bool(true)", "yes and not yes": "bool(false)", "!yes || false": "bool(false)", "yes or 1 / (l - l) > 0": "bool(true)", "!yes && none > 0": "bool(false)",
		"true || false && false": "bool(true)", "!(l == 7)": "bool(false)", "yes ? 'a' : 'b'": "string(a)", "l > 9 ? 1 : 2.5": "decimal(2.5)", "yes ? 1 : 2.5": "decimal(1)",
		"yes ? null : l": "null()", "l > 9 ? 'a' : l > 5 ? 'b' : 'c'": "string(b)", "yes ? 1 : none / (l - l)": "decimal(1)",
		// null
		"none == null": "bool(true)", "null != none": "bool(false)", "null == null": "bool(true)", "none == 5": "bool(false)", "none != 5": "bool(true)", "5 != none": "bool(true)",
		"jobParameters['limit'] != 'x'": "bool(true)", "coalesce(none, 5)": "long(5)", "coalesce(none, d, 1)": "decimal(12.50)", "coalesce(none, none)": "null()", "isNull(none) && !isNull(l)": "bool(true)",
		"coalesce(none, 0) + 1": "long(1)", "none": "null()",
		// days and instants
		"day < date('2021-02-01')": "bool(true)", "day == date": "bool(false)", "at > datetime(day)": "bool(true)", "date(at)": "date(2021-02-01)", "datetime(day)": "datetime(2021-01-30T15:00:00Z)",
		"date(jobParameters['requestDate']) == day": "bool(true)", "day(at)": "long(1)", "hash(s) == hash('Abc')": "bool(true)",
		"datetime('2021-01-31T13:30:00')": "datetime(2021-01-31T04:30:00Z)", "datetime('31.01.2021 13:30', 'dd.MM.yyyy HH:mm')": "datetime(2021-01-31T04:30:00Z)",
		"format(at, \"yyyyMMdd'T'HHmmss.SSS\")": "string(20210201T053000.000)", "format(day, 'dd/MM/yyyy')": "string(31/01/2021)", "format(day, \"''yyyy\")": "string('2021)",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			v, err := eval(t, text)
			if got := v.GoString(); err != nil || got != want {
				t.Errorf("got %s, %v, want %s", got, err, want)
			}
		})
	}
}

// Functions do what the reference says, and each says something.
func TestFunctions(t *testing.T) {
	t.Parallel()
	functions := expr.Functions()
	if len(functions) < 35 {
		t.Errorf("%d functions", len(functions))
	}
	for i, f := range functions {
		if i > 0 && functions[i-1].Name >= f.Name {
			t.Errorf("%s is behind %s", f.Name, functions[i-1].Name)
		}
		if f.Signature == "" || !strings.HasSuffix(f.Help, ".") || strings.Contains(f.Help, "\n") {
			t.Errorf("%s: %q, %q", f.Name, f.Signature, f.Help)
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			v, err := eval(t, f.Example)
			if err != nil || v.Text() != f.Result {
				t.Errorf("%s is %q, %v, want %q", f.Example, v.Text(), err, f.Result)
			}
		})
	}
	for text, want := range map[string]string{
		"upper(empty)": "", "upper('é서ß')": "É서ß", "trim('\u3000a\t')": "a", "len('')": "0", "len('e\u0301')": "2",
		"substr('서울특별시', 3, 2)": "특별", "substr('abc', 3, 99)": "c", "substr('abc', 4, 1)": "", "substr('abc', 9223372036854775807, 9223372036854775807)": "", "substr('abc', 1, 0)": "",
		"replace('aaa', 'a', 'bb')": "bbbbbb", "hash('')": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abs(-7)": "7", "abs(f - 1)": "0.5", "abs(d)": "12.50", "abs(fine - 1)": "0.9999999999999999999", "min(l, d)": "7", "max(day, date)": "2021-01-31", "max(f, 2)": "2", "min(at, datetime(day))": "2021-01-30T15:00:00Z", "max(3, 2, 1)": "3",
		"int(' 7' endsWith '7' ? '7' : '8')": "7", "int(f * 4)": "2", "long('-9223372036854775808')": "-9223372036854775808", "int(small / 1)": "-9223372036854775808", "int(12.00)": "12", "int(l)": "7",
		"double(d)": "12.5", "double(f)": "0.5", "decimal(l)": "7", "decimal('1.50')": "1.50", "decimal(d)": "12.50", "decimal(f / 1000000)": "0.0000005", "string(yes)": "true", "string(at)": "2021-01-31T20:30:00Z", "string(s)": "Abc",
		"addMonths(day, -11)": "2020-02-29", "addMonths(day, 13)": "2022-02-28", "addDays(day, -31)": "2020-12-31", "daysBetween(day, date)": "-337", "dayOfWeek(day)": "7", "dayOfWeek(date('0001-01-01'))": "1", "dayOfWeek(date('1969-12-29'))": "1",
		"monthStart(day)": "2021-01-01", "monthEnd(date)": "2020-02-29", "year(at) * 100 + month(at)": "202102",
		"format(l, '00000')": "00007", "format(-1234567.5, '#,##0.00')": "-1,234,567.50", "format(999, '#,##0')": "999", "format(1000, '#,##0')": "1,000", "format(fine, '0.0000000000000000000')": "0.0000000000000000001", "format(1.500, '0.0')": "1.5", "format(0, '#,##0000')": "0,000", "format(wide, '0')": "9999999999999999999",
		"date('20210131', 'yyyyMMdd')": "2021-01-31", "round(5, 2)": "5.00", "round(wide, 5)": "9999999999999999999", "round(1 / 3, 19)": "0.3333333333333333333",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if v, err := eval(t, text); err != nil || v.Text() != want {
				t.Errorf("got %q, %v, want %q", v.Text(), err, want)
			}
		})
	}
}

// What cannot be computed is an error that names the place and the operands,
// never another number.
func TestEvalErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"big + 1":      `column 5: 9223372036854775807 + 1 does not fit into 64 bits`,
		"small - 1":    `column 7: -9223372036854775808 - 1 does not fit into 64 bits`,
		"big * 2":      `column 5: 9223372036854775807 * 2 does not fit`,
		"small * -1":   `column 7: -9223372036854775808 * -1 does not fit`,
		"-small":       `column 1: -(-9223372036854775808) does not fit`,
		"abs(small)":   `does not fit into 64 bits`,
		"l % (l - 7)":  `column 3: 7 % 0: division by zero`,
		"1 / (l - 7)":  `column 3: 1 / 0: division by zero`,
		"d % (l - l)":  `12.50 % 0: division by zero`,
		"f / (f - f)":  `0.5 / 0: division by zero`,
		"f % (f - f)":  `division by zero`,
		"l / 3":        `column 3: 7 / 3 does not end within 19 digits: write round(a / b, DIGITS)`,
		"wide + 1":     `column 6: 9999999999999999999 + 1 has more than 19 digits`,
		"wide - -1":    `9999999999999999999 - -1 has more than 19 digits`,
		"wide * 1.1":   `has more than 19 digits: write round(a * b, DIGITS)`,
		"fine * 0.1":   `has more than 19 digits: write round(a * b, DIGITS)`,
		"wide + fine":  `has more than 19 digits`,
		"huge * 10":    `1e+308 * 10 is outside the range of a double`,
		"-huge - huge": `is outside the range of a double`,

		"none + 1":                         `column 1: none is null; coalesce(none, ...) says what stands for it`,
		"1 < none":                         `column 5: none is null`,
		"jobParameters['limit'] + 'x'":     `column 1: jobParameters['limit'] is null`,
		"int(jobParameters['limit']) > 5":  `column 5: jobParameters['limit'] is null`,
		"steps['report'].readCount > 5":    `column 1: steps['report'].readCount is null`,
		"isNull(none) ? none * 2 : 1":      `column 16: none is null`,
		"(none == 5 ? yes : null) ? 1 : 2": `null`,
		"!(isNull(none) ? null : yes)":     `is null`,
		"-none":                            `column 2: none is null`,
		"addDays(noday, 1)":                `column 9: noday is null`,
		"year(noday)":                      `noday is null`,
		"min(1, none)":                     `none is null`,
		"round(none, 2)":                   `none is null`,
		"round(d, none)":                   `none is null`,
		"string(none)":                     `none is null`,
		"format(none, '0')":                `none is null`,
		"abs(none)":                        `none is null`,
		"yes && (none > 1)":                `none is null`,

		"round(d, -1)":                             `column 10: -1 digits behind the point, want 0 to 19`,
		"round(d, 20)":                             `20 digits behind the point, want 0 to 19`,
		"round(d / (l - l), 2)":                    `12.50 / 0: division by zero`,
		"round(wide * wide, 2)":                    `the rounded number has more than 19 digits`,
		"round(wide / fine, 0)":                    `the rounded number has more than 19 digits`,
		"int(empty + '1.5')":                       `column 1: int("1.5"): want a whole number such as -42`,
		"int(d)":                                   `int(12.50): not a whole number; round(x, 0) makes one`,
		"int(f)":                                   `int(0.5): no whole number of 64 bits`,
		"int(huge)":                                `no whole number of 64 bits`,
		"int(wide)":                                `int(9999999999999999999): does not fit into 64 bits`,
		"int(small / 1 - 1)":                       `int(-9223372036854775809): does not fit into 64 bits`,
		"double(empty + 'NaN')":                    `want a finite number`,
		"decimal(empty + '1e3')":                   `want a decimal number`,
		"decimal(huge)":                            `decimal(1e+308): more than 19 digits`,
		"decimal(s + '\x1b[2J')":                   `decimal("Abc\x1b[2J"): want a decimal`,
		"date(empty + '2021-02-29')":               `date("2021-02-29"): there is no such day`,
		"date(empty + '20210229', 'yyyyMMdd')":     `date("20210229", "yyyyMMdd"): there is no such day`,
		"date(empty + '2021013', 'yyyyMMdd')":      `the text is too short`,
		"date(empty + '202101310', 'yyyyMMdd')":    `the text is longer`,
		"date(empty + '2021-131', 'yyyyMMdd')":     `does not have this form`,
		"date(empty + '2021/01/31', 'yyyy-MM-dd')": `does not have this form`,
		"datetime(empty + '2021-01-31 24:00', 'yyyy-MM-dd HH:mm')": `there is no such time of the day`,
		"addDays(day, big)":          `addDays(2021-01-31, 9223372036854775807) is outside the years 0001 to 9999`,
		"addDays(day, 3000000)":      `outside the years`,
		"addMonths(day, small)":      `outside the years`,
		"addMonths(day, 12 * 8000)":  `outside the years`,
		"addMonths(day, -12 * 2021)": `outside the years`,
		"substr(s, 0, 1)":            `substr from character 0: the first is number 1`,
		"substr(s, 1, -1)":           `substr of -1 characters`,
		"replace(s, '', 'x')":        `replace of an empty text`,
		"format(d, '0')":             `12.50 has more digits behind the point than "0": round it first`,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			v, err := eval(t, text)
			var ee *expr.EvalError
			if !errors.As(err, &ee) || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %#v, %v, want %q", v, err, want)
			}
			if core.ClassOf(err, "") != "process.expression" || !v.IsNull() || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("class %s, value %#v, %q", core.ClassOf(err, ""), v, err)
			}
		})
	}
}

func TestEvalBool(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile("isNull(none) ? null : yes", testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.EvalBool(testRecord(t), nil); ok || err == nil || !strings.Contains(err.Error(), "the result is null") {
		t.Errorf("got %v, %v", ok, err)
	}
	p, err = expr.Compile("steps['load'].skipCount > 0", testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := p.EvalBool(testRecord(t), testVars); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if ok, err := p.EvalBool(testRecord(t), nil); ok || err == nil {
		t.Errorf("without steps: got %v, %v", ok, err)
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile("round(d * 2, 2) > l && d > 0", testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(p.Columns(), " ") != "d l" || p.Text() != "round(d * 2, 2) > l && d > 0" {
		t.Errorf("columns %v, text %s", p.Columns(), p.Text())
	}
}

func TestProgramsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p, err := expr.Compile("substr(upper(s), 1, 2) + string(round(d / 3, 2))", testEnvironment(t))
	if err != nil {
		t.Fatal(err)
	}
	r := testRecord(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				if v, err := p.Eval(r, nil); err != nil || v.Str() != "AB4.17" {
					t.Errorf("got %#v, %v", v, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestEvalRarelyAllocates(t *testing.T) {
	r := settlement(t)
	for text, most := range map[string]float64{
		"round(amount * 0.025, 2)": 0, "type != 'TEST' && amount > 0": 0, "upper(trim(name))": 1, "addMonths(day, 1)": 0,
		"amount - round(amount * 0.025, 2)": 0, "round(amount / 3, 2)": 0, "type in ['SALE', 'REFUND']": 0, "name matches 'kim'": 0,
	} {
		p, err := expr.Compile(text, expr.Environment{Schema: r.Schema()})
		if err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := p.Eval(r, nil); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > most {
			t.Errorf("%s: %v allocations, at most %v are expected", text, allocs, most)
		}
	}
}
