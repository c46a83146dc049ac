package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core/secret"
)

const canary = "correct horse battery staple"

func TestSecretDoesNotShow(t *testing.T) {
	t.Parallel()
	s := secret.New(canary)
	if s.Reveal() != canary {
		t.Errorf("Reveal = %q", s.Reveal())
	}
	nested := struct {
		Name   string
		Secret secret.Secret
		List   []secret.Secret
		Map    map[string]*secret.Secret
	}{"db", s, []secret.Secret{s}, map[string]*secret.Secret{"a": &s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		args := []any{s}
		if strings.HasPrefix(verb, "%T") {
			args = []any{s, &s}
		}
		fmt.Fprintf(&out, verb+"\n", args...)
		fmt.Fprintf(&out, strings.TrimPrefix(verb, "%T ")+"\n", nested)
	}
	fmt.Fprintln(&out, s, &s, nested, errors.Join(fmt.Errorf("login with %s: %v", s, &s)))
	for _, v := range []any{s, &s, nested} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
		slog.New(slog.NewTextHandler(&out, nil)).Info("login", slog.Any("secret", v))
		slog.New(slog.NewJSONHandler(&out, nil)).Info("login", slog.Any("secret", v))
	}
	for _, form := range []string{canary, "horse", fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q is shown:\n%s", form, out.String())
		}
	}
	if strings.Count(out.String(), secret.Masked) < 20 {
		t.Errorf("the mask is missing:\n%s", out.String())
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		hidden []string
		in     string
		want   string
	}{
		{"nothing hidden", nil, "abcdef", "abcdef"},
		{"exact", []string{"hunter22"}, "user=x password=hunter22;", "user=x password=***;"},
		{"every one", []string{"hunter22"}, "hunter22hunter22 hunter2", "****** hunter2"},
		{"case is kept apart", []string{"hunter22"}, "Hunter22", "Hunter22"},
		{"too short", []string{"abcde"}, "abcde", "abcde"},
		{"long enough", []string{"abcdef"}, "abcdef", "***"},
		{"characters are counted", []string{"비밀번호임", "비밀번호입니"}, "비밀번호임 비밀번호입니", "비밀번호임 ***"},
		{"the longer one wins", []string{"secret", "secret-of-mine"}, "secret-of-mine secret", "*** ***"},
		{"hidden twice", []string{"hunter22", "hunter22"}, "hunter22", "***"},
		{"empty", []string{""}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m secret.Masker
			for _, h := range tt.hidden {
				m.Hide(h)
			}
			if got := m.Mask(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := (*secret.Masker)(nil).Mask("x"); got != "x" {
		t.Errorf("nil masks: %q", got)
	}
}
