package definition

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/core"
)

// elsewhere says what to do in place of keys that others have and no definition
// has, by the block that they were looked for in.
func elsewhere(b *block, name string) string {
	const (
		whole = "an output is written as a whole and takes its place when its step has ended, so that no reader sees half of it" +
			" and a restart can tell what is its own; overwrite: true replaces what is there"
		once = "the statements of a step are one transaction, always; put what is to commit by itself into a step of its own"
		kept = "a restart keeps the parts as they were planned, so that none is done twice or left out;" +
			" other identifying parameters make an instance with a plan of its own"
	)
	key := b.called() + " " + name
	switch {
	case slices.Contains([]string{"on-failure", "onFailure", "on-error", "on-success", "on-completion"}, name):
		if b.called() == "job file" || b.called() == "job listeners" {
			return "below listeners write after-job, and test $BATCH_STATUS in the command"
		}
		return "below listeners write after-step, and test $BATCH_STATUS in the command"
	case strings.HasSuffix(b.called(), " writer") && slices.Contains([]string{"append", "mode"}, name):
		return whole
	case key == "sql transaction", key == "sql commit", key == "sql autocommit":
		return once
	case key == "partition replan":
		return kept
	}
	return ""
}

// otherNames are what the options of readers and writers are called elsewhere.
func otherNames(option string) []string {
	switch option {
	case "file":
		return []string{"path", "filename", "filepath", "name"}
	case "files":
		return []string{"paths", "glob", "pattern"}
	case "delimiter":
		return []string{"separator", "sep", "comma"}
	case "types":
		return []string{"schema", "fields"}
	case "encoding":
		return []string{"charset"}
	case "query":
		return []string{"sql", "statement", "select"}
	}
	return nil
}

// otherType says which of values a type is that is called name elsewhere.
func otherType(name string, values []string) string {
	if ours := typesElsewhere()[strings.ToLower(name)]; ours != "" && slices.Contains(values, ours) {
		return "that is called " + ours + " here"
	}
	return ""
}

// mapForm shows the map that a scalar was probably meant as, "" when it cannot be
// told.
func mapForm(key string, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || strings.Contains(n.Value, "\n") {
		return ""
	}
	const longest = 60
	text := core.Quote(n.Value)
	if len(text) > longest {
		text = "TEXT"
	}
	_, err := strconv.ParseUint(n.Value, 10, 32)
	isNumber := err == nil
	switch key {
	case "exec":
		return "write exec: {command: [" + strings.Join(strings.Fields(strings.Trim(text, `"`)), ", ") + "]}, or exec: {command: " + text + "} for the shell"
	case "sql":
		return "write sql: {statements: [" + text + "]}"
	case "skip":
		if !isNumber {
			return ""
		}
		return "write skip: {limit: " + n.Value + ", include: [read]}"
	case "retry":
		if !isNumber {
			return ""
		}
		return "write retry: {limit: " + n.Value + ", include: [write]}"
	case "reader", "writer":
		return "write " + key + ": {csv: {file: " + text + "}}"
	}
	return ""
}
