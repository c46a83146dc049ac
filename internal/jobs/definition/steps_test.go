package definition_test

import "testing"

// What a step is asked for is how its newest execution has ended, and what all
// attempts at it have counted: a restart reads only what is left.
func TestStepsAreAskedOverAllAttempts(t *testing.T) {
	t.Parallel()
	const tell = `
  - decision: told
    value: "steps['load'].exitStatus + ' ' + string(steps['load'].readCount) + ' ' + string(steps['load'].filterCount) + ' ' + string(steps['load'].writeCount) + ' ' + string(steps['load'].skipCount)"
    transitions: [{on: "*", to: tell}]
  - step: tell
    exec:
      command: [sh, -c, 'printf "%s\n" "$*" > told', sh,
        "#{steps['load'].exitStatus}", "#{steps['load'].readCount}", "#{steps['load'].filterCount}", "#{steps['load'].writeCount}", "#{steps['load'].skipCount}"]
`
	for _, test := range []struct {
		name, steps, want string
		mend              func(st *stage) // after the first attempt, which fails
	}{
		{
			name: "a restart behind the first chunks", want: "COMPLETED 4 1 3 1",
			steps: `
  - step: load
    next: told
    chunk:
      size: 1
      reader: {csv: {file: in.csv, types: {id: long}}}
      processor: [{filter: id != 2}]
      writer: {csv: {file: out.csv}}
      skip: {limit: 1, include: [read.parse]}
`,
			mend: func(st *stage) { st.write("in.csv", "id\n1\n2\nx\n3\n4\n") },
		},
		{
			name: "a restart that reads nothing", want: "COMPLETED 2 0 2 0",
			steps: `
  - step: load
    next: told
    chunk:
      size: 1
      reader: {csv: {file: two.csv, types: {id: long}}}
      writer: {csv: {file: out.csv}}
      expect:
        - {total: count, control: {file: control}}
`,
			mend: func(st *stage) { st.write("control", "2") },
		},
		{
			name: "begun anew", want: "COMPLETED 2 0 2 0",
			steps: `
  - step: load
    next: after
    allow-start-if-complete: true
    chunk: {size: 1, reader: {csv: {file: two.csv, types: {id: long}}}, writer: {csv: {file: out.csv}}}
  - step: after
    next: told
    exec: {command: [sh, -c, "test -e mended"]}
`,
			mend: func(st *stage) { st.write("mended", "") },
		},
		{
			name: "parts of which one failed", want: "COMPLETED 6 0 5 2",
			steps: `
  - step: load
    next: told
    partition: {values: [two, in], threads: 1}
    chunk:
      size: 1
      reader: {csv: {file: "#{partition['value']}.csv", types: {id: long}}}
      writer: {csv: {file: "#{partition['value']}.out"}}
      skip: {limit: 1, include: [read.parse, process]}
      processor: [{validate: id != 4, message: four}]
`,
			mend: func(st *stage) { st.write("in.csv", "id\n1\n2\nx\n3\n4\n") },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("two.csv", "id\n1\n2\n")
			st.write("control", "3")
			st.write("in.csv", "id\n1\n2\nx\n3\ny\n")
			st.write("job.yaml", "job: asked\nsteps:"+test.steps+tell)
			if _, err := st.run("asked"); err == nil {
				t.Fatal("the first attempt completed")
			}
			test.mend(st)
			je := st.must("asked")
			same(t, test.want+"\n", st.read("told"))
			decided, _ := je.Context["batchctl.decision.told"].(string)
			same(t, test.want, decided)
		})
	}
}
