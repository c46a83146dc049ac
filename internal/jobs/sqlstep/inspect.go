package sqlstep

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// SelectParameters checks that text is one SELECT, and returns the names behind
// its colons, each once.
func SelectParameters(text string) ([]string, error) {
	tokens, err := selection(text)
	if err != nil {
		return nil, err
	}
	return names(tokens)
}

// selection splits a SELECT into tokens.
func selection(text string) ([]token, error) {
	tokens, err := single(text)
	if err != nil {
		return nil, err
	}
	first := tokens[0]
	if first.is("WITH") {
		first = afterWith(tokens)
	}
	if !first.is("SELECT", "VALUES") {
		return nil, fmt.Errorf("it begins with %s, want SELECT", core.Quote(tokens[0].text))
	}
	return tokens, nil
}

// QueryParameters checks that text is one SELECT without ORDER BY and LIMIT at
// its end, and returns the names behind its colons, each once.
func QueryParameters(text string) ([]string, error) {
	tokens, err := selection(text)
	if err != nil {
		return nil, err
	}
	depth := 0
	for _, t := range tokens {
		switch {
		case t.isMark("("):
			depth++
		case t.isMark(")"):
			depth--
		case depth == 0 && t.is("ORDER", "LIMIT"):
			found, _ := names(tokens) // also then they are asked for
			return found, fmt.Errorf("it has %s of its own: the rows are read in the order of the key", strings.ToUpper(t.text))
		}
		if depth < 0 {
			return nil, errors.New("it has a ) without a (")
		}
	}
	return names(tokens)
}

// ChangeParameters checks that text is one INSERT, REPLACE, UPDATE or DELETE on
// none of the repository's tables, and returns the names behind its colons, each
// once.
func ChangeParameters(text string) ([]string, error) {
	st, err := parse(text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"INSERT", "REPLACE", "UPDATE", "DELETE"}, st.verb) {
		return nil, fmt.Errorf("it is a %s, want INSERT, REPLACE, UPDATE or DELETE", st.verb)
	}
	return st.params, nil
}

// single splits one statement into tokens.
func single(text string) ([]token, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("it contains a NUL character")
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	end := slices.IndexFunc(tokens, func(t token) bool { return t.isMark(";") })
	if end < 0 {
		end = len(tokens)
	}
	if slices.ContainsFunc(tokens[end:], func(t token) bool { return !t.isMark(";") }) {
		return nil, errors.New("it is more than one statement")
	}
	if end == 0 {
		return nil, errors.New("it is empty")
	}
	return tokens[:end], nil
}

func names(tokens []token) (found []string, err error) {
	for _, t := range tokens {
		switch {
		case t.kind != param:
		case !strings.HasPrefix(t.text, ":") || !isName(t.text[1:]):
			return nil, fmt.Errorf("the parameter %s is not of the form :name", core.Quote(t.text))
		case !slices.Contains(found, t.text[1:]):
			found = append(found, t.text[1:])
		}
	}
	return found, nil
}
