package execstep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// Bounds of what a command may hand back.
const (
	maxOutput    = 64 << 10
	maxOutputKey = 200
)

// The keys of the file that BATCH_OUTPUT names.
const (
	keyExitStatus = "exit-status"
	keyContext    = "context."
	keyJobContext = "job-context."
)

// Output is what a command has written to the file that BATCH_OUTPUT names.
type Output struct {
	// ExitStatus is empty when the command did not say.
	ExitStatus string
	// Context and JobContext are values for the step's and the job's contexts.
	Context, JobContext map[string]string
}

// ParseOutput reads lines of the form key=value. The keys are exit-status,
// context.NAME and job-context.NAME, each at most once; the value is all that
// follows the first =. Empty lines and lines that begin with # are passed over.
// An error names the line.
func ParseOutput(text []byte) (Output, error) {
	out := Output{Context: map[string]string{}, JobContext: map[string]string{}}
	if len(text) > maxOutput {
		return out, fmt.Errorf("it has more than %d bytes", maxOutput)
	}
	number := 0
	for line := range bytes.Lines(text) {
		number++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if err := out.add(string(line)); err != nil {
			return out, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return out, nil
}

func (o *Output) add(line string) error {
	if !utf8.ValidString(line) {
		return fmt.Errorf("%s is not valid UTF-8", core.Quote(line))
	}
	key, value, ok := strings.Cut(line, "=")
	if !ok {
		return fmt.Errorf("%s has no =: want key=value", core.Quote(line))
	}
	if strings.ContainsAny(value, "\x00\r") {
		return fmt.Errorf("the value %s of %s contains a control character", core.Quote(value), core.Quote(key))
	}
	switch {
	case key == keyExitStatus:
		if o.ExitStatus != "" {
			return errors.New("exit-status is given twice")
		}
		o.ExitStatus = value
		return CheckOutcome(value)
	case strings.HasPrefix(key, keyContext):
		return put(o.Context, key, strings.TrimPrefix(key, keyContext), value)
	case strings.HasPrefix(key, keyJobContext):
		return put(o.JobContext, key, strings.TrimPrefix(key, keyJobContext), value)
	}
	return fmt.Errorf("the key %s is none of exit-status, context.NAME and job-context.NAME", core.Quote(key))
}

// put adds a value for a context. Keys that batchctl keeps for itself steer
// restarts, and are not for commands to change.
func put(values map[string]string, key, name, value string) error {
	_, twice := values[name]
	switch {
	case name == "":
		return fmt.Errorf("the key %s names nothing", core.Quote(key))
	case utf8.RuneCountInString(name) > maxOutputKey:
		return fmt.Errorf("the key %s has more than %d characters", core.Quote(name), maxOutputKey)
	case core.EscapeControl(name) != name, strings.TrimSpace(name) != name:
		return fmt.Errorf("the key %s contains what cannot be typed", core.Quote(name))
	case strings.HasPrefix(name, "batchctl."), strings.HasPrefix(name, "batch."):
		return fmt.Errorf("the key %s is one of batchctl's own", core.Quote(name))
	case twice:
		return fmt.Errorf("%s is given twice", core.Quote(key))
	}
	values[name] = value
	return nil
}

// outputMark stands in the name of a file for BATCH_OUTPUT before the lineage of
// the step, which is random and the same in all attempts at one work.
const outputMark = ".output-"

// createOutput makes the empty file that BATCH_OUTPUT names, beside the log.
func createOutput(log, lineage string) (string, error) {
	if lineage != "" {
		lineage = plainName(lineage) + "-"
	}
	f, err := os.CreateTemp(filepath.Dir(log), filepath.Base(log)+outputMark+lineage+"*")
	if err != nil {
		return "", fmt.Errorf("make the file for BATCH_OUTPUT: %w", err)
	}
	return f.Name(), f.Close()
}

// tidy removes the files that earlier attempts, whose batchctl was killed, have
// left of the step or hook whose own is at path. It is no reason to fail that
// one stays.
func tidy(ctx context.Context, s *core.Scope, path string) {
	own := filepath.Base(path)
	step, lineage := splitOutput(own)
	if lineage == "" {
		return
	}
	files, err := os.ReadDir(filepath.Dir(path))
	for _, file := range files {
		name := file.Name()
		if theirStep, theirs := splitOutput(name); name != own && theirs == lineage && theirStep == step {
			err = errors.Join(err, removed(filepath.Join(filepath.Dir(path), name)))
		}
	}
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "what an earlier attempt has left cannot be removed",
			slog.String("step", s.Step.StepName), slog.String("error", err.Error()))
	}
}

// splitOutput takes the step or hook and the lineage out of the name of a file
// for BATCH_OUTPUT; both are empty when it is none, or of no step.
func splitOutput(name string) (step, lineage string) {
	at := strings.LastIndex(name, outputMark)
	if at < 0 {
		return "", ""
	}
	log, rest := name[:at], name[at+len(outputMark):]
	end := strings.LastIndexByte(rest, '-')
	execution, step, found := strings.Cut(log, "-")
	if _, err := strconv.ParseInt(execution, 10, 64); !found || end < 0 || err != nil {
		return "", ""
	}
	step, _, _ = strings.Cut(step, ".log")
	return step, rest[:end]
}

// renewOutput makes the file at path, which another command had, empty again. It
// may be another file by now, which is left as it is.
func renewOutput(path string) error {
	err := removed(path)
	var f *os.File
	if err == nil {
		f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the path was made for the command
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("empty the file for BATCH_OUTPUT: %w", withoutPath(err))
	}
	return nil
}

// readOutput reads the file at path. A command may have put another file in its
// place, but nothing that a read would wait for. mask takes secrets out of a
// text: they may stand in values only, which it cleans, and not in errors.
func readOutput(path string, mask func(text string) string) (Output, error) {
	fail := func(err error) (Output, error) {
		return Output{}, fmt.Errorf("read what the command has written to BATCH_OUTPUT: %w", withoutPath(err))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() {
		return fail(fmt.Errorf("it is %s now", core.FileKind(info.Mode())))
	}
	f, err := os.Open(path) //nolint:gosec // the file that was made for the command
	if err != nil {
		return fail(err)
	}
	defer func() { _ = f.Close() }() // opened for reading; nothing can be lost
	text, err := io.ReadAll(io.LimitReader(f, maxOutput+1))
	if err != nil {
		return fail(err)
	}
	out, err := ParseOutput(text)
	if err != nil { // it cuts what it quotes, so secrets have to go before
		if _, err = ParseOutput([]byte(mask(string(text)))); err == nil {
			err = errors.New("a secret stands where none can")
		}
		return fail(err)
	}
	if err := out.hideSecrets(mask); err != nil {
		return fail(err)
	}
	return out, nil
}
