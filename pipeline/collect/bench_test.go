package collect_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

// BenchmarkLine measures one source line. With LOGLODE_PACK, the directory of
// the development pack, the lines are those of its openshift-aws corpus.
func BenchmarkLine(b *testing.B) {
	lines := benchLines(b)
	bytesPerRound := 0
	for _, l := range lines {
		bytesPerRound += len(l)
	}
	b.Run("fluentbit", func(b *testing.B) {
		b.SetBytes(int64(bytesPerRound / len(lines)))
		benchmarkLines(b, lines)
	})
	b.Run("cri", func(b *testing.B) {
		benchmarkLines(b, [][]byte{
			[]byte(`2021-08-03T09:18:01.131721428Z stderr F I0803 09:18:01.131684       1 builder.go:238] shop-operator version 4.8.0-202107291502.p0.git.a5ebd1e is starting with 12 workers`),
		})
	})
	b.Run("text", func(b *testing.B) {
		benchmarkLines(b, [][]byte{
			[]byte(`10.0.3.17 - - [03/Aug/2021:09:18:01 +0000] "GET /orders/4711 HTTP/1.1" 200 512 "-" "curl/7.76.1"`),
		})
	})
}

func benchmarkLines(b *testing.B, lines [][]byte) {
	b.ReportAllocs()
	var c *collect.Collector
	for i := 0; i < b.N; i++ {
		if i%max(len(lines), 10000) == 0 {
			c = collect.New(collect.Options{Emit: func(*collect.Entry) error { return nil }})
		}
		l := lines[i%len(lines)]
		if err := c.Line(l, int64(i), int64(i+1)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchLines(b *testing.B) [][]byte {
	pack := os.Getenv("LOGLODE_PACK")
	if pack == "" {
		var lines [][]byte
		for i := range 10000 {
			lines = append(lines, fmt.Appendf(nil, `{"time":"2021-08-03T09:18:%02d.%09dZ","stream":"stderr","log":"I0803 09:18:00.%06d       1 observer.go:%d] \"Starting observer\" for orders-%d in namespace shop with %d items, resync after 10m0s","kubernetes":{"namespace_name":"shop","pod_name":"orders-7c9d6d5c8b-%d","container_name":"orders","host":"ip-10-0-3-17.ec2.internal","labels":{"app.kubernetes.io/name":"orders","pod-template-hash":"7c9d6d5c8b"}}}`,
				i/1000, i, i, i%300, i, i*7, i%50))
		}
		return lines
	}
	f, err := os.Open(filepath.Join(pack, "corpus", "openshift-aws.jsonl.gz"))
	require.NoError(b, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(b, err)
	data, err := io.ReadAll(z)
	require.NoError(b, err)
	return bytes.Split(bytes.TrimSuffix(data, []byte{'\n'}), []byte{'\n'})
}
