package codec_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// TestStoredContexts reads contexts that were stored by earlier programs. Never
// change the files: add new ones.
// storedRules are the rules of which the stored files are the examples. What
// Java has serialized is kept, and not read.
var storedRules = map[string]string{
	"java-stream.txt": "CTX-07", "spring-4.3.json": "CTX-08", "batchctl-1.json": "CTX-08", "jackson-3.json": "CTX-09",
}

func TestStoredContexts(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]core.ExecutionContext{
		"spring-4.3.json": {
			"FlatFileItemReader.read.count": int64(10), "batch.version": "4.3.10", "total": int64(5),
			"rate": float64(5), "done": false,
		},
		"jackson-3.json": {
			"batch.taskletType": "org.springframework.batch.core.step.item.ChunkOrientedTasklet",
			"big":               int64(1 << 32), "ratio": 1.5e-7,
		},
		"batchctl-1.json": {
			"batchctl.chunk": int64(3), "batchctl.lineage": "00112233445566778899aabbccddeeff",
			"name": "이름 😀", "rate": 1e7,
		},
		"java-stream.txt": nil,
	} {
		t.Run(storedRules[file]+" "+file, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("testdata", "contexts", file))
			if err != nil {
				t.Fatal(err)
			}
			got, kept, err := codec.DecodeContext(string(text), nil)
			if kept != string(text) {
				t.Errorf("got text %q, want it as stored", kept)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if opaque := errors.Is(err, codec.ErrOpaqueContext); opaque != (want == nil) {
				t.Errorf("got error %v", err)
			}
			if !strings.HasPrefix(file, "batchctl") {
				return
			}
			again, err := codec.MarshalContext(got)
			if err != nil || again != string(text) {
				t.Errorf("written again: %v\n%s\nstored:\n%s", err, again, text)
			}
		})
	}
}

func TestMarshalContext(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ec   core.ExecutionContext
		want string
	}{
		"nil":                                   {nil, `{"@class":"java.util.HashMap"}`},
		"CTX-11 5":                              {core.ExecutionContext{"d": float64(5)}, `{"@class":"java.util.HashMap","d":5.0}`},
		"exponent":                              {core.ExecutionContext{"d": 1e21}, `{"@class":"java.util.HashMap","d":1.0E21}`},
		"CTX-08 @class first, then keys ascend": {core.ExecutionContext{"b": true, "a": false}, `{"@class":"java.util.HashMap","a":false,"b":true}`},
		"least long":                            {core.ExecutionContext{"l": int64(math.MinInt64)}, `{"@class":"java.util.HashMap","l":["java.lang.Long",-9223372036854775808]}`},
		"escapes":                               {core.ExecutionContext{"s": "\"\\/\n\t\r\x00\x7f"}, `{"@class":"java.util.HashMap","s":"\"\\/\n\t\u000d\u0000\u007f"}`},
		"beyond ASCII":                          {core.ExecutionContext{"이": "é😀"}, `{"@class":"java.util.HashMap","\uc774":"\u00e9\ud83d\ude00"}`},
		"an empty key":                          {core.ExecutionContext{"": ""}, `{"@class":"java.util.HashMap","":""}`},
		"a replacement rune":                    {core.ExecutionContext{"s": "\uFFFD"}, `{"@class":"java.util.HashMap","s":"\ufffd"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.MarshalContext(tt.ec)
			if err != nil || got != tt.want {
				t.Errorf("got %s, %v\nwant %s", got, err, tt.want)
			}
		})
	}
	for name, ec := range map[string]core.ExecutionContext{
		"NaN":                 {"d": math.NaN()},
		"int":                 {"i": 5},
		"the class of a map":  {"@class": "java.util.HashMap"},
		"key that is no text": {"\xff": "v"},
		"text that is none":   {"k": "\xff"},
	} {
		t.Run("refused: "+name, func(t *testing.T) {
			t.Parallel()
			if got, err := codec.MarshalContext(ec); err == nil {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestOpaqueContexts(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                       "",
		"not JSON":                    "{'a':1}",
		"an array":                    `["java.util.HashMap",{}]`,
		"trailing text":               `{} x`,
		"nested object":               `{"a":{"@class":"java.util.HashMap"}}`,
		"array":                       `{"a":[1,2]}`,
		"list":                        `{"a":["java.util.ArrayList",["x"]]}`,
		"wrapped string":              `{"a":["java.util.UUID","x"]}`,
		"one element":                 `{"a":["java.lang.Long"]}`,
		"three elements":              `{"a":["java.lang.Long",1,2]}`,
		"float":                       `{"a":["java.lang.Float",0.1]}`,
		"not a number":                `{"a":["java.lang.Double","NaN"]}`,
		"null":                        `{"a":null}`,
		"duplicate key":               `{"a":1,"a":2}`,
		"foreign class":               `{"@class":"com.example.Context","a":1}`,
		"class that is no text":       `{"@class":5}`,
		"integer beyond 32 bits":      `{"a":["java.lang.Integer",4294967296]}`,
		"long with a fraction":        `{"a":["java.lang.Long",1.5]}`,
		"integer beyond 64 bits":      `{"a":9223372036854775808}`,
		"double beyond range":         `{"a":1e999}`,
		"lone high surrogate":         `{"a":"\ud800"}`,
		"lone low surrogate":          `{"a":"\udc00"}`,
		"high surrogate and text":     `{"a":"\ud800x"}`,
		"two high surrogates":         `{"a":"\ud800\ud800"}`,
		"invalid UTF-8":               "{\"a\":\"\xff\"}",
		"CTX-07 a Java object stream": "rO0ABXNy",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.UnmarshalContext(text)
			if !errors.Is(err, codec.ErrOpaqueContext) || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestUnmarshalContext(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want core.ExecutionContext
	}{
		"CTX-06 Integer and Long":    {`{"i":5,"j":["java.lang.Integer",5],"l":["java.lang.Long",5]}`, core.ExecutionContext{"i": int64(5), "j": int64(5), "l": int64(5)}},
		"escaped backslash before u": {`{"a":"\\ud800"}`, core.ExecutionContext{"a": `\ud800`}},
		"surrogate pair":             {`{"a":"\ud83d\ude00"}`, core.ExecutionContext{"a": "😀"}},
		"wrapped double":             {`{"a":["java.lang.Double",5]}`, core.ExecutionContext{"a": float64(5)}},
		"class behind a key":         {`{"a":true,"@class":"java.util.concurrent.ConcurrentHashMap"}`, core.ExecutionContext{"a": true}},
		"CTX-12 folded":              {"{\"a\":\"\u00ed\u0099\u008d\"}", core.ExecutionContext{"a": "홍"}},
		"plain UTF-8":                {`{"a":"홍"}`, core.ExecutionContext{"a": "홍"}},
		"plain Latin-1 character":    {`{"a":"é"}`, core.ExecutionContext{"a": "é"}},
		"minus zero":                 {`{"a":-0.0}`, core.ExecutionContext{"a": math.Copysign(0, -1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.UnmarshalContext(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// contexts draws any context that can be stored.
func contexts() *rapid.Generator[core.ExecutionContext] {
	value := rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Int64(), func(i int64) any { return i }),
		rapid.Map(rapid.Float64(), func(f float64) any { return f }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
	)
	key := rapid.String().Filter(func(s string) bool { return s != "@class" })
	return rapid.Map(rapid.MapOf(key, value), func(m map[string]any) core.ExecutionContext { return m })
}

func TestContextRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := contexts().Draw(t, "context")
		short, serialized, err := codec.EncodeContext(want)
		if err != nil {
			t.Fatal(err)
		}
		long, isLong := serialized.(string)
		column := &long
		if !isLong {
			column = nil
		}
		if units := codec.UTF16Len(short); units > 2500 || isLong && (units != 2496 || len(long) <= 2500) {
			t.Fatalf("got %d units in the short column, %d in the long one", units, len(long))
		}
		got, text, err := codec.DecodeContext(short, column)
		if err != nil || !want.Equal(got) {
			t.Fatalf("got %v, %v\nwant %v", got, err, want)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Fatalf("%q is not plain ASCII", text)
		}
	})
}

func FuzzUnmarshalContext(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "contexts", "*"))
	if err != nil || len(files) == 0 {
		f.Fatal("no stored contexts", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"a":"\ud83d\ude00\\u","b":["java.lang.Integer",-1]}`)
	f.Add("{\"a\":\"\u00ed\u0099\u008d\"}")
	f.Fuzz(func(t *testing.T, text string) {
		ec, err := codec.UnmarshalContext(text)
		if err != nil {
			if ec != nil || !errors.Is(err, codec.ErrOpaqueContext) {
				t.Fatalf("got %v, %v", ec, err)
			}
			return
		}
		again, err := codec.MarshalContext(ec)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, err := codec.UnmarshalContext(again)
		if err != nil || !back.Equal(ec) {
			t.Fatalf("got %v, %v\nwant %v", back, err, ec)
		}
	})
}
