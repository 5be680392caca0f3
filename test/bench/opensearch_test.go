package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	opensearchstore "github.com/loglode/loglode/indexing/opensearch"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/test/bedrock"
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
	plain, err := opensearch.Unpack(req)
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
	b.Run("writer", func(b *testing.B) {
		start, prefix := time.Now(), ""
		stage(b, len(entries), s.bytes, func() { prefix = s.writer(b, url, nil) })
		b.ReportMetric(float64(b.N*len(entries))/time.Since(start).Seconds(), "documents/s")
		b.ReportMetric(float64(storeSize(b, url, prefix+"loglode-lines"))/float64(s.bytes), "index-B/input-B")
	})
	b.Run("minimal", func(b *testing.B) { stage(b, len(entries), s.bytes, func() { minimal(b, url, documents) }) })
	b.Run("minimal-marshalled", func(b *testing.B) { stage(b, len(entries), s.bytes, func() { minimal(b, url, record.documents) }) })
}

// storeSize is what the primaries of an alias take on disk, merged.
func storeSize(b *testing.B, base, alias string) int64 {
	b.Helper()
	request := func(method, path string, answer any) {
		req, err := http.NewRequestWithContext(b.Context(), method, base+"/"+alias+path, nil)
		require.NoError(b, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(b, err)
		defer resp.Body.Close()
		require.Equal(b, http.StatusOK, resp.StatusCode)
		require.NoError(b, json.NewDecoder(resp.Body).Decode(answer))
	}
	request(http.MethodPost, "/_forcemerge?max_num_segments=1", &struct{}{})
	request(http.MethodPost, "/_flush?force=true", &struct{}{})
	request(http.MethodPost, "/_refresh", &struct{}{})
	var stats struct {
		All struct {
			Primaries struct {
				Store struct {
					Size int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	request(http.MethodGet, "/_stats/store", &stats)
	return stats.All.Primaries.Store.Size
}

// writer writes all entries, and returns the prefix of the indices.
func (s *stages) writer(b *testing.B, url string, transport http.RoundTripper) (prefix string) {
	prefix = opensearch.Prefix(b)
	store, err := opensearchstore.Open(b.Context(), opensearchstore.Options{Addresses: []string{url}, Prefix: prefix, View: normalise.View, Masked: pattern.Masked, Transport: transport})
	require.NoError(b, err)
	for batch := range slices.Chunk(s.entries, 4000) {
		results := make([]pipeline.WriteResult, len(batch))
		require.NoError(b, store.Write(b.Context(), batch, results))
		for i := range results {
			require.Equal(b, pipeline.Created, results[i].Outcome)
		}
	}
	return prefix
}

// BenchmarkCluster loads the corpus with the binary into OpenSearch, with Titan's
// vectors: as fast as it goes, and with OpenSearch giving no answer for 20 s in
// the middle. Titan is the one of tests: its calls are what counts, not its time.
func BenchmarkCluster(b *testing.B) {
	loglode := binary(b)
	path := filepath.Join(b.TempDir(), "corpus.jsonl")
	source := corpus(b)
	require.NoError(b, os.WriteFile(path, append(bytes.Join(source, []byte("\n")), '\n'), 0o600))
	for _, run := range []struct {
		name  string
		stall time.Duration
	}{{"flowing", 0}, {"stalled", 20 * time.Second}} {
		b.Run(run.name, func(b *testing.B) {
			network, titan := opensearch.NewProxy(b), &bedrock.Server{}
			command := exec.CommandContext(b.Context(), loglode, "ingest", "-o", "json", "--data", b.TempDir(), path)
			command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "LOGLODE_INDEX__STORE=opensearch", "LOGLODE_OPENSEARCH__URLS="+network.URL,
				"LOGLODE_OPENSEARCH__PREFIX="+opensearch.Prefix(b), "LOGLODE_OPENSEARCH__REPLICAS=0",
				"LOGLODE_EMBEDDING__PROVIDER=bedrock", "LOGLODE_EMBEDDING__REGION=eu-central-1", "LOGLODE_EMBEDDING__URL="+titan.Listen(b))
			var out, errs bytes.Buffer
			command.Stdout, command.Stderr = &out, &errs
			start := time.Now()
			require.NoError(b, command.Start())
			peak := watchPeak(command.Process.Pid)
			if run.stall > 0 {
				time.Sleep(3 * time.Second)
				network.Poison(b, "downstream", "timeout", `{"timeout":0}`)
				time.Sleep(run.stall)
				network.Heal()
			}
			require.NoError(b, command.Wait(), errs.String())
			var summary struct{ Entries, Indexed, Duplicates, Patterns, Embedded int64 }
			require.NoError(b, json.Unmarshal(out.Bytes(), &summary))
			require.Equal(b, summary.Entries, summary.Indexed+summary.Duplicates)
			usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
			require.True(b, ok)
			used := float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
			b.ReportMetric(float64(summary.Entries)/time.Since(start).Seconds(), "entries/s")
			b.ReportMetric(used/float64(len(source))*1e6, "cpu-us/line")
			b.ReportMetric(float64(peak())/1024, "peak-MiB")
			b.ReportMetric(float64(summary.Patterns), "patterns")
			b.ReportMetric(float64(summary.Embedded), "embedded")
			b.ReportMetric(float64(titan.Counts().Embedded), "titan-calls")
			b.ReportMetric(0, "ns/op")
		})
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
