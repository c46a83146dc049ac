package definition

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/component"
)

// shellVariable is how shells and other tools name a value.
var shellVariable = lateRegexp(`\$\{([A-Za-z_][\w.-]*)\}`)

// foreign reports a value that is written as it is elsewhere, and means nothing
// here: it would be taken as it is.
func (w *walker) foreign(t Text, k *key, kd kind, name string) bool {
	if at := shellVariable().FindStringSubmatchIndex(t.Value); at != nil && replaces(k, kd) {
		variable := t.Value[at[2]:at[3]]
		hint := fmt.Sprintf("write #{jobParameters['%s']}, or #{env['%[1]s']} for a variable of the environment", variable)
		if variable == strings.ToUpper(variable) {
			hint = fmt.Sprintf("write #{env['%s']}, or #{jobParameters['%[1]s']} for a parameter", variable)
		}
		if !k.late {
			hint = "write the value out"
		}
		w.add(w.placeIn(t, at[0]), hint, "%s: %s means nothing here, and would stay in the text", name, t.Value[at[0]:at[1]])
		return true
	}
	if inner, ok := typographic(t.Value); ok && !t.Quoted && kd != kindText && kd != kindScript {
		w.add(t.Pos(), `write straight quotes: "`+inner+`"`, "%s: these quotes are part of the text, for to YAML only straight ones are quotes", name)
		return true
	}
	return false
}

// replaces reports whether values are put into such a text, or into others of its
// kind: not into templates, and commands have a shell that knows ${NAME}.
func replaces(k *key, kd kind) bool {
	switch {
	case kd != kindText && kd != kindPath && kd != kindOption, k.keys == kindEnvName,
		slices.Contains([]string{"command", "check", "header-template", "footer-template"}, k.name):
		return false
	}
	return k.late || kd == kindPath || k.name == "default"
}

// typographic returns what stands in a text between quotes of print.
func typographic(text string) (inner string, ok bool) {
	const opens, closes = "“”„‟‘’‚‛«»", "“”‟‘’‛«»"
	first, n := utf8.DecodeRuneInString(text)
	last, m := utf8.DecodeLastRuneInString(text)
	if len(text) < n+m || !strings.ContainsRune(opens, first) || !strings.ContainsRune(closes, last) {
		return "", false
	}
	return text[n : len(text)-m], true
}

// withoutSpaces takes spaces away that look like others and are none.
func withoutSpaces(name string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII && unicode.IsSpace(r) {
			return -1
		}
		return r
	}, name)
}

// whole reports values of a map in braces that a comma in round brackets has torn
// apart, as in {amount: decimal(12,2)}, and returns the map without them.
func (w *walker) whole(n *yaml.Node, k *key) *yaml.Node {
	if n.Style&yaml.FlowStyle == 0 {
		return n
	}
	plain := func(c *yaml.Node) bool { return c.Kind == yaml.ScalarNode && c.Style&^yaml.TaggedStyle == 0 }
	open := func(text string) int { return strings.Count(text, "(") - strings.Count(text, ")") }
	rest := *n
	rest.Content = nil
	for i := 0; i+1 < len(n.Content); {
		v := n.Content[i+1]
		end, depth := i+2, open(v.Value)
		pieces := []string{v.Value}
		for ; plain(v) && depth > 0 && end+1 < len(n.Content) && plain(n.Content[end]) && plain(n.Content[end+1]) && n.Content[end+1].Value == ""; end += 2 {
			pieces = append(pieces, n.Content[end].Value)
			depth += open(n.Content[end].Value)
		}
		if depth != 0 || end == i+2 {
			rest.Content = append(rest.Content, n.Content[i], v)
			i += 2
			continue
		}
		i = end
		w.add(Pos{v.Line, v.Column}, tornHint(pieces, k), "between { and } a comma begins the next entry, so that %s is all that is read", core.Quote(v.Value))
	}
	return &rest
}

// tornHint says how to write a value that was torn apart.
func tornHint(pieces []string, k *key) string {
	whole := strings.Join(pieces, ", ")
	if k.kind == kindColumnType || k.kind == kindEnum {
		whole = strings.Join(pieces, ",")
		base, digits, _ := strings.Cut(whole, "(")
		ours := or(typesElsewhere()[strings.ToLower(base)], base)
		switch {
		case ours == "decimal" && k.kind == kindColumnType:
			return `put it into quotes: "` + ours + "(" + digits + `", or write decimal, without bounds`
		case slices.Contains(columnTypes, ours):
			return "write " + ours
		}
	}
	return `put it into quotes: "` + whole + `"`
}

// parameterType says which type a parameter takes in place of one that columns
// have, or other languages.
func parameterType(v string, types []string) string {
	if !slices.Equal(types, parameterTypes) {
		return ""
	}
	switch strings.ToLower(v) {
	case "decimal", "numeric", "number", "money":
		return "no parameter is a decimal: take string, and write decimal(jobParameters['name']) in expressions"
	case "datetime", "timestamp", "time":
		return "a date may have a time: write date"
	case "bool", "boolean":
		return "write type: string, one-of: [\"true\", \"false\"]"
	case "file", "folder", "directory":
		return "that is called path here"
	case "password":
		return "that is called secret here"
	}
	return ""
}

// sizedType says what a type of a column with a size is called here.
func sizedType(v string) string {
	base, size, sized := strings.Cut(v, "(")
	ours := typesElsewhere()[strings.ToLower(strings.TrimSpace(base))]
	switch {
	case !sized || ours == "":
		return ""
	case ours == "decimal":
		return "that is called decimal(" + size + " here"
	}
	return "that is called " + ours + " here"
}

// wholeClass says which class is meant by the last word of its name, or by what
// databases call it.
func wholeClass(v string) string {
	last := v[strings.LastIndexByte(v, '.')+1:]
	switch strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(last)) {
	case "unique", "duplicate", "duplicatekey", "primarykey", "foreignkey", "notnull", "integrity":
		last = "constraint"
	case "locked", "lock", "deadlock":
		last = "busy"
	case "format", "syntax":
		last = "parse"
	}
	var meant []string
	for _, class := range errorClasses() {
		if strings.HasSuffix(class.name, "."+last) && class.name != v {
			meant = append(meant, class.name)
		}
	}
	if meant == nil {
		return ""
	}
	return "did you mean " + listed(meant, "or") + "?"
}

// escaped says how an escape is written that stands for one character.
func escaped(v string, k *key) string {
	if k.option.Type == component.Char && len(v) > 1 && v[0] == '\\' {
		return `write "` + v + `" in double quotes: only between them ` + v + " is one character"
	}
	return ""
}
