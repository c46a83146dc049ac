package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

func newSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of job definitions, for editors",
		Long: `Print the JSON Schema of job definitions. An editor that knows the YAML language
server completes and checks a definition whose first line is

  # yaml-language-server: $schema=batchctl.schema.json

when the schema lies beside it.`,
		Example: "  batchctl schema > jobs/batchctl.schema.json",
		Args:    exactly(0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.streams.Out.Write(definition.NewParser(all.Catalog()).Schema())
			return err
		},
	}
}

// definitionsHelp is the help topic on definitions.
const definitionsHelp = `A job is a YAML file in a folder of definitions: ./jobs, or what --jobs or
BATCHCTL_JOBS names. This one makes a table and reads a CSV file into it:

%s
"batchctl new JOB --from FILE.csv" writes one like it for your own file.
"batchctl validate" finds what is wrong before anything runs, "batchctl plan JOB"
tells what a run would do, and "batchctl jobs show JOB" what a job takes.

Every key and every reader and writer is in "batchctl docs components", every
function of expressions in "batchctl docs expressions". For the editor there is
"batchctl schema > jobs/batchctl.schema.json".

The text of the definition is kept with each execution, and with it that of the
files of SQL statements that it names. A failed run is not resumed under another
one, unless you say --new-definition. Scripts and programs that commands run are
no part of it: what they do is theirs to keep.

A file that a step writes is FILE.part until the step has ended, and is never
appended to: nobody reads half of it, and a restart knows its own. What a run that
failed has committed there is its own: another run that would write FILE exits 7
until the first is restarted or abandoned.
`

const definitionsExample = `  job: readings
  parameters: {file: {type: path, required: true}}
  steps:
    - step: createTable
      sql: {statements: ["CREATE TABLE IF NOT EXISTS reading (id INTEGER PRIMARY KEY, value TEXT)"]}
    - step: load
      chunk:
        reader: {csv: {file: "#{jobParameters['file']}", types: {id: long, value: decimal}}}
        processor: [{filter: "value > 0"}]
        writer: {sql: {table: reading}}
`

func definitionsTopic() string { return fmt.Sprintf(definitionsHelp, definitionsExample) }
