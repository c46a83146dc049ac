package flow

// Covers is for the tests of patterns.
var Covers = covers
