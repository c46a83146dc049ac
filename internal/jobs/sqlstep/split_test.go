package sqlstep_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", " \n-- only a comment; here\n", nil},
		{"one without an end", "DELETE FROM a", []string{"DELETE FROM a"}},
		{"two", "DELETE FROM a;\nDELETE FROM b;\n", []string{"DELETE FROM a", "DELETE FROM b"}},
		{"an empty one", ";;DELETE FROM a;;", []string{"DELETE FROM a"}},
		{"in quotes", `UPDATE a SET b = 'x;y', "c;d" = [e;f]; DELETE FROM a`, []string{`UPDATE a SET b = 'x;y', "c;d" = [e;f]`, "DELETE FROM a"}},
		{"in comments", "DELETE /* ; */ FROM a -- ;\n; DELETE FROM b", []string{"DELETE /* ; */ FROM a -- ;", "DELETE FROM b"}},
		{
			"a trigger", "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END; DELETE FROM a",
			[]string{"CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END", "DELETE FROM a"},
		},
		{
			"a trigger whose statements end in END",
			"CREATE TRIGGER t AFTER INSERT ON a WHEN CASE 1 WHEN 1 THEN 1 END BEGIN UPDATE a SET b = CASE b WHEN 'q' THEN CASE 1 WHEN 2 THEN 'r' END END; DELETE FROM c WHERE d = CASE 1 WHEN 1 THEN 2 END; END; DELETE FROM a",
			[]string{"CREATE TRIGGER t AFTER INSERT ON a WHEN CASE 1 WHEN 1 THEN 1 END BEGIN UPDATE a SET b = CASE b WHEN 'q' THEN CASE 1 WHEN 2 THEN 'r' END END; DELETE FROM c WHERE d = CASE 1 WHEN 1 THEN 2 END; END", "DELETE FROM a"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := sqlstep.Split(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
	if _, err := sqlstep.Split("DELETE FROM a;\nUPDATE a SET b = 'c"); err == nil || err.Error() != "line 2: a ' is not closed" {
		t.Errorf("got %v", err)
	}
}
