package definition

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/history"
	"github.com/batchctl/batchctl/internal/jobs/expr"
)

// What can be asked of a step: how its newest execution in this instance has
// ended, and what all of them have counted.
const (
	fieldExitStatus  = "exitStatus"
	fieldBatchStatus = "batchStatus"
	fieldReadCount   = "readCount"
	fieldWriteCount  = "writeCount"
	fieldFilterCount = "filterCount"
	fieldSkipCount   = "skipCount"
)

var fieldsOfStep = []string{fieldExitStatus, fieldBatchStatus, fieldReadCount, fieldWriteCount, fieldFilterCount, fieldSkipCount}

// splitStepKey takes ID.FIELD apart. An id may hold dots, a field does not.
func splitStepKey(key string) (id, field string) {
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		return key[:i], key[i+1:]
	}
	return key, ""
}

// stepsOf returns the steps of the instance that were ever started. It reads the
// whole history of the instance, once.
func stepsOf(r *core.Run) (map[string]expr.Step, error) {
	ctx := context.Background()
	h, err := history.Of(ctx, r.Repo, r.Execution.Instance.ID)
	if err != nil {
		return nil, err
	}
	totals, err := h.Totals(ctx)
	if err != nil {
		return nil, err
	}
	steps := make(map[string]expr.Step, len(totals))
	for _, t := range totals {
		newest, started := h.Newest(t.StepName)
		if !started {
			continue
		}
		steps[t.StepName] = expr.Step{
			ExitStatus: newest.Step.ExitStatus.Code, BatchStatus: newest.Step.Status.String(),
			ReadCount: t.Counts.Read, WriteCount: t.Counts.Write, FilterCount: t.Counts.Filter, SkipCount: t.Counts.Skip(),
		}
	}
	return steps, nil
}

// fieldOfStep returns a field of a step; ok is false when it was never started.
// How it has ended costs one row, what it has counted the history.
func fieldOfStep(r *core.Run, id, field string) (value any, ok bool, err error) {
	switch field {
	case fieldExitStatus, fieldBatchStatus:
		se, err := r.Repo.LastStepExecution(context.Background(), r.Execution.Instance.ID, id)
		if errors.Is(err, core.ErrNoSuchStepExecution) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if field == fieldBatchStatus {
			return se.Status.String(), true, nil
		}
		return se.ExitStatus.Code, true, nil
	}
	steps, err := stepsOf(r)
	if err != nil {
		return nil, false, err
	}
	step, ok := steps[id]
	if !ok {
		return nil, false, nil
	}
	switch field {
	case fieldReadCount:
		return step.ReadCount, true, nil
	case fieldWriteCount:
		return step.WriteCount, true, nil
	case fieldFilterCount:
		return step.FilterCount, true, nil
	case fieldSkipCount:
		return step.SkipCount, true, nil
	}
	return nil, false, fmt.Errorf("a step has no field %s", core.Quote(field))
}
