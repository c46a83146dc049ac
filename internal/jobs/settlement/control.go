package settlement

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/govalues/decimal"

	"github.com/batchctl/batchctl/internal/core"
)

// maxControl bounds a control file.
const maxControl = 64 << 10

// control is what a control file says.
type control struct {
	records     int64
	recordsLine int
	// totals are in minor units, in the order of currencies.
	totals     [len(currencies)]int64
	totalsLine [len(currencies)]int
}

// readControl reads a control file. A mistake is reported as file:line: name:
// value: what is wrong.
func readControl(path string) (control, error) {
	text, err := readSmall(path)
	if err != nil {
		return control{}, err
	}
	var c control
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		wrong := &core.ItemError{File: path, Line: i + 1}
		name, value, found := strings.Cut(line, "=")
		if !found {
			wrong.Value, wrong.HasValue, wrong.Msg = line, true, `has no "=", want name=value`
			return control{}, wrong
		}
		wrong.Column, wrong.Value, wrong.HasValue = name, value, true
		if seen[name] {
			wrong.Msg = "is there twice"
			return control{}, wrong
		}
		seen[name] = true
		if wrong.Msg = c.set(name, value, i+1); wrong.Msg != "" {
			return control{}, wrong
		}
	}
	if !seen["records"] {
		return control{}, &core.ItemError{File: path, Msg: "has no line records=NUMBER"}
	}
	return c, nil
}

// set takes in one line and returns what is wrong with it.
func (c *control) set(name, value string, line int) string {
	if name == "records" {
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return "want a number of records"
		}
		c.records, c.recordsLine = int64(n), line
		return ""
	}
	code, ok := strings.CutPrefix(name, "total.")
	if !ok {
		return "unknown name, want records or total.CURRENCY"
	}
	i := findCurrency(code)
	if i < 0 {
		return "unknown currency, want one of " + currencyCodes()
	}
	amount, err := decimal.Parse(value)
	if err != nil {
		return "want a decimal number"
	}
	if c.totals[i], err = currencies[i].minor(amount); err != nil {
		return err.Error()
	}
	c.totalsLine[i] = line
	return ""
}

// checkEmpty refuses totals of no records, for nobody adds up an empty day.
func (c *control) checkEmpty(path string) error {
	if c.records > 0 {
		return nil
	}
	for i, total := range c.totals {
		if total != 0 {
			return &core.ItemError{
				File: path, Line: c.totalsLine[i], Column: "total." + currencies[i].code,
				Value: currencies[i].format(total), HasValue: true, Msg: "there are no records to add up to it",
			}
		}
	}
	return nil
}

// readSmall reads a text file of limited size.
func readSmall(path string) (text string, err error) {
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() { // a named pipe would wait for ever
		return "", fmt.Errorf("open control file %s: it is a %s, not a regular file", core.QuotePath(path), core.FileKind(fi.Mode()))
	}
	f, err := os.Open(path) //nolint:gosec // the control file of the folder that the job is told to read
	if errors.Is(err, fs.ErrNotExist) {
		return "", &core.Error{Op: "open control file " + core.EscapeControl(path), Err: err, Hint: "ls -l " + core.ShellQuote(path)}
	}
	if err != nil {
		return "", fmt.Errorf("open control file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxControl+1))
	if err != nil {
		return "", fmt.Errorf("read control file: %w", err)
	}
	if len(data) > maxControl {
		return "", fmt.Errorf("control file %s has more than %d bytes", core.EscapeControl(path), maxControl)
	}
	return strings.TrimPrefix(string(data), "\ufeff"), nil
}
