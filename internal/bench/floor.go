package bench

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The chunk and the statements are those of the product.
const (
	chunkSize    = 1000
	largestGroup = 64
	floorColumns = 8
)

const floorInsert = `INSERT INTO "SETTLED_TRANSACTION" ("TRANSACTION_ID", "MERCHANT_ID", "MERCHANT_NAME", ` +
	`"TRANSACTION_TYPE", "CURRENCY", "AMOUNT", "FEE", "REQUEST_DATE") VALUES `

const floorCheckpoint = `UPDATE FLOOR_CHECKPOINT SET POSITION = ?, READ_COUNT = ?, WRITE_COUNT = ?, CONTEXT = ?`

var errMalformed = errors.New("malformed record")

// floor is the loop and what it needs.
type floor struct {
	in         *bufio.Reader
	conn       *sql.Conn
	groups     []*sql.Stmt // of 64, 32, 16, 8, 4, 2, 1 rows
	checkpoint *sql.Stmt

	date           any   // the day, boxed once
	first, last    int64 // its ids
	merchants      map[int64]*floorMerchant
	fields         [][]byte
	args           []any
	read, position int64
	written        int64
	tests          map[string]int64
}

type floorMerchant struct {
	name       string
	id, values any
}

// Floor settles the file at csvPath into the ledger at dbPath, which has its
// tables already, and returns how many records it has read.
func Floor(ctx context.Context, dbPath, csvPath string) (records int64, err error) {
	file, err := os.Open(csvPath) //nolint:gosec // a file that the benchmark has made
	if err != nil {
		return 0, err
	}
	defer file.Close()
	db, err := sql.Open("sqlite3", "file:"+dbPath+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=30000")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	date := strings.TrimSuffix(filepath.Base(csvPath), ".csv")
	day, err := strconv.ParseInt(strings.ReplaceAll(date, "-", ""), 10, 64)
	if err != nil {
		return 0, err
	}
	f := &floor{
		in: bufio.NewReaderSize(file, 128<<10), conn: conn,
		date: date, first: day * 100_000_000, last: day*100_000_000 + 99_999_999,
		merchants: map[int64]*floorMerchant{}, tests: map[string]int64{},
	}
	if err := f.prepare(ctx); err != nil {
		return 0, err
	}
	err = f.run(ctx)
	return f.read, err
}

func (f *floor) prepare(ctx context.Context) error {
	const table = `CREATE TABLE FLOOR_CHECKPOINT (POSITION INTEGER, READ_COUNT INTEGER, WRITE_COUNT INTEGER, CONTEXT TEXT)`
	for _, statement := range []string{table, `INSERT INTO FLOOR_CHECKPOINT VALUES (0, 0, 0, '')`} {
		if _, err := f.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", floorColumns), ",") + ")"
	for n := largestGroup; n >= 1; n /= 2 {
		stmt, err := f.conn.PrepareContext(ctx, floorInsert+strings.TrimSuffix(strings.Repeat(row+",", n), ",")) //nolint:sqlclosecheck // closed with the connection
		if err != nil {
			return err
		}
		f.groups = append(f.groups, stmt)
	}
	var err error
	f.checkpoint, err = f.conn.PrepareContext(ctx, floorCheckpoint)
	return err
}

// run is the loop.
func (f *floor) run(ctx context.Context) error {
	if _, err := f.line(); err != nil { // the header
		return err
	}
	for end := false; !end; {
		f.args = f.args[:0]
		n := 0
		for ; n < chunkSize; n++ {
			line, err := f.line()
			if errors.Is(err, io.EOF) {
				end = true
				break
			}
			if err != nil {
				return err
			}
			if err := f.record(line); err != nil {
				return fmt.Errorf("record %d: %w", f.read+int64(n)+1, err)
			}
		}
		if n == 0 {
			break
		}
		f.read += int64(n)
		if err := f.commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) line() ([]byte, error) {
	line, err := f.in.ReadSlice('\n')
	f.position += int64(len(line))
	if err != nil {
		return nil, err
	}
	return line[:len(line)-1], nil
}

func (f *floor) record(line []byte) error {
	if err := f.split(line); err != nil {
		return err
	}
	id, err := strconv.ParseInt(string(f.fields[0]), 10, 64)
	if err != nil || id < f.first || id > f.last {
		return errMalformed
	}
	merchantID, err := strconv.ParseInt(string(f.fields[1]), 10, 64)
	if err != nil || merchantID <= 0 || len(f.fields[2]) == 0 {
		return errMalformed
	}
	var currency any
	scale := 0
	switch string(f.fields[4]) {
	case "KRW":
		currency = "KRW"
	case "JPY":
		currency = "JPY"
	case "USD":
		currency, scale = "USD", 2
	default:
		return errMalformed
	}
	amount, ok := minor(f.fields[5], scale)
	if !ok || amount <= 0 {
		return errMalformed
	}
	var kind any
	var fee int64
	switch string(f.fields[3]) {
	case "SALE":
		kind, fee = "SALE", permille(amount, 25)
	case "REFUND":
		kind, fee, amount = "REFUND", permille(amount, 10), -amount
	case "TEST":
		f.tests[string(f.fields[4])] += amount
		return nil
	default:
		return errMalformed
	}
	m := f.merchants[merchantID]
	if m == nil || m.name != string(f.fields[2]) {
		m = &floorMerchant{name: string(f.fields[2]), id: merchantID}
		m.values = m.name
		f.merchants[merchantID] = m
	}
	f.args = append(f.args, id, m.id, m.values, kind, currency, amount, fee, f.date)
	return nil
}

// split finds the fields of a line; quotes are unescaped in place.
func (f *floor) split(line []byte) error {
	f.fields = f.fields[:0]
	if bytes.IndexByte(line, '"') < 0 {
		for {
			i := bytes.IndexByte(line, ',')
			if i < 0 {
				break
			}
			f.fields, line = append(f.fields, line[:i]), line[i+1:]
		}
		f.fields = append(f.fields, line)
	} else if !f.splitQuoted(line) {
		return errMalformed
	}
	if len(f.fields) != 6 {
		return errMalformed
	}
	return nil
}

func (f *floor) splitQuoted(line []byte) bool {
	for {
		if len(line) == 0 || line[0] != '"' {
			i := bytes.IndexByte(line, ',')
			if i < 0 {
				f.fields = append(f.fields, line)
				return true
			}
			f.fields, line = append(f.fields, line[:i]), line[i+1:]
			continue
		}
		field := line[1:1]
		i := 1
		for ; i < len(line); i++ {
			if line[i] == '"' {
				if i+1 == len(line) || line[i+1] != '"' {
					break
				}
				i++
			}
			field = append(field, line[i])
		}
		if i == len(line) {
			return false
		}
		f.fields, line = append(f.fields, field), line[i+1:]
		if len(line) == 0 {
			return true
		}
		if line[0] != ',' {
			return false
		}
		line = line[1:]
	}
}

// commit writes a chunk and the checkpoint in one transaction.
func (f *floor) commit(ctx context.Context) error {
	if _, err := f.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	args, rows := f.args, largestGroup
	for _, stmt := range f.groups {
		for ; len(args) >= rows*floorColumns; args = args[rows*floorColumns:] {
			if _, err := stmt.ExecContext(ctx, args[:rows*floorColumns]...); err != nil {
				return err
			}
		}
		rows /= 2
	}
	f.written += int64(len(f.args) / floorColumns)
	state := fmt.Sprintf(`{"KRW":%d,"JPY":%d,"USD":%d}`, f.tests["KRW"], f.tests["JPY"], f.tests["USD"])
	if _, err := f.checkpoint.ExecContext(ctx, f.position, f.read, f.written, state); err != nil {
		return err
	}
	_, err := f.conn.ExecContext(ctx, "COMMIT")
	return err
}

// minor reads a decimal as whole minor units.
func minor(text []byte, scale int) (n int64, ok bool) {
	behind := -1
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			if n > (1<<53) || behind == scale {
				return 0, false
			}
			n = n*10 + int64(c-'0')
			if behind >= 0 {
				behind++
			}
		case c == '.' && behind < 0:
			behind = 0
		default:
			return 0, false
		}
	}
	for range scale - max(behind, 0) {
		n *= 10
	}
	return n, len(text) > 0
}

// permille returns rate thousandths of amount, rounded half to even.
func permille(amount, rate int64) int64 {
	quotient, rest := amount*rate/1000, amount*rate%1000
	if rest > 500 || rest == 500 && quotient%2 == 1 {
		quotient++
	}
	return quotient
}
