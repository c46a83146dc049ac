// Package definition reads jobs from YAML files, and makes jobs of them.
//
// # Reading
//
// A Parser reads the text of a file into a tree, the Job, whose every scalar is
// a Text: what is written, and where. It works by one table, the grammar: every
// block with its keys, their types, bounds, defaults and help. The walker that
// checks a file, the JSON Schema for editors (Schema) and the reference for
// people (Reference) are made of that table and of the Catalog of readers and
// writers, so that they cannot say different things. Who adds a key adds a row,
// a field of the tree, and the line in build.go that joins them; a test looks
// whether one was forgotten.
//
// Reading is strict, and every problem of a file is reported at once, at its
// line and column, with what was probably meant. YAML is read as texts: no is
// not false, 0777 not 511, 1_000 not a thousand. What makes a file mean more than
// it shows is refused: anchors, aliases, tags, merge keys, a second document, a
// key that is there twice, characters that are not seen. A #{ behind a space,
// which YAML takes for a comment, is found, for the value would be lost silently.
// A file is bounded in size and depth before anything is made of it.
//
// What is wrong is kept apart from what follows from it: a value that cannot be
// read is missing in the tree, and nobody complains about its absence.
//
// # Substitutions
//
// #{scope['key']} is split while reading, and answered when the element starts;
// see Part. A text takes them where the grammar says so (late). They never reach
// the text of a script, a statement or an expression, where a value could become
// a command: there is the environment, bound parameters, and variables.
//
// # Compiling
//
// Compile makes a core.Job of a tree that has no problems. What only the whole
// can tell is found there: expressions, the columns of records, ways that lead
// nowhere.
package definition
