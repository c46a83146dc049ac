package core_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

func TestExecutionContext(t *testing.T) {
	t.Parallel()
	t.Run("CTX-04 putting nil removes the key", func(t *testing.T) {
		t.Parallel()
		ec := core.ExecutionContext{"a": int64(1), "b": "x"}
		ec.Put("a", nil)
		ec.Put("never", nil)
		if diff := cmp.Diff(core.ExecutionContext{"b": "x"}, ec); diff != "" {
			t.Errorf("after removal (-want +got):\n%s", diff)
		}
	})
	t.Run("CTX-05 equal means the same keys, values and types", func(t *testing.T) {
		t.Parallel()
		ec := core.ExecutionContext{"n": int64(5), "f": 5.0, "s": "5", "b": true}
		same := ec.Clone()
		same.Put("n", int64(5))
		if !ec.Equal(same) {
			t.Error("an unchanged value makes a difference")
		}
		for key, v := range map[string]any{"n": 5.0, "f": int64(5), "s": "6", "b": false, "new": "x"} {
			other := ec.Clone()
			other.Put(key, v)
			if ec.Equal(other) {
				t.Errorf("%s = %v (%T) goes unnoticed", key, v, v)
			}
		}
	})
	t.Run("a clone is independent and never nil", func(t *testing.T) {
		t.Parallel()
		var none core.ExecutionContext
		none.Clone().Put("a", "b")
		ec := core.ExecutionContext{"a": "b"}
		ec.Clone().Put("a", "c")
		if ec["a"] != "b" {
			t.Error("a change to the clone reached the original")
		}
	})
}

func TestExecutionContextGetters(t *testing.T) {
	t.Parallel()
	ec := core.ExecutionContext{"s": "text", "n": int64(7), "f": 1.5, "b": true}
	if v, ok, err := ec.String("s"); v != "text" || !ok || err != nil {
		t.Errorf("String = %q, %v, %v", v, ok, err)
	}
	if v, ok, err := ec.Int64("n"); v != 7 || !ok || err != nil {
		t.Errorf("Int64 = %d, %v, %v", v, ok, err)
	}
	if v, ok, err := ec.Float64("f"); v != 1.5 || !ok || err != nil {
		t.Errorf("Float64 = %v, %v, %v", v, ok, err)
	}
	if v, ok, err := ec.Bool("b"); !v || !ok || err != nil {
		t.Errorf("Bool = %v, %v, %v", v, ok, err)
	}
	if v, ok, err := ec.Int64("absent"); v != 0 || ok || err != nil {
		t.Errorf("an absent key gives %d, %v, %v", v, ok, err)
	}
	_, ok, err := ec.Float64("n")
	if ok || err == nil || !strings.Contains(err.Error(), `"n" holds a int64, want a float64`) {
		t.Errorf("an int64 read as float64 gives %v, %v", ok, err)
	}
}

func TestExecutionContextCheck(t *testing.T) {
	t.Parallel()
	good := core.ExecutionContext{"s": "한국", "n": int64(1), "f": -0.5, "b": false}
	if err := good.Check(); err != nil {
		t.Errorf("Check of good values: %v", err)
	}
	for name, v := range map[string]any{
		"NaN": math.NaN(), "infinity": math.Inf(-1), "int": 1, "nil": nil, "slice": []string{"x"},
		"invalid UTF-8": "a\xff",
	} {
		err := core.ExecutionContext{"key": v}.Check()
		if err == nil || !strings.Contains(err.Error(), `"key"`) {
			t.Errorf("%s: Check = %v, want an error that names the key", name, err)
		}
	}
	if err := (core.ExecutionContext{"a\xff": "x"}).Check(); err == nil {
		t.Error("a key that is not valid UTF-8 passes")
	}
}

func TestContextChanges(t *testing.T) {
	t.Parallel()
	base := core.ExecutionContext{"kept": "1", "changed": "1", "removed": "1"}
	c := core.NewContextChanges(base)
	if !c.Empty() {
		t.Error("new changes are not empty")
	}
	c.Put("changed", "2")
	c.Put("removed", nil)
	c.Put("added", int64(3))
	get := map[string]any{}
	for _, key := range []string{"kept", "changed", "removed", "added", "absent"} {
		if v, ok := c.Get(key); ok {
			get[key] = v
		}
	}
	if diff := cmp.Diff(map[string]any{"kept": "1", "changed": "2", "added": int64(3)}, get); diff != "" {
		t.Errorf("values seen through the changes (-want +got):\n%s", diff)
	}
	if base["changed"] != "1" || base["removed"] != "1" {
		t.Errorf("the base was changed: %v", base)
	}

	newest := core.ExecutionContext{"kept": "9", "removed": "9", "other branch": "4"}
	c.Apply(newest)
	want := core.ExecutionContext{"kept": "9", "changed": "2", "added": int64(3), "other branch": "4"}
	if diff := cmp.Diff(want, newest); diff != "" {
		t.Errorf("applied to a newer state (-want +got):\n%s", diff)
	}

	var none *core.ContextChanges
	none.Apply(newest)
	if !none.Empty() || c.Empty() {
		t.Error("nil changes are empty, put ones are not")
	}
}
