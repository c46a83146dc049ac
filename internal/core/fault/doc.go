// Package fault marks the edges at which a crash would hurt most: before and
// after every commit, sync and rename. The points are named "package.edge" and
// are compiled out unless the program is built with the tag faults. What arms
// them is refused unless it can happen: a run that was meant to die and did not
// would prove nothing.
package fault
