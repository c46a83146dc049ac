package outfile

import (
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/infile"
	"github.com/batchctl/batchctl/internal/jobs/partfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

const (
	optionEncoding = "encoding"
	emptyRemove    = "remove"
)

// FileOptions are the options of every writer of files.
func FileOptions() []component.Option {
	return []component.Option{
		{Name: "file", Type: component.Path, Late: true, Required: true, Help: "The file to write; it appears whole, at the end of the step. Until then FILE.part has what is committed, and no other run takes it."},
		{Name: "overwrite", Type: component.Bool, Default: "true", Help: "Replace a file that is there; false refuses before anything is read."},
		{Name: "shared", Type: component.Bool, Default: "false", Help: "Let others read the file: mode 0644 instead of 0600."},
		{Name: "when-empty", Type: component.Enum, Values: []string{"publish", emptyRemove}, Default: "publish", Help: "What becomes of a file without records: publish puts it in place, header and footer included; remove leaves no file, not even an older one, which would pass for the result of this run (with overwrite: false nothing is removed). A step that reads it then needs allow-missing: true."},
		{Name: "compression", Type: component.Enum, Values: []string{infile.CompressionAuto, infile.CompressionNone, infile.CompressionGzip, infile.CompressionZstd}, Default: infile.CompressionAuto, Help: "How the file is packed; auto goes by .gz and .zst. Every chunk is packed for itself, so that a restart can go on behind it: short records take 5 % more in chunks of 1,000 than packed as a whole, 60 % in chunks of 10."},
		{Name: optionEncoding, Type: component.Text, Default: "utf-8", Help: "The encoding by its WHATWG name, as utf-8, utf-16le, windows-1252, euc-kr, shift_jis. A character that it lacks makes a bad record; JSON escapes it."},
		{Name: "byte-order-mark", Type: component.Bool, Default: "false", Help: "Begin the file with the mark of utf-8 or utf-16, as some spreadsheets want it."},
	}
}

// FileConfig returns what FileOptions say, for a writer of the step that s runs.
// An error is about one of them, and is the same before the path is known.
func FileConfig(s *core.Scope, v component.Values, name string) (Config, error) {
	cfg := Config{
		Path: v.Text("file"), KeepExisting: !v.Bool("overwrite"), Name: name, Owner: partfile.OwnerOf(s),
		RemoveEmpty: v.Text("when-empty") == emptyRemove, Mark: v.Bool("byte-order-mark"),
	}
	cfg.Compression = infile.CompressionOf(v.Text("compression"), cfg.Path)
	if v.Bool("shared") {
		cfg.Mode = 0o644
	}
	label := v.Text(optionEncoding)
	charset, err := infile.FindCharset(label)
	if err != nil {
		hint := core.Hint(err)
		if strings.HasPrefix(hint, "iconv") { // that is the way of an input
			hint = "write utf-8, and then: iconv -f UTF-8 -t " + core.ShellQuote(label)
		}
		return cfg, &component.OptionError{Option: optionEncoding, Msg: err.Error(), Hint: hint}
	}
	if cfg.Charset = charset; cfg.Mark && !charset.Direct() {
		return cfg, component.Wrong("byte-order-mark", "%s has none", charset.Name())
	}
	return cfg, nil
}

// LineEndOption is the option of the formats that leave a choice.
func LineEndOption() component.Option {
	return component.Option{Name: "line-end", Type: component.Enum, Values: []string{"lf", "crlf"}, Default: "lf", Help: "What ends a line, header-template and footer-template included."}
}

// Lacks is the error of a record with a character that the encoding lacks.
func Lacks(r *record.Record, column string, v record.Value, charset infile.Charset, lacking rune) error {
	return core.Classified(core.ClassWriteData, r.Error(column, v, Lacking(charset, lacking)))
}

// Lacking says that an encoding lacks a character.
func Lacking(charset infile.Charset, lacking rune) string {
	return fmt.Sprintf("%s has no %s (%U)", charset.Name(), core.Quote(string(lacking)), lacking)
}
