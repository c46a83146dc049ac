//go:build unix

package bench

import (
	"runtime"
	"syscall"
	"time"
)

// Usage is what a piece of work took.
type Usage struct {
	Records   int64
	CPU, Wall time.Duration // CPU is user and system time of the process
	Allocs    uint64
}

// AllocsPerRecord returns the allocations for each record.
func (u Usage) AllocsPerRecord() float64 { return float64(u.Allocs) / float64(max(u.Records, 1)) }

// Measure runs work, which returns how many records it has handled.
func Measure(now func() time.Time, work func() (records int64, err error)) (Usage, error) {
	runtime.GC() // what ran before is not to be paid here
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, err := cpuTime()
	if err != nil {
		return Usage{}, err
	}
	start := now()
	records, err := work()
	u := Usage{Records: records, Wall: now().Sub(start)}
	if err != nil {
		return u, err
	}
	end, err := cpuTime()
	runtime.ReadMemStats(&after)
	u.CPU, u.Allocs = end-cpu, after.Mallocs-before.Mallocs
	return u, err
}

func cpuTime() (time.Duration, error) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0, err
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()), nil
}
