package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query"
)

const anID = "3f2a9c0d1e4b5a69788796a5b4c3d2e1"

var seenAt = time.Date(2021, 8, 3, 9, 18, 7, 0, time.UTC)

// remote is a loglode that remembers what it was asked and answers as it is told.
type remote struct {
	search   *query.SearchRequest
	ask      *query.AskRequest
	answer   query.AskResponse
	values   url.Values
	found    query.SearchResponse
	patterns query.PatternsResponse
	refuse   string
}

func (s *remote) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.values = r.URL.Query()
	if s.refuse != "" {
		query.WriteError(w, http.StatusBadRequest, s.refuse, "ask otherwise")
		return
	}
	var answer any
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/search":
		s.search = &query.SearchRequest{}
		if err := json.NewDecoder(r.Body).Decode(s.search); err != nil {
			query.WriteError(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		answer = s.found
	case "POST /v1/ask":
		s.ask = &query.AskRequest{}
		if err := json.NewDecoder(r.Body).Decode(s.ask); err != nil {
			query.WriteError(w, http.StatusBadRequest, err.Error(), "")
			return
		}
		answer = s.answer
	case "GET /v1/patterns":
		answer = s.patterns
	case "GET /v1/lines":
		answer = query.LinesResponse{}
	default:
		query.WriteError(w, http.StatusNotFound, "no such address", "")
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// loglode runs a command line against s.
func loglode(t *testing.T, s *remote, args ...string) (code int, out, errs string) {
	t.Helper()
	server := httptest.NewServer(s)
	defer server.Close()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append(args, "--url", server.URL), strings.NewReader(""), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestSearchFlags(t *testing.T) {
	number := func(n int) *int { return &n }
	for args, want := range map[string]query.SearchRequest{
		"search why slow?": {Query: "why slow?", Limit: 10, Examples: number(3)},
		"search x -n 5 --examples 0 --literal --leg vector": {
			Query: "x", Limit: 5, Examples: number(0), Literal: true, Leg: "vector",
		},
		"search x --cluster a --namespace b,c --service d --pod e* --container f --node g --level warn+ --kind log,event --pattern " + anID + " --label k=v,w --label l=m --from 2h --to now": {
			Query: "x", Limit: 10, Examples: number(3), Selection: query.Selection{
				Clusters: []string{"a"}, Namespaces: []string{"b", "c"}, Services: []string{"d"}, Pods: []string{"e*"}, Containers: []string{"f"},
				Nodes: []string{"g"}, Levels: []string{"warn+"}, Kinds: []string{"log", "event"}, Patterns: []string{anID},
				Labels: []string{"k=v,w", "l=m"}, From: "2h", To: "now",
			},
		},
	} {
		s := &remote{}
		code, _, errs := loglode(t, s, strings.Fields(args)...)
		require.Equal(t, exitOK, code, errs)
		require.Equal(t, want, *s.search, args)
	}
}

func TestPatternsFlags(t *testing.T) {
	for args, want := range map[string]string{
		"patterns":            "limit=100&order=count",
		"patterns --new":      "limit=100&order=new",
		"patterns --rising":   "limit=100&order=rising",
		"patterns --silent":   "limit=100&order=silent",
		"patterns -n 5":       "limit=5&order=count",
		"patterns --last 15m": "from=15m&limit=100&order=count",
		"patterns --order new --against 1w --level error+ --namespace a,b": "against=1w&level=error%2B&limit=100&namespace=a&namespace=b&order=new",
		"lines --pattern " + anID + " --from 1h":                           "from=1h&limit=100&order=newest&pattern=" + anID,
	} {
		s := &remote{}
		code, _, errs := loglode(t, s, strings.Fields(args)...)
		require.Equal(t, exitOK, code, errs)
		require.Equal(t, want, s.values.Encode(), args)
	}
}

func TestWrongFlags(t *testing.T) {
	for args, says := range map[string]string{
		"search":                           "requires at least 1 arg",
		"search x -o csv":                  "none of table, wide, json",
		"search x --limit many":            "invalid argument",
		"search x --order new":             "unknown flag",
		"patterns new":                     "unknown command",
		"patterns --new --silent":          "exclude each other",
		"patterns --new --order rising":    "exclude each other",
		"patterns --last 1h --from 2h":     "say the same",
		"patterns --against 1h":            "goes with --new",
		"patterns -o yaml":                 "none of table, wide, json, csv",
		"lines --around " + anID + " word": "leave the query out",
	} {
		s := &remote{}
		code, out, errs := loglode(t, s, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, errs, says, args)
		require.Empty(t, out, args)
		require.Nil(t, s.values, args)
	}
	for _, args := range []string{"search x", "patterns"} {
		code, _, errs := loglode(t, &remote{refuse: "not so"}, strings.Fields(args)...)
		require.Equal(t, exitUsage, code)
		require.Equal(t, "loglode: not so\n  hint: ask otherwise\n", errs)
	}
}

func aHit() query.SearchResponse {
	return query.SearchResponse{
		Patterns:   1200,
		Hits:       []query.Hit{{PatternID: anID, Template: "disk <*> is full", Namespace: "shop", Service: "cart", Level: "error", Count: 3, FirstSeen: seenAt, LastSeen: seenAt, Score: 2}},
		Understood: query.Understood{Text: "disk", Filters: query.Selection{Namespaces: []string{"shop"}, From: "2021-08-03T00:00:00Z"}},
	}
}

func TestSearchOutput(t *testing.T) {
	drill := "\nlines of the first: loglode lines --from 2021-08-03T00:00:00Z --namespace shop --pattern " + anID
	_, out, errs := loglode(t, &remote{found: aHit()}, "search", "disk")
	require.Contains(t, out, "disk <*> is full")
	require.NotContains(t, out, anID)
	require.Equal(t, drill+"; -o wide shows the ID of each\n", errs)

	_, out, errs = loglode(t, &remote{found: aHit()}, "search", "disk", "-o", "wide")
	require.Contains(t, out, "pattern="+anID)
	require.Equal(t, drill+"\n", errs)

	_, out, errs = loglode(t, &remote{found: aHit()}, "search", "disk", "-o", "json")
	var got query.SearchResponse
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.Equal(t, aHit(), got)
	require.Empty(t, errs)
}

func TestNothingFound(t *testing.T) {
	shop := query.Selection{Namespaces: []string{"shop"}}
	for says, found := range map[string]query.SearchResponse{
		"there are no patterns yet\n  hint: loglode status":                          {},
		"no pattern is left by --namespace shop\n  hint: leave filters out":          {Understood: query.Understood{Filters: shop}},
		"\"disk\\x1b\" among 1,200 patterns\n  hint: ask with other words":           {Patterns: 1200},
		"\"disk\\x1b\" among 9 patterns, with --namespace shop\n  hint: leave filte": {Patterns: 9, Understood: query.Understood{Filters: shop}},
		"among 9 patterns, with --namespace shop\n  hint: --literal reads":           {Patterns: 9, Understood: query.Understood{Filters: shop, Read: []string{"in shop"}}},
	} {
		code, _, errs := loglode(t, &remote{found: found}, "search", "disk\x1b")
		require.Equal(t, exitOK, code)
		require.Contains(t, errs, says)
		require.True(t, strings.HasPrefix(errs, "nothing found"), errs)
	}
	code, out, errs := loglode(t, &remote{}, "search", "x", "-o", "json")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, `"hits":`)
	require.Empty(t, errs)
}

func somePatterns() query.PatternsResponse {
	from, to := seenAt.Add(-time.Hour), seenAt
	earlier, end := from.Add(-24*time.Hour), to.Add(-24*time.Hour)
	return query.PatternsResponse{
		Total: 1200, Note: "nothing was indexed\x1b before", Window: query.TimeRange{From: &from, To: &to}, Before: &query.TimeRange{From: &earlier, To: &end},
		Patterns: []query.PatternRow{{PatternID: anID, Template: "disk <*> is full", Service: "cart", Level: "error", Count: 3, Before: 1, FirstSeen: seenAt, LastSeen: seenAt}},
	}
}

func TestPatternsOutput(t *testing.T) {
	told := "note: nothing was indexed\\x1b before\nthere are more: 1,200 in all; -n shows more of them\n"
	compared := "compared: 2021-08-03 08:18:07 to 2021-08-03 09:18:07 with 2021-08-02 08:18:07 to 2021-08-02 09:18:07, UTC\n"
	_, out, errs := loglode(t, &remote{patterns: somePatterns()}, "patterns", "--rising", "--service", "cart")
	require.Contains(t, out, "disk <*> is full")
	require.Contains(t, out, "BEFORE")
	require.Equal(t, told+compared+"\nlines of the first: loglode lines --pattern "+anID+" --service cart; -o wide shows the ID of each\n", errs)

	_, _, errs = loglode(t, &remote{patterns: somePatterns()}, "patterns", "--silent", "--from", "1h", "-o", "wide")
	require.Contains(t, errs, "loglode lines --from 2021-08-02T08:18:07Z --pattern "+anID+" --to 2021-08-02T09:18:07Z\n")

	_, out, errs = loglode(t, &remote{patterns: somePatterns()}, "patterns", "-o", "csv")
	require.Equal(t, 2, strings.Count(out, "\n"))
	require.Equal(t, told, errs)
	_, out, errs = loglode(t, &remote{patterns: somePatterns()}, "patterns", "-o", "json")
	require.Contains(t, out, `"total":1200`)
	require.Empty(t, errs)

	for args, says := range map[string]string{
		"patterns":                     "no patterns match\n",
		"patterns --new --namespace a": "nothing is new, with --namespace a\n",
		"patterns --silent":            "nothing has gone silent\n",
	} {
		code, out, errs := loglode(t, &remote{}, strings.Fields(args)...)
		require.Equal(t, exitOK, code)
		require.Empty(t, out)
		require.Equal(t, says, errs)
	}
}

func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"search --level ":     "warn+\n",
		"search --leg ":       "text\nvector\n:4\n",
		"search --output ":    "table\nwide\njson\n:4\n",
		"ask --output ":       "table\nwide\njson\n:4\n",
		"ask some words ":     ":4\n",
		"demo --incidents ":   "cache-config\npayment-oom\nbad-rollout\nslow-db\nall\nnone\n:4\n",
		"patterns --order ":   "count\nnew\nrising\nsilent\n:4\n",
		"patterns --output ":  "table\nwide\njson\ncsv\n:4\n",
		"patterns --kind ":    "log\nevent\nnode\n:4\n",
		"lines --order ":      "newest\noldest\nrank\n:4\n",
		"lines --namespace ":  ":4\n",
		"search some words ":  ":4\n",
		"patterns --against ": "1h\n1d\n1w\n:4\n",
	} {
		var out, errs bytes.Buffer
		words := strings.Fields(args)
		require.Equal(t, exitOK, run(t.Context(), append(append([]string{"__complete"}, words...), ""), strings.NewReader(""), &out, &errs))
		require.Contains(t, out.String(), want, args)
	}
}

func TestHelpTeaches(t *testing.T) {
	for _, name := range []string{"search", "patterns", "lines", "ask"} {
		var out, errs bytes.Buffer
		require.Equal(t, exitOK, run(t.Context(), []string{name, "--help"}, strings.NewReader(""), &out, &errs))
		require.Contains(t, out.String(), "Examples:\n  loglode "+name)
		require.Contains(t, out.String(), filterHelp)
		for row := range strings.SplitSeq(out.String(), "\n") {
			if !strings.Contains(row, "--") {
				require.LessOrEqual(t, len(row), 80, row)
			}
		}
	}
}
