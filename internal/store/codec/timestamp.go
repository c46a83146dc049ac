package codec

import (
	"fmt"
	"strconv"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Millis returns t as it is bound: epoch milliseconds, or nil for the zero
// time.
func Millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Timestamp scans a timestamp column into a time in UTC. Select the column with
// a unary plus ("+START_TIME"), which strips its declared type: otherwise the
// driver guesses.
type Timestamp struct {
	// To receives the time; NULL is the zero time.
	To *time.Time
	// Zone is where text is local; nil means UTC.
	Zone *time.Location
}

// Scan implements sql.Scanner: epoch milliseconds, or the text
// "2006-01-02 15:04:05" with or without a fraction (SCH-10).
func (ts Timestamp) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*ts.To = time.Time{}
		return nil
	case int64:
		*ts.To = time.UnixMilli(v).UTC()
		return nil
	case []byte:
		return ts.parse(string(v))
	case string:
		return ts.parse(v)
	case float64:
		return fmt.Errorf("timestamp %s is not in whole milliseconds", strconv.FormatFloat(v, 'g', -1, 64))
	}
	return fmt.Errorf("timestamp of type %T", value)
}

func (ts Timestamp) parse(text string) error {
	zone := ts.Zone
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04:05Z07:00", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			*ts.To = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("timestamp %s is neither epoch milliseconds nor yyyy-MM-dd HH:mm:ss", core.Quote(text))
}
