package render

import (
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

const (
	humanTime   = "2006-01-02 15:04:05-07:00"
	machineTime = "2006-01-02T15:04:05.000Z07:00"
)

// Time shows an instant in zone, with its offset; "" when there is none.
func Time(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(humanTime)
}

// isoTime is t for programs; nil, and so null, when there is none.
func isoTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Format(machineTime))
}

// Duration shows how long something took, or has taken until now. A clock that
// went backwards shows as "?".
func Duration(start, end, now time.Time) string {
	if start.IsZero() {
		return ""
	}
	if end.IsZero() {
		end = now
	}
	d := end.Sub(start)
	switch {
	case d < 0:
		return "?"
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// statusCell colours a status.
func statusCell(status core.BatchStatus, opaque string) Cell {
	if opaque != "" {
		return Cell{Text: opaque, Tone: ToneBad}
	}
	cell := Cell{Text: status.String()}
	switch status {
	case core.StatusCompleted:
		cell.Tone = ToneGood
	case core.StatusStarting, core.StatusStarted, core.StatusStopping:
		cell.Tone = ToneBusy
	case core.StatusStopped, core.StatusAbandoned:
		cell.Tone = ToneWarn
	case core.StatusFailed, core.StatusUnknown:
		cell.Tone = ToneBad
	}
	return cell
}

func statusText(status core.BatchStatus, opaque string) string {
	if opaque != "" {
		return opaque
	}
	return status.String()
}
