package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. In text it has a unit: 64MiB, 1.5GiB, 10MB.
type Size int64

// Binary units of Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// sizeUnit is a unit's bytes; 0 for a name that is no unit. A bare K, M or G is
// none: people mean 1000 by it as often as 1024.
func sizeUnit(name string) float64 {
	switch strings.ToLower(name) {
	case "", "b":
		return 1
	case "kib", "ki":
		return float64(KiB)
	case "mib", "mi":
		return float64(MiB)
	case "gib", "gi":
		return float64(GiB)
	case "tib", "ti":
		return float64(TiB)
	case "kb":
		return 1e3
	case "mb":
		return 1e6
	case "gb":
		return 1e9
	case "tb":
		return 1e12
	}
	return 0
}

// ParseSize reads a size such as "64MiB", "1.5 GiB", "500MB" or "4096" (bytes).
// The empty string is 0.
func ParseSize(s string) (Size, error) {
	text := strings.TrimSpace(s)
	if text == "" {
		return 0, nil
	}
	digits := text[:len(text)-len(strings.TrimLeft(text, "0123456789."))]
	number, err := strconv.ParseFloat(digits, 64)
	unit := sizeUnit(strings.TrimSpace(text[len(digits):]))
	if err != nil || unit == 0 {
		return 0, fmt.Errorf("size %q is not a number with one of the units KiB, MiB, GiB, TiB, KB, MB, GB, TB, such as 64MiB", s)
	}
	bytes := number * unit
	if bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q is too large", s)
	}
	return Size(bytes), nil
}

// String is the size in the largest binary unit that divides it: "64MiB".
func (s Size) String() string {
	for _, u := range []struct {
		bytes Size
		name  string
	}{{TiB, "TiB"}, {GiB, "GiB"}, {MiB, "MiB"}, {KiB, "KiB"}} {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Duration is a time span. In text it has units: 250ms, 1h30m, 30d.
type Duration time.Duration

const day = 24 * time.Hour

// ParseDuration reads what time.ParseDuration reads, and days (24 h) and weeks
// before it: "30d", "1w", "1d12h". The empty string is 0.
func ParseDuration(s string) (Duration, error) {
	bad := fmt.Errorf("duration %q is not a number with one of the units ms, s, m, h, d, w, such as 250ms or 30d", s)
	rest := strings.TrimSpace(s)
	if rest == "" {
		return 0, nil
	}
	var sum time.Duration
	for _, unit := range []struct {
		letter string
		span   time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		digits, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil {
			return 0, bad
		}
		if time.Duration(n) > (math.MaxInt64-sum)/unit.span {
			return 0, fmt.Errorf("duration %q is too long", s)
		}
		sum += time.Duration(n) * unit.span
		rest = after
	}
	if rest == "" {
		return Duration(sum), nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, bad
	}
	if d > math.MaxInt64-sum {
		return 0, fmt.Errorf("duration %q is too long", s)
	}
	return Duration(sum + d), nil
}

// String is the duration with its days split off and its zero parts left out:
// "30d", "1d12h", "250ms", "1h30m".
func (d Duration) String() string {
	days, rest := time.Duration(d)/day, time.Duration(d)%day
	var text string
	if days > 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest == 0 {
		if text == "" {
			return "0"
		}
		return text
	}
	span := rest.String()
	if strings.HasSuffix(span, "m0s") {
		span = strings.TrimSuffix(span, "0s")
	}
	if strings.HasSuffix(span, "h0m") {
		span = strings.TrimSuffix(span, "0m")
	}
	return text + span
}

// Std is the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }
