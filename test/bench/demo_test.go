package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/demo"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// BenchmarkDemo measures the first minute with loglode: how long the built binary
// takes from its start to the first answer, and how fast records are made up.
func BenchmarkDemo(b *testing.B) {
	b.Run("first-answer", func(b *testing.B) { firstAnswer(b, binary(b)) })
	b.Run("generate", generate)
}

// answers is how often the first answer is waited for: the median counts.
const answers = 3

// firstAnswer runs the demo to the end of its first answer, which has to be the
// right one. It is wall time, which is what people wait.
func firstAnswer(b *testing.B, loglode string) {
	b.Helper()
	var took []float64
	for range answers {
		command := exec.CommandContext(b.Context(), loglode, "demo", "--once", "--listen", "127.0.0.1:0", "-o", "json")
		var out, errs bytes.Buffer
		command.Stdout, command.Stderr = &out, &errs
		start := time.Now()
		require.NoError(b, command.Run(), "%s", &errs)
		took = append(took, time.Since(start).Seconds())
		var answer query.AskResponse
		require.NoError(b, json.Unmarshal(out.Bytes(), &answer))
		require.Equal(b, diagnose.CauseMissingConfigMap, answer.Cause)
		require.Contains(b, answer.Text, "ConfigMap cache-service-config does not exist")
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "s/answer")
	b.ReportMetric(0, "ns/op")
}

// demoRate is fast enough for incidents not to matter, lines a second.
const demoRate = 50_000

// generate makes up ten seconds of a busy shop.
func generate(b *testing.B) {
	b.Helper()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var lines, size int64
	before := cpu()
	for b.Loop() {
		g, err := demo.New(demo.Options{Seed: 1, Start: start, Rate: demoRate})
		require.NoError(b, err)
		w := &counter{}
		n, err := g.Write(w, start.Add(10*time.Second))
		require.NoError(b, err)
		lines, size = lines+n, size+w.n
	}
	used := cpu() - before
	b.ReportMetric(float64(lines)/used, "lines/cpu-s")
	b.ReportMetric(float64(size)/1e6/used, "MB/cpu-s")
	b.ReportMetric(0, "ns/op")
}

// counter counts what is written to it.
type counter struct{ n int64 }

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// BenchmarkAsk holds answers against searches, on half an hour of the demo's
// shop: the same questions to the same service, in turn.
func BenchmarkAsk(b *testing.B) {
	loglode, dir := binary(b), b.TempDir()
	records, data := filepath.Join(dir, "shop.jsonl"), filepath.Join(dir, "data")
	shop(b, records)
	out, err := exec.CommandContext(b.Context(), loglode, "ingest", "--data", data, records).CombinedOutput()
	require.NoError(b, err, "%s", out)
	address := serve(b, loglode, data)
	questions := []string{"what is wrong?"}
	for _, incident := range demo.Incidents() {
		questions = append(questions, incident.Ask)
	}
	b.Run("ask", func(b *testing.B) {
		var asks, searches []float64
		for i := range 50 {
			q := questions[i%len(questions)]
			asks = append(asks, timed(b, address+"/v1/ask", query.AskRequest{Query: q}))
			searches = append(searches, timed(b, address+"/v1/search", query.SearchRequest{Query: q}))
		}
		slices.Sort(asks)
		slices.Sort(searches)
		b.ReportMetric(asks[len(asks)/2], "p50-ms")
		b.ReportMetric(asks[len(asks)*99/100], "p99-ms")
		b.ReportMetric(searches[len(searches)/2], "search-p50-ms")
		b.ReportMetric(asks[len(asks)/2]/searches[len(searches)/2], "x-search")
		b.ReportMetric(0, "ns/op")
	})
}

// shop writes half an hour of the demo with all its incidents.
func shop(b *testing.B, path string) {
	b.Helper()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g, err := demo.New(demo.Options{Seed: 1, Start: start, Rate: 50})
	require.NoError(b, err)
	file, err := os.Create(path)
	require.NoError(b, err)
	_, err = g.Write(file, start.Add(30*time.Minute))
	require.NoError(b, err)
	require.NoError(b, file.Close())
}

// timed posts a question and returns how long its answer took, in milliseconds.
func timed(b *testing.B, address string, question any) float64 {
	b.Helper()
	body, err := json.Marshal(question)
	require.NoError(b, err)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, address, bytes.NewReader(body))
	require.NoError(b, err)
	request.Header.Set("Content-Type", "application/json")
	start := time.Now()
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	took := float64(time.Since(start).Microseconds()) / 1000
	require.Equal(b, http.StatusOK, response.StatusCode, "%s", answer)
	return took
}
