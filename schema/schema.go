// Package schema holds the schema of the job repository, as it is created and
// as "batchctl db print" shows it.
package schema

import _ "embed"

// SQLite creates the tables, triggers and indexes of a new repository in
// SQLite. It holds no transaction statements.
//
//go:embed sqlite.sql
var SQLite string
