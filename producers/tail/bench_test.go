package tail_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/producers/producertest"
	"github.com/loglode/loglode/producers/tail"
)

// BenchmarkIdleStep is a poll of 300 files in which nothing is new, the globs
// expanded at each.
func BenchmarkIdleStep(b *testing.B) {
	dir := b.TempDir()
	for i := range 300 {
		require.NoError(b, os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".log")), []byte("a line\n"), 0o644))
	}
	var w producertest.World
	t, err := tail.New(tail.Options{Globs: []string{filepath.Join(dir, "*.log")}, Intake: w.Intake(b), Ledger: w.Ledger(), State: &w.State, ScanInterval: time.Nanosecond})
	require.NoError(b, err)
	_, err = t.Step(b.Context())
	require.NoError(b, err)
	for b.Loop() {
		_, err := t.Step(b.Context())
		require.NoError(b, err)
	}
}
