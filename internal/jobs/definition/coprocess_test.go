package definition_test

import (
	"strings"
	"testing"

	"github.com/batchctl/batchctl/internal/core"
)

// scoring is a job whose processor asks a command.
const scoring = `
job: scoring
steps:
  - step: score
    chunk:
      size: 2
      time-limit: 1h
      reader:
        csv: {file: orders.csv, types: {id: long, sku: string, qty: long, price: string, kind: string}}
      processor:
        - drop: [kind]
        - exec: {command: [./score], columns: {sku: string, score: decimal}, timeout: 2m, kill-after: 1s}
        - set: {double: "score * 2"}
      writer:
        csv: {file: out.csv, columns: [id, sku, score, double]}
      SKIP
`

// scorer answers by the id of the order: what is put in, or a score.
func scorer(answers ...string) string {
	text := "#!/bin/sh\nwhile read -r line; do echo \"$line\" >> seen\n  case $line in\n"
	for i := 0; i < len(answers); i += 2 {
		text += "  '{\"id\":" + answers[i] + ",'*) " + answers[i+1] + " ;;\n"
	}
	return text + `  *) echo '{"score":12345678901234567.25,"sku":"S"}' ;;
  esac
done
`
}

func newScoring(t *testing.T, skip string, answers ...string) *stage {
	t.Helper()
	st := newStage(t)
	st.write("orders.csv", orders)
	st.write("score", scorer(answers...))
	st.write("job.yaml", strings.Replace(scoring, "SKIP", skip, 1))
	return st
}

func TestCoprocess(t *testing.T) {
	t.Parallel()
	st := newScoring(t, "skip: {limit: 5, include: [process], to: rejects.jsonl}",
		"2", `echo '{"keep":false}'`,
		"3", `echo '{"error":"no such thing","class":"process.score"}'`,
		"4", `echo '{"sku":"x","score":"many"}'`,
		"5", `echo '{"sku":null,"score":1.10,"keep":true}'`)
	je := st.must("scoring")
	if c := je.Steps[0].Counts; c.Read != 5 || c.Filter != 1 || c.ProcessSkip != 2 || c.Write != 2 {
		t.Errorf("counts %+v", c)
	}
	same(t, "id,sku,score,double\n1,S,12345678901234567.25,24691357802469134.50\n5,,1.10,2.20\n", st.read("out.csv"))
	first, _, _ := strings.Cut(st.read("seen"), "\n")
	same(t, `{"id":1,"sku":"a","qty":2,"price":"1.50"}`, first)
	rejects := st.read("rejects.jsonl")
	for _, want := range []string{"no such thing", `"class":"process.score"`, `"class":"process.answer"`, `"line":4`, "want a decimal number"} {
		if !strings.Contains(rejects, want) {
			t.Errorf("the rejects say nothing of %s: %s", want, rejects)
		}
	}
}

// What is not of the form may be the answer to anything: no skip passes it over.
func TestCoprocessForm(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ answer, want string }{
		"no JSON":              {`echo 'loading model'`, "not of the form agreed on (at column 1"},
		"not an object":        {`echo '[1]'`, "want an object"},
		"two objects":          {`echo '{"sku":"a","score":1} {}'`, "one object a line"},
		"not UTF-8":            {`printf '{"sku":"\377","score":1}\n'`, "invalid UTF-8"},
		"another column":       {`echo '{"sku":"a","score":1,"scoer":2}'`, `there is no column \"scoer\"`},
		"a column is missing":  {`echo '{"score":1}'`, `without the column \"sku\"`},
		"nothing":              {`echo '{}'`, `without the column \"sku\"`},
		"keep of another type": {`echo '{"keep":"no"}'`, "keep: "},
		"keep and columns":     {`echo '{"keep":false,"score":1}'`, "with keep false and with columns"},
		"error and columns":    {`echo '{"error":"x","score":1}'`, "an error and more"},
		"error without a text": {`echo '{"error":" "}'`, "an error without a text"},
		"class alone":          {`echo '{"class":"process.x"}'`, "says nothing"},
		"class of another":     {`echo '{"error":"x","class":"write.busy"}'`, "not below process"},
		"too long":             {`head -c 1100000 /dev/zero | tr '\0' x; echo`, "more than 1048576 bytes"},
		"dies":                 {`echo out of memory >&2; exit 9`, "ends: out of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newScoring(t, "skip: {limit: none, include: [process, exec]}\n      retry: {limit: 3, include: [process, exec]}", "3", tt.answer)
			je, err := st.run("scoring")
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(tt.want, `\"`, `"`)) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if !core.Undeniable(err) || strings.Count(st.read("seen"), `{"id":3,`) != 1 {
				t.Errorf("it was asked again: %s", st.read("seen"))
			}
			if c := je.Steps[0].Counts; c.Write != 2 || c.ProcessSkip != 0 {
				t.Errorf("counts %+v, want those of the first chunk", c)
			}
			st.write("score", scorer())
			st.must("scoring")
			lines := strings.Split(st.read("out.csv"), "\n")
			if len(lines) != 7 || strings.Count(st.read("seen"), `{"id":2,`) != 1 {
				t.Errorf("after the restart: %q, seen %q", lines, st.read("seen"))
			}
		})
	}
}

func TestCoprocessHangs(t *testing.T) {
	t.Parallel()
	st := newScoring(t, "", "3", "sleep 1000")
	st.write("job.yaml", strings.NewReplacer("SKIP", "", "timeout: 2m", "timeout: 100ms").Replace(scoring))
	_, err := st.run("scoring")
	if err == nil || !strings.Contains(err.Error(), "has not answered within 100ms") || core.ClassOf(err, "") != core.ClassTimeout {
		t.Errorf("got %v", err)
	}
}

func TestCoprocessRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ from, to, want string }{
		"threads":         {"size: 2", "threads: 2", "2 threads cannot ask the command"},
		"a member's name": {"score: decimal}", "score: decimal, error: string}", `"error" cannot be a column of an answer`},
		"a column behind": {"score * 2", "scoer * 2", "scoer"},
		"a time limit":    {"time-limit: 1h", "time-limit: soon", "soon"},
		"no such type":    {"score: decimal}", "score: number}", "number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t)
			st.write("job.yaml", strings.NewReplacer("SKIP", "", tt.from, tt.to).Replace(scoring))
			if text := st.compile().Text(); !strings.Contains(text, tt.want) {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
	t.Run("threads that are known late", func(t *testing.T) {
		t.Parallel()
		st := newScoring(t, "")
		st.write("job.yaml", "parameters: {n: {type: long, identifying: false}}"+
			strings.NewReplacer("SKIP", "", "size: 2", "threads: \"#{jobParameters['n']}\"").Replace(scoring))
		if _, err := st.run("scoring", "n=2"); err == nil || !strings.Contains(err.Error(), "2 threads cannot ask") {
			t.Errorf("got %v", err)
		}
		st.must("scoring", "n=1")
	})
}
