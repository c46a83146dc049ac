package core_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/batchctl/batchctl/internal/core"
)

func drawName(t *rapid.T, label string) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("abzAZ09._-+/\\'\"%$#날짜é"), unicode.Letter, unicode.Number), 1, 20, -1).
		Filter(func(s string) bool { return s[0] != '+' && s[0] != '-' }).Draw(t, label)
}

func drawText(t *rapid.T) string {
	text := rapid.OneOf(
		rapid.StringOf(rapid.Rune().Filter(func(r rune) bool { return r != 0 })),
		rapid.SampledFrom([]string{"", "(", ")", "()", "f(x)", " ", "a\nb", "=", "-x", "+x", "2021-01-01", "1e3"}),
	).Draw(t, "text")
	return text + rapid.SampledFrom([]string{"", "", "(string)", "(date)", "(long)", "(double)", "(dte)"}).Draw(t, "suffix")
}

func drawValue(t *rapid.T, typ core.ParameterType, zone *time.Location) any {
	switch typ {
	case core.TypeLong:
		return rapid.Int64().Draw(t, "long")
	case core.TypeDouble:
		return rapid.Float64().Filter(func(v float64) bool {
			return !math.IsNaN(v) && !math.IsInf(v, 0)
		}).Draw(t, "double")
	case core.TypeDate:
		if rapid.Bool().Draw(t, "midnight") {
			days := rapid.IntRange(0, 3652057).Draw(t, "day")
			d := time.Date(1, 1, 1+days, 0, 0, 0, 0, zone).UTC()
			if core.JobParameters.Check(core.JobParameters{{Name: "d", Value: d}}) == nil {
				return d
			}
		}
		return time.UnixMilli(rapid.Int64Range(-62135660400000, 253402365599999).Draw(t, "ms")).UTC()
	case core.TypeString, core.TypeSecret:
	}
	return drawText(t)
}

// parse(format(p)) = p for every parameter that can be stored, in every zone,
// declared or not.
func TestNotationRoundTrip(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{
		nil, time.UTC, zone(t, "Asia/Seoul"), zone(t, "America/New_York"), zone(t, "America/Sao_Paulo"),
		zone(t, "Africa/Monrovia"), zone(t, "Pacific/Apia"), zone(t, "Asia/Kathmandu"), zone(t, "Europe/Dublin"),
		time.FixedZone("odd", 12345),
	}
	t.Run("CNV-08 typed parameters to text and back", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			n := core.Notation{Open: true, Zone: rapid.SampledFrom(zones).Draw(t, "zone"), Signs: rapid.Bool().Draw(t, "signs")}
			loc := n.Zone
			if loc == nil {
				loc = time.UTC
			}
			var ps core.JobParameters
			for range rapid.IntRange(0, 4).Draw(t, "count") {
				typ := rapid.SampledFrom(core.ParameterTypes()).Draw(t, "type")
				p := core.JobParameter{Name: drawName(t, "name"), Value: drawValue(t, typ, loc), Identifying: rapid.Bool().Draw(t, "identifying")}
				spec := core.ParameterSpec{Name: p.Name, Type: typ, NonIdentifying: !p.Identifying}
				if _, twice := ps.Lookup(p.Name); twice {
					continue
				}
				switch rapid.IntRange(0, 2).Draw(t, "declared") {
				case 1:
					n.Declared = append(n.Declared, spec)
				case 2:
					n.Extra = append(n.Extra, spec)
				}
				ps = ps.With(p)
			}
			if err := ps.Check(); err != nil {
				t.Fatalf("drew parameters that cannot be stored: %v", err)
			}
			words := n.Words(ps)
			back, err := n.Parse(words)
			if err != nil {
				t.Fatalf("Parse(%q): %v", words, err)
			}
			if !slices.EqualFunc(ps, back, core.JobParameter.Equal) {
				t.Fatalf("%v\nwas written %q\nand read    %v", ps, words, back)
			}
		})
	})
}

// FuzzParse: no word makes Parse panic, what it accepts can be stored and is
// written so that it reads back, and what it refuses is refused in one line that
// is safe to show.
func FuzzParse(f *testing.F) {
	for _, word := range []string{
		"requestDate=2021-01-01", "requestDate(date)=2021/01/01", "requestDate=20210101(date)",
		"requestDate:date=2021-01-01T00:00:00.123+09:00", "rate:double:non-identifying=1e-3", "-k(long)=5",
		"+k=v", "note=f(x)(string)", "=", "(", "a(b=c", "k:::=", "n=9223372036854775808", "k=\x00", "\xff=\xff",
		"rDSat Nov 21 04:20:36 UTC 2026=x", "k=" + strings.Repeat("😀", 1251), "d(date)=0001-01-01T00:00+18:00",
		"날짜(date)=2018-11-04", "n=１２", "d(date)=2021-03-14T02:30",
	} {
		f.Add(word, true, false)
		f.Add(word, false, true)
	}
	sao := zone(f, "America/Sao_Paulo")
	f.Fuzz(func(t *testing.T, word string, isOpen, isSigns bool) {
		n := declared()
		n.Open, n.Signs, n.Zone = isOpen, isSigns, sao
		ps, err := n.Parse([]string{word})
		if err != nil {
			text := err.Error() + core.Hint(err)
			if !utf8.ValidString(text) || core.EscapeControl(text) != text {
				t.Errorf("the refusal of %q is not safe to show: %q", word, text)
			}
			return
		}
		if err := ps.Check(); err != nil {
			t.Fatalf("accepted %q, which cannot be stored: %v", word, err)
		}
		back, err := n.Parse(n.Words(ps))
		if err != nil || !ps[0].Equal(back[0]) {
			t.Fatalf("%q reads as %v, is written %q and reads back as %v, %v", word, ps, n.Words(ps), back, err)
		}
	})
}
