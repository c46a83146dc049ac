package render

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// contexts writes the context of the job, and of each step of the outline that
// has one.
func (p *Printer) contexts(b *bytes.Buffer, x Execution, lines []line) error {
	if err := p.context(b, "context of the job", x.Context, x.OpaqueContext); err != nil {
		return err
	}
	for _, l := range lines {
		se := l.step
		if se == nil {
			continue
		}
		if err := p.context(b, "context of "+se.StepName, se.Context, se.OpaqueContext); err != nil {
			return err
		}
	}
	return nil
}

// context writes one context: the keys of the job itself first, then those that
// batchctl keeps.
func (p *Printer) context(b *bytes.Buffer, title string, ec core.ExecutionContext, opaque string) error {
	if len(ec) == 0 && opaque == "" {
		return nil
	}
	b.WriteString("\n" + core.EscapeControl(title) + "\n")
	if opaque != "" {
		return writeFacts(b, []fact{{name: "  written by another program", cell: Cell{Text: core.Quote(opaque)}}}, p.Style)
	}
	var own, framework []fact
	for _, key := range sortedKeys(ec) {
		f := fact{name: "  " + key, cell: Cell{Text: contextValue(ec[key])}}
		if isFrameworkKey(key) {
			f.cell.Tone = ToneDim
			framework = append(framework, f)
		} else {
			own = append(own, f)
		}
	}
	return writeFacts(b, append(own, framework...), p.Style)
}

func isFrameworkKey(key string) bool {
	return strings.HasPrefix(key, "batchctl.") || strings.HasPrefix(key, "batch.")
}

// contextValue shows a value such that its type can be seen: a string in
// quotes, cut where it is long, and a number with a point where it is a double.
func contextValue(value any) string {
	switch v := value.(type) {
	case string:
		return core.Quote(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".eIN") {
			text += ".0"
		}
		return text
	case bool:
		return strconv.FormatBool(v)
	}
	return "?" // a context holds nothing else
}

func sortedKeys(ec core.ExecutionContext) []string { return slices.Sorted(maps.Keys(ec)) }
