package flow

import (
	"context"
	"errors"
	"log/slog"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/panics"
)

// decision asks the decider of n, or takes the answer of an earlier execution
// when that has been acted on.
func (w *walker) decision(ctx context.Context, n *node, p *thread) outcome {
	if code, ok := w.answer(n); ok && n != w.entered {
		acted, err := w.actedOn(ctx, n, code, map[*node]bool{})
		if err != nil {
			return w.hard(ctx, &core.Error{Op: "decision " + n.id, Err: err})
		}
		if acted {
			o := outcome{exit: core.ExitStatus{Code: code}}
			w.r.Log.LogAttrs(ctx, slog.LevelInfo, "The decision of an earlier execution stands", w.attrs(n, o)...)
			return o
		}
	}
	code, err := w.ask(ctx, n, p)
	if err != nil {
		return w.hard(ctx, &core.Error{Op: "decision " + n.id, Err: err})
	}
	w.r.Note(core.ContextKeyDecision+n.id, code)
	w.mu.Lock()
	w.asked[n.id] = true
	w.mu.Unlock()
	return outcome{exit: core.ExitStatus{Code: code}}
}

// answer returns the stored result of the decision n.
func (w *walker) answer(n *node) (code string, ok bool) {
	v, _ := w.r.JobContextValue(core.ContextKeyDecision + n.id)
	code, ok = v.(string)
	return code, ok && code != ""
}

// actedOn reports whether the job has begun with what the decision n chose when
// its answer was code.
func (w *walker) actedOn(ctx context.Context, n *node, code string, seen map[*node]bool) (bool, error) {
	if seen[n] {
		return false, nil
	}
	seen[n] = true
	chosen := n.level.find(n.Next)
	if t := n.match(code); t != nil {
		chosen = n.level.find(t.To)
		if t.To == core.ToStop && t.Restart != "" {
			chosen = w.top.find(t.Restart)
		}
	}
	if chosen == nil {
		return false, nil
	}
	if chosen.Decider != nil { // which has no step: what has it chosen?
		code, ok := w.answer(chosen)
		if !ok {
			return false, nil
		}
		return w.actedOn(ctx, chosen, code, seen)
	}
	for s := range chosen.steps() {
		_, err := w.r.Repo.LastStepExecution(ctx, w.r.Execution.Instance.ID, s.Name)
		if !errors.Is(err, core.ErrNoSuchStepExecution) {
			return err == nil, err
		}
	}
	return false, nil
}

// ask calls the decider, and turns a panic in it into an error.
func (w *walker) ask(ctx context.Context, n *node, p *thread) (code string, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered("", v)
		}
	}()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if cause := w.r.Stop.Cause(); cause != nil {
		return "", cause
	}
	if held := p.brake.held("asked"); held != nil {
		return "", held
	}
	last := p.last
	if last == nil && w.entered != nil {
		if last, err = w.newest(ctx); err != nil {
			return "", err
		}
	}
	code, err = n.Decider.Decide(ctx, w.r, last)
	switch {
	case err != nil:
		return "", err
	case code == "":
		return "", errors.New("the decider returned an empty exit code, which says no way")
	case !utf8.ValidString(code):
		return "", errors.New("the decider returned an exit code that is not valid UTF-8: " + core.Quote(code))
	}
	return code, nil
}

// newest returns the newest step execution of the instance, or nil: the last
// step, for a decision that a restart has jumped to.
func (w *walker) newest(ctx context.Context) (*core.StepExecution, error) {
	var newest *core.StepExecution
	for s := range w.r.Job.AllSteps() {
		se, err := w.r.Repo.LastStepExecution(ctx, w.r.Execution.Instance.ID, s.Name)
		switch {
		case errors.Is(err, core.ErrNoSuchStepExecution):
		case err != nil:
			return nil, err
		case newest == nil || se.ID > newest.ID:
			newest = se
		}
	}
	return newest, nil
}
