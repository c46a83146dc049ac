package archtest_test

// module is the path of this module.
const module = "github.com/batchctl/batchctl"

// Third-party modules, each allowed only where a row lists it.
const (
	compress    = "+github.com/klauspost/compress"
	cobra       = "+github.com/spf13/cobra"
	pflag       = "+github.com/spf13/pflag"
	decimal     = "+github.com/govalues/decimal"
	exprlang    = "+github.com/expr-lang/expr"
	runewidth   = "+github.com/mattn/go-runewidth"
	sqlite3     = "+github.com/mattn/go-sqlite3"
	sys         = "+golang.org/x/sys"
	tablewriter = "+github.com/olekukonko/tablewriter"
	term        = "+golang.org/x/term"
	text        = "+golang.org/x/text"
	yaml        = "+go.yaml.in/yaml/v4"
)

// forTests are the third-party modules that any test may import.
var forTests = []string{
	"+github.com/google/go-cmp", "+github.com/rogpeppe/go-internal", "+go.uber.org/goleak", "+pgregory.net/rapid",
}

// floors lists for each package of the module what it may import of the module
// and, with a plus, which modules of others. The standard library is free, but
// for core, where database/sql is allowed for its types alone.
var floors = map[string][]string{
	// 0: the standard library only, and two leaves of that kind
	"internal/core":          {"internal/core/civil", "internal/core/secret"},
	"internal/core/civil":    {},
	"internal/core/secret":   {},
	"internal/core/fault":    {},
	"internal/core/archtest": {},
	"schema":                 {},

	// 1: the verbs, each beside the others, and what panics and histories are
	"internal/core/panics":    {"internal/core"},
	"internal/core/history":   {"internal/core"},
	"internal/core/engine":    {"internal/core", "internal/core/fault", "internal/core/panics"},
	"internal/core/chunk":     {"internal/core", "internal/core/fault", "internal/core/panics"},
	"internal/core/flow":      {"internal/core", "internal/core/panics"},
	"internal/core/partition": {"internal/core", "internal/core/fault", "internal/core/panics"},

	// 2: launching, storing, formats
	"internal/core/launch":    {"internal/core", "internal/core/civil", "internal/core/engine", "internal/core/fault", "internal/core/flow", "internal/core/secret"},
	"internal/store/codec":    {"internal/core"},
	"internal/store/sqlrepo":  {"internal/core", "internal/core/fault", "internal/store/codec", "schema"},
	"internal/store/sqlite":   {"internal/core", "internal/core/fault", "internal/store/codec", "internal/store/sqlrepo", "schema", sqlite3, sys},
	"internal/jobs/component": {"internal/core", "internal/jobs/record"},
	"internal/jobs/record":    {"internal/core", "internal/core/civil", decimal},
	"internal/jobs/expr":      {"internal/core", "internal/jobs/record", decimal, exprlang},
	"internal/jobs/partfile":  {"internal/core", "internal/core/fault", sys},
	"internal/jobs/infile":    {"internal/core", "internal/jobs/component", compress, text},
	"internal/jobs/outfile": {
		"internal/core", "internal/jobs/component", "internal/jobs/infile", "internal/jobs/partfile", "internal/jobs/record", compress,
	},
	"internal/jobs/csvfile": {
		"internal/core", "internal/core/fault", "internal/jobs/component", "internal/jobs/infile", "internal/jobs/outfile",
		"internal/jobs/partfile", "internal/jobs/record", decimal,
	},
	"internal/jobs/jsonl": {
		"internal/core", "internal/jobs/component", "internal/jobs/infile", "internal/jobs/outfile", "internal/jobs/record",
	},
	"internal/jobs/fixed": {
		"internal/core", "internal/jobs/component", "internal/jobs/infile", "internal/jobs/outfile", "internal/jobs/record",
	},
	"internal/jobs/rejects": {"internal/core", "internal/jobs/partfile"},
	"internal/jobs/sqlitem": {
		"internal/core", "internal/core/fault", "internal/jobs/component", "internal/jobs/record", "internal/jobs/sqlstep",
	},
	"internal/jobs/execstep": {"internal/core", "internal/core/engine", "internal/core/fault", sys},
	"internal/jobs/sqlstep":  {"internal/core", "internal/core/chunk", "internal/core/engine", "internal/core/fault"},

	// 3: jobs
	"internal/jobs/settlement": {
		"internal/core", "internal/core/chunk", "internal/core/engine", "internal/core/fault",
		"internal/jobs/csvfile", "internal/jobs/partfile", "internal/jobs/rejects", "internal/jobs/sqlitem", decimal,
	},
	"internal/jobs/samples": {
		"internal/core", "internal/core/chunk", "internal/core/engine", "internal/core/launch", "internal/core/partition",
		"internal/jobs/csvfile", "internal/jobs/rejects", "internal/jobs/settlement", decimal,
	},
	"internal/jobs/definition": {
		"internal/core", "internal/core/chunk", "internal/core/civil", "internal/core/engine", "internal/core/flow", "internal/core/history",
		"internal/core/launch", "internal/core/partition",
		"internal/jobs/component", "internal/jobs/csvfile", "internal/jobs/execstep", "internal/jobs/expr", "internal/jobs/infile",
		"internal/jobs/jsonl", "internal/jobs/partfile", "internal/jobs/record", "internal/jobs/rejects", "internal/jobs/sqlitem", "internal/jobs/sqlstep", yaml,
	},
	"internal/jobs/definition/scaffold": {"internal/core", "internal/jobs/infile", "internal/jobs/record", text},
	"internal/jobs/all": {
		"internal/core", "internal/core/launch", "internal/jobs/component", "internal/jobs/csvfile", "internal/jobs/definition",
		"internal/jobs/fixed", "internal/jobs/jsonl", "internal/jobs/samples", "internal/jobs/settlement", "internal/jobs/sqlitem",
	},

	// 4: the command line
	"cmd/batchctl": {"cmd/batchctl/internal/cli", "cmd/batchctl/internal/streams"},
	"cmd/batchctl/internal/cli": {
		"cmd/batchctl/internal/render", "cmd/batchctl/internal/streams", "internal/core", "internal/core/civil",
		"internal/core/fault", "internal/core/history", "internal/core/launch", "internal/core/secret", "internal/jobs/all", "internal/jobs/definition",
		"internal/jobs/definition/scaffold", "internal/jobs/expr", "internal/store/sqlite", "schema", cobra, pflag, text,
	},
	"cmd/batchctl/internal/render":  {"cmd/batchctl/internal/streams", "internal/core", "internal/core/history", runewidth, tablewriter},
	"cmd/batchctl/internal/streams": {term},

	// beside the house: what makes test data, tests and measurements
	"internal/sample":                 {},
	"internal/sample/gentransactions": {"internal/sample"},
	"internal/store/faultvfs":         {sqlite3},
	"internal/store/storetest":        {"internal/core", forTests[0]},
	"internal/crashtest":              {},
	"internal/bench": {
		"internal/core", "internal/core/chunk", "internal/core/flow", "internal/core/launch", "internal/core/partition",
		"internal/jobs/all", "internal/jobs/definition", "internal/jobs/rejects", "internal/jobs/settlement",
		"internal/sample", "internal/store/sqlite",
	},
	"internal/bench/features":      {"internal/bench"},
	"internal/bench/memory":        {"internal/sample"},
	"internal/bench/settle":        {"internal/bench", "internal/sample"},
	"internal/bench/startup":       {"internal/bench"},
	"internal/bench/startup/floor": {cobra, sqlite3},
}

// testFloors adds what the tests of a package may import besides, the test
// modules and testing packages apart.
var testFloors = map[string][]string{
	"internal/core/engine": {"internal/core/chunk", "internal/core/flow", "internal/store/sqlite"},
	"internal/core/chunk":  {"internal/core/engine", "internal/core/flow", "internal/store/sqlite"},
	"internal/core/flow":   {"internal/core/chunk", "internal/core/engine", "internal/store/sqlite"},
	"internal/core/launch": {"internal/core/chunk", "internal/store/sqlite"},
	"internal/core/partition": {
		"internal/core/chunk", "internal/core/engine", "internal/core/flow", "internal/core/launch",
		"internal/jobs/csvfile", "internal/jobs/partfile", "internal/jobs/sqlitem", "internal/store/sqlite",
	},
	"internal/store/sqlrepo": {"internal/store/sqlite", "internal/store/storetest", sqlite3},
	"internal/store/sqlite":  {"internal/store/storetest", "internal/store/faultvfs"},
	"internal/store/faultvfs": {
		"internal/core", "internal/core/chunk", "internal/core/launch", "internal/jobs/sqlitem", "internal/store/sqlite",
	},
	"internal/store/storetest": {"internal/store/sqlite"},
	"internal/jobs/csvfile": {
		"internal/core/chunk", "internal/core/engine", "internal/core/flow", "internal/core/partition", "internal/store/sqlite",
	},
	"internal/jobs/partfile": {"internal/core/chunk", "internal/core/engine", "internal/store/sqlite"},
	"internal/jobs/outfile": {
		"internal/core/fault", "internal/jobs/csvfile", "internal/jobs/fixed", "internal/jobs/jsonl", "internal/jobs/record", compress,
	},
	"internal/jobs/infile": {
		"internal/jobs/csvfile", "internal/jobs/fixed", "internal/jobs/jsonl", "internal/jobs/record", compress, text,
	},
	"internal/jobs/rejects": {
		"internal/core/chunk", "internal/core/engine", "internal/core/fault", "internal/core/flow", "internal/core/secret",
		"internal/jobs/csvfile", "internal/store/sqlite",
	},
	"internal/jobs/sqlitem":    {"internal/core/chunk", "internal/core/engine", "internal/core/flow", "internal/core/launch", "internal/store/sqlite", sqlite3},
	"internal/jobs/execstep":   {"internal/core/flow", "internal/core/launch", "internal/store/sqlite"},
	"internal/jobs/sqlstep":    {"internal/core/flow", "internal/core/launch", "internal/jobs/sqlitem", "internal/store/sqlite"},
	"internal/jobs/settlement": {"internal/core/launch", "internal/sample", "internal/store/sqlite", sqlite3},
	"internal/jobs/samples":    {"internal/sample", "internal/store/sqlite"},
	"internal/jobs/definition": {
		"internal/jobs/csvfile", "internal/jobs/fixed", "internal/jobs/jsonl", "internal/jobs/settlement", "internal/sample",
		"internal/store/sqlite", decimal,
	},
	"internal/jobs/definition/scaffold": {"internal/jobs/all", "internal/jobs/definition"},
	"internal/jobs/all":                 {"internal/core", "internal/core/chunk", "internal/core/launch", "internal/jobs/csvfile", "internal/store/sqlite", decimal},
	"internal/crashtest": {
		"internal/core", "internal/core/chunk", "internal/core/engine", "internal/core/fault", "internal/core/flow", "internal/core/launch",
		"internal/core/partition", "internal/jobs/all", "internal/jobs/definition", "internal/jobs/execstep", "internal/jobs/rejects",
		"internal/jobs/csvfile", "internal/jobs/sqlitem", "internal/sample", "internal/store/sqlite", compress, sqlite3,
	},
	"cmd/batchctl": {"internal/core", "internal/core/engine", "internal/core/fault", "internal/jobs/execstep", "internal/sample", "internal/store/sqlite", sqlite3},
	"cmd/batchctl/internal/cli": {
		"internal/core/chunk", "internal/core/engine", "internal/core/flow", "internal/core/partition", "internal/sample", sqlite3,
	},
}
