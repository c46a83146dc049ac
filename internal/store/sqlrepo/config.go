package sqlrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/codec"
)

// SchemaVersion is the version of the schema that this package reads and
// writes, as BATCHCTL_SETTINGS keeps it under [SettingSchemaVersion].
const SchemaVersion = 1

// layout is the layout of every repository so far.
var layout = codec.Layout4()

// Names of the settings that a repository has.
const (
	SettingSchemaVersion = "schema_version"
	SettingLayout        = "layout"
	SettingZone          = "zone"
	SettingRepositoryID  = "repo_id"
	// SettingZoneChosen is there when somebody has said which zone it is.
	SettingZoneChosen = "zone_chosen"
)

// Config is what the SQL does not know by itself. A zero field has the default
// that is named at it.
type Config struct {
	// Now is the clock. It must be set for writing.
	Now func() time.Time
	// Token returns a new random token.
	Token func() string
	// RepositoryID is the setting of that name.
	RepositoryID string
	// Zone is where dates are local; nil means UTC.
	Zone *time.Location
	// Ownership proves who runs an execution. It must be set.
	Ownership Ownership
	// TranslateError turns an error of the driver into one of core's; op says
	// what was attempted. nil keeps the error.
	TranslateError func(op string, err error) error
	// ClassifyError gives an error of a job's own statement its class. nil gives
	// none.
	ClassifyError func(err error) error
}

// classify gives an error of a job's own statement its class.
func (c Config) classify(err error) error {
	if err == nil || c.ClassifyError == nil {
		return err
	}
	return c.ClassifyError(err)
}

func (c Config) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// fail turns a driver's error into one of core's. What is one already, and the
// end of a context, stays as it is.
func (c Config) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || c.TranslateError == nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return c.TranslateError(op, err)
}

// now returns the time as the repository can store it.
func (c Config) now() time.Time { return c.Now().UTC().Truncate(time.Millisecond) }

// Ownership proves that a process runs an execution, and finds out whether
// another one that claims it still lives. It is safe for concurrent use.
type Ownership interface {
	// Claim takes a new ownership, before the row that names it exists.
	Claim(ctx context.Context) (core.Owner, error)
	// Release ends the ownership of that token, and removes what Claim left.
	// The token may be one that a dead process left behind; an unknown token is
	// no error.
	Release(token string) error
	// File returns the open file whose lock is the ownership of that token, or
	// nil when this process does not hold it. The caller does not close it.
	File(token string) *os.File
	// Verdict tells whether the owner lives, with the evidence in words.
	Verdict(o core.Owner) core.OwnerVerdict
}
