// Package civil has days and wall clocks: the text of a date, the instant at
// which a zone shows it, and expressions such as @month-start-1mo.
//
// A day is reckoned with as a midnight of UTC, where every day has 24 hours;
// only what comes out of it is looked up in a zone. So a month that is longer by
// an hour, or a day that is put forward over, never moves the day before it.
package civil
