package definition

import (
	"path/filepath"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// roleRejects is how messages name the file of rejects.
const roleRejects = "the rejects"

// unfit says which file among written cannot be one, for what it is called: msg
// is empty when all can. own is the definition itself.
func unfit(written []fileUse, own string, same func(a, b string) bool) (w fileUse, msg, hint string) {
	for _, w := range written {
		how := infile.CompressionOf(infile.CompressionAuto, w.path)
		switch {
		case same(w.path, own):
			return w, w.role + " would write over the definition itself", "give it a file of its own"
		case w.role == roleRejects && how != infile.CompressionNone:
			return w, "rejects are written as plain JSON lines, and " + core.QuotePath(w.path) + " would be read as " + how,
				"take " + filepath.Ext(w.path) + " from the end of its name"
		}
	}
	return w, "", ""
}

// ownPath is the absolute path of the definition.
func (j *job) ownPath() string { return filepath.Join(j.dir, filepath.Base(j.file.Path)) }
