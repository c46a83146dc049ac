package launch

import (
	"errors"
	"strconv"

	"github.com/batchctl/batchctl/internal/core"
)

// refusal says which launch was refused and, where the cause does not know
// better, what to type next.
func refusal(job *core.Job, o Options, err error) error {
	op := "run " + job.Name
	if o.RestartOf != 0 {
		op = "restart " + id(o.RestartOf)
	}
	hint := ""
	switch {
	case errors.Is(err, core.ErrJobInstanceAlreadyComplete): // only the job knows whether it has a next instance
		hint = command("executions", "--job", job.Name)
		if job.Incrementer != nil {
			hint = command("next", job.Name)
		}
	case core.Hint(err) != "":
	case errors.Is(err, core.ErrJobParametersInvalid), errors.Is(err, core.ErrJobDefinition):
		hint = command("jobs", "show", job.Name)
	default:
		hint = command("executions", "--job", job.Name)
	}
	return advise(op, hint, err)
}

// advise puts op and hint in front of err; an empty hint leaves err's own.
func advise(op, hint string, err error) error {
	return &core.Error{Op: op, Hint: hint, Err: err}
}

// hinted is advise where err's own hint, if there is one, is the better one.
func hinted(op, hint string, err error) error {
	if core.Hint(err) != "" {
		hint = ""
	}
	return advise(op, hint, err)
}

func command(words ...string) string {
	return core.ShellQuote(append([]string{"batchctl"}, words...)...)
}

func id(n int64) string { return strconv.FormatInt(n, 10) }
