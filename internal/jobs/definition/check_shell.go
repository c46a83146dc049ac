package definition

import (
	"path"
	"slices"
	"strings"
)

// shells are the programs that run the word behind -c, and wrappers those that
// run the command that stands behind their own options.
var (
	shells   = []string{"sh", "bash", "dash", "ash", "ksh", "zsh"}
	wrappers = []string{"env", "nice", "nohup", "timeout", "setsid", "ionice", "stdbuf", "time", "sudo", "busybox"}
)

// shellWords refuses a substitution in the text that a shell runs: what it stands
// for could be commands.
func (c *checker) shellWords(words []Text) {
	i := shellAt(words)
	if i < 0 {
		return
	}
	script := scriptOf(words[i+1:])
	if script.Parts == nil {
		return
	}
	c.add(script.Pos(), `give it as a word behind the script, [sh, -c, 'echo "$1"', sh, "#{...}"], or take it from the environment: "$BATCH_PARAM_NAME"`,
		"a value cannot be put into what %s runs: it could run commands of its own", path.Base(words[i].Value))
}

// shellAt returns which word is the shell that a command runs, -1 when it runs
// none.
func shellAt(words []Text) int {
	isShell := func(t Text) bool { return t.Parts == nil && slices.Contains(shells, path.Base(t.Value)) }
	if len(words) == 0 || isShell(words[0]) {
		return min(0, len(words)-1)
	}
	if slices.Contains(wrappers, path.Base(words[0].Value)) {
		return slices.IndexFunc(words, isShell)
	}
	return -1
}

// scriptOf returns the script among the arguments of a shell: the first that is
// no option, when there is an option c. It is not given when the shell reads a
// file.
func scriptOf(arguments []Text) Text {
	runs, value := false, false
	for i, t := range arguments {
		word := t.Value
		switch {
		case value: // of the option before
			value = false
		case word == "--" || word == "-":
			if runs && i+1 < len(arguments) {
				return arguments[i+1]
			}
			return Text{}
		case strings.HasPrefix(word, "--"):
			value = word == "--rcfile" || word == "--init-file"
		case strings.HasPrefix(word, "-"):
			runs = runs || strings.Contains(word, "c")
			value = strings.HasSuffix(strings.ToLower(word), "o")
		case strings.HasPrefix(word, "+"):
			value = strings.HasSuffix(strings.ToLower(word), "o")
		case runs:
			return t
		default:
			return Text{}
		}
	}
	return Text{}
}
