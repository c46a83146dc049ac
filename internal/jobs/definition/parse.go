package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// File is a definition file that was read. Files are only read afterwards.
type File struct {
	// Path is where it was found, as the folder or name was given.
	Path string
	// Text is the whole text, and SHA256 its hash in hexadecimal.
	Text   string
	SHA256 string
	// Job is what it says. When Problems is not empty it may lack what is wrong,
	// and is nil where there is nothing to read.
	Job      *Job
	Problems Problems

	twice bool // its name is another's too, and that was said
}

// Name returns the name of the job, "" when it could not be read.
func (f *File) Name() string {
	if f.Job == nil {
		return ""
	}
	return f.Job.Name.Value
}

// problem makes a problem of the file.
func (f *File) problem(at Pos, hint, message string) Problem {
	p := Problem{File: f.Path, Line: at.Line, Column: at.Column, Message: message, Hint: hint}
	if at.Line > 0 {
		rest := strings.TrimPrefix(f.Text, "\ufeff")
		for range at.Line - 1 {
			_, rest, _ = strings.Cut(rest, "\n")
		}
		p.Source, _, _ = strings.Cut(rest, "\n")
	}
	return p
}

// Parser reads definitions.
type Parser struct{ g *grammar }

// NewParser returns a parser that knows the readers and writers of c. It is
// safe for concurrent use.
func NewParser(c Catalog) *Parser { return &Parser{newGrammar(c)} }

// Parse reads the text of a definition. It reports everything that can be told
// without compiling expressions, in the order of the file.
func (p *Parser) Parse(path string, text []byte) *File {
	sum := sha256.Sum256(text)
	f := &File{Path: path, SHA256: hex.EncodeToString(sum[:])}
	s := &source{path: path, grammar: p.g}
	root := s.open(text)
	f.Text = s.text
	if root != nil {
		p.read(f, s, root)
	}
	sortProblems(s.problems)
	f.Problems = s.problems
	return f
}

func (p *Parser) read(f *File, s *source, root *yaml.Node) {
	if root.Kind == yaml.ScalarNode && root.Value == "" && root.Style == 0 {
		s.add(Pos{1, 1}, "it begins with job: NAME", "the file is empty")
		return
	}
	w := &walker{source: s, g: p.g}
	o := w.block(root, p.g.blocks[blockFile])
	if o == nil {
		return
	}
	f.Job = builder{}.job(o)
	(&checker{walker: w, job: f.Job, ids: map[string]*Element{}}).check()
}

// tooLarge is the problem of a file of that size.
func tooLarge(size int64) (message, hint string) {
	return fmt.Sprintf("the file has %d bytes, at most %d are read", size, MaxSize),
		"a definition is written by hand; put data into files of their own"
}
