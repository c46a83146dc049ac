// Package streams is where a command reads from and writes to: standard output
// for its result, standard error for its talk, and what is known about the
// terminal behind them.
//
// A write that fails is remembered rather than acted upon: a job that is under
// way does not end because nobody reads its report. Whoever ends the program
// asks [Streams.WriteError] once.
package streams
