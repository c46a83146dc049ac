package storetest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// emptyContext is the length of a document without keys.
const emptyContext = len(`{"@class":"java.util.HashMap","k":""}`)

// foreign is a context that Java serialised by itself.
const foreign = "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH2sHDFmDRAwACRgAKbG9hZEZhY3RvckkACXRocmVzaG9sZHhwP0AAAAAAAAB3CAAAABAAAAAAeA=="

var contextRules = []rule{
	{"CTX-01 a short context is in one column, a long one in the other", func(t *testing.T, s suite) {
		je := s.launch(t)
		put := func(n int) {
			s.update(t, je, func(next *core.JobExecution) { next.Context.Put("k", strings.Repeat("x", n-emptyContext)) })
		}
		put(2500)
		s.want(t, "2500 null", "SELECT LENGTH(SHORT_CONTEXT) || ' ' || TYPEOF(SERIALIZED_CONTEXT) FROM BATCH_JOB_EXECUTION_CONTEXT")
		put(2501)
		s.want(t, "2496 2501", "SELECT LENGTH(SHORT_CONTEXT) || ' ' || LENGTH(SERIALIZED_CONTEXT) FROM BATCH_JOB_EXECUTION_CONTEXT")
		s.want(t, "x ...", "SELECT SUBSTR(SHORT_CONTEXT, -5) FROM BATCH_JOB_EXECUTION_CONTEXT")
		if got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t); !got.Context.Equal(je.Context) {
			t.Errorf("the long context did not come back")
		}
		put(100)
		s.want(t, "100 null", "SELECT LENGTH(SHORT_CONTEXT) || ' ' || TYPEOF(SERIALIZED_CONTEXT) FROM BATCH_JOB_EXECUTION_CONTEXT")
	}},
	{"CTX-02 CTX-04 CTX-11 what is saved is loaded", func(t *testing.T, s suite) {
		want := core.ExecutionContext{"s": "이름 😀\x00\n", "l": int64(5), "d": float64(5), "b": true}
		je := s.launch(t)
		se := s.step(t, je, "load", core.ExecutionContext{"gone": "x"})
		err := s.updateStep(t, je, se, func(next *core.StepExecution) {
			for key, value := range want {
				next.Context.Put(key, value)
			}
			next.Context.Put("gone", nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		got := must2(s.Repo.StepExecution(t.Context(), se.ID))(t)
		if diff := cmp.Diff(want, got.Context); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.want(t, `{"@class":"java.util.HashMap","b":true,"d":5.0,"l":["java.lang.Long",5],"s":"\uc774\ub984 \ud83d\ude00\u0000\n"}`,
			"SELECT SHORT_CONTEXT FROM BATCH_STEP_EXECUTION_CONTEXT")
	}},
	{"CTX-03 no row is an empty context", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.exec(t, "DELETE FROM BATCH_JOB_EXECUTION_CONTEXT")
		if got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t); len(got.Context) != 0 || got.OpaqueContext != "" {
			t.Errorf("got %v, opaque %q", got.Context, got.OpaqueContext)
		}
		s.update(t, je, func(next *core.JobExecution) { next.Context.Put("k", "v") })
		s.want(t, int64(1), "SELECT COUNT(*) FROM BATCH_JOB_EXECUTION_CONTEXT")
	}},
	{"a value that cannot be stored undoes the write", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		err := s.updateStep(t, je, se, func(next *core.StepExecution) { next.Context["k"] = []string{"x"} })
		if err == nil || !strings.Contains(err.Error(), `"k"`) {
			t.Errorf("got error %v, want one that names the key", err)
		}
		s.want(t, int64(0), "SELECT VERSION FROM BATCH_STEP_EXECUTION")
	}},
	{"CTX-10 a foreign context is shown, kept and not restarted from", func(t *testing.T, s suite) {
		je := s.launch(t)
		se := s.step(t, je, "load", nil)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION_CONTEXT SET SHORT_CONTEXT = ?", foreign)
		s.exec(t, "UPDATE BATCH_STEP_EXECUTION_CONTEXT SET SHORT_CONTEXT = ?", foreign)

		stored := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		step := must2(s.Repo.StepExecution(t.Context(), se.ID))(t)
		if stored.OpaqueContext != foreign || step.OpaqueContext != foreign {
			t.Errorf("got opaque contexts %q and %q", stored.OpaqueContext, step.OpaqueContext)
		}
		if err := s.updateStep(t, je, step, func(next *core.StepExecution) { next.Status = core.StatusFailed }); err != nil {
			t.Fatal(err)
		}
		stored.Owner = je.Owner
		s.end(t, stored, core.StatusFailed)
		s.want(t, foreign, "SELECT SHORT_CONTEXT FROM BATCH_JOB_EXECUTION_CONTEXT")
		s.want(t, foreign, "SELECT SHORT_CONTEXT FROM BATCH_STEP_EXECUTION_CONTEXT")
		if page := must2(s.Repo.JobExecutions(t.Context(), core.JobExecutionQuery{}))(t); len(page) != 1 {
			t.Errorf("got %d executions listed, want 1", len(page))
		}
		wantError(t, s.relaunch(t), core.ErrJobRestart, "batchctl show")
	}},
	{"CTX-12 a context whose UTF-8 Java stored as ISO-8859-1", func(t *testing.T, s suite) {
		je := s.launch(t)
		folded := []rune{}
		for _, b := range []byte(`{"@class":"java.util.HashMap","name":"홍길동"}`) {
			folded = append(folded, rune(b))
		}
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION_CONTEXT SET SHORT_CONTEXT = ?", string(folded))
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		if diff := cmp.Diff(core.ExecutionContext{"name": "홍길동"}, got.Context); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
}
