package definition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/jobs/expr"
)

// errorClass is a class of errors that skip and retry can name.
type errorClass struct{ name, help string }

// errorClasses are the classes that the errors of a chunk have. What the steps of
// a definition can fail with is said here and nowhere else: skip and retry are
// checked against it, and the reference lists it.
func errorClasses() []errorClass {
	return []errorClass{
		{core.ClassReadParse, "A record of the input is not what the reader was told."},
		{core.ClassReadIO, "The input cannot be read: a file, or the database of a query."},
		{core.ClassProcessValidation, "A validate does not hold, unless it has a class of its own below this one."},
		{core.ClassProcessExpression, "An expression has no result for this record: a null, an overflow, a division by zero."},
		{expr.ClassLookup, "A lookup finds no row."},
		{classAnswer, "A co-process says that the record is bad and names no class, or answers a value that its column does not hold. What it names itself begins with process too."},
		{core.ClassWriteConstraint, "The database refuses the row: a key that it has already, NOT NULL, CHECK, a foreign key; or ignores it."},
		{core.ClassWriteData, "A value does not fit where it goes, or no entry of a route takes the record."},
		{core.ClassWriteIO, "The output cannot be written: the disk is full, or not there."},
		{core.ClassWriteBusy, "Another program holds the lock of the database."},
		{execstep.ClassExit, "A co-process ended by itself. Neither skip nor retry goes on without it."},
		{execstep.ClassSignal, "The same by a signal."},
		{execstep.ClassStart, "A co-process cannot be started; the same."},
		{execstep.ClassAnswer, "A co-process does not keep to one line for each record; the same."},
		{core.ClassTimeout, "A chunk is not written in time, or a co-process does not answer in time. The first may be retried; neither is skipped."},
	}
}

// classes refuses a class in skip and retry that no error of the chunk has, as
// one that is misspelt: it would never select anything.
func (c *checker) classes(k *Chunk) {
	var named []Text
	if k.Skip != nil {
		named = slices.Concat(k.Skip.Include, k.Skip.Exclude)
	}
	if k.Retry != nil {
		named = slices.Concat(named, k.Retry.Include, k.Retry.Exclude)
	}
	known, open := k.errorClasses()
	for _, t := range named {
		if slices.Contains(known, t.Value) || open && strings.HasPrefix(t.Value, core.PhaseProcess+".") {
			continue
		}
		c.add(t.Pos(), or(didYouMean(t.Value, known), wholeClass(t.Value), "batchctl docs components lists them, below error classes"),
			"no error of this chunk has the class %s", core.Quote(t.Value))
	}
}

// errorClasses returns all classes that errors of the chunk can have, and what
// they have above them. open says that a command answers classes of its own.
func (k *Chunk) errorClasses() (known []string, open bool) {
	for _, class := range errorClasses() {
		known = append(known, class.name)
	}
	for i := range k.Processor {
		open = open || k.Processor[i].Exec != nil
		if own := k.Processor[i].Class; own.Given() {
			known = append(known, own.Value)
		}
	}
	for _, name := range known {
		for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name, '.') {
			name = name[:at]
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return slices.Compact(known), open
}

// writeClasses writes the classes of errors for the reference.
func writeClasses(b *strings.Builder) {
	b.WriteString("\nerror classes\n")
	paragraph(b, "  ", "What include and exclude of skip and retry name. A class stands for itself and for all that begin with it and a point: read, process.validation. Any other is refused, unless a validate of the chunk has it or the chunk asks a command.")
	for _, class := range errorClasses() {
		fmt.Fprintf(b, "  %s\n", class.name)
		paragraph(b, "      ", class.help)
	}
}
