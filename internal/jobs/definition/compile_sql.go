package definition

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/jobs/sqlitem"
	"github.com/batchctl/batchctl/internal/jobs/sqlstep"
)

// resources checks the declared databases.
func (c *compiler) resources() {
	c.at = place{}
	for _, r := range c.tree.Resources {
		c.late(r.DSN)
	}
}

// resource returns the database of a name; nil is the repository's own.
func (j *job) resource(name string) *Resource {
	for i := range j.tree.Resources {
		if j.tree.Resources[i].Name.Value == name {
			return &j.tree.Resources[i]
		}
	}
	return nil // of a name that is not declared the loader has told
}

// sameFiler is a repository in a file.
type sameFiler interface {
	SameFile(path string) (bool, error)
}

// databasePath returns the file of a resource; "" is the repository's own,
// whatever name it has been given.
func (b *bound) databasePath(r *Resource) (string, error) {
	if r == nil {
		return "", nil
	}
	path, err := b.path(r.DSN)
	if err != nil {
		return "", err
	}
	if path == "" {
		return "", b.j.fault(r.DSN.Pos(), "the dsn of resource %s is empty", core.Quote(r.Name.Value))
	}
	if repo, ok := b.run.Repo.(sameFiler); ok {
		if same, err := repo.SameFile(path); err != nil || same {
			return "", err
		}
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	return path, nil
}

// querier opens a resource for reading. done closes it.
func (b *bound) querier(r *Resource) (q sqlitem.Querier, done func() error, err error) {
	path, err := b.databasePath(r)
	if err != nil {
		return nil, nil, err
	}
	if path != "" {
		db := sqlitem.OpenExisting(b.run.Databases, path)
		return db, db.Close, nil
	}
	q, ok := b.run.Repo.(sqlitem.Querier)
	if !ok {
		return nil, nil, fmt.Errorf("a repository of type %T speaks no SQL", b.run.Repo)
	}
	return q, func() error { return nil }, nil
}

// sql makes a step of statements.
func (c *compiler) sql(e *Element) *core.Step {
	configure := c.statements(e.SQL)
	limit := lateValue(c, e.Timeout, 0, parseDuration)
	j, resource := c.job, c.resource(e.SQL.Resource.Value)
	return sqlstep.Step(e.ID.Value, func(s *core.Scope) (sqlstep.Config, error) {
		b := j.inScope(e, s)
		cfg, err := configure(b)
		if err != nil {
			return cfg, err
		}
		if cfg.Timeout, err = limit(b); err != nil {
			return cfg, err
		}
		db, err := b.statementsDatabase(resource)
		if err == nil && db != nil {
			cfg.Database = sqlitem.NewStatements(db)
		}
		return cfg, err
	})
}

// statementsDatabase returns the database in which statements run, to be opened
// at its first use; nil is the repository's own.
func (b *bound) statementsDatabase(r *Resource) (core.Database, error) {
	path, err := b.databasePath(r)
	if err != nil || path == "" {
		return nil, err
	}
	if r.Create.Value == "true" {
		return sqlitem.OpenLater(b.run.Databases, path), nil
	}
	return sqlitem.OpenExisting(b.run.Databases, path), nil
}

// statements checks a block of statements and returns what makes the
// configuration of a run.
func (c *compiler) statements(x *SQL) late[sqlstep.Config] {
	c.keepFile(x.File)
	sound := c.params(x.Params)
	c.late(x.File)
	for _, t := range x.Statements {
		if t.Parts != nil {
			c.report(t.Pos(), "bind it: write :name, and name: in params", "a value cannot be put into a statement: it could be read as SQL")
		}
	}
	configure := func(b *bound) (cfg sqlstep.Config, err error) {
		cfg = sqlstep.Config{RowsKey: x.Rows.Value, Params: map[string]any{}}
		cfg.Statements = plainTexts(x.Statements)
		if x.File.Given() {
			if cfg.Statements, err = b.statementsOf(x.File); err != nil {
				return cfg, err
			}
		}
		for _, p := range x.Params {
			if cfg.Params[p.Key.Value], err = b.sqlValue(p); err != nil {
				return cfg, err
			}
		}
		return cfg, nil
	}
	if sound {
		c.tryStatements(x, configure)
	}
	return configure
}

// tryStatements checks statements and their parameters now. A file whose name
// depends on the launch is read when the step starts.
func (c *compiler) tryStatements(x *SQL, configure late[sqlstep.Config]) {
	if x.File.Parts != nil {
		return
	}
	at := x.Pos
	if x.File.Given() {
		at = x.File.Pos()
	} else if len(x.Statements) > 0 {
		at = x.Statements[0].Pos()
	}
	cfg, err := configure(&bound{j: c.job, guess: true, zone: time.UTC})
	if err == nil {
		err = cfg.Check()
	}
	if err != nil {
		c.reportError(at, err)
	}
}

func plainTexts(ts []Text) []string {
	all := make([]string, len(ts))
	for i, t := range ts {
		all[i] = t.Value
	}
	return all
}

// maxSQLFile bounds a file of statements.
const maxSQLFile = 1 << 20

// statementsOf reads the statements of a file.
func (b *bound) statementsOf(t Text) ([]string, error) {
	path, err := b.path(t)
	if err != nil {
		return nil, err
	}
	text, kept := b.j.statementFile(t)
	if !kept {
		text, err = readSmall(path, maxSQLFile)
	}
	if err != nil {
		return nil, &core.Error{
			Kind: core.ErrJobDefinition, Msg: b.j.place(t.Pos()) + ": the statements cannot be read",
			Hint: core.ShellQuote("ls", "-l", path), Err: err,
		}
	}
	all, err := sqlstep.Split(text)
	if err != nil {
		return nil, b.j.fault(t.Pos(), "%s: %v", core.QuotePath(path), err)
	}
	return all, nil
}

// readSmall reads a regular file of limited size.
func readSmall(path string, limit int64) (text string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // a named pipe would wait for ever
		return "", fmt.Errorf("%s is %s, not a regular file", core.QuotePath(path), core.FileKind(info.Mode()))
	}
	f, err := os.Open(path) //nolint:gosec // it is what the definition names
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", core.QuotePath(path), limit)
	}
	return strings.TrimPrefix(string(data), "\ufeff"), err
}

// reduceSQL runs statements in a transaction of their own.
func (c *compiler) reduceSQL(e *Element, x *SQL) func(ctx context.Context, s *core.Scope) error {
	configure, j, resource := c.statements(x), c.job, c.resource(x.Resource.Value)
	return func(ctx context.Context, s *core.Scope) (err error) {
		b := j.inScope(e, s)
		cfg, err := configure(b)
		if err != nil {
			return err
		}
		db, err := b.statementsDatabase(resource)
		if err != nil {
			return err
		}
		if db == nil {
			return sqlstep.Run(ctx, s, cfg)
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return sqlstep.RunIn(ctx, s, cfg, db)
	}
}
