package codec

import (
	"crypto/md5" //nolint:gosec // not for security: the digest is the field's format
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
)

// Layout is what differs between the versions of the metadata schema.
type Layout struct {
	// Name is the layout as the settings keep it.
	Name string
	// InstanceSequence, ExecutionSequence and StepSequence name the sources of
	// ids.
	InstanceSequence, ExecutionSequence, StepSequence string
	// ParameterColumns are the columns of BATCH_JOB_EXECUTION_PARAMS behind the
	// execution's id, in the order of EncodeParameter and DecodeParameter.
	ParameterColumns []ParameterColumn
	// JobKey returns the digest of the identifying parameters.
	JobKey func(ps core.JobParameters) (string, error)
	// EncodeParameter returns the values of ParameterColumns.
	EncodeParameter func(p core.JobParameter) ([]any, error)
	// DecodeParameter reads the values of ParameterColumns, as a driver returns
	// them. Text of dates is local in zone. A type that is not known becomes a
	// core.OpaqueValue.
	DecodeParameter func(row []any, zone *time.Location) (core.JobParameter, error)
}

// ParameterColumn is one column and the expression that selects it.
type ParameterColumn struct{ Name, Select string }

// Layout4 is the layout of Spring Batch 4.x, with the key scheme of 4.3.
func Layout4() Layout {
	return Layout{
		Name:              "4.x",
		InstanceSequence:  "BATCH_JOB_SEQ",
		ExecutionSequence: "BATCH_JOB_EXECUTION_SEQ",
		StepSequence:      "BATCH_STEP_EXECUTION_SEQ",
		ParameterColumns: []ParameterColumn{
			{"TYPE_CD", "TYPE_CD"},
			{"KEY_NAME", "KEY_NAME"},
			{"STRING_VAL", "STRING_VAL"},
			{"DATE_VAL", "+DATE_VAL"},
			{"LONG_VAL", "LONG_VAL"},
			{"DOUBLE_VAL", "DOUBLE_VAL"},
			{"IDENTIFYING", "IDENTIFYING"},
		},
		JobKey:          jobKey4,
		EncodeParameter: encodeParameter4,
		DecodeParameter: decodeParameter4,
	}
}

// JobKeyText4 returns the text that the key of scheme 4.3 digests: name=value;
// for each identifying parameter, in Java's order of names, nothing escaped.
func JobKeyText4(ps core.JobParameters) (string, error) {
	ps = ps.Identifying()
	slices.SortFunc(ps, func(a, b core.JobParameter) int { return compareUTF16(a.Name, b.Name) })
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.Name)
		b.WriteByte('=')
		switch v := p.Value.(type) {
		case string:
			b.WriteString(v)
		case int64:
			b.WriteString(strconv.FormatInt(v, 10))
		case float64:
			b.WriteString(JavaDouble(v))
		case time.Time:
			b.WriteString(strconv.FormatInt(v.UnixMilli(), 10))
		default:
			return "", unstorable(p)
		}
		b.WriteByte(';')
	}
	return b.String(), nil
}

func jobKey4(ps core.JobParameters) (string, error) {
	text, err := JobKeyText4(ps)
	if err != nil {
		return "", err
	}
	sum := md5.Sum([]byte(text)) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:]), nil
}

func unstorable(p core.JobParameter) error {
	return &core.Error{
		Kind: core.ErrJobParametersInvalid,
		Msg:  fmt.Sprintf("parameter %s: a value of type %T cannot be stored", core.Quote(p.Name), p.Value),
	}
}

// Type codes of the 4.x layout.
const (
	typeString = "STRING"
	typeLong   = "LONG"
	typeDouble = "DOUBLE"
	typeDate   = "DATE"
)

// encodeParameter4 fills the columns of the other types as Java does: with an
// empty text and zeroes, not with NULL.
func encodeParameter4(p core.JobParameter) ([]any, error) {
	flag := "N"
	if p.Identifying {
		flag = "Y"
	}
	row := []any{"", p.Name, "", int64(0), int64(0), float64(0), flag}
	switch v := p.Value.(type) {
	case string:
		row[0], row[2] = typeString, v
	case time.Time:
		row[0], row[3] = typeDate, v.UnixMilli()
	case int64:
		row[0], row[4] = typeLong, v
	case float64:
		row[0], row[5] = typeDouble, v
	default:
		return nil, unstorable(p)
	}
	return row, nil
}

func decodeParameter4(row []any, zone *time.Location) (core.JobParameter, error) {
	if len(row) != 7 {
		return core.JobParameter{}, fmt.Errorf("a parameter has %d columns, want 7", len(row))
	}
	typ, flag := asText(row[0]), asText(row[6])
	p := core.JobParameter{Name: asText(row[1]), Identifying: strings.EqualFold(flag, "Y")}
	switch typ {
	case typeString:
		p.Value = asText(row[2]) // Java's null string has the key of an empty one
		return p, nil
	case typeLong:
		if v, ok := row[4].(int64); ok {
			p.Value = v
			return p, nil
		}
		return opaque(p, typ, row[4]), nil
	case typeDouble:
		switch v := row[5].(type) {
		case float64:
			p.Value = v
			return p, nil
		case int64:
			p.Value = float64(v)
			return p, nil
		}
		return opaque(p, typ, row[5]), nil
	case typeDate:
		var t time.Time
		if err := (Timestamp{To: &t, Zone: zone}).Scan(row[3]); err != nil || row[3] == nil {
			return opaque(p, typ, row[3]), nil //nolint:nilerr // shown as it is, like any foreign value
		}
		p.Value = t
		return p, nil
	}
	return opaque(p, typ, row[2]), nil
}

func opaque(p core.JobParameter, typ string, value any) core.JobParameter {
	p.Value = core.OpaqueValue{Type: typ, Text: asText(value)}
	return p
}

// asText returns a column's value as text, "" for NULL.
func asText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(value)
}
