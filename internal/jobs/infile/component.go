package infile

import (
	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
)

// Names of options that the readers of files share.
const (
	OptionFile  = "file"
	OptionFiles = "files"
)

// FileOptions are the options of every reader of files.
func FileOptions() []component.Option {
	return []component.Option{
		{Name: OptionFile, Type: component.Path, Late: true, Help: "The file to read; either this or files."},
		{Name: OptionFiles, Type: component.Path, Late: true, Help: "A pattern with * or ? in its last element: the files are read in the order of their names, as one input."},
		{Name: "allow-missing", Type: component.Bool, Default: "false", Help: "Take a file that is not there for one without records."},
		{Name: "compression", Type: component.Enum, Values: []string{CompressionAuto, CompressionNone, CompressionGzip, CompressionZstd}, Default: CompressionAuto, Help: "How the file is packed; auto goes by .gz and .zst."},
		{Name: "max-ratio", Type: component.Int, Default: "250", Min: 1, Max: 1_000_000, Help: "How many bytes a byte of a packed file may unpack to, from 16 MiB on."},
		{Name: "skip-lines", Type: component.Int, Default: "0", Min: 0, Max: 1_000_000, Help: "Lines at the beginning to pass over."},
		{Name: "comment", Type: component.Text, Help: "What begins a line to pass over, for example #."},
		{Name: "max-record", Type: component.Int, Default: "16777216", Min: 1, Max: 1 << 30, Help: "The most bytes of a record."},
		{Name: "encoding", Type: component.Text, Default: "utf-8", Help: "The encoding by its WHATWG name, as utf-8, utf-16le, windows-1252, euc-kr, shift_jis."},
	}
}

// CheckFiles checks FileOptions as far as they are known before a step starts,
// and returns how the files are opened.
func CheckFiles(v component.Values) (Options, error) {
	o := Options{Compression: v.Text("compression"), MaxRatio: v.Int("max-ratio")}
	switch one, many := v.Text(OptionFile) != "", v.Text(OptionFiles) != ""; {
	case one && many:
		return o, component.Wrong(OptionFiles, "there is a file already")
	case !one && !many:
		return o, component.Wrong(OptionFile, "no file is given")
	}
	charset, err := FindCharset(v.Text("encoding"))
	if err != nil {
		return o, &component.OptionError{Option: "encoding", Msg: err.Error(), Hint: core.Hint(err)}
	}
	o.Charset = charset
	return o, nil
}

// OpenFiles returns the reader of the files that v names, of which open returns
// the reader of one. Nothing is opened yet.
func OpenFiles[T any](v component.Values, opts Options, name string, open func(path string) Reader[T]) core.ItemReader[T] {
	if pattern := v.Text(OptionFiles); pattern != "" {
		cfg := SequenceConfig{Pattern: pattern, Options: opts, AllowNone: v.Bool("allow-missing"), Name: name}
		return NewSequence(cfg, open)
	}
	return open(v.Text(OptionFile))
}
