package scaffold

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// SchemaFile is the name of the schema that the first line of a definition names
// for editors.
const SchemaFile = "batchctl.schema.json"

// Table returns the name of the table that a job of that name gets.
func Table(job string) string {
	name := identifier(job, "records", map[string]bool{})
	if upper := strings.ToUpper(name); strings.HasPrefix(upper, "BATCH_") || strings.HasPrefix(upper, "BATCHCTL_") || strings.HasPrefix(upper, "SQLITE_") {
		return "import_" + name
	}
	return name
}

// Definition returns the text of the definition of a job that reads files such as
// the one that was looked at; file is what its first line of use names.
func (g *Guess) Definition(job, file string) string {
	var b strings.Builder
	table := Table(job)
	fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\n#\n", SchemaFile)
	fmt.Fprintf(&b, "# Reads a file into the table %s of the repository's database. Made by a look at\n# %s of %s; what is not right is for you to change.\n",
		table, g.looked(), quoteComment(file))
	for _, remark := range slices.Concat(g.Notes(), g.Remarks()) {
		fmt.Fprintf(&b, "#\n# %s.\n", remark)
	}
	fmt.Fprintf(&b, "job: %s\n", word(job))
	fmt.Fprintf(&b, "description: %s\n", word("read a CSV file into the table "+table))
	b.WriteString(`parameters:
  file: {type: path, required: true, description: "the file to read; each file is an instance of its own"}
  skipLimit: {type: long, default: 0, identifying: false, description: "how many bad records are rejected before the job fails"}
steps:
  - step: createTable
    sql:
      statements:
        - |
`)
	fmt.Fprintf(&b, "          CREATE TABLE IF NOT EXISTS %q (\n", table)
	for i, c := range g.Columns {
		comma := ","
		if i == len(g.Columns)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "            %q %s%s\n", c.To, g.sqlType(c), comma)
	}
	b.WriteString("          )\n")
	b.WriteString("  - step: load\n    chunk:\n      reader:\n        csv:\n          file: \"#{jobParameters['file']}\"\n")
	g.options(&b)
	g.processor(&b)
	fmt.Fprintf(&b, "      writer:\n        sql:\n          table: %s\n", table)
	if g.renames() {
		targets := make([]string, len(g.Columns))
		for i, c := range g.Columns {
			targets[i] = word(c.To)
		}
		fmt.Fprintf(&b, "          columns: [%s]\n", strings.Join(targets, ", "))
	}
	b.WriteString(`      skip:
        limit: "#{jobParameters['skipLimit']}"
        include: [read.parse, process, write.constraint]
        to: "#{jobParameters['file']}.rejects.jsonl"
`)
	return b.String()
}

func (g *Guess) looked() string {
	if g.All {
		return fmt.Sprintf("all %d records", g.Records)
	}
	return fmt.Sprintf("the first %d records", g.Records)
}

// options are those of the reader that differ from what it takes by itself.
func (g *Guess) options(b *strings.Builder) {
	if g.Delimiter != "," {
		fmt.Fprintf(b, "          delimiter: %q\n", g.Delimiter)
	}
	if g.Encoding != "" {
		fmt.Fprintf(b, "          encoding: %s\n", g.Encoding)
	}
	if g.OneLine {
		b.WriteString("          # No value that was looked at holds a line end; leave this out if some may.\n          multiline: false\n")
	}
	if g.Skip > 0 {
		fmt.Fprintf(b, "          # %s.\n", g.above())
	}
	switch {
	case g.Unnamed:
		fmt.Fprintf(b, "          skip-lines: %d\n", g.header)
	case g.Skip > 0:
		fmt.Fprintf(b, "          skip-lines: %d\n", g.Skip)
	}
	if !g.Header {
		names := make([]string, len(g.Columns))
		for i, c := range g.Columns {
			names[i] = word(c.Name)
		}
		fmt.Fprintf(b, "          header: false\n          columns: [%s]\n", strings.Join(names, ", "))
	}
	b.WriteString("          types:\n")
	for _, c := range g.Columns {
		kind := c.Kind
		if c.Notation != nil {
			kind = record.String // for the processor to convert
		}
		fmt.Fprintf(b, "            %s: %s\n", word(c.Name), kind)
	}
	if g.Key != "" {
		fmt.Fprintf(b, "          required: [%s]\n", word(g.Key))
	}
}

func (g *Guess) renames() bool {
	return slices.ContainsFunc(g.Columns, func(c Column) bool { return c.Name != c.To })
}

// processor checks and converts what has a notation, and sets columns of the names
// that the table has.
func (g *Guess) processor(b *strings.Builder) {
	if !g.renames() && !slices.ContainsFunc(g.Columns, func(c Column) bool { return c.Notation != nil }) {
		return
	}
	b.WriteString("      processor:\n")
	for _, c := range g.Columns {
		if c.Notation != nil && c.Kind == record.Decimal { // date() is strict by itself
			value := c.value()
			fmt.Fprintf(b, "        - validate: %s\n", word(fmt.Sprintf("coalesce(%s, '') == '' || %s matches '%s'", value, value, c.Notation.form)))
			fmt.Fprintf(b, "          message: %s\n", word("want a decimal written as "+c.Notation.Name))
		}
	}
	b.WriteString("        - set:\n")
	for _, c := range g.Columns {
		switch value := c.value(); {
		case c.Notation != nil:
			made := strings.ReplaceAll(c.Notation.make, "$", value)
			fmt.Fprintf(b, "            %s: %s\n", word(c.To), word(fmt.Sprintf("coalesce(%s, '') == '' ? null : %s", value, made)))
		case c.Name != c.To:
			fmt.Fprintf(b, "            %s: %s\n", word(c.To), word(value))
		}
	}
}

// value is the expression for the column of the file.
func (c Column) value() string {
	return "record['" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(c.Name) + "']"
}

func (g *Guess) sqlType(c Column) string {
	kind := "TEXT"
	if c.Kind == record.Long || c.Kind == record.Bool {
		kind = "INTEGER"
	}
	if c.Name == g.Key {
		return kind + " NOT NULL PRIMARY KEY"
	}
	return kind
}

// plain are texts that YAML takes for texts without quotes, whatever they say.
var plain = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*$`) })

// retyped are texts that other readers of YAML, as editors, take for something
// else.
var retyped = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// word writes a text so that YAML reads that text.
func word(text string) string {
	if plain().MatchString(text) && !slices.Contains(retyped, strings.ToLower(text)) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func quoteComment(text string) string {
	if plain().MatchString(strings.NewReplacer(".", "", "/", "", "-", "").Replace(text)) {
		return text
	}
	return fmt.Sprintf("%q", text)
}
