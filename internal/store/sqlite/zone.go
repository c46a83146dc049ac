package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/batchctl/batchctl/internal/core"
	"github.com/batchctl/batchctl/internal/store/sqlrepo"
)

// chosen is what SettingZoneChosen says of a zone that somebody has chosen.
const chosen = "yes"

// ZoneChosen reports whether somebody has said in which zone the dates of the
// repository are local, when it was made or since. It is false where the zone is
// UTC because nobody said anything.
func (s *Store) ZoneChosen() bool { return s.zoneChosen }

// ChooseZone records that dates are local in zone. It may be another zone than
// the stored one only as long as no date is stored, which would become another
// day, and nothing is running, which would store one; else the repository is
// left as it is and the error is an ErrRepository. The store itself goes on with
// the zone that it was opened with: open it again.
func (s *Store) ChooseZone(ctx context.Context, zone *time.Location) error {
	if err := checkZone(zone); err != nil {
		return err
	}
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.translator.translate("choose the zone", err)
	}
	defer tx.Rollback()
	if err := s.chooseZone(ctx, tx, zone.String()); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return s.translator.translate("choose the zone", err)
	}
	return nil
}

func (s *Store) chooseZone(ctx context.Context, tx *sql.Tx, zone string) error {
	settings, err := sqlrepo.ReadSettings(ctx, tx)
	if err != nil {
		return s.translator.translate("choose the zone", err)
	}
	if stored := settings[sqlrepo.SettingZone]; stored != zone {
		var dates, running int64
		err := tx.QueryRowContext(ctx, `
SELECT
  (SELECT count(*) FROM BATCH_JOB_EXECUTION_PARAMS WHERE TYPE_CD = 'DATE'),
  (SELECT count(*) FROM BATCH_JOB_EXECUTION WHERE STATUS IN ('STARTING', 'STARTED', 'STOPPING'))
`).Scan(&dates, &running)
		switch {
		case err != nil:
			return s.translator.translate("choose the zone", err)
		case dates > 0:
			return refuse(fmt.Sprintf("the zone of the repository %s stays %s: dates that are stored in parameters would become other days (%d of them)",
				core.QuotePath(s.path), stored, dates), core.ShellQuote("batchctl", "db", "zone", stored, "--db", s.path)+" chooses the one that it has", nil)
		case running > 0:
			return refuse(fmt.Sprintf("the zone of the repository %s stays %s while executions are running: %d of them",
				core.QuotePath(s.path), stored, running), core.ShellQuote("batchctl", "executions", "--db", s.path), nil)
		}
	}
	for name, value := range map[string]string{sqlrepo.SettingZone: zone, sqlrepo.SettingZoneChosen: chosen} {
		_, err := tx.ExecContext(ctx, `
INSERT INTO BATCHCTL_SETTINGS (NAME, VALUE) VALUES (?, ?) ON CONFLICT (NAME) DO UPDATE SET VALUE = excluded.VALUE`, name, value)
		if err != nil {
			return s.translator.translate("choose the zone", err)
		}
	}
	return nil
}
