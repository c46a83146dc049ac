package csvfile_test

import (
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
	"github.com/batchctl/batchctl/internal/jobs/csvfile"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// TestNullText: what stands for null does so where it is not quoted, in any
// column, behind fields that have quotes, delimiters and line ends.
func TestNullText(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		more map[string]any
		want string // a value a field, - for null
	}{
		"bare":         {"a,NULL,NULL,b", nil, "a|-|-|b"},
		"quoted":       {`NULL,"NULL",7,"NULL"`, nil, "-|NULL|7|NULL"},
		"behind":       {"\"a,\"\"NULL,\"\"\nb\",NULL,NULL,\"x\"", nil, "a,\"NULL,\"\nb|-|-|x"},
		"last, quoted": {"\"a,\r\nb\",x,1,\"NULL\"\r\n", nil, "a,\r\nb|x|1|NULL"},
		"empty":        {`,"",,x`, nil, "||-|x"},
		"other case":   {"null,Null,1,NULL ", nil, "null|Null|1|NULL "},
		"no quotes":    {`NULL,"NULL",1,x`, map[string]any{"quote": ""}, `-|"NULL"|1|x`},
		"other quote":  {`NULL,'NULL',1,"NULL"`, map[string]any{"quote": "'"}, `-|NULL|1|"NULL"`},
		"filled up":    {`"x",NULL`, map[string]any{"ragged": "pad"}, "x|-|-|"},
		"cut":          {`x,NULL,1,"NULL",NULL,"`, map[string]any{"ragged": "cut", "quote": ""}, `x|-|1|"NULL"`},
		"encoded":      {"\"\xb0\xa1,\",NULL,1,\"NULL\"", map[string]any{"encoding": "euc-kr"}, "가,|-|1|NULL"},
		"required":     {"x,NULL,1,NULL", map[string]any{"required": []string{"d"}}, "d: a value is required, and this stands for null"},
		"and quoted":   {"x,NULL,1,\"NULL\"", map[string]any{"required": []string{"d"}}, "x|-|1|NULL"},
		"not a number": {`x,y,"NULL",z`, nil, "c: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := map[string]any{
				"file": file(t, "a,b,c,d\n"+tt.text), "null": "NULL",
				"types": []component.Pair{{Name: "a", Value: "string"}, {Name: "b", Value: "string"}, {Name: "c", Value: "long"}, {Name: "d", Value: "string"}},
			}
			maps.Copy(given, tt.more)
			got, err := readOne(t, given)
			if item, ok := errors.AsType[*core.ItemError](err); ok {
				got = item.Column + ": " + item.Msg
				if !strings.HasPrefix(got, tt.want) {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				return
			}
			if diff := cmp.Diff(got, tt.want); diff != "" || err != nil {
				t.Errorf("%v (-got +want):\n%s", err, diff)
			}
		})
	}
}

// readOne reads the only record of a file.
func readOne(tb testing.TB, given map[string]any) (string, error) {
	tb.Helper()
	source := csvfile.Source()
	v, err := component.NewValues(source.Spec, given)
	if err != nil {
		tb.Fatal(err)
	}
	schema, err := source.Schema(v)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := source.New(nil, v, schema)
	if err != nil {
		tb.Fatal(err)
	}
	stream := r.(core.ItemStream)
	mustOpen(tb, stream, nil)
	dst := make([]record.Record, 2)
	n, err := r.Read(tb.Context(), dst)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if n != 1 {
		tb.Fatalf("%d records", n)
	}
	var all []string
	for _, value := range dst[0].Values() {
		if value.IsNull() {
			all = append(all, "-")
		} else {
			all = append(all, value.Text())
		}
	}
	return strings.Join(all, "|"), nil
}
