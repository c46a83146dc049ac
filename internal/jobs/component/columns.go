package component

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/record"
)

// OptionResource names the option of a database. In the hands of a constructor it
// is the path of the database's file, or, for the repository's own, ResourceRepository
// or nothing.
const (
	OptionResource     = "resource"
	ResourceRepository = "repository"
)

// Names of the options from which a schema is made.
const (
	OptionColumns  = "columns"
	OptionTypes    = "types"
	OptionRequired = "required"
)

// MakeSchema makes a schema of names, or of the names in types when there are
// none. A name without a type is a string; a type without its name is refused, as
// is one that is required. The error joins all that is wrong.
func MakeSchema(names []string, types []Pair, required []string) (*record.Schema, error) {
	if len(names) == 0 {
		for _, p := range types {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return nil, &OptionError{
			Option: OptionTypes, Msg: "no columns are declared: what is read has to be known before anything is",
			Hint: "types: {id: long, name: string}",
		}
	}
	var wrong []error
	columns := make([]record.Column, len(names))
	for i, name := range names {
		columns[i] = record.Column{Name: name, Kind: record.String}
	}
	for _, p := range types {
		i := slices.Index(names, p.Name)
		if i < 0 {
			wrong = append(wrong, noColumn(OptionTypes, p.Name, names))
			continue
		}
		c, err := record.ParseColumn(p.Name, p.Value)
		if err != nil {
			wrong = append(wrong, &OptionError{
				Option: OptionTypes, Entry: p.Name, Msg: "column " + core.Quote(p.Name) + ": " + err.Error(), Hint: core.Hint(err),
			})
			continue
		}
		columns[i] = c
	}
	for _, name := range required {
		i := slices.Index(names, name)
		if i < 0 {
			wrong = append(wrong, noColumn(OptionRequired, name, names))
			continue
		}
		columns[i].Required = true
	}
	schema, err := record.NewSchema(columns...)
	if err != nil {
		wrong = append(wrong, &OptionError{Option: OptionColumns, Msg: err.Error()})
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return schema, nil
}

func noColumn(option, name string, names []string) error {
	return &OptionError{Option: option, Entry: name, Msg: "there is no column " + core.Quote(name), Hint: didYouMean(name, names)}
}

func didYouMean(name string, names []string) string {
	if near := core.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("there are %s, and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return "there are " + strings.Join(names, ", ")
}

// Pick returns the positions in schema of the columns that an option names, those
// of all when it names none.
func Pick(option string, names []string, schema *record.Schema) ([]int, error) {
	if len(names) == 0 {
		names = schema.Names()
	}
	at := make([]int, len(names))
	for i, name := range names {
		k, ok := schema.Index(name)
		switch {
		case !ok:
			return nil, noColumn(option, name, schema.Names())
		case slices.Contains(names[:i], name):
			return nil, Wrong(option, "column %s is there twice", core.Quote(name))
		}
		at[i] = k
	}
	return at, nil
}
