package csvfile

import "io"

// WithSource returns c with something put before the file.
func (c ReaderConfig) WithSource(source func(io.ReaderAt) io.ReaderAt) ReaderConfig {
	c.source = source
	return c
}
