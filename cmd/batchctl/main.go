// Command batchctl runs batch jobs, remembers what became of them, and resumes
// a failed one where its last commit left it.
package main

import (
	"os"

	"github.com/batchctl/batchctl/cmd/batchctl/internal/cli"
	"github.com/batchctl/batchctl/cmd/batchctl/internal/streams"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.LookupEnv, streams.System(os.LookupEnv)))
}
