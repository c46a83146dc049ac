package launch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// storedParameter is a parameter as the context of a job step keeps it. The
// value is text, so that every type is kept to the last digit.
type storedParameter struct {
	Name        string             `json:"name"`
	Type        core.ParameterType `json:"type"`
	Value       string             `json:"value"`
	Identifying bool               `json:"identifying"`
}

// ChildLaunch returns what the job step whose context is ec has launched, or was
// about to launch: the name of the job and its parameters. ok is false when it
// has not come that far, and for the contexts of other steps.
func ChildLaunch(ec core.ExecutionContext) (jobName string, ps core.JobParameters, ok bool, err error) {
	jobName, ok, err = ec.String(core.ContextKeyChildJob)
	if !ok || err != nil {
		return "", nil, false, err
	}
	text, _, err := ec.String(core.ContextKeyChildParameters)
	if err != nil {
		return "", nil, false, err
	}
	if ps, err = parseParameters(text); err != nil {
		return "", nil, false, fmt.Errorf("context key %s: %w", core.Quote(core.ContextKeyChildParameters), err)
	}
	return jobName, ps, true, nil
}

// putChildLaunch is the reverse of ChildLaunch.
func putChildLaunch(ec core.ExecutionContext, jobName string, ps core.JobParameters) error {
	text, err := formatParameters(ps)
	if err != nil {
		return err
	}
	ec.Put(core.ContextKeyChildJob, jobName)
	ec.Put(core.ContextKeyChildParameters, text)
	return nil
}

func formatParameters(ps core.JobParameters) (string, error) {
	stored := make([]storedParameter, len(ps))
	for i, p := range ps {
		stored[i] = storedParameter{Name: p.Name, Type: p.Type(), Identifying: p.Identifying}
		switch v := p.Value.(type) {
		case string:
			stored[i].Value = v
		case int64:
			stored[i].Value = strconv.FormatInt(v, 10)
		case float64:
			stored[i].Value = strconv.FormatFloat(v, 'g', -1, 64)
		case time.Time:
			stored[i].Value = formatInstant(v)
		default:
			return "", fmt.Errorf("parameter %s: a value of type %T cannot be stored", core.Quote(p.Name), p.Value)
		}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func parseParameters(text string) (core.JobParameters, error) {
	var stored []storedParameter
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("%s is not a list of parameters: %w", core.Quote(text), err)
	}
	var ps core.JobParameters
	for _, s := range stored {
		value, err := s.value()
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", core.Quote(s.Name), err)
		}
		ps = append(ps, core.JobParameter{Name: s.Name, Value: value, Identifying: s.Identifying})
	}
	return ps, nil
}

func (s storedParameter) value() (any, error) {
	switch s.Type {
	case core.TypeString:
		return s.Value, nil
	case core.TypeLong:
		return strconv.ParseInt(s.Value, 10, 64)
	case core.TypeDouble:
		return strconv.ParseFloat(s.Value, 64)
	case core.TypeDate:
		t, err := time.Parse(time.RFC3339Nano, s.Value)
		return t.UTC(), err
	case core.TypeSecret: // the type of a declaration; the reference is a string
	}
	return nil, fmt.Errorf("%s is not a type", core.Quote(string(s.Type)))
}

// formatInstant writes t in UTC, and where that falls outside of the years that
// can be read back, as the first and last day of other zones do, with the offset
// of the zone that is farthest away.
func formatInstant(t time.Time) string {
	const farthest = 18 * 60 * 60
	t = t.UTC()
	switch {
	case t.Year() < 1:
		t = t.In(time.FixedZone("", farthest))
	case t.Year() > 9999:
		t = t.In(time.FixedZone("", -farthest))
	}
	return t.Format(time.RFC3339Nano)
}
