package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// longestMeant bounds what is told in one line of what was probably meant.
const longestMeant = 100

// undefined explains why there is no job of a name: its definition has problems,
// or one that cannot be read may be it, or it was looked for elsewhere.
func (a *app) undefined(name string, err error) error {
	own, nameless := a.suspects(name)
	if len(own) > 0 {
		return &core.Error{Err: own, Hint: meant(own[0])}
	}
	hint := a.pasteable(core.Hint(err))
	switch {
	case len(nameless) > 0 && nameless[0].File == nameless[len(nameless)-1].File: // the only one that may be it
		hint += "; " + nameless.Error() + "; " + a.pasteable(meant(nameless[0]))
	case len(a.defined.broken) > 0:
		hint += fmt.Sprintf("; of the definitions %s cannot be used: ", plural(a.brokenFiles(), "file")) + a.command("validate")
	default:
		hint += "; --jobs FOLDER says where its definition is"
	}
	return &core.Error{
		Kind: core.ErrNoSuchJob, Msg: fmt.Sprintf("no job named %s is built in, or defined in %s", core.Quote(name), a.searched()),
		Hint: hint,
	}
}

// suspects returns the problems of the definitions that are the job of that name,
// by what they say or by what they are called, and of those that do not say which
// job they are.
func (a *app) suspects(name string) (own, nameless definition.Problems) {
	names := map[string]string{}
	for _, f := range a.defined.files {
		names[f.Path] = f.Name()
	}
	for _, p := range a.defined.broken {
		base := filepath.Base(p.File)
		switch names[p.File] {
		case name:
			own = append(own, p)
		case "":
			nameless = append(nameless, p)
			if strings.TrimSuffix(base, filepath.Ext(base)) == name {
				own = append(own, p)
			}
		}
	}
	return own, nameless
}

// meant is how to go on about a problem of a definition.
func meant(p definition.Problem) string {
	hint := core.ShellQuote("batchctl", "validate", p.File)
	if p.Hint != "" && len(p.Hint) <= longestMeant {
		hint = core.EscapeControl(p.Hint) + "; " + hint
	}
	return hint
}

// searched names the folders in which definitions were looked for.
func (a *app) searched() string {
	folders := a.givenFolders()
	if folders == nil {
		folders = a.defaultFolders()
	}
	named := make([]string, len(folders))
	for i, folder := range absolute(folders) {
		named[i] = core.QuotePath(folder)
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			named[i] += " (not there)"
		}
	}
	return strings.Join(named, " or ")
}

// brokenFiles counts the files and folders with problems.
func (a *app) brokenFiles() int {
	files := map[string]bool{}
	for _, p := range a.defined.broken {
		files[p.File] = true
	}
	return len(files)
}
