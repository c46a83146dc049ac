package scaffold

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/infile"
)

// sample returns the beginning of a file as text, up to the end of a line, the
// name of its encoding, and whether that is all of it.
func sample(path, encoding string) (text, used string, all bool, err error) {
	charset, err := infile.FindCharset(encoding)
	if err != nil {
		return "", "", false, &core.Error{Op: "--encoding", Err: err}
	}
	raw, all, err := beginning(path)
	if err != nil {
		return "", "", false, err
	}
	if !all {
		raw = raw[:bytes.LastIndexByte(raw, '\n')+1]
	}
	if encoding == "" {
		switch {
		case bytes.HasPrefix(raw, []byte{0xff, 0xfe}):
			charset, err = infile.FindCharset("utf-16le")
		case bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
			charset, err = infile.FindCharset("utf-16be")
		}
		if err != nil {
			return "", "", false, err
		}
	}
	used = charset.Name()
	switch used {
	case "utf-8":
		used = ""
	case "utf-16le":
		return wide(raw, binary.LittleEndian), used, all, nil
	case "utf-16be":
		return wide(raw, binary.BigEndian), used, all, nil
	}
	decoded, bad := charset.Decode(nil, raw)
	if bad >= 0 {
		return "", "", false, &core.Error{
			Op:   "look at " + core.EscapeControl(path),
			Msg:  fmt.Sprintf("byte %d, 0x%02x, is no %s", bad, raw[bad], charset.Name()),
			Hint: "say what it is, for example --encoding windows-1252 or --encoding euc-kr",
		}
	}
	return strings.TrimPrefix(string(decoded), "\ufeff"), used, all, nil
}

// beginning reads at most maxSample bytes, unpacked if the file is packed.
func beginning(path string) (raw []byte, all bool, err error) {
	in, err := infile.Open(path, infile.Options{Compression: infile.CompressionAuto, MaxRatio: 250})
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = in.Close() }() // only read from
	for len(in.Window()) < maxSample {
		err := in.More()
		if errors.Is(err, io.EOF) {
			return bytes.Clone(in.Window()), true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return bytes.Clone(in.Window()[:maxSample]), false, nil
}

// wide decodes UTF-16.
func wide(raw []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	text := strings.TrimPrefix(string(utf16.Decode(units)), "\ufeff")
	if end := strings.LastIndexByte(text, '\n'); len(raw) >= maxSample-1 && end >= 0 {
		return text[:end+1]
	}
	return text
}
