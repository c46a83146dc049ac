package engine

// For the table test of the restart table.
var (
	Decide   = decide
	Describe = describe
)

// Decision is a decision.
type Decision = decision

// The decisions.
const (
	StartFresh   = startFresh
	StartRestart = startRestart
	Skip         = skip
)
