package render_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/render"
	"github.com/loglode/loglode/query"
)

// clock is when the answers of these tests are read.
var clock = at.Add(3*time.Minute + 5*time.Second)

func hits() query.SearchResponse {
	return query.SearchResponse{
		Patterns: 3400, Waiting: 12, Degraded: "the embedder did not answer",
		Understood: query.Understood{
			Text: "payments time out", Terms: []string{"payment", "time"}, Unknown: []string{"frobnicate"},
			Tokens:  []query.Token{{Token: "10.0.3.17", Lines: 1204, Patterns: 1}, {Token: "cafe-1234", Lines: 0}},
			Filters: query.Selection{Namespaces: []string{"shop", "pay"}, Levels: []string{"warn+"}, Labels: []string{"app=a b"}, From: "2021-08-03T00:00:00Z"},
			Read:    []string{"in namespace shop or pay", "since this morning"},
		},
		Hits: []query.Hit{
			{
				PatternID: "3f2a9c0d1e4b5a69788796a5b4c3d2e1", Template: "upstream request to <*> timed out after <*> ms: context deadline exceeded, giving up on order <*> of customer <*> for now; retry in <*> s",
				Kind: "log", Cluster: "west", Namespace: "shop", Service: "checkout", Level: "error", Count: 1204,
				FirstSeen: at.Add(-50 * time.Hour), LastSeen: at, Score: 2.8712,
				Examples: []query.Example{
					{ID: "00000000000000000000000000000001", Time: at, Namespace: "shop", Pod: "checkout-5d9f7c8b6d-x2x4k", Message: "upstream request to 10.0.3.17:8443 timed out after 30000 ms: context deadline exceeded, giving up on order 77 of customer 12 for now; retry in 5 s"},
					{ID: "00000000000000000000000000000002", Time: at.Add(-time.Hour), Namespace: "shop", Pod: "checkout-0", Message: "two\nlines\n"},
				},
				Also: []query.Place{{Cluster: "west", Namespace: "shop", Service: "cart", Count: 1200}, {Cluster: "east", Namespace: "", Service: "kubelet", Count: 1}},
			},
			{
				PatternID: "00000000000000000000000000000009", Template: "java.lang.Error: <*>\n\tat a.B.c(B.java:<*>)\n\tat d.E.f\n\tat g.H.i\n\tat j.K.l", Kind: "log",
				Namespace: "openshift-kube-controller-manager-operator", Service: "kube-controller-manager-operator-with-a-long-name", Level: "warn",
				Count: 3, FirstSeen: at, LastSeen: at.Add(3 * time.Minute), Score: .5,
			},
			{
				PatternID: "00000000000000000000000000000008", Template: hostile, Kind: hostile, Namespace: hostile, Service: hostile, Level: "", Count: 1,
				FirstSeen: at.Add(time.Hour), LastSeen: at.Add(time.Hour), Score: 0,
				Examples: []query.Example{{ID: hostile, Time: at, Namespace: hostile, Pod: hostile, Message: hostile}, {Message: "漢字漢字 no time, no pod"}},
				Also:     []query.Place{{Namespace: hostile, Service: hostile}},
			},
		},
	}
}

func search(t *testing.T, f render.Format, terminal render.Terminal, r query.SearchResponse) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render.Search(&b, f, terminal, clock, r))
	return b.String()
}

func TestSearch(t *testing.T) {
	for name, c := range map[string]struct {
		format   render.Format
		terminal render.Terminal
	}{
		"search-100.golden":     {render.FormatTable, render.Terminal{Width: 100}},
		"search-pipe.golden":    {render.FormatTable, render.Terminal{}},
		"search-colours.golden": {render.FormatTable, render.Terminal{Width: 100, Colours: true}},
		"search-wide.golden":    {render.FormatWide, render.Terminal{Width: 100}},
		"search-narrow.golden":  {render.FormatTable, render.Terminal{Width: 60}},
	} {
		golden(t, name, []byte(search(t, c.format, c.terminal, hits())))
	}
}

func TestSearchSaysOnlyWhatIsUnexpected(t *testing.T) {
	r := hits()
	r.Understood = query.Understood{Text: "a", Filters: query.Selection{Namespaces: []string{"shop"}}}
	r.Waiting, r.Degraded = 0, ""
	require.True(t, strings.HasPrefix(search(t, render.FormatTable, render.Terminal{}, r), "#  SCORE"))
	r.Hits = nil
	require.Empty(t, search(t, render.FormatTable, render.Terminal{}, r))
	r.Waiting, r.Patterns = 1, 1
	require.Equal(t, "waiting   1 of 1 pattern waits for a vector: found by words alone\n", search(t, render.FormatTable, render.Terminal{}, r))
}

func TestSearchAsJSONIsOneDocument(t *testing.T) {
	text := search(t, render.FormatJSON, render.Terminal{}, hits())
	require.Equal(t, 1, strings.Count(text, "\n"))
	var got query.SearchResponse
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	require.Equal(t, hits().Understood, got.Understood)
	require.Equal(t, hits().Hits[0], got.Hits[0])
}

func rows() query.PatternsResponse {
	window, day := at.Add(-9*time.Hour), 24*time.Hour
	earlier, earlierEnd := window.Add(-day), at.Add(-day)
	r := query.PatternsResponse{Total: 7, Window: query.TimeRange{From: &window, To: &at}, Before: &query.TimeRange{From: &earlier, To: &earlierEnd}, Note: "n"}
	for i, h := range hits().Hits {
		r.Patterns = append(r.Patterns, query.PatternRow{
			PatternID: h.PatternID, Template: h.Template, Kind: h.Kind, Cluster: h.Cluster, Namespace: h.Namespace, Service: h.Service, Level: h.Level,
			Count: h.Count * 1000, Before: int64(i), FirstSeen: h.FirstSeen, LastSeen: h.LastSeen,
		})
	}
	return r
}

func patterns(t *testing.T, f render.Format, terminal render.Terminal, order string, r query.PatternsResponse) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, render.Patterns(&b, f, terminal, clock, order, r))
	return b.String()
}

func TestPatterns(t *testing.T) {
	for name, c := range map[string]struct {
		format   render.Format
		terminal render.Terminal
		order    string
	}{
		"patterns-100.golden":     {render.FormatTable, render.Terminal{Width: 100}, query.OrderCount},
		"patterns-new.golden":     {render.FormatTable, render.Terminal{Width: 100}, query.OrderNew},
		"patterns-rising.golden":  {render.FormatTable, render.Terminal{Width: 100}, query.OrderRising},
		"patterns-silent.golden":  {render.FormatTable, render.Terminal{Width: 100}, query.OrderSilent},
		"patterns-pipe.golden":    {render.FormatTable, render.Terminal{}, ""},
		"patterns-colours.golden": {render.FormatTable, render.Terminal{Width: 100, Colours: true}, query.OrderCount},
		"patterns-wide.golden":    {render.FormatWide, render.Terminal{Width: 100}, query.OrderRising},
		"patterns-csv.golden":     {render.FormatCSV, render.Terminal{}, query.OrderCount},
	} {
		golden(t, name, []byte(patterns(t, c.format, c.terminal, c.order, rows())))
	}
	require.Empty(t, patterns(t, render.FormatTable, render.Terminal{}, query.OrderNew, query.PatternsResponse{}))
	var got query.PatternsResponse
	require.NoError(t, json.Unmarshal([]byte(patterns(t, render.FormatJSON, render.Terminal{}, "", rows())), &got))
	require.Equal(t, rows().Patterns[0], got.Patterns[0])
	require.Equal(t, rows().Total, got.Total)
}

var sgr = regexp.MustCompile("\x1b\\[[0-9]*m")

func TestAnswersFitTheTerminal(t *testing.T) {
	many := hits()
	for i := range many.Hits {
		many.Hits[i].Template = strings.Repeat("漢字 <*> and a long word ", 50)
		many.Hits[i].Examples = append(many.Hits[i].Examples, query.Example{Time: at, Pod: strings.Repeat("p", 99), Message: strings.Repeat("m\n", 99)})
	}
	table := rows()
	for i := range table.Patterns {
		table.Patterns[i].Template = many.Hits[i].Template
	}
	for _, columns := range []int{80, 100, 250} {
		for _, f := range []render.Format{render.FormatTable, render.FormatWide} {
			terminal := render.Terminal{Width: columns, Colours: true}
			text := search(t, f, terminal, many) + patterns(t, f, terminal, query.OrderRising, table)
			for row := range strings.SplitSeq(sgr.ReplaceAllString(text, ""), "\n") {
				require.LessOrEqual(t, uniseg.StringWidth(row), columns, row)
			}
		}
	}
	for _, columns := range []int{1, 2, 10, 40} { // nothing to be read there, but no fault either
		terminal := render.Terminal{Width: columns}
		search(t, render.FormatWide, terminal, many)
		patterns(t, render.FormatTable, terminal, query.OrderRising, table)
	}
}

func TestStrangersPatternsAreHarmlessInEveryForm(t *testing.T) {
	r := hits()
	r.Understood.Text, r.Understood.Read, r.Understood.Unknown = hostile, []string{hostile}, []string{hostile}
	r.Understood.Tokens, r.Understood.Filters.Services = []query.Token{{Token: hostile}}, []string{hostile}
	for _, terminal := range []render.Terminal{{}, {Width: 50}, {Width: 100}} {
		for _, f := range []render.Format{render.FormatTable, render.FormatWide, render.FormatJSON} {
			require.False(t, harmful(search(t, f, terminal, r)), f)
			require.False(t, harmful(patterns(t, f, terminal, "", rows())), f)
		}
	}
	require.False(t, harmful(patterns(t, render.FormatCSV, render.Terminal{}, "", rows())))
}

func TestFlags(t *testing.T) {
	for want, s := range map[string]query.Selection{
		"":                                           {},
		"--namespace a,b":                            {Namespaces: []string{"a", "b"}},
		"--level warn+ --pod 'cart-*'":               {Levels: []string{"warn+"}, Pods: []string{"cart-*"}},
		"--label a=b,c --label 'd=e f'":              {Labels: []string{"a=b,c", "d=e f"}},
		"--from '2021-08-03 09:18' --to now":         {From: "2021-08-03 09:18", To: "now"},
		`--service 'x'\''; rm -rf $HOME'`:            {Services: []string{"x'; rm -rf $HOME"}},
		`--service 'a\x1b[2J'`:                       {Services: []string{"a\x1b[2J"}},
		"--pattern 3f2a9c0d1e4b5a69788796a5b4c3d2e1": {Patterns: []string{"3f2a9c0d1e4b5a69788796a5b4c3d2e1"}},
	} {
		require.Equal(t, want, render.Flags(s))
	}
}

func TestRange(t *testing.T) {
	end := at.Add(time.Hour)
	require.Equal(t, "2021-08-03 09:18:07 to 2021-08-03 10:18:07", render.Range(query.TimeRange{From: &at, To: &end}))
	require.Equal(t, "the beginning to now", render.Range(query.TimeRange{}))
}

func TestRowsBreakBetweenWords(t *testing.T) {
	r := query.SearchResponse{Hits: []query.Hit{{Template: "  a " + strings.Repeat("word ", 20) + strings.Repeat("x", 90) + " end"}}}
	text := search(t, render.FormatWide, render.Terminal{Width: 44}, r)
	require.Contains(t, text, "      a word word word word word word word\n    word word")
	require.Contains(t, text, "\n    "+strings.Repeat("x", 40)+"\n    "+strings.Repeat("x", 40)+"\n    "+strings.Repeat("x", 10)+" end\n")
}
