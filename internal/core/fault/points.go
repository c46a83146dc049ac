package fault

// Variable names the environment variable that arms one failpoint:
//
//	BATCHCTL_FAILPOINT=chunk.before-commit:3=kill
//	BATCHCTL_FAILPOINT=chunk.before-commit=sleep
//
// The number is the hit that counts, 1 when absent. kill, also when absent, ends
// the process with SIGKILL; sleep holds it there for ten minutes, for a test to
// look at. Whatever else is asked for ends the process with exit code 64 at the
// first failpoint that it passes.
const Variable = "BATCHCTL_FAILPOINT"

// points are the names of every failpoint in the program, one a commit edge.
// A test compares the list with the calls in the source.
var points = []string{
	"chunk.after-claim",
	"chunk.after-commit",
	"chunk.after-finish",
	"chunk.after-settle",
	"chunk.after-sink-commit",
	"chunk.before-claim",
	"chunk.before-commit",
	"chunk.before-finish",
	"chunk.before-retry",
	"chunk.before-scan",
	"chunk.before-settle",
	"chunk.before-sink-commit",
	"chunk.in-scan",
	"engine.after-abandon",
	"engine.after-call-commit",
	"engine.after-job-end",
	"engine.after-step-end",
	"engine.after-step-start",
	"engine.before-abandon",
	"engine.before-call-commit",
	"engine.before-job-end",
	"engine.before-step-end",
	"engine.before-step-start",
	"execstep.after-end",
	"execstep.after-mark",
	"execstep.after-start",
	"execstep.before-mark",
	"launch.after-child-commit",
	"launch.after-create",
	"launch.before-child-commit",
	"launch.before-create",
	"partfile.after-dirsync",
	"partfile.after-disown",
	"partfile.after-fsync",
	"partfile.after-owner",
	"partfile.after-remove",
	"partfile.after-rename",
	"partfile.after-write",
	"partfile.before-dirsync",
	"partfile.before-disown",
	"partfile.before-fsync",
	"partfile.before-owner",
	"partfile.before-remove",
	"partfile.before-rename",
	"partfile.in-owner",
	"partition.after-plan",
	"partition.after-reduce",
	"partition.before-plan",
	"partition.before-reduce",
	"settlement.after-ledger-commit",
	"settlement.before-ledger-commit",
	"sqlite.after-backup-dirsync",
	"sqlite.after-backup-rename",
	"sqlite.after-backup-sync",
	"sqlite.after-create",
	"sqlite.after-dirsync",
	"sqlite.after-schema-commit",
	"sqlite.before-backup-rename",
	"sqlite.before-backup-sync",
	"sqlite.before-create",
	"sqlite.before-dirsync",
	"sqlite.before-schema-commit",
	"sqlitem.after-claim-commit",
	"sqlitem.after-sink-commit",
	"sqlitem.before-claim-commit",
	"sqlitem.before-sink-commit",
	"sqlrepo.after-commit",
	"sqlrepo.after-execution-insert",
	"sqlrepo.after-instance-insert",
	"sqlrepo.after-launch-commit",
	"sqlrepo.after-recovery",
	"sqlrepo.after-verb-commit",
	"sqlrepo.before-commit",
	"sqlrepo.before-launch-commit",
	"sqlrepo.before-verb-commit",
	"sqlrepo.in-recovery",
	"sqlstep.after-record",
	"sqlstep.before-record",
}

// Points returns the names of all failpoints, sorted.
func Points() []string { return append([]string(nil), points...) }
