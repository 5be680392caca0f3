package app

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

// TestStatusWhileTheClusterIsAway has a patient process open and say how it is.
func TestStatusWhileTheClusterIsAway(t *testing.T) {
	cfg := config.Default()
	cfg.Data, cfg.Index.Store, cfg.Embedding.Provider = t.TempDir(), "opensearch", "none"
	cfg.OpenSearch.URLs, cfg.OpenSearch.Timeout = "http://127.0.0.1:1", config.Duration(time.Second)
	o := Options{Config: &cfg, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }}
	_, err := Open(t.Context(), o)
	require.ErrorIs(t, err, pipeline.ErrTryLater)

	o.Patient = true
	a, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	s, err := a.Status(t.Context())
	require.NoError(t, err)
	require.Contains(t, s.Index.Error, "connection refused")
	require.Positive(t, s.Disk.Free)
}

// TestTheNetworkToTheClusterFails lets lines through the whole product while the
// network cuts, holds and delays what goes to OpenSearch and comes back, and then
// holds the index against the stream.
func TestTheNetworkToTheClusterFails(t *testing.T) {
	network := opensearch.NewProxy(t)
	prefix := opensearch.Prefix(t)
	a := open(t, t.TempDir(), func(c *config.Config) {
		c.Index.Store, c.Index.BatchEntries = "opensearch", 200
		c.Stream.RecordBytes = config.Size(8 << 10)
		c.OpenSearch.URLs, c.OpenSearch.Prefix, c.OpenSearch.Replicas = network.URL, prefix, 0
		c.OpenSearch.Timeout, c.OpenSearch.BulkBytes = config.Duration(time.Second), config.Size(64<<10)
	})
	path := shopLines(t, 1500)
	done := make(chan Summary, 1)
	failed := make(chan error, 1)
	network.Poison(t, "upstream", "limit_data", `{"bytes":20000}`) // no batch gets through whole
	go func() {
		s, err := a.Ingest(t.Context(), IngestRequest{Paths: []string{path}, Progress: func(string, int64, int64) {}})
		failed <- err
		done <- s
	}()
	random := rand.New(rand.NewPCG(4, 4))
	for range 12 {
		time.Sleep(time.Duration(100+random.IntN(300)) * time.Millisecond)
		network.Heal()
		switch random.IntN(5) {
		case 0:
			network.Poison(t, "upstream", "limit_data", `{"bytes":3000}`) // cut in the body
		case 1:
			network.Poison(t, "downstream", "limit_data", `{"bytes":100}`) // cut in the answer
		case 2:
			network.Poison(t, "downstream", "timeout", `{"timeout":0}`) // applied, and no answer
		case 3:
			network.Poison(t, "upstream", "reset_peer", `{"timeout":0}`)
		case 4:
			network.Poison(t, "downstream", "latency", `{"latency":800,"jitter":700}`)
		}
	}
	network.Heal()
	require.NoError(t, <-failed)
	s := <-done
	require.Positive(t, s.Duplicates, "something was applied and not answered")
	require.LessOrEqual(t, s.Embedded, s.Patterns)
	require.EqualValues(t, 3000, s.Indexed+s.Duplicates, "%+v", s)
	require.Zero(t, s.Rejected)
	report := check(t, a)
	require.EqualValues(t, 3000, report.Entries)
	require.EqualValues(t, 3000, report.Documents)
	require.EqualValues(t, 3000, ingest(t, a, path).Duplicates, "again adds nothing")
	check(t, a)
}
