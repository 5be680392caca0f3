package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]Size{
		"": 0, "0": 0, "4096": 4096, "12B": 12, "64MiB": 64 * MiB, "64 mib": 64 * MiB, "1.5GiB": 3 * GiB / 2,
		"10MB": 10_000_000, "2Gi": 2 * GiB, " 1KiB ": KiB, "1TB": 1e12,
	} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"-1", "64M", "MiB", "1.2.3KB", "lots", "1e9", "9999999TiB", "0x10"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
}

func TestSizeString(t *testing.T) {
	for want, size := range map[string]Size{"0": 0, "1": 1, "1025": 1025, "1KiB": KiB, "1536KiB": 1536 * KiB, "64MiB": 64 * MiB, "2TiB": 2 * TiB} {
		require.Equal(t, want, size.String())
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "30d": 720 * time.Hour, "1w": 168 * time.Hour,
		"1w2d3h": (168 + 48 + 3) * time.Hour, "1d12h30m": 36*time.Hour + 30*time.Minute, "1.5h": 90 * time.Minute,
	} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Std(), text)
	}
	for _, text := range []string{"5", "-1s", "-1d", "1.5d", "d", "1d-1h", "2h1d", "999999999d", "106751d24h", "soon"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestDurationString(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0": 0, "250ms": 250 * time.Millisecond, "1m": time.Minute, "10s": 10 * time.Second, "1h30m": 90 * time.Minute,
		"1h": time.Hour, "1h0m5s": time.Hour + 5*time.Second, "30d": 30 * day, "1d12h": 36 * time.Hour, "10m": 10 * time.Minute, "20h": 20 * time.Hour,
	} {
		require.Equal(t, want, Duration(d).String())
	}
}

// What String writes is read back as the same value.
func FuzzUnitsRoundTrip(f *testing.F) {
	f.Add("30d", "64MiB")
	f.Add("1w1d1h1m1s1ns", "1.5 GB")
	f.Add("0", "")
	f.Fuzz(func(t *testing.T, duration, size string) {
		if d, err := ParseDuration(duration); err == nil {
			again, err := ParseDuration(d.String())
			require.NoError(t, err)
			require.Equal(t, d, again)
		}
		if s, err := ParseSize(size); err == nil {
			again, err := ParseSize(s.String())
			require.NoError(t, err)
			require.Equal(t, s, again)
		}
	})
}
