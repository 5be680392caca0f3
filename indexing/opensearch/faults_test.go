package opensearch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

// faulty is the network and the cluster on a bad day: before a request reaches
// OpenSearch, within it, or on the way back.
type faulty struct {
	mu     sync.Mutex
	random *rand.Rand
	rate   float64 // of requests that a fault befalls
	told   map[string]int
}

func (f *faulty) draw() (fault string, refuse float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.random.Float64() >= f.rate {
		return "", 0
	}
	faults := []string{"429", "500", "503", "reset", "items", "applied", "cut", "garbage"}
	fault = faults[f.random.IntN(len(faults))]
	f.told[fault]++
	return fault, f.random.Float64()
}

func answerOf(r *http.Request, status int, body string) *http.Response {
	return &http.Response{Status: strconv.Itoa(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// halved is a body that ends in the middle.
type halved struct{ io.Reader }

func (h halved) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func (f *faulty) RoundTrip(r *http.Request) (*http.Response, error) {
	fault, share := f.draw()
	switch fault {
	case "429", "500", "503":
		status, _ := strconv.Atoi(fault)
		_, _ = io.Copy(io.Discard, orNoBody(r.Body))
		return answerOf(r, status, `{"error":{"type":"rejected_execution_exception","reason":"injected"},"status":`+fault+`}`), nil
	case "reset":
		return nil, errors.New("connection reset by peer (injected)")
	case "items":
		if strings.HasPrefix(r.URL.Path, "/_bulk") {
			return f.someItems(r, share)
		}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch fault {
	case "applied":
		_ = resp.Body.Close()
		return nil, errors.New("i/o timeout (injected, after it was applied)")
	case "cut", "garbage":
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if fault == "garbage" {
			return answerOf(r, resp.StatusCode, "<html>a proxy's page</html>"), nil
		}
		half := answerOf(r, resp.StatusCode, "")
		half.Body = io.NopCloser(halved{bytes.NewReader(body[:len(body)/2])})
		return half, nil
	}
	return resp, nil
}

func orNoBody(b io.ReadCloser) io.Reader {
	if b == nil {
		return http.NoBody
	}
	return b
}

// someItems has OpenSearch take a part of a bulk's items, and refuses the others
// as it does when a queue is full.
func (f *faulty) someItems(r *http.Request, share float64) (*http.Response, error) {
	packed, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	plain := packed
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzip, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return nil, err
		}
		if plain, err = io.ReadAll(unzip); err != nil {
			return nil, err
		}
	}
	rows := bytes.SplitAfter(plain, []byte("\n"))
	rows = rows[:len(rows)-1]
	var kept []byte
	var taken []bool
	f.mu.Lock()
	for i := 0; i < len(rows); {
		n := 2
		if bytes.HasPrefix(rows[i], []byte(`{"delete"`)) {
			n = 1
		}
		take := f.random.Float64() < share
		taken = append(taken, take)
		if take {
			kept = append(kept, bytes.Join(rows[i:i+n], nil)...)
		}
		i += n
	}
	f.mu.Unlock()
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	if len(kept) > 0 {
		clone := r.Clone(r.Context())
		clone.Body, clone.ContentLength = io.NopCloser(bytes.NewReader(kept)), int64(len(kept))
		clone.Header.Del("Content-Encoding")
		resp, err := http.DefaultTransport.RoundTrip(clone)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			return answerOf(r, resp.StatusCode, string(body)), nil
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return nil, err
		}
	}
	var items []json.RawMessage
	next := 0
	for _, take := range taken {
		if take {
			items = append(items, answer.Items[next])
			next++
			continue
		}
		items = append(items, json.RawMessage(`{"create":{"status":429,"error":{"type":"rejected_execution_exception","reason":"injected"}}}`))
	}
	body, err := json.Marshal(map[string]any{"errors": true, "items": items})
	if err != nil {
		return nil, err
	}
	return answerOf(r, http.StatusOK, string(body)), nil
}

// seeds are how many bad days are lived through.
func seeds(t *testing.T) int {
	t.Helper()
	if os.Getenv("LOGLODE_SOAK") != "" {
		return 300
	}
	return 20
}

// writeAll writes a batch as a handler does: again and again, until it is done.
func writeAll(t *testing.T, s *Store, entries []pipeline.Entry) []pipeline.WriteResult {
	t.Helper()
	results := make([]pipeline.WriteResult, len(entries))
	for range 400 {
		err := s.Write(context.Background(), entries, results)
		if err == nil {
			return results
		}
		require.ErrorIs(t, err, pipeline.ErrTryLater, "nothing gives up for good")
	}
	t.Fatal("it does not get on")
	return nil
}

// TestEveryEntryIsThereOnceWhateverFails lets what a network and a cluster can do
// befall a third of all requests, and then asks for all that was written.
func TestEveryEntryIsThereOnceWhateverFails(t *testing.T) {
	url := opensearch.URL(t)
	for seed := range seeds(t) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bad := &faulty{random: rand.New(rand.NewPCG(uint64(seed), 3)), told: map[string]int{}}
			s, err := Open(context.Background(), Options{
				Addresses: []string{url}, Prefix: opensearch.Prefix(t), View: indextest.View, Masked: indextest.Masked, Document: indextest.Document,
				Transport: bad, Body: 20_000, Own: func(service string) bool { return service == "app-1" },
			})
			require.NoError(t, err)
			s.client.wait = time.Millisecond
			bad.rate = .35

			entries := indextest.Entries(uint64(seed), 2, 240)
			outcomes := map[pipeline.Outcome]int{}
			for batch := range slices.Chunk(entries, 60) {
				for _, r := range writeAll(t, s, batch) {
					outcomes[r.Outcome]++
				}
			}
			require.Zero(t, outcomes[pipeline.Rejected])
			// A redelivery changes nothing.
			for _, r := range writeAll(t, s, entries[:120]) {
				require.Equal(t, pipeline.Exists, r.Outcome)
			}
			bad.rate = 0
			t.Log(bad.told)
			s.refresh(t)
			checkHolds(t, s, entries)
		})
	}
}

// checkHolds says whether a store holds entries, each once, and their patterns.
func checkHolds(t *testing.T, s *Store, entries []pipeline.Entry) {
	t.Helper()
	want := map[pipeline.ID]pipeline.Stored{}
	patterns := map[documentKey]int64{}
	for i := range entries {
		want[entries[i].ID] = pipeline.NewStored(&entries[i])
		if !entries[i].Pattern.ID.IsZero() {
			patterns[keyOf(&entries[i])]++
		}
	}
	got := map[pipeline.ID]pipeline.Stored{}
	require.NoError(t, s.Scan(context.Background(), 0, 0, func(e pipeline.Stored) error {
		require.NotContains(t, got, e.ID, "a line stands twice")
		got[e.ID] = e
		return nil
	}))
	require.Equal(t, want, got)
	groups, err := s.Groups(context.Background(), pipeline.PatternQuery{})
	require.NoError(t, err)
	counted := map[documentKey]int64{}
	for _, g := range groups {
		counted[documentKey{g.Cluster, g.Namespace, g.Service, g.Pattern.ID}] += g.Lines
	}
	require.Equal(t, patterns, counted)
	found, err := s.Candidates(context.Background(), pipeline.CandidateQuery{})
	require.NoError(t, err)
	require.EqualValues(t, len(patterns), found.Total, "each pattern has one document")
}
