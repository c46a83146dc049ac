package bench

import (
	"fmt"
	"slices"
)

// Spread is the least, the middle and the greatest of some values.
type Spread struct{ Min, Median, Max float64 }

// NewSpread returns the spread of values, of which there is at least one.
func NewSpread(values []float64) Spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Min: sorted[0], Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Max: sorted[n-1]}
}

// String shows the spread of ratios.
func (s Spread) String() string { return fmt.Sprintf("%.2f / %.2f / %.2f", s.Min, s.Median, s.Max) }

// Thousands shows the spread of greater numbers.
func (s Spread) Thousands() string {
	return fmt.Sprintf("%.0fk / %.0fk / %.0fk", s.Min/1e3, s.Median/1e3, s.Max/1e3)
}
