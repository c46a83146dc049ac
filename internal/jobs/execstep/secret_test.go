//go:build linux

package execstep_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
)

const canary = "s3cret-kanarienvogel"

// withSecret runs a step of a job that has a secret.
func (b *bundle) withSecret(cfg execstep.Config) (*core.JobExecution, error) {
	b.t.Helper()
	file := filepath.Join(b.dir, "password")
	if err := os.WriteFile(file, []byte(canary+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
	job := &core.Job{
		Name: "nightly", Steps: []*core.Step{b.step(cfg)},
		Parameters: core.ParameterSpecs{{Name: "password", Type: core.TypeSecret}, {Name: "other", Type: core.TypeSecret}, {Name: "plain"}},
	}
	ps := core.JobParameters{{Name: "password", Value: "file:" + file}, {Name: "plain", Value: "x", Identifying: true}}
	je, err := b.Run(b.t.Context(), job, ps, launch.Options{})
	if je == nil {
		b.t.Fatal(err)
	}
	return je, err
}

// wantNoCanary looks through everything that was written but the secret's own
// file.
func (b *bundle) wantNoCanary() {
	b.t.Helper()
	files := 0
	err := filepath.WalkDir(b.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "password" {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		if strings.Contains(string(text), canary) {
			b.t.Errorf("the secret stands in %s", path)
		}
		return err
	})
	if err != nil || files < 3 {
		b.t.Errorf("looked through %d files: %v", files, err)
	}
	if strings.Contains(b.logs.String(), canary) {
		b.t.Errorf("the secret stands in the log:\n%s", b.logs)
	}
}

func TestSecretEnv(t *testing.T) {
	t.Parallel()
	b := setup(t)
	je, err := b.withSecret(execstep.Config{
		SecretEnv: map[string]string{"PGPASSWORD": "password", "NOT_GIVEN": "other"},
		Env:       map[string]string{"PLAIN": "p"},
		Script: `test ${#PGPASSWORD} = 20 || exit 9
test "${NOT_GIVEN-unset} $PLAIN $BATCH_PARAM_PLAIN" = "unset p x" || exit 8
test "${BATCH_PARAM_PASSWORD-unset}" = unset || exit 7
grep -q 's3cret-[k]anarien' /proc/$$/cmdline && exit 6
echo "connect as $PGPASSWORD, twice: $PGPASSWORD$PGPASSWORD."
echo "job-context.dsn=user:$PGPASSWORD@host" >"$BATCH_OUTPUT"
echo "context.dsn=user:$PGPASSWORD@host" >>"$BATCH_OUTPUT"`,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := je.Context.String("dsn"); err != nil || got != "user:***@host" {
		t.Errorf("the context has %q, %v", got, err)
	}
	log := b.log(je)
	if want := "connect as ***, twice: ******.\n"; log != want {
		t.Errorf("the log is %q, want %q", log, want)
	}
	b.wantNoCanary()
}

func TestSecretsInFailures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// The line is cut in the message, in the middle of the secret.
	je, err := b.withSecret(execstep.Config{
		SecretEnv: map[string]string{"PGPASSWORD": "password"},
		Script: `head -c 3000000 /dev/zero | tr '\0' x; echo
printf '%0190d' 0; echo "$PGPASSWORD"; exit 1`,
	})
	if err == nil {
		t.Fatal("it did not fail")
	}
	if message := je.Steps[0].ExitStatus.Message; !strings.Contains(message, "000***") || strings.Contains(message, "s3cret") {
		t.Errorf("the exit message is %q", message)
	}
	b.wantNoCanary()
}

// A secret is kept nowhere but in values, where it is masked: neither in what a
// command asks for, nor in what is said about it.
func TestSecretsInOutput(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, output, want string }{
		{"exit status", `exit-status=$X`, "exit-status=***: an exit status is kept and shown"},
		{"within the exit status", `exit-status=A$X.B`, "exit-status=A***.B: "},
		{"key", `context.$X=1`, "the key context.***: a key is kept and shown"},
		{"key for the job", `job-context.a$X=1`, "the key job-context.a***: "},
		{"no key at all", `$X`, `line 1: "***" has no =`},
		{"a long line without a key", `$(printf '%0190d' 0)$X`, `has no =`},
		{"unknown key", `$X=1`, `line 1: the key "***" is none of`},
		{"an exit status that cannot be one", `exit-status= $X`, `line 1: `},
		{"twice when masked", "job-context.$X=1\njob-context.$X=2", `line 2: "job-context.***" is given twice`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			je, err := b.withSecret(execstep.Config{
				SecretEnv: map[string]string{"X": "password"}, Script: `echo "` + tt.output + `" >>"$BATCH_OUTPUT"`,
			})
			if err == nil || core.ClassOf(err, "") != execstep.ClassOutput {
				t.Errorf("got %v, want a %s", err, execstep.ClassOutput)
			}
			if got := je.Steps[0].ExitStatus; !strings.Contains(got.Message, tt.want) || got.Code != core.ExitCodeFailed || strings.Contains(got.Message, "s3cret") {
				t.Errorf("the exit status is %+v, want %q", got, tt.want)
			}
			b.wantNoCanary()
		})
	}
}

func TestSecretEnvRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  execstep.Config
		want string
	}{
		{"no variable", execstep.Config{SecretEnv: map[string]string{"A=B": "password"}}, `"A=B" cannot be the name of a variable`},
		{"one of ours", execstep.Config{SecretEnv: map[string]string{"BATCH_X": "password"}}, "names that begin with BATCH_"},
		{"twice", execstep.Config{SecretEnv: map[string]string{"A": "password"}, Env: map[string]string{"A": "b"}}, `"A" is among the other variables too`},
		{"undeclared", execstep.Config{SecretEnv: map[string]string{"A": "pasword"}}, `the job declares no secret parameter "pasword"`},
		{"no secret", execstep.Config{SecretEnv: map[string]string{"A": "plain"}}, `the job declares no secret parameter "plain"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			tt.cfg.Script = "exit 0"
			if _, err := b.withSecret(tt.cfg); !errors.Is(err, core.ErrJobDefinition) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
