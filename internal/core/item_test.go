package core_test

import (
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

type placed struct{ where string }

func (p placed) Where() string { return p.where }

type placedByPointer struct{ where string }

func (p *placedByPointer) Where() string { return p.where }

func TestWhereOf(t *testing.T) {
	t.Parallel()
	const want = "in.csv line 7"
	pointer := &placedByPointer{want}
	for name, got := range map[string]string{
		"value":             core.WhereOf(&placed{want}),
		"method of pointer": core.WhereOf(&placedByPointer{want}),
		"item is a pointer": core.WhereOf(&pointer),
	} {
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := core.WhereOf(new("no place")); got != "" {
		t.Errorf("an item that does not know: got %q", got)
	}
}

type originated struct{ core.Origin }

type sourced struct{ o core.Origin }

func (s *sourced) Origin() core.Origin { return s.o }

func TestOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		origin core.Origin
		want   string
	}{
		{"nothing is known", core.Origin{}, ""},
		{"a line", core.Origin{File: "in.csv", Line: 7, Record: 6}, "in.csv:7"},
		{"a record", core.Origin{File: "in.bin", Record: 6}, "in.bin: record 6"},
		{"a record of nothing named", core.Origin{Record: 6}, "record 6"},
		{"a key", core.Origin{Key: "A\x1b1"}, `key "A\x1b1"`},
		{"a file", core.Origin{File: "in\x1b.csv"}, `in\x1b.csv`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.origin.String(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			item := &sourced{tt.origin}
			if got := core.OriginOf(item); got != tt.origin {
				t.Errorf("of an item: got %+v", got)
			}
			if got := core.OriginOf(&item); got != tt.origin {
				t.Errorf("of a pointer to it: got %+v", got)
			}
			if got := core.WhereOf(item); got != tt.want {
				t.Errorf("in words: got %q, want %q", got, tt.want)
			}
		})
	}
	if got := core.OriginOf(&originated{core.Origin{Line: 1}}); got != (core.Origin{}) {
		t.Errorf("a field is no method: got %+v", got)
	}
}
