package definition

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/batchctl/batchctl/internal/core"
)

// Set is what was found in folders of definitions.
type Set struct {
	// Files are all files that could be read, by path. The Problems of each are
	// among those of the set.
	Files []*File
	// Problems are all problems, also those of files and folders that could not
	// be read, by file and place.
	Problems Problems
}

// Load reads every *.yaml and *.yml of folders, in small or capital letters, but
// for those whose name begins with a point. A file that cannot be read, or is none, is a problem, and so is
// a folder that cannot be listed. A name that two files give, or that builtIn
// has, is refused for all of them.
func (p *Parser) Load(folders, builtIn []string) *Set {
	s := &Set{}
	paths, problems := definitionsIn(folders)
	s.Problems = problems
	s.Files = p.readAll(paths)
	s.finish(builtIn)
	return s
}

// definitionsIn returns the paths of the definitions in folders.
func definitionsIn(folders []string) (paths []string, problems Problems) {
	for _, folder := range once(folders) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			problems = append(problems, Problem{
				File: folder, Message: "the folder of definitions cannot be listed: " + errnoText(err),
				Hint: core.ShellQuote("ls", "-ld", folder),
			})
			continue
		}
		for _, e := range entries { // sorted by name
			if isDefinition(e.Name()) {
				paths = append(paths, filepath.Join(folder, e.Name()))
			}
		}
	}
	return paths, problems
}

// isDefinition reports whether a file of that name is one of definitions.
func isDefinition(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	return !strings.HasPrefix(name, ".") && (ext == ".yaml" || ext == ".yml")
}

// once returns paths without those that name the same place again.
func once(paths []string) []string {
	var kept []string
	for _, path := range paths {
		if !slices.ContainsFunc(kept, func(other string) bool { return absolute(other) == absolute(path) }) {
			kept = append(kept, path)
		}
	}
	return kept
}

// absolute is path from the root, where that can be told.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// finish looks at what files have to do with each other, and gathers what is
// wrong.
func (s *Set) finish(builtIn []string) {
	s.names(builtIn)
	s.circles()
	for _, f := range s.Files {
		sortProblems(f.Problems)
		s.Problems = append(s.Problems, f.Problems...)
	}
	sortProblems(s.Problems)
}

// readAll reads files, several at once.
func (p *Parser) readAll(paths []string) []*File {
	files := make([]*File, len(paths))
	inParallel(len(paths), func(i int) { files[i] = p.ReadFile(paths[i]) })
	return files
}

// inParallel calls f for 0 to n-1, as many at once as there are processors.
func inParallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// ReadFile reads one file. What keeps it from being read is among its problems.
func (p *Parser) ReadFile(path string) *File {
	text, problem := readText(path)
	if problem != nil {
		return &File{Path: path, Problems: Problems{*problem}}
	}
	return p.Parse(path, text)
}

// readText reads a file that is none too large.
func readText(path string) ([]byte, *Problem) {
	fail := func(hint, message string) *Problem {
		return &Problem{File: path, Message: message, Hint: hint}
	}
	info, err := os.Stat(path) // before it is opened: a FIFO would wait for a writer
	if err != nil {
		return nil, fail(core.ShellQuote("ls", "-l", path), "the definition cannot be read: "+errnoText(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fail("a definition is a file", "the definition cannot be read: it is "+core.FileKind(info.Mode()))
	}
	if info.Size() > MaxSize {
		message, hint := tooLarge(info.Size())
		return nil, fail(hint, message)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the folders
	if err != nil {
		return nil, fail(core.ShellQuote("ls", "-l", path), "the definition cannot be read: "+errnoText(err))
	}
	defer f.Close()
	text := make([]byte, info.Size()+1)
	n, err := io.ReadFull(f, text)
	switch {
	case err == nil:
		return nil, fail("", "the definition cannot be read: it grows while it is read")
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fail("", "the definition cannot be read: "+errnoText(err))
	}
	return text[:n], nil
}

// errnoText is the text of err without the path, which is said already.
func errnoText(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// names refuses names that are there twice.
func (s *Set) names(builtIn []string) {
	first := map[string]*File{}
	for _, f := range s.Files {
		name := f.Name()
		if name == "" {
			continue
		}
		at := f.Job.Name.Pos()
		if slices.Contains(builtIn, name) {
			f.Problems = append(f.Problems, f.problem(at, "rename the one in the file, or move the file away",
				fmt.Sprintf("the job %s is there twice: here and built into batchctl", core.Quote(name))))
		}
		other := first[name]
		if other == nil {
			first[name] = f
			continue
		}
		says := func(f, other *File) {
			f.Problems = append(f.Problems, f.problem(f.Job.Name.Pos(), "rename one of them",
				fmt.Sprintf("the job %s is there twice: here and in %s:%d:%d", core.Quote(name), other.Path, other.Job.Name.Line, other.Job.Name.Column)))
		}
		if !other.twice {
			other.twice = true
			says(other, f)
		}
		says(f, other)
	}
}

// circles refuses jobs that run each other round in a circle.
func (s *Set) circles() {
	files := map[string]*File{}
	for _, f := range s.Files {
		if f.Name() != "" && files[f.Name()] == nil {
			files[f.Name()] = f
		}
	}
	done := map[string]bool{}
	var way []string
	var visit func(name string)
	visit = func(name string) {
		way = append(way, name)
		for _, step := range jobSteps(files[name].Job.Steps) {
			child := step.Name.Value
			if child == name || files[child] == nil || done[child] {
				continue // itself is reported already
			}
			if i := slices.Index(way, child); i >= 0 {
				circle := way[i:]
				for k, name := range circle {
					files[name].inCircle(slices.Concat(circle[k:], circle[:k], circle[k:k+1]))
				}
				continue
			}
			visit(child)
		}
		way = way[:len(way)-1]
		done[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !done[name] {
			visit(name)
		}
	}
}

// inCircle reports a circle of jobs, which begins and ends with that of f: whoever
// runs any of them is told.
func (f *File) inCircle(circle []string) {
	for _, step := range jobSteps(f.Job.Steps) {
		if step.Name.Value == circle[1] {
			f.Problems = append(f.Problems, f.problem(step.Name.Pos(), "",
				"jobs run each other round in a circle: "+strings.Join(circle, " -> ")))
			return
		}
	}
}

// jobSteps returns the jobs that elements run.
func jobSteps(elements []Element) []*JobStep {
	var all []*JobStep
	for i := range elements {
		if elements[i].Job != nil {
			all = append(all, elements[i].Job)
		}
		all = append(all, jobSteps(elements[i].Steps)...)
		all = append(all, jobSteps(elements[i].Flows)...)
	}
	return all
}
