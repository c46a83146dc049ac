package definition

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
)

// Listing is what a look at a file tells.
type Listing struct {
	Path string
	// Name is that of the job; empty when what is at Path cannot be read.
	Name        string
	Description string
}

// Index returns the jobs in folders, by path, at a fraction of the cost of
// Load: where the name and description stand plainly in their lines, nothing
// else of a file is read. Files that have problems are there too, and without a
// name, behind all files, the folders that cannot be listed.
func (p *Parser) Index(folders []string) []Listing {
	paths, problems := definitionsIn(folders)
	entries := p.peekAll(paths)
	for _, unlisted := range problems {
		entries = append(entries, Listing{Path: unlisted.File})
	}
	return entries
}

// peekAll looks at files, several at once.
func (p *Parser) peekAll(paths []string) []Listing {
	entries := make([]Listing, len(paths))
	inParallel(len(paths), func(i int) { entries[i] = p.peek(paths[i]) })
	return entries
}

// Find is Load for one job: it reads the files that are needed to run it, those
// of the jobs that its steps run, and others that have one of these names. What
// is wrong with any other file is not in its way. The set has no files when
// there is no such job.
func (p *Parser) Find(folders, builtIn []string, name string) *Set {
	s := &Set{}
	paths, problems := definitionsIn(folders)
	s.Problems = problems
	p.gather(s, byName(p.peekAll(paths)), []string{name})
	s.finish(builtIn)
	return s
}

// FindAll is Find for the jobs of files, wherever these are. What their steps run
// is looked for beside them as well; what is in folders does not count where a
// file that no run would find has the same name.
func (p *Parser) FindAll(files, folders, builtIn []string) *Set {
	s := &Set{Files: p.readAll(once(files))}
	beside := make([]string, len(s.Files))
	for i, f := range s.Files {
		beside[i] = filepath.Dir(f.Path)
	}
	isOneOf := func(path string, paths []string) bool {
		return slices.ContainsFunc(paths, func(other string) bool { return absolute(other) == absolute(path) })
	}
	paths, _ := definitionsIn(slices.Concat(beside, folders)) // what cannot be listed is no problem of files
	listings := slices.DeleteFunc(p.peekAll(paths), func(l Listing) bool { return isOneOf(l.Path, files) })
	instead := map[string]bool{} // names of files that stand in for those of folders
	note := func(name, path string) {
		if !isOneOf(filepath.Dir(path), folders) {
			instead[name] = true
		}
	}
	for _, f := range s.Files {
		note(f.Name(), f.Path)
	}
	for _, l := range listings {
		note(l.Name, l.Path)
	}
	listings = slices.DeleteFunc(listings, func(l Listing) bool { return instead[l.Name] && !isOneOf(filepath.Dir(l.Path), beside) })
	var todo []string
	for _, f := range s.Files {
		todo = append(append(todo, f.Name()), f.runs()...)
	}
	p.gather(s, byName(listings), todo)
	s.finish(builtIn)
	return s
}

// byName returns the paths of jobs by their names.
func byName(listings []Listing) map[string][]string {
	paths := map[string][]string{}
	for _, l := range listings {
		if l.Name != "" {
			paths[l.Name] = append(paths[l.Name], l.Path)
		}
	}
	return paths
}

// gather reads into s the files of jobs, and of what their steps run, and takes
// them out of paths.
func (p *Parser) gather(s *Set, paths map[string][]string, jobs []string) {
	for todo := jobs; len(todo) > 0; todo = todo[1:] {
		read := p.readAll(paths[todo[0]])
		delete(paths, todo[0])
		for _, f := range read {
			todo = append(todo, f.runs()...)
		}
		s.Files = append(s.Files, read...)
	}
}

// runs returns the names of the jobs that the steps of f run.
func (f *File) runs() []string {
	if f.Job == nil {
		return nil
	}
	var names []string
	for _, step := range jobSteps(f.Job.Steps) {
		names = append(names, step.Name.Value)
	}
	return names
}

// peek looks at a file.
func (p *Parser) peek(path string) Listing {
	e := Listing{Path: path}
	text, problem := readText(path)
	if problem != nil {
		return e
	}
	name, ok := plainValue(text, "job:")
	description, fine := plainValue(text, "description:")
	if !ok || name == "" || !fine {
		f := p.Parse(path, text)
		if f.Job != nil {
			e.Name, e.Description = f.Name(), f.Job.Description.Value
		}
		return e
	}
	e.Name, e.Description = name, description
	return e
}

// plainValue returns the value of an outermost key that stands in a line of its
// own, as a plain or quoted text without anything that has to be interpreted. ok
// is false when that cannot be told; a key that is not there is the empty text.
func plainValue(text []byte, key string) (value string, ok bool) {
	at := 0
	if !bytes.HasPrefix(text, []byte(key)) {
		if at = bytes.Index(text, []byte("\n"+key)); at < 0 {
			return "", true
		}
		at++
	}
	line, rest, _ := bytes.Cut(text[at+len(key):], []byte("\n"))
	next := bytes.TrimLeft(rest, "\r\n")
	if bytes.HasPrefix(rest, []byte(key)) || bytes.Contains(rest, []byte("\n"+key)) || // twice
		len(next) > 0 && (next[0] == ' ' || next[0] == '\t') || // it goes on
		len(line) == 0 || line[0] != ' ' {
		return "", false
	}
	value = strings.TrimSpace(string(line))
	if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		inner := value[1 : len(value)-1]
		return inner, !strings.ContainsAny(inner, `"'\`)
	}
	plain := value != "" && value != "~" && value != "null" && strings.Trim(value[:1], "-?:,[]{}#&*!|>'\"%@`") != "" &&
		!strings.Contains(value, ": ") && !strings.Contains(value, "#") && !strings.HasSuffix(value, ":")
	return value, plain
}
