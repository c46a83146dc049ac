package core

import "unicode/utf8"

// MatchExitCode reports whether pattern matches the whole of code: * stands for
// any characters, also none, ? for exactly one, everything else for itself. An
// empty pattern is *. It takes time in proportion to the product of both
// lengths at most.
func MatchExitCode(pattern, code string) bool {
	if pattern == "" {
		return true
	}
	star, retry := -1, 0 // where the last * was, and where in code it is tried to end
	p, c := 0, 0
	for c < len(code) {
		_, size := utf8.DecodeRuneInString(code[c:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, retry = p, c
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			c += size
		case p < len(pattern) && pattern[p] == code[c]:
			p++
			c++
		case star >= 0:
			_, size = utf8.DecodeRuneInString(code[retry:])
			retry += size
			p, c = star+1, retry
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
