package samples

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Keys of the folders in the context of importFiles. They commit with the plan
// and bind every later attempt: the parts have their files in them.
const (
	keyInput  = "importReadings.inputDir"
	keyOutput = "importReadings.outputDir"
	// keyTarget, behind either, is that of where the path leads.
	keyTarget = ".target"
)

// twoFolders refuses an output that is the input too: what one day leaves there,
// the next would take for readings of a site.
type twoFolders struct{}

var _ core.JobParametersValidator = twoFolders{}

// Validate implements core.JobParametersValidator.
func (twoFolders) Validate(ps core.JobParameters, _ *time.Location) error {
	input, _, err := ps.String(paramInput)
	if err != nil {
		return err
	}
	output, _, err := ps.String(paramOutput)
	if err != nil || !sameFolder(input, output) {
		return err
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg: fmt.Sprintf("parameters %s and %s: %s and %s are one folder, and what is written there would be read as input",
			paramInput, paramOutput, core.QuotePath(input), core.QuotePath(output)),
		Hint: "give " + paramOutput + " a folder of its own",
	}
}

// wholeDay refuses a date with a time of day.
type wholeDay struct{}

var _ core.JobParametersValidator = wholeDay{}

// Validate implements core.JobParametersValidator.
func (wholeDay) Validate(ps core.JobParameters, zone *time.Location) error {
	at, _, err := ps.Date(paramDate)
	if err != nil {
		return err
	}
	day := at.In(zone).Format(time.DateOnly)
	given := core.FormatDate(at, zone)
	if given == day {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg:  fmt.Sprintf("parameter %s: %s is not the beginning of a day", paramDate, given),
		Hint: core.ShellQuote("batchctl", "run", ImportReadingsName, paramDate+"="+day),
	}
}

// boundToFolders lets step begin only in the folders that its plan was made for.
func boundToFolders(step *core.Step) *core.Step {
	bind := step.Bind
	step.Bind = func(s *core.Scope) (core.StepBody, error) {
		if err := checkFolders(s); err != nil {
			return nil, err
		}
		return bind(s)
	}
	return step
}

// bindFolders puts the folders where they commit with the plan.
func bindFolders(s *core.Scope, b batch) {
	for key, dir := range map[string]string{keyInput: b.input, keyOutput: b.output} {
		s.Context.Put(key, filepath.Clean(dir))
		s.Context.Put(key+keyTarget, resolved(dir))
	}
}

// checkFolders refuses an attempt with other folders than those of the plan. Its
// parts have read from the one and written into the other, and those that are
// complete would be missed elsewhere.
func checkFolders(s *core.Scope) error {
	b, err := newBatch(s)
	if err != nil {
		return err
	}
	var problems []string
	restart := []string{"batchctl", "restart", fmt.Sprint(s.Execution.ID)}
	for _, folder := range []struct{ param, key, given string }{
		{paramInput, keyInput, b.input}, {paramOutput, keyOutput, b.output},
	} {
		bound, isBound, err := s.Context.String(folder.key)
		if err != nil {
			return err
		}
		target, _, err := s.Context.String(folder.key + keyTarget)
		if err != nil {
			return err
		}
		now := resolved(folder.given)
		switch {
		case !isBound, bound == filepath.Clean(folder.given) && target == now:
			continue
		case bound != filepath.Clean(folder.given):
			problems = append(problems, fmt.Sprintf("this instance has %s as its %s, and is now given %s",
				core.QuotePath(bound), folder.param, core.QuotePath(folder.given)))
		default:
			problems = append(problems, fmt.Sprintf("this instance has %s as its %s, which led to %s and leads to %s now",
				core.QuotePath(bound), folder.param, core.QuotePath(target), core.QuotePath(now)))
		}
		restart = append(restart, folder.param+"="+bound)
	}
	if len(problems) == 0 {
		return nil
	}
	return &core.Error{
		Kind: core.ErrCheckpointMismatch,
		Msg:  strings.Join(problems, "; ") + "; no part was started",
		Hint: core.ShellQuote(restart...),
	}
}

// noInput adds to err, which says that there are no files, what to type when the
// folder is the reason.
func noInput(s *core.Scope, b batch, err error) error {
	if info, failed := os.Stat(b.input); failed == nil && info.IsDir() {
		return err
	}
	return &core.Error{
		Op:   "parameter " + paramInput,
		Hint: core.ShellQuote("batchctl", "restart", fmt.Sprint(s.Execution.ID), paramInput+"=FOLDER"),
		Err:  err,
	}
}

// resolved returns dir with the links in it followed, so that one folder has one
// name, as far as it is there.
func resolved(dir string) string {
	if target, err := filepath.EvalSymlinks(dir); err == nil {
		return target
	}
	if parent, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
		return filepath.Join(parent, filepath.Base(dir))
	}
	return filepath.Clean(dir)
}

// sameFolder reports whether two paths lead to one folder.
func sameFolder(a, b string) bool {
	if resolved(a) == resolved(b) {
		return true
	}
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}
