package parse

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestTimestamp(t *testing.T) {
	for _, c := range []struct{ text, want, rest string }{
		{"2021-08-03T09:18:00.123456789Z x", "2021-08-03T09:18:00.123456789Z", " x"},
		{"2021-08-03T09:18:00.1234567891234Z", "2021-08-03T09:18:00.123456789Z", ""},
		{"2021-08-03T09:18:00-07:30", "2021-08-03T16:48:00Z", ""},
		{"2021-08-03 09:18:00.5+00 x", "2021-08-03T09:18:00.5Z", " x"},
		{"2021-08-03 09:18:00 CEST x", "2021-08-03T07:18:00Z", " x"},
		{"2021-08-03 09:18:00 -12 x", "2021-08-03T09:18:00Z", " -12 x"},
		{"2021-08-03 09:18:00 Zoo", "2021-08-03T09:18:00Z", " Zoo"},
		{"2021/08/03 09:18:00", "2021-08-03T09:18:00Z", ""},
		{"2021.08.03 09:18:00", "2021-08-03T09:18:00Z", ""},
		{"20210803T091800.25Z", "2021-08-03T09:18:00.25Z", ""},
		{"20210803 09:18:00,5 x", "2021-08-03T09:18:00.5Z", " x"},
		{"3 Aug 2021 09:18:00 +0200", "2021-08-03T07:18:00Z", ""},
		{"Tue, 03 Aug 2021 09:18:00 GMT", "2021-08-03T09:18:00Z", ""},
		{"Tue Aug  3 09:18:00 2021 x", "2021-08-03T09:18:00Z", " x"},
		{"Tue Aug  3 09:18:00 UTC 2021", "2021-08-03T09:18:00Z", ""},
		{"Tuesday, August 3, 2021 9:18:00 PM", "2021-08-03T21:18:00Z", ""},
		{"Aug 03, 2021 12:18:00 AM com.x", "2021-08-03T00:18:00Z", " com.x"},
		{"Aug  3 09:18:00 2021host", "2021-08-03T09:18:00Z", " 2021host"},
		{"08/03/2021 09:18:00", "2021-08-03T09:18:00Z", ""},
		{"31/12/2020 09:18:00", "2020-12-31T09:18:00Z", ""},
		{"03.08.2021 09:18:00", "2021-08-03T09:18:00Z", ""},
		{"31-12-2020 09:18:00", "2020-12-31T09:18:00Z", ""},
		{"1627982280", "2021-08-03T09:18:00Z", ""},
		{"1627982280.5 x", "2021-08-03T09:18:00.5Z", " x"},
		{"1627982280123", "2021-08-03T09:18:00.123Z", ""},
		{"1627982280123456", "2021-08-03T09:18:00.123456Z", ""},
		{"1627982280123456789", "2021-08-03T09:18:00.123456789Z", ""},
		{"1960-02-29 00:00:00", "1960-02-29T00:00:00Z", ""},
		{"1678-01-01T00:00:00Z", "1678-01-01T00:00:00Z", ""},
		{"2262-01-01T00:00:00Z", "2262-01-01T00:00:00Z", ""},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", ""},
		// A day at most in the future, else the year before.
		{"Aug  4 11:59:59", "2021-08-04T11:59:59Z", ""},
		{"Aug  4 12:00:01", "2020-08-04T12:00:01Z", ""},
		{"Feb 29 00:00:00", "2020-02-29T00:00:00Z", ""},
		{"23:59:59", "2021-08-03T23:59:59Z", ""},
		{"00:00:01", "2021-08-03T00:00:01Z", ""},
	} {
		ns, rest, ok := timestamp(c.text, ref)
		require.True(t, ok, c.text)
		require.Equal(t, c.want, time.Unix(0, ns).UTC().Format(time.RFC3339Nano), c.text)
		require.Equal(t, c.rest, rest, c.text)
	}
	for _, text := range []string{
		"", "x", "2021", "2021-08-03", "2021-13-03T09:18:00Z", "2021-02-29T00:00:00Z", "2021-08-03T24:00:00Z",
		"2021-08-03T09:61:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1500-01-01 00:00:00",
		"10.0.0.1:80", "1:2", "12", "12:3", "99:99:99", "1627982280x", "9999999999999999999", "00000000", "123456 654321",
		"May the 4th", "Mon", "Sunday best", "Dec 32 00:00:00", "01-02-2021 09:18:00", "0.5", "2021-08-03T", "anF 1 00:00:00",
	} {
		ns, rest, ok := timestamp(text, ref)
		require.False(t, ok, "%q %d", text, ns)
		require.Equal(t, text, rest)
	}
}

// Without a reference a yearless time is recognised but unknown; at the ends of
// what Unix ns can hold nothing overflows.
func TestTimestampReference(t *testing.T) {
	ns, rest, ok := timestamp("Dec 10 06:55:46 host", 0)
	require.Equal(t, []any{int64(0), " host", true}, []any{ns, rest, ok})
	midnight := at("2021-08-03T00:00:00Z")
	for text, want := range map[string]string{"23:59:59.5": "2021-08-02T23:59:59.5Z", "00:00:01": "2021-08-03T00:00:01Z"} {
		ns, _, ok := timestamp(text, midnight)
		require.True(t, ok)
		require.Equal(t, at(want), ns)
	}
	for _, ref := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 1, math.MaxInt64} {
		for _, text := range []string{"Dec 10 06:55:46", "Jan  1 00:00:00", "23:59:59", "Feb 29 12:00:00"} {
			if ns, _, ok := timestamp(text, ref); ok {
				year := time.Unix(0, ns).UTC().Year()
				require.InDelta(t, time.Unix(0, ref).UTC().Year(), year, 9)
			}
		}
	}
}

// The calendar's arithmetic agrees with package time's.
func TestCalendar(t *testing.T) {
	for day := time.Date(1677, 9, 22, 0, 0, 0, 0, time.UTC); day.Year() < 2262; day = day.AddDate(0, 0, 17) {
		y, m, d := day.Date()
		days := floorDiv(day.Unix(), 86400)
		require.Equal(t, days, daysFromCivil(y, int(m), d), day)
		require.Equal(t, y, civilYear(days), day)
	}
}

func TestLevelWord(t *testing.T) {
	want := map[pipeline.Level][]string{
		pipeline.LevelTrace: {"trace", "TRC", "10", "V", "finest"},
		pipeline.LevelDebug: {"Debug", "DBG", "20", "7", "D", "DEBUG2", "Level(-2)"},
		pipeline.LevelInfo:  {"info", "INFO ", "I", "notice", "30", "6", "5", "LOG"},
		pipeline.LevelWarn:  {"W", "warn", "WARNING", "40", "4", "wrn"},
		pipeline.LevelError: {"E", "err", "Error", "SEVERE", "50", "3", "fail"},
		pipeline.LevelFatal: {"F", "crit", "CRITICAL", "fatal", "panic", "DPANIC", "emerg", "alert", "60", "0"},
	}
	for level, words := range want {
		for _, w := range words {
			got, ok := levelWord(w)
			require.True(t, ok, w)
			require.Equal(t, level, got, w)
		}
	}
	for _, w := range []string{"", " ", "errors", "8", "70", "100", "warned", "information about", "x", "0x"} {
		_, ok := levelWord(w)
		require.False(t, ok, w)
	}
}
