package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/builtin"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/pattern"
)

// BenchmarkPatterns measures the miner and the built-in embedder alone, and how
// many patterns lines have.
func BenchmarkPatterns(b *testing.B) {
	s := prepare(b)
	b.Run("mine", func(b *testing.B) {
		// A miner lives as long as its process: what it remembers, it keeps.
		miner := pattern.New()
		stage(b, len(s.entries), s.messages(), func() {
			for i := range s.entries {
				miner.Entry(&s.entries[i])
			}
		})
	})
	b.Run("growth", func(b *testing.B) { s.growth(b) })
	b.Run("embed", func(b *testing.B) {
		embedder, err := builtin.Open()
		require.NoError(b, err)
		texts := s.patternTexts()
		require.NotEmpty(b, texts)
		before := cpu()
		for b.Loop() {
			for batch := range slices.Chunk(texts, 64) {
				_, err := embedder.Embed(b.Context(), batch)
				require.NoError(b, err)
			}
		}
		used := cpu() - before
		b.ReportMetric(float64(b.N)*float64(len(texts))/used, "texts/cpu-s")
		b.ReportMetric(float64(len(texts)), "texts")
		b.ReportMetric(0, "ns/op")
	})
}

// messages is the size of what is mined, in bytes.
func (s *stages) messages() (n int64) {
	for i := range s.entries {
		n += int64(len(s.entries[i].Message))
	}
	return n
}

// patternTexts are the words of the distinct templates.
func (s *stages) patternTexts() []string {
	seen := map[pipeline.PatternID]bool{}
	var texts []string
	for i := range s.entries {
		if p := s.entries[i].Pattern; !p.ID.IsZero() && !seen[p.ID] {
			seen[p.ID] = true
			texts = append(texts, pattern.Words(p.Template))
		}
	}
	return texts
}

// growth reports how many patterns the lines have, and how many of them come
// first in the last quarter of the load.
func (s *stages) growth(b *testing.B) {
	type document struct {
		cluster, namespace, service string
		pattern                     pipeline.PatternID
	}
	var patterns map[pipeline.PatternID]bool
	var documents map[document]bool
	late, lateDocuments := 0, 0
	for b.Loop() {
		patterns, documents, late, lateDocuments = map[pipeline.PatternID]bool{}, map[document]bool{}, 0, 0
		// Records are by lane: the load is in the order of the lines' times.
		entries := slices.Clone(s.entries)
		slices.SortStableFunc(entries, func(x, y pipeline.Entry) int { return cmp.Compare(x.Time, y.Time) })
		for i := range entries {
			e := &entries[i]
			d := document{e.Resource.Cluster, e.Resource.Namespace, e.Service, e.Pattern.ID}
			last := i >= len(entries)*3/4
			if last && !patterns[e.Pattern.ID] {
				late++
			}
			if last && !documents[d] {
				lateDocuments++
			}
			patterns[e.Pattern.ID], documents[d] = true, true
		}
	}
	thousands := float64(len(s.entries)) / 4 / 1000
	b.ReportMetric(float64(len(s.entries)), "entries")
	b.ReportMetric(float64(len(patterns)), "patterns")
	b.ReportMetric(float64(len(documents)), "documents")
	b.ReportMetric(float64(late)/thousands, "new-patterns/kline-last-quarter")
	b.ReportMetric(float64(lateDocuments)/thousands, "new-documents/kline-last-quarter")
	b.ReportMetric(0, "ns/op")
}

// What BenchmarkSearch searches: a day of a million lines that have 100,000
// patterns, at most 10,000 of which a service may have.
const (
	searchLines    = 1_000_000
	searchPatterns = 100_000
	searchServices = 20
)

// BenchmarkSearch measures searches over invented lines, with the binary.
func BenchmarkSearch(b *testing.B) {
	loglode := binary(b)
	dir := b.TempDir()
	path, data := filepath.Join(dir, "wide.jsonl"), filepath.Join(dir, "data")
	texts := wide(b, path)
	out, err := exec.CommandContext(b.Context(), loglode, "ingest", "--data", data, path).CombinedOutput()
	require.NoError(b, err, string(out))
	require.NoError(b, os.Remove(path))
	address := serve(b, loglode, data)
	embedded(b, address)

	word := func(i, n int) string { // n words of a pattern's text
		words := strings.Fields(texts[i*7919%len(texts)])
		return strings.Join(words[len(words)-n:], " ")
	}
	for _, q := range []struct {
		name string
		body func(i int) map[string]any
	}{
		{"common-words", func(i int) map[string]any {
			return map[string]any{"query": operations[i%len(operations)] + " " + operations[(i*7+3)%len(operations)]}
		}},
		{"rare-words", func(i int) map[string]any { return map[string]any{"query": word(i, 2)} }},
		{"sentence", func(i int) map[string]any {
			return map[string]any{"query": "why does the " + operations[i%len(operations)] + " of " + word(i, 3) + " fail again and again"}
		}},
		{"paraphrase", func(int) map[string]any {
			return map[string]any{"query": "machines that cannot talk to each other because something blocks them"}
		}},
		{"token", func(i int) map[string]any {
			return map[string]any{"query": fmt.Sprintf("what became of %s", identity(i*7919))}
		}},
		{"namespace", func(i int) map[string]any {
			return map[string]any{"query": word(i, 1), "namespace": []string{"shop-1"}}
		}},
		{"level", func(i int) map[string]any { return map[string]any{"query": word(i, 1), "level": []string{"error"}} }},
		{"pod", func(i int) map[string]any { return map[string]any{"query": word(i, 1), "pod": []string{"worker-3-*"}} }},
		{"hour", func(i int) map[string]any {
			return map[string]any{"query": word(i, 2), "from": "2026-01-02T10:00:00Z", "to": "2026-01-02T11:00:00Z"}
		}},
	} {
		b.Run("search/"+q.name, func(b *testing.B) {
			latency(b, 100, func(i int) { search(b, address, q.body(i)) })
		})
	}
	for _, q := range []struct{ name, query string }{
		{"count", ""},
		{"service", "service=worker-3"},
		{"hour", "from=2026-01-02T10:00:00Z&to=2026-01-02T11:00:00Z"},
		{"new", "order=new&from=2026-01-02T10:00:00Z&to=2026-01-02T11:00:00Z&against=1h"},
		{"rising", "order=rising&from=2026-01-02T10:00:00Z&to=2026-01-02T11:00:00Z&against=1h"},
		{"silent", "order=silent&from=2026-01-02T10:00:00Z&to=2026-01-02T11:00:00Z&against=1h"},
	} {
		b.Run("patterns/"+q.name, func(b *testing.B) {
			latency(b, 20, func(int) { fetch(b, http.MethodGet, address+"/v1/patterns?"+q.query, nil, nil) })
		})
	}
}

// operations are words that logs have.
var operations = strings.Fields(`connection refused timeout expired certificate failed retry backoff queue full
	leader election lost volume mount denied quota exceeded memory killed probe unhealthy restart image pull
	handshake reset upstream gateway cache miss eviction replica lag snapshot corrupt checksum mismatch token
	revoked permission forbidden throttled deadline cancelled scheduler pending node drained taint webhook
	rejected schema conflict index rebuild disk pressure socket closed peer unreachable`)

// invented are n words that no language has, so that templates differ.
func invented(n int) []string {
	syllables := strings.Fields("ba ko di ru me lan tos fi gur pa we sol nim ka ter zo vi lum hes dra")
	words := make([]string, n)
	for i := range words {
		k := len(syllables)
		words[i] = syllables[i%k] + syllables[i/k%k] + syllables[i/k/k%k] + syllables[(i*7+3)%k]
	}
	return words
}

// identity is what a line's number looks like in its message.
func identity(line int) string { return fmt.Sprintf("%016x", uint64(line+1)*0x9e3779b97f4a7c15) }

// wide writes the lines and returns the texts of the patterns. Every pattern has
// a line among the first; the others are lines of few patterns, as in logs.
func wide(b *testing.B, path string) []string {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	words := invented(4000)
	texts := make([]string, searchPatterns)
	for i := range texts {
		text := operations[random.IntN(len(operations))] + " " + operations[random.IntN(len(operations))]
		for range 3 + random.IntN(4) {
			text += " " + words[int(float64(len(words))*random.Float64()*random.Float64())]
		}
		texts[i] = text
	}
	file, err := os.Create(path)
	require.NoError(b, err)
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	levels := [...]string{"INFO", "INFO", "INFO", "WARN", "ERROR"}
	start := time.Date(2026, 1, 2, 0, 0, 1, 0, time.UTC)
	for line := range searchLines {
		p := line
		if line >= searchPatterns {
			u := random.Float64()
			p = int(searchPatterns * u * u * u)
		}
		service := p % searchServices
		at := start.Add(time.Duration(line) * 80 * time.Millisecond)
		_, err := fmt.Fprintf(w, `{"time":"%s","stream":"stderr","log":"%s %s request %s took %dms","kubernetes":{"namespace_name":"shop-%d","pod_name":"worker-%d-6958c5bdd8-69gtn","container_name":"worker","host":"node-%d","labels":{"app":"worker-%d"}}}`+"\n",
			at.Format(time.RFC3339Nano), levels[p%len(levels)], texts[p], identity(line), line%977, service%5, service, service%6, service)
		require.NoError(b, err)
	}
	require.NoError(b, w.Flush())
	return texts
}

// embedded waits until all patterns have their vectors.
func embedded(b *testing.B, address string) {
	b.Helper()
	start := time.Now()
	for {
		patterns, waiting := search(b, address, map[string]any{"query": "connection refused", "limit": 1})
		if waiting == 0 {
			require.InDelta(b, searchPatterns, patterns, searchPatterns/50, "the lines should have so many patterns")
			return
		}
		require.Less(b, time.Since(start), 10*time.Minute, "%d of %d patterns have no vector", waiting, patterns)
		time.Sleep(time.Second)
	}
}

func search(b *testing.B, address string, body map[string]any) (patterns, waiting int64) {
	b.Helper()
	text, err := json.Marshal(body)
	require.NoError(b, err)
	var answer struct{ Patterns, Waiting int64 }
	fetch(b, http.MethodPost, address+"/v1/search", text, &answer)
	return answer.Patterns, answer.Waiting
}

// fetch asks loglode; into, unless nil, gets the answer.
func fetch(b *testing.B, method, address string, body []byte, into any) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, address, bytes.NewReader(body))
	require.NoError(b, err)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(b, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(b, err)
	require.Equal(b, http.StatusOK, response.StatusCode, string(text))
	if into != nil {
		require.NoError(b, json.Unmarshal(text, into))
	}
}
