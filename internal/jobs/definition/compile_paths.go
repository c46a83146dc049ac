package definition

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

// fileUse is a file that a chunk reads or writes.
type fileUse struct {
	text Text
	role string // as in "the writer", for messages
	path string // absolute, when it is known
}

// optionFile is the option of readers and writers that names a file.
const optionFile = "file"

// written lists the files that a chunk writes.
func (k *Chunk) written() []fileUse {
	outputs := slices.Concat(k.Writers, k.Route)
	if k.Writer != nil {
		outputs = append(outputs, *k.Writer)
	}
	var all []fileUse
	for _, o := range outputs {
		all = append(all, o.files("the writer")...)
	}
	if k.Skip != nil && k.Skip.To.Given() {
		all = append(all, fileUse{text: k.Skip.To, role: roleRejects})
	}
	return all
}

// readFiles lists the files that a chunk reads, but for patterns.
func (k *Chunk) readFiles() []fileUse {
	all := k.Reader.files("the reader")
	for _, op := range k.Processor {
		if op.Lookup != nil {
			all = append(all, op.Lookup.Table.files("a lookup")...)
		}
	}
	for _, e := range k.Expect {
		if e.Control != nil && e.Control.File.Given() {
			all = append(all, fileUse{text: e.Control.File, role: "a control total"})
		}
	}
	return all
}

func (k Component) files(role string) (all []fileUse) {
	for _, o := range k.Options {
		if o.Key.Value == optionFile {
			all = append(all, fileUse{text: o.Value, role: role})
		}
	}
	return all
}

// sharedHint is the hint about files that are used twice.
const sharedHint = "give each of them a file of its own"

// separateFiles refuses a chunk that names one file twice, as far as that can be
// seen before it runs: by texts that are the same.
func (c *compiler) separateFiles(k *Chunk) {
	name := func(all []fileUse) []fileUse {
		for i := range all {
			all[i].path = c.absolute(all[i].text.Value) // texts with the same references have the same value
		}
		return all
	}
	same := func(a, b string) bool { return a == b }
	written := name(k.written())
	if w, msg, hint := unfit(written, c.ownPath(), same); msg != "" {
		c.report(w.text.Pos(), hint, "%s", msg)
	}
	if one, other, ok := collision(name(k.readFiles()), written, same); ok {
		c.report(other.text.Pos(), sharedHint, "%s would write over the file of %s, in line %d", other.role, one.role, one.text.Line)
	}
}

// separate refuses a chunk that is about to use one file twice, before anything
// is opened.
func (b *bound) separate(k *Chunk) error {
	read, err := b.paths(k.readFiles())
	if err != nil {
		return err
	}
	written, err := b.paths(k.written())
	if err != nil {
		return err
	}
	if w, msg, hint := unfit(written, b.j.ownPath(), sameFile); msg != "" {
		return &core.Error{Kind: core.ErrJobDefinition, Msg: b.j.place(w.text.Pos()) + ": " + msg, Hint: hint}
	}
	if err := b.unmatched(k, written); err != nil {
		return err
	}
	one, other, ok := collision(read, written, sameFile)
	if !ok {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobDefinition, Hint: sharedHint,
		Msg: b.j.place(other.text.Pos()) + ": " + other.role + " would write over " + core.QuotePath(one.path) + ", the file of " + one.role,
	}
}

// unmatched refuses an output that the pattern of the reader finds.
func (b *bound) unmatched(k *Chunk, written []fileUse) error {
	for _, o := range k.Reader.Options {
		if o.Key.Value != infile.OptionFiles {
			continue
		}
		pattern, err := b.path(o.Value)
		if err != nil {
			return err
		}
		for _, w := range written {
			if finds(pattern, w.path) {
				return b.j.found(w, pattern)
			}
		}
	}
	return nil
}

// finds reports whether a pattern matches a file that is written, or what stands
// beside it until it is complete. Both are absolute.
func finds(pattern, path string) bool {
	for _, name := range partfile.Names(path) {
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// found is the error of a file that would be among the inputs of the next run.
func (j *job) found(w fileUse, pattern string) error {
	return &core.Error{
		Kind: core.ErrJobDefinition, Hint: foundHint,
		Msg: j.place(w.text.Pos()) + ": " + w.role + " would make " + core.QuotePath(w.path) +
			", which the pattern of the inputs finds: " + core.QuotePath(pattern),
	}
}

// foundHint is the hint about outputs among the inputs.
const foundHint = "write it to another folder, or let its name end otherwise"

// paths sets the paths of files and leaves out those that have none.
func (b *bound) paths(all []fileUse) ([]fileUse, error) {
	for i := range all {
		var err error
		if all[i].path, err = b.path(all[i].text); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(f fileUse) bool { return f.path == "" }), nil
}

// collision returns the first file among written that is read too, or written
// twice. A file is written beside its place first, which counts as well.
func collision(read, written []fileUse, same func(a, b string) bool) (one, other fileUse, ok bool) {
	for i, w := range written {
		for _, r := range read {
			if slices.ContainsFunc(partfile.Names(w.path), func(name string) bool { return same(r.path, name) }) {
				return r, w, true
			}
		}
		for _, before := range written[:i] {
			if clash(before.path, w.path, same) {
				return before, w, true
			}
		}
	}
	return one, other, false
}

// clash reports whether writers of two files would be in each other's way.
func clash(a, b string, same func(a, b string) bool) bool {
	is := func(path string) func(name string) bool {
		return func(name string) bool { return same(path, name) }
	}
	return slices.ContainsFunc(partfile.Names(a), is(b)) || slices.ContainsFunc(partfile.Names(b), is(a))
}

// sameFile reports whether two absolute paths lead to one file, or would.
func sameFile(a, b string) bool {
	if a == b || realPath(a) == realPath(b) {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && one.Mode().IsRegular() && os.SameFile(one, other)
}

// realPath is a path whose folder is named without symbolic links.
func realPath(path string) string {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return path
	}
	return filepath.Join(dir, filepath.Base(path))
}

// ownPaths refuses parts of which two would write the same file, when they are
// planned and none has run.
func (j *job) ownPaths(e *Element, makes core.Partitioner) core.Partitioner {
	if e.Chunk == nil {
		return makes
	}
	return partition.Adapt(makes, func(_ context.Context, s *core.Scope, parts []core.Partition, err error) ([]core.Partition, error) {
		if err != nil {
			return nil, err
		}
		writes := map[string]partFile{}
		for i := range parts {
			if err := j.claim(e, s, parts, i, writes); err != nil {
				return nil, err
			}
		}
		return parts, nil
	})
}

// partFile is a file that a part writes.
type partFile struct {
	part int
	fileUse
}

// claim notes the files of a part in writes, under all names that they have, and
// refuses one that another part has.
func (j *job) claim(e *Element, s *core.Scope, parts []core.Partition, i int, writes map[string]partFile) error {
	own := *s
	own.Context = parts[i].Context
	b := j.inScope(e, &own)
	known := slices.DeleteFunc(e.Chunk.written(), func(f fileUse) bool { return f.inContext() })
	files, err := b.paths(known)
	if err != nil {
		return err
	}
	for _, f := range files {
		if pattern, err := b.glob(e.Partition.Files); err == nil && e.Partition.Files.Given() && finds(pattern, f.path) {
			return j.found(f, pattern)
		}
		place := realPath(f.path)
		for _, name := range partfile.Names(place) {
			if first, taken := writes[name]; taken && first.part != i {
				return &core.Error{
					Kind: core.ErrJobDefinition,
					Msg: j.place(f.text.Pos()) + ": the parts " + describe(parts, first.part) + " and " + describe(parts, i) +
						" would both write " + core.QuotePath(f.path),
					Hint: "put what tells the parts apart into the name, such as #{partition['index']}",
				}
			}
			writes[name] = partFile{part: i, fileUse: f}
		}
	}
	return nil
}

// inContext reports whether a name depends on what a part itself will note.
func (f fileUse) inContext() bool {
	found := false
	walkRefs(f.text.Parts, func(r *Reference) { found = found || r.Scope == ScopeStepContext })
	return found
}

// describe names a part by its number and what it was made of.
func describe(parts []core.Partition, i int) string {
	name := "partition" + strconv.Itoa(i)
	if parts[i].Name != "" {
		name = parts[i].Name
	}
	for _, key := range []string{partition.KeyFile, partition.KeyValue} {
		if v, ok := parts[i].Context[key]; ok {
			return name + " (" + core.QuotePath(fmt.Sprint(v)) + ")"
		}
	}
	return name
}
