package sqlitem

import "strings"

// Interner keeps values that come again and again, such as currencies and
// dates, in the form in which they are bound, so that binding them allocates
// nothing. It holds a bounded number of them and starts anew when it is full.
// It is not safe for concurrent use.
type Interner struct {
	limit   int
	strings map[string]any
}

// NewInterner returns an Interner of at most limit values.
func NewInterner(limit int) *Interner {
	return &Interner{limit: max(limit, 1), strings: map[string]any{}}
}

// String returns s as a value to bind. It keeps a copy, never s itself, which
// may be a part of something large.
func (in *Interner) String(s string) any {
	if boxed, ok := in.strings[s]; ok {
		return boxed
	}
	if len(in.strings) >= in.limit {
		clear(in.strings)
	}
	s = strings.Clone(s)
	var boxed any = s
	in.strings[s] = boxed
	return boxed
}
