package fault

// points are the names of every failpoint in the program, one a commit edge.
// A test compares the list with the calls in the source.
var points = []string{
	"chunk.after-commit",
	"chunk.after-finish",
	"chunk.before-commit",
	"chunk.before-finish",
	"engine.after-call-commit",
	"engine.after-job-end",
	"engine.after-step-end",
	"engine.after-step-start",
	"engine.before-call-commit",
	"engine.before-job-end",
	"engine.before-step-end",
	"engine.before-step-start",
	"launch.after-create",
	"launch.before-create",
	"sqlite.after-create",
	"sqlite.after-schema-commit",
	"sqlite.before-schema-commit",
}

// Points returns the names of all failpoints, sorted.
func Points() []string { return append([]string(nil), points...) }
