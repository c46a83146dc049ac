package core

import (
	"fmt"
	"strconv"
	"time"

	"github.com/batchctl/batchctl/internal/core/civil"
)

// JobParametersIncrementer derives the parameters of the next instance of a job
// from those of the last one.
type JobParametersIncrementer interface {
	// Key is the name of the parameter that moves; it counts as declared.
	Key() ParameterSpec
	// Next returns the parameters after previous, which may be empty; all other
	// parameters are carried over. Dates move in zone. An error that is
	// ErrNoPrevious asks for the first value to be given.
	Next(previous JobParameters, zone *time.Location) (JobParameters, error)
}

// RunIDIncrementer counts a long parameter up from 1. Name is "run.id" when
// empty.
type RunIDIncrementer struct{ Name string }

var _ JobParametersIncrementer = RunIDIncrementer{}

// Key implements JobParametersIncrementer.
func (i RunIDIncrementer) Key() ParameterSpec {
	name := i.Name
	if name == "" {
		name = "run.id"
	}
	return ParameterSpec{Name: name, Type: TypeLong, Help: "number of the run"}
}

// Next implements JobParametersIncrementer. A previous value of another type is
// read through its text; one that is not a number is an error (INC-03, INC-04).
func (i RunIDIncrementer) Next(previous JobParameters, _ *time.Location) (JobParameters, error) {
	key := i.Key().Name
	p, ok := previous.Lookup(key)
	if !ok {
		return previous.With(JobParameter{Name: key, Value: int64(1), Identifying: true}), nil
	}
	last, err := strconv.ParseInt(FormatValue(p, time.UTC), 10, 64)
	if err != nil || last == 1<<63-1 {
		return nil, parameterError(key, fmt.Sprintf("the last value %s cannot be counted up", Quote(FormatValue(p, time.UTC))), "")
	}
	p.Value = last + 1
	return previous.With(p), nil
}

// DateIncrementer moves a date parameter forward by Days calendar days of the
// repository's zone; 0 means 1.
type DateIncrementer struct {
	Name string
	Days int
}

var _ JobParametersIncrementer = DateIncrementer{}

// Key implements JobParametersIncrementer.
func (i DateIncrementer) Key() ParameterSpec {
	return ParameterSpec{Name: i.Name, Type: TypeDate, Help: "business date"}
}

// Next implements JobParametersIncrementer. The first date cannot be guessed:
// without a previous one the error is ErrNoPrevious.
func (i DateIncrementer) Next(previous JobParameters, zone *time.Location) (JobParameters, error) {
	p, ok := previous.Lookup(i.Name)
	if !ok {
		return nil, &Error{
			Kind: ErrJobParametersInvalid, Err: ErrNoPrevious,
			Msg:  fmt.Sprintf("parameter %s: no instance to count on from", i.Name),
			Hint: fmt.Sprintf("give the first one: %s=2021-01-01", i.Name),
		}
	}
	last, ok := p.Value.(time.Time)
	if !ok {
		return nil, parameterError(i.Name, fmt.Sprintf("the last value is a %s, not a date", p.Type()), "")
	}
	local := last.In(zone)
	wall := time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(),
		local.Second(), local.Nanosecond(), time.UTC).AddDate(0, 0, max(1, i.Days))
	next, ok := civil.Instant(wall, zone)
	if !ok {
		return nil, parameterError(i.Name, fmt.Sprintf("%s does not exist in %s", wall.Format(time.DateTime), zone),
			fmt.Sprintf("give it a time that exists: %s=%s", i.Name, wall.Add(time.Hour).Format("2006-01-02T15:04:05")))
	}
	p.Value = next
	return previous.With(p), nil
}
