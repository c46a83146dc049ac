package scaffold_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/all"
	"github.com/batchctl/batchctl/internal/jobs/definition"
	"github.com/batchctl/batchctl/internal/jobs/definition/scaffold"
)

func write(t interface {
	TempDir() string
	Fatal(args ...any)
}, name, text string,
) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// summary renders a guess: delimiter, header or not, and name>column:type of
// every column, the key with a star.
func summary(g *scaffold.Guess) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q %v", g.Delimiter, g.Header)
	for _, c := range g.Columns {
		b.WriteString(" " + c.Name)
		if c.To != c.Name {
			b.WriteString(">" + c.To)
		}
		b.WriteString(":" + c.Kind.String())
		if c.Notation != nil {
			b.WriteString("(" + c.Notation.Name + ")")
		}
		if c.Name == g.Key {
			b.WriteString("*")
		}
	}
	return b.String()
}

func TestLook(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{
			"every type", "id,name,amount,day,at,ok\n1,Kim,12.50,2021-01-01,2021-01-01T10:00:00,true\n2,Lee,3,2021-01-02,2021-01-01 10:00:00,false\n",
			`"," true id:long* name:string amount:decimal day:date at:datetime ok:bool`,
		},
		{"semicolons", "a;b\n1,5;x,y\n2,5;z\n", `";" true a:decimal(1234,50) b:string`},
		{"tabs", "a\tb\n1\t2\n", `"\t" true a:long b:long`},
		{"bars", "a|b\n1|2\n", `"|" true a:long b:long`},
		{"one column", "name\nKim\nLee\n", `"," true name:string`},
		{"a delimiter in quotes", "a,b\n\"x;y;z\",1\n\"p;q;r\",2\n", `"," true a:string b:long`},
		{"no header", "1,Kim\n2,Lee\n", `"," false column1:long column2:string`},
		{"a header with the same name twice is none", "a,a\nb,c\n", `"," false column1:string column2:string`},
		{"leading zeros are text", "zip\n01234\n12345\n", `"," true zip:string`},
		{"a sign is text", "n\n+1\n2\n", `"," true n:string`},
		{"what does not fit is text", "n\n9223372036854775808000000000\n", `"," true n:string`},
		{"long and decimal are decimal", "n\n1\n1.5\n", `"," true n:decimal`},
		{"an exponent is text", "n\n1e5\n", `"," true n:string`},
		{"other dates are text", "d\n2021/1/1\n", `"," true d:string`},
		{"a day that is none is text", "d\n2021-02-30\n", `"," true d:string`},
		{"yes is text", "b\nyes\n", `"," true b:string`},
		{"True is text", "b\nTrue\n", `"," true b:string`},
		{"empty fields say nothing", "id,n\n1,\n2,5\n", `"," true id:long* n:long`},
		{"a column of nothing is text", "id,n\n1,\n2,\n", `"," true id:long* n:string`},
		{"only a header", "id,n\n", `"," true id:string n:string`},
		{"a key that is there twice is none", "id,n\n1,a\n1,b\n", `"," true id:long n:string`},
		{"a foreign key is none", "n,customer_id\na,1\nb,2\n", `"," true n:string customer_id:long`},
		{"the first that ends with id", "customer_id,n\n1,a\n2,b\n", `"," true customer_id:long* n:string`},
		{"names that SQL does not take", "Full Name,Straße,1st,名前\na,b,c,d\n", `"," true Full Name>Full_Name:string Straße:string 1st>column_1st:string 名前:string`},
		{"a name that another has already", "a b,a_b\nx,y\n", `"," true a b>a_b_2:string a_b:string`},
		{"names that differ by case", "ID,id\nx,y\n", `"," true ID:string id>id_2:string`},
		{"a byte order mark", "\ufeffid,n\n1,a\n2,b\n", `"," true id:long* n:string`},
		{"lines of Windows", "id,n\r\n1,5\r\n2,6\r\n", `"," true id:long* n:long`},
		{
			"a header with a name twice above types", "id,name,name,,name_2\n1,a,b,x,y\n2,c,d,y,z\n",
			`"," false id:long* name:string name_3:string column4:string name_2:string`,
		},
		{"one bad value among many", "id,n\n" + numbered(30, 7, "n/a"), `"," true id:long* n:long`},
		{"one bad value among a few", "id,n\n" + numbered(9, 7, "n/a"), `"," true id:long* n:string`},
		{"one value with a leading zero among many", "id,n\n" + numbered(30, 7, "07"), `"," true id:long* n:string`},
		{"one value with a fraction among many", "id,n\n" + numbered(30, 7, "0.5"), `"," true id:long* n:decimal`},
		{"a broken record ends the look", "id,n\n1,5\n2,\"x\n", `"," true id:long n:long`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := scaffold.Look(write(t, "in.csv", tt.text), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summary(g)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// numbered are n records of a number each, but for one.
func numbered(n, odd int, text string) string {
	var b strings.Builder
	for i := range n {
		value := fmt.Sprint(i)
		if i == odd {
			value = text
		}
		fmt.Fprintf(&b, "%d,%s\n", i, value)
	}
	return b.String()
}

// What was guessed against the file is said.
func TestRemarks(t *testing.T) {
	t.Parallel()
	g, err := scaffold.Look(write(t, "in.csv", "id,n,\n"+strings.ReplaceAll(numbered(60, 7, "n/a"), "\n", ",\"x\ny\"\n")), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"The names in line 1 are not all there, or not all different: it is passed over, and columns names them",
		`Column "n" is long but for line 16: "n/a"; if those are right, make it a string`,
		"1 record is bad in what was looked at: the job fails at it, or rejects it with skipLimit=1",
	}
	if diff := cmp.Diff(want, g.Remarks()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := g.Definition("x", "in.csv"); !strings.Contains(text, "\n# "+want[1]+".\n") || !strings.Contains(text, "skip-lines: 1\n          header: false\n") {
		t.Errorf("the definition does not say it:\n%s", text)
	}
	if !g.All {
		t.Error("it did not look at all")
	}
}

func TestLookRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, encoding, want string }{
		{"nothing", "", "", "the file has no records"},
		{"what is no UTF-8", "id,n\n1,\xb0\xa1\n", "", "byte 7, 0xb0, is no utf-8"},
		{"an encoding that there is none of", "id\n1\n", "euckr8", "no encoding of the WHATWG standard"},
		{"lines of JSON", "{\"id\":1,\"n\":\"a\"}\n{\"id\":2,\"n\":\"b\"}\n", "", "the file has lines of JSON"},
		{"a substitution as a name", "a#{x},b\nx,y\n", "", "cannot be one"},
		{"a control character in a name", "a\x01,b\n1,2\n", "", "cannot be one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := scaffold.Look(write(t, "in.csv", tt.text), tt.encoding)
			if err == nil || !strings.Contains(err.Error(), tt.want) || core.Hint(err) == "" {
				t.Errorf("got %v with the hint %q, want %q and a hint", err, core.Hint(err), tt.want)
			}
		})
	}
	t.Run("a file that is not there", func(t *testing.T) {
		t.Parallel()
		if _, err := scaffold.Look(filepath.Join(t.TempDir(), "in.csv"), ""); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func TestLookEncodings(t *testing.T) {
	t.Parallel()
	wide := func(text string) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			b.WriteByte(byte(u))
			b.WriteByte(byte(u >> 8))
		}
		return b.String()
	}
	for _, tt := range []struct{ name, text, encoding, want string }{
		{"euc-kr", "id,\xc0\xcc\xb8\xa7\n1,a\n2,b\n", "euc-kr", "euc-kr: id 이름"},
		{"utf-16 by its mark", wide("id,이름\n1,a\n"), "", "utf-16le: id 이름"},
		{"utf-8 by name", "id,이름\n1,a\n", "utf8", ": id 이름"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, err := scaffold.Look(write(t, "in.csv", tt.text), tt.encoding)
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Encoding + ": " + g.Columns[0].Name + " " + g.Columns[1].Name; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLookIsBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("id,n\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "%d,%d\n", i, i)
	}
	b.WriteString("x,y\n") // is not seen
	g, err := scaffold.Look(write(t, "in.csv", b.String()), "")
	if err != nil {
		t.Fatal(err)
	}
	if g.All || g.Records != 10_000 || summary(g) != `"," true id:long* n:long` {
		t.Errorf("got %d records, all %v: %s", g.Records, g.All, summary(g))
	}
	if text := g.Definition("big", "in.csv"); !strings.Contains(text, "the first 10000 records of in.csv") {
		t.Errorf("it does not say how much was looked at:\n%s", text)
	}
}

// TestDefinitionCompiles: whatever a header and a job are called, the definition
// has no problems.
func TestDefinitionCompiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		cell := rapid.OneOf(
			rapid.StringMatching(`[A-Za-z0-9_ .:#"'\\{}\[\]&*!|>%@,;é한-]{0,12}`),
			rapid.SampledFrom([]string{"1.234,50", "0,5", "1,234.50", "1,234", "31.12.2025", "12/31/2025", "01/02/2025", "2025/12/31"}),
		)
		width := rapid.IntRange(1, 5).Draw(t, "width")
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, width, width), 1, 4).Draw(t, "rows")
		job := rapid.StringMatching(`[A-Za-z0-9_한-][A-Za-z0-9_ .#'"\[\]&*!한-]{0,12}[A-Za-z0-9]`).Draw(t, "job")
		var b strings.Builder
		for _, row := range rows {
			for i, text := range row {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
			}
			b.WriteByte('\n')
		}
		path := filepath.Join(dir, fmt.Sprintf("in%d.csv", n))
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := scaffold.Look(path, "")
		if err != nil {
			if strings.Contains(b.String(), "#{") {
				t.Skip("a name that a definition cannot have")
			}
			t.Fatal(err)
		}
		text := g.Definition(job, path)
		file := definition.NewParser(all.Catalog()).Parse("job.yaml", []byte(text))
		set := &definition.Set{Files: []*definition.File{file}, Problems: file.Problems}
		_, problems := definition.Jobs(set, nil, definition.Environment{Catalog: all.Catalog(), Environ: os.Environ})
		if len(problems) > 0 {
			t.Fatalf("%s\n%s", problems.Text(), text)
		}
		if file.Name() != job {
			t.Fatalf("the job is %q, want %q", file.Name(), job)
		}
	})
}

func TestTable(t *testing.T) {
	t.Parallel()
	for job, want := range map[string]string{
		"customers": "customers", "load-clicks": "load_clicks", "batch_step": "import_batch_step", "2021": "records_2021",
		"정산": "정산", "!": "records", "sqlite_x": "import_sqlite_x",
	} {
		if got := scaffold.Table(job); got != want {
			t.Errorf("the table of %s is %s, want %s", job, got, want)
		}
	}
}
