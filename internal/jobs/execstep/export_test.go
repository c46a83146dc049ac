package execstep

import "os"

// Log is a log with bounds of its own, for tests.
type Log struct{ *logFile }

// NewLog makes a log below dir that keeps head and tail, and trims at slack
// more. moving makes it do without holes.
func NewLog(dir string, head, tail, slack int64, moving bool) (Log, error) {
	l, err := createLog(dir, "job", "step", 1, bounds{head: head, tail: tail, slack: slack, gather: slack})
	if err != nil {
		return Log{}, err
	}
	l.moving = moving
	return Log{l}, nil
}

// Child is what the command writes to.
func (l Log) Child() *os.File { return l.child }

// Trim is what is done again and again.
func (l Log) Trim() error { return l.trim() }

// Finish is what is done at the end.
func (l Log) Finish() error { return l.finish() }

// Last is what messages show.
func (l Log) Last() string { return l.last() }

// Path is where it is.
func (l Log) Path() string { return l.path }

// Close closes it.
func (l Log) Close() error { return l.close() }
