package scaffold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/jobs/definition/scaffold"
)

// column is a file of one column x beside another.
func column(values ...string) string {
	var b strings.Builder
	b.WriteString("x;y\n")
	for _, v := range values {
		b.WriteString(v + ";a\n")
	}
	return b.String()
}

// many are n values, made by a format that takes the number.
func many(n int, format string, others ...string) []string {
	values := others
	for i := range n {
		values = append(values, fmt.Sprintf(format, i+1))
	}
	return values
}

func look(t *testing.T, text string) *scaffold.Guess {
	t.Helper()
	g, err := scaffold.Look(write(t, "in.csv", text), "")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNotations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, want string
		asked            int
	}{
		{"a decimal comma", column("4222,62", "0,5", "-1"), "decimal(1234,50)", 0},
		{"points before thousands", column("1.234,50", "4222,62", "7"), "decimal(1.234,50)", 0},
		{"points before millions alone", column("1.234.567", "5"), "decimal(1.234,50)", 0},
		{"commas before thousands", column("1,234.50", "12,000"), "decimal(1,234.50)", 0},
		{"a comma that may be either", column("1,234", "2,500"), "string", 1},
		{"a comma that one value explains", column("1,234", "2,5"), "decimal(1234,50)", 0},
		{"a point as readers take it", column("1.234", "2.500"), "decimal", 0},
		{"both", column("1.234,50", "1,234.50"), "string", 0},
		{"a point that is no thousand", column("1.23,50", "1,5"), "string", 0},
		{"leading zeros", column("01,5", "2,5"), "string", 0},
		{"a list", column("1,2,3", "4,5"), "string", 0},
		{"one bad value among many", column(many(30, "%d,5", "n/a")...), "decimal(1234,50)", 0},
		{"one bad value among a few", column(many(8, "%d,5", "n/a")...), "string", 0},
		{"more digits than there are", column("12345678901234567890123,5"), "string", 0},
		{"a German day", column("31.12.2025", "01.02.2026"), "date(dd.MM.yyyy)", 0},
		{"a day that is none", column("31.02.2025", "01.02.2026"), "string", 0},
		{"a British day", column("31/12/2025", "01/02/2026"), "date(dd/MM/yyyy)", 0},
		{"an American day", column("12/31/2025", "01/02/2026"), "date(MM/dd/yyyy)", 0},
		{"a day that may be either", column("11/12/2025", "01/02/2026"), "string", 1},
		{"an American day among many", column(many(20, "12/%02d/2025", "31/12/2025")...), "date(MM/dd/yyyy)", 0},
		{"the year first", column("2025/12/31"), "date(yyyy/MM/dd)", 0},
		{"years of two digits", column("31.12.25"), "string", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := look(t, tt.text)
			got := g.Columns[0].Kind.String()
			if n := g.Columns[0].Notation; n != nil {
				got += "(" + n.Name + ")"
			}
			if got != tt.want || len(g.Asked) != tt.asked {
				t.Errorf("got %s and the questions %v, want %s and %d", got, g.Asked, tt.want, tt.asked)
			}
		})
	}
}

// What the values of a column leave open, those of another decide.
func TestCommaOfAnotherColumn(t *testing.T) {
	t.Parallel()
	g := look(t, "price;weight;count\n4,50;1,500;1.000\n3,20;2,250;\n")
	if got, want := summary(g), `";" true price:decimal(1234,50) weight:decimal(1234,50) count:decimal(1.234,50)`; got != want || len(g.Asked) > 0 {
		t.Errorf("got %s and the questions %v, want %s", got, g.Asked, want)
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	want := []string{
		`Column "x" is left a string: it may have dates, dd/MM/yyyy or MM/dd/yyyy, and the file does not say which; ` +
			`if the first, a set to date(record['x'], 'dd/MM/yyyy') converts it`,
		noKey,
	}
	if diff := cmp.Diff(want, look(t, column("11/12/2025", "01/02/2026")).Remarks()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const noKey = "No column is taken for a key: nothing keeps the same records from being imported twice, as from another file; " +
	"if one is a key, write NOT NULL PRIMARY KEY behind it in createTable, and name it in required"

func TestKeys(t *testing.T) {
	t.Parallel()
	records := func(header, format string, n int) string {
		return header + "\n" + strings.Join(many(n, strings.ReplaceAll(format, "#", "%[1]d")), "\n") + "\n"
	}
	for _, tt := range []struct{ name, text, want string }{
		{"nr", records("nr;name", "#;a", 3), "nr"},
		{"two words", records("Kunden Nr;name", "#;a", 3), "Kunden Nr"},
		{"one German word", records("Kundennummer;name", "K-#;a", 3), "Kundennummer"},
		{"capitals", records("customerID;name", "#;a", 3), "customerID"},
		{"Korean", records("고객번호;name", "#;a", 3), "고객번호"},
		{"behind another column", records("name;Beleg-Nr.", "a;#", 20), "Beleg-Nr."},
		{"behind another column, of few records", records("name;Beleg-Nr.", "a;#", 3), ""},
		{"the first column before that of something else", records("order_id;customer_id", "#;#", 20), "order_id"},
		{"id before the first that ends so", records("batch no;id", "#;#", 20), "batch no"},
		{"the place", records("Konto;name", "#;a", 20), "Konto"},
		{"the place, with codes", records("Konto;name", "K#;a", 20), "Konto"},
		{"the place, of few records", records("Konto;name", "#;a", 3), ""},
		{"the place, with names", "name;x\n" + strings.Join(many(20, "Kim the %dth;a"), "\n") + "\n", ""},
		{"amounts", records("amount;name", "#.5;a", 20), ""},
		{"a word that ends alike", records("Keno;volcano", "a;#", 20), ""},
		{"twice", records("nr;name", "#;a", 20) + "7;a\n", ""},
		{"empty", records("nr;name", "#;a", 20) + ";a\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := look(t, tt.text)
			if g.Key != tt.want {
				t.Errorf("got %q, want %q", g.Key, tt.want)
			}
			remarks := g.Remarks()
			if said := len(remarks) > 0 && remarks[len(remarks)-1] == noKey; said != (tt.want == "") {
				t.Errorf("the remarks are %q", remarks)
			}
		})
	}
}

// Every record that the job would reject is counted, and only once.
func TestBadRecords(t *testing.T) {
	t.Parallel()
	lines := many(20, "%[1]d;%[1]d,50;x")
	lines[3] = "4;n/a;x"
	lines[5] = "6;5,0"
	lines[8] = `9;"5,0"0;x`
	lines[11] = "12;\"a\nb\"c;x" // two lines, each of them bad
	lines[15] = "16;1;2;3"
	text := "nr;price;z\n" + strings.Join(lines, "\n") + "\n"
	want := []string{
		`Column "price" is decimal but for line 5: "n/a"; if those are right, make it a string`,
		"Line 7 has 2 fields, and not 3, line 10 has a quote where none can be, line 13 has a quote where none can be and 2 more",
		"6 records are bad in what was looked at: the job fails at the first, or rejects them with skipLimit=6",
	}
	g := look(t, text)
	if diff := cmp.Diff(want, g.Remarks()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if g.Records != 21 || !g.All {
		t.Errorf("it looked at %d records, all %v", g.Records, g.All)
	}
	g = look(t, text+"21;1;\"a\nb\"\n")
	want[1] = "Line 7 has 2 fields, and not 3, line 10 has a quote where none can be, the record of lines 13 to 14 has a quote where none can be and 1 more"
	want[2] = "5 records are bad in what was looked at: the job fails at the first, or rejects them with skipLimit=5"
	if diff := cmp.Diff(want, g.Remarks()); diff != "" {
		t.Errorf("beside a value of two lines (-want +got):\n%s", diff)
	}
	g = look(t, text+"21;1;\"a\nb\"\n22;\"1;a\n23;2;b\n")
	remarks := g.Remarks()
	if last := remarks[len(remarks)-1]; !strings.HasPrefix(last, "A quote that is opened in the record of line 25 is never closed") || g.All {
		t.Errorf("the last remark is %s", last)
	}
}

// A quote that is open at the end of its line is a mistake of that line, unless a
// value of several lines says that it need not be.
func TestOneLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		one        bool
		records    int
		bad        []int // lines
	}{
		{"no quotes", "id;n\n1;2\n2;3\n", true, 2, nil},
		{"quotes", "id;n\n1;\"a;b\"\n2;\"\"\"\"\n", true, 2, nil},
		{"an address", "id;n\n1;\"a\nb\"\n2;3\n", false, 2, nil},
		{"two stray quotes", "id;n\n1;\"a\n2;b\n3;c\"\n4;d\n", true, 4, []int{2, 4}},
		{"one stray quote", "id;n\n1;a\n2;\"b\n3;c\n4;d\n", true, 4, []int{3}},
		{"two stray quotes and an address", "id;n\n1;\"a\n2;b\n3;c\"\n4;\"d\nd\"\n", false, 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := look(t, tt.text)
			var bad []int
			for _, b := range g.Bad {
				bad = append(bad, b.Line)
			}
			if g.OneLine != tt.one || g.Records != tt.records || !slices.Equal(bad, tt.bad) || g.Unclosed != 0 {
				t.Errorf("got one line %v, %d records, bad %v, unclosed %d", g.OneLine, g.Records, bad, g.Unclosed)
			}
			if said := strings.Contains(g.Definition("x", "in.csv"), "          multiline: false\n"); said != tt.one {
				t.Errorf("the definition is\n%s", g.Definition("x", "in.csv"))
			}
		})
	}
}

func TestTitles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, want string
		skip             int
	}{
		{"a title", "Report 2025\nid;n;z\n1;2;3\n2;3;4\n", `";" true id:long* n:long z:long`, 1},
		{"a title, a blank line and a date", "Report\n\nmade;31.12.2025\nid;n;z\n1;2;3\n", `";" true id:long n:long z:long`, 3},
		{"a title of two lines in quotes", "\"Report\n2025\"\nid;n;z\n1;2;3\n", `";" true id:long n:long z:long`, 2},
		{"a title above two columns", "Report\nid;n\n1;2\n2;3\n", `";" true id:long* n:long`, 1},
		{"no title, but a text with commas", "name\nKim, A\nLee, B\n", `";" true name:string`, 0},
		{"a title and no header", "Report\n1;2;3\n2;3;4\n", `";" false column1:long column2:long column3:long`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := look(t, tt.text)
			if got := summary(g); got != tt.want || g.Skip != tt.skip || len(g.Bad) > 0 {
				t.Errorf("got %s behind %d lines and the bad ones %v, want %s behind %d", got, g.Skip, g.Bad, tt.want, tt.skip)
			}
			definition := g.Definition("x", "in.csv")
			if said := strings.Contains(definition, fmt.Sprintf("skip-lines: %d\n", tt.skip)); said != (tt.skip > 0) {
				t.Errorf("the definition is\n%s", definition)
			}
		})
	}
	g := look(t, "id;n\n")
	if remarks := g.Remarks(); len(remarks) != 1 || !strings.HasPrefix(remarks[0], "There is no record below the header") {
		t.Errorf("of a header alone it says %q", remarks)
	}
}
