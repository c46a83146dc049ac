//go:build !linux

package sqlite

// Outside Linux only the lock file is asked: what the kernel tells about boots,
// processes and file systems is left open, and so is every verdict without it.

func bootID() string { return "" }

func machineID() string { return "" }

func processStart(int) string { return "" }

func pidNamespace() string { return "" }

func processStat(int) (state, ticks string, ok bool) { return "", "", false }

func networkFileSystem(string) (name string, network bool) { return "", false }

func lockHolders(string) []holder { return nil }

func renameNew(from, to string) error { return linkNew(from, to) }
