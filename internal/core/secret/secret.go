// Package secret has values that do not show themselves, and takes them out of
// text that others have made.
//
// A Masker looks for exact values. A job that encodes a secret, takes it apart
// or puts it into its own output is not found out.
package secret

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Masked stands for every secret.
const Masked = "***"

// Secret is the value of a secret parameter. However it is printed or encoded,
// Masked is what comes out.
type Secret struct{ value string }

// New returns value as a Secret.
func New(value string) Secret { return Secret{value} }

// Reveal returns the value. Hand it to what needs it, and keep it nowhere.
func (s Secret) Reveal() string { return s.value }

// String implements fmt.Stringer.
func (Secret) String() string { return Masked }

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Masked) } // as fmt does

// MarshalText implements encoding.TextMarshaler, which JSON and slog heed too.
func (Secret) MarshalText() ([]byte, error) { return []byte(Masked), nil }

// MinMasked is the shortest text that is masked, in characters: masking a
// shorter one would spoil more than it hides, and tell where it stood.
const MinMasked = 6

// Masker replaces secrets in text. The zero value knows none, and nil neither.
// It is safe for concurrent use.
type Masker struct {
	mu       sync.RWMutex
	forms    []string // longest first
	replacer *strings.Replacer
}

// Hide adds texts to those that Mask replaces; shorter ones than MinMasked are
// left out.
func (m *Masker) Hide(texts ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, text := range texts {
		if utf8.RuneCountInString(text) >= MinMasked && !slices.Contains(m.forms, text) {
			m.forms = append(m.forms, text)
		}
	}
	// Of two that begin at the same place the replacer takes the first.
	slices.SortFunc(m.forms, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	pairs := make([]string, 0, 2*len(m.forms))
	for _, form := range m.forms {
		pairs = append(pairs, form, Masked)
	}
	m.replacer = strings.NewReplacer(pairs...)
}

// Empty reports whether there is nothing that Mask would replace.
func (m *Masker) Empty() bool {
	if m == nil {
		return true
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.forms) == 0
}

// Mask returns text with every text that was hidden replaced by Masked.
func (m *Masker) Mask(text string) string {
	if m.Empty() {
		return text
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.replacer.Replace(text)
}
