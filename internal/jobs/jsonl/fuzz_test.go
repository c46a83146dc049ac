package jsonl_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// FuzzJSONL: whatever a line holds, reading it ends, and what is accepted is JSON
// for encoding/json as well.
func FuzzJSONL(f *testing.F) {
	for _, line := range []string{
		"", "{}", `{"a":1}`, `{"a":{"b":[1,"x",null,true]}}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud800"}`, `{"a":1}{}`, `{"a":1,"a":2}`,
		`{"a":-0.0e+1}`, "{\"a\":\"\xff\"}", `[`, `{"a":[[[[[[]]]]]]}`, "\ufeff{}", "{\"a\":1}\r\n\n{\"a\":2}",
	} {
		f.Add(line)
	}
	path := filepath.Join(f.TempDir(), "in.jsonl")
	f.Fuzz(func(t *testing.T, text string) {
		got := read(t, text, map[string]any{"file": path, "types": pairs("a", "string", "b", "decimal"), "paths": pairs("b", "a2.b[0]"), "max-record": int64(256)})
		one := len(got) == 1 && len(got[0]) > 7 && (got[0][:7] == "string:" || got[0][:5] == "null:")
		if one && utf8.ValidString(text) && text[0] == '{' && text[len(text)-1] == '}' && !json.Valid([]byte(text)) {
			t.Errorf("%q is accepted as %q", text, got[0])
		}
	})
}
