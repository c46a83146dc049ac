// Package render writes what the explorer found: as tables for people, and as
// JSON, JSON lines and CSV for programs. It is the only place that knows how
// tables are drawn.
//
// # For people
//
// A terminal gets a table with borders, text wrapped to its width; anything
// else gets aligned columns without borders, one line a row, so that grep and
// awk work. Widths are those of the screen: a Korean syllable takes two
// columns. Every cell is escaped, so nothing that a job or a file has put into
// the history can steer a terminal.
//
// The steps of an execution are an outline: in the order of their start, inside
// of the flow, split or flow step of the registered job that they belong to, and
// a heading for what has no row of its own. What a step had to say, the parts
// that it was made of and what it launched stand below it, across the columns.
// An element of a flow or branch that has ended the whole job is named with what it
// has kept from running, where the rows and the stored decisions prove it.
// The parts of a step are counted; those that did not complete are listed, the
// worst first, with the values that the plan has given them.
// Nesting is shown by spaces alone, so it is the same on every terminal and in a
// pipe. Where the terminal is too narrow for the counts, they become words below
// their step.
//
// # For programs
//
// JSON documents carry "schemaVersion": 1 and the names of Spring Batch's
// columns in camelCase. Times are RFC 3339 in UTC with milliseconds, null where
// the repository has none; a date parameter is written as it would be typed.
// Within a schema version fields are only ever added.
package render
