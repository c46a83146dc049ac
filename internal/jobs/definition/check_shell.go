package definition

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
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
	c.secretVariables(script)
	if script.Parts == nil {
		return
	}
	first := slices.IndexFunc(script.Parts, func(p Part) bool { return p.Ref != nil })
	hint := variableHint(script.Value)
	if ref := script.Parts[first].Ref; ref.Scope == ScopeJobParameters && !c.job.isSecret(ref.Key) {
		hint = `take it from the environment: "$` + execstep.Variable(ref.Key) + `"`
	}
	c.add(script.Pos(), hint, "a value cannot be put into what %s runs: it could run commands of its own", path.Base(words[i].Value))
}

// variableHint says how a script gets the value of the first substitution in text.
func variableHint(text string) string {
	parts, err := parseSubstitutions(text)
	i := slices.IndexFunc(parts, func(p Part) bool { return p.Ref != nil })
	if err != nil || i < 0 {
		return "give it by a variable of env"
	}
	name := variableFor(parts[i].Ref.Key)
	return fmt.Sprintf(`give it by a variable: env: {%s: "#{%s}"}, and write "$%s"`, name, parts[i].Ref, name)
}

// variableFor returns a good name of a variable for the value of that name.
func variableFor(key string) string {
	name := strings.TrimPrefix(execstep.Variable(key), execstep.Variable(""))
	if name == "" || '0' <= name[0] && name[0] <= '9' || strings.HasPrefix(name, "BATCH_") {
		return "VALUE_" + name
	}
	return name
}

// secretVariables refuses variables of secret parameters in a script. There are
// none: what is stored of a secret is where it is found, which would pass for a
// password.
func (c *checker) secretVariables(script Text) {
	for _, key := range c.job.secrets() {
		variable := execstep.Variable(key)
		if at := variableIn(script.Value, variable); at >= 0 {
			name := variableFor(key)
			c.add(c.placeIn(script, at), fmt.Sprintf(`write env: {%s: "#{jobParameters['%s']}"}, and "$%s" in the script`, name, key, name),
				"there is no variable %s: the parameter %s is a secret", variable, core.Quote(key))
		}
	}
}

// variables refuses parameters of which two would be one variable of a command. A
// job without commands has no variables.
func (c *checker) variables() {
	if !c.job.runsCommands() {
		return
	}
	from := map[string]Text{}
	for _, p := range c.job.Parameters {
		if c.job.isSecret(p.Name.Value) {
			continue // it has none
		}
		variable := execstep.Variable(p.Name.Value)
		if other, taken := from[variable]; taken && other.Value != p.Name.Value {
			c.add(p.Name.Pos(), "rename one of them", "the parameters %s and %s would both be the variable %s of a command",
				core.Quote(other.Value), core.Quote(p.Name.Value), variable)
			continue
		}
		from[variable] = p.Name
	}
}

// runsCommands reports whether a job has a command: in a step, a processor, behind
// the parts of a step, or in a hook.
func (j *Job) runsCommands() bool {
	found := j.Listeners != Hooks{}
	eachStep(j.Steps, func(e *Element) {
		found = found || e.Exec != nil || e.Listeners != Hooks{} || e.Partition != nil && e.Partition.Reduce != nil && e.Partition.Reduce.Exec != nil ||
			e.Chunk != nil && slices.ContainsFunc(e.Chunk.Processor, func(op Op) bool { return op.Exec != nil })
	})
	return found
}

// variableIn returns where a script takes the value of a variable, -1 for nowhere.
func variableIn(script, name string) int {
	for from := 0; ; {
		i := strings.Index(script[from:], name)
		if i < 0 {
			return -1
		}
		at := from + i
		from = at + len(name)
		before := strings.TrimRight(script[:at], "#!")
		if (strings.HasSuffix(before, "${") || strings.HasSuffix(script[:at], "$")) && !goesOn(script[from:]) {
			return at
		}
	}
}

// goesOn reports whether text begins with what could be part of a variable's name.
func goesOn(text string) bool {
	return text != "" && (text[0] == '_' || '0' <= text[0] && text[0] <= '9' || 'a' <= text[0]|0x20 && text[0]|0x20 <= 'z')
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
