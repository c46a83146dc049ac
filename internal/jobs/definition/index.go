package definition

import (
	"bytes"
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
	byName := map[string][]string{}
	paths, problems := definitionsIn(folders)
	s.Problems = problems
	for _, e := range p.peekAll(paths) {
		byName[e.Name] = append(byName[e.Name], e.Path)
	}
	delete(byName, "")
	for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
		read := p.readAll(byName[todo[0]])
		delete(byName, todo[0])
		for _, f := range read {
			if f.Job != nil {
				for _, step := range jobSteps(f.Job.Steps) {
					todo = append(todo, step.Name.Value)
				}
			}
		}
		s.Files = append(s.Files, read...)
	}
	s.finish(builtIn)
	return s
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
