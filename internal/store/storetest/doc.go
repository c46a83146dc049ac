// Package storetest is the conformance suite that every store passes.
package storetest
