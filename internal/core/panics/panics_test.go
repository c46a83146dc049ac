package panics_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core/panics"
)

var errBoom = errors.New("boom\x1b[2J")

// recovering runs f and returns the panic in it.
func recovering(where string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panics.Recovered(where, v)
		}
	}()
	f()
	return nil
}

func explode() { panic(errBoom) }

func dereference() {
	var p *struct{ n int }
	p.n++ //nolint:govet // the panic that is wanted
}

func deep(n int) {
	if n > 0 {
		deep(n - 1)
		return
	}
	explode()
}

func caught(t *testing.T, err error) *panics.Error {
	t.Helper()
	e, ok := errors.AsType[*panics.Error](err)
	if !ok {
		t.Fatalf("got error %v, want a *panics.Error", err)
	}
	return e
}

func TestRecovered(t *testing.T) {
	t.Parallel()
	t.Run("says where and what, and steers no terminal", func(t *testing.T) {
		t.Parallel()
		err := recovering("step load", explode)
		if got, want := err.Error(), `panic in step load: boom\x1b[2J`; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := recovering("", func() { panic(7) }); err.Error() != "panic: 7" || errors.Unwrap(err) != nil {
			t.Errorf("got %q of %v", err, errors.Unwrap(err))
		}
		if !errors.Is(err, errBoom) {
			t.Errorf("%v is not the error that was panicked with", err)
		}
	})
	t.Run("the stack begins where it happened and ends below who recovered", func(t *testing.T) {
		t.Parallel()
		for name, tt := range map[string]struct {
			f    func()
			want string
		}{
			"a panic":          {explode, `^  panics_test\.explode \(panics_test\.go:\d+\)$`},
			"a runtime error":  {dereference, `^  panics_test\.dereference \(panics_test\.go:\d+\)$`},
			"from further in":  {func() { explode() }, `^  panics_test\.explode \(.*\)\n  panics_test\.TestRecovered\.\S+ \(.*\)$`},
			"no more than ten": {func() { deep(40) }, `^  panics_test\.explode \(.*\)(\n  panics_test\.deep \(.*\)){9}$`},
		} {
			if got := caught(t, recovering("", tt.f)).Stack; !regexp.MustCompile(tt.want).MatchString(got) {
				t.Errorf("%s: got stack\n%s", name, got)
			}
		}
	})
	t.Run("a panic of another goroutine keeps its stack", func(t *testing.T) {
		t.Parallel()
		inner := make(chan error)
		go func() { inner <- recovering("", explode) }()
		first := caught(t, <-inner)
		again := caught(t, recovering("step load", func() { panic(first) }))
		if again.Error() != `panic in step load: boom\x1b[2J` || again.Stack != first.Stack || !strings.Contains(again.Stack, "explode") {
			t.Errorf("got %q with the stack\n%s", again, again.Stack)
		}
		if !errors.Is(again, errBoom) {
			t.Errorf("%v has lost what was panicked with", again)
		}
	})
}
