package launch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
	"github.com/batchctl/batchctl/internal/core/launch"
	"github.com/batchctl/batchctl/internal/core/secret"
)

// canary is what nobody may find anywhere. The quote, the newline and the sign
// make it look different in every escaping.
const canary = "kana\"ria\nvögel & 42%"

// canaryForms are the texts that would give it away.
func canaryForms() []string {
	text, _ := json.Marshal(canary) //nolint:errchkjson // a string
	return []string{canary, "vögel & 42", "kana\"ria", "kana\\\"ria", string(text[1 : len(text)-1]), url.QueryEscape(canary), url.PathEscape(canary)}
}

// secretFile writes a file as it is recommended.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// leaky is a job whose step tells its secret to everybody who listens.
func leaky(name string) *core.Job {
	tell := func(ctx context.Context, s *core.Scope, _ *core.StepContribution) (core.RepeatStatus, error) {
		password, err := s.Secret("password")
		if err != nil {
			return core.Finished, err
		}
		value := password.Reveal()
		if value != canary {
			return core.Finished, fmt.Errorf("the value is %q", value)
		}
		s.Log.LogAttrs(ctx, slog.LevelInfo, "log in with "+value, slog.String("text", value), slog.Any("error", errors.New(value)), //nolint:sloglint // it has to hold for messages too
			slog.Any("struct", struct{ V []string }{[]string{value}}), slog.Group("group", slog.String("inner", value)), slog.Any("secret", password))
		s.Log.With("with", value).WithGroup("g").Info("as an attribute of the logger", "list", []any{value}) //nolint:sloglint // it has to hold everywhere
		return core.Finished, fmt.Errorf("log in as admin with %s, quoted %s, in an URL https://%s@host: refused",
			value, core.Quote(value), url.QueryEscape(value))
	}
	return &core.Job{
		Name:       name,
		Parameters: core.ParameterSpecs{{Name: "password", Type: core.TypeSecret, Required: true}, {Name: "day"}},
		Steps:      []*core.Step{engine.TaskletStep("tell", core.TaskletFunc(tell))},
	}
}

func (b *bundle) wantNoCanary() {
	b.t.Helper()
	files, err := filepath.Glob(b.path + "*")
	if err != nil {
		b.t.Fatal(err)
	}
	texts := map[string]string{"the log": b.logs.String()}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			texts[filepath.Base(file)] = string(text)
		}
	}
	if len(texts) < 3 {
		b.t.Errorf("only %d texts to look through", len(texts))
	}
	for name, text := range texts {
		for _, form := range canaryForms() {
			if at := strings.Index(text, form); at >= 0 {
				b.t.Errorf("%q stands in %s: %q", form, name, text[max(0, at-40):at+len(form)])
			}
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	b := setup(t, leaky("leaky"))
	reference := "file:" + secretFile(t, canary+"\n")
	ps := core.JobParameters{{Name: "password", Value: reference}, {Name: "day", Value: "mon", Identifying: true}}
	je, err := b.Start(t.Context(), "leaky", ps, launch.Options{})
	if err == nil || je == nil {
		t.Fatalf("got %v, %v", je, err)
	}
	b.wantNoCanary()
	want := `log in as admin with ***, quoted "***", in an URL https://***@host: refused`
	for _, message := range []string{je.ExitStatus.Message, je.Steps[0].ExitStatus.Message} {
		if !strings.Contains(message, want) {
			t.Errorf("the exit message is %q, want %q in it", message, want)
		}
	}
	if n := strings.Count(b.logs.String(), secret.Masked); n < 8 {
		t.Errorf("masked %d times in the log:\n%s", n, b.logs)
	}
	if p, _ := je.Parameters.Lookup("password"); p.Value != reference || p.Identifying {
		t.Errorf("stored %v", p)
	}
}

// Where the secret is found is no part of the identity, and every launch reads
// it anew.
func TestSecretsAreReadAtEveryLaunch(t *testing.T) {
	t.Parallel()
	b := setup(t, leaky("leaky"))
	first := secretFile(t, "an older value")
	ps := core.JobParameters{{Name: "password", Value: "file:" + first}, {Name: "day", Value: "mon", Identifying: true}}
	je, err := b.Start(t.Context(), "leaky", ps, launch.Options{})
	if err == nil || !strings.Contains(err.Error(), "the value is") {
		t.Fatal(err)
	}
	if strings.Contains(je.ExitStatus.Message, "older") {
		t.Errorf("the exit message is %q", je.ExitStatus.Message)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	gone, err := b.Restart(t.Context(), je.ID, nil, launch.Options{})
	if gone != nil || !errors.Is(err, core.ErrJobParametersInvalid) || b.executions() != 1 {
		t.Fatalf("without the secret: %v, %v, %d executions", gone, err, b.executions())
	}
	second := core.JobParameters{{Name: "password", Value: "file:" + secretFile(t, canary)}}
	again, err := b.Restart(t.Context(), je.ID, second, launch.Options{})
	if again == nil || err == nil || !strings.Contains(again.ExitStatus.Message, "log in as admin with ***") {
		t.Fatalf("restarted: %v, %v", again, err)
	}
	if again.Instance.ID != je.Instance.ID {
		t.Error("another reference made another instance")
	}
	b.wantNoCanary()
}

// The parent's messages carry those of its child.
func TestSecretsOfChildrenAreMasked(t *testing.T) {
	t.Parallel()
	child := leaky("child")
	reference := "file:" + secretFile(t, canary)
	masker := &secret.Masker{}
	b := setup(t, child, &core.Job{Name: "parent", Steps: []*core.Step{
		launch.JobStep("launch", child, func(context.Context, *core.Scope) (core.JobParameters, error) {
			return core.JobParameters{{Name: "password", Value: reference}}, nil
		}),
	}})
	b.Launcher.Masker = masker
	je, err := b.Start(t.Context(), "parent", nil, launch.Options{})
	if err == nil || !strings.Contains(je.ExitStatus.Message, "***") {
		t.Fatalf("%v, %v", je, err)
	}
	if strings.Contains(masker.Mask(err.Error()), "kana") {
		t.Errorf("the masker does not know the child's secret: %v", err)
	}
	b.wantNoCanary()
}

func TestResolveSecretsRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct{ name, reference, want, hint string }{
		{"a variable that is not set", "env:BATCHCTL_TEST_NOT_SET", "env:BATCHCTL_TEST_NOT_SET: the variable is not set", "export BATCHCTL_TEST_NOT_SET"},
		{"no file", "file:" + dir + "/none", "the file cannot be read: no such file or directory", "ls -l"},
		{"a folder", "file:" + dir, "it is no plain file", "ls -ld"},
		{"a device", "file:/dev/null", "it is no plain file", "ls -ld"},
		{"open to the group", "file:" + write("group", canary, 0o640), "the file has mode 0640", "chmod 600 " + dir + "/group"},
		{"open to everybody", "file:" + write("all", canary, 0o604), "the file has mode 0604", "chmod 600"},
		{"empty", "file:" + write("empty", "", 0o600), "the file is empty", "ls -l"},
		{"a newline only", "file:" + write("newline", "\n", 0o600), "the file is empty", "ls -l"},
		{"too long", "file:" + write("long", strings.Repeat("x", 64<<10+1), 0o600), "more than 65536 bytes", "ls -l"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, leaky("leaky"))
			je, err := b.Start(t.Context(), "leaky", core.JobParameters{{Name: "password", Value: tt.reference}}, launch.Options{})
			if je != nil || !errors.Is(err, core.ErrJobParametersInvalid) {
				t.Fatalf("got %v, %v", je, err)
			}
			if !strings.Contains(err.Error(), "run leaky: parameter password: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
			if !strings.Contains(core.Hint(err), tt.hint) {
				t.Errorf("hint %q, want %q", core.Hint(err), tt.hint)
			}
			if strings.Contains(err.Error(), "kana") {
				t.Errorf("the error shows the value: %v", err)
			}
			if n := b.executions(); n != 0 {
				t.Errorf("%d executions", n)
			}
		})
	}
}

func TestResolveSecrets(t *testing.T) {
	t.Setenv("BATCHCTL_TEST_SECRET", "from the environment")
	t.Setenv("BATCHCTL_TEST_EMPTY", "")
	job := &core.Job{Parameters: core.ParameterSpecs{{Name: "s", Type: core.TypeSecret}, {Name: "plain"}}}
	for _, tt := range []struct{ reference, want string }{
		{"env:BATCHCTL_TEST_SECRET", "from the environment"},
		{"file:" + secretFile(t, "one line\n"), "one line"},
		{"file:" + secretFile(t, "windows\r\n"), "windows"},
		{"file:" + secretFile(t, "two newlines\n\n"), "two newlines\n"},
		{"file:" + secretFile(t, " spaces stay "), " spaces stay "},
		{"file:" + secretFile(t, strings.Repeat("x", 64<<10-1)+"\n"), strings.Repeat("x", 64<<10-1)},
	} {
		masker := &secret.Masker{}
		ps := core.JobParameters{{Name: "s", Value: tt.reference}, {Name: "plain", Value: "env:NOTHING"}}
		values, err := launch.ResolveSecrets(job, ps, masker)
		if err != nil {
			t.Errorf("%s: %v", tt.reference, err)
			continue
		}
		if diff := cmp.Diff([]string{tt.want}, []string{values["s"].Reveal()}); diff != "" || len(values) != 1 {
			t.Errorf("%s (-want +got):\n%s", tt.reference, diff)
		}
		if got := masker.Mask("<" + tt.want + ">"); got != "<***>" {
			t.Errorf("%s: masked %q", tt.reference, got)
		}
	}
	_, err := launch.ResolveSecrets(job, core.JobParameters{{Name: "s", Value: "env:BATCHCTL_TEST_EMPTY"}}, &secret.Masker{})
	if err == nil || !strings.Contains(err.Error(), "the variable is empty") {
		t.Errorf("an empty variable: %v", err)
	}
	if values, err := launch.ResolveSecrets(job, nil, nil); values != nil || err != nil {
		t.Errorf("without secrets: %v, %v", values, err)
	}
}

// What Quote cuts off leaves nothing that is not masked.
func TestLongSecretsAreMaskedWhereTheyAreCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789abcdef", 20)
	job := &core.Job{Parameters: core.ParameterSpecs{{Name: "s", Type: core.TypeSecret}}}
	masker := &secret.Masker{}
	ps := core.JobParameters{{Name: "s", Value: "file:" + secretFile(t, long)}}
	if _, err := launch.ResolveSecrets(job, ps, masker); err != nil {
		t.Fatal(err)
	}
	if got := masker.Mask("value " + core.Quote(long)); got != `value "***"...` {
		t.Errorf("masked: %s", got)
	}
}

func TestShortSecretsAreToldOf(t *testing.T) {
	t.Parallel()
	b := setup(t, leaky("leaky"))
	ps := core.JobParameters{{Name: "password", Value: "file:" + secretFile(t, "12345")}}
	if je, err := b.Start(t.Context(), "leaky", ps, launch.Options{}); je == nil || err == nil {
		t.Fatalf("%v, %v", je, err)
	}
	if !strings.Contains(b.logs.String(), `msg="the secret is too short to be masked in messages"`) {
		t.Errorf("no warning:\n%s", b.logs)
	}
}
