package redact

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchLines are the messages of the pack's openshift-aws corpus if LOGLODE_PACK
// names the pack, else one line of their length.
func benchLines(b *testing.B) []string {
	pack := os.Getenv("LOGLODE_PACK")
	if pack == "" {
		return []string{klogLine}
	}
	f, err := os.Open(filepath.Join(pack, "corpus", "openshift-aws.jsonl.gz"))
	require.NoError(b, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(b, err)
	var lines []string
	for in := bufio.NewScanner(z); len(lines) < 20000 && in.Scan(); {
		var v struct{ Log string }
		require.NoError(b, json.Unmarshal(in.Bytes(), &v))
		lines = append(lines, v.Log)
	}
	return lines
}

func BenchmarkClean(b *testing.B) {
	r := newRedactor(b, Options{})
	lines := benchLines(b)
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Text(lines[i%len(lines)], nil)
	}
}

func BenchmarkSecret(b *testing.B) {
	r := newRedactor(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		r.Text(klogLine+" password=hunter2", nil)
	}
}

// BenchmarkHostile says how much longer the worst hostile text takes when it is
// four times as long: 4 is linear, 16 quadratic. What repeats a beginning for
// ever must not be read again from each of them.
func BenchmarkHostile(b *testing.B) {
	r := newRedactor(b, ownRules())
	took := func(text string) float64 {
		start := time.Now()
		r.Text(text, nil)
		return time.Since(start).Seconds()
	}
	worst, slowest := 0.0, 0.0
	for b.Loop() {
		for _, s := range hostile() {
			short, long := strings.Repeat(s, (1<<15)/len(s)), strings.Repeat(s, (1<<17)/len(s))
			took(short) // warm
			before, after := took(short), took(long)
			worst, slowest = max(worst, after/before), max(slowest, after)
		}
	}
	b.ReportMetric(worst, "x-for-4x")
	b.ReportMetric(slowest*1e9/(1<<17), "ns/B-worst")
	b.ReportMetric(0, "ns/op")
}
