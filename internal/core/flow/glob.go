package flow

import (
	"slices"
	"unicode/utf8"
)

// covers reports whether wide takes every code that narrow takes, so that narrow
// never gets one when it stands below wide.
//
// It reads narrow as a machine that writes codes, and follows all places at
// which wide may be meanwhile; wide covers narrow unless narrow can be at its
// end while wide cannot. Where narrow is free to write any character, it is
// enough to let it write one that occurs nowhere in wide: whatever is ready for
// that is ready for any other. Of two ways to the same place of narrow the one
// that leaves wide fewer places decides.
func covers(wide, narrow string) bool {
	w, n := glob(wide), glob(narrow)
	first := make(places, len(w)+1)
	first.enter(w, 0)
	type state struct {
		at int
		in places
	}
	seen := make([][]places, len(n)+1)
	for todo := []state{{0, first}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if slices.ContainsFunc(seen[s.at], s.in.includes) {
			continue
		}
		seen[s.at] = append(seen[s.at], s.in)
		switch {
		case s.at == len(n):
			if !s.in[len(w)] {
				return false
			}
		case n[s.at] == "*":
			todo = append(todo, state{s.at, s.in.step(w, "")}, state{s.at + 1, s.in})
		case n[s.at] == "?":
			todo = append(todo, state{s.at + 1, s.in.step(w, "")})
		default:
			todo = append(todo, state{s.at + 1, s.in.step(w, n[s.at])})
		}
	}
	return true
}

// glob splits a pattern into its characters.
func glob(pattern string) []string {
	if pattern == "" {
		return []string{"*"}
	}
	var chars []string
	for pattern != "" {
		_, size := utf8.DecodeRuneInString(pattern)
		chars = append(chars, pattern[:size])
		pattern = pattern[size:]
	}
	return chars
}

// places are those places between the characters of a pattern at which a match
// may be.
type places []bool

// enter adds place i, and those behind it that a * allows.
func (ps places) enter(pattern []string, i int) {
	for ps[i] = true; i < len(pattern) && pattern[i] == "*"; {
		i++
		ps[i] = true
	}
}

// step returns the places after char; "" is a character that pattern does not
// have.
func (ps places) step(pattern []string, char string) places {
	next := make(places, len(ps))
	for i, p := range pattern {
		switch {
		case !ps[i]:
		case p == "*":
			next.enter(pattern, i)
		case p == "?" || p == char:
			next.enter(pattern, i+1)
		}
	}
	return next
}

// includes reports whether every place of other is one of ps.
func (ps places) includes(other places) bool {
	for i, in := range other {
		if in && !ps[i] {
			return false
		}
	}
	return true
}
