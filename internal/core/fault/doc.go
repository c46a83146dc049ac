// Package fault marks the edges at which a crash would hurt most: before and
// after every commit, sync and rename. The points are named "package.edge" and
// are compiled out unless the program is built with the tag faults.
package fault
