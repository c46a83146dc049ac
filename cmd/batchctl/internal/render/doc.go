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
// # For programs
//
// JSON documents carry "schemaVersion": 1 and the names of Spring Batch's
// columns in camelCase. Times are RFC 3339 in UTC with milliseconds, null where
// the repository has none; a date parameter is written as it would be typed.
// Within a schema version fields are only ever added.
package render
