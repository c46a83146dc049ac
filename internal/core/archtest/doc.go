// Package archtest holds the architecture of batchctl as tests: which package
// may import which, how much may be in core, and how long a file or a function
// may get. It has no code of its own; the table of floors is in floors_test.go.
//
// The house is a star, not a tree: nouns, pure rules and ports are in core, which
// imports the standard library only; the verbs (engine, chunk, flow, partition)
// each import core, the small rooms beside them that have no rules of their own
// (fault, panics), and no other verb; launch puts them together. Stores and formats
// come next, jobs above them, and the command line on top. An import that the table
// does not list fails, and so does a package without a row, or a row without a
// package: a new package begins with its row.
package archtest
