package sqlite

// LinkedVersion returns the version of the SQLite library in this program.
func LinkedVersion() string { return sqliteVersion() }
