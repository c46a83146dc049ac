package definition

// Text is a scalar of a definition, as it is written: nothing is retyped, so
// that no, 0777, 1_000 and 2021-01-01 stay what they are. The zero Text stands
// for a key that is not given.
type Text struct {
	Value string
	// Line and Column are where it begins, counted from 1, the column in
	// characters.
	Line, Column int
	// Quoted tells "5" from 5, and a block scalar from a plain one.
	Quoted bool
	// Parts are set where the grammar allows substitutions and there is one:
	// together they make the value. nil means that Value stands for itself.
	Parts []Part
}

// Given reports whether the definition has the key.
func (t Text) Given() bool { return t.Line > 0 }

// Pos returns where t stands.
func (t Text) Pos() Pos { return Pos{t.Line, t.Column} }

// Pos is a place in a file, counted from 1.
type Pos struct{ Line, Column int }

// Part is a piece of a text with substitutions: a literal, or a reference.
type Part struct {
	Literal string
	Ref     *Reference // nil for a literal
}

// Reference is what #{scope['key']} asks for.
type Reference struct {
	Scope string // one of the Scope constants
	Key   string // of ScopeSteps ID.FIELD: exitStatus, batchStatus, readCount, ...
	Pos
	// Default is what stands for a value that is missing, when HasDefault.
	Default    []Part
	HasDefault bool
}

// String returns the reference as it is written, without its default.
func (r *Reference) String() string {
	if r.Scope != ScopeSteps {
		return r.Scope + "['" + r.Key + "']"
	}
	id, field := splitStepKey(r.Key)
	return r.Scope + "['" + id + "']." + field
}

// The scopes of substitutions.
const (
	ScopeJobParameters = "jobParameters" // of the execution
	ScopeJobProperties = "jobProperties" // of the job
	ScopeProperties    = "properties"    // of the step, else of the job
	ScopeEnv           = "env"           // of batchctl's process
	ScopePartition     = "partition"     // values of the part
	ScopeJobContext    = "jobContext"    // when the element starts
	ScopeStepContext   = "stepContext"   // when the step starts
	ScopeSteps         = "steps"         // of the instance: steps['id'].field
	ScopeTotal         = "total"         // in a header or footer template: count, sum(column)
)

// Pair is an entry of a map, in the order of the definition.
type Pair struct{ Key, Value Text }

// Job is a definition file.
type Job struct {
	Name        Text
	Description Text
	Restartable Text // bool, default true
	// Parameters are nil, and Open is true, when the file does not have the key:
	// any parameter is accepted then.
	Parameters  []Parameter
	Open        bool
	Incrementer Text // a parameter; not given: none
	Properties  []Pair
	Resources   []Resource
	Listeners   Hooks
	Steps       []Element
	Spans       []Span
}

// Parameter declares a job parameter.
type Parameter struct {
	Name        Text
	Type        Text // string (default), long, double, date, path, secret
	Required    Text // bool, default false
	Default     Text
	Identifying Text // bool, default true
	Pattern     Text
	OneOf       []Text
	Within      Text // path of a folder
	Description Text
}

// Resource is a database that a definition names.
type Resource struct {
	Name   Text
	Driver Text // sqlite
	DSN    Text // a path, relative to the folder of the definition
	Create Text // whether statements make it when it is absent
}

// Hooks are commands that run beside a job or a step; nil means none.
type Hooks struct {
	BeforeJob, AfterJob, BeforeStep, AfterStep, OnSkip, OnRetry *Exec
}

// Kind is what an element is.
type Kind int8

// The kinds of elements. KindNone is an element that could not be read.
const (
	KindNone Kind = iota
	KindStep
	KindFlow
	KindSplit
	KindDecision
)

// String returns the key that makes an element of that kind.
func (k Kind) String() string {
	switch k {
	case KindNone:
		return "element"
	case KindStep:
		return "step"
	case KindFlow:
		return "flow"
	case KindSplit:
		return "split"
	case KindDecision:
		return "decision"
	}
	return "unknown"
}

// Element is a step, flow, split or decision.
type Element struct {
	Kind Kind
	ID   Text
	Pos
	Spans       []Span
	Next        Text
	Transitions []Transition

	// Of a step: exactly one of Exec, SQL, Chunk and Job is set.
	Exec                 *Exec
	SQL                  *SQL
	Chunk                *Chunk
	Job                  *JobStep
	Partition            *Partition
	AllowStartIfComplete Text // bool, default false
	StartLimit           Text // int, default 0: none
	Timeout              Text // duration, default none
	Properties           []Pair
	Listeners            Hooks

	Steps   []Element // of a flow
	Flows   []Element // of a split: all of KindFlow
	Threads Text      // of a split: int, default the number of flows
	Value   Text      // of a decision: an expression
}

// Transition leads on from an element.
type Transition struct {
	Pos
	On         Text // glob
	To         Text // an element of the same level, or end, fail, stop
	ExitStatus Text
	Restart    Text
}

// Exec is a command.
type Exec struct {
	Pos
	// Command is the program and its arguments; Script is the other form of the
	// key, a text for /bin/sh. One of them is set.
	Command    []Text
	Script     Text
	Dir        Text // path
	Env        []Pair
	InheritEnv []Text // nil: the usual ones; a * at the end of a name stands for any rest
	Stdin      Text   // path
	Timeout    Text   // duration
	KillAfter  Text   // duration, default 10s
	ExitCodes  []Pair // keys are 0 to 255 or *
	OnCrash    Text   // rerun (default), fail, skip; or "check", when Check is set
	Check      []Text // the command that is asked
}

// SQL are statements in one transaction.
type SQL struct {
	Pos
	Resource   Text
	Statements []Text // or File
	File       Text   // path
	Params     []Pair
	Rows       Text // key of the step's context
}

// Body is the part of a step that is run once: exactly one of them is set.
type Body struct {
	Exec *Exec
	SQL  *SQL
}

// JobStep runs another job.
type JobStep struct {
	Pos
	Name       Text
	Parameters []Pair // values may end with a type: "2021-01-01(date)"
}

// Partition splits a step: exactly one of Files, Values, Count, Range and SQL is
// given.
type Partition struct {
	Pos
	Files     Text // glob
	Values    []Text
	Count     Text // int
	Range     *Range
	SQL       *Query
	Threads   Text // int, default the number of CPUs
	OnRestart Text // keep
	AllowNone Text // bool, default false: with files
	Reduce    *Body
}

// Range is a range of whole numbers to divide.
type Range struct {
	Pos
	Min, Max Text // late, int
	Count    Text // int, default threads
}

// Query is a query whose rows become partitions, one each.
type Query struct {
	Pos
	Resource, Query Text
	Params          []Pair
}

// Chunk reads, processes and writes records.
type Chunk struct {
	Pos
	Spans     []Span
	Size      Text // int, default 1000
	TimeLimit Text // duration, default 0: none
	Timeout   Text // duration, default 0: none
	Threads   Text // int, default 1
	Reader    Component
	Processor []Op
	// One of Writer, Writers and Route is given. Every record goes to all of
	// Writers, or to the first of Route whose When holds.
	Writer  *Output
	Writers []Output
	Route   []Output
	Expect  []Expect
	Skip    *Skip
	Retry   *Retry
}

// Component is a reader or writer with its options, all of which its Spec knows
// and whose scalars Option.Parse takes, unless they hold substitutions.
type Component struct {
	Name    Text // not given when the definition has none
	Options []Entry
	Spans   []Span
}

// Entry is an option as it is given: by its type a scalar, a list or a map.
type Entry struct {
	Key   Text
	Value Text   // Text, Path, Bool, Int, Duration, Char, Enum
	List  []Text // Names, Texts
	Pairs []Pair // TextMap, Columns
}

// Output is a writer and what belongs to it.
type Output struct {
	Pos
	Component
	// When is an expression, in a route: the last entry may do without.
	When Text
	// Header and Footer are templates of lines before and after the records.
	Header, Footer Text
}

// Op is one operation of a processor: exactly one of the fields is given.
type Op struct {
	Pos
	Spans    []Span
	Filter   Text // an expression: keep the record if it is true
	Validate Text // an expression: reject the record unless it is true
	Message  Text // with Validate
	Class    Text // with Validate: process.validation, or a class below it
	Set      []Pair
	Drop     []Text
	Keep     []Text
	Lookup   *Lookup
	Exec     *ExecOp
}

// Lookup adds columns of a table that is loaded once.
type Lookup struct {
	Pos
	Table   Component // a reader
	Key     []Text    // columns of the table that find a row
	On      []Text    // expressions over the record, one for each of Key; default: the columns of those names
	Set     []Pair    // column of the record: column of the table
	Missing Text      // reject (default), null, drop
	Limit   Text      // int: rows, default 1000000
}

// ExecOp is a command that gets one JSON line for each record and answers one.
type ExecOp struct {
	Pos
	Command    []Text
	Dir        Text // path
	Env        []Pair
	InheritEnv []Text
	Columns    []Pair // name: type, of what it answers
	Timeout    Text   // of one answer: duration, default 10s
	KillAfter  Text   // duration, default 10s
}

// Expect is a control total.
type Expect struct {
	Pos
	Total  Text // count, or sum(expression)
	Where  Text // an expression: which records count
	Of     Text // read (default), written
	Equals Text // or Control
	// WhenSkipped says what a difference is that skipped records may explain: fail
	// (default) or warn.
	WhenSkipped Text
	// Control is a file that says the value: of the line KEY=VALUE, of the first
	// group of Pattern, or the whole file.
	Control *Control
}

// Control is where a control file has a value.
type Control struct {
	Pos
	File    Text
	Key     Text
	Pattern Text
	Default Text // of a key or pattern that is not there
}

// Skip says which bad records are passed over.
type Skip struct {
	Pos
	Never   bool // "skip: never"
	Limit   Text // int or none, default 10
	Percent Text // number, 0 to 100
	Include []Text
	Exclude []Text
	To      Text // path of the rejects
}

// Retry says which errors are worth another attempt.
type Retry struct {
	Pos
	Never      bool // "retry: never"
	Limit      Text // int, default 3
	Include    []Text
	Exclude    []Text
	Backoff    Text // duration, default 100ms
	Multiplier Text // number, default 2
	Max        Text // duration, default 10s
	Jitter     Text // number, 0 to 1, default 0
}
