package access_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/access"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

func TestCheckListen(t *testing.T) {
	tokens := load(t, valid)
	for _, address := range []string{"127.0.0.1:4100", "localhost:0", "LOCALHOST:80", "[::1]:4100", "127.0.0.53:1", "[::ffff:127.0.0.1]:9"} {
		require.NoError(t, access.CheckListen(address, nil), address)
	}
	for _, address := range []string{":4100", "0.0.0.0:4100", "[::]:4100", "10.0.0.1:4100", "logs.example:4100", "localhost.example:1", "127.1:1", "0x7f000001:1", "2130706433:1"} {
		err := access.CheckListen(address, nil)
		require.Error(t, err, address)
		requireHint(t, err)
		require.NoError(t, access.CheckListen(address, tokens), address)
	}
	for _, address := range []string{"", "localhost", "4100", "[::1"} {
		requireHint(t, access.CheckListen(address, tokens))
	}
}

// request is one that arrives at 127.0.0.1:4100.
func request(method, target string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest(method, target, http.NoBody)
	r.Host, r.RemoteAddr = "localhost:4100", "127.0.0.1:50000"
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4100})))
	for _, c := range change {
		c(r)
	}
	return r
}

func host(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = values }
}

func bearer(token string) func(*http.Request) { return header("Authorization", "Bearer "+token) }

// status is what the guard makes of a request; 200 means that it passed.
func status(t *testing.T, g *access.Guard, r *http.Request) int {
	t.Helper()
	w := httptest.NewRecorder()
	passed := false
	g.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })).ServeHTTP(w, r)
	require.Equal(t, w.Code == 200, passed)
	if !passed {
		var body struct{ Error, Hint string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		require.NotEmpty(t, body.Error)
		require.NotEmpty(t, body.Hint)
		require.Equal(t, w.Code == 401, w.Header().Get("WWW-Authenticate") != "")
	}
	return w.Code
}

func TestRebindingWithoutTokens(t *testing.T) {
	g := access.NewGuard(nil)
	for _, h := range []string{"localhost:4100", "LocalHost:4100", "127.0.0.1:4100", "[::1]:4100"} {
		require.Equal(t, 200, status(t, g, request("GET", "/v1/lines", host(h))), h)
		require.Equal(t, 200, status(t, g, request("POST", "/v1/ingest", host(h), header("Origin", "http://"+h))), h)
	}
	for _, h := range []string{
		"", "evil.example", "evil.example:4100", "localhost.evil.example:4100", "localhost:4101", "localhost", "127.0.0.1", "[::1]",
		"127.0.0.1.evil.example:4100", "localhost:4100:4100", "10.0.0.1:4100", "localhost.:4100", "0.0.0.0:4100", "[::]:4100", "a@localhost:4100",
	} {
		for _, path := range []string{"/", "/v1/lines", "/metrics", "/healthz"} {
			require.Equal(t, 403, status(t, g, request("GET", path, host(h))), h)
		}
	}
	for _, origin := range [][]string{
		{"http://evil.example"}, {"http://localhost"}, {"http://localhost:3000"}, {"https://localhost:4100"}, {"null"}, {""}, {"http://127.0.0.1:4100"},
		{"http://localhost:4100", "http://evil.example"}, {"http://localhost:4100.evil.example"}, {"http://localhost:4100@evil.example"}, {"://"},
	} {
		require.Equal(t, 403, status(t, g, request("POST", "/v1/ingest", header("Origin", origin...))), origin)
	}
}

func TestPort80NeedsNoPort(t *testing.T) {
	g := access.NewGuard(nil)
	r := request("GET", "/v1/lines", host("localhost"))
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{Port: 80})))
	require.Equal(t, 200, status(t, g, r))
}

func TestRebindingOnARealServer(t *testing.T) {
	server := httptest.NewServer(access.NewGuard(nil).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	defer server.Close()
	for h, want := range map[string]int{"": 200, "evil.example": 403, "localhost:1": 403} {
		r, err := http.NewRequest("GET", server.URL, nil)
		require.NoError(t, err)
		r.Host = h
		response, err := server.Client().Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, want, response.StatusCode, h)
	}
}

func TestRoles(t *testing.T) {
	g := access.NewGuard(load(t, valid))
	for _, c := range []struct {
		method, path                        string
		none, ingest, tenant, reader, admin int
	}{
		{"GET", "/healthz", 200, 200, 200, 200, 200},
		{"GET", "/readyz", 200, 200, 200, 200, 200},
		{"POST", "/healthz", 401, 403, 403, 403, 200},
		{"POST", "/v1/ingest", 401, 200, 403, 403, 200},
		{"GET", "/v1/ingest", 401, 403, 403, 403, 200},
		{"GET", "/v1/lines", 401, 403, 200, 200, 200},
		{"HEAD", "/v1/lines", 401, 403, 200, 200, 200},
		{"POST", "/v1/lines", 401, 403, 403, 403, 200},
		{"GET", "/v1/lines/follow", 401, 403, 200, 200, 200},
		{"GET", "/v1/linesx", 401, 403, 403, 403, 200},
		{"GET", "/v1/days", 401, 403, 200, 200, 200},
		{"GET", "/v1/ask", 401, 403, 200, 200, 200},
		{"POST", "/v1/ask", 401, 403, 200, 200, 200},
		{"PUT", "/v1/ask", 401, 403, 403, 403, 200},
		{"GET", "/v1/search", 401, 403, 200, 200, 200},
		{"POST", "/v1/search", 401, 403, 200, 200, 200},
		{"PUT", "/v1/search", 401, 403, 403, 403, 200},
		{"POST", "/v1/search/x", 401, 403, 403, 403, 200},
		{"GET", "/v1/patterns", 401, 403, 200, 200, 200},
		{"HEAD", "/v1/patterns", 401, 403, 200, 200, 200},
		{"POST", "/v1/patterns", 401, 403, 403, 403, 200},
		{"GET", "/v1/patterns/x", 401, 403, 403, 403, 200},
		{"GET", "/v1/status", 401, 403, 403, 200, 200},
		{"GET", "/v1/dlq", 401, 403, 403, 403, 200},
		{"POST", "/v1/dlq/redrive", 401, 403, 403, 403, 200},
		{"POST", "/v1/audit", 401, 403, 403, 403, 200},
		{"GET", "/debug/pprof/", 401, 403, 403, 403, 200},
		{"GET", "/", 401, 403, 403, 403, 200},
	} {
		outside := host("logs.example")
		require.Equal(t, c.none, status(t, g, request(c.method, c.path, outside)), c.path)
		require.Equal(t, c.none, status(t, g, request(c.method, c.path)), "loopback needs a token too: %s", c.path)
		require.Equal(t, c.ingest, status(t, g, request(c.method, c.path, outside, bearer(ingestToken))), c.path)
		require.Equal(t, c.tenant, status(t, g, request(c.method, c.path, outside, bearer(tenantToken))), c.path)
		require.Equal(t, c.reader, status(t, g, request(c.method, c.path, outside, bearer(readerToken))), c.path)
		require.Equal(t, c.admin, status(t, g, request(c.method, c.path, outside, bearer(adminToken))), c.path)
	}
}

// A proxy on this machine makes everybody a neighbour.
func TestMetricsNeedATokenOfWhoReadsAll(t *testing.T) {
	g := access.NewGuard(load(t, valid))
	near := func(*http.Request) {}
	far := func(r *http.Request) { r.RemoteAddr = "10.0.0.9:50000" }
	for _, change := range []func(*http.Request){
		near, far, host("logs.example"), header("X-Forwarded-For", "10.0.0.9"), header("Forwarded", "for=10.0.0.9"), header("Origin", "http://evil.example"),
	} {
		require.Equal(t, 401, status(t, g, request("GET", "/metrics", change)))
		require.Equal(t, 403, status(t, g, request("GET", "/metrics", change, bearer(tenantToken))))
		require.Equal(t, 403, status(t, g, request("GET", "/metrics", change, bearer(ingestToken))))
		require.Equal(t, 200, status(t, g, request("GET", "/metrics", change, bearer(readerToken))))
	}
}

func TestAuthorizationHeaders(t *testing.T) {
	g := access.NewGuard(load(t, valid))
	for _, values := range [][]string{
		{""}, {"Bearer"}, {"Bearer "}, {adminToken}, {"Basic " + adminToken}, {"Bearer " + adminToken + "x"},
		{"Bearer " + adminToken, "Bearer x"}, {"Bearer " + adminToken + " " + adminToken},
	} {
		require.Equal(t, 401, status(t, g, request("GET", "/v1/lines", header("Authorization", values...))), values)
	}
	require.Equal(t, 200, status(t, g, request("GET", "/v1/lines", header("Authorization", "bearer  "+adminToken))))
	require.Equal(t, 401, status(t, g, request("GET", "/v1/lines?token="+adminToken)))
}

// passed returns the context in which a request was let through.
func passed(t *testing.T, g *access.Guard, r *http.Request) context.Context {
	t.Helper()
	var ctx context.Context
	g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).ServeHTTP(httptest.NewRecorder(), r)
	require.NotNil(t, ctx)
	return ctx
}

func TestGrantInContext(t *testing.T) {
	_, ok := access.FromContext(context.Background())
	require.False(t, ok)
	grant, ok := access.FromContext(passed(t, access.NewGuard(nil), request("GET", "/")))
	require.True(t, ok)
	require.Equal(t, access.Grant{Name: "local", Role: access.RoleAdmin}, grant)
	grant, ok = access.FromContext(passed(t, access.NewGuard(load(t, valid)), request("POST", "/v1/ingest", bearer(ingestToken))))
	require.True(t, ok)
	require.Equal(t, "west", grant.Cluster)
}

// recorder is a store that remembers the scopes it was asked with.
type recorder struct {
	pipeline.LineReader
	scopes [][]pipeline.Scope
}

func (s *recorder) Groups(_ context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	s.scopes = append(s.scopes, q.Filter.Scopes)
	return nil, nil
}

func (s *recorder) Candidates(_ context.Context, q pipeline.CandidateQuery) (pipeline.Candidates, error) {
	s.scopes = append(s.scopes, q.Filter.Scopes)
	return pipeline.Candidates{Holding: make([]int64, len(q.Terms))}, nil
}

func (s *recorder) Lines(_ context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	s.scopes = append(s.scopes, q.Filter.Scopes)
	return pipeline.LinePage{}, nil
}

func TestScopesReachTheStore(t *testing.T) {
	store := &recorder{}
	mux := http.NewServeMux()
	service := &query.Service{Reader: store, Patterns: store}
	(&query.API{Lines: service, Search: service}).Register(mux)
	for _, c := range []struct {
		guard  *access.Guard
		change func(*http.Request)
		want   []pipeline.Scope
	}{
		{access.NewGuard(nil), host("localhost:4100"), nil},
		{access.NewGuard(load(t, valid)), bearer(readerToken), nil},
		{access.NewGuard(load(t, valid)), bearer(adminToken), nil},
		{access.NewGuard(load(t, valid)), bearer(tenantToken), []pipeline.Scope{{Cluster: "west", Namespace: "shop"}, {Cluster: "test"}}},
	} {
		for _, asked := range []struct{ method, target, body string }{
			{"GET", "/v1/lines?cluster=other&namespace=pay", ""},
			{"GET", "/v1/patterns?cluster=other&namespace=pay", ""},
			{"GET", "/v1/patterns?order=new", ""},
			{"GET", "/v1/search?q=disk+in+namespace+pay&namespace=pay", ""},
			{"POST", "/v1/search", `{"query":"disk 10.0.3.17 since yesterday","cluster":["other"],"pod":["x"]}`},
		} {
			store.scopes = nil
			w := httptest.NewRecorder()
			r := request(asked.method, asked.target, c.change)
			r.Body = io.NopCloser(strings.NewReader(asked.body))
			c.guard.Wrap(mux).ServeHTTP(w, r)
			require.Equal(t, 200, w.Code, w.Body)
			require.NotEmpty(t, store.scopes, asked.target)
			for _, scopes := range store.scopes {
				require.Equal(t, c.want, scopes, asked.target)
			}
		}
	}
}

func TestUncleanPathsReachNothing(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/dlq", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("letters")) })
	g := access.NewGuard(load(t, valid)).Wrap(mux)
	for _, path := range []string{"/v1/lines/../dlq", "/v1/lines/%2e%2e/dlq", "/v1//dlq", "/v1/lines/..%2fdlq", "//v1/dlq"} {
		w := httptest.NewRecorder()
		r := request("GET", "http://logs.example"+path, bearer(tenantToken))
		g.ServeHTTP(w, r)
		require.False(t, strings.Contains(w.Body.String(), "letters"), path)
	}
}
