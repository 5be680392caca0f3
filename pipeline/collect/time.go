package collect

import (
	"bytes"
	"math"
	"strconv"
)

// readTime reads an RFC 3339 time, with any offset and any number of fraction
// digits (those past the ninth are cut), as Unix ns. A blank for the T is
// accepted, and no zone is UTC: Fluent Bit's date formats. Years that do not
// fit 64 bits of ns (before 1678, after 2261) are refused.
func readTime(b []byte) (int64, bool) {
	if len(b) < 19 || b[4] != '-' || b[7] != '-' || b[10] != 'T' && b[10] != 't' && b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	year := digits2(b[0:])*100 + digits2(b[2:])
	month, day := digits2(b[5:]), digits2(b[8:])
	hour, minute, second := digits2(b[11:]), digits2(b[14:]), digits2(b[17:])
	if digits2(b[0:]) < 0 || digits2(b[2:]) < 0 || year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return 0, false
	}
	b = b[19:]
	nanos := 0
	if len(b) > 0 && (b[0] == '.' || b[0] == ',') {
		n := 1
		for scale := 100_000_000; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
			nanos += int(b[n]-'0') * scale
			scale /= 10
		}
		if n == 1 {
			return 0, false
		}
		b = b[n:]
	}
	offset, ok := readOffset(b)
	if !ok {
		return 0, false
	}
	seconds := int64(daysBefore(year, month, day))*86400 + int64(hour*3600+minute*60+second-offset)
	return seconds*1e9 + int64(nanos), true
}

// readOffset reads what follows a time, as seconds east of UTC.
func readOffset(b []byte) (int, bool) {
	switch {
	case len(b) == 0 || len(b) == 1 && (b[0] == 'Z' || b[0] == 'z'):
		return 0, true
	case len(b) == 6 && b[3] == ':':
	case len(b) == 5:
	default:
		return 0, false
	}
	hours, minutes := digits2(b[1:]), digits2(b[len(b)-2:])
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	switch b[0] {
	case '+':
		return hours*3600 + minutes*60, true
	case '-':
		return -hours*3600 - minutes*60, true
	}
	return 0, false
}

// digits2 is the value of two digits, or a number below -100 if they are none.
func digits2(b []byte) int {
	h, l := b[0]-'0', b[1]-'0'
	if h > 9 || l > 9 {
		return -1000000
	}
	return int(h)*10 + int(l)
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysBefore is the number of days from 1970-01-01 to a date of the Gregorian
// calendar; years start in March, so that the leap day is a year's last
// (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil).
func daysBefore(year, month, day int) int {
	if month <= 2 {
		year--
		month += 12
	}
	era := year / 400
	yearOfEra := year - era*400
	dayOfYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// readEpoch reads a JSON number of seconds since 1970 as Unix ns, exactly when
// it is written without an exponent. Numbers over 1e11 are milliseconds, as
// Fluent Bit's json_date_format epoch_ms writes them.
func readEpoch(b []byte) (int64, bool) {
	whole, fraction, _ := bytes.Cut(b, []byte{'.'})
	seconds, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || bytes.IndexByte(fraction, 'e') >= 0 || bytes.IndexByte(fraction, 'E') >= 0 {
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.Abs(f) > math.MaxInt64/1e9 {
			return 0, false
		}
		return int64(f * 1e9), true
	}
	if len(fraction) == 0 && seconds > 1e11 && seconds < math.MaxInt64/1_000_000 {
		return seconds * 1e6, true
	}
	if seconds >= math.MaxInt64/1_000_000_000 || seconds < 0 {
		return 0, false
	}
	ns, scale := seconds*1e9, int64(1e8)
	for _, d := range fraction {
		if d < '0' || d > '9' {
			return 0, false
		}
		ns += int64(d-'0') * scale
		scale /= 10
	}
	return ns, true
}
