package partfile_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/jobs/partfile"
)

func TestDiscard(t *testing.T) {
	t.Parallel()
	path := target(t)
	cfg := partfile.Config{Target: path}
	do(t, partfile.Discard(t.Context(), cfg))
	write(t, path, "older\n")
	write(t, path+partfile.Suffix, "left behind\n")
	do(t, partfile.Discard(t.Context(), cfg))
	want(t, path+partfile.Suffix, "")
	want(t, path, "older\n")
	f := create(t, cfg)
	do(t, f.Append([]byte("one\n")))
	for name, remove := range map[string]func(context.Context, partfile.Config) error{"discard": partfile.Discard, "clear": partfile.Clear} {
		if err := remove(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "somebody else is writing") {
			t.Errorf("%s what is being written: %v", name, err)
		}
	}
	want(t, path+partfile.Suffix, "one\n")
	cfg.KeepExisting = true
	if err := partfile.Discard(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "must not be replaced") {
		t.Errorf("beside a file to keep: %v", err)
	}
}

func TestClear(t *testing.T) {
	t.Parallel()
	path := target(t)
	cfg := partfile.Config{Target: path}
	do(t, partfile.Clear(t.Context(), cfg))
	write(t, path, "older\n")
	write(t, path+partfile.Suffix, "left behind\n")
	do(t, partfile.Clear(t.Context(), partfile.Config{Target: path, KeepExisting: true}))
	want(t, path+partfile.Suffix, "")
	want(t, path, "older\n")
	do(t, partfile.Clear(t.Context(), cfg), partfile.Clear(t.Context(), cfg))
	want(t, path, "")
	do(t, os.Mkdir(path, 0o700))
	for name, err := range map[string]error{
		"a directory": partfile.Clear(t.Context(), cfg), "a relative path": partfile.Clear(t.Context(), partfile.Config{Target: "out.csv"}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
