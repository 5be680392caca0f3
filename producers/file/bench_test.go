package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
	"github.com/loglode/loglode/producers/producertest"
)

// nowhere is a stream that takes everything and keeps nothing.
type nowhere struct{}

func (nowhere) Publish(_ context.Context, records []producers.Outgoing) ([]pipeline.Position, error) {
	return make([]pipeline.Position, len(records)), nil
}

// BenchmarkLoad loads openshift-aws of the pack that LOGLODE_PACK names, or lines
// like it: file to published record.
func BenchmarkLoad(b *testing.B) {
	path := os.Getenv("LOGLODE_PACK")
	if path != "" {
		path = filepath.Join(path, "corpus", "openshift-aws.jsonl.gz")
	} else {
		path = filepath.Join(b.TempDir(), "lines.jsonl")
		var text strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&text, `{"time":"2026-01-02T03:04:05.%09dZ","stream":"stderr","log":"I0102 03:04:05.%06d       1 observer_polling.go:159] Starting file observer %d of the configuration","kubernetes":{"namespace_name":"shop","pod_name":"cart-%d","container_name":"cart","host":"node-1","labels":{"app":"cart"}}}`+"\n", i, i, i, i%20)
		}
		require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o644))
	}
	b.ReportAllocs()
	var lines int64
	for b.Loop() {
		var w producertest.World
		receipt, err := file.New(file.Options{Intake: w.IntakeTo(b, nowhere{}), Ledger: w.Ledger()}).Load(b.Context(), path)
		require.NoError(b, err)
		lines += receipt.Lines
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines), "ns/line")
}
