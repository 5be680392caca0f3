package pattern_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/pattern"
)

// The goal is a million lines of 160 bytes a second on one core, without garbage.
func BenchmarkText(b *testing.B) {
	b.Run("generated", func(b *testing.B) { bench(b, generated()) })
	pack := os.Getenv("LOGLODE_PACK")
	if pack == "" {
		return
	}
	files, err := filepath.Glob(filepath.Join(pack, "parse", "*.tsv.gz"))
	require.NoError(b, err)
	for _, file := range files {
		b.Run(strings.TrimSuffix(filepath.Base(file), ".tsv.gz"), func(b *testing.B) { bench(b, contents(b, file)) })
	}
}

func bench(b *testing.B, lines []string) {
	m := pattern.New()
	size := 0
	for _, l := range lines {
		m.Text(l)
		size += len(l)
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		m.Text(lines[i])
		if i++; i == len(lines) {
			i = 0
		}
	}
}

func generated() (lines []string) {
	for i := range 1000 {
		lines = append(lines,
			fmt.Sprintf("Waited for %d.%dms due to client-side throttling, not priority and fairness, request: GET:https://10.0.%d.1:6443/apis/shop.example.com/v1?timeout=32s", i%90, i, i%250),
			fmt.Sprintf(`Failed to watch *v1.Order: failed to list *v1.Order: Get "https://10.0.%d.1:6443/orders?limit=500": dial tcp 10.0.%d.1:6443: connect: connection refused`, i%250, i%250),
			fmt.Sprintf(`"Deleting pod" controller="cart-%d" pod="shop/cart-%d-8x8qm" reason="the node was drained" elapsed="%dms"`, i, i, i),
			fmt.Sprintf("order %d of customer %08x was paid after %d s by card, receipt /var/spool/receipts/%d.pdf was written to the archive", i*7, i*7919, i%60, i),
		)
	}
	return lines
}

func contents(b *testing.B, file string) (lines []string) {
	f, err := os.Open(file)
	require.NoError(b, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(b, err)
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		lines = append(lines, strings.SplitN(s.Text(), "\t", 4)[3])
	}
	require.NoError(b, s.Err())
	return lines[1:]
}
