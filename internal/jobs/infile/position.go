package infile

import (
	"fmt"
	"math"

	"github.com/batchctl/batchctl/internal/core"
)

// Keys in the step's context, behind the name of a reader.
const (
	KeyOffset = ".offset"
	KeyCRC    = ".crc"
	KeyRecord = ".record"
	KeyLine   = ".line"
)

// Numbers returns the values of the keys behind name, nil when none is there. A
// checksum, under KeyCRC, has 32 bits, and no number is negative.
func Numbers(ec core.ExecutionContext, name string, keys ...string) ([]int64, error) {
	values := make([]int64, 0, len(keys))
	for _, key := range keys {
		n, present, err := ec.Int64(name + key)
		switch {
		case err != nil:
			return nil, err
		case !present:
			continue
		case n < 0 || key == KeyCRC && n > math.MaxUint32:
			return nil, fmt.Errorf("context key %s holds %d", core.Quote(name+key), n)
		}
		values = append(values, n)
	}
	switch len(values) {
	case 0:
		return nil, nil
	case len(keys):
		return values, nil
	}
	return nil, fmt.Errorf("only %d of the %d context keys %s are there", len(values), len(keys), core.Quote(name+".*"))
}

// Damaged is the error for a context that is not as a reader or writer left it.
func Damaged(op string, err error) error {
	return &core.Error{
		Kind: core.ErrCheckpointMismatch, Op: op, Msg: "the step's context is damaged", Err: err,
		Hint: "batchctl abandon gives up the instance for good; nothing else helps",
	}
}
