package samples

import (
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// paramMonth is the parameter of closeMonth that names the month.
const paramMonth = "month"

// firstOfMonth refuses at launch what is not the first day of a month, and a
// time of it.
type firstOfMonth struct{}

var _ core.JobParametersValidator = firstOfMonth{}

// Validate implements core.JobParametersValidator.
func (firstOfMonth) Validate(ps core.JobParameters, zone *time.Location) error {
	at, _, err := ps.Date(paramMonth)
	if err != nil {
		return err
	}
	local := at.In(zone)
	if local.Day() == 1 && core.FormatDate(at, zone) == local.Format(time.DateOnly) {
		return nil
	}
	return notTheFirst(local)
}

func beginningOfMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, t.Location())
}

// notTheFirst is the refusal of a date that is local in its location.
func notTheFirst(local time.Time) error {
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg:  fmt.Sprintf("parameter %s: %s is not the first day of a month", paramMonth, local.Format(time.DateOnly)),
		Hint: paramMonth + "=" + beginningOfMonth(local).Format(time.DateOnly),
	}
}

// month is a month of the repository's zone.
type month struct {
	// name is the month as yyyy-mm.
	name string
	// days are all its days as yyyy-mm-dd.
	days []string
}

// monthOf reads the parameter month.
func monthOf(s *core.Scope) (month, error) {
	at, _, err := s.Parameters().Date(paramMonth)
	if err != nil {
		return month{}, err
	}
	local := at.In(s.Repo.Zone())
	m := month{name: local.Format("2006-01")}
	year, number, _ := local.Date()
	for day := time.Date(year, number, 1, 0, 0, 0, 0, time.UTC); day.Month() == number; day = day.AddDate(0, 0, 1) {
		m.days = append(m.days, day.Format(time.DateOnly))
	}
	return m, nil
}

// nextMonth is the incrementer of closeMonth.
type nextMonth struct{}

var _ core.JobParametersIncrementer = nextMonth{}

// Key implements core.JobParametersIncrementer.
func (nextMonth) Key() core.ParameterSpec {
	return core.ParameterSpec{Name: paramMonth, Type: core.TypeDate, Help: "the first day of the month"}
}

// Next implements core.JobParametersIncrementer.
func (nextMonth) Next(previous core.JobParameters, zone *time.Location) (core.JobParameters, error) {
	at, given, err := previous.Date(paramMonth)
	if err != nil {
		return nil, err
	}
	days := 0
	if given { // so that the other incrementer meets the first of the next month
		local := at.In(zone)
		days = time.Date(local.Year(), local.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	return core.DateIncrementer{Name: paramMonth, Days: days}.Next(previous, zone)
}
