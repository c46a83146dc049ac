package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// maxStatementFiles bounds the files of statements of a definition together.
const maxStatementFiles = 4 << 20

// statementFile is a file of statements that belongs to a definition.
type statementFile struct{ name, text string }

// keepFile reads a file of statements once: what is kept with an execution is
// what runs. Of one whose name is known when the step starts nothing is kept, and
// why one cannot be read is told by who needs it.
func (c *compiler) keepFile(t Text) {
	if !t.Given() || t.Parts != nil {
		return
	}
	if _, kept := c.statementFile(t); kept {
		return
	}
	text, err := readSmall(c.absolute(t.Value), maxSQLFile)
	if err != nil {
		return
	}
	size := len(text)
	for _, f := range c.files {
		size += len(f.text)
	}
	if size > maxStatementFiles {
		c.report(t.Pos(), "put data into files of their own", "the files of statements have more than %d bytes together", maxStatementFiles)
		return
	}
	c.files = append(c.files, statementFile{t.Value, text})
}

// statementFile returns the text of a file that is kept.
func (j *job) statementFile(t Text) (text string, ok bool) {
	for _, f := range j.files {
		if t.Parts == nil && f.name == t.Value {
			return f.text, true
		}
	}
	return "", false
}

// identity is what is kept of the definition: its text, and behind it that of
// each file of statements, in the order of the definition.
func (j *job) identity() *core.JobDefinition {
	if len(j.files) == 0 {
		return &core.JobDefinition{Hash: j.file.SHA256, Text: j.file.Text}
	}
	var all strings.Builder
	all.WriteString(j.file.Text)
	for _, f := range j.files {
		fmt.Fprintf(&all, "\n# file %s, %d bytes\n%s", core.QuotePath(f.name), len(f.text), f.text)
	}
	sum := sha256.Sum256([]byte(all.String()))
	return &core.JobDefinition{Hash: hex.EncodeToString(sum[:]), Text: all.String()}
}

// Made reports whether job was made of f.
func (f *File) Made(job *core.Job) bool {
	return job.Definition != nil && f.Name() == job.Name &&
		(f.SHA256 == job.Definition.Hash || strings.HasPrefix(job.Definition.Text, f.Text+"\n# file "))
}
