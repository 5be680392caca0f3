package query

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const timeHint = `say 2021-08-03, "2021-08-03 09:18", 2021-08-03T09:18:00Z, 15m, 2h, 3d (ago), now, today or yesterday; without a zone it is UTC`

// The forms of an absolute time. Go reads a fraction after the seconds of each.
var timeLayouts = [...]string{
	time.RFC3339,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006-01-02T15:04",
	"2006-01-02 15:04",
	time.DateOnly,
}

// ParseTime reads a time as people write it, relative to now: RFC 3339,
// "2021-08-03", "2021-08-03 09:18", "15m", "2h", "3d", "1w" (so long ago; units
// may be joined: "1h30m"), "now", "today", "yesterday". Times without a zone
// and days are UTC. Anything else is an error that wraps pipeline.ErrRejected.
func ParseTime(text string, now time.Time) (time.Time, error) {
	s := strings.TrimSpace(text)
	now = now.UTC()
	switch strings.ToLower(s) {
	case "now":
		return now, nil
	case "today":
		return now.Truncate(24 * time.Hour), nil
	case "yesterday":
		return now.Truncate(24 * time.Hour).Add(-24 * time.Hour), nil
	}
	if ago, ok := parseAgo(s); ok {
		return inRange(text, now.Add(-ago))
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return inRange(text, t.UTC())
		}
	}
	return time.Time{}, rejectf(timeHint, "time %q is not understood", text)
}

// inRange refuses years that Unix nanoseconds cannot hold.
func inRange(text string, t time.Time) (time.Time, error) {
	if t.Before(time.Unix(0, math.MinInt64)) || t.After(time.Unix(0, math.MaxInt64)) {
		return time.Time{}, rejectf("years 1678 to 2261 can be searched", "time %q is out of range", text)
	}
	return t, nil
}

// parseAgo reads a duration: whole numbers with the units s, m, h, d, w, the
// larger ones of which time.ParseDuration does not know.
func parseAgo(s string) (time.Duration, bool) {
	s = strings.TrimPrefix(s, "-")
	if s == "" {
		return 0, false
	}
	var total time.Duration
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		if digits == 0 || digits == len(s) {
			return 0, false
		}
		var n int64
		for _, c := range s[:digits] {
			if n = n*10 + int64(c-'0'); n > math.MaxInt32 {
				return 0, false
			}
		}
		unit, ok := agoUnit(s[digits])
		if !ok || n > (math.MaxInt64-int64(total))/int64(unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
		s = s[digits+1:]
	}
	return total, true
}

func agoUnit(c byte) (time.Duration, bool) {
	switch c {
	case 's':
		return time.Second, true
	case 'm':
		return time.Minute, true
	case 'h':
		return time.Hour, true
	case 'd':
		return 24 * time.Hour, true
	case 'w':
		return 7 * 24 * time.Hour, true
	}
	return 0, false
}

// ParseRange reads the ends of a span of time, [from, to) in Unix ns; the empty
// text and a start at or before 1970 mean 0, an open end. An end that does not
// lie after its start is an error.
func ParseRange(from, to string, now time.Time) (start, end int64, err error) {
	if from != "" {
		t, err := ParseTime(from, now)
		if err != nil {
			return 0, 0, fmt.Errorf("read from: %w", err)
		}
		start = max(0, t.UnixNano())
	}
	if to != "" {
		t, err := ParseTime(to, now)
		if err != nil {
			return 0, 0, fmt.Errorf("read to: %w", err)
		}
		if end = t.UnixNano(); end <= 0 {
			return 0, 0, rejectf(timeHint, "to %q lies before 1970", to)
		}
		if end <= start {
			return 0, 0, rejectf("to is exclusive: for all of 2021-08-03 say from 2021-08-03 to 2021-08-04",
				"to %q does not lie after from %q", to, from)
		}
	}
	return start, end, nil
}

// rejection is what is wrong with a request. It is pipeline.ErrRejected without
// that word in its text, which a person reads.
type rejection string

func (r rejection) Error() string { return string(r) }
func (r rejection) Unwrap() error { return pipeline.ErrRejected }

// rejectf is an error about what was asked, with what to ask instead.
func rejectf(hint, format string, args ...any) error {
	return pipeline.WithHint(rejection(fmt.Sprintf(format, args...)), hint)
}
