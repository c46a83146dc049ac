package core_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/secret"
)

func TestSecretParameter(t *testing.T) {
	t.Parallel()
	specs := core.ParameterSpecs{{Name: "password", Type: core.TypeSecret}, {Name: "user"}}
	if err := specs.Check(); err != nil {
		t.Fatal(err)
	}
	n := core.Notation{Declared: specs}
	for _, tt := range []struct{ word, want, formatted string }{
		{"password=env:DB_PASSWORD", "env:DB_PASSWORD", "password=env:DB_PASSWORD"},
		{"password:secret=env:_x1", "env:_x1", "password=env:_x1"},
		{"password(secret)=file:/run/secrets/db", "file:/run/secrets/db", "password=file:/run/secrets/db"},
		{"password=file:pw (string)", "file:pw (string)", "password=file:pw (string)"},
		{"password=file:a=b(string)", "file:a=b(string)", "password=file:a=b(string)"},
		{"password:secret:non-identifying=env:A", "env:A", "password=env:A"},
	} {
		t.Run(tt.word, func(t *testing.T) {
			t.Parallel()
			ps, err := n.Parse([]string{tt.word})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(core.JobParameters{{Name: "password", Value: tt.want}}, ps); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err := specs.Validate(ps, time.UTC); err != nil {
				t.Error(err)
			}
			word := n.Format(ps[0])
			if again, err := n.Parse([]string{word}); err != nil || !again[0].Equal(ps[0]) {
				t.Errorf("%s reads back as %v, %v", word, again, err)
			}
		})
	}
}

func TestSecretParameterRefuses(t *testing.T) {
	t.Parallel()
	const canary = "hunter2"
	n := core.Notation{Declared: core.ParameterSpecs{{Name: "password", Type: core.TypeSecret}, {Name: "user"}}}
	for _, tt := range []struct{ name, word, want string }{
		{"a literal", "password=hunter2", "parameter password: a secret is not given itself"},
		{"a literal with what looks like a type", "password=hunter2(string)", "a secret is not given itself"},
		{"a literal with its type", "password:secret=hunter2", "a secret is not given itself"},
		{"a literal with another type", "password:string=hunter2", "given as string, but the job declares it secret"},
		{"a literal that is no number", "password:long=hunter2", "given as long, but the job declares it secret"},
		{"a literal that is not UTF-8", "password=hunter2\xff", "a secret is not given itself"},
		{"empty", "password=", "a secret is not given itself"},
		{"a variable that cannot be", "password=env:hunter2-", "a secret is not given itself"},
		{"no variable", "password=env:", "a secret is not given itself"},
		{"no file", "password=file:", "a secret is not given itself"},
		{"a file with a NUL", "password=file:hunter2\x00", "a secret is not given itself"},
		{"identifying", "+password=env:hunter2", "the job declares it non-identifying"},
		{"the type for another parameter", "user:secret=hunter2", "given as secret, but the job declares it string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := n
			n.Signs = true
			ps, err := n.Parse([]string{tt.word})
			if !errors.Is(err, core.ErrJobParametersInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v, want %q", ps, err, tt.want)
			}
			if text := err.Error() + core.Hint(err); strings.Contains(text, canary) {
				t.Errorf("the error shows the value: %s", text)
			}
			if strings.Contains(tt.want, "itself") && core.Hint(err) !=
				"write password=env:NAME for a variable, or password=file:PATH for a file of mode 0600" {
				t.Errorf("hint %q", core.Hint(err))
			}
		})
	}
	open := core.Notation{Open: true}
	if _, err := open.Parse([]string{"user:secret=hunter2"}); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("an undeclared secret: %v", err)
	}
	stored := core.JobParameters{{Name: "password", Value: canary}}
	if err := n.Declared.Validate(stored, time.UTC); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("a literal that was not parsed: %v", err)
	}
	if err := n.Declared.Validate(core.JobParameters{{Name: "password", Value: int64(5)}}, time.UTC); err == nil {
		t.Error("a number is valid")
	}
}

func TestSecretDeclaration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		spec core.ParameterSpec
		want string
	}{
		{"with a default", core.ParameterSpec{Default: "env:X"}, ""},
		{"with a literal default", core.ParameterSpec{Default: "hunter2"}, "its default is no reference"},
		{"a path", core.ParameterSpec{Path: true}, "is not a string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.spec.Name, tt.spec.Type = "password", core.TypeSecret
			err := core.ParameterSpecs{tt.spec}.Check()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
	specs := core.ParameterSpecs{{Name: "password", Type: core.TypeSecret, Default: "file:pw"}}
	want := core.JobParameters{{Name: "password", Value: "file:/srv/pw"}}
	if diff := cmp.Diff(want, specs.Complete(nil, "/srv")); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
	env := core.JobParameters{{Name: "password", Value: "env:PW"}}
	if diff := cmp.Diff(env, specs.Complete(env, "/srv")); diff != "" {
		t.Errorf("completed (-want +got):\n%s", diff)
	}
	spec := specs[0]
	if spec.Identifying() || spec.ParameterType() != core.TypeString || spec.Declared() != core.TypeSecret {
		t.Errorf("identifying %v, values %s, declared %s", spec.Identifying(), spec.ParameterType(), spec.Declared())
	}
}

func TestRunSecret(t *testing.T) {
	t.Parallel()
	r := &core.Run{Secrets: map[string]secret.Secret{"password": secret.New("hunter22")}, Masker: &secret.Masker{}}
	r.Masker.Hide("hunter22")
	s := &core.Scope{Run: r}
	got, err := s.Secret("password")
	if err != nil || got.Reveal() != "hunter22" {
		t.Errorf("got %q, %v", got.Reveal(), err)
	}
	if _, err := s.Secret("pasword"); err == nil {
		t.Error("a secret that was not given has a value")
	}
	if got := s.Mask("login with hunter22 failed"); got != "login with *** failed" {
		t.Errorf("masked: %q", got)
	}
	if got := (&core.Run{}).Mask("plain"); got != "plain" {
		t.Errorf("without a masker: %q", got)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	asked := []string{}
	n := core.Notation{
		Declared: core.ParameterSpecs{{Name: "day", Type: core.TypeDate}, {Name: "note"}},
		Extra:    core.ParameterSpecs{{Name: "next", Type: core.TypeDate}},
		Open:     true, Zone: zone(t, "Asia/Seoul"),
		Expand: func(name, expression string) (string, error) {
			asked = append(asked, name+" "+expression)
			if expression == "@never" {
				return "", errors.New("never")
			}
			return "2021-01-02", nil
		},
	}
	ps, err := n.Parse([]string{"day=@today", "next(date)=@today-1d", "more:date=@a", "note=@today", "free=@today", "last=@b(date)"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"day @today", "next @today-1d", "more @a", "last @b"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	want := []string{"day=2021-01-02", "next=2021-01-02", "more:date=2021-01-02", "note=@today", "free:string=@today", "last:date=2021-01-02"}
	if diff := cmp.Diff(want, n.Words(ps)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := n.Parse([]string{"day=@never"}); err == nil || err.Error() != "never" {
		t.Errorf("got %v, want the error as it is", err)
	}
	n.Expand = nil
	if _, err := n.Parse([]string{"day=@today"}); err == nil || !strings.Contains(err.Error(), `value "@today" is not a date`) {
		t.Errorf("without expressions: %v", err)
	}
}
