//go:build linux

package execstep_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

// environment runs a command that tells its environment.
func (b *bundle) environment(cfg execstep.Config, ps ...core.JobParameter) map[string]string {
	b.t.Helper()
	cfg.Command = []string{"cat", "/proc/self/environ"}
	got := map[string]string{}
	for entry := range strings.SplitSeq(strings.TrimSuffix(b.log(b.must(cfg, ps...)), "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		if _, twice := got[name]; twice {
			b.t.Errorf("%s is there twice", name)
		}
		got[name] = value
	}
	return got
}

func text(name, value string) core.JobParameter {
	return core.JobParameter{Name: name, Value: value, Identifying: true}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.environment(execstep.Config{Env: map[string]string{"ADDED": "a=b", "HOME": "/elsewhere"}, InheritEnv: []string{"PATH"}},
		text("requestDate", "x"), text("in-put.dir", "/ü"),
		core.JobParameter{Name: "day", Value: time.Date(2021, 1, 2, 0, 0, 0, 0, time.UTC), Identifying: true},
		core.JobParameter{Name: "n", Value: int64(-7)}, core.JobParameter{Name: "rate", Value: 0.25})
	for _, name := range []string{"PATH", "BATCH_OUTPUT", "BATCH_IDEMPOTENCY_KEY", "BATCHCTL_CALL"} {
		if got[name] == "" {
			t.Errorf("%s is not set", name)
		}
		delete(got, name)
	}
	want := map[string]string{
		"ADDED": "a=b", "HOME": "/elsewhere", "BATCHCTL_DB": b.store.Path(),
		"BATCH_JOB_NAME": "nightly", "BATCH_INSTANCE_ID": "1", "BATCH_EXECUTION_ID": "1",
		"BATCH_STEP_NAME": "work", "BATCH_STEP_EXECUTION_ID": "1", "BATCH_RESTART": "false", "BATCH_ATTEMPT": "1",
		"BATCH_PARAM_REQUESTDATE": "x", "BATCH_PARAM_IN_PUT_DIR": "/ü", "BATCH_PARAM_DAY": "2021-01-02",
		"BATCH_PARAM_N": "-7", "BATCH_PARAM_RATE": "0.25",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("only what is listed is inherited", func(t *testing.T) {
		t.Parallel()
		got := slices.Collect(maps.Keys(setup(t).environment(execstep.Config{})))
		got = slices.DeleteFunc(got, func(name string) bool {
			return strings.HasPrefix(name, "BATCH_") || strings.HasPrefix(name, "BATCHCTL_") ||
				slices.Contains(execstep.DefaultInherit(), name)
		})
		if len(got) > 0 {
			t.Errorf("the command has also inherited %q", got)
		}
	})
	t.Run("an attempt is counted, and its key stays", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		script := sh(`echo $BATCH_ATTEMPT $BATCH_RESTART; echo "$BATCH_IDEMPOTENCY_KEY" >> keys; test $BATCH_ATTEMPT = 3`)
		for attempt, want := range []string{"1 false\n", "2 true\n", "3 true\n"} {
			je, err := b.run(script)
			if (err == nil) != (attempt == 2) {
				t.Errorf("attempt %d: %v", attempt+1, err)
			}
			if got := b.log(je); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		keys := strings.Fields(b.read("keys"))
		if len(keys) != 3 || keys[0] == "" || keys[0] != keys[1] || keys[1] != keys[2] {
			t.Errorf("the keys are %q", keys)
		}
		if _, err := b.run(script, text("day", "2")); err == nil {
			t.Error("another instance goes on counting")
		}
		if all := strings.Fields(b.read("keys")); len(all) != 4 || all[3] == keys[0] {
			t.Errorf("the keys are %q", all)
		}
	})
}

// corpus are values that a shell would do something with.
var corpus = []string{
	"", " ", "a b", "*", "~", "-rf", "--", "-n", "=", "a=b", "#x", "!!", "\\", "\\n", "%s%n",
	"; touch ran", "&& touch ran", "| touch ran", "& touch ran", "\ntouch ran\n", "\r\n", "\t",
	"$(touch ran)", "`touch ran`", "${IFS}touch${IFS}ran", "$HOME", "$0", "'; touch ran; '", `"; touch ran; "`, `'"'"'`,
	"<(touch ran)", "> ran", "() { :; }; touch ran", "ä€😀", "\u202e", "\x1b[2J", "\x01", strings.Repeat("x", 2500),
}

func TestParametersInjectNothing(t *testing.T) {
	t.Parallel()
	ps := make(core.JobParameters, len(corpus))
	for i, value := range corpus {
		ps[i] = text(fmt.Sprint("p", i), value)
	}
	t.Run("through the environment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		got := b.environment(execstep.Config{}, ps...)
		for i, want := range corpus {
			if value := got[fmt.Sprint("BATCH_PARAM_P", i)]; value != want {
				t.Errorf("got %q, want %q", value, want)
			}
		}
	})
	t.Run("into a script", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var script strings.Builder
		for i := range corpus {
			fmt.Fprintf(&script, "printf '%%s\\0' \"$BATCH_PARAM_P%d\"\n", i)
		}
		if got := b.log(b.must(sh(script.String()), ps...)); got != strings.Join(corpus, "\x00")+"\x00" {
			t.Errorf("got %q", got)
		}
		if b.exists("ran") {
			t.Error("a value was run")
		}
	})
	t.Run("as arguments", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		cfg := execstep.Config{Command: append([]string{"printf", `%s\0`}, corpus...)}
		if got := b.log(b.must(cfg)); got != strings.Join(corpus, "\x00")+"\x00" || b.exists("ran") {
			t.Errorf("got %q", got)
		}
	})
}

// What people are told about is what a command sees, and nothing else.
func TestVariables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := slices.Collect(maps.Keys(b.environment(execstep.Config{}, text("run.date", "x"))))
	got = slices.DeleteFunc(got, func(name string) bool { return !strings.HasPrefix(name, "BATCH") || name == "BATCHCTL_CALL" })
	want := []string{"BATCH_PARAM_RUN_DATE"}
	for _, v := range execstep.Variables() {
		if v.Help == "" {
			t.Errorf("nothing is said about %s", v.Name)
		}
		if v.Name != "BATCH_PARAM_NAME" && v.Name != "BATCH_PARTITION" && v.Name != "BATCHCTL_JOBS" { // the step has no parts, and is of no definition
			want = append(want, v.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParameterNames(t *testing.T) {
	t.Parallel()
	t.Run("two that would be one variable are refused", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.run(sh("echo > ran"), text("in-dir", "a"), text("IN.DIR", "b"))
		wantError(t, err, core.ErrJobDefinition, `"in-dir" and "IN.DIR" would both be the variable BATCH_PARAM_IN_DIR`)
		if b.exists("ran") {
			t.Error("it ran")
		}
	})
	for name, want := range map[string]string{
		"day": "BATCH_PARAM_DAY", "requestDate": "BATCH_PARAM_REQUESTDATE", "a.b-c/d": "BATCH_PARAM_A_B_C_D",
		"größe": "BATCH_PARAM_GR__E", "1": "BATCH_PARAM_1", "_x": "BATCH_PARAM__X",
	} {
		if got := execstep.Variable(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
