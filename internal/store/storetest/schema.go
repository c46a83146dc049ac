package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batchctl/batchctl/internal/core"
)

// columns of the 4.x layout, in order.
var columns = map[string]string{
	"BATCH_JOB_INSTANCE":           "JOB_INSTANCE_ID VERSION JOB_NAME! JOB_KEY!",
	"BATCH_JOB_EXECUTION":          "JOB_EXECUTION_ID VERSION JOB_INSTANCE_ID! CREATE_TIME! START_TIME END_TIME STATUS EXIT_CODE EXIT_MESSAGE LAST_UPDATED JOB_CONFIGURATION_LOCATION",
	"BATCH_JOB_EXECUTION_PARAMS":   "JOB_EXECUTION_ID! TYPE_CD! KEY_NAME! STRING_VAL DATE_VAL LONG_VAL DOUBLE_VAL IDENTIFYING!",
	"BATCH_JOB_EXECUTION_CONTEXT":  "JOB_EXECUTION_ID SHORT_CONTEXT! SERIALIZED_CONTEXT",
	"BATCH_STEP_EXECUTION":         "STEP_EXECUTION_ID VERSION! STEP_NAME! JOB_EXECUTION_ID! START_TIME! END_TIME STATUS COMMIT_COUNT READ_COUNT FILTER_COUNT WRITE_COUNT READ_SKIP_COUNT WRITE_SKIP_COUNT PROCESS_SKIP_COUNT ROLLBACK_COUNT EXIT_CODE EXIT_MESSAGE LAST_UPDATED",
	"BATCH_STEP_EXECUTION_CONTEXT": "STEP_EXECUTION_ID SHORT_CONTEXT! SERIALIZED_CONTEXT",
	"BATCH_JOB_SEQ":                "ID",
	"BATCH_JOB_EXECUTION_SEQ":      "ID",
	"BATCH_STEP_EXECUTION_SEQ":     "ID",
}

var schemaRules = []rule{
	{"SCH-01 six tables and three sequences of the 4.x layout", func(t *testing.T, s suite) {
		for table, want := range columns {
			rows := must2(s.DB.QueryContext(t.Context(),
				`SELECT NAME || CASE "notnull" WHEN 1 THEN '!' ELSE '' END FROM PRAGMA_TABLE_INFO(?) ORDER BY CID`, table))(t)
			var got []string
			for rows.Next() {
				var column string
				if err := rows.Scan(&column); err != nil {
					t.Fatal(err)
				}
				got = append(got, column)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", table, diff)
			}
		}
	}},
	{"SCH-01 the database keeps one instance a key", func(t *testing.T, s suite) {
		je := s.launch(t)
		_, err := s.DB.ExecContext(t.Context(), `
INSERT INTO BATCH_JOB_INSTANCE SELECT 4711, 0, JOB_NAME, JOB_KEY FROM BATCH_JOB_INSTANCE WHERE JOB_INSTANCE_ID = ?`, je.Instance.ID)
		if err == nil || !strings.Contains(err.Error(), "UNIQUE") {
			t.Errorf("got error %v, want a violated UNIQUE constraint", err)
		}
	}},
	{"SCH-07 ids rise even when a sequence was emptied", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.exec(t, "DELETE FROM BATCH_JOB_EXECUTION_SEQ")
		s.exec(t, "DELETE FROM BATCH_JOB_SEQ")
		second := s.launch(t, date(2))
		if second.ID <= first.ID || second.Instance.ID <= first.Instance.ID {
			t.Errorf("got execution %d of instance %d after %d of %d", second.ID, second.Instance.ID, first.ID, first.Instance.ID)
		}
		s.want(t, int64(1), "SELECT COUNT(*) FROM BATCH_JOB_EXECUTION_SEQ")
	}},
	{"SCH-08 an id that Java took is not given again", func(t *testing.T, s suite) {
		first := s.launch(t)
		s.exec(t, "INSERT INTO BATCH_JOB_EXECUTION_SEQ (ID) VALUES (?)", first.ID+10)
		s.exec(t, "DELETE FROM BATCH_JOB_EXECUTION_SEQ WHERE ID < ?", first.ID+10)
		if second := s.launch(t, date(2)); second.ID != first.ID+11 {
			t.Errorf("got id %d, want %d", second.ID, first.ID+11)
		}
	}},
	{"SCH-09 times are integer milliseconds", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.start(t, je)
		se := s.step(t, je, "load", nil)
		s.want(t, "integer integer null integer",
			"SELECT TYPEOF(CREATE_TIME) || ' ' || TYPEOF(START_TIME) || ' ' || TYPEOF(END_TIME) || ' ' || TYPEOF(LAST_UPDATED) FROM BATCH_JOB_EXECUTION")
		s.want(t, je.CreateTime.UnixMilli(), "SELECT +CREATE_TIME FROM BATCH_JOB_EXECUTION")
		s.want(t, se.StartTime.UnixMilli(), "SELECT +START_TIME FROM BATCH_STEP_EXECUTION")
	}},
	{"SCH-10 text times are local to the zone of the repository", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION SET CREATE_TIME = '2021-01-01 00:00:00.123', START_TIME = '2021-01-01 00:00:01'")
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t)
		if want := time.Date(2021, 1, 1, 0, 0, 0, 123e6, time.UTC); !got.CreateTime.Equal(want) {
			t.Errorf("got CREATE_TIME %v, want %v", got.CreateTime, want)
		}
		if want := time.Date(2021, 1, 1, 0, 0, 1, 0, time.UTC); !got.StartTime.Equal(want) {
			t.Errorf("got START_TIME %v, want %v", got.StartTime, want)
		}
	}},
	{"SCH-11 names that are too long are refused before any write", func(t *testing.T, s suite) {
		long := strings.Repeat("n", 101)
		_, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{JobName: long})
		wantError(t, err, core.ErrJobDefinition, "")
		_, err = s.Repo.CreateJobExecution(t.Context(), core.Launch{
			JobName: job, Parameters: core.JobParameters{{Name: long, Value: "v", Identifying: true}},
		})
		wantError(t, err, core.ErrJobParametersInvalid, "")
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCH_JOB_INSTANCE")

		je := s.launch(t)
		tx := must2(s.Repo.Begin(t.Context(), je))(t)
		defer tx.Rollback() //nolint:errcheck // nothing is to be kept
		wantError(t, tx.CreateStepExecution(t.Context(), &core.StepExecution{JobExecution: je, StepName: long}), core.ErrJobDefinition, "")
	}},
}

var parameterRules = []rule{
	{"KEY-01 the key is that of scheme 4.3", func(t *testing.T, s suite) {
		if je := s.launch(t); je.Instance.JobKey != "79f063a3b4c3343eb432877757667686" {
			t.Errorf("got key %s", je.Instance.JobKey)
		}
	}},
	{"KEY-03 KEY-04 parameters that do not identify leave the key alone", func(t *testing.T, s suite) {
		je, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{
			JobName: job, Parameters: core.JobParameters{{Name: "dryRun", Value: "true"}},
		})
		if must(t, je, err).Instance.JobKey != "d41d8cd98f00b204e9800998ecf8427e" {
			t.Errorf("got key %s", je.Instance.JobKey)
		}
	}},
	{"PAR-06 every type comes back equal and in order", func(t *testing.T, s suite) {
		want := core.JobParameters{
			{Name: "text", Value: "이름 😀\nline", Identifying: true},
			{Name: "empty", Value: "", Identifying: false},
			{Name: "long", Value: int64(-1 << 63), Identifying: true},
			{Name: "double", Value: 1e-300, Identifying: true},
			{Name: "whole", Value: float64(5), Identifying: false},
			{Name: "date", Value: time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC), Identifying: true},
		}
		je := s.launch(t, want...)
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t).Parameters
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.want(t, "STRING  0 0 0.0 Y",
			`SELECT TYPE_CD || ' ' || '' || ' ' || DATE_VAL || ' ' || LONG_VAL || ' ' || DOUBLE_VAL || ' ' || IDENTIFYING
FROM BATCH_JOB_EXECUTION_PARAMS WHERE KEY_NAME = 'text'`)
	}},
	{"PAR-07 no parameters, no rows", func(t *testing.T, s suite) {
		je, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{JobName: job})
		must(t, je, err)
		s.want(t, int64(0), "SELECT COUNT(*) FROM BATCH_JOB_EXECUTION_PARAMS")
	}},
	{"PAR-08 each execution has its own parameters", func(t *testing.T, s suite) {
		note := func(text string) core.JobParameter { return core.JobParameter{Name: "note", Value: text} }
		first := s.launch(t, date(1), note("first"))
		s.end(t, first, core.StatusFailed)
		second := s.launch(t, date(1), note("second"))
		if first.Instance != second.Instance {
			t.Fatalf("got instances %v and %v, want one", first.Instance, second.Instance)
		}
		page := must2(s.Repo.JobExecutions(t.Context(), core.JobExecutionQuery{}))(t)
		for i, want := range []string{"second", "first"} {
			if got, _, _ := page[i].Parameters.String("note"); got != want {
				t.Errorf("execution %d: got note %q, want %q", page[i].ID, got, want)
			}
		}
	}},
	{"a parameter of an unknown type is shown as it is", func(t *testing.T, s suite) {
		je := s.launch(t)
		s.end(t, je, core.StatusFailed)
		s.exec(t, "UPDATE BATCH_JOB_EXECUTION_PARAMS SET TYPE_CD = 'MONEY', STRING_VAL = '5 EUR'")
		got := must2(s.Repo.JobExecution(t.Context(), je.ID))(t).Parameters
		want := core.JobParameters{{Name: "requestDate", Value: core.OpaqueValue{Type: "MONEY", Text: "5 EUR"}, Identifying: true}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		_, err := s.Repo.CreateJobExecution(t.Context(), core.Launch{JobName: job, Parameters: got, RestartOf: je.ID})
		wantError(t, err, core.ErrJobRestart, "batchctl show")
	}},
}
