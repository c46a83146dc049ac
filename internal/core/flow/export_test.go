package flow

// For the tests of patterns.
var (
	Matches = matches
	Covers  = covers
)
