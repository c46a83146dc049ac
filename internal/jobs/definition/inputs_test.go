package definition_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/definition"
)

// The programs of hooks are found as those of steps: by the folder of the definition,
// or of the command.
func TestInputsOfHooks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: hooked
parameters: {day: {}}
listeners:
  before-job: {command: [bin/begin], dir: sub}
  after-job: {command: [mail, "#{jobParameters['day']}"], stdin: text}
  after-step: {command: "echo $BATCH_STATUS"}
steps:
  - step: a
    exec: {command: [bin/a]}
    listeners: {after-step: {command: ["bin/#{jobParameters['day']}"]}, before-step: {command: ["bin/#{steps['b'].exitStatus ?: 'x'}"]}}
  - step: b
    exec: {command: ["true"]}
`)
	made := st.job("hooked")
	f := definition.NewParser(realCatalog()).ReadFile(filepath.Join(st.dir, "job.yaml"))
	ps := core.JobParameters{{Name: "day", Value: "monday"}}
	got := definition.Inputs(f, made, ps, time.UTC, definition.Environment{Catalog: realCatalog()})
	in := func(names ...string) string { return filepath.Join(append([]string{st.dir}, names...)...) }
	same(t, []definition.Input{
		{Step: "a", Path: in("bin", "a"), Program: true},
		{Step: "hook after-step of a", Path: in("bin", "monday"), Program: true},
		{Step: "b", Path: "true", Program: true},
		{Step: "hook before-job", Path: in("sub", "bin", "begin"), Program: true},
		{Step: "hook after-job", Path: in("text")},
		{Step: "hook after-job", Path: "mail", Program: true},
	}, got)
}
