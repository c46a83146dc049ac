package sqlstep

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/engine"
)

// Config says what a step runs.
type Config struct {
	// Statements are run in this order, each string one statement.
	Statements []string
	// Params are the values that statements name as :name: string, int, int64,
	// float64, bool, []byte or nil. A date is given as the text that the database
	// is meant to keep.
	Params map[string]any
	// RowsKey is the key in the step's context under which the number of inserted,
	// changed and deleted rows is kept; empty keeps it nowhere.
	RowsKey string
	// Database is where they run; nil is the repository's own database. The step
	// closes it.
	Database Database
	// Timeout bounds how long the statements may run together; 0 means no bound.
	// When it is over the step is FAILED with the exit code TIMEOUT, and nothing
	// of it is left.
	Timeout time.Duration
}

// ExitCodeTimeout is the exit code of a step whose time was over.
const ExitCodeTimeout = "TIMEOUT"

// ClassStatement is the class of the error of a statement that the database
// refused, unless it names a better one, as for a constraint.
const ClassStatement = "write.sql"

// execer is what the transaction must be able to do.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Step returns a step that runs statements. bind is called for each execution of
// the step; what it returns is checked before anything is run, and an
// ErrJobDefinition says what is wrong with it. The affected rows are also the
// step's write count.
func Step(name string, bind func(s *core.Scope) (Config, error)) *core.Step {
	return &core.Step{Name: name, Kind: "sql", Bind: func(s *core.Scope) (core.StepBody, error) {
		cfg, err := bind(s)
		if err != nil {
			return nil, err
		}
		t, err := compile(cfg)
		if err != nil {
			return nil, err
		}
		if cfg.Database != nil {
			return &elsewhere{tasklet: t, db: cfg.Database}, nil
		}
		return engine.TaskletStep(name, t).Bind(s)
	}}
}

// tasklet is the step's work: one call.
type tasklet struct {
	statements []statement
	args       [][]any // of each statement
	rowsKey    string
	timeout    time.Duration
}

// definition makes an ErrJobDefinition.
func definition(format string, args ...any) error {
	return &core.Error{Kind: core.ErrJobDefinition, Msg: "sql: " + fmt.Sprintf(format, args...)}
}

// compile reads the statements and gives each its values.
func compile(cfg Config) (*tasklet, error) {
	t := &tasklet{rowsKey: cfg.RowsKey, timeout: cfg.Timeout}
	switch {
	case len(cfg.Statements) == 0:
		return nil, definition("there are no statements")
	case cfg.Timeout < 0:
		return nil, definition("the timeout %s is negative", cfg.Timeout)
	case strings.HasPrefix(cfg.RowsKey, "batchctl."), strings.HasPrefix(cfg.RowsKey, "batch."):
		return nil, definition("rows: the key %s is one of batchctl's own", core.Quote(cfg.RowsKey))
	}
	values, err := bindable(cfg.Params)
	if err != nil {
		return nil, err
	}
	unused := maps.Clone(values)
	for i, text := range cfg.Statements {
		st, err := parse(text)
		if err != nil {
			return nil, definition("%s: %v", place(i, text), err)
		}
		var args []any
		for _, name := range st.params {
			value, ok := values[name]
			if !ok {
				return nil, noSuchParameter(place(i, text), name, slices.Sorted(maps.Keys(values)))
			}
			delete(unused, name)
			args = append(args, sql.Named(name, value))
		}
		t.statements, t.args = append(t.statements, st), append(t.args, args)
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		return nil, definition("no statement uses the parameter :%s", name)
	}
	return t, nil
}

func noSuchParameter(where, name string, known []string) error {
	e := &core.Error{Kind: core.ErrJobDefinition, Msg: "sql: " + where + ": there is no value for :" + name}
	if near := core.Nearest(name, known); near != "" {
		e.Hint = "did you mean :" + near + "?"
	}
	return e
}

// bindable returns the parameters as the driver takes them.
func bindable(params map[string]any) (map[string]any, error) {
	values := make(map[string]any, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !isName(name) {
			return nil, definition("the parameter %s is not a plain name: want letters, digits and _", core.Quote(name))
		}
		switch v := params[name].(type) {
		case string, int64, bool, []byte, nil:
			values[name] = v
		case int:
			values[name] = int64(v)
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return nil, definition("the parameter :%s is %v, which is stored as NULL", name, v)
			}
			values[name] = v
		default:
			return nil, definition("the parameter :%s is a %T: want string, int64, float64, bool, []byte or nil", name, v)
		}
	}
	return values, nil
}

// place names a statement by its number and its first line.
func place(i int, text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return fmt.Sprintf("statement %d %s", i+1, core.Quote(line))
		}
	}
	return fmt.Sprintf("statement %d", i+1)
}

// Execute implements core.Tasklet.
func (t *tasklet) Execute(ctx context.Context, s *core.Scope, c *core.StepContribution) (core.RepeatStatus, error) {
	if err := ranElsewhere(s); err != nil {
		return core.Finished, err
	}
	tx, err := s.Tx(ctx)
	if err != nil {
		return core.Finished, err
	}
	db, ok := tx.(execer)
	if !ok {
		return core.Finished, fmt.Errorf("the repository's transaction, a %T, runs no statements of jobs", tx)
	}
	rows, err := t.runBounded(ctx, s, db)
	if err != nil {
		return core.Finished, err
	}
	c.Write += rows
	if t.rowsKey != "" {
		s.Context.Put(t.rowsKey, rows)
	}
	return core.Finished, nil
}

// runBounded runs the statements within their time.
func (t *tasklet) runBounded(ctx context.Context, s *core.Scope, db execer) (rows int64, err error) {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if t.timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, t.timeout)
	}
	defer cancel()
	rows, err = t.run(bounded, s, db)
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return 0, t.timedOut(err)
	}
	return rows, err
}

// run runs the statements and returns how many rows they have affected.
func (t *tasklet) run(ctx context.Context, s *core.Scope, db execer) (rows int64, err error) {
	for i, st := range t.statements {
		if cause := s.Stop.Cause(); cause != nil {
			return 0, cause // nothing of it is left, and a restart begins again
		}
		result, err := db.ExecContext(ctx, st.text, t.args[i]...)
		if err != nil {
			return 0, core.Classified(core.ClassOf(err, ClassStatement), &core.Error{Msg: place(i, st.text), Err: err})
		}
		affected := int64(0)
		if st.counts {
			if affected, err = result.RowsAffected(); err != nil {
				return 0, fmt.Errorf("%s: count the rows: %w", place(i, st.text), err)
			}
		}
		rows += affected
		s.Log.LogAttrs(ctx, slog.LevelInfo, "Statement executed", slog.String("step", s.Step.StepName),
			slog.Int("statement", i+1), slog.String("verb", st.verb), slog.Int64("rows", affected))
	}
	return rows, nil
}

func (t *tasklet) timedOut(err error) error {
	return core.WithExitCode(ExitCodeTimeout, core.Classified(core.ClassTimeout, &core.Error{
		Msg: fmt.Sprintf("the statements were still running after %s, and were undone", t.timeout), Err: err,
	}))
}
