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
