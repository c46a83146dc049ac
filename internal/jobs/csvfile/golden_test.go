package csvfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/jobs/csvfile"
)

// TestBadInput holds every way in which a file can be wrong, with the exact
// text that an operator gets. The numbers are those of the catalogue.
func TestBadInput(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		input string
		cfg   csvfile.ReaderConfig
		open  string // error of Open
		want  [][]string
		errs  []string
	}{
		"59 0 bytes": {
			input: "",
			open:  "open input in.csv: the file is empty, expected a header | have the file sent again; in a definition, allow-empty: true takes an empty one",
		},
		"59 0 bytes allowed":        {input: "", cfg: csvfile.ReaderConfig{AllowEmpty: true}},
		"59 only blank lines":       {input: "\n\r\n", open: "open input in.csv: the file is empty, expected a header | have the file sent again; in a definition, allow-empty: true takes an empty one"},
		"60 header only":            {input: "a,b\n"},
		"60 header without newline": {input: "a,b"},
		"61 UTF-8 BOM":              {input: "\ufeffa,b\n1,2\n", cfg: columns("a", "b"), want: [][]string{{"1", "2"}}},
		"61 BOM before a quote":     {input: "\ufeff\"a\",b\n1,2\n", cfg: columns("a", "b"), want: [][]string{{"1", "2"}}},
		"62 UTF-16LE": {
			input: "\xff\xfea\x00,\x00b\x00",
			open:  "open input in.csv: the file is UTF-16, and is to be read as UTF-8 | set the encoding to utf-16le; or iconv -f UTF-16LE -t UTF-8 in.csv",
		},
		"62 UTF-16BE": {
			input: "\xfe\xff\x00a\x00,\x00b",
			open:  "open input in.csv: the file is UTF-16, and is to be read as UTF-8 | set the encoding to utf-16be; or iconv -f UTF-16BE -t UTF-8 in.csv",
		},
		"62 UTF-16 without a mark": {
			input: "a\x00,\x00b\x00\n\x00",
			open:  `open input: in.csv:1: "a\x00": NUL byte at byte offset 1: is the file UTF-16? convert it to UTF-8`,
		},
		"63 CRLF":         {input: "a,b\r\n1,2\r\n3,\r\n", want: [][]string{{"1", "2"}, {"3", ""}}},
		"63 mixed":        {input: "a,b\r\n1,2\n\"3\",4\r\n5,6\n", want: [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}}},
		"63 CR only":      {input: "a,b\r1,2\r3,4\r", open: `open input: in.csv:1: "a,b\r": carriage return without line feed, at 1:4: convert the line ends to LF or CRLF`},
		"63 CR in a line": {input: "a,b\n1,\r2\n3,4\n", want: [][]string{{"3", "4"}}, errs: []string{`in.csv:2: "1,\r": carriage return without line feed, at 2:3: convert the line ends to LF or CRLF`}},
		"63 CR at the end of the file": {
			input: "a,b\n1,2\r",
			errs:  []string{`in.csv:2: "1,2\r": carriage return without line feed, at 2:4: convert the line ends to LF or CRLF`},
		},
		"63 CR behind a closing quote": {
			input: "a,b\n\"1\"\r,2\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: a: "\"1\"\r": carriage return without line feed, at 2:4: convert the line ends to LF or CRLF`},
		},
		"63 CR beside a quoted field": {
			input: "a,b\n\"1\",\r2\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: b: "\r2": carriage return without line feed, at 2:5: convert the line ends to LF or CRLF`},
		},
		"64 no newline at the end":    {input: "a,b\n1,2", want: [][]string{{"1", "2"}}},
		"64 quote at the end":         {input: "a,b\n1,\"2\"", want: [][]string{{"1", "2"}}},
		"64 comma at the end":         {input: "a,b\n\"1\",", want: [][]string{{"1", ""}}},
		"65 newline in quotes":        {input: "a,b\n\"x\ny\",\"\r\n\"\n3,4\n", want: [][]string{{"x\ny", "\r\n"}, {"3", "4"}}},
		"65 doubled quotes":           {input: "a,b\n\"\"\"x\"\"\",\"\"\n", want: [][]string{{`"x"`, ""}}},
		"65 CR alone in quotes":       {input: "a,b\n\"x\ry\",2\n", want: [][]string{{"x\ry", "2"}}},
		"65 line numbers stay true":   {input: "a,b\n\"x\ny\n\",2\n3\n", want: [][]string{{"x\ny\n", "2"}}, errs: []string{`in.csv:5: "3": the record has 1 field, the header has 2`}},
		"65 newline in a header name": {input: "\"a\nb\",c\n1\n", errs: []string{`in.csv:3: "1": the record has 1 field, the header has 2`}},
		"66 unclosed quote": {
			input: "a,b\n1,2\n3,\"x\n5,6\n7,8\n",
			want:  [][]string{{"1", "2"}},
			errs:  []string{"read input in.csv: line 3: the quote opened at 3:3 is never closed" + unclosed},
		},
		"66 unclosed quote is bounded": {
			input: "a,b\n1,\"x\n" + strings.Repeat("5,6\n", 30) + "\"\n",
			cfg:   csvfile.ReaderConfig{MaxField: 50, MaxRecord: 100},
			errs:  []string{"read input in.csv: line 2: the quote opened at 2:3 is not closed within 100 bytes" + unclosed},
		},
		"66 unclosed quote behind a long line": {
			input: "a,b\n1,\"x\n\",2,\"" + strings.Repeat("5,6\n", 30),
			cfg:   csvfile.ReaderConfig{MaxField: 5, MaxRecord: 6},
			errs:  []string{"read input in.csv: line 2: the quote opened on line 3 is not closed within 6 bytes" + unclosed},
		},
		"66 long field in quotes": {
			input: "a,b\n1,2\n3,\"" + strings.Repeat("5,6\n", 30) + "\"\"\"\n7,8\n",
			cfg:   csvfile.ReaderConfig{MaxField: 100},
			want:  [][]string{{"1", "2"}, {"7", "8"}},
			errs: []string{`in.csv:3: b: "\"5,6": the field that is quoted at 3:3 has more than 100 bytes` +
				"; passed over 127 bytes, up to the end of line 33"},
		},
		"66 long record in quotes": {
			input: "a,b\n1,2\n\"3\n3\",\"4\n4\",\"5\n5\"\n7,8\n\"3\n3\",\"4\n4\",\"5\n5\"",
			cfg:   csvfile.ReaderConfig{MaxRecord: 13},
			want:  [][]string{{"1", "2"}, {"7", "8"}},
			errs: []string{
				`in.csv:3: "\"3\n3\",\"4\n4\",\"5": the record is longer than 13 bytes; passed over 18 bytes, up to the end of line 6`,
				`in.csv:8: "\"3\n3\",\"4\n4\",\"5": the record is longer than 13 bytes; passed over 17 bytes, up to the end of line 11`,
			},
		},
		"66 quote closed by a later one": {
			input: "a,b\n1,\"x\n3,4\n5,\"y\"\n7,8\n",
			want:  [][]string{{"7", "8"}},
			errs:  []string{`in.csv:2: b: "\"x\n3,4\n5,\"y\"": text behind the closing quote, at 4:4: double a quote that belongs to the text; the record spans lines 2 to 4`},
		},
		"66 quote closed where a field ends": {
			input: "a,b\n1,\"x\n3,4\n5,\",y\n7,8\n",
			want:  [][]string{{"7", "8"}},
			errs:  []string{`in.csv:2: "1,\"x\n3,4\n5,\",y": the record has 3 fields, the header has 2; the record spans lines 2 to 4`},
		},
		"66 quote closed by a later one, at the end": {
			input: "a,b\n1,\"x\n3,4\n5,\"y\"",
			errs:  []string{`in.csv:2: b: "\"x\n3,4\n5,\"y\"": text behind the closing quote, at 4:4: double a quote that belongs to the text; the record spans lines 2 to 4`},
		},
		"66 one line: unclosed quote": {
			input: "a,b\n1,2\n3,\"x\n5,6\r\n\"7,8\r\n9,\"\"\"x\"\n",
			cfg:   csvfile.ReaderConfig{OneLine: true},
			want:  [][]string{{"1", "2"}, {"5", "6"}, {"9", `"x`}},
			errs: []string{
				`in.csv:3: b: "\"x": the quote at 3:3 is not closed on its line` + mend,
				`in.csv:5: a: "\"7,8": the quote at 5:1 is not closed on its line` + mend,
			},
		},
		"66 one line: doubled and unclosed at the end": {
			input: "a,b\n1,2\n3,\"x\"\"",
			cfg:   csvfile.ReaderConfig{OneLine: true},
			want:  [][]string{{"1", "2"}},
			errs:  []string{`in.csv:3: b: "\"x\"\"": the quote at 3:3 is not closed on its line` + mend},
		},
		"66 one line: longer than a field and a record may be": {
			input: "a,b\n1,\"" + strings.Repeat("x", 40) + "\n3,\"" + strings.Repeat("y", 10) + "\"\n5,6\n7,\"" + strings.Repeat("z", 40),
			cfg:   csvfile.ReaderConfig{OneLine: true, MaxField: 5, MaxRecord: 20},
			want:  [][]string{{"5", "6"}},
			errs: []string{
				`in.csv:2: "1,\"` + strings.Repeat("x", 18) + `": the record is longer than 20 bytes; passed over 44 bytes, up to the end of line 2`,
				`in.csv:3: b: "yyyyyyyyyy": the field has 10 bytes, the limit is 5`,
				`in.csv:5: "7,\"` + strings.Repeat("z", 18) + `": the record is longer than 20 bytes; passed over 43 bytes, up to the end of line 5`,
			},
		},
		"67 bare quote": {
			input: "a,b\n1,x\"y\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: b: "x\"y": quote in a field that is not quoted, at 2:4: quote the whole field and double the quotes in it`},
		},
		"67 bare quote behind other scripts": {
			input: "a,b\n상점,x\"y\n", errs: []string{`in.csv:2: b: "x\"y": quote in a field that is not quoted, at 2:5: quote the whole field and double the quotes in it`},
		},
		"67 text behind the closing quote": {
			input: "a,b\n\"1\"x,2\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: a: "\"1\"x,2": text behind the closing quote, at 2:4: double a quote that belongs to the text`},
		},
		"67 what a quote holds is never a record": {
			input: "a,b\n1,\"x\n9,9\n\"z,2\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: b: "\"x\n9,9\n\"z,2": text behind the closing quote, at 4:2: double a quote that belongs to the text; the record spans lines 2 to 4`},
		},
		"68 short row": {input: "a,b,c\n1,2\n3,4,5\n", want: [][]string{{"3", "4", "5"}}, errs: []string{`in.csv:2: "1,2": the record has 2 fields, the header has 3`}},
		"68 long row":  {input: "a,b\n1,2,3,4\n3,4\n", want: [][]string{{"3", "4"}}, errs: []string{`in.csv:2: "1,2,3,4": the record has 4 fields, the header has 2`}},
		"68 long row with quotes": {
			input: "a,b\n\"1\",2,\"3\"\n3,4\n", want: [][]string{{"3", "4"}}, errs: []string{`in.csv:2: "\"1\",2,\"3\"": the record has 3 fields, the header has 2`},
		},
		"69 duplicate name": {input: "a,b,a\n", open: `open input in.csv: line 1: column "a" is there twice`},
		"69 empty name":     {input: "\na,,b\n", open: `open input in.csv: line 2: column 2 has no name`},
		"70 column missing": {
			input: "id,amonut,x\n", cfg: columns("id", "amount"),
			open: `open input in.csv: line 1: column "amount" is missing | did you mean "amonut"? the header has "id", "amonut", "x"`,
		},
		"70 columns missing": {
			input: "x,y\n", cfg: columns("id", "amount"),
			open: `open input in.csv: line 1: columns "id", "amount" are missing | the header has "x", "y"`,
		},
		"70 extra column and any order": {input: "z,b,a\n0,2,1\n", cfg: columns("a", "b"), want: [][]string{{"1", "2"}}},
		"70 extra column, strict": {
			input: "a,z\n", cfg: csvfile.ReaderConfig{Columns: columns("a").Columns, StrictColumns: true},
			open: `open input in.csv: line 1: column "z" is not expected | expected are "a"`,
		},
		"71 invalid UTF-8": {
			input: "a,b\n1,caf\xe9\n3,4\n", want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: b: "caf\xe9": invalid UTF-8, byte 0xe9 at byte offset 9: convert the file to UTF-8`},
		},
		"71 NUL": {
			input: "a,b\n1,2\n3\x00,4\n5,6\n", want: [][]string{{"1", "2"}, {"5", "6"}},
			errs: []string{`in.csv:3: a: "3\x00": NUL byte at byte offset 9: is the file UTF-16? convert it to UTF-8`},
		},
		"71 NUL in quotes": {
			input: "a,b\n\"1\n\x00\",2\n5,6\n", want: [][]string{{"5", "6"}},
			errs: []string{`in.csv:2: "\"1\n\x00\"": NUL byte at byte offset 7: is the file UTF-16? convert it to UTF-8; the record spans lines 2 to 3`},
		},
		"72 blank lines": {
			input: "\na,b\n\n1,2\n\r\n\n3\n", want: [][]string{{"1", "2"}},
			errs: []string{`in.csv:7: "3": the record has 1 field, the header has 2`},
		},
		"72 a line of spaces is a record": {input: "a,b\n  \n", errs: []string{`in.csv:2: "  ": the record has 1 field, the header has 2`}},
		"73 long field": {
			input: "a,b\n1,12345678901\n3,4\n", cfg: csvfile.ReaderConfig{MaxField: 10}, want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: b: "12345678901": the field has 11 bytes, the limit is 10`},
		},
		"73 long record": {
			input: "a,b\n1,1234567890\n3,4\n", cfg: csvfile.ReaderConfig{MaxRecord: 10}, want: [][]string{{"3", "4"}},
			errs: []string{`in.csv:2: "1,123456789": the record is longer than 10 bytes; passed over 13 bytes, up to the end of line 2`},
		},
		"73 many columns": {
			input: "a" + strings.Repeat(",x", 100_000) + "\n",
			open:  "open input in.csv: line 1: the header has 100001 columns, the limit is 4096",
		},
		"74 wrong delimiter": {
			input: "id;amount;date\n1;2;3\n", cfg: columns("id", "amount"),
			open: `open input in.csv: line 1: columns "id", "amount" are missing | found ';' 2 times, is it the delimiter instead of ','?`,
		},
		"74 wrong delimiter from a row on": {
			input: "a,b,c\n1;2;3\n",
			errs:  []string{`in.csv:2: "1;2;3": the record has 1 field, the header has 3: found ';' 2 times, is it the delimiter instead of ','?`},
		},
		"74 tab": {input: "a\tb\n1\t2,3\n", cfg: csvfile.ReaderConfig{Comma: '\t'}, want: [][]string{{"1", "2,3"}}},
		"delimiter that cannot be one": {
			input: "a\n", cfg: csvfile.ReaderConfig{Comma: '"'}, open: `open input in.csv: '"' cannot be the delimiter`,
		},
		"column declared twice": {
			input: "a\n", cfg: columns("a", "a"), open: `open input in.csv: declared columns: column "a" is there twice`,
		},
		"control characters are shown": {input: "a,b\n\x1b[31m\n", errs: []string{`in.csv:2: "\x1b[31m": the record has 1 field, the header has 2`}},
		"required field": {
			input: "a,b\n1,\n3,4\n",
			cfg:   csvfile.ReaderConfig{Columns: []csvfile.Column{{Name: "a"}, {Name: "b", Required: true}}},
			want:  [][]string{{"3", "4"}},
			errs:  []string{`in.csv:2: b: "": empty, but the column is required`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Path = file(t, tt.input)
			r := newFields(tt.cfg)
			got := ""
			if err := open(t, r, nil); err != nil {
				got = texts(tt.cfg.Path, err)[0]
			}
			if diff := cmp.Diff(got, tt.open); diff != "" {
				t.Fatalf("Open (-got +want):\n%s", diff)
			}
			if tt.open != "" {
				return
			}
			items, errs := readAll(t, r)
			if diff := cmp.Diff(items, tt.want); diff != "" {
				t.Errorf("items (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(texts(tt.cfg.Path, errs...), tt.errs); diff != "" {
				t.Errorf("errors (-got +want):\n%s", diff)
			}
		})
	}
}

func TestBadPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo.csv")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	const regular = "give a regular file: a restart has to read it again from the middle"
	tests := map[string]struct{ path, want string }{
		"59 missing":   {filepath.Join(dir, "none.csv"), "open input none.csv: stat none.csv: no such file or directory | ls -l none.csv"},
		"59 directory": {dir, "open input " + filepath.Base(dir) + ": is a directory, not a regular file | " + regular},
		"59 FIFO":      {fifo, "open input fifo.csv: is a FIFO, not a regular file | " + regular},
		"59 device":    {os.DevNull, "open input null: is a device, not a regular file | " + regular},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := open(t, newFields(csvfile.ReaderConfig{Path: tt.path}), nil)
			if err == nil {
				t.Fatal("Open succeeded")
			}
			if got := texts(tt.path, err)[0]; got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func columns(names ...string) csvfile.ReaderConfig {
	var cfg csvfile.ReaderConfig
	for _, name := range names {
		cfg.Columns = append(cfg.Columns, csvfile.Column{Name: name})
	}
	return cfg
}

// unclosed ends the text of an error that ends the reading.
const mend = ": close it, or double it if it belongs to the text"

const unclosed = ": what follows cannot be told apart | " +
	"close the quote, or double it if it belongs to the text, then restart: it goes on at the last commit"
