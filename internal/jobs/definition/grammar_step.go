package definition

import (
	"strings"

	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
)

func resourceKey() key {
	return key{name: "resource", kind: kindName, preset: "repository", help: "A declared resource, or repository."}
}

func commandKeys() []key {
	return []key{
		{name: "dir", kind: kindPath, late: true, help: "The working directory, relative to the folder of the definition; that folder where it is not given.", known: []string{"cwd", "workdir"}},
		{name: "env", shape: texts, keys: kindEnvName, late: true, empty: true, help: "Variables that the command gets besides; the only place for a secret: {PW: \"#{jobParameters['pw']}\"}."},
		{name: "inherit-env", shape: list, empty: true, help: "Variables that it gets from batchctl's own environment; a * at the end stands for any rest. " + strings.Join(execstep.DefaultInherit(), ", ") + " where it is not given."},
	}
}

// bodyBlocks are what steps do.
func bodyBlocks(g *grammar) {
	keys := append([]key{
		{
			name: "command", shape: list, late: true, required: true, known: []string{"args", "argv", "cmd", "script"},
			help: "The program and its arguments; or one text that /bin/sh -c runs, which takes values from its environment only: BATCH_PARAM_NAME and those of env.",
			or:   &key{kind: kindScript},
		},
	}, commandKeys()...)
	keys = append(keys, []key{
		{name: "stdin", kind: kindPath, late: true, help: "A file to read from; nothing where it is not given."},
		{name: "timeout", kind: kindDuration, late: true, help: "How long the command may run. When that is over the step, or the part of it, is FAILED with the exit status TIMEOUT, which a transition on FAILED does not take."},
		{name: "kill-after", kind: kindDuration, late: true, preset: "10s", help: "How long it has to end after it was told to."},
		{name: "exit-codes", shape: texts, keys: kindExitCode, kind: kindStatus, help: "Exit code to exit status; * is any other. FAILED fails the step, STOPPED stops it, any other name completes it."},
		{
			name: "on-crash", kind: kindEnum, values: []string{"rerun", "fail", "skip"}, preset: "rerun",
			help: "What a restart does when batchctl died while the command ran: runs it again, fails once, takes it for done, or asks a command.",
			or:   &key{shape: one, of: "crash check"},
		},
	}...)
	g.block(block{
		name: "exec", help: "A command. It is told where it runs by its environment, and tells by its exit code and the file BATCH_OUTPUT.",
		keys: keys, variables: execstep.Variables(),
		example: "exec:\n  command: [./report, \"#{jobParameters['requestDate']}\"]\n  timeout: 10m\n  exit-codes: {0: COMPLETED, 3: NO_DATA, \"*\": FAILED}\n",
	})
	g.block(block{
		name: "crash check", help: "Asks a command whether the one that was interrupted has done its work.",
		keys: []key{
			{name: "check", shape: list, late: true, required: true, help: "Exit code 0 says that it was done, 1 that it has to run again, any other fails the step."},
		},
		example: "on-crash: {check: [./done, \"#{jobParameters['day']}\"]}\n",
	})
	g.block(block{
		name: "sql", help: "Statements that run in one transaction: in the repository that of the step's end, in another database one that holds the step's checkpoint too. Either way they run once, whatever happens.",
		keys: []key{
			resourceKey(),
			{name: "statements", shape: list, help: "One statement each."},
			{name: "file", kind: kindPath, late: true, help: "A file of statements, each ended by a semicolon. It belongs to the definition: its text is kept with it, and a restart under another one is refused. Where a value is put into its name, it does not."},
			{name: "params", shape: texts, keys: kindBind, late: true, empty: true, help: "Values that statements name as :name, " + sqlitem.ParamsHelp},
			{name: "rows", kind: kindName, help: "The key of the step's context that keeps the number of affected rows."},
		},
		exactly: [][]string{{"statements", "file"}},
		example: "sql:\n  statements: [\"DELETE FROM reading WHERE day = :day\"]\n  params: {day: \"#{jobParameters['day']}\"}\n",
	})
	g.block(block{
		name: "job step", help: "Another job. A restart of the parent restarts the same instance of the child. The step cannot have a partition.",
		keys: []key{
			{name: "name", kind: kindJobName, required: true, help: "The job to run.", known: []string{"job", "ref"}},
			{name: "parameters", shape: texts, keys: kindParam, late: true, empty: true, help: "Its parameters, typed as it declares them; \"2021-01-01(date)\" says the type."},
		},
		example: "job:\n  name: dailySettlement\n  parameters: {requestDate: \"#{jobParameters['day']}\"}\n",
	})
}

// partBlocks are what a partitioned step is made of.
func partBlocks(g *grammar) {
	g.block(block{
		name: "partition", help: "How a step is split; one that runs a job cannot be. The parts are found once; a restart runs those that are not finished.",
		keys: []key{
			{name: "files", kind: kindPath, late: true, help: "One part for each file that matches the pattern: #{partition['file']}."},
			{name: "values", shape: list, late: true, help: "One part for each value: #{partition['value']}."},
			{name: "count", kind: kindInt, min: 1, max: 10000, help: "So many parts: #{partition['index']} from 0."},
			{name: "range", shape: one, of: "range", help: "Whole numbers, divided: #{partition['min']} to #{partition['max']}."},
			{name: "sql", shape: one, of: "partition query", help: "One part for each row: #{partition['COLUMN']}."},
			{name: "threads", kind: kindInt, min: 1, max: chunk.MaxThreads, help: "How many parts run at once; the number of CPUs where it is not given. Parts that write into one SQLite database take turns: that is no faster than one part.", known: []string{"grid-size"}},
			{name: "on-restart", kind: kindEnum, values: []string{"keep"}, preset: "keep", help: "What a restart does: keep runs the parts that are not finished, and finds none anew."},
			{name: "allow-none", kind: kindBool, preset: "false", help: "With files and sql: whether it is right that no file matches, or that there is no row; otherwise the step fails then."},
			{name: "reduce", shape: one, of: "reduce", help: "Runs once when all parts have completed."},
		},
		exactly: [][]string{{"files", "values", "count", "range", "sql"}},
		example: "partition:\n  files: \"in/#{jobParameters['day']}/*.csv\"\n  threads: 4\n",
	})
	g.block(block{
		name: "range", help: "A range of whole numbers, both ends included.",
		keys: []key{
			{name: "min", kind: kindInt, min: minInt, max: maxInt, late: true, required: true, help: "The lowest."},
			{name: "max", kind: kindInt, min: minInt, max: maxInt, late: true, required: true, help: "The highest."},
			{name: "count", kind: kindInt, min: 1, max: 10000, help: "How many parts; as many as threads where it is not given."},
		},
	})
	g.block(block{
		name: "partition query", help: "A query whose rows become parts.",
		keys: []key{
			resourceKey(),
			{name: "query", required: true, help: "A SELECT."},
			{name: "params", shape: texts, keys: kindBind, late: true, empty: true, help: "Values that the query names as :name, " + sqlitem.ParamsHelp},
		},
	})
	g.block(block{
		name: "reduce", help: "What runs after the parts. After a crash it may run again, so it must be safe to repeat.",
		keys: []key{
			{name: "exec", shape: one, of: "exec", help: "Runs a command."},
			{name: "sql", shape: one, of: "sql", help: "Runs SQL statements."},
		},
		exactly: [][]string{{"exec", "sql"}},
	})
}

const minInt, maxInt = -1 << 63, 1<<63 - 1

func classKeys(include bool) []key {
	return []key{
		{
			name: "include", shape: list, kind: kindClass, required: include, known: []string{"classes", "on"},
			help: "Classes of errors, as read.parse; read stands for all below it. They are listed under error classes.",
		},
		{name: "exclude", shape: list, kind: kindClass, empty: true, help: "Classes that are taken out again; the longest prefix decides."},
	}
}

// chunkBlocks are what a chunk step is made of.
func chunkBlocks(g *grammar) {
	g.block(block{
		name: "chunk", help: "Reads, processes and writes records; so many commit together.",
		keys: []key{
			{name: "size", kind: kindInt, min: 1, max: chunk.MaxSize, late: true, preset: "1000", help: "How many records commit together. They are held in memory until then: take fewer where records are large.", known: []string{"commit-interval", "item-count", "chunk-size"}},
			{name: "time-limit", kind: kindDuration, late: true, help: "Commits fewer records when reading them has taken so long; no limit where it is not given."},
			{name: "timeout", kind: kindDuration, late: true, help: "How long one attempt to write a chunk may take; a later one is undone and fails with the class timeout, which retry may name. No limit where it is not given."},
			{name: "threads", kind: kindInt, min: 1, max: chunk.MaxThreads, late: true, preset: "1", help: "How many processors run at once; what is written stays in the order of reading."},
			{name: "reader", shape: one, of: choiceReader, required: true, help: "Where records come from."},
			{name: "processor", shape: many, of: "operation", empty: true, help: "What is done with each record, in order.", known: []string{"processors", "ops", "operations"}},
			{name: "writer", shape: one, of: choiceWriter, help: "Where records go."},
			{name: "writers", shape: many, of: choiceWriter, help: "Several: every record goes to each of them."},
			{name: "route", shape: many, of: choiceRoute, help: "Several: a record goes to the first whose when is true."},
			{name: "expect", shape: many, of: "control total", help: "Totals that must be right at the end."},
			{name: "skip", shape: one, of: "skip", help: "Which bad records are passed over; never says none, as does leaving it out.", or: &key{kind: kindEnum, values: []string{"never"}}, known: []string{"skip-limit", "rejects"}},
			{name: "retry", shape: one, of: "retry", help: "Which errors are worth another attempt; never says none.", or: &key{kind: kindEnum, values: []string{"never"}}, known: []string{"retry-limit"}},
		},
		exactly: [][]string{{"writer", "writers", "route"}},
		example: "chunk:\n  reader:\n    csv: {file: \"#{jobParameters['file']}\", types: {id: long, qty: long}}\n  processor:\n    - filter: \"qty > 0\"\n  writer:\n    jsonl: {file: out.jsonl}\n",
	})
	g.block(block{
		name: "control total", help: "A count or a sum that must be what somebody else says.",
		keys: []key{
			{name: "total", kind: kindTotal, required: true, help: "count, or sum(EXPRESSION) over a record.", known: []string{"count", "sum"}},
			{name: "where", kind: kindExpr, help: "Which records count; all where it is not given.", known: []string{"filter"}},
			{name: "of", kind: kindEnum, values: []string{"read", "written"}, preset: "read", help: "The records as they were read, or as they were written. A count of all that were read has also those that were skipped in reading, as the sender counts them; what else is asked of bad records nobody knows."},
			{name: "equals", late: true, help: "The value."},
			{name: "control", shape: one, of: "control file", help: "A file that says the value."},
			{name: "when-skipped", kind: kindEnum, values: whenSkipped(), late: true, preset: "fail", help: "What becomes of a difference that may be that of records which were skipped: fail fails the step, warn completes it with the difference in its exit message, and with --strict the run exits 4. Without skipped records a difference always fails."},
		},
		exactly: [][]string{{"equals", "control"}},
		example: "expect:\n  - total: count\n    control: {file: \"#{jobParameters['file']}.ctl\", key: records}\n",
	})
	g.block(block{
		name: "control file", help: "A file that says a value: in a line KEY=VALUE, where a pattern finds it, or as its whole text.",
		keys: []key{
			{name: "file", kind: kindPath, late: true, required: true, help: "The file."},
			{name: "key", late: true, help: "The name in a line NAME=VALUE."},
			{name: "pattern", kind: kindRegexp, help: "A regular expression whose first group is the value."},
			{name: "default", late: true, help: "The value where the key or pattern is not found."},
		},
	})
	g.block(block{
		name: "skip", help: "Passes over bad records, and keeps them in a file.",
		keys: append([]key{
			{name: "limit", kind: kindLimit, late: true, preset: "10", help: "How many records may be skipped, or none for no limit: with to by all attempts at the step together, without it by each of them."},
			{name: "percent", kind: kindNumber, late: true, min: 0, max: 100, help: "How many of a hundred records an attempt may skip, judged before each commit by what it has read so far: bad records at the beginning of a file count for more."},
			{name: "to", kind: kindPath, late: true, help: "The file of rejects, as JSON lines."},
		}, classKeys(true)...),
		example: "skip: {limit: 100, include: [read.parse, process.validation], to: rejects.jsonl}\n",
	})
	g.block(block{
		name: "retry", help: "Tries again what may be better the next time.",
		keys: append([]key{
			{name: "limit", kind: kindInt, min: 0, max: 1000, late: true, preset: "3", help: "How many retries follow the first attempt."},
			{name: "backoff", kind: kindDuration, late: true, preset: "100ms", help: "The wait before the first retry."},
			{name: "multiplier", kind: kindNumber, min: 1, max: 1000, late: true, preset: "2", help: "How many times longer each further wait is."},
			{name: "max", kind: kindDuration, late: true, preset: "10s", help: "The longest wait."},
			{name: "jitter", kind: kindNumber, late: true, min: 0, max: 1, preset: "0", help: "The share of a wait that chance may take away."},
		}, classKeys(true)...),
		example: "retry: {limit: 5, include: [write.busy]}\n",
	})
}

// opBlocks are the operations of a processor.
func opBlocks(g *grammar) {
	g.choice(choice{
		name: "operation", help: "One operation of a processor.",
		blocks: []string{"filter", "validate", "set", "drop", "keep", "lookup of a processor", "exec of a processor"},
	})
	g.block(block{name: "filter", help: "Lets only some records pass.", keys: []key{
		{name: "filter", kind: kindExpr, required: true, help: "Keeps the record if this is true."},
	}, example: "- filter: \"qty > 0\"\n"})
	g.block(block{name: "validate", help: "Rejects bad records.", keys: []key{
		{name: "validate", kind: kindExpr, required: true, help: "Rejects the record unless this is true."},
		{name: "message", help: "What is said about it."},
		{name: "class", kind: kindClass, preset: "process.validation", help: "The class of the error: process.validation, or one below it."},
	}, example: "- validate: \"len(email) > 3\"\n  message: no email\n  class: process.validation.email\n"})
	g.block(block{name: "set", help: "Computes columns.", keys: []key{
		{name: "set", shape: texts, keys: kindColumn, kind: kindExpr, required: true, help: "Column to expression, in this order: each sees what those before it have set."},
	}, example: "- set: {fee: \"round(amount * rate, 2)\"}\n"})
	g.block(block{name: "drop", help: "Takes columns away.", keys: []key{
		{name: "drop", shape: list, kind: kindColumn, required: true, help: "The columns to take away."},
	}})
	g.block(block{name: "keep", help: "Takes all other columns away.", keys: []key{
		{name: "keep", shape: list, kind: kindColumn, required: true, help: "The columns to keep, in their new order."},
	}})
	g.block(block{name: "lookup of a processor", title: "lookup", keys: []key{
		{name: "lookup", shape: one, of: "lookup", required: true, help: "Adds columns of a table that is loaded once."},
	}})
	g.block(block{
		name: "lookup", help: "Adds columns of a table that is loaded once, when the step starts.",
		keys: []key{
			{name: "from", shape: one, of: choiceReader, required: true, help: "The table: a reader.", known: []string{"table", "reader"}},
			{name: "key", shape: list, kind: kindColumn, required: true, or: &key{kind: kindColumn}, help: "The column of the table that finds a row, or several."},
			{name: "on", shape: list, kind: kindExpr, or: &key{kind: kindExpr}, help: "What to look for, one expression for each column of key and of its type; the columns of those names where it is not given."},
			{name: "set", shape: texts, keys: kindColumn, kind: kindColumn, required: true, help: "Column of the record to column of the table."},
			{name: "missing", kind: kindEnum, values: []string{"reject", "null", "drop"}, preset: "reject", help: "What becomes of a record without a row."},
			{name: "limit", kind: kindInt, min: 1, max: 1e8, preset: "1000000", help: "How many rows the table may have."},
		},
		example: "- lookup:\n    from: {csv: {file: branches.csv, columns: [code, name]}}\n    key: code\n    on: branch_code\n    set: {branch: name}\n",
	})
	g.block(block{name: "exec of a processor", title: "exec", keys: []key{
		{name: "exec", shape: one, of: "co-process", required: true, help: "Asks a command about each record."},
	}})
	g.block(block{
		name: "co-process", help: "A command that runs beside the step: it gets one JSON line for each record on stdin, and answers one line on stdout: {\"keep\":false} filters the record, {\"error\":\"...\",\"class\":\"process.x\"} rejects it, any other object has the columns of the answer. The same record must get the same answer: a restart starts the command anew and asks again about what was not committed. stderr is its log.",
		keys: append([]key{
			{name: "command", shape: list, late: true, required: true, help: "The program and its arguments."},
			{name: "columns", shape: texts, keys: kindColumn, kind: kindEnum, values: columnTypes, required: true, help: "The columns of its answers, and their types; each answer has all of them, null where there is no value. They are set as by set."},
			{name: "timeout", kind: kindDuration, late: true, preset: "10s", help: "How long one answer may take; a later one fails the step."},
			{name: "kill-after", kind: kindDuration, late: true, preset: "10s", help: "How long it has to end behind the last record, and then after it was told to."},
		}, commandKeys()...),
		example: "- exec: {command: [./score], columns: {score: double}}\n",
	})
}

// columnTypes are the types of values in a record.
var columnTypes = []string{"string", "long", "double", "decimal", "date", "datetime", "bool"}
