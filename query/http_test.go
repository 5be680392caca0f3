package query_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
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

var _ query.Searcher = (*query.Service)(nil)

// searcher remembers what it was asked, and asks its store as whoever asks it.
type searcher struct {
	store    pipeline.LineReader
	search   query.SearchRequest
	patterns query.PatternsRequest
	asked    int
	err      error
}

func (s *searcher) Search(ctx context.Context, r query.SearchRequest) (query.SearchResponse, error) {
	s.search, s.asked = r, s.asked+1
	page, err := (&query.Service{Reader: s.store}).Lines(ctx, query.LineRequest{})
	response := query.SearchResponse{Patterns: 7}
	for i := range page.Lines {
		response.Hits = append(response.Hits, query.Hit{PatternID: id(uint64(i)).String(), Template: page.Lines[i].Message, FirstSeen: noon, LastSeen: noon})
	}
	return response, cmp.Or(s.err, err)
}

func (s *searcher) PatternList(ctx context.Context, r query.PatternsRequest) (query.PatternsResponse, error) {
	s.patterns, s.asked = r, s.asked+1
	page, err := (&query.Service{Reader: s.store}).Lines(ctx, query.LineRequest{})
	response := query.PatternsResponse{Total: len(page.Lines), Note: "nothing\nbefore"}
	for i := range page.Lines {
		response.Patterns = append(response.Patterns, query.PatternRow{PatternID: id(uint64(i)).String(), Template: page.Lines[i].Message, Count: 2, FirstSeen: noon, LastSeen: noon})
	}
	return response, cmp.Or(s.err, err)
}

// serve returns the API over m, asked by a reader of scopes.
func serve(m pipeline.LineReader, o *operator, scopes []pipeline.Scope) http.Handler {
	return serveSearch(m, o, &searcher{store: m}, scopes)
}

func serveSearch(m pipeline.LineReader, o *operator, s *searcher, scopes []pipeline.Scope) http.Handler {
	mux := http.NewServeMux()
	api := &query.API{
		Lines: &query.Service{Reader: m, Now: clock}, Search: s, DeadLetters: o, Status: o, Auditor: o,
		MaxFollowers: 1, Heartbeat: 10 * time.Second,
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

func TestSearchAddresses(t *testing.T) {
	s := &searcher{store: &memory{}}
	h := serveSearch(s.store, &operator{}, s, nil)
	none := `{"hits":[],"understood":{"text":"","terms":[],"unknown":[],"tokens":[],"filters":{},"read":[]},"patterns":7,"waiting":0}` + "\n"
	two := 2
	want := query.SearchRequest{
		Query: "time out", Limit: 3, Examples: &two, Literal: true, Leg: "text",
		Selection: query.Selection{Namespaces: []string{"shop", "pay"}, Levels: []string{"warn+"}, Labels: []string{"a=b"}, From: "15m"},
	}

	w := ask(h, "GET", "/v1/search?q=time+out&limit=3&examples=2&literal=true&leg=text&namespace=shop,pay&level=warn%2B&label=a%3Db&from=15m")
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, none, w.Body.String())
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, want, s.search)

	s.search = query.SearchRequest{}
	w = post(h, `{"query":"time out","limit":3,"examples":2,"literal":true,"leg":"text","namespace":["shop","pay"],"level":["warn+"],"label":["a=b"],"from":"15m"}`)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, none, w.Body.String())
	require.Equal(t, want, s.search)
}

func TestGetPatterns(t *testing.T) {
	m := &memory{}
	m.write(line(1, "=a <b>"), line(2, "c"))
	s := &searcher{store: m}
	h := serveSearch(m, &operator{}, s, nil)
	w := ask(h, "GET", "/v1/patterns?order=new&against=2h&limit=5&service=cart&to=now")
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, query.PatternsRequest{Order: "new", Against: "2h", Limit: 5, Selection: query.Selection{Services: []string{"cart"}, To: "now"}}, s.patterns)
	var got query.PatternsResponse
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, 2, got.Total)
	require.Equal(t, "=a <b>", got.Patterns[0].Template)
	require.Empty(t, w.Header().Get(query.NoteHeader))

	w = ask(h, "GET", "/v1/patterns?format=jsonl")
	require.Equal(t, "application/x-ndjson", w.Header().Get("Content-Type"))
	require.Equal(t, 2, strings.Count(w.Body.String(), "\n"))
	require.Contains(t, w.Body.String(), `"template":"=a <b>"`)
	require.Equal(t, "nothing\nbefore", w.Header().Get(query.NoteHeader)) // net/http sends it as one line

	w = ask(h, "GET", "/v1/patterns?format=csv")
	require.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	records, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, records, 3)
	require.Equal(t, []string{"pattern_id", "template"}, records[0][:2])
	require.Equal(t, "'=a <b>", records[1][1])
	require.Equal(t, []string{"2", "0", "2021-08-03T12:00:00Z", "2021-08-03T12:00:00Z"}, records[1][7:])

	w = ask(serve(&memory{}, &operator{}, nil), "GET", "/v1/patterns")
	require.Contains(t, w.Body.String(), `"patterns":[]`)
}

func post(h http.Handler, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/search", strings.NewReader(body)))
	return w
}

func TestWrongSearches(t *testing.T) {
	s := &searcher{store: &memory{}}
	h := serveSearch(s.store, &operator{}, s, nil)
	for _, body := range []string{
		"", "x", "[]", `"q"`, `{"query":1}`, `{"qeury":"x"}`, `{"query":"x","limit":"3"}`, `{"query":"x"}{"query":"y"}`, `{"query":"x"} y`,
		`{"query":"x","filters":{}}`, `{"query":"x","namespace":"shop"}`,
	} {
		w := post(h, body)
		require.Equal(t, 400, w.Code, "%s: %s", body, w.Body)
		require.Contains(t, w.Body.String(), `"hint":"`)
		require.NotContains(t, w.Body.String(), `"hint":""`, body)
	}
	for size, status := range map[int]int{query.MaxSearchBody: 200, query.MaxSearchBody + 1: 413} {
		body := `{"query":"x"` + strings.Repeat(" ", size-len(`{"query":"x"}`)) + "}"
		w := post(h, body)
		require.Equal(t, status, w.Code, w.Body)
		if status == 413 {
			require.Contains(t, w.Body.String(), "65536")
			require.NotContains(t, w.Body.String(), `"hint":""`)
		}
	}
	require.Equal(t, 1, s.asked)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/search?limit=5", strings.NewReader(`{"query":"x"}`)))
	require.Equal(t, 400, w.Code)
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/search", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(`{"query":"x"}`)))))
	require.Equal(t, 400, w.Code)
	require.Contains(t, w.Body.String(), "did not arrive")
	require.Equal(t, 1, s.asked)

	w = ask(h, "PUT", "/v1/search")
	require.Equal(t, 405, w.Code)
	require.Equal(t, "GET, POST", w.Header().Get("Allow"))
	require.Contains(t, w.Body.String(), "use GET or POST")
	require.Equal(t, "GET", ask(h, "POST", "/v1/patterns").Header().Get("Allow"))
}

// The time for a body is not the time for its answer.
func TestBodiesComeInTime(t *testing.T) {
	for body, want := range map[string]struct {
		status int
		after  time.Duration
	}{
		`{"query":"x"}`: {200, 20 * time.Second},
		`{"query":`:     {400, 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			client, server := net.Pipe()
			listener := &oneConn{conn: server, closed: make(chan struct{})}
			httpServer := &http.Server{Handler: serveSearch(&memory{}, &operator{}, &searcher{store: slow{&memory{}}}, nil)}
			done := make(chan error, 1)
			go func() { done <- httpServer.Serve(listener) }()
			_, err := fmt.Fprintf(client, "POST /v1/search HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n%s", body)
			require.NoError(t, err)
			response, err := http.ReadResponse(bufio.NewReader(client), nil)
			require.NoError(t, err)
			require.Equal(t, want.status, response.StatusCode)
			require.Equal(t, want.after, time.Since(start))
			require.NoError(t, response.Body.Close())
			require.NoError(t, client.Close())
			require.NoError(t, httpServer.Close())
			require.ErrorIs(t, <-done, http.ErrServerClosed)
		})
	}
}

// slow is a store that answers after twenty seconds.
type slow struct{ *memory }

func (s slow) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	select {
	case <-time.After(20 * time.Second):
		return s.memory.Lines(ctx, q)
	case <-ctx.Done():
		return pipeline.LinePage{}, ctx.Err()
	}
}

// oneConn is a listener to which one client connects.
type oneConn struct {
	conn   net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if conn := l.conn; conn != nil {
		l.conn = nil
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func TestSearchIsNotServedWithoutPatterns(t *testing.T) {
	mux := http.NewServeMux()
	(&query.API{Lines: &query.Service{Reader: some()}}).Register(mux)
	for _, target := range []string{"/v1/search?q=x", "/v1/patterns"} {
		require.Equal(t, 404, ask(mux, "GET", target).Code, target)
	}
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
		{"GET", "/v1/search?q=x&levle=warn", 400},
		{"GET", "/v1/search?q=x&query=y", 400},
		{"GET", "/v1/search?q=%zz", 400},
		{"GET", "/v1/patterns?oder=new", 400},
		{"GET", "/v1/patterns?format=xml", 400},
		{"GET", "/v1/patterns?cursor=x", 400},
		{"POST", "/v1/search", 400}, // no body
		{"DELETE", "/v1/search", 405},
		{"POST", "/v1/patterns", 405},
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
		for _, target := range []string{"/v1/lines", "/v1/lines/follow", "/v1/days", "/v1/lines/" + id(1).String(), "/v1/search?q=x", "/v1/patterns"} {
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
	o, s := &operator{}, &searcher{store: some()}
	(&query.API{Lines: &query.Service{Reader: some()}, Search: s, DeadLetters: o, Status: o, Auditor: o}).Register(mux)
	for _, target := range []string{"/v1/lines", "/v1/lines/" + id(1).String(), "/v1/lines/follow", "/v1/search", "/v1/patterns", "/v1/days", "/v1/status", "/v1/dlq"} {
		require.Equal(t, 403, ask(mux, "GET", target).Code, target)
	}
	require.Equal(t, 403, post(mux, `{"query":"x"}`).Code)
	require.Zero(t, s.asked)
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
	for _, target := range []string{"/v1/search?q=secret&namespace=pay", "/v1/search?q=secret", "/v1/patterns?namespace=pay", "/v1/patterns?format=csv", "/v1/patterns?format=jsonl"} {
		w := ask(h, "GET", target)
		require.Equal(t, 200, w.Code, target)
		require.Contains(t, w.Body.String(), "message 1", target)
		require.NotContains(t, w.Body.String(), "secret of pay", target)
	}
	require.NotContains(t, post(h, `{"query":"secret","namespace":["pay"]}`).Body.String(), "secret of pay")
	require.Equal(t, 400, post(h, `{"query":"secret","scopes":[]}`).Code)
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
	for _, seed := range []string{"/v1/lines?q=a&limit=1", "/v1/lines?id=x&before=-1", "/v1/lines/x", "/v1/days?", "/v1/search?q=a&limit=0&leg=x", "/v1/patterns?order=new&format=csv", "/v1/dlq?limit=1&cursor=%00"} {
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
