package sqlstep

import (
	"fmt"
	"strings"
)

// scan splits SQL into tokens as SQLite does, comments left out.
func scan(text string) ([]token, error) {
	var tokens []token
	for len(text) > 0 {
		c := text[0]
		n := 1
		switch {
		case isSpace(c):
			text = text[1:]
			continue
		case strings.HasPrefix(text, "--"):
			n = lengthUntil(text, "\n")
			text = text[n:]
			continue
		case strings.HasPrefix(text, "/*"):
			n = 2 + lengthUntil(text[2:], "*/")
			text = text[n:]
			continue
		case c == '\'', c == '"', c == '`', c == '[':
			value, length, err := unquote(text)
			if err != nil {
				return nil, err
			}
			tokens = append(tokens, token{quoted, value})
			text = text[length:]
			continue
		case strings.IndexByte("?:@$#", c) >= 0:
			n += wordLength(text[1:])
			tokens = append(tokens, token{param, text[:n]})
		case isWordByte(c):
			n = wordLength(text)
			tokens = append(tokens, token{word, text[:n]})
		default:
			tokens = append(tokens, token{mark, text[:1]})
		}
		text = text[n:]
	}
	return tokens, nil
}

// lengthUntil returns the length of text up to and with end, or all of it.
func lengthUntil(text, end string) int {
	if i := strings.Index(text, end); i >= 0 {
		return i + len(end)
	}
	return len(text)
}

// unquote reads a name or text in quotes; a doubled quote stands for itself.
func unquote(text string) (value string, length int, err error) {
	end := text[0]
	if end == '[' {
		i := strings.IndexByte(text, ']')
		if i < 0 {
			return "", 0, fmt.Errorf("a [ has no ]")
		}
		return text[1:i], i + 1, nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != end:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == end:
			b.WriteByte(end)
			i++
		default:
			return b.String(), i + 1, nil
		}
	}
	return "", 0, fmt.Errorf("a %c is not closed", end)
}

func wordLength(text string) int {
	for i := range len(text) {
		if !isWordByte(text[i]) {
			return i
		}
	}
	return len(text)
}

// isWordByte reports whether a byte may stand in a name or number.
func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

// isSpace reports whether a byte separates tokens. A vertical tab does not in
// SQLite, and is an error there.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }
