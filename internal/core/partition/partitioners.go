package partition

import (
	"context"
	"fmt"

	"github.com/batchctl/batchctl/internal/core"
)

// Keys of the values that the partitioners give to their parts.
const (
	KeyIndex    = "index"    // int64, from 0
	KeyCount    = "count"    // int64
	KeyMin      = "min"      // int64, inclusive
	KeyMax      = "max"      // int64, inclusive
	KeyValue    = "value"    // as it was given
	KeyFile     = "file"     // string, an absolute path
	KeyFileName = "fileName" // string, the last element of that path
)

// MaxGrid is how many parts Count and Range make at most. Every part has a place
// in the plan, which is one value of the step's context.
const MaxGrid = 100_000

// checkGrid refuses a grid of which no parts can be made.
func checkGrid(grid int) error {
	if grid >= 0 && grid <= MaxGrid {
		return nil
	}
	return &core.Error{
		Kind: core.ErrJobDefinition,
		Msg:  fmt.Sprintf("the grid asks for %d parts, and 0 to %d are possible", grid, MaxGrid),
		Hint: "give the step another number of parts",
	}
}

// Count makes as many parts as the grid says, each with its index and the
// count: for work that the parts can tell apart by a remainder.
func Count() core.Partitioner {
	return core.PartitionerFunc(func(_ context.Context, _ *core.Scope, grid int) ([]core.Partition, error) {
		if err := checkGrid(grid); err != nil {
			return nil, err
		}
		parts := make([]core.Partition, grid)
		for i := range parts {
			parts[i].Context = core.ExecutionContext{KeyIndex: int64(i), KeyCount: int64(grid)}
		}
		return parts, nil
	})
}

// Range splits the inclusive range that bounds returns into parts of equal
// length, give or take one: as many as the grid says, or one a number where
// there are fewer. A lowest that is above the highest is a range without
// numbers, and makes no parts.
func Range(bounds func(ctx context.Context, s *core.Scope) (lowest, highest int64, err error)) core.Partitioner {
	return core.PartitionerFunc(func(ctx context.Context, s *core.Scope, grid int) ([]core.Partition, error) {
		if err := checkGrid(grid); err != nil {
			return nil, err
		}
		lowest, highest, err := bounds(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("find the range of the key: %w", err)
		}
		return split(lowest, highest, grid), nil
	})
}

// FixedRange is Range with bounds that are known.
func FixedRange(lowest, highest int64) core.Partitioner {
	return Range(func(context.Context, *core.Scope) (int64, int64, error) { return lowest, highest, nil })
}

// split counts in uint64, where the length of any range fits but for one, which
// is why it counts the steps between the numbers.
func split(lowest, highest int64, grid int) []core.Partition {
	if lowest > highest || grid < 1 {
		return nil
	}
	steps := uint64(highest) - uint64(lowest) //nolint:gosec // modulo 2^64 the difference is right
	n := uint64(grid)
	if steps < n {
		n = steps + 1
	}
	// steps+1 numbers: n times length, and one more for each of the first
	// remainder+1 parts.
	length, remainder := steps/n, steps%n
	parts := make([]core.Partition, n)
	from := uint64(lowest) //nolint:gosec // as above
	for i := range parts {
		to := from + length
		if uint64(i) > remainder {
			to--
		}
		parts[i].Context = core.ExecutionContext{KeyMin: int64(from), KeyMax: int64(to)} //nolint:gosec // as above
		from = to + 1
	}
	return parts
}

// Values makes one part for each value: a string, int64, float64 or bool.
func Values(values ...any) core.Partitioner {
	return ValuesOf(func(context.Context, *core.Scope) ([]any, error) { return values, nil })
}

// ValuesOf is Values with values that are found when the step starts. A value
// that comes twice is an error: its work would be done twice.
func ValuesOf(find func(ctx context.Context, s *core.Scope) ([]any, error)) core.Partitioner {
	return core.PartitionerFunc(func(ctx context.Context, s *core.Scope, _ int) ([]core.Partition, error) {
		values, err := find(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("find the values: %w", err)
		}
		seen := make(map[any]bool, len(values))
		parts := make([]core.Partition, len(values))
		for i, v := range values {
			ec := core.ExecutionContext{KeyValue: v}
			if err := ec.Check(); err != nil {
				return nil, err
			}
			if seen[v] {
				return nil, &core.Error{Msg: fmt.Sprintf("the value %s comes twice", core.Quote(fmt.Sprint(v)))}
			}
			seen[v] = true
			parts[i].Context = ec
		}
		return parts, nil
	})
}
