// Package sample makes days of card transactions for dailySettlement: the
// committed ones under testdata/transactions, and files of any length for
// benchmarks.
//
// What it makes depends on the [Day] alone. It draws from its own generator
// (splitmix64), not from math/rand, so that the same day is the same bytes under
// every version of Go, and a test can prove that the committed files are what
// the generator writes.
package sample
