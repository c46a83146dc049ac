//go:build !unix

package partfile

import (
	"errors"
	"io"
	"os"
)

const noFollow = 0

func lock(*os.File) (taken bool, err error) { return true, nil }

// beginsWith reports whether the file at path begins with text.
func beginsWith(path, text string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // the path of an output
	if err != nil {
		return false, err
	}
	defer f.Close() // it was only read
	head := make([]byte, len(text))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return string(head[:n]) == text, nil
}
