package core_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

func TestSinkClaimJudge(t *testing.T) {
	t.Parallel()
	held := func(lineage string, seq int64) *core.SinkCheckpoint {
		return &core.SinkCheckpoint{Lineage: lineage, Seq: seq}
	}
	for _, tt := range []struct {
		name   string
		claim  core.SinkClaim
		held   *core.SinkCheckpoint
		resume bool
		want   []string // in the refusal; none: allowed
	}{
		{name: "nothing on either side starts", claim: core.SinkClaim{Lineage: "a"}},
		{name: "the sink has lost its row", claim: core.SinkClaim{Lineage: "a", Seq: 3}, want: []string{"no checkpoint", "3 committed chunks"}},
		{name: "as far as the repository", claim: core.SinkClaim{Lineage: "a", Seq: 3}, held: held("a", 3), resume: true},
		{name: "ahead of the repository", claim: core.SinkClaim{Lineage: "a", Seq: 3}, held: held("a", 4), resume: true},
		{name: "claimed before its first chunk", claim: core.SinkClaim{Lineage: "a"}, held: held("a", 0), resume: true},
		{name: "behind the repository", claim: core.SinkClaim{Lineage: "a", Seq: 3}, held: held("a", 2), want: []string{"has 2 committed", "has 3"}},
		{name: "a completed run before this one is replaced", claim: core.SinkClaim{Lineage: "b", Replaces: "a"}, held: held("a", 9)},
		{name: "but not when this one has chunks", claim: core.SinkClaim{Lineage: "b", Replaces: "a", Seq: 1}, held: held("a", 9), want: []string{`"a" with 9`, `"b" with 1`}},
		{name: "somebody else's", claim: core.SinkClaim{Lineage: "b"}, held: held("a", 9), want: []string{"another run", `"a"`, `"b"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.claim.Key.StepName = "move"
			resume, err := tt.claim.Judge(tt.held)
			if (err != nil) != (tt.want != nil) || resume != tt.resume {
				t.Fatalf("got %t, %v", resume, err)
			}
			if err == nil {
				return
			}
			if !errors.Is(err, core.ErrCheckpointMismatch) || core.Hint(err) == "" {
				t.Errorf("got %v, want an ErrCheckpointMismatch with a hint", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
}
