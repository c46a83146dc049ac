package codec

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// classKey names the member that holds the Java class of a map.
const classKey = "@class"

// contextHead begins every document.
const contextHead = `{"@class":"java.util.HashMap"`

// ErrOpaqueContext says that a stored context is not one that batchctl reads.
// The text that comes with it is to be kept as it is.
var ErrOpaqueContext = errors.New("context in a form that batchctl does not read")

// EncodeContext returns ec as the two columns of its row. serialized is nil
// when short holds all of it. A value that cannot be stored is an error.
func EncodeContext(ec core.ExecutionContext) (short string, serialized any, err error) {
	text, err := MarshalContext(ec)
	if err != nil {
		return "", nil, err
	}
	// The text is ASCII: bytes are UTF-16 units.
	if len(text) > maxContext {
		return text[:shortContext] + contextCut, text, nil
	}
	return text, nil, nil
}

// MarshalContext returns ec as a JSON document. Equal contexts give equal
// texts.
func MarshalContext(ec core.ExecutionContext) (string, error) {
	if err := ec.Check(); err != nil {
		return "", err
	}
	b := append(make([]byte, 0, len(contextHead)+32*len(ec)+1), contextHead...)
	for _, key := range slices.Sorted(maps.Keys(ec)) {
		if key == classKey || !utf8.ValidString(key) {
			return "", fmt.Errorf("context key %s cannot be stored", core.Quote(key))
		}
		b = append(b, ',')
		b = appendString(b, key)
		b = append(b, ':')
		switch v := ec[key].(type) {
		case string:
			if !utf8.ValidString(v) {
				return "", fmt.Errorf("context key %s holds a string that is not valid UTF-8", core.Quote(key))
			}
			b = appendString(b, v)
		case int64:
			b = append(b, `["java.lang.Long",`...)
			b = strconv.AppendInt(b, v, 10)
			b = append(b, ']')
		case float64:
			b = append(b, JavaDouble(v)...)
		case bool:
			b = strconv.AppendBool(b, v)
		}
	}
	return string(append(b, '}')), nil
}

// appendString appends s as a JSON string in ASCII.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r >= 0x20 && r < 0x7f:
			b = append(b, byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r >= 0x10000:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		default:
			b = appendUnit(b, r)
		}
	}
	return append(b, '"')
}

func appendUnit(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

// DecodeContext reads the two columns of a context's row. text is the stored
// document; the error is an ErrOpaqueContext that says what in it is not read.
func DecodeContext(short string, serialized *string) (ec core.ExecutionContext, text string, err error) {
	text = short
	if serialized != nil {
		text = *serialized
	}
	ec, err = UnmarshalContext(text)
	return ec, text, err
}

// UnmarshalContext reads a JSON document: one flat object of scalars, of which
// batchctl, Spring Batch 4.x and the JSON serializer of later versions write
// the same form. Text that 4.x stored with every byte of its UTF-8 as one
// character is unfolded first (CTX-12).
func UnmarshalContext(text string) (core.ExecutionContext, error) {
	if strings.HasPrefix(text, "rO0") {
		return nil, fmt.Errorf("%w: a Java object stream", ErrOpaqueContext)
	}
	text = unfoldLatin1(text)
	if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%w: not a JSON document", ErrOpaqueContext)
	}
	if loneSurrogate(text) {
		return nil, fmt.Errorf("%w: half a surrogate pair", ErrOpaqueContext)
	}
	ec, err := readObject(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpaqueContext, err)
	}
	return ec, nil
}

func readObject(text string) (core.ExecutionContext, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	ec := core.ExecutionContext{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("a key that is a %T", token)
		}
		value, err := readValue(d)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", core.Quote(key), err)
		}
		if key == classKey {
			if !isMapClass(value) {
				return nil, fmt.Errorf("class %s", core.Quote(fmt.Sprint(value)))
			}
			continue
		}
		if _, twice := ec[key]; twice {
			return nil, fmt.Errorf("key %s: given twice", core.Quote(key))
		}
		ec[key] = value
	}
	return ec, nil
}

func isMapClass(value any) bool {
	switch value {
	case "java.util.HashMap", "java.util.LinkedHashMap", "java.util.TreeMap",
		"java.util.concurrent.ConcurrentHashMap":
		return true
	}
	return false
}

// readValue reads a scalar, or a scalar wrapped with its class.
func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		return number(v.String())
	case json.Delim:
		if v == '[' {
			return readWrapped(d)
		}
		return nil, errors.New("a nested object")
	}
	return nil, errors.New("null")
}

func readWrapped(d *json.Decoder) (any, error) {
	class, err := d.Token()
	if err != nil {
		return nil, err
	}
	value, err := d.Token()
	if err != nil {
		return nil, err
	}
	end, err := d.Token()
	if err != nil {
		return nil, err
	}
	n, isNumber := value.(json.Number)
	if end != json.Delim(']') || !isNumber {
		return nil, errors.New("an array")
	}
	switch class {
	case "java.lang.Long":
		return strconv.ParseInt(n.String(), 10, 64)
	case "java.lang.Integer":
		return strconv.ParseInt(n.String(), 10, 32)
	case "java.lang.Double":
		return double(n.String())
	}
	return nil, fmt.Errorf("a value of class %s", core.Quote(fmt.Sprint(class)))
}

func number(text string) (any, error) {
	if strings.ContainsAny(text, ".eE") {
		return double(text)
	}
	return strconv.ParseInt(text, 10, 64)
}

func double(text string) (any, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return nil, fmt.Errorf("number %s", core.Quote(text))
	}
	return v, nil
}

// unfoldLatin1 undoes the storage of UTF-8 bytes as ISO-8859-1 characters. A
// text that is not one of those is returned as it is.
func unfoldLatin1(text string) string {
	folded := false
	for _, r := range text {
		if r > 0xff {
			return text
		}
		folded = folded || r >= 0x80
	}
	if !folded {
		return text
	}
	raw := make([]byte, 0, len(text))
	for _, r := range text {
		raw = append(raw, byte(r)) //nolint:gosec // at most 0xff, see above
	}
	if !utf8.Valid(raw) {
		return text
	}
	return string(raw)
}

// loneSurrogate reports whether a valid JSON text escapes half a surrogate
// pair, which has no form in Go.
func loneSurrogate(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		i++
		if text[i] != 'u' {
			continue
		}
		unit := escapedUnit(text[i+1:])
		i += 4
		switch {
		case unit >= 0xdc00 && unit < 0xe000:
			return true
		case unit >= 0xd800 && unit < 0xdc00:
			if !strings.HasPrefix(text[i+1:], `\u`) {
				return true
			}
			if low := escapedUnit(text[i+3:]); low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 6
		}
	}
	return false
}

func escapedUnit(digits string) uint64 {
	unit, err := strconv.ParseUint(digits[:4], 16, 16)
	if err != nil {
		panic("a valid JSON text has four digits after \\u: " + digits[:4])
	}
	return unit
}
