package parse

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// yearless and dayless mark what a format leaves out of its date.
const (
	yearless = math.MinInt32
	dayless  = math.MinInt32
)

// date is a time as its format gives it: in UTC unless offset says otherwise.
type date struct {
	year, month, day     int
	hour, minute, second int
	nano                 int
	offset               int // seconds east of UTC
}

// timestamp reads the time that s begins with, in any format that logs are
// known to use, and returns what follows it. A time without a zone is UTC. One
// without a year is in the latest year that puts it no more than a day after
// ref (Unix ns): that is the nearest, but for a line of last December read in
// November, which is old and not from the future. One without a day is the
// nearest to ref. Both are 0 with ok where ref is 0. Times that Unix ns cannot
// hold (before 1678, after 2262) and dates without a clock are not ok.
func timestamp(s string, ref int64) (ns int64, rest string, ok bool) {
	if s == "" {
		return 0, s, false
	}
	c := cursor{s: s}
	d := date{}
	switch {
	case isDigit(s[0]):
		n := digitRun(s, 20)
		switch n {
		case 1, 2:
			ok = c.shortDate(&d)
		case 4:
			ok = c.isoDate(&d)
		case 6:
			ok = c.compactDate(&d)
		case 8:
			ok = c.basicDate(&d)
		case 10, 13, 16, 19:
			return epochAt(s, n)
		}
		if !ok && n == 1 && len(s) > 1 && s[1] == '.' {
			return epochAt(s, n)
		}
	case isLetter(s[0]):
		ok = c.namedDate(&d)
	}
	if !ok {
		return 0, s, false
	}
	ns, ok = d.unix(ref)
	if !ok {
		return 0, s, false
	}
	return ns, s[c.i:], true
}

// unix is the date as Unix ns.
func (d *date) unix(ref int64) (int64, bool) {
	if d.year == yearless || d.day == dayless {
		if ref == 0 {
			return 0, d.valid()
		}
		return d.complete(ref)
	}
	if !d.valid() {
		return 0, false
	}
	return d.join(daysFromCivil(d.year, d.month, d.day))
}

// unixNano is unix for callers that know the line's format for certain: a time
// that is none is 0.
func (d *date) unixNano(ref int64) int64 {
	ns, ok := d.unix(ref)
	if !ok {
		return 0
	}
	return ns
}

func (d *date) valid() bool {
	if d.hour > 23 || d.minute > 59 || d.second > 60 || d.hour < 0 || d.minute < 0 || d.second < 0 {
		return false
	}
	if d.day == dayless {
		return true
	}
	year := d.year
	if year == yearless {
		year = 2000 // a leap year: 29 February is possible
	}
	return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= daysIn(year, d.month)
}

// complete finds the year of a date without one, or the day of a clock.
func (d *date) complete(ref int64) (int64, bool) {
	const day = int64(24 * time.Hour)
	if !d.valid() {
		return 0, false
	}
	refDay := floorDiv(ref, day)
	if d.day == dayless {
		return d.nearestDay(refDay, ref)
	}
	// 29 February may lie eight years back, as 1904 from 1896.
	for year := civilYear(refDay) + 1; year >= civilYear(refDay)-8; year-- {
		if d.day > daysIn(year, d.month) {
			continue
		}
		if t, ok := d.join(daysFromCivil(year, d.month, d.day)); ok && (t <= ref || distance(t, ref) <= uint64(day)) {
			return t, true
		}
	}
	return 0, false
}

func (d *date) nearestDay(refDay, ref int64) (best int64, found bool) {
	for days := refDay - 1; days <= refDay+1; days++ {
		t, ok := d.join(days)
		if ok && (!found || distance(t, ref) < distance(best, ref)) {
			best, found = t, true
		}
	}
	return best, found
}

// join is the date's clock on the given day since 1970.
func (d *date) join(days int64) (int64, bool) {
	seconds := days*86400 + int64(d.hour*3600+d.minute*60+d.second-d.offset)
	if seconds <= math.MinInt64/int64(time.Second) || seconds >= math.MaxInt64/int64(time.Second) {
		return 0, false
	}
	return seconds*1e9 + int64(d.nano), true
}

// distance is how far apart two times are; the difference may need 65 bits.
func distance(a, b int64) uint64 {
	if a < b {
		a, b = b, a
	}
	return uint64(a) - uint64(b)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// daysFromCivil and civilYear are Howard Hinnant's algorithms for the proleptic
// Gregorian calendar (howardhinnant.github.io/date_algorithms.html): days since
// 1970-01-01, without a time.Time and its location.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := floorDiv(int64(y), 400)
	yoe := int64(y) - era*400
	mp := int64((m + 9) % 12)
	doy := (153*mp+2)/5 + int64(d) - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

func civilYear(days int64) int {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	year := int(yoe + era*400)
	if doy >= 306 { // January and February belong to the next year
		year++
	}
	return year
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// cursor reads a time from left to right. A method that fails leaves the
// position anywhere: its caller gives up.
type cursor struct {
	s string
	i int
}

func (c *cursor) byte(b byte) bool {
	if c.i < len(c.s) && c.s[c.i] == b {
		c.i++
		return true
	}
	return false
}

func (c *cursor) peek() byte {
	if c.i < len(c.s) {
		return c.s[c.i]
	}
	return 0
}

// digits reads exactly n digits, or returns a value that no date allows.
func (c *cursor) digits(n int) int {
	if c.i+n > len(c.s) {
		return math.MinInt16
	}
	v := 0
	for _, b := range []byte(c.s[c.i : c.i+n]) {
		if !isDigit(b) {
			return math.MinInt16
		}
		v = v*10 + int(b-'0')
	}
	c.i += n
	return v
}

// number reads one or two digits.
func (c *cursor) number() int {
	return c.digits(max(1, digitRun(c.s[c.i:], 2)))
}

func (c *cursor) spaces() {
	for c.byte(' ') {
	}
}

// clock reads HH:MM:SS with the given separator and a fraction.
func (c *cursor) clock(d *date, sep byte) bool {
	d.hour = c.number()
	if !c.byte(sep) {
		return false
	}
	d.minute = c.digits(2)
	if !c.byte(sep) {
		return false
	}
	d.second = c.digits(2)
	if d.hour < 0 || d.minute < 0 || d.second < 0 {
		return false
	}
	c.fraction(d, ".,")
	return true
}

// fraction reads digits behind one of the marks; beyond ns they are dropped.
func (c *cursor) fraction(d *date, marks string) {
	if c.i+1 >= len(c.s) || strings.IndexByte(marks, c.s[c.i]) < 0 || !isDigit(c.s[c.i+1]) {
		return
	}
	c.i++
	scale := 100_000_000
	for c.i < len(c.s) && isDigit(c.s[c.i]) {
		d.nano += int(c.s[c.i]-'0') * scale
		scale /= 10
		c.i++
	}
}

// zone reads an offset or a zone's name, if there is one.
func (c *cursor) zone(d *date) {
	start := c.i
	spaced := c.byte(' ')
	switch b := c.peek(); {
	case b == '+' || b == '-':
		c.i++
		// Behind a space it must have its minutes, or it may as well be text.
		if offset, digits := c.offset(b); digits == 4 || digits == 2 && !spaced {
			d.offset = offset
			return
		}
	case isUpper(b):
		n := 0
		for c.i+n < len(c.s) && isLetter(c.s[c.i+n]) {
			n++
		}
		if offset, ok := zoneOffset(c.s[c.i : c.i+n]); ok && (n > len("Z") || !spaced) {
			d.offset = offset
			c.i += n
			return
		}
	}
	c.i = start
}

// offset reads HH, HHMM or HH:MM behind its sign; no digits if it is no offset.
func (c *cursor) offset(sign byte) (seconds, digits int) {
	hours := c.digits(2)
	if hours < 0 || hours > 23 {
		return 0, 0
	}
	start := c.i
	c.byte(':')
	minutes := c.digits(2)
	digits = 4
	if minutes < 0 {
		c.i, minutes, digits = start, 0, 2
	}
	if minutes > 59 || isDigit(c.peek()) || isLetter(c.peek()) {
		return 0, 0
	}
	seconds = hours*3600 + minutes*60
	if sign == '-' {
		seconds = -seconds
	}
	return seconds, digits
}

// zoneOffset knows the zones that servers print by name and that mean one
// thing only.
func zoneOffset(name string) (seconds int, ok bool) {
	switch name {
	case "Z", "UTC", "GMT":
		return 0, true
	case "CET":
		return 3600, true
	case "CEST":
		return 7200, true
	case "EST":
		return -5 * 3600, true
	case "EDT":
		return -4 * 3600, true
	case "PST":
		return -8 * 3600, true
	case "PDT":
		return -7 * 3600, true
	}
	return 0, false
}

// isoDate reads 2021-08-03T09:18:00.123Z and its relatives: / or . in the date,
// a space, _ or - before the clock, 15.42.50 as the clock (Blue Gene).
func (c *cursor) isoDate(d *date) bool {
	d.year = c.digits(4)
	sep := c.peek()
	if sep != '-' && sep != '/' && sep != '.' {
		return false
	}
	c.i++
	d.month = c.digits(2)
	if !c.byte(sep) {
		return false
	}
	d.day = c.digits(2)
	if d.month < 0 || d.day < 0 {
		return false
	}
	colon := byte(':')
	switch c.peek() {
	case 'T', 't', '_', ' ':
		c.i++
		c.spaces()
	case '-':
		c.i++
		if c.i+2 < len(c.s) {
			colon = c.s[c.i+2]
		}
		if colon != '.' && colon != ':' {
			return false
		}
	default:
		return false
	}
	if !c.clock(d, colon) {
		return false
	}
	c.zone(d)
	return true
}

// shortDate reads what begins with one or two digits: a clock alone, or a date
// that begins with its day, month or short year.
func (c *cursor) shortDate(d *date) bool {
	first := c.number()
	switch sep := c.peek(); sep {
	case ':':
		c.i = 0
		d.day = dayless
		return c.clock(d, ':')
	case '/', '-', ' ', '.':
		c.i++
		if isLetter(c.peek()) && sep != '.' {
			d.day = first
			return c.dayMonthYear(d, sep)
		}
		if sep == ' ' || c.i != 3 {
			return false
		}
		return c.numericDate(d, first, sep)
	}
	return false
}

// dayMonthYear reads on behind the day: Aug/2021:09:18:00 +0000 (common log
// format), Aug-2021 09:18:00 (Tomcat, PHP), Aug 2021 09:18:00.123 (Redis).
func (c *cursor) dayMonthYear(d *date, sep byte) bool {
	if d.month = c.month(); d.month == 0 || !c.byte(sep) {
		return false
	}
	d.year = c.digits(4)
	if !c.byte(' ') && !c.byte(':') {
		return false
	}
	if d.year < 0 || !c.clock(d, ':') {
		return false
	}
	c.zone(d)
	return true
}

// numericDate reads on behind two digits and a separator. Three forms have
// their own order: yy/MM/dd (Spark, Hadoop), MM/dd/yyyy and dd.MM.yyyy; without
// a year it is the month first (Android, Proxifier). dd-MM-yyyy is taken only
// where the numbers leave no doubt.
func (c *cursor) numericDate(d *date, first int, sep byte) bool {
	second := c.digits(2)
	if second < 0 {
		return false
	}
	if c.byte(' ') && sep != '/' {
		d.year, d.month, d.day = yearless, first, second
		return c.clock(d, ':')
	}
	if !c.byte(sep) {
		return false
	}
	switch n := digitRun(c.s[c.i:], 5); {
	case n == 2 && sep == '/':
		d.year, d.month, d.day = century(first), second, c.digits(2)
	case n == 4:
		d.year = c.digits(4)
		switch {
		case sep == '.' || first > 12:
			d.day, d.month = first, second
		case sep == '/' || second > 12:
			d.month, d.day = first, second
		default:
			return false
		}
	default:
		return false
	}
	c.byte(',')
	if !c.byte(' ') || !c.clock(d, ':') {
		return false
	}
	c.meridiem(d)
	c.zone(d)
	return true
}

// compactDate reads 081109 203518 (HDFS) and 180803  9:18:00 (old MySQL).
func (c *cursor) compactDate(d *date) bool {
	d.year, d.month, d.day = century(c.digits(2)), c.digits(2), c.digits(2)
	if !c.byte(' ') {
		return false
	}
	c.spaces()
	if digitRun(c.s[c.i:], 7) != 6 {
		return c.clock(d, ':')
	}
	d.hour, d.minute, d.second = c.digits(2), c.digits(2), c.digits(2)
	return true
}

// basicDate reads 20210803T091800.123Z, 20210803 09:18:00 and
// 20171223-22:15:29:606 (HealthApp).
func (c *cursor) basicDate(d *date) bool {
	d.year, d.month, d.day = c.digits(4), c.digits(2), c.digits(2)
	sep := c.peek()
	if sep != 'T' && sep != ' ' && sep != '-' {
		return false
	}
	c.i++
	if digitRun(c.s[c.i:], 7) == 6 {
		d.hour, d.minute, d.second = c.digits(2), c.digits(2), c.digits(2)
		c.fraction(d, ".,")
	} else {
		if !c.clock(d, ':') {
			return false
		}
		c.fraction(d, ":")
	}
	c.zone(d)
	return true
}

// namedDate reads what begins with a weekday or a month: Dec 10 06:55:46
// (syslog), Tue Aug  3 09:18:00 2021 (ctime), Tue, 03 Aug 2021 09:18:00 GMT
// (RFC 1123), Aug 03, 2021 9:18:00 AM (java.util.logging).
func (c *cursor) namedDate(d *date) bool {
	if c.weekday() {
		c.byte(',')
		c.spaces()
		if isDigit(c.peek()) {
			if d.day = c.number(); !c.byte(' ') {
				return false
			}
			return c.dayMonthYear(d, ' ')
		}
	}
	if d.month = c.month(); d.month == 0 || !c.byte(' ') {
		return false
	}
	c.spaces()
	d.day, d.year = c.number(), yearless
	c.byte(',')
	if !c.byte(' ') {
		return false
	}
	if digitRun(c.s[c.i:], 5) == 4 {
		if d.year = c.digits(4); !c.byte(' ') {
			return false
		}
	}
	if !c.clock(d, ':') {
		return false
	}
	c.meridiem(d)
	c.zone(d)
	if d.year == yearless {
		c.trailingYear(d)
	}
	return true
}

// trailingYear reads ctime's " 2021" behind the clock.
func (c *cursor) trailingYear(d *date) {
	if c.i+5 > len(c.s) || c.s[c.i] != ' ' || digitRun(c.s[c.i+1:], 5) != 4 || !isBoundary(c.s[c.i+5:]) {
		return
	}
	if year := c.s[c.i+1 : c.i+5]; year >= "1970" && year < "2100" {
		c.i++
		d.year = c.digits(4)
	}
}

// meridiem reads AM or PM.
func (c *cursor) meridiem(d *date) {
	if c.i+3 > len(c.s) || c.s[c.i] != ' ' {
		return
	}
	switch c.s[c.i+1 : c.i+3] {
	case "AM":
		d.hour %= 12
	case "PM":
		d.hour = d.hour%12 + 12
	default:
		return
	}
	c.i += 3
}

// month reads an English month, short or in full, and returns its number or 0.
func (c *cursor) month() int {
	m := strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", c.abbreviation())
	if m < 0 || m%3 != 0 {
		return 0
	}
	m = m/3 + 1
	c.i += 3
	if tail := time.Month(m).String()[3:]; strings.HasPrefix(c.s[c.i:], tail) {
		c.i += len(tail)
	}
	return m
}

// weekday skips an English weekday, short or in full.
func (c *cursor) weekday() bool {
	n := strings.Index("SunMonTueWedThuFriSat", c.abbreviation())
	if n < 0 || n%3 != 0 {
		return false
	}
	c.i += 3
	if tail := time.Weekday(n / 3).String()[3:]; strings.HasPrefix(c.s[c.i:], tail) {
		c.i += len(tail)
	}
	return true
}

// abbreviation is the next three letters, or a string that no name contains.
func (c *cursor) abbreviation() string {
	if c.i+4 > len(c.s) {
		return "?"
	}
	return c.s[c.i : c.i+3]
}

// century completes a two-digit year as POSIX does.
func century(year int) int {
	switch {
	case year < 0:
		return year
	case year < 69:
		return year + 2000
	}
	return year + 1900
}

// epochAt reads a number of seconds, ms, us or ns since 1970 at the start of s.
func epochAt(s string, n int) (ns int64, rest string, ok bool) {
	if n < len(s) && s[n] == '.' {
		for n++; n < len(s) && isDigit(s[n]); n++ {
		}
		if n+1 < len(s) && s[n] == 'e' && s[n+1] == '+' {
			for n += 2; n < len(s) && isDigit(s[n]); n++ {
			}
		}
	}
	ns, ok = epoch(s[:n])
	if !ok || !isBoundary(s[n:]) {
		return 0, s, false
	}
	return ns, s[n:], true
}

// epoch reads a number since 1970, its unit told by its size: seconds up to
// 1e11 (the year 5138), then ms, us and ns. Numbers under 1e8 (1973) are more
// likely durations and are not ok.
func epoch(s string) (ns int64, ok bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole) > 19 || !isDigits(whole) || fraction != "" && !isDigits(fraction) {
		return epochFloat(s)
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n < 1e8 {
		return 0, false
	}
	unit := epochUnit(n)
	if n > (math.MaxInt64-unit)/unit {
		return 0, false
	}
	ns = n * unit
	for i := 0; i < len(fraction) && unit > 1; i++ {
		unit /= 10
		ns += int64(fraction[i]-'0') * unit
	}
	return ns, true
}

// epochFloat reads the exponent form, to the microseconds that a float64 has.
func epochFloat(s string) (int64, bool) {
	if len(s) > 32 || s == "" || !isDigit(s[0]) {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || v < 1e8 || v > 9.2e18 {
		return 0, false
	}
	whole := math.Floor(v)
	unit := epochUnit(int64(whole))
	if whole >= math.MaxInt64/float64(unit) {
		return 0, false
	}
	return int64(whole)*unit + int64(math.Round((v-whole)*1e6))*unit/1e6, true
}

func epochUnit(n int64) int64 {
	switch {
	case n < 1e11:
		return 1e9
	case n < 1e14:
		return 1e6
	case n < 1e17:
		return 1e3
	}
	return 1
}
