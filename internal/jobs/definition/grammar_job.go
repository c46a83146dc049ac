package definition

import (
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/expr"
)

// parameterTypes are the types of parameters as they are declared.
var parameterTypes = []string{"string", "long", "double", "date", "path", "secret"}

// fileBlocks are the outermost blocks.
func fileBlocks(g *grammar) {
	g.block(block{
		name: blockFile, help: "A file holds one job.",
		keys: []key{
			{name: "job", kind: kindJobName, required: true, help: "The name of the job: at most 100 characters.", known: []string{"name", "id"}},
			{name: "description", help: "What the job does, in one line."},
			{name: "restartable", kind: kindBool, preset: "true", help: "Whether a failed or stopped instance may be started again.", known: []string{"prevent-restart"}},
			{name: "parameters", shape: named, of: "parameter", keys: kindParam, empty: true, help: "Declared parameters. No other is accepted, unless the key is absent.", known: []string{"params"}},
			{name: "incrementer", kind: kindParam, help: "The long or date parameter that next moves on."},
			{name: "properties", shape: texts, keys: kindName, late: true, empty: true, help: "Texts to use as #{jobProperties['name']}."},
			{name: "resources", shape: named, of: "resource", keys: kindName, empty: true, help: "Databases by name. The name repository always means the repository's own.", known: []string{"databases"}},
			{name: "listeners", shape: one, of: "job listeners", help: "Commands that run beside the job and its steps.", known: []string{"hooks"}},
			{name: "steps", shape: many, of: "element", required: true, help: "What the job does; the first element starts.", known: []string{"flow", "elements"}},
		},
		example: "job: importReadings\nparameters:\n  file: {type: path, required: true}\nsteps:\n  - step: load\n    exec: {command: [./load, \"#{jobParameters['file']}\"]}\n",
	})
	g.block(block{
		name: "parameter", help: "A job parameter.",
		keys: []key{
			{name: "type", kind: kindEnum, values: parameterTypes, preset: "string", help: "A path is made absolute at the launch, from the working directory on; a secret takes env:NAME or file:PATH, and is given to the env of commands only."},
			{name: "required", kind: kindBool, preset: "false", help: "Whether a launch without it is refused. An empty text is a value, which a pattern such as .+ refuses; an empty path is none."},
			{name: "default", empty: true, help: "The value where none is given. A path begins at the folder of the definition, as all that stand in it; a date is a day, or @yesterday and the like, which each launch resolves and stores."},
			{name: "identifying", kind: kindBool, preset: "true", help: "Whether another value means another instance."},
			{name: "pattern", kind: kindRegexp, help: "A regular expression that the whole value must match."},
			{name: "one-of", shape: list, help: "The values that are allowed.", known: []string{"values", "allowed", "enum"}},
			{name: "within", kind: kindPath, help: "Of a path: the folder that it must not lead out of, by .. or a symbolic link. A launch looks at it once.", known: []string{"base-dir", "basedir", "folder"}},
			{name: "description", help: "What it is for, in one line.", known: []string{"help"}},
		},
		example: "requestDate: {type: date, required: true}\n",
	})
	g.block(block{
		name: "resource", help: "A database.",
		keys: []key{
			{name: "driver", kind: kindEnum, values: []string{"sqlite"}, required: true, help: "What kind of database it is.", known: []string{"type"}},
			{name: "dsn", kind: kindPath, late: true, required: true, help: "The file, relative to the folder of the definition.", known: []string{"url", "file", "path"}},
			{name: "create", kind: kindBool, preset: "false", help: "Whether a sql step makes the file when it is not there. Nothing else ever does: a reader or writer with a misspelt path finds no database."},
		},
		example: "ledger: {driver: sqlite, dsn: \"#{env['LEDGER_DB'] ?: 'ledger.db'}\"}\n",
	})
	g.block(block{
		name: "job listeners", help: "Commands with the environment of an exec and more. One before fails what it is before; one after is told and logged, and undoes nothing.",
		keys: append([]key{
			{name: "before-job", shape: one, of: "exec", help: "Runs before the first step."},
			{name: "after-job", shape: one, of: "exec", help: "Runs when the job has ended, however."},
		}, stepHooks()...),
		variables: hookVariables(),
		example:   "after-job: {command: [./notify]}\n",
	})
	g.block(block{name: "step listeners", help: "As job listeners, for one step.", keys: stepHooks()})
}

// stepFields says what an expression may ask of a step.
func stepFields() string {
	return "steps['id'] has " + listed(expr.StepFields(), "and") + ": the counts are those of all attempts, and all of it is null as long as the step has not run."
}

func stepHooks() []key {
	return []key{
		{name: "before-step", shape: one, of: "exec", help: "Runs before the step; of a job, before every step."},
		{name: "after-step", shape: one, of: "exec", help: "Runs when the step has ended, however."},
		{name: "on-skip", shape: one, of: "exec", help: "Runs for each record that a chunk skips; of a job, that any of its chunks skips."},
		{name: "on-retry", shape: one, of: "exec", help: "Runs before each retry of a chunk; of a job, of any of its chunks."},
	}
}

// stepBlocks are the elements.
func stepBlocks(g *grammar) {
	g.choice(choice{name: "element", help: "A step, a flow, a split or a decision.", blocks: []string{"step", "flow", "split", "decision"}})
	ways := []key{
		{name: "next", kind: kindRef, help: "The element that follows when this one COMPLETED and no transition matched."},
		{name: "transitions", shape: many, of: "transition", help: "Ways by exit status; the first that matches is taken. Where no element of a level has next or transitions, they run in order."},
	}
	g.block(block{
		name: "step", help: "Work that is done, recorded and restarted as one.",
		keys: append([]key{
			{name: "step", kind: kindID, required: true, help: "The name, unique in the file."},
			{name: "exec", shape: one, of: "exec", help: "Runs a command.", known: []string{"batchlet", "tasklet", "command", "shell"}},
			{name: "sql", shape: one, of: "sql", help: "Runs SQL statements."},
			{name: "chunk", shape: one, of: "chunk", help: "Reads, processes and writes records."},
			{name: "job", shape: one, of: "job step", help: "Runs another job."},
			{name: "partition", shape: one, of: "partition", help: "Splits the step into parts that run at the same time."},
			{name: "allow-start-if-complete", kind: kindBool, preset: "false", help: "Whether a restart runs the step again after it has completed."},
			{name: "start-limit", kind: kindInt, min: 0, max: 1e6, preset: "0", help: "How often an instance may start the step; 0 means no limit."},
			{name: "timeout", kind: kindDuration, late: true, help: "How long the step may take. When that is over the step is FAILED with the exit status TIMEOUT: a transition on FAILED does not take it, one on TIMEOUT does."},
			{name: "properties", shape: texts, keys: kindName, late: true, empty: true, help: "Texts to use as #{properties['name']} in this step."},
			{name: "listeners", shape: one, of: "step listeners", help: "Commands that run beside the step.", known: []string{"hooks"}},
		}, ways...),
		exactly: [][]string{{"exec", "sql", "chunk", "job"}},
		example: "- step: report\n  exec: {command: [./report]}\n  start-limit: 5\n",
	})
	g.block(block{
		name: "flow", help: "Elements with a level of their own for next and to.",
		keys: append([]key{
			{name: "flow", kind: kindID, required: true, help: "The name, unique in the file."},
			{name: "steps", shape: many, of: "element", required: true, help: "The elements; the first starts."},
		}, ways...),
	})
	g.choice(choice{name: "flow of a split", help: "A branch of a split: a flow without a way on.", blocks: []string{"branch"}})
	g.block(block{
		name: "branch", title: "flow of a split", help: "A branch of a split.",
		keys: []key{
			{name: "flow", kind: kindID, required: true, help: "The name, unique in the file."},
			{name: "steps", shape: many, of: "element", required: true, help: "The elements; the first starts."},
		},
	})
	g.block(block{
		name: "split", help: "Flows that run at the same time. All run to their end; the exit status is that of the worst.",
		keys: append([]key{
			{name: "split", kind: kindID, required: true, help: "The name, unique in the file."},
			{name: "flows", shape: many, of: "flow of a split", required: true, help: "The branches."},
			{name: "threads", kind: kindInt, min: 1, max: chunk.MaxThreads, help: "How many run at once; all where it is not given."},
		}, ways...),
	})
	g.block(block{
		name: "decision", help: "Chooses a way. A restart decides again, over the same counts, unless a step that the way led to has begun: a limit that leads to fail must be a non-identifying parameter, for a restart to raise it.",
		keys: []key{
			{name: "decision", kind: kindID, required: true, help: "The name, unique in the file."},
			{name: "value", kind: kindExpr, required: true, help: "An expression over jobParameters, jobContext, steps and the like; its result is the exit status. " + stepFields()},
			{name: "next", kind: kindRef, help: "The element that follows when no transition matched."},
			{name: "transitions", shape: many, of: "transition", required: true, help: ways[1].help},
		},
		example: "- decision: howBad\n  value: \"steps['compare'].exitStatus == 'NO_DATA' ? 'NONE' : 'SOME'\"\n  transitions:\n    - {on: NONE, to: end}\n    - {on: \"*\", to: book}\n",
	})
	g.block(block{
		name: "transition", help: "A way from an element to another of its level, or to the end of the job.",
		keys: []key{
			{name: "on", kind: kindGlob, required: true, help: "The exit status: * stands for any characters, ? for one."},
			{name: "to", kind: kindRef, required: true, help: "An element of the same level, or end, fail or stop, which end the job, from within a flow or branch as well. To end only the flow, lead to an element of it that has neither next nor transitions."},
			{name: "exit-status", kind: kindStatus, help: "The exit status of the job, with end, fail and stop."},
			{name: "restart", kind: kindRef, help: "With stop: the element of the outermost level at which a restart begins. A decision is asked again there, as in testdata/jobs/reconcile.yaml; the step that led to stop is complete, so it is skipped and stops again, unless it has allow-start-if-complete."},
		},
		example: "{on: NO_DATA, to: end, exit-status: NOTHING_TO_DO}\n",
	})
}
