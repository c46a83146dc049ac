// Package component describes what a definition file can name: readers and
// writers, each with its options. One table says it all: the loader checks
// options against it and fills in defaults, and the JSON Schema and the reference
// are made from it. The rooms of the formats fill the table.
package component
