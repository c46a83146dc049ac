package streams_test

import (
	"errors"
	"io"
	"testing"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
)

func TestLook(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env     map[string]string
		pipe    bool
		width   int
		borders streams.Borders
		noColor bool
	}{
		"a terminal in UTF-8":          {env: map[string]string{"TERM": "xterm", "LANG": "ko_KR.UTF-8"}, borders: streams.BordersUnicode},
		"LC_ALL beats LANG":            {env: map[string]string{"TERM": "xterm", "LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, borders: streams.BordersASCII},
		"an empty LC_ALL is none":      {env: map[string]string{"TERM": "xterm", "LC_ALL": "", "LANG": "C.utf8"}, borders: streams.BordersUnicode},
		"LANG=C":                       {env: map[string]string{"TERM": "xterm", "LANG": "C"}, borders: streams.BordersASCII},
		"a dumb terminal":              {env: map[string]string{"TERM": "dumb", "LANG": "C.UTF-8"}, borders: streams.BordersASCII, noColor: true},
		"row 103 TERM is empty":        {env: map[string]string{"LANG": "C.UTF-8"}, borders: streams.BordersNone, noColor: true},
		"row 103 a width of one":       {env: map[string]string{"TERM": "xterm", "LANG": "C.UTF-8"}, width: 1, borders: streams.BordersNone},
		"a pipe":                       {env: map[string]string{"TERM": "xterm", "LANG": "C.UTF-8"}, pipe: true, borders: streams.BordersNone},
		"NO_COLOR is set":              {env: map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"}, borders: streams.BordersUnicode, noColor: true},
		"an empty NO_COLOR is not set": {env: map[string]string{"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": ""}, borders: streams.BordersUnicode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _, _ := streams.Test()
			s.OutTerminal, s.Width = !tc.pipe, tc.width
			s.Look(func(key string) (string, bool) { v, ok := tc.env[key]; return v, ok })
			if s.Borders != tc.borders || s.NoColor != tc.noColor {
				t.Errorf("borders %v, no colour %v; want %v, %v", s.Borders, s.NoColor, tc.borders, tc.noColor)
			}
		})
	}
}

func TestWriteErrorIsRemembered(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	s := streams.New(nil, failing{full}, io.Discard)
	if err := s.WriteError(); err != nil {
		t.Fatalf("before anything was written: %v", err)
	}
	for range 2 {
		if _, err := io.WriteString(s.Out, "report"); !errors.Is(err, full) {
			t.Errorf("Write = %v, want %v", err, full)
		}
	}
	if err := s.WriteError(); !errors.Is(err, full) {
		t.Errorf("WriteError = %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
