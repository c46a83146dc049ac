package expr_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/expr"
)

// What has no value whatever the record is, is no expression: nothing needs to be
// read to know it.
func TestConstantsWithoutValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1 / 0 > 1":                       `column 3: division by zero`,
		"l > 1 && 2 % 0 == 0":             `column 12: division by zero`,
		"l % 0":                           `column 3: division by zero`,
		"d / (1 - 1)":                     `column 3: division by zero`,
		"f / 0.0":                         `column 3: division by zero`,
		"1 / 3":                           `column 3: 1 / 3 does not end within 19 digits`,
		"day == date('2021-02-30')":       `column 8: date("2021-02-30"): there is no such day`,
		"yes ? l : int('x')":              `column 11: int("x"): want a whole number`,
		"l + 9223372036854775807 * 2":     `9223372036854775807 * 2 does not fit into 64 bits`,
		"substr('abc', 0, 1)":             `substr from character 0`,
		"round(d, 2) > decimal('1e3')":    `column 15: decimal("1e3")`,
		"steps['load'].readCount / 0 > 1": `division by zero`,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := expr.Compile(text, testEnvironment(t))
			var ce *expr.CompileError
			if !errors.As(err, &ce) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
	for _, text := range []string{"l / 2", "round(1 / 3, 2)", "d % 0.1", "l == null", "coalesce(none, 0) == 0", "round(d / 3, 1 + 1)"} {
		if _, err := expr.Compile(text, testEnvironment(t)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
