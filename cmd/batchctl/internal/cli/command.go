package cli

import (
	"path/filepath"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// programName returns how to call this program again: by its path when it was
// called by one, else by its name.
func programName(called string) string {
	if strings.ContainsRune(called, filepath.Separator) {
		return called
	}
	return "batchctl"
}

// command returns a command line to be pasted, from whatever folder: with the
// repository and the folders of definitions, where they matter to the verb, the
// first word, and are not the default ones.
func (a *app) command(words ...string) string {
	return core.ShellQuote(append(a.calling(words[0]), words...)...)
}

// calling is how a command of that verb begins.
func (a *app) calling(verb string) []string {
	line := []string{a.program}
	if path := a.settings.DB; path != "" && takesRepository[verb] {
		if absolute, _, err := a.databasePath(); err == nil {
			path = absolute
		}
		line = append(line, "--db", path)
	}
	if takesJobs[verb] {
		for _, folder := range a.givenFolders() {
			if absolute, err := filepath.Abs(folder); err == nil {
				folder = absolute
			}
			line = append(line, "--jobs", folder)
		}
	}
	return line
}

// pasteable turns a hint that names commands of batchctl into commands for this
// program, this repository and these definitions.
func (a *app) pasteable(hint string) string {
	complete := strings.Contains(hint, "--db") || strings.Contains(hint, "--jobs") || strings.HasSuffix(hint, "--help")
	words := strings.Split(hint, " ")
	for i, word := range words[:len(words)-1] {
		switch {
		case word != "batchctl":
		case complete:
			words[i] = core.ShellQuote(a.program)
		default:
			words[i] = core.ShellQuote(a.calling(strings.TrimRight(words[i+1], ";:,"))...)
		}
	}
	return strings.Join(words, " ")
}

// takesRepository are the commands for which it matters which repository.
var takesRepository = map[string]bool{
	"plan": true, "run": true, "next": true, "restart": true, "stop": true, "abandon": true, "recover": true,
	"instances": true, "executions": true, "show": true, "db": true,
}

// takesJobs are the commands for which it matters which definitions.
var takesJobs = map[string]bool{
	"plan": true, "run": true, "next": true, "restart": true, "show": true, "jobs": true, "validate": true,
}
