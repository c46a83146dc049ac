package component

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// Parse reads the text of a scalar option as its type: a string, bool, int64 or
// time.Duration. The error says what was expected, and quotes the text. The
// empty text is the zero value.
func (o Option) Parse(text string) (any, error) {
	switch o.Type {
	case Bool:
		return parseBool(text)
	case Int:
		return o.parseInt(text)
	case Duration:
		return parseDuration(text)
	case Char:
		if n := utf8.RuneCountInString(text); n > 1 {
			return nil, fmt.Errorf("%s has %d characters, want one", core.Quote(text), n)
		}
		return text, nil
	case Enum:
		if text != "" && !slices.Contains(o.Values, text) {
			return nil, fmt.Errorf("%s is none of %s", core.Quote(text), strings.Join(o.Values, ", "))
		}
		return text, nil
	case Text, Path:
		return text, nil
	case Names, Texts, TextMap, Columns:
	}
	return nil, fmt.Errorf("%s is a scalar, want a %s", core.Quote(text), o.Type)
}

func parseBool(text string) (any, error) {
	switch text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return nil, fmt.Errorf("%s is neither true nor false", core.Quote(text))
}

func (o Option) parseInt(text string) (any, error) {
	if text == "" {
		return int64(0), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s is not a whole number", core.Quote(text))
	case (o.Min != 0 || o.Max != 0) && (n < o.Min || n > o.Max):
		return nil, fmt.Errorf("%d is out of range, want %d to %d", n, o.Min, o.Max)
	}
	return n, nil
}

func parseDuration(text string) (any, error) {
	if text == "" {
		return time.Duration(0), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return nil, fmt.Errorf("%s is not a duration, want for example 100ms, 10s or 5m", core.Quote(text))
	}
	return d, nil
}
