package definition_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

const orders = `id,sku,qty,price,kind
1,a,2,1.50,SALE
2,b,0,9.99,SALE
3,c,1,x,SALE
4,d,3,2.25,REFUND
5,e,1,0.10,SALE
`

const transform = `
job: transform
steps:
  - step: transform
    chunk:
      size: 2
      threads: 2
      reader:
        csv: {file: orders.csv, types: {id: long, sku: string, qty: long, price: decimal, kind: string}}
      processor:
        - filter: "qty > 0"
        - validate: "price < 100.0"
          message: too dear
        - set: {amount: "round(qty * price, 2)", sku: "upper(sku) + '-' + string(id)"}
        - keep: [id, sku, qty, amount, kind]
      writers:
        - csv: {file: out/all.csv, columns: [id, sku, amount]}
          footer-template: "END,#{total['count']},#{total['sum(amount)']}"
        - jsonl: {file: out/all.jsonl}
      skip: {limit: 5, include: [read.parse], to: out/rejects.jsonl}
`

func TestChunk(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("out/.keep", "")
	st.write("job.yaml", transform)
	je := st.must("transform")
	c := je.Steps[0].Counts
	if c.Read != 4 || c.Filter != 1 || c.Write != 3 || c.ReadSkip != 1 {
		t.Errorf("counts %+v", c)
	}
	same(t, "id,sku,amount\n1,A-1,3.00\n4,D-4,6.75\n5,E-5,0.10\nEND,3,9.85\n", st.read("out/all.csv"))
	if lines := strings.Count(st.read("out/all.jsonl"), "\n"); lines != 3 {
		t.Errorf("%d lines of JSON", lines)
	}
	if !strings.Contains(st.read("out/rejects.jsonl"), `"class":"read.parse"`) {
		t.Errorf("rejects: %s", st.read("out/rejects.jsonl"))
	}
}

// A failed attempt goes on where it was, in all outputs and totals.
func TestChunkRestart(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("out/.keep", "")
	st.write("orders.csv", orders)
	st.write("job.yaml", strings.Replace(transform, "limit: 5, include: [read.parse]", "limit: 5, include: [process]", 1))
	if _, err := st.run("transform"); err == nil || !strings.Contains(err.Error(), "orders.csv:4") {
		t.Fatalf("%v, want the bad price", err)
	}
	st.write("orders.csv", strings.Replace(orders, "3,c,1,x,SALE", "3,c,1,7,SALE", 1))
	je := st.must("transform")
	if c := je.Steps[0].Counts; c.Read != 3 {
		t.Errorf("the second attempt read %d, want the rest", c.Read)
	}
	same(t, "id,sku,amount\n1,A-1,3.00\n3,C-3,7.00\n4,D-4,6.75\n5,E-5,0.10\nEND,4,16.85\n", st.read("out/all.csv"))
}

// The limit of a step that keeps its rejects is that of all attempts.
func TestSkipLimitOfAllAttempts(t *testing.T) {
	t.Parallel()
	twoBad := "id,sku,qty,price,kind\n1,a,1,1,SALE\n2,b,x,1,SALE\n3,c,1,1,SALE\n4,d,1,1,SALE\n5,e,1,1,SALE\n6,f,x,1,SALE\n"
	for name, tt := range map[string]struct{ skip, want string }{
		"one is too many": {
			"{limit: 1, include: [read.parse], to: out/rejects.jsonl}",
			"the skip limit of 1 is exceeded: 1 skipped in earlier attempts, 0 in read, 0 in process and 0 in write, and one more is bad",
		},
		"two are allowed":                {"{limit: 2, include: [read.parse], to: out/rejects.jsonl}", ""},
		"each attempt without rejects":   {"{limit: 1, include: [read.parse]}", ""},
		"there is no limit with rejects": {"{limit: none, include: [read.parse], to: out/rejects.jsonl}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("out/.keep", "")
			st.write("orders.csv", twoBad)
			st.write("job.yaml", strings.NewReplacer(
				"{limit: 5, include: [read.parse], to: out/rejects.jsonl}", tt.skip, "price < 100.0", "id != 5 || env['FIXED'] == 'yes'",
			).Replace(transform))
			if je, err := st.run("transform"); err == nil || len(je.Steps) == 0 || je.Steps[0].Counts.ReadSkip != 1 {
				t.Fatalf("first attempt: %v, want one record skipped and one refused", err)
			}
			st.environ = []string{"FIXED=yes"}
			_, err := st.run("transform")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("second attempt: %v, want %q", err, tt.want)
			}
		})
	}
}

const routed = `
job: routed
steps:
  - step: route
    chunk:
      reader:
        csv: {file: orders.csv, types: {id: long, sku: string, qty: long, price: string, kind: string}}
      route:
        - when: "kind == 'REFUND'"
          csv: {file: refunds.csv, columns: [id]}
        - when: "qty > 0"
          csv: {file: sales.csv, columns: [id]}
`

func TestRoute(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("job.yaml", routed)
	_, err := st.run("routed")
	if err == nil || !strings.Contains(err.Error(), "orders.csv:3: no entry of the route takes this record") {
		t.Errorf("got %v", err)
	}
	st = newStage(t)
	st.write("orders.csv", orders)
	st.write("job.yaml", routed+"        - none: {}\n")
	st.must("routed")
	same(t, "id\n4\n", st.read("refunds.csv"))
	same(t, "id\n1\n3\n5\n", st.read("sales.csv"))
}

const totals = `
job: totals
parameters:
  records: {type: long, default: 5, identifying: false}
steps:
  - step: load
    chunk:
      size: 2
      reader:
        csv: {file: orders.csv, types: {id: long, qty: long, price: decimal, kind: string}}
      processor: [{filter: "kind != 'REFUND'"}]
      writer:
        csv: {file: out.csv, columns: [id]}
      expect:
        - {total: count, equals: "#{jobParameters['records']}"}
        - {total: "sum(kind == 'REFUND' ? -price : price)", control: {file: orders.ctl, key: total}}
        - {total: "sum(qty)", of: written, where: "price > 0.5", control: {file: orders.ctl, key: qty, default: "0"}}
`

// Totals that differ fail the step, before anything is published.
func TestExpect(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("orders.csv", strings.Replace(orders, ",x,", ",4,", 1))
	st.write("orders.ctl", "records=5\ntotal=13.34\nqty=4\n")
	st.write("job.yaml", totals)
	je, err := st.run("totals", "records=6")
	want := "control totals: count of the records read is 5, the definition says 6, difference -1; " +
		"sum(qty) of the records written where price > 0.5 is 3"
	if err == nil || !strings.Contains(err.Error(), "count of the records read is 5, the definition says 6, difference -1; ") ||
		!strings.Contains(err.Error(), "sum(qty) where price > 0.5 of the records written is 3, control file") || !strings.Contains(err.Error(), "says 4, difference -1") {
		t.Fatalf("got %v\nwant something like %s", err, want)
	}
	if st.exists("out.csv") || core.Hint(err) == "" {
		t.Errorf("out.csv exists: %v; hint %q", st.exists("out.csv"), core.Hint(err))
	}
	same(t, []string{"load FAILED"}, steps(je))
	st.write("orders.ctl", "records=5\ntotal=13.34\nqty=3\n")
	je = st.must("totals", "records=5")
	if c := je.Steps[0].Counts; c.Read != 0 {
		t.Errorf("the second attempt read %d", c.Read)
	}
	same(t, "id\n1\n2\n3\n5\n", st.read("out.csv"))
}

// CHUNK-30: a skip block without a limit allows as many as its help says.
func TestSkipWithoutALimit(t *testing.T) {
	t.Parallel()
	for bad, completes := range map[int]bool{10: true, 11: false} {
		st := newStage(t)
		st.write("in.csv", "id\n1\n"+strings.Repeat("x\n", bad))
		st.write("job.yaml", `
job: bad
steps:
  - step: load
    chunk: {reader: {csv: {file: in.csv, types: {id: long}}}, writer: {none: {}}, skip: {include: [read.parse]}}
`)
		je, err := st.run("bad")
		if (err == nil) != completes {
			t.Errorf("%d bad records: %v", bad, err)
		}
		if err == nil && je.Steps[0].Counts.ReadSkip != int64(bad) {
			t.Errorf("it skipped %d of %d", je.Steps[0].Counts.ReadSkip, bad)
		}
	}
}

// A count of what was read is that of the input: records that were skipped in
// reading count, over all attempts. What nobody can know of them is said.
func TestExpectOfBadRecords(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "id,price\n1,1.5\nx,2\n3,3\ny,1\n5,z\n6,0.5\n")
	st.write("job.yaml", `
job: totals
parameters: {records: {type: long, default: 6, identifying: false}, sum: {default: "5", identifying: false}}
steps:
  - step: load
    chunk:
      size: 2
      reader:
        csv: {file: in.csv, types: {id: long, price: decimal}}
      processor: [{validate: "id != 3"}]
      writer: {none: {}}
      skip: {limit: 5, include: [read.parse, process.validation], to: rejects.jsonl}
      expect:
        - {total: count, equals: "#{jobParameters['records']}"}
        - {total: count, of: written, equals: "2"}
        - {total: count, where: "price > 1", equals: "2"}
        - {total: sum(price), equals: "#{jobParameters['sum']}"}
`)
	_, err := st.run("totals", "records=7", "sum=9")
	if err == nil || !strings.Contains(err.Error(), "count of the records read is 6, the definition says 7, difference -1; "+
		"sum(price) of the records read is 5.0, the definition says 9, difference -4.0, without 3 records that were skipped in reading") {
		t.Fatalf("got %v", err)
	}
	// The records that were skipped before the restart are known to it.
	_, err = st.run("totals", "records=6", "sum=6")
	if err == nil || strings.Contains(err.Error(), "count of") || !strings.Contains(err.Error(), "without 3 records") {
		t.Fatalf("got %v", err)
	}
	je := st.must("totals", "records=6", "sum=5")
	if c := je.Steps[0].Counts; c.Read != 0 || c.ReadSkip != 0 {
		t.Errorf("the last attempt read %d and skipped %d", c.Read, c.ReadSkip)
	}
}

// A difference that skipped records may explain is a remark, if the definition says
// so; any other stays an error, and its hint sends nobody to mend the input.
func TestExpectWhenSkipped(t *testing.T) {
	t.Parallel()
	const definition = `
job: totals
parameters: {how: {default: fail, identifying: false}, sum: {default: "20", identifying: false}, written: {default: "3", identifying: false}}
steps:
  - step: load
    chunk:
      size: 2
      reader:
        csv: {file: in.csv, types: {id: long, price: decimal}}
      processor: [{validate: "id != 3"}]
      writer: {none: {}}
      skip: {limit: 5, include: [read.parse, process.validation], to: rejects.jsonl}
      expect:
        - {total: count, equals: "5", when-skipped: warn}
        - {total: sum(price), equals: "#{jobParameters['sum']}", when-skipped: "#{jobParameters['how']}"}
        - {total: count, of: written, equals: "#{jobParameters['written']}", when-skipped: warn}
`
	for _, tt := range []struct {
		name, input string
		words       []string
		remark, err string
		hint        string
	}{
		{"nothing was skipped", "id,price\n1,10\n2,3\n4,2\n5,3\n6,2\n", []string{"written=5"}, "", "", ""},
		{
			"a difference without skipped records", "id,price\n1,10\n2,3\n4,2\n5,3\n6,1\n",
			[]string{"how=warn", "written=5"},
			"",
			"sum(price) of the records read is 19, the definition says 20, difference -1",
			"if the expected value is wrong, run batchctl restart 1 with the right one: nothing is written twice, and the totals are compared again; the input must stay as it was read",
		},
		{
			"skipped, and a failure", "id,price\n1,10\n2,3\n3,2\n5,x\n6,2\n", nil, "",
			"sum(price) of the records read is 17, the definition says 20, difference -3, without 1 record that was skipped in reading",
			"if it is that of the skipped records, write when-skipped: warn beside the total and run batchctl restart 1 --new-definition; if the expected value is wrong, run batchctl restart 1 with the right one: ",
		},
		{
			"skipped, and a remark", "id,price\n1,10\n2,3\n3,2\n5,x\n6,2\n",
			[]string{"how=warn", "written=4"},
			"control totals: sum(price) of the records read is 17, the definition says 20, difference -3, without 1 record that was skipped in reading; " +
				"count of the records written is 3, the definition says 4, difference -1, without 2 records that were skipped", "", "",
		},
		{"a count is not excused", "id,price\n1,10\n2,x\n", []string{"how=warn"}, "", "count of the records read is 2, the definition says 5, difference -3", "if the expected value is wrong, mend the definition and run batchctl restart 1 --new-definition: "},
		{"neither", "id,price\n1,20\n2,x\n", []string{"how=perhaps"}, "", `when-skipped is "perhaps", want fail or warn`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("in.csv", tt.input)
			st.write("job.yaml", definition)
			je, err := st.run("totals", tt.words...)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.HasPrefix(core.Hint(err), tt.hint) {
					t.Fatalf("got %v with the hint %q, want %s with %q", err, core.Hint(err), tt.err, tt.hint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := je.Steps[0].ExitStatus.Message; got != tt.remark {
				t.Errorf("the remark is\n%s\nwant\n%s", got, tt.remark)
			}
		})
	}
}

// What was skipped before a restart explains a difference behind it.
func TestExpectWhenSkippedBefore(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("in.csv", "id,price\n1,10\n2,x\n3,2\n")
	st.write("job.yaml", `
job: totals
parameters: {how: {default: fail, identifying: false}}
steps:
  - step: load
    chunk:
      size: 1
      reader:
        csv: {file: in.csv, types: {id: long, price: decimal}}
      processor: [{validate: "id != 3"}]
      writer: {none: {}}
      skip: {limit: 5, include: [read.parse, process.validation]}
      expect:
        - {total: sum(price), of: written, equals: "15", when-skipped: "#{jobParameters['how']}"}
`)
	if _, err := st.run("totals"); err == nil || !strings.Contains(err.Error(), "without 2 records that were skipped") {
		t.Fatalf("got %v", err)
	}
	je := st.must("totals", "how=warn")
	if got := je.Steps[0].ExitStatus.Message; !strings.HasSuffix(got, "is 10, the definition says 15, difference -5, without 2 records that were skipped") {
		t.Errorf("the remark is %s", got)
	}
}

// Mistakes are found before anything runs: all of them, each at its place.
func TestCompileProblems(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write("job.yaml", `
job: wrong
parameters: {day: {type: date}}
steps:
  - step: load
    chunk:
      reader:
        csv: {file: in.csv, types: {id: long, name: string}, required: [naem]}
      writer: {none: {}}
  - step: more
    chunk:
      reader:
        csv: {file: in.csv, types: {id: long, name: string}}
      processor:
        - filter: "idd > 0"
        - set: {n: "id + name"}
        - drop: [nam]
      writer:
        csv: {file: out.csv, columns: [id, nme]}
      expect: [{total: "sum(name)", equals: 1}]
  - step: run
    exec: {command: [x], exit-codes: {0: UNKNOWN_X}}
  - step: sql
    sql: {statements: ["DELETE FROM a WHERE b = :c"], params: {d: 1}}
  - step: other
    job: {name: wrnog}
`)
	st.write("more.yaml", `job: more
steps:
  - step: more
    chunk:
      reader: {csv: {file: in.csv, types: {id: long, name: string}}}
      writer:
        csv: {file: out.csv, columns: [id, nme]}
      expect:
        - {total: "sum(name)", equals: 1}
        - {total: "count", where: "nme == 'x'", equals: 1}
  - step: x
    exec: {command: ["true"]}
`)
	problems := st.compile()
	var got []string
	for _, p := range problems {
		where := strings.TrimPrefix(p.Where(), st.dir+"/")
		got = append(got, where+": "+p.Message)
	}
	if err := error(problems); !errors.Is(err, core.ErrJobDefinition) {
		t.Error("no ErrJobDefinition")
	}
	same(t, []string{
		`job.yaml:8:73: required: there is no column "naem"`,
		`job.yaml:15:20: there is no column "idd"`,
		`job.yaml:16:24: + between a long and a string is not possible: write string(...) to join texts, or decimal(...) to add numbers`,
		`job.yaml:17:18: "nam": there is no such column; did you mean name?`,
		`job.yaml:22:42: the exit status "UNKNOWN_X" begins with UNKNOWN, which has a meaning of its own`,
		`job.yaml:24:24: sql: statement 1 "DELETE FROM a WHERE b = :c": there is no value for :c`,
		`job.yaml:26:17: there is no job "wrnog"`,
		`more.yaml:7:44: columns: there is no column "nme"`,
		`more.yaml:9:19: a string cannot be added up`,
		`more.yaml:10:36: there is no column "nme"`,
	}, got)
}
