package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query"
)

// shop writes lines of two services, 40 of each of four messages.
func shop(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	for i := range 40 {
		for n, line := range []struct{ pod, text string }{
			{"cart-6d5f7c9b8-x2x9z", fmt.Sprintf("E0803 09:18:00.%06d 1 cache.go:17] dial tcp 10.0.0.%d:6379: connect: connection refused", i, i)},
			{"cart-6d5f7c9b8-x2x9z", fmt.Sprintf("I0803 09:18:00.%06d 1 cart.go:40] added item %d to the basket", i, 1000+i)},
			{"payment-7f9c5d-abcde", fmt.Sprintf("W0803 09:18:00.%06d 1 tls.go:9] certificate of order-%d expires in %d days", i, i, i)},
			{"payment-7f9c5d-abcde", fmt.Sprintf("I0803 09:18:00.%06d 1 pay.go:3] charged %d cents", i, 100*i)},
		} {
			require.NoError(t, json.NewEncoder(file).Encode(map[string]any{
				"time": fmt.Sprintf("2021-08-03T09:%02d:%02d.000000001Z", i, n), "log": line.text,
				"kubernetes": map[string]any{"namespace_name": "shop", "pod_name": line.pod, "container_name": line.pod[:4]},
			}))
		}
	}
	return path
}

func find(t *testing.T, args ...string) query.SearchResponse {
	t.Helper()
	return ok[query.SearchResponse](t, append([]string{"search", "-o", "json"}, args...)...)
}

func TestPatternsAreFoundByWordsAndByMeaning(t *testing.T) {
	data, file := filepath.Join(t.TempDir(), "data"), shop(t)
	type loaded struct{ Indexed, Duplicates, Patterns, Embedded int64 }
	first := ok[loaded](t, "ingest", "--data", data, "-o", "json", file)
	require.Equal(t, loaded{Indexed: 160, Patterns: 4, Embedded: 4}, first)
	again := ok[loaded](t, "ingest", "--data", data, "-o", "json", file)
	require.Equal(t, loaded{Duplicates: 160}, again, "a second load adds nothing")

	refused := find(t, "--data", data, "connection refused")
	require.Equal(t, "dial tcp <*>: connect: connection refused", refused.Hits[0].Template)
	require.EqualValues(t, 40, refused.Hits[0].Count)
	require.Equal(t, "error", refused.Hits[0].Level)
	require.Equal(t, []string{"shop", "cart"}, []string{refused.Hits[0].Namespace, refused.Hits[0].Service})
	require.Zero(t, refused.Waiting)
	require.Contains(t, find(t, "--data", data, "nothing is listening, the server is down").Hits[0].Template, "refused", "no word of it is in the line")

	token := find(t, "--data", data, "what about 10.0.0.7:6379")
	require.EqualValues(t, 1, token.Understood.Tokens[0].Lines)
	require.Contains(t, token.Hits[0].Examples[0].Message, "10.0.0.7:6379")

	narrow := find(t, "--data", data, "problems in namespace shop since 2021-08-03 09:30")
	require.Equal(t, []string{"shop"}, narrow.Understood.Filters.Namespaces)
	require.EqualValues(t, 10, narrow.Hits[0].Count)
	require.Empty(t, find(t, "--data", data, "--namespace", "elsewhere", "connection refused").Hits)

	require.Len(t, lines(t, "--data", data, "--pattern", refused.Hits[0].PatternID), 40)
	list := ok[query.PatternsResponse](t, "patterns", "--data", data, "-o", "json", "--level", "warn+")
	require.Equal(t, 2, list.Total)
	silent := ok[query.PatternsResponse](t, "patterns", "--data", data, "-o", "json", "--silent",
		"--from", "2021-08-03 10:00", "--to", "2021-08-03 10:40", "--against", "1h")
	require.Equal(t, 4, silent.Total)
}

// An embedder that is away costs nothing but the vector leg, until it is back.
func TestSearchGoesByWordsWhileTheEmbedderIsAway(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ Input []string }
		if away.Load() || json.NewDecoder(r.Body).Decode(&request) != nil {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		type item struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		var answer struct {
			Data []item `json:"data"`
		}
		for i, text := range request.Input {
			answer.Data = append(answer.Data, item{i, []float32{float32(len(text)), 1, 1}})
		}
		_ = json.NewEncoder(w).Encode(answer) // the client may be gone
	}))
	t.Cleanup(server.Close)
	data := filepath.Join(t.TempDir(), "data")
	config := filepath.Join(t.TempDir(), "loglode.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "data: %s\nembedding: {provider: openai, url: %s/v1, model: three}\n", data, server.URL), 0o600))

	r := loglode(t, "ingest", "--config", config, "-o", "json", shop(t))
	require.Zero(t, r.code, r.errors)
	require.Contains(t, r.errors, "wait for their vectors")
	found := find(t, "--config", config, "connection refused")
	require.Contains(t, found.Hits[0].Template, "refused")
	require.EqualValues(t, 4, found.Waiting)
	require.NotEmpty(t, found.Degraded)

	away.Store(false)
	found = find(t, "--config", config, "connection refused")
	require.Zero(t, found.Waiting)
	require.Empty(t, found.Degraded)
}
