package settlement

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/govalues/decimal"
)

// currency is a currency that is settled.
type currency struct {
	code string
	// scale is the number of decimals of the minor unit.
	scale int
	// total is the key of its total of TEST records in the step's context.
	total string
	// value is code, ready to be bound.
	value any
}

// kind is a type of transactions.
type kind struct {
	code string
	// rate is the fee as a part of the amount.
	rate decimal.Decimal
	// sign is how the amount counts.
	sign int64
	// test transactions are not settled.
	test bool
	// value is code, ready to be bound.
	value any
}

var currencies = [...]*currency{
	{code: "KRW", scale: 0, total: "settlement.test.KRW", value: "KRW"},
	{code: "JPY", scale: 0, total: "settlement.test.JPY", value: "JPY"},
	{code: "USD", scale: 2, total: "settlement.test.USD", value: "USD"},
}

var kinds = [...]*kind{
	{code: "SALE", rate: decimal.MustNew(25, 3), sign: 1, value: "SALE"},
	{code: "REFUND", rate: decimal.MustNew(1, 2), sign: -1, value: "REFUND"},
	{code: "TEST", sign: 1, test: true, value: "TEST"},
}

// findCurrency returns the index of the currency in currencies, or -1.
func findCurrency[T string | []byte](code T) int {
	for i, c := range currencies {
		if c.code == string(code) {
			return i
		}
	}
	return -1
}

// findKind returns the kind, or nil.
func findKind(code []byte) *kind {
	for _, k := range kinds {
		if k.code == string(code) {
			return k
		}
	}
	return nil
}

func currencyCodes() string {
	codes := make([]string, len(currencies))
	for i, c := range currencies {
		codes[i] = c.code
	}
	return strings.Join(codes, ", ")
}

func kindCodes() string {
	codes := make([]string, len(kinds))
	for i, k := range kinds {
		codes[i] = k.code
	}
	return strings.Join(codes, ", ")
}

var (
	errTooFine  = errors.New("more decimals than the currency has")
	errTooLarge = errors.New("too large to be settled exactly")
)

// minor returns the amount in minor units, exactly.
func (c *currency) minor(amount decimal.Decimal) (int64, error) {
	coef := amount.Coef()
	if amount.Scale() > c.scale {
		return 0, errTooFine
	}
	for range c.scale - amount.Scale() {
		if coef > math.MaxInt64/10 {
			return 0, errTooLarge
		}
		coef *= 10
	}
	if coef > math.MaxInt64 {
		return 0, errTooLarge
	}
	if amount.IsNeg() {
		return -int64(coef), nil
	}
	return int64(coef), nil
}

// fee returns the fee for amount in minor units: exact, then rounded once, half
// to even.
func (c *currency) fee(amount decimal.Decimal, k *kind) (int64, error) {
	exact, err := amount.MulExact(k.rate, amount.Scale()+k.rate.Scale())
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errTooLarge, err)
	}
	return c.minor(exact.Round(c.scale))
}

// format writes minor units as a decimal of the currency.
func (c *currency) format(minor int64) string {
	return string(c.appendTo(make([]byte, 0, 24), minor))
}

func (c *currency) appendTo(dst []byte, minor int64) []byte {
	if c.scale == 0 {
		return strconv.AppendInt(dst, minor, 10)
	}
	magnitude := uint64(minor) //nolint:gosec // a negative one wraps, and its negative is the magnitude
	if minor < 0 {
		dst, magnitude = append(dst, '-'), -magnitude
	}
	digits := strconv.FormatUint(magnitude, 10)
	if missing := c.scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	dst = append(dst, digits[:len(digits)-c.scale]...)
	dst = append(dst, '.')
	return append(dst, digits[len(digits)-c.scale:]...)
}

// add returns a+b; ok is false when it does not fit.
func add(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (sum > a) == (b > 0)
}
