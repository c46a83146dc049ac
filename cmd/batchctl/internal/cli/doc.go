// Package cli is the command line of batchctl: one file a command, in which
// newXCmd reads the words that were typed into an xOptions, and runX does what
// they ask for.
//
// Standard output carries the result and nothing else; everything that is said
// to a person goes to standard error. A command returns an error and reports
// nothing; [Main] writes the one block about it, and exit.go alone turns it
// into an exit code.
//
// # Talking about errors
//
// The first line has the form "error: what: where: value; next step" and fits
// into the subject of a mail. When a job ended badly, two lines follow: what
// the failed step had counted, and the command to type next, quoted for a
// POSIX shell and with the --db that is in force, so that it can be pasted.
//
// # Settings
//
// A setting is a flag, a variable BATCHCTL_NAME of the environment, or its
// default, in this order; settings.go has the one table that all three come
// from. Job parameters never come from the environment.
package cli
