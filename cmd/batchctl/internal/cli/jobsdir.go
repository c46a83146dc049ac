package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// variableJobs holds folders of definitions, separated as in PATH.
const variableJobs = "BATCHCTL_JOBS"

// definitions are the jobs of the folders that --jobs names.
type definitions struct {
	folders []string // as they were given
	files   []*definition.File
	broken  definition.Problems
}

// addJobsFlag declares --jobs. It is no row of the table of settings: it can be
// given several times.
func (a *app) addJobsFlag(flags *pflag.FlagSet) {
	flags.StringArrayVar(&a.defined.folders, "jobs", nil,
		"`folder` of job definitions, may be repeated (default ./jobs, then $XDG_CONFIG_HOME/batchctl/jobs, where they exist)")
}

// jobFolders returns the folders of definitions: those that were given, else the
// default ones that are there.
func (a *app) jobFolders() []string {
	if given := a.givenFolders(); given != nil {
		return given
	}
	candidates := a.defaultFolders()
	return slices.DeleteFunc(candidates, func(dir string) bool {
		info, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() // anything else is told when it is read
	})
}

// defaultFolders returns where definitions are looked for when nobody says where.
func (a *app) defaultFolders() []string {
	folders := []string{"jobs"}
	config := a.env.Get("XDG_CONFIG_HOME")
	if home := a.env.Get("HOME"); !filepath.IsAbs(config) && filepath.IsAbs(home) {
		config = filepath.Join(home, ".config")
	}
	if filepath.IsAbs(config) {
		folders = append(folders, filepath.Join(config, "batchctl", "jobs"))
	}
	return folders
}

// givenFolders returns the folders of definitions that the flag or the variable
// names, nil where neither does.
func (a *app) givenFolders() []string {
	if len(a.defined.folders) > 0 {
		return a.defined.folders
	}
	if given := a.env.Get(variableJobs); given != "" {
		return slices.DeleteFunc(filepath.SplitList(given), func(dir string) bool { return dir == "" })
	}
	return nil
}

// withDefinitions returns the registry of the compiled jobs and of all
// definitions that have no problems. Those that have some keep nothing else from
// running.
func (a *app) withDefinitions(compiled func() (*launch.JobRegistry, error)) func() (*launch.JobRegistry, error) {
	return sync.OnceValues(func() (*launch.JobRegistry, error) {
		registry, err := compiled()
		if err != nil {
			return nil, err
		}
		folders := a.jobFolders()
		if len(folders) == 0 {
			return registry, nil
		}
		builtIn := registry.Jobs()
		set := definition.NewParser(all.Catalog()).Load(folders, jobNames(builtIn))
		jobs, problems := definition.Jobs(set, builtIn, a.definitionEnvironment())
		a.defined.files, a.defined.broken = set.Files, problems
		return launch.NewRegistry(slices.Concat(builtIn, jobs)...)
	})
}

// only returns a registry of the compiled jobs and of the definition of that name
// with the jobs that it launches: no other file has to be compiled to run it. It
// returns nil where no file gives a job of that name that can be used, and refuses
// a name that is built in and in a file.
func (a *app) only(name string) (*launch.JobRegistry, error) {
	registry, err := a.compiled()
	if err != nil {
		return nil, err
	}
	builtIn := registry.Jobs()
	folders := a.jobFolders()
	if len(folders) == 0 {
		return registry, nil
	}
	set := definition.NewParser(all.Catalog()).Find(folders, jobNames(builtIn), name)
	if slices.Contains(jobNames(builtIn), name) {
		return registry, taken(set, name)
	}
	jobs, problems := definition.Jobs(set, builtIn, a.definitionEnvironment())
	if len(problems) > 0 || len(jobs) == 0 {
		return nil, nil //nolint:nilnil // to be told with all others, by whom it concerns
	}
	return launch.NewRegistry(slices.Concat(builtIn, jobs)...)
}

// taken is the problem of a file that has the name of a job that is built in.
func taken(set *definition.Set, name string) error {
	for _, f := range set.Files {
		for _, p := range f.Problems {
			if f.Name() == name && p.Line == f.Job.Name.Line {
				return &core.Error{Err: definition.Problems{p}, Hint: p.Hint}
			}
		}
	}
	return nil
}

func jobNames(jobs []*core.Job) []string {
	names := make([]string, len(jobs))
	for i, job := range jobs {
		names[i] = job.Name
	}
	return names
}

// definitionEnvironment is what definitions are compiled in.
func (a *app) definitionEnvironment() definition.Environment {
	return definition.Environment{Catalog: all.Catalog(), Folders: absolute(a.jobFolders()), Environ: func() []string {
		var vars []string
		for _, entry := range os.Environ() {
			name, _, _ := strings.Cut(entry, "=")
			if value, ok := a.env(name); ok {
				vars = append(vars, name+"="+value)
			}
		}
		return vars
	}}
}

// absolute returns folders with their whole paths, where those can be told.
func absolute(folders []string) []string {
	all := slices.Clone(folders)
	for i, folder := range all {
		if whole, err := filepath.Abs(folder); err == nil {
			all[i] = whole
		}
	}
	return all
}

// mostCompiled is how many bytes of definitions are compiled for a list of jobs,
// which takes some 20 ms.
const mostCompiled = 40 << 10

// outlines returns all jobs, by name, those of definitions with their names and
// helps and nothing else. With check it marks those that cannot be used where there
// is little to compile, else it says that nobody has looked. It warns of files that
// give no name, or one that is taken.
func (a *app) outlines(check bool) ([]*core.Job, error) {
	registry, err := a.compiled()
	if err != nil {
		return nil, err
	}
	listings := definition.NewParser(all.Catalog()).Index(a.jobFolders())
	compiled := check && sizeOf(listings) <= mostCompiled
	if compiled {
		if _, err := a.registry(); err != nil {
			return nil, err
		}
		for i, l := range listings {
			if slices.ContainsFunc(a.defined.broken, func(p definition.Problem) bool { return p.File == l.Path }) {
				listings[i].Description = "cannot be used: " + a.command("validate", l.Path)
			}
		}
	}
	jobs, unusable := outlined(registry.Jobs(), listings)
	if compiled {
		unusable = a.brokenFiles()
	}
	a.warnAboutDefinitions(unusable)
	if check && !compiled {
		a.say("the list tells what the definitions say of themselves, and nobody has checked them; %s does", a.command("validate"))
	}
	return jobs, nil
}

// sizeOf adds up the sizes of files.
func sizeOf(listings []definition.Listing) (bytes int64) {
	for _, l := range listings {
		if info, err := os.Stat(l.Path); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// outlined adds outlines of the definitions to jobs, and counts those that give
// no job: all that have no name, or the same.
func outlined(jobs []*core.Job, listings []definition.Listing) (all []*core.Job, unusable int) {
	all = slices.Clone(jobs)
	given := map[string]int{}
	for _, l := range listings {
		given[l.Name]++
	}
	builtIn := jobNames(jobs)
	for _, l := range listings {
		if l.Name == "" || given[l.Name] > 1 || slices.Contains(builtIn, l.Name) {
			unusable++
			continue
		}
		all = append(all, &core.Job{Name: l.Name, Help: l.Description})
	}
	slices.SortFunc(all, func(a, b *core.Job) int { return strings.Compare(a.Name, b.Name) })
	return all, unusable
}

// warnAboutDefinitions says that some are not among what is listed.
func (a *app) warnAboutDefinitions(n int) {
	if n > 0 {
		a.say("warning: of the definitions %s cannot be used; what is wrong is told by: %s", plural(n, "file"), a.command("validate"))
	}
}
