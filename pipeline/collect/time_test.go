package collect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestReadTime(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"1970-01-01T00:00:00Z", 0, true},
		{"2021-08-03T09:18:00.848696855Z", 1627982280848696855, true},
		{"2021-08-03T09:18:00.8486968559Z", 1627982280848696855, true},
		{"2021-08-03T11:18:00.848696855+02:00", 1627982280848696855, true},
		{"2021-08-03T05:48:00,848696855-0330", 1627982280848696855, true},
		{"2021-08-03 09:18:00.8", 1627982280800000000, true},
		{"2020-02-29T00:00:00z", 1582934400000000000, true},
		{"2021-02-29T00:00:00Z", 0, false},
		{"2021-08-03T24:00:00Z", 0, false},
		{"2021-08-03T09:18:00.Z", 0, false},
		{"2021-08-03T09:18:00+2:00", 0, false},
		{"2021-08-03T09:18:00 UTC", 0, false},
		{"2021-0a-03T09:18:00Z", 0, false},
		{"2021-08-03T09:18", 0, false},
		{"1600-01-01T00:00:00Z", 0, false},
		{"9999-01-01T00:00:00Z", 0, false},
		{"-021-08-03T09:18:00Z", 0, false},
		{"", 0, false},
	} {
		got, ok := readTime([]byte(c.text))
		require.Equal(t, c.ok, ok, c.text)
		require.Equal(t, c.want, got, c.text)
	}
}

// TestReadTimeAsTimeParse: every time that the standard library writes is read
// as the standard library reads it.
func TestReadTimeAsTimeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(time.Date(1678, 1, 2, 0, 0, 0, 0, time.UTC).UnixNano(), time.Date(2261, 12, 30, 0, 0, 0, 0, time.UTC).UnixNano()).Draw(t, "ns")
		zone := time.FixedZone("", 60*rapid.IntRange(-14*60, 14*60).Draw(t, "minutes"))
		text := time.Unix(0, ns).In(zone).Format(time.RFC3339Nano)
		got, ok := readTime([]byte(text))
		if !ok || got != ns {
			t.Fatalf("%s: %d, %v; want %d", text, got, ok, ns)
		}
	})
}

func TestReadEpoch(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"1627982280", 1627982280e9, true},
		{"1627982280.848696855", 1627982280848696855, true},
		{"1627982280.8486968559", 1627982280848696855, true},
		{"1627982280848", 1627982280848e6, true},
		{"1.62798228e9", 1627982280e9, true},
		{"162798228E1", 1627982280e9, true},
		{"99999999999999999999", 0, false},
		{"1e300", 0, false},
		{"9223372036", 9223372036e9, false},
	} {
		got, ok := readEpoch([]byte(c.text))
		require.Equal(t, c.ok, ok, c.text)
		if ok {
			require.Equal(t, c.want, got, c.text)
		}
	}
}
