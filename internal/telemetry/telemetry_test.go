package telemetry

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log, err := NewLogger(&b, "json", "warn")
	require.NoError(t, err)
	log.Info("unseen")
	log.Warn("seen", "line", 7)
	var record map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &record))
	require.Equal(t, "seen", record["msg"])
	require.Equal(t, 7.0, record["line"])

	b.Reset()
	log, err = NewLogger(&b, "text", "debug")
	require.NoError(t, err)
	log.Debug("quoted", "text", "a\x1b[31mb\nc")
	require.NotContains(t, b.String(), "\x1b")
	require.Equal(t, 1, bytes.Count(b.Bytes(), []byte("\n")))

	_, err = NewLogger(&b, "xml", "info")
	require.ErrorContains(t, err, `"xml" is none of text, json`)
	_, err = NewLogger(&b, "text", "loud")
	require.ErrorContains(t, err, "loud")
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

func TestEveryMethodMovesItsMetric(t *testing.T) {
	for want, do := range map[string]func(*Metrics){
		`loglode_lines_total{source="tail"} 3`:              func(m *Metrics) { m.AddLines("tail", 1); m.AddLines("tail", 2) },
		`loglode_entries_total 2`:                           func(m *Metrics) { m.AddEntries(2) },
		`loglode_bytes_total{direction="in"} 5e+09`:         func(m *Metrics) { m.AddBytes("in", 5e9) },
		`loglode_rejected_total{reason="too_long"} 1`:       func(m *Metrics) { m.AddRejected("too_long", 1) },
		`loglode_dropped_total{rule="noisy"} 4`:             func(m *Metrics) { m.AddDropped("noisy", 4) },
		`loglode_redacted_total{rule="jwt"} 5`:              func(m *Metrics) { m.AddRedacted("jwt", 5) },
		`loglode_embedding_requests_total 3`:                func(m *Metrics) { m.AddEmbedRequests(3) },
		`loglode_embedding_tokens_total{service="cart"} 12`: func(m *Metrics) { m.AddSpent("cart", 12, .5) },
		`loglode_embedding_dollars_total{service="(others)"} 10`: func(m *Metrics) {
			for i := range 210 {
				m.AddSpent(strconv.Itoa(i), 1, 1)
			}
		},
		`loglode_indexed_total 6`:                                  func(m *Metrics) { m.AddIndexed(6) },
		`loglode_duplicates_total 7`:                               func(m *Metrics) { m.AddDuplicates(7) },
		`loglode_future_times_total 8`:                             func(m *Metrics) { m.AddFutureTimes(8) },
		`loglode_stream_lag_records{partition="3"} 9`:              func(m *Metrics) { m.SetStreamLag("3", 9) },
		`loglode_stream_bytes 10`:                                  func(m *Metrics) { m.SetStreamBytes(10) },
		`loglode_index_bytes 11`:                                   func(m *Metrics) { m.SetIndex(11, 12) },
		`loglode_index_days 12`:                                    func(m *Metrics) { m.SetIndex(11, 12) },
		`loglode_disk_free_bytes 13`:                               func(m *Metrics) { m.SetDiskFree(13) },
		`loglode_tail_files 14`:                                    func(m *Metrics) { m.SetTailFiles(14) },
		`loglode_publish_seconds_bucket{le="0.0025"} 1`:            func(m *Metrics) { m.ObservePublish(2 * time.Millisecond) },
		`loglode_handle_seconds_sum 2`:                             func(m *Metrics) { m.ObserveHandle(2 * time.Second) },
		`loglode_write_seconds_sum 0.5`:                            func(m *Metrics) { m.ObserveWrite(500 * time.Millisecond) },
		`loglode_query_seconds_bucket{le="0.001"} 1`:               func(m *Metrics) { m.ObserveQuery(time.Microsecond) },
		`loglode_build_info{commit="abc",go="go1",version="v1"} 1`: func(*Metrics) {},
		`go_goroutines `:                                           func(*Metrics) {},
		`process_resident_memory_bytes `:                           func(*Metrics) {},
	} {
		m := NewMetrics(Build{Version: "v1", Commit: "abc", Go: "go1"})
		if want[:2] == "lo" && want != `loglode_build_info{commit="abc",go="go1",version="v1"} 1` {
			require.NotContains(t, scrape(t, m), want)
		}
		do(m)
		require.Contains(t, scrape(t, m), want)
	}
}

func TestTwoProcessesInOneShareNothing(t *testing.T) {
	a, b := NewMetrics(Version()), NewMetrics(Version())
	a.AddIndexed(1)
	require.Contains(t, scrape(t, a), "loglode_indexed_total 1")
	require.Contains(t, scrape(t, b), "loglode_indexed_total 0")
}

func TestVersion(t *testing.T) {
	v := Version()
	require.NotEmpty(t, v.Version)
	require.Equal(t, runtime.Version(), v.Go)
	require.Equal(t, "loglode v1 0123456789ab (changed) go1.26 linux/arm64",
		Build{Version: "v1", Commit: "0123456789abcdef", Dirty: true, Go: "go1.26", OS: "linux", Arch: "arm64"}.String())
	require.Equal(t, "loglode devel go1.26 linux/arm64", Build{Version: "devel", Go: "go1.26", OS: "linux", Arch: "arm64"}.String())
}
