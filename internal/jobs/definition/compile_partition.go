package definition

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/core/chunk"
	"github.com/batchctl/batchctl/internal/core/partition"
	"github.com/batchctl/batchctl/internal/jobs/execstep"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

// maxParts bounds how many parts a definition can ask for.
const maxParts = 10_000

// partitionKeys are the values that the parts have; nil when only the query
// knows them.
func partitionKeys(p *Partition) []string {
	switch {
	case p.Files.Given():
		return []string{partition.KeyFile, partition.KeyFileName, partition.KeyIndex}
	case len(p.Values) > 0:
		return []string{partition.KeyValue, partition.KeyIndex}
	case p.Count.Given():
		return []string{partition.KeyIndex, partition.KeyCount}
	case p.Range != nil:
		return []string{partition.KeyMin, partition.KeyMax, partition.KeyIndex}
	}
	return nil
}

// partition makes a step whose parts worker runs.
func (c *compiler) partition(e *Element, worker *core.Step) *core.Step {
	p := e.Partition
	o := partition.Options{
		Threads: int(presentValue(c, p.Threads, 0, within(1, chunk.MaxThreads))),
		Reduce:  c.reduce(e),
	}
	c.ownFiles(e)
	c.ownWork(e)
	makes := c.ownPaths(e, c.partitioner(e, &o))
	step := partition.Step(e.ID.Value, worker, makes, o)
	return c.timed(e, step)
}

// partitioner makes the parts as p says.
func (c *compiler) partitioner(e *Element, o *partition.Options) core.Partitioner {
	p, j := e.Partition, c.job
	switch {
	case p.Files.Given():
		c.late(p.Files)
		none := presentValue(c, p.AllowNone, false, parseBool)
		return indexed(partition.Files(func(s *core.Scope) (string, error) {
			return j.inScope(e, s).glob(p.Files)
		}, partition.FilesOptions{AllowNone: none}))
	case len(p.Values) > 0:
		c.lates(p.Values)
		return indexed(partition.ValuesOf(func(_ context.Context, s *core.Scope) ([]any, error) {
			texts, err := j.inScope(e, s).texts(p.Values)
			all := make([]any, len(texts))
			for i, text := range texts {
				all[i] = text
			}
			return all, err
		}))
	case p.Count.Given():
		o.Grid = int(presentValue(c, p.Count, 1, within(1, maxParts)))
		return partition.Count()
	case p.Range != nil:
		return c.rangeOf(e, o)
	case p.SQL != nil:
		return c.queryParts(e)
	}
	return partition.Count() // the loader has reported it
}

func (c *compiler) rangeOf(e *Element, o *partition.Options) core.Partitioner {
	r, j := e.Partition.Range, c.job
	lowest := lateValue(c, r.Min, 0, within(math.MinInt64, math.MaxInt64))
	highest := lateValue(c, r.Max, 0, within(math.MinInt64, math.MaxInt64))
	o.Grid = int(presentValue(c, r.Count, 0, within(1, maxParts)))
	if o.Grid == 0 {
		o.Grid = o.Threads
	}
	return indexed(partition.Range(func(_ context.Context, s *core.Scope) (low, high int64, err error) {
		b := j.inScope(e, s)
		if low, err = lowest(b); err == nil {
			high, err = highest(b)
		}
		return low, high, err
	}))
}

// indexed adds to each part its number.
func indexed(p core.Partitioner) core.Partitioner {
	return partition.Adapt(p, func(_ context.Context, _ *core.Scope, parts []core.Partition, err error) ([]core.Partition, error) {
		for i := range parts {
			parts[i].Context.Put(partition.KeyIndex, int64(i))
		}
		return parts, err
	})
}

// glob returns a pattern as an absolute one; what is put into it means itself.
func (b *bound) glob(t Text) (string, error) {
	text, err := b.join(t, literally)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(text, "/") {
		return text, nil
	}
	return literally(b.j.dir) + "/" + text, nil
}

// literally takes from characters the meaning that they have in patterns.
func literally(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}

// queryParts makes a part of each row of a query.
func (c *compiler) queryParts(e *Element) core.Partitioner {
	q, j := e.Partition.SQL, c.job
	resource := c.resource(q.Resource.Value)
	c.params(q.Params)
	c.partsQuery(q)
	none := presentValue(c, e.Partition.AllowNone, false, parseBool)
	return indexed(core.PartitionerFunc(func(ctx context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
		parts, err := j.inScope(e, s).rowsOf(ctx, q, resource)
		if err == nil && len(parts) == 0 && !none {
			err = &core.Error{Msg: "there is no row", Hint: "or is that right? then write allow-none: true beside sql"}
		}
		if err != nil {
			return nil, &core.Error{Op: j.place(q.Pos) + ": the query of the parts", Hint: core.Hint(err), Err: err}
		}
		return parts, nil
	}))
}

// partsQuery checks the query of the parts and the names in it.
func (c *compiler) partsQuery(q *Query) {
	if q.Query.Parts != nil {
		c.report(q.Query.Pos(), "bind it: write :name, and name: in params", "a value cannot be put into a statement: it could be read as SQL")
		return
	}
	wanted, err := sqlstep.SelectParameters(q.Query.Value)
	if err != nil {
		c.report(q.Query.Pos(), "", "query: %v", err)
		return
	}
	given := keys(q.Params)
	for _, p := range q.Params {
		if !slices.Contains(wanted, p.Key.Value) {
			c.report(p.Key.Pos(), didYouMean(p.Key.Value, wanted), "the query does not use :%s", p.Key.Value)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(given, name) {
			c.report(q.Query.Pos(), didYouMean(name, given), "there is no value for :%s", name)
		}
	}
}

func (b *bound) rowsOf(ctx context.Context, q *Query, resource *Resource) (parts []core.Partition, err error) {
	args, err := b.named(q.Params)
	if err != nil {
		return nil, err
	}
	db, done, err := b.querier(resource)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	rows, err := db.QueryContext(ctx, q.Query.Value, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		if len(parts) == maxParts {
			return nil, fmt.Errorf("it has more than %d rows", maxParts)
		}
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		ec := core.ExecutionContext{}
		for i, v := range values {
			if at, ok := v.(time.Time); ok {
				v = b.format(at)
			}
			ec.Put(columns[i], v)
		}
		if err := ec.Check(); err != nil {
			return nil, fmt.Errorf("row %d: %w", len(parts)+1, err)
		}
		parts = append(parts, core.Partition{Context: ec})
	}
	return parts, rows.Err()
}

// reduce makes what runs once when every part is COMPLETED.
func (c *compiler) reduce(e *Element) func(ctx context.Context, s *core.Scope, parts []core.Partition) error {
	r := e.Partition.Reduce
	switch {
	case r == nil:
		return nil
	case r.SQL != nil:
		run := c.reduceSQL(e, r.SQL)
		return func(ctx context.Context, s *core.Scope, _ []core.Partition) error { return run(ctx, s) }
	case r.Exec != nil:
		if r.Exec.OnCrash.Given() || len(r.Exec.Check) > 0 {
			c.report(r.Exec.Pos, "take it away: reduce runs again after a crash, and must be safe to repeat", "on-crash means nothing here")
		}
		configure, j := c.command(r.Exec), c.job
		return func(ctx context.Context, s *core.Scope, _ []core.Partition) error {
			cfg, err := configure(j.inScope(e, s))
			if err != nil {
				return err
			}
			return execstep.Hook{Name: "reduce", Config: cfg, Unbounded: true}.Run(ctx, s)
		}
	}
	return nil
}

// ownFiles refuses outputs whose name is the same in all parts.
func (c *compiler) ownFiles(e *Element) {
	if e.Chunk == nil {
		return
	}
	outputs := slices.Concat(e.Chunk.Writers, e.Chunk.Route)
	if e.Chunk.Writer != nil {
		outputs = append(outputs, *e.Chunk.Writer)
	}
	var files []Text
	for _, o := range outputs {
		for _, entry := range o.Options {
			if entry.Key.Value == "file" {
				files = append(files, entry.Value)
			}
		}
	}
	if e.Chunk.Skip != nil {
		files = append(files, e.Chunk.Skip.To)
	}
	for _, t := range files {
		own := false
		walkRefs(t.Parts, func(r *Reference) { own = own || r.Scope == ScopePartition || r.Scope == ScopeStepContext })
		if t.Given() && !own {
			c.report(t.Pos(), "put a value of the part into its name, such as #{partition['index']}", "all parts of the step would write the same file")
		}
	}
}
