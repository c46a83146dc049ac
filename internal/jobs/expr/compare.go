package expr

import (
	"cmp"
	"math/bits"
	"strings"

	"github.com/batchctl/batchctl/internal/jobs/record"
)

// equal reports whether two values of one kind are equal; null is equal to null
// alone.
func equal(a, b record.Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	return a.Kind() == record.Null || compare(a, b) == 0
}

// compare orders two values of one kind: numbers by size, texts by their bytes,
// days and instants by time.
func compare(a, b record.Value) int {
	switch a.Kind() {
	case record.String:
		return strings.Compare(a.Str(), b.Str())
	case record.Long, record.Date:
		return cmp.Compare(a.Long(), b.Long())
	case record.Double:
		return cmp.Compare(a.Double(), b.Double())
	case record.Decimal:
		return compareDecimals(a, b)
	case record.DateTime:
		return a.Time().Compare(b.Time())
	case record.Bool, record.Null:
	}
	if a.Bool() == b.Bool() {
		return 0
	}
	return 1
}

func compareDecimals(a, b record.Value) int {
	negA, coefA, scaleA := a.Coefficient()
	negB, coefB, scaleB := b.Coefficient()
	if negA != negB || coefA == 0 || coefB == 0 {
		return cmp.Compare(sign(negA, coefA), sign(negB, coefB))
	}
	size := compareScaled(coefA, scaleA, coefB, scaleB)
	if negA {
		return -size
	}
	return size
}

func sign(neg bool, coef uint64) int {
	switch {
	case coef == 0:
		return 0
	case neg:
		return -1
	}
	return 1
}

// compareScaled compares a / 10^i with b / 10^k.
func compareScaled(a uint64, i int, b uint64, k int) int {
	hiA, loA := bits.Mul64(a, powers[max(k-i, 0)])
	hiB, loB := bits.Mul64(b, powers[max(i-k, 0)])
	return cmp.Or(cmp.Compare(hiA, hiB), cmp.Compare(loA, loB))
}
