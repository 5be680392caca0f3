package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	opensearchstore "github.com/loglode/loglode/indexing/opensearch"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/test/opensearch"
)

// recorder keeps the documents of bulk requests.
type recorder struct {
	mu        sync.Mutex
	documents []json.RawMessage
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.Path, "/_bulk") {
		return http.DefaultTransport.RoundTrip(req)
	}
	packed, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	unzip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(unzip)
	if err != nil {
		return nil, err
	}
	rows := bytes.Split(bytes.TrimSuffix(plain, []byte("\n")), []byte("\n"))
	r.mu.Lock()
	for i := 1; i < len(rows); i += 2 {
		if bytes.Contains(rows[i], []byte(`"terms":"`)) { // a line, no pattern
			r.documents = append(r.documents, rows[i])
		}
	}
	r.mu.Unlock()
	req.Body = io.NopCloser(bytes.NewReader(packed))
	return http.DefaultTransport.RoundTrip(req)
}

// BenchmarkOpenSearch holds the CPU of our writer against a minimal bulk loop
// over the same documents: marshal, gzip, post, and a look at "errors". Both
// make the index on the same node, one request at a time in the minimal loop.
func BenchmarkOpenSearch(b *testing.B) {
	s := prepare(b)
	url := opensearch.URL(b)
	entries := s.entries
	record := &recorder{}
	s.writer(b, url, record)
	require.Len(b, record.documents, len(entries))
	documents := make([]map[string]any, len(entries))
	var size int64
	for i, d := range record.documents {
		require.NoError(b, json.Unmarshal(d, &documents[i]))
		size += int64(len(d))
	}
	b.Logf("%d documents of %d bytes of lines: %d bytes of JSON", len(entries), s.bytes, size)
	b.Run("writer", func(b *testing.B) { stage(b, len(entries), s.bytes, func() { s.writer(b, url, nil) }) })
	b.Run("minimal", func(b *testing.B) { stage(b, len(entries), s.bytes, func() { minimal(b, url, documents) }) })
	b.Run("minimal-marshalled", func(b *testing.B) { stage(b, len(entries), s.bytes, func() { minimal(b, url, record.documents) }) })
}

func (s *stages) writer(b *testing.B, url string, transport http.RoundTripper) {
	store, err := opensearchstore.Open(b.Context(), opensearchstore.Options{Addresses: []string{url}, Prefix: opensearch.Prefix(b), View: normalise.View, Masked: pattern.Masked, Transport: transport})
	require.NoError(b, err)
	for batch := range slices.Chunk(s.entries, 4000) {
		results := make([]pipeline.WriteResult, len(batch))
		require.NoError(b, store.Write(b.Context(), batch, results))
		for i := range results {
			require.Equal(b, pipeline.Created, results[i].Outcome)
		}
	}
}

func minimal[D any](b *testing.B, url string, documents []D) {
	index := opensearch.Prefix(b) + "minimal"
	post := func(method, path, encoding string, body io.Reader, answer any) {
		req, err := http.NewRequestWithContext(b.Context(), method, url+path, body)
		require.NoError(b, err)
		req.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(b, err)
		require.Equal(b, http.StatusOK, resp.StatusCode)
		require.NoError(b, json.NewDecoder(resp.Body).Decode(answer))
		require.NoError(b, resp.Body.Close())
	}
	post(http.MethodPut, "/"+index, "", strings.NewReader(`{"settings":{"number_of_replicas":0},"mappings":{"dynamic":"false"}}`), &struct{}{})
	for batch := range slices.Chunk(documents, 4000) {
		var body bytes.Buffer
		zip := gzip.NewWriter(&body)
		for i := range batch {
			fmt.Fprintf(zip, `{"create":{"_index":%q}}`+"\n", index)
			encoded, err := json.Marshal(batch[i])
			require.NoError(b, err)
			_, err = zip.Write(append(encoded, '\n'))
			require.NoError(b, err)
		}
		require.NoError(b, zip.Close())
		var answer struct {
			Errors bool `json:"errors"`
		}
		post(http.MethodPost, "/_bulk?filter_path=errors", "gzip", &body, &answer)
		require.False(b, answer.Errors)
	}
}
