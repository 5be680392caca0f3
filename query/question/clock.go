package question

import (
	"strconv"
	"strings"
	"time"
)

var units = map[string]time.Duration{
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": day, "day": day, "days": day,
	"w": 7 * day, "week": 7 * day, "weeks": 7 * day,
	"month": 30 * day, "months": 30 * day,
}

var months = map[string]time.Month{
	"january": time.January, "jan": time.January, "february": time.February, "feb": time.February,
	"march": time.March, "mar": time.March, "april": time.April, "apr": time.April, "may": time.May,
	"june": time.June, "jun": time.June, "july": time.July, "jul": time.July, "august": time.August, "aug": time.August,
	"september": time.September, "sep": time.September, "sept": time.September, "october": time.October, "oct": time.October,
	"november": time.November, "nov": time.November, "december": time.December, "dec": time.December,
}

var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday,
	"friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
}

var numbers = map[string]int{
	"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
	"ten": 10, "eleven": 11, "twelve": 12, "twenty": 20, "thirty": 30, "sixty": 60,
}

// parseCount reads a number from 1 to 9999.
func parseCount(s string) (int, bool) {
	if n, ok := numbers[s]; ok {
		return n, true
	}
	if s == "" || len(s) > 4 || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0
}

// dayNumber reads "3", "3rd", "31st"; 0 for anything else.
func dayNumber(s string) int {
	if len(s) > 2 {
		switch s[len(s)-2:] {
		case "st", "nd", "rd", "th":
			s = s[:len(s)-2]
		}
	}
	if s == "" || strings.Trim(s, "0123456789") != "" || len(s) > 2 {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n > 31 {
		return 0
	}
	return n
}

func isYear(s string) bool {
	return len(s) == 4 && strings.Trim(s, "0123456789") == "" && (s[:2] == "19" || s[:2] == "20")
}

// parseDate reads "2021-08-03".
func parseDate(s string) (time.Time, bool) {
	if len(s) != len(time.DateOnly) {
		return time.Time{}, false
	}
	d, err := time.Parse(time.DateOnly, s)
	return d, err == nil && isYear(s[:4])
}

// parseInstant reads "2021-08-03T09:42:00Z", in lower case as well.
func parseInstant(s string) (time.Time, bool) {
	if len(s) < len("2021-08-03t09:42") {
		return time.Time{}, false
	}
	s = strings.ToUpper(s)
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at.UTC(), isYear(s[:4])
		}
	}
	return time.Time{}, false
}

// parseClock reads "09:42", "9:42pm", "09:42:10", "9am", "noon", "midnight".
func parseClock(s string) (moment, bool) {
	switch s {
	case "noon":
		return moment{hasClock: true, clock: 12 * time.Hour, grain: time.Minute}, true
	case "midnight":
		return moment{hasClock: true, grain: time.Minute}, true
	}
	s = strings.TrimSuffix(strings.TrimSuffix(s, "z"), "utc")
	bare, half, grain := s, "", time.Minute
	for _, h := range [...]string{"am", "pm"} {
		if strings.HasSuffix(s, h) {
			bare, half = strings.TrimSuffix(s, h), h
		}
	}
	parts := strings.Split(bare, ":")
	switch {
	case len(parts) == 1 && half != "":
		grain = time.Hour
	case len(parts) == 3 && half == "":
		grain = time.Second
	case len(parts) != 2:
		return moment{}, false
	}
	limits, unit := [...]int{23, 59, 59}, [...]time.Duration{time.Hour, time.Minute, time.Second}
	m := moment{hasClock: true, grain: grain}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > limits[i] || len(part) > 2 || i > 0 && len(part) != 2 || part[0] == '+' || part[0] == '-' {
			return moment{}, false
		}
		if i == 0 && half != "" {
			if n < 1 || n > 12 {
				return moment{}, false
			}
			n %= 12
			if half == "pm" {
				n += 12
			}
		}
		m.clock += time.Duration(n) * unit[i]
	}
	return m, true
}
