package launch

import (
	"fmt"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/civil"
)

// Calendar is what the days are resolved by that declarations write down as
// defaults.
type Calendar struct {
	// Zone is the repository's, Now the moment of the launch.
	Zone *time.Location
	Now  time.Time
	// Choose is the command that chooses the zone where nobody has: what day it
	// is depends on where. "": somebody has.
	Choose string
}

// Complete is core.ParameterSpecs.Complete with all days resolved. It refuses a
// day that depends on where it is when nobody has said where.
func (c Calendar) Complete(job *core.Job, ps core.JobParameters, dir string) (core.JobParameters, error) {
	complete := job.Parameters.Complete(ps, dir)
	return complete, c.resolve(complete)
}

// resolve makes days of what is only written down.
func (c Calendar) resolve(ps core.JobParameters) error {
	for i := range ps {
		written, ok := ps[i].Value.(civil.Written)
		if !ok {
			continue
		}
		day, err := c.day(string(written))
		if err != nil {
			return &core.Error{
				Kind: core.ErrJobParametersInvalid, Hint: core.Hint(err),
				Msg: fmt.Sprintf("parameter %s: its default %s", ps[i].Name, core.Quote(string(written))), Err: err,
			}
		}
		ps[i].Value = day
	}
	return nil
}

func (c Calendar) day(text string) (time.Time, error) {
	if strings.HasPrefix(text, civil.Sign) {
		if c.Choose != "" {
			return time.Time{}, &core.Error{
				Msg:  "it depends on where it is today, and nobody has chosen the zone of the repository",
				Hint: c.Choose + " chooses UTC; or name another, as Asia/Seoul",
			}
		}
		day, err := civil.Resolve(text, c.Now.In(c.Zone))
		if err != nil {
			return time.Time{}, err
		}
		text = day
	}
	return core.ParseDate(text, c.Zone)
}

// calendar is that of the repository, now.
func (l *JobLauncher) calendar() Calendar {
	c := Calendar{Zone: l.Repo.Zone(), Now: l.Now()}
	if said, ok := l.Repo.(interface{ ZoneChosen() bool }); ok && !said.ZoneChosen() {
		c.Choose = core.ShellQuote("batchctl", "db", "zone", c.Zone.String())
	}
	return c
}
