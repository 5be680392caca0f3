package query_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/query"
)

// operator implements the operations' ports and remembers what it was asked.
type operator struct {
	letters query.DeadLetterQuery
	redrive *query.RedriveRequest
	from    int64
	to      int64
	audits  int
	err     error
}

func (o *operator) DeadLetters(_ context.Context, q query.DeadLetterQuery) (query.DeadLetterPage, error) {
	o.letters = q
	return query.DeadLetterPage{}, o.err
}

func (o *operator) DeadLetter(_ context.Context, want pipeline.ID) (query.DeadLetter, error) {
	if want != id(1) {
		return query.DeadLetter{}, pipeline.ErrNotFound
	}
	return query.DeadLetter{ID: want, Reason: "corrupt_record"}, o.err
}

func (o *operator) Redrive(_ context.Context, q query.RedriveRequest) (query.RedriveReport, error) {
	o.redrive = &q
	return query.RedriveReport{Redriven: 2, Kept: 1}, o.err
}

func (o *operator) Status(context.Context) (query.Status, error) {
	return query.Status{Version: "1.2.3", Started: noon}, o.err
}

func (o *operator) Audit(_ context.Context, from, to int64) (audit.Report, error) {
	o.from, o.to, o.audits = from, to, o.audits+1
	return audit.Report{Clean: true}, o.err
}

// serve returns the API over m, asked by a reader of scopes.
func serve(m pipeline.LineReader, o *operator, scopes []pipeline.Scope) http.Handler {
	mux := http.NewServeMux()
	api := &query.API{
		Lines: &query.Service{Reader: m, Now: clock}, DeadLetters: o, Status: o, Auditor: o, MaxFollowers: 1, Heartbeat: 10 * time.Second,
	}
	api.Register(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(query.WithScopes(r.Context(), scopes)))
	})
}

func ask(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, http.NoBody))
	return w
}

func some() *memory {
	m := &memory{}
	for n := uint64(1); n <= 5; n++ {
		m.write(line(n, fmt.Sprintf("message %d", n)))
	}
	m.write(line(6, "secret of pay", namespace("pay")))
	return m
}

func TestGetLines(t *testing.T) {
	h := serve(some(), &operator{}, nil)

	w := ask(h, "GET", "/v1/lines?namespace=shop&limit=2&q=message")
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var page query.LinesResponse
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
	require.Equal(t, []string{"message 1", "message 2"}, messages(page.Lines))
	require.NotEmpty(t, page.Next)
	require.Equal(t, page.Next, w.Header().Get(query.NextHeader))

	w = ask(h, "GET", "/v1/lines?namespace=shop&limit=9&q=message&format=jsonl&cursor="+page.Next)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	require.Empty(t, w.Header().Get(query.NextHeader))
	texts := strings.Split(strings.TrimSuffix(w.Body.String(), "\n"), "\n")
	require.Len(t, texts, 3)
	var l query.Line
	require.NoError(t, json.Unmarshal([]byte(texts[2]), &l))
	require.Equal(t, "message 5", l.Message)

	w = ask(h, "GET", "/v1/lines?order=oldest&format=csv")
	require.Equal(t, 200, w.Code)
	records, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 7)

	w = ask(h, "GET", "/v1/lines?q=nothing")
	require.Equal(t, `{"lines":[],"next":""}`+"\n", w.Body.String())
}

func TestGetLinesAround(t *testing.T) {
	h := serve(some(), &operator{}, nil)
	get := func(parameters string) []string {
		t.Helper()
		w := ask(h, "GET", "/v1/lines?id="+id(3).String()+parameters)
		require.Equal(t, 200, w.Code, w.Body)
		var page query.LinesResponse
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &page))
		return messages(page.Lines)
	}
	require.Equal(t, []string{"message 4", "message 3"}, get("&before=1"))
	require.Equal(t, []string{"message 3", "message 2"}, get("&after=1"))
	require.Len(t, get(""), 5)
	require.Len(t, get("&before=0&after=0&format=json"), 1)
}

func TestGetOne(t *testing.T) {
	h := serve(some(), &operator{}, nil)
	w := ask(h, "GET", "/v1/lines/"+id(3).String())
	require.Equal(t, 200, w.Code)
	var l query.Line
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &l))
	require.Equal(t, "message 3", l.Message)
}

func TestGetDaysAndStatus(t *testing.T) {
	h := serve(some(), &operator{}, nil)
	require.JSONEq(t, `{"days":[{"day":"2021-08-03","entries":6,"bytes":600}]}`, ask(h, "GET", "/v1/days").Body.String())
	golden(t, "status.golden", ask(h, "GET", "/v1/status").Body.Bytes())
}

func TestOperations(t *testing.T) {
	o := &operator{}
	h := serve(some(), o, nil)
	golden(t, "audit.golden", ask(h, "POST", "/v1/audit?from=2021-08-03&to=2021-08-04").Body.Bytes())
	require.Equal(t, [2]int64{noon.Add(-12 * time.Hour).UnixNano(), noon.Add(12 * time.Hour).UnixNano()}, [2]int64{o.from, o.to})

	require.Equal(t, `{"letters":[],"next":""}`+"\n", ask(h, "GET", "/v1/dlq?reason=x&limit=5&cursor=c").Body.String())
	require.Equal(t, query.DeadLetterQuery{Reason: "x", Limit: 5, Cursor: "c"}, o.letters)
	ask(h, "GET", "/v1/dlq")
	require.Equal(t, query.DefaultLimit, o.letters.Limit)
	golden(t, "letter.golden", ask(h, "GET", "/v1/dlq/"+id(1).String()).Body.Bytes())

	require.Equal(t, `{"redriven":2,"kept":1}`+"\n", ask(h, "POST", "/v1/dlq/redrive?id="+id(1).String()+"&id="+id(2).String()).Body.String())
	require.Equal(t, query.RedriveRequest{IDs: []pipeline.ID{id(1), id(2)}}, *o.redrive)
	ask(h, "POST", "/v1/dlq/redrive?reason=corrupt_record")
	require.Equal(t, query.RedriveRequest{Reason: "corrupt_record"}, *o.redrive)
	ask(h, "POST", "/v1/dlq/redrive?all=true")
	require.Equal(t, query.RedriveRequest{}, *o.redrive)
}

func TestWrongRequests(t *testing.T) {
	o := &operator{}
	h := serve(some(), o, nil)
	for _, c := range []struct {
		method, target string
		status         int
	}{
		{"GET", "/v1/lines?levle=warn", 400},
		{"GET", "/v1/lines?format=xml", 400},
		{"GET", "/v1/lines?q=%zz", 400},
		{"GET", "/v1/lines?q=a;b", 400},
		{"GET", "/v1/lines?before=3", 400},
		{"GET", "/v1/lines?cursor=eyJzIjoiMSIsInIiOjF9", 400},
		{"GET", "/v1/lines?id=xyz", 400},
		{"GET", "/v1/lines?id=", 400},
		{"GET", "/v1/lines?id=" + id(3).String() + "&level=warn", 400},
		{"GET", "/v1/lines?id=" + id(3).String() + "&before=1001", 400},
		{"GET", "/v1/lines?id=" + id(99).String(), 404},
		{"GET", "/v1/lines/" + id(99).String(), 404},
		{"GET", "/v1/lines/nonsense", 400},
		{"GET", "/v1/lines/..%2f..%2fetc", 400},
		{"GET", "/v1/lines/" + id(3).String() + "?x=1", 400},
		{"GET", "/v1/lines/follow?limit=5", 400},
		{"GET", "/v1/lines/follow?format=csv", 400},
		{"GET", "/v1/lines/follow?last=x", 400},
		{"GET", "/v1/lines/follow?cursor=AAAA", 200}, // told in the stream
		{"GET", "/v1/days?x=1", 400},
		{"GET", "/v1/status?x=1", 400},
		{"GET", "/v1/dlq?limit=0", 400},
		{"GET", "/v1/dlq/" + id(9).String(), 404},
		{"GET", "/v1/dlq/redrive", 400},
		{"POST", "/v1/dlq/redrive", 400},
		{"POST", "/v1/dlq/redrive?all=false", 400},
		{"POST", "/v1/dlq/redrive?all=true&reason=x", 400},
		{"POST", "/v1/dlq/redrive?id=x", 400},
		{"POST", "/v1/dlq/redrive?" + strings.Repeat("id="+id(1).String()+"&", 101), 400},
		{"POST", "/v1/audit?from=now&to=2h", 400},
		{"POST", "/v1/audit?form=now", 400},
		{"POST", "/v1/lines", 405},
		{"DELETE", "/v1/lines/" + id(3).String(), 405},
		{"GET", "/v1/audit", 405},
		{"GET", "/v1/nothing", 404},
	} {
		w := ask(h, c.method, c.target)
		require.Equal(t, c.status, w.Code, "%s %s: %s", c.method, c.target, w.Body)
		text := w.Body.String()
		var body struct{ Error, Hint string }
		require.NoError(t, json.Unmarshal([]byte(text), &body), text)
		require.NotEmpty(t, body.Error)
		if c.status == 400 || c.status == 405 {
			require.NotEmpty(t, body.Hint, c.target)
		}
	}
	require.Nil(t, o.redrive)
	require.Zero(t, o.audits)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/audit", strings.NewReader(`{"from":"now"}`)))
	require.Equal(t, 400, w.Code)
	require.Zero(t, o.audits)
}

func TestStoresFaultsAreTold(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		says   string
	}{
		{fmt.Errorf("disk is full: %w", pipeline.ErrTryLater), 503, "disk is full"},
		{context.DeadlineExceeded, 503, "too long"},
		{context.Canceled, 503, "interrupted"},
		{fmt.Errorf("bad phrase: %w", pipeline.ErrRejected), 400, "bad phrase"},
		{errors.New("/var/lib/loglode/pay-2021: checksum"), 500, "internal error"},
	} {
		m := some()
		m.err = c.err
		for _, target := range []string{"/v1/lines", "/v1/lines/follow", "/v1/days", "/v1/lines/" + id(1).String()} {
			w := ask(serve(m, &operator{}, nil), "GET", target)
			text := w.Body.String()
			require.Contains(t, text, c.says)
			require.NotContains(t, text, "checksum")
			if target == "/v1/lines/follow" {
				continue // the heartbeat may have been sent already
			}
			require.Equal(t, c.status, w.Code, target)
			require.Equal(t, c.status == 503, w.Header().Get("Retry-After") != "", target)
		}
	}
}

// stuck is a store that answers only when it is given up.
type stuck struct{ *memory }

func (stuck) Lines(ctx context.Context, _ pipeline.LineQuery) (pipeline.LinePage, error) {
	<-ctx.Done()
	return pipeline.LinePage{}, fmt.Errorf("query: %w", ctx.Err())
}

func TestQuestionsEndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		w := ask(serve(stuck{&memory{}}, &operator{}, nil), "GET", "/v1/lines")
		require.Equal(t, 503, w.Code)
		require.Equal(t, 30*time.Second, time.Since(start))
	})
}

func TestNoDecisionNoAnswer(t *testing.T) {
	mux := http.NewServeMux()
	o := &operator{}
	(&query.API{Lines: &query.Service{Reader: some()}, DeadLetters: o, Status: o, Auditor: o}).Register(mux)
	for _, target := range []string{"/v1/lines", "/v1/lines/" + id(1).String(), "/v1/lines/follow", "/v1/days", "/v1/status", "/v1/dlq"} {
		require.Equal(t, 403, ask(mux, "GET", target).Code, target)
	}
	require.Equal(t, 403, ask(mux, "POST", "/v1/audit").Code)
	require.Zero(t, o.audits)
}

func TestParametersCannotWidenScopes(t *testing.T) {
	m := some()
	o := &operator{}
	h := serve(m, o, shopOnly)
	for _, parameters := range []string{
		"", "namespace=pay", "namespace=pay,shop", "q=secret", "cluster=west", "format=csv", "format=jsonl", "order=oldest",
		"namespace=*", "pod=*", "q=secret&order=rank", "id=" + id(6).String(),
	} {
		text := ask(h, "GET", "/v1/lines?"+parameters).Body.String()
		require.NotContains(t, text, "secret of pay", parameters)
	}
	require.Equal(t, 404, ask(h, "GET", "/v1/lines/"+id(6).String()).Code)
	require.Equal(t, 400, ask(h, "GET", "/v1/lines?scopes=").Code)
	for _, q := range m.queries {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	// A cursor of somebody who sees all continues with one's own scopes.
	var page query.LinesResponse
	require.NoError(t, json.Unmarshal(ask(serve(m, o, nil), "GET", "/v1/lines?limit=5").Body.Bytes(), &page))
	require.NotEmpty(t, page.Next)
	require.NotContains(t, ask(h, "GET", "/v1/lines?limit=5&cursor="+url.QueryEscape(page.Next)).Body.String(), "secret")

	for _, target := range []string{"/v1/status", "/v1/dlq", "/v1/dlq/" + id(1).String()} {
		require.Equal(t, 403, ask(h, "GET", target).Code, target)
	}
	require.Equal(t, 403, ask(h, "POST", "/v1/audit").Code)
	require.Equal(t, 403, ask(h, "POST", "/v1/dlq/redrive?all=true").Code)
	require.Zero(t, o.audits)
	require.Nil(t, o.redrive)
}

// follow reads a stream from a real server and returns its lines of text.
func follow(t *testing.T, server *httptest.Server, parameters string, header http.Header) (next func() string, end func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", server.URL+"/v1/lines/follow?"+parameters, nil)
	require.NoError(t, err)
	r.Header = header
	response, err := server.Client().Do(r)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	lines := bufio.NewScanner(response.Body)
	return func() string {
			t.Helper()
			require.True(t, lines.Scan(), "stream ended: %v", lines.Err())
			return lines.Text()
		}, func() {
			cancel()
			response.Body.Close()
		}
}

func TestFollowJSONLines(t *testing.T) {
	m := some()
	server := httptest.NewServer(serve(m, &operator{}, shopOnly))
	defer server.Close()
	next, end := follow(t, server, "last=1&namespace=shop,pay", http.Header{})
	require.Empty(t, next()) // the first heartbeat: the stream is open
	require.Contains(t, next(), "message 1")
	require.Equal(t, 503, ask(server.Config.Handler, "GET", "/v1/lines/follow").Code) // one stream is the bound
	m.write(line(7, "hidden", namespace("pay")), line(8, "shown"))
	require.Contains(t, next(), "shown")

	m.mu.Lock()
	m.err = fmt.Errorf("store is away: %w", pipeline.ErrTryLater)
	m.mu.Unlock()
	require.Equal(t, `{"error":"store is away: try later","hint":""}`, strings.ReplaceAll(next(), "follow lines: ", ""))
	end()
}

func TestFollowEventsResume(t *testing.T) {
	m := some()
	server := httptest.NewServer(serve(m, &operator{}, nil))
	defer server.Close()
	header := http.Header{"Accept": {"text/event-stream"}}
	next, end := follow(t, server, "", header)
	require.Equal(t, ":", next())
	require.Empty(t, next())
	m.write(line(7, "one"))
	place := next()
	require.Regexp(t, "^id: [A-Za-z0-9_-]+$", place)
	require.Contains(t, next(), `data: {"id":`)
	require.Empty(t, next())
	end()

	m.write(line(8, "two"))
	header.Set("Last-Event-ID", strings.TrimPrefix(place, "id: "))
	next, end = resume(t, server, header)
	require.Equal(t, ":", next())
	require.Empty(t, next())
	require.Contains(t, next(), "id: ")
	require.Contains(t, next(), "two")
	end()
}

// resume asks until the stream before has given its place back.
func resume(t *testing.T, server *httptest.Server, header http.Header) (func() string, func()) {
	t.Helper()
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		w := httptest.NewRecorder()
		server.Config.Handler.ServeHTTP(w, httptest.NewRequest("GET", "/v1/lines/follow", nil).WithContext(ctx))
		return !strings.Contains(w.Body.String(), "too many")
	}, 10*time.Second, time.Millisecond)
	return follow(t, server, "", header)
}

func TestFollowHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 35*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		serve(&memory{}, &operator{}, nil).ServeHTTP(w, httptest.NewRequest("GET", "/v1/lines/follow", nil).WithContext(ctx))
		require.Equal(t, "\n\n\n\n", w.Body.String()) // at 0, 10, 20 and 30 s
	})
}

func FuzzHTTP(f *testing.F) {
	for _, seed := range []string{"/v1/lines?q=a&limit=1", "/v1/lines?id=x&before=-1", "/v1/lines/x", "/v1/days?", "/v1/dlq?limit=1&cursor=%00"} {
		f.Add(seed)
	}
	h := serve(some(), &operator{}, shopOnly)
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest("GET", "http://localhost"+target, http.NoBody)
		if err != nil || strings.Contains(r.URL.Path, "follow") || !strings.HasPrefix(r.URL.Path, "/v1/") {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Less(t, w.Code, 500)
		require.NotContains(t, w.Body.String(), "secret of pay")
	})
}
