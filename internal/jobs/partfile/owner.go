package partfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
)

// OwnerSuffix is appended to the name of the part to name the file that says
// whose it is.
const OwnerSuffix = ".owner"

// Names returns the names that an output has until it is published, and after: of
// the finished file, of the part, and of what says whose the part is.
func Names(target string) []string {
	part := target + Suffix
	return []string{target, part, part + OwnerSuffix}
}

// Owner is whom an output belongs to until it is published: a step of a job
// instance, or a part of one, through all of its attempts. The zero Owner is
// nobody: what it leaves behind is for anybody to replace.
type Owner struct {
	deed

	repo      core.JobExplorer
	execution int64
}

// OwnerOf returns the step that s runs. It is nobody where s is nil, or was not
// started by the engine.
func OwnerOf(s *core.Scope) Owner {
	if s == nil || s.Run == nil || s.Step == nil || s.Repo == nil {
		return Owner{}
	}
	lineage, _, err := s.Step.Context.String(core.ContextKeyLineage)
	if err != nil || lineage == "" {
		return Owner{}
	}
	instance := s.Execution.Instance
	o := Owner{
		deed: deed{
			Version: deedVersion, Lineage: lineage, Repository: s.Repo.RepositoryID(),
			Job: instance.JobName, JobKey: instance.JobKey, Instance: instance.ID, Step: s.Step.StepName,
		},
		repo: s.Repo, execution: s.Execution.ID,
	}
	for _, p := range s.Parameters().Identifying() {
		o.Parameters = append(o.Parameters, p.Name+"="+core.FormatValue(p, s.Repo.Zone()))
	}
	return o
}

func (o Owner) isNobody() bool { return o.Lineage == "" }

// deed is what an owner file holds, on one line.
type deed struct {
	Version int `json:"batchctlOutputOwner"`
	// Lineage is the token of the step's fresh start, which all of its attempts
	// share and nobody else has. It alone decides; the rest is for people, and
	// for asking the repository what became of the step.
	Lineage    string   `json:"lineage"`
	Repository string   `json:"repository"`
	Job        string   `json:"job"`
	JobKey     string   `json:"jobKey"`
	Instance   int64    `json:"instance"`
	Step       string   `json:"step"`
	Parameters []string `json:"parameters,omitempty"`
}

const (
	deedVersion = 1
	deedStart   = `{"batchctlOutputOwner":`
	maxDeed     = 1 << 20
)

func (d deed) text() ([]byte, error) {
	text, err := json.Marshal(d)
	return append(text, '\n'), err
}

// parseDeed reads an owner file. One that was not written to its end is torn:
// its writer died before the first checkpoint of the part. Anything else that is
// no deed is an error.
func parseDeed(text []byte) (d deed, torn bool, err error) {
	if !bytes.HasSuffix(text, []byte("\n")) {
		known := len(bytes.Trim(text, "\x00")) == 0 || bytes.HasPrefix(text, []byte(deedStart)) || bytes.HasPrefix([]byte(deedStart), text)
		if known && len(text) < maxDeed {
			return d, true, nil
		}
		return d, false, errors.New("it does not say whose the part is")
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, false, fmt.Errorf("it does not say whose the part is: %w", err)
	}
	if d.Version != deedVersion || d.Lineage == "" {
		return d, false, errors.New("another version of batchctl has written it")
	}
	return d, false, nil
}

// String returns the owner as messages show it.
func (d deed) String() string {
	who := "job " + core.EscapeControl(d.Job)
	if len(d.Parameters) > 0 {
		who += " (" + core.EscapeControl(strings.Join(d.Parameters, " ")) + ")"
	}
	return who + ", step " + core.EscapeControl(d.Step)
}

// fate is what became of the owner of a part, as far as it is known here.
type fate struct {
	known  bool
	gone   bool // no restart will ever ask for the part
	dead   bool // it is running by its status, but its process is gone
	newest int64
	status core.BatchStatus
}

// fateOf asks o's repository about d. Where the repository has no such step, or
// one of another lineage, the part is of another repository, or of a copy of this
// one, or of what a restored backup has forgotten: nothing is known.
func (o Owner) fateOf(ctx context.Context, d deed) (fate, error) {
	if o.repo == nil || o.Repository != d.Repository {
		return fate{}, nil
	}
	instance, err := o.repo.JobInstance(ctx, d.Instance)
	if err != nil || instance.JobName != d.Job || instance.JobKey != d.JobKey {
		return fate{}, unlessNone(err)
	}
	step, err := o.repo.LastStepExecution(ctx, d.Instance, d.Step)
	if err != nil || step.Context[core.ContextKeyLineage] != d.Lineage {
		return fate{}, unlessNone(err)
	}
	last, err := o.repo.LastJobExecution(ctx, d.Instance)
	if err != nil {
		return fate{}, err
	}
	ended := []core.BatchStatus{core.StatusCompleted, core.StatusAbandoned}
	f := fate{known: true, newest: last.ID, status: last.Status}
	f.gone = slices.Contains(ended, step.Status) || slices.Contains(ended, last.Status)
	if manager, part := core.SplitStepName(d.Step); part != "" && !f.gone {
		whole, err := o.repo.LastStepExecution(ctx, d.Instance, manager)
		if err != nil {
			return f, unlessNone(err)
		}
		f.gone = whole.Status == core.StatusAbandoned
	}
	if !f.status.IsRunning() || f.gone {
		return f, nil
	}
	verdict, err := o.repo.OwnerOf(ctx, last.ID)
	f.dead = verdict.Liveness == core.OwnerDead
	return f, err
}

// unlessNone takes the errors away that say that a repository has no such row.
func unlessNone(err error) error {
	if errors.Is(err, core.ErrNoSuchJobInstance) || errors.Is(err, core.ErrNoSuchStepExecution) {
		return nil
	}
	return err
}

// mayTake returns nil when nobody will ask for the part that d names as its own,
// and otherwise tells what its owner can do about it.
func (c Config) mayTake(ctx context.Context, d deed) error {
	f, err := c.Owner.fateOf(ctx, d)
	if err != nil {
		return &core.Error{Op: c.op(), Msg: "cannot tell whether " + d.String() + " still needs " + core.EscapeControl(c.part()), Err: err}
	}
	if f.gone {
		return nil
	}
	msg := fmt.Sprintf("%s belongs to %s, which has not finished", core.EscapeControl(c.part()), d)
	hint := "finish or abandon it where it was begun; or, if nobody will: " + core.ShellQuote("rm", c.part(), c.ownerPath())
	if f.known {
		msg += fmt.Sprintf(": execution %d is %s", f.newest, f.status)
		if f.dead {
			msg += ", and its process has died"
		}
		hint = c.Owner.wayOut(f, hint)
	} else {
		msg += " and is not known to this repository"
	}
	return &core.Error{Kind: core.ErrCheckpointMismatch, Op: c.op(), Msg: msg, Hint: hint}
}

// wayOut returns what helps against a part of an instance of this repository.
func (o Owner) wayOut(f fate, remove string) string {
	id := fmt.Sprint(f.newest)
	switch {
	case f.newest == o.execution:
		return "give each of the two steps an output of its own"
	case f.dead:
		return core.ShellQuote("batchctl", "restart", id) + " finishes it; " + core.ShellQuote("batchctl", "recover", id) + ", then " +
			core.ShellQuote("batchctl", "abandon", id) + " give it up for good"
	case f.status == core.StatusFailed, f.status == core.StatusStopped:
		return core.ShellQuote("batchctl", "restart", id) + " finishes it; " + core.ShellQuote("batchctl", "abandon", id) + " gives it up for good"
	case f.status.IsRunning():
		return "wait for it to end: " + core.ShellQuote("batchctl", "show", id)
	}
	return remove
}
