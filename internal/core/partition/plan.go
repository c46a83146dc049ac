package partition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/batchctl/batchctl/internal/core"
)

// plan is what a manager keeps in its context.
type plan struct {
	// Since is the id of the step execution that made the plan. What ran before
	// does not belong to it.
	Since int64
	Parts []core.Partition
}

// named gives the parts without a name that of their place.
func named(parts []core.Partition) []core.Partition {
	out := make([]core.Partition, len(parts))
	for i, p := range parts {
		if p.Name == "" {
			p.Name = "partition" + strconv.Itoa(i)
		}
		out[i] = p
	}
	return out
}

// check refuses a plan that could not be stored, or not be run by s.
func (p plan) check(s *core.Scope) error {
	const hint = "mend the partitioner; no part was started"
	seen := make(map[string]bool, len(p.Parts))
	for _, part := range p.Parts {
		problem := nameProblem(core.PartitionStepName(s.Step.StepName, part.Name), part.Name)
		if seen[part.Name] {
			problem = "there are two of that name"
		}
		if path, isFile := part.Context[KeyFile].(string); isFile && problem != "" {
			return &core.Error{
				Msg: fmt.Sprintf("the file %s cannot be part %s: %s; no part was started",
					core.QuotePath(path), core.Quote(part.Name), problem),
				Hint: "rename the file, then " + core.ShellQuote("batchctl", "restart", strconv.FormatInt(s.Execution.ID, 10)),
			}
		}
		if problem != "" {
			return &core.Error{Msg: fmt.Sprintf("part %s: %s", core.Quote(part.Name), problem), Hint: hint}
		}
		seen[part.Name] = true
		if err := part.Context.Check(); err != nil {
			return &core.Error{Msg: "part " + core.Quote(part.Name), Err: err, Hint: hint}
		}
	}
	return nil
}

// nameProblem says what is wrong with the name of a part, or "".
func nameProblem(full, name string) string {
	switch {
	case !utf8.ValidString(name):
		return "the name is not valid UTF-8"
	case strings.Contains(name, ":"):
		return `the name must not contain ":", which stands before it in the name of its executions`
	case strings.ContainsFunc(name, unicode.IsControl):
		return "the name must not contain control characters"
	}
	if n := columnLength(full); n > core.MaxName {
		return fmt.Sprintf("its executions would be named %s, which has %d characters; %d are allowed",
			core.Quote(full), n, core.MaxName)
	}
	return ""
}

// columnLength counts as the column of the name does: in units of UTF-16.
func columnLength(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}

// storedPlan is the JSON form of a plan. A number has a point or an exponent
// exactly when it is a float64, so that every value comes back as it was.
type storedPlan struct {
	Since int64        `json:"since"`
	Parts []storedPart `json:"parts"`
}

type storedPart struct {
	Name    string         `json:"name"`
	Context map[string]any `json:"context"`
}

// encode returns the plan as text.
func (p plan) encode() (string, error) {
	stored := storedPlan{Since: p.Since, Parts: make([]storedPart, len(p.Parts))}
	for i, part := range p.Parts {
		values := make(map[string]any, len(part.Context))
		for key, v := range part.Context {
			if f, ok := v.(float64); ok {
				v = floatNumber(f)
			}
			values[key] = v
		}
		stored.Parts[i] = storedPart{Name: part.Name, Context: values}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func floatNumber(f float64) json.Number {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return json.Number(text)
}

// decodePlan reads what encode has written.
func decodePlan(text string) (plan, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	var stored storedPlan
	if err := decoder.Decode(&stored); err != nil {
		return plan{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return plan{}, errors.New("there is more behind its end")
	}
	if stored.Since <= 0 {
		return plan{}, fmt.Errorf("it was made by step execution %d", stored.Since)
	}
	p := plan{Since: stored.Since, Parts: make([]core.Partition, len(stored.Parts))}
	for i, part := range stored.Parts {
		ec := make(core.ExecutionContext, len(part.Context))
		for key, v := range part.Context {
			value, err := scalar(v)
			if err != nil {
				return plan{}, fmt.Errorf("part %s: key %s: %w", core.Quote(part.Name), core.Quote(key), err)
			}
			ec[key] = value
		}
		p.Parts[i] = core.Partition{Name: part.Name, Context: ec}
	}
	return p, nil
}

func scalar(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
		return v.Int64()
	}
	return nil, errors.New("it holds neither a string, a number nor a bool")
}
