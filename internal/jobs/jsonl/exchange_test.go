package jsonl_test

import (
	"errors"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/jsonl"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// What is sent comes back as it was, to the last digit.
func TestExchange(t *testing.T) {
	t.Parallel()
	schema, err := record.NewSchema(
		record.Column{Name: "n", Kind: record.Long}, record.Column{Name: "d", Kind: record.Decimal},
		record.Column{Name: "s", Kind: record.String}, record.Column{Name: "b", Kind: record.Bool},
	)
	if err != nil {
		t.Fatal(err)
	}
	encoder, decoder := jsonl.NewEncoder(schema), jsonl.NewDecoder(schema, nil)
	const line = `{"n":9223372036854775807,"d":0.10000000000000001,"s":"a\n\"\u0085","b":null}`
	for range 2 { // nothing is left of the line before
		r, err := decoder.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		for i := range schema.Len() {
			if !decoder.Has(i) {
				t.Errorf("column %d is said not to be there", i)
			}
		}
		if got, err := encoder.Append(nil, &r); err != nil || string(got) != line+"\n" {
			t.Errorf("got %s, %v", got, err)
		}
		if r, err = decoder.Decode([]byte(`{"s":"x"}`)); err != nil || decoder.Has(0) || !decoder.Has(2) || !r.Value(0).IsNull() {
			t.Errorf("of one column: %v, %v", r.Values(), err)
		}
	}
	for text, column := range map[string]string{
		`{"n":1.5}`: "n", `{"b":"true"}`: "b", `{"other":1}`: "", `{"s":"x","s":"y"}`: "", `{} {}`: "", ``: "",
	} {
		_, err := decoder.Decode([]byte(text))
		if bad, ok := errors.AsType[*core.ItemError](err); !ok || bad.Column != column {
			t.Errorf("%s: got %v, want an error about column %q", text, err, column)
		}
	}
}
