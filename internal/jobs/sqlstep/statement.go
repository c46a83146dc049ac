package sqlstep

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// statement is one SQL statement that was read and found good.
type statement struct {
	text   string
	verb   string   // in capitals
	params []string // names without the colon, each once
	counts bool     // affected rows can be counted
}

// kind is the kind of a token.
type kind int8

const (
	word   kind = iota // a keyword, a name or a number
	quoted             // a name or a text in quotes; text has no quotes
	param
	mark // any other character
)

type token struct {
	kind kind
	text string
}

func (t token) is(words ...string) bool {
	return t.kind == word && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(t.text, w) })
}

func (t token) isMark(text string) bool { return t.kind == mark && t.text == text }

// parse reads a statement, and says why it is refused.
func parse(text string) (statement, error) {
	st := statement{text: text}
	if strings.ContainsRune(text, 0) {
		return st, errors.New("it contains a NUL character")
	}
	tokens, err := scan(text)
	if err != nil {
		return st, err
	}
	end, ok := endOf(tokens)
	if !ok {
		return st, errors.New("the body of a trigger ends with ; END")
	}
	if slices.ContainsFunc(tokens[end:], func(t token) bool { return !t.isMark(";") }) {
		return st, errors.New("it is more than one statement: list them one by one")
	}
	if tokens = tokens[:end]; len(tokens) == 0 {
		return st, errors.New("it is empty")
	}
	if st.verb, err = verbOf(tokens); err != nil {
		return st, err
	}
	st.counts = slices.Contains(changing, st.verb)
	for _, t := range tokens {
		switch {
		case t.kind == param && !strings.HasPrefix(t.text, ":"), t.kind == param && !isName(t.text[1:]):
			return st, fmt.Errorf("the parameter %s is not of the form :name", core.Quote(t.text))
		case t.kind == param && !slices.Contains(st.params, t.text[1:]):
			st.params = append(st.params, t.text[1:])
		case t.is("RETURNING"): // how many rows it affects is not known before all are read
			return st, errors.New("RETURNING is refused: " + rowsUnseen)
		case t.kind == word || t.kind == quoted:
			if isOurs(t.text) {
				return st, fmt.Errorf("the table %s belongs to the repository", strings.ToUpper(t.text))
			}
		}
	}
	return st, nil
}

// endOf returns the number of tokens before the semicolon that ends the first
// statement. The body of a trigger has semicolons of its own, and ends with one
// before END; ok is false when it has none.
func endOf(tokens []token) (n int, ok bool) {
	trigger := isTrigger(tokens)
	for i, t := range tokens {
		switch {
		case !t.isMark(";"):
		case !trigger:
			return i, true
		case i+1 < len(tokens) && tokens[i+1].is("END"):
			return i + 2, true
		}
	}
	return len(tokens), !trigger
}

func isTrigger(tokens []token) bool {
	if len(tokens) == 0 || !tokens[0].is("CREATE") {
		return false
	}
	rest := tokens[1:]
	if len(rest) > 0 && rest[0].is("TEMP", "TEMPORARY") {
		rest = rest[1:]
	}
	return len(rest) > 0 && rest[0].is("TRIGGER")
}

// changing are the verbs that affect rows, defining those that affect none.
var (
	changing = []string{"INSERT", "REPLACE", "UPDATE", "DELETE"}
	defining = []string{"CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX"}
)

// refused are the verbs that people may try, and what is wrong with them.
var refused = map[string]string{
	"BEGIN": inTransaction, "COMMIT": inTransaction, "END": inTransaction, "ROLLBACK": inTransaction,
	"SAVEPOINT": inTransaction, "RELEASE": inTransaction,
	"ATTACH": oneDatabase, "DETACH": oneDatabase,
	"PRAGMA":  "it would change the connection that batchctl works with",
	"VACUUM":  "it cannot run in a transaction",
	"SELECT":  rowsUnseen,
	"VALUES":  rowsUnseen,
	"EXPLAIN": rowsUnseen,
}

const (
	inTransaction = "the step runs in a transaction of batchctl's"
	oneDatabase   = "changes in two databases do not commit together"
	rowsUnseen    = "it returns rows that nobody sees"
)

// verbOf returns the verb of a statement that may run.
func verbOf(tokens []token) (string, error) {
	first := tokens[0]
	if first.is("WITH") {
		first = afterWith(tokens)
	}
	verb := strings.ToUpper(first.text)
	if why, ok := refused[verb]; ok && first.kind == word {
		return "", fmt.Errorf("%s is refused: %s", verb, why)
	}
	if first.kind != word || !slices.Contains(changing, verb) && !slices.Contains(defining, verb) {
		return "", fmt.Errorf("it begins with %s, which is none of %s", core.Quote(first.text),
			strings.Join(slices.Concat(changing, defining), ", "))
	}
	if verb == "CREATE" && isTemporary(tokens) {
		return "", errors.New("what is temporary would stay on the connection after the step")
	}
	return verb, nil
}

// afterWith returns the verb behind common table expressions: the first outside
// of brackets, behind one. A name of an expression, as replace may be, is behind
// none.
func afterWith(tokens []token) token {
	depth := 0
	for i, t := range tokens {
		switch {
		case t.isMark("("):
			depth++
		case t.isMark(")"):
			depth--
		case depth == 0 && tokens[max(0, i-1)].isMark(")") && t.is("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"):
			return t
		}
	}
	return tokens[0]
}

// isTemporary tells CREATE TEMP ... and CREATE TABLE temp.x.
func isTemporary(tokens []token) bool {
	if len(tokens) > 1 && tokens[1].is("TEMP", "TEMPORARY") {
		return true
	}
	for i, t := range tokens[:len(tokens)-1] {
		if t.isMark("(") || t.is("AS") {
			return false
		}
		if t.kind != mark && strings.EqualFold(t.text, "temp") && tokens[i+1].isMark(".") {
			return true
		}
	}
	return false
}

// ours are the repository's tables besides those that begin with ownPrefix.
var ours = []string{
	"BATCH_JOB_INSTANCE", "BATCH_JOB_EXECUTION", "BATCH_JOB_EXECUTION_PARAMS", "BATCH_JOB_EXECUTION_CONTEXT",
	"BATCH_STEP_EXECUTION", "BATCH_STEP_EXECUTION_CONTEXT",
	"BATCH_JOB_SEQ", "BATCH_JOB_EXECUTION_SEQ", "BATCH_STEP_EXECUTION_SEQ",
}

const ownPrefix = "BATCHCTL_"

func isOurs(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(ours, name) || strings.HasPrefix(name, ownPrefix)
}

func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case i > 0 && '0' <= c && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}
