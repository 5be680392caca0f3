package ingesthttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/ingesthttp"
	"github.com/loglode/loglode/producers/producertest"
)

type waiter struct{ positions []pipeline.Position }

func (w *waiter) Wait(_ context.Context, positions []pipeline.Position) (ingesthttp.Outcomes, error) {
	w.positions = positions
	return ingesthttp.Outcomes{Indexed: 2, Duplicates: 1}, nil
}

type fixture struct {
	t       *testing.T
	world   producertest.World
	grant   ingesthttp.Grant
	waiter  waiter
	options func(*ingesthttp.Options)
}

type request struct {
	query, contentType, encoding string
	body                         []byte
}

// send sends to a handler that was just started: what it knows is durable.
func (f *fixture) send(r request) (int, map[string]any, http.Header) {
	f.t.Helper()
	o := ingesthttp.Options{Intake: f.world.Intake(f.t), Ledger: f.world.Ledger(), Waiter: &f.waiter, TempDir: f.t.TempDir(),
		Grant: func(context.Context) ingesthttp.Grant { return f.grant }, Defaults: pipeline.Resource{Cluster: "default"}}
	if f.options != nil {
		f.options(&o)
	}
	req := httptest.NewRequestWithContext(f.t.Context(), http.MethodPost, "/v1/ingest"+r.query, bytes.NewReader(r.body))
	req.Header.Set("Content-Type", r.contentType)
	if r.encoding != "" {
		req.Header.Set("Content-Encoding", r.encoding)
	}
	w := httptest.NewRecorder()
	ingesthttp.Handler(o).ServeHTTP(w, req)
	var answer map[string]any
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
	left, err := os.ReadDir(o.TempDir)
	require.NoError(f.t, err)
	require.Empty(f.t, left, "no temporary file may be left")
	return w.Code, answer, w.Header()
}

func (f *fixture) ok(r request) map[string]any {
	f.t.Helper()
	status, answer, _ := f.send(r)
	require.Equal(f.t, 200, status, "%v", answer)
	return answer
}

// record is a record of Fluent Bit's kubernetes filter.
func record(ns int, message string) string {
	return fmt.Sprintf(`{"date":1763632800.0,"time":"2026-11-20T10:00:00.%09dZ","stream":"stdout","_p":"F","log":%q,"kubernetes":{"pod_name":"cart-1","namespace_name":"shop","container_name":"cart","host":"node-1","labels":{"app":"cart"}}}`, ns, message)
}

func gzipped(t *testing.T, b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func zstded(t *testing.T, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return w.EncodeAll(b, nil)
}

func TestWhatFluentBitSends(t *testing.T) {
	lines := record(1, "a") + "\n" + record(2, "b") + "\n" + record(3, "c") + "\n"
	array := "[" + record(1, "a") + "," + record(2, "b") + ",\n" + record(3, "c") + "]"
	stream := record(1, "a") + record(2, "b") + record(3, "c")
	cases := map[string]request{
		"json":                {contentType: "application/json", body: []byte(array)},
		"json_lines":          {contentType: "application/x-ndjson", body: []byte(lines)},
		"json_stream":         {contentType: "application/x-ndjson", body: []byte(stream)},
		"json_lines gzip":     {contentType: "application/x-ndjson", encoding: "gzip", body: gzipped(t, []byte(lines))},
		"json_lines zstd":     {contentType: "application/x-ndjson", encoding: "zstd", body: zstded(t, []byte(lines))},
		"gzip without saying": {contentType: "application/json", body: gzipped(t, []byte(array))},
		"last newline lacks":  {contentType: "application/x-ndjson", body: []byte(strings.TrimSuffix(lines, "\n"))},
	}
	for name, r := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fixture{t: t}
			answer := f.ok(r)
			require.EqualValues(t, 3, answer["lines"])
			require.EqualValues(t, 3, answer["published"])
			require.Equal(t, []string{"a", "b", "c"}, f.world.Stream.Messages(t))
			e := f.world.Stream.Entries(t)[0]
			require.Equal(t, "shop", e.Resource.Namespace)
			require.Equal(t, "default", e.Resource.Cluster)
			require.EqualValues(t, 1, e.Time%1e9)
		})
	}
}

func TestPlainTextAndParameters(t *testing.T) {
	f := &fixture{t: t}
	f.ok(request{query: "?namespace=shop&pod=db-0&label=app=db&cluster=prod", contentType: "text/plain", body: []byte("[{not json\nsecond\n")})
	entries := f.world.Stream.Entries(t)
	require.Len(t, entries, 2)
	require.Equal(t, "[{not json", entries[0].Message)
	require.Equal(t, pipeline.Resource{Cluster: "prod", Namespace: "shop", Pod: "db-0", Labels: map[string]string{"app": "db"}}, *entries[0].Resource)
	require.Zero(t, entries[0].Time)
	require.NotZero(t, entries[0].Read)
}

func TestTheSameBodyAgainIsTheSameEntries(t *testing.T) {
	f := &fixture{t: t}
	body := request{contentType: "application/x-ndjson", body: []byte(record(1, "a") + "\nplain\n" + record(1, "a") + "\n")}
	f.ok(body)
	f.ok(request{contentType: "application/x-ndjson", body: []byte(record(1, "other") + "\n")})
	f.ok(body)
	require.Len(t, f.world.Stream.Entries(t), 7)
	require.Len(t, f.world.Stream.Distinct(t), 4)
}

// A client may compress anew, or not at all, when it sends again.
func TestTheSameBodyCompressedAnewIsTheSame(t *testing.T) {
	f := &fixture{t: t}
	plain := []byte("no time of its own\n" + record(1, "a") + "\n")
	for range 2 {
		f.ok(request{contentType: "application/x-ndjson", body: plain})
		f.ok(request{contentType: "application/x-ndjson", encoding: "gzip", body: gzipped(t, plain)})
		f.ok(request{contentType: "application/x-ndjson", body: zstded(t, plain)})
	}
	require.Len(t, f.world.Stream.Distinct(t), 2)
}

func TestABorderBetweenBodiesCollapsesNothing(t *testing.T) {
	f := &fixture{t: t}
	// Four equal lines of one time, cut by Fluent Bit into two chunks, which
	// differ by a line before and after.
	first := request{contentType: "application/x-ndjson", body: []byte(record(1, "start") + "\n" + record(5, "a") + "\n" + record(5, "a") + "\n")}
	second := request{contentType: "application/x-ndjson", body: []byte(record(5, "a") + "\n" + record(5, "a") + "\n" + record(9, "end") + "\n")}
	for _, r := range []request{first, second, second, first, second} {
		f.ok(r)
	}
	require.Len(t, f.world.Stream.Distinct(t), 6)
}

func TestABodyThatFailsHalfwayIsTheSameWhenItIsSentAgain(t *testing.T) {
	for fail := range 5 {
		t.Run(fmt.Sprint("call ", fail), func(t *testing.T) {
			f := &fixture{t: t}
			f.world.RecordBytes, f.world.WaveBytes = 300, 700
			calls := 0
			f.world.Stream.Fault = func([]producers.Outgoing) producertest.Fault {
				if calls++; calls == fail+1 {
					return producertest.Fault{Err: producers.ErrFull, Keep: 1}
				}
				return producertest.Fault{}
			}
			var body strings.Builder
			for i := range 40 {
				body.WriteString(record(i/4, "line") + "\n")
			}
			r := request{contentType: "application/x-ndjson", body: []byte(body.String())}
			status, answer, header := f.send(r)
			require.Equal(t, 429, status, "%v", answer)
			require.NotEmpty(t, header.Get("Retry-After"))
			f.ok(r)
			require.Len(t, f.world.Stream.Distinct(t), 40)
		})
	}
}

func TestWrongBodiesAreRefusedWhole(t *testing.T) {
	good := record(1, "a") + "\n" + record(2, "b") + "\n"
	cut := gzipped(t, []byte(strings.Repeat(good, 100)))
	cases := map[string]struct {
		request
		status int
		text   string
	}{
		"array that breaks":   {request{contentType: "application/json", body: []byte("[" + record(1, "a") + ",{\"x\":")}, 400, "not JSON"},
		"truncated gzip":      {request{contentType: "application/json", encoding: "gzip", body: cut[:len(cut)-9]}, 400, "ends too early"},
		"not gzip":            {request{contentType: "application/json", encoding: "gzip", body: []byte(good)}, 400, "not gzip"},
		"unknown encoding":    {request{contentType: "application/json", encoding: "br", body: []byte(good)}, 415, "br"},
		"body too large":      {request{contentType: "application/json", body: bytes.Repeat([]byte(good), 20000)}, 413, "more than"},
		"gzip bomb":           {request{contentType: "application/json", encoding: "gzip", body: gzipped(t, make([]byte, 5<<20))}, 413, "more than"},
		"zstd bomb":           {request{contentType: "application/json", encoding: "zstd", body: zstded(t, make([]byte, 5<<20))}, 413, "more than"},
		"unknown parameter":   {request{query: "?pdo=x", contentType: "application/json", body: []byte(good)}, 400, "pdo"},
		"label without value": {request{query: "?label=x", contentType: "application/json", body: []byte(good)}, 400, "key=value"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := &fixture{t: t, options: func(o *ingesthttp.Options) { o.MaxBody, o.MaxDecoded = 4<<20, 4<<20 }}
			status, answer, _ := f.send(c.request)
			require.Equal(t, c.status, status, "%v", answer)
			require.Contains(t, answer["error"], c.text)
			require.Zero(t, f.world.Stream.Calls(), "nothing of it may be published")
		})
	}
}

func TestALargeBodyWaitsInAFile(t *testing.T) {
	f := &fixture{t: t}
	var body strings.Builder
	for i := range 20000 {
		body.WriteString(record(i, "line") + "\n")
	}
	require.Greater(t, body.Len(), 4<<20)
	require.EqualValues(t, 20000, f.ok(request{contentType: "application/x-ndjson", body: []byte(body.String())})["published"])
	require.Len(t, f.world.Stream.Distinct(t), 20000)
}

func TestALineThatIsTooLongIsADeadLetterAndTheOthersAreTaken(t *testing.T) {
	f := &fixture{t: t, options: func(o *ingesthttp.Options) { o.MaxLine = 10000 }}
	answer := f.ok(request{contentType: "text/plain", body: []byte("a\n" + strings.Repeat("x", 20000) + "\nb\n")})
	require.EqualValues(t, 1, answer["rejected"])
	require.Equal(t, []string{"a", "b"}, f.world.Stream.Messages(t))
	require.Len(t, f.world.Letters.All(), 1)
	require.Equal(t, "too_long", f.world.Letters.All()[0].Reason)
}

func TestATokenBindsClusterAndNamespaces(t *testing.T) {
	other := strings.ReplaceAll(record(2, "b"), `"shop"`, `"bank"`)
	event := `{"metadata":{"name":"x","namespace":"shop","uid":"u","resourceVersion":"1"},"involvedObject":{"kind":"Pod","namespace":"bank","name":"p"},"reason":"R","message":"m","type":"Normal","lastTimestamp":"2026-11-20T10:00:00Z"}`
	f := &fixture{t: t, grant: ingesthttp.Grant{Cluster: "prod", Namespaces: []string{"shop"}}}
	answer := f.ok(request{query: "?cluster=forged", contentType: "application/x-ndjson", body: []byte(record(1, "a") + "\n" + other + "\n" + event + "\n")})
	require.EqualValues(t, 1, answer["published"])
	require.EqualValues(t, 2, answer["rejected"])
	require.Equal(t, "prod", f.world.Stream.Entries(t)[0].Resource.Cluster)

	status, answer, _ := f.send(request{contentType: "application/x-ndjson", body: []byte(other + "\n")})
	require.Equal(t, 403, status, "%v", answer)
}

func TestWaitTellsWhatBecameOfIt(t *testing.T) {
	f := &fixture{t: t}
	answer := f.ok(request{query: "?wait=indexed", contentType: "text/plain", body: []byte("a\nb\nc\n")})
	require.EqualValues(t, 2, answer["indexed"])
	require.EqualValues(t, 1, answer["duplicates"])
	require.Len(t, f.waiter.positions, 1)
}

func TestTryLater(t *testing.T) {
	f := &fixture{t: t}
	f.world.State.Fault = func([]pipeline.StateItem) producertest.Fault {
		return producertest.Fault{Err: fmt.Errorf("%w: the disk is nearly full", pipeline.ErrTryLater)}
	}
	status, answer, header := f.send(request{contentType: "text/plain", body: []byte("a\n")})
	require.Equal(t, 503, status)
	require.NotEmpty(t, header.Get("Retry-After"))
	require.Contains(t, answer["error"], "nearly full")
	require.Zero(t, f.world.Stream.Calls(), "nothing is published that a retry could not repeat")
}

func TestWhatOnlyLooksLikeJSONIsLines(t *testing.T) {
	f := &fixture{t: t}
	f.ok(request{contentType: "application/x-ndjson", body: []byte("{\"cut\":\n" + record(1, "a") + "\n")})
	require.ElementsMatch(t, []string{"{\"cut\":", "a"}, f.world.Stream.Messages(t))
}

func TestAnEmptyBodyIsNothing(t *testing.T) {
	f := &fixture{t: t}
	require.EqualValues(t, 0, f.ok(request{contentType: "application/json"})["entries"])
}

// Fluent Bit's workers send at once: lines of one time that their chunks share
// must not get the same numbers.
func TestBodiesAtOnceCollapseNothing(t *testing.T) {
	f := &fixture{t: t}
	handler := ingesthttp.Handler(ingesthttp.Options{Intake: f.world.Intake(t), Ledger: f.world.Ledger(), Waiter: &f.waiter, TempDir: t.TempDir(),
		Grant: func(context.Context) ingesthttp.Grant { return f.grant }})
	var wait sync.WaitGroup
	const bodies, each = 16, 50
	for i := range bodies {
		body := strings.Repeat(record(5, "the same")+"\n", each) + record(5, fmt.Sprint("body ", i)) + "\n"
		wait.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/ingest", strings.NewReader(body)))
			if w.Code != http.StatusOK {
				t.Errorf("%d: %s", w.Code, w.Body)
			}
		})
	}
	wait.Wait()
	require.Len(t, f.world.Stream.Distinct(t), bodies*(each+1))
}
