// Package flow walks the steps of a job.
package flow
