package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

const (
	refused = "connection refused by <*>"
	full    = "disk full on <*>"
	killed  = "process <*> killed: oom"
	started = "server started in <*>"
)

func TestSearchScoresByHand(t *testing.T) {
	p, s := newPatterns(
		line(1, "connection refused by a", of(refused)),
		line(2, "disk full on sda", of(full), level(pipeline.LevelError)),
		line(3, "process 7 killed: oom", of(killed)),
		line(4, "server started in 3s", of(started)),
		line(5, "no pattern refused"),
	)
	got := search(t, s, query.SearchRequest{Query: "Connection denied wibble"})
	// Four documents: one holds "connect", none "deni" and "wibbl".
	one, none := idf(4, 1), idf(4, 0)
	c := one / (one + 2*none)
	require.Equal(t, []string{refused, full, started, killed}, templates(got)) // ties by pattern ID
	require.InDelta(t, 1+2*c*c, got.Hits[0].Score, 1e-12)
	require.InDelta(t, .15, got.Hits[1].Score, 1e-12) // an error
	require.InDelta(t, 0, got.Hits[2].Score, 1e-12)
	require.Equal(t, []string{"connect", "deni", "wibbl"}, got.Understood.Terms)
	require.Equal(t, []string{"denied", "wibble"}, got.Understood.Unknown)
	require.Equal(t, "Connection denied wibble", got.Understood.Text)
	require.EqualValues(t, 4, got.Patterns)
	require.Empty(t, got.Degraded)
	require.Equal(t, [3]int{1, 1, 4}, [3]int{len(p.documents), len(p.groupQueries), len(p.queries)}, "one read of examples a hit")

	text := search(t, s, query.SearchRequest{Query: "Connection denied wibble", Leg: query.LegText})
	require.Equal(t, []string{refused}, templates(text))
	require.InDelta(t, 2*c*c, text.Hits[0].Score, 1e-12)

	vector := search(t, s, query.SearchRequest{Query: "space in memory", Leg: query.LegVector, Limit: 2})
	require.Equal(t, []string{full, killed}, templates(vector)[:2])
	require.InDelta(t, math.Sqrt(.5), vector.Hits[0].Score, 1e-6)
	require.Empty(t, vector.Understood.Unknown)
}

func TestADocumentThatWaitsIsFoundByItsWords(t *testing.T) {
	p, s := newPatterns(line(1, "x", of(refused)), line(2, "x", of(full)))
	p.waiting = []string{refused}
	got := search(t, s, query.SearchRequest{Query: "connection refused"})
	require.Equal(t, []string{refused, full}, templates(got))
	require.InDelta(t, 2, got.Hits[0].Score, 1e-12)
	require.EqualValues(t, 1, got.Waiting)
}

func TestHitsCollapseByPattern(t *testing.T) {
	yesterday := at(noon.Add(-24 * time.Hour))
	event := func(n uint64, uid string, count uint64) pipeline.Entry {
		return line(n, "refused", of(refused), func(e *pipeline.Entry) {
			e.Kind, e.Event = pipeline.KindEvent, &pipeline.Event{UID: uid, Count: count}
		})
	}
	_, s := newPatterns(
		line(1, "1", of(refused)), line(2, "2", of(refused), yesterday),
		line(3, "3", of(refused), service("refused")), // covers more of the question
		line(4, "4", of(refused), namespace("pay"), level(pipeline.LevelWarn)), line(5, "5", of(refused), namespace("pay")),
		line(6, "6", of(refused), namespace("pay")),
		event(7, "a", 3), event(8, "a", 5), event(9, "b", 2),
		line(10, "10", of(full)),
	)
	got := search(t, s, query.SearchRequest{Query: "connection refused", Limit: 2})
	require.Len(t, got.Hits, 2)
	h := got.Hits[0]
	require.Equal(t, [2]string{refused, "log"}, [2]string{h.Template, h.Kind})
	require.Equal(t, [3]string{"west", "pay", "cart"}, [3]string{h.Cluster, h.Namespace, h.Service}) // it warns
	require.EqualValues(t, 6, h.Count)
	require.Equal(t, "warn", h.Level)
	require.Equal(t, noon.Add(-24*time.Hour), h.FirstSeen)
	require.Equal(t, noon.Add(-time.Second), h.LastSeen)
	require.Equal(t, []query.Place{{"west", "shop", "cart", 2}, {"west", "shop", "refused", 1}}, h.Also)
	for _, e := range h.Examples {
		require.Equal(t, "pay", e.Namespace)
	}
	require.Equal(t, "event", got.Hits[1].Kind)
	require.EqualValues(t, 7, got.Hits[1].Count) // 5 of a, 2 of b
	require.Len(t, got.Hits[1].Examples, 3)
}

func TestTheBestDocumentIsTheOneWithMostLinesWhereScoresAreEqual(t *testing.T) {
	entries := []pipeline.Entry{line(1, "x", of(refused), namespace("a"))}
	for n := range uint64(15) {
		for k := range n + 1 {
			entries = append(entries, line(100*n+k+100, "x", of(refused), namespace(fmt.Sprintf("n%02d", n))))
		}
	}
	_, s := newPatterns(entries...)
	h := search(t, s, query.SearchRequest{Query: "connection refused"}).Hits[0]
	require.Equal(t, "n14", h.Namespace)
	require.Len(t, h.Also, 10)
	require.Equal(t, query.Place{"west", "n13", "cart", 14}, h.Also[0])
	require.Equal(t, query.Place{"west", "n04", "cart", 5}, h.Also[9])
}

func TestFiltersThatDocumentsLackBindBothLegs(t *testing.T) {
	pod := func(name string) func(*pipeline.Entry) {
		return resource(func(r *pipeline.Resource) { r.Pod = name })
	}
	p, s := newPatterns(
		line(1, "a", of(refused)), line(2, "b", of("request refused")), line(3, "c", of(full), pod("web-1")),
		line(4, "d", of(refused), pod("web-1"), service("web")), line(5, "e", of(killed), pod("web-1"), at(noon.Add(-time.Hour))),
		line(6, "f", of("access denied"), pod("web-2")),
	)
	got := search(t, s, query.SearchRequest{Query: "connection refused", Selection: query.Selection{Pods: []string{"web-1"}, From: "30m"}})
	require.Equal(t, []string{refused, full}, templates(got))
	require.Equal(t, "web", got.Hits[0].Service)
	require.Empty(t, got.Hits[0].Also) // cart's lines are of another pod
	require.EqualValues(t, 1, got.Hits[0].Count)
	require.EqualValues(t, 2, got.Patterns)
	require.Len(t, p.groupQueries, 1) // it says the numbers, too
	require.Len(t, p.documents, 1)
	f := p.documents[0].Filter
	require.ElementsMatch(t, []pipeline.PatternID{pipeline.NewPatternID(refused), pipeline.NewPatternID(full)}, f.Patterns)
	require.Empty(t, f.Pods)
	require.Zero(t, f.From)
	require.Equal(t, "d", got.Hits[0].Examples[0].Message)

	got = search(t, s, query.SearchRequest{Query: "connection refused", Selection: query.Selection{Pods: []string{"web-9"}}})
	require.Empty(t, got.Hits)
	require.NotNil(t, got.Hits)
	require.Zero(t, got.Patterns)
	require.Len(t, p.documents, 1, "nothing is left to rank")

	p.documents = nil
	got = search(t, s, query.SearchRequest{Query: "connection refused", Selection: query.Selection{
		Services: []string{"web"}, Patterns: []string{pipeline.NewPatternID(refused).String()},
	}})
	require.Equal(t, []string{refused}, templates(got))
	require.Equal(t, []string{"web"}, p.documents[0].Filter.Services)
	require.Len(t, p.documents[0].Filter.Patterns, 1)
}

func TestHitsWithoutLinesMoveUp(t *testing.T) {
	p, s := newPatterns(line(1, "a", of(refused)), line(2, "b", of("request refused")), line(3, "c", of(full)))
	p.gone = []string{refused}
	got := search(t, s, query.SearchRequest{Query: "connection refused", Limit: 1})
	require.Equal(t, []string{"request refused"}, templates(got))
	p.gone = []string{refused, "request refused", full}
	require.Empty(t, search(t, s, query.SearchRequest{Query: "connection refused"}).Hits)
}

// Many patterns rank alike: the most frequent come first, and warnings that rank
// behind by less than what they add pass those before them.
func TestTiesGoByCountAndTroubleFirst(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(40) {
		template := fmt.Sprintf("refused <*> %c", 'a'+rune(n%26)) + strings.Repeat(" x", int(n/26))
		for k := range 1 + n%7 {
			entries = append(entries, line(1000*n+k+1, "refused", of(template)))
		}
	}
	entries = append(entries, line(90_000, "refused", of("refused zzz"), level(pipeline.LevelError)))
	p, s := newPatterns(entries...)
	p.embedder.err = errors.New("down")
	got := search(t, s, query.SearchRequest{Query: "refused", Limit: 6})
	require.Equal(t, "refused zzz", got.Hits[0].Template)
	for _, h := range got.Hits[1:] {
		require.EqualValues(t, 7, h.Count)
	}
}

func TestWordsThatAskAreNotUnknown(t *testing.T) {
	p, s := newPatterns(line(1, "connection refused by 10.0.0.1:1", of(refused)))
	got := search(t, s, query.SearchRequest{Query: "Why was the FrobZap refused?"})
	require.Equal(t, []string{"FrobZap"}, got.Understood.Unknown, "once, though it is two terms")
	require.Equal(t, []string{"whi", "frob", "zap", "refus"}, got.Understood.Terms)
	require.Equal(t, "concepts", p.documents[0].Model)
}

func TestTokensAreLookedUpInLines(t *testing.T) {
	const address = "10.128.0.7:5432"
	p, s := newPatterns(
		line(1, "connection refused by 10.128.0.8:5432", of(refused)), line(2, "older", of(refused)),
		line(3, "dial "+address, of("dial <*>")), line(4, "dial 10.0.0.1:1", of("dial <*>")), line(5, "dial 10.0.0.2:1", of("dial <*>")),
		line(6, "disk full on sda", of(full)),
	)
	got := search(t, s, query.SearchRequest{Query: "why is " + address + " refused"})
	require.Equal(t, []query.Token{{Token: address, Lines: 1, Patterns: 1}}, got.Understood.Tokens)
	require.Equal(t, []string{"whi", "refus"}, got.Understood.Terms)
	require.Equal(t, "why is "+address+" refused", got.Understood.Text)
	require.Equal(t, []string{"why is refused"}, p.embedder.texts)
	var dial query.Hit
	for _, h := range got.Hits {
		if h.Template == "dial <*>" {
			dial = h
		}
	}
	// N = 3; the token and "refus" are held by one, "whi" by none.
	c := idf(3, 1) / (2*idf(3, 1) + idf(3, 0))
	require.InDelta(t, 2*c*c, dial.Score, 1e-12)
	require.Equal(t, "dial "+address, dial.Examples[0].Message)
	require.Len(t, dial.Examples, 3)
	require.Equal(t, refused, got.Hits[0].Template)

	// A document that no leg returns is a candidate by its token.
	p.embedder.err = errors.New("down")
	got = search(t, s, query.SearchRequest{Query: address + " restarted"})
	require.Equal(t, []string{"dial <*>"}, templates(got))

	// A token that is nowhere stays in the denominator; alone it finds nothing.
	got = search(t, s, query.SearchRequest{Query: "refused by 10.9.9.9:99"})
	require.Equal(t, []query.Token{{Token: "10.9.9.9:99"}}, got.Understood.Tokens)
	c = idf(3, 1) / (idf(3, 1) + idf(3, 0))
	require.InDelta(t, 2*c*c, got.Hits[0].Score, 1e-12)
	require.Empty(t, search(t, s, query.SearchRequest{Query: "10.9.9.9:99"}).Hits)

	// The plain words of a token rank documents as well. A token that is in no
	// line is no more than its words; those that no document has do not count
	// against the others where the token is found.
	got = search(t, s, query.SearchRequest{Query: "disk-sdx-01 full"})
	require.Equal(t, []query.Token{{Token: "disk-sdx-01"}}, got.Understood.Tokens)
	require.Equal(t, []string{"disk", "sdx", "full"}, got.Understood.Terms)
	require.Empty(t, got.Understood.Unknown)
	require.InDelta(t, 2, got.Hits[0].Score, 1e-12)
	p.write(line(7, "disk-sdx-01 is gone", of("<*> is gone")))
	got = search(t, s, query.SearchRequest{Query: "disk-sdx-01 full"})
	require.EqualValues(t, 1, got.Understood.Tokens[0].Patterns)
	c = 2.0 / 3 // of four documents one has each
	require.Equal(t, full, got.Hits[0].Template)
	require.InDelta(t, 2*c*c, got.Hits[0].Score, 1e-12)
	c = 1.0 / 3
	require.InDelta(t, 2*c*c, got.Hits[1].Score, 1e-12)

	// A token within another is not cut out of it.
	for _, text := range []string{"10.1.1.1 210.1.1.1", "10.1.1.1 10.1.1.12", "10.1.1.12 10.1.1.1 10.1.1.1"} {
		got = search(t, s, query.SearchRequest{Query: text})
		require.Len(t, got.Understood.Tokens, 2, text)
		require.Empty(t, got.Understood.Terms, text)
	}

	// With filters, only within them.
	got = search(t, s, query.SearchRequest{Query: address, Selection: query.Selection{Namespaces: []string{"pay"}}})
	require.Zero(t, got.Understood.Tokens[0].Lines)
	require.Empty(t, got.Hits)
}

// A document far down in the vector leg gets its whole score by its token.
func TestADocumentThatIsFoundByItsTokenAloneHasItsVector(t *testing.T) {
	const address = "10.128.0.7:5432"
	entries := []pipeline.Entry{line(1, "denied disk "+address, of("denied disk <*>"))}
	for n := range uint64(210) {
		entries = append(entries, line(n+2, "refused", of(fmt.Sprintf("refused <*> %c%c", 'a'+rune(n%26), 'a'+rune(n/26)))))
	}
	p, s := newPatterns(entries...)
	got := search(t, s, query.SearchRequest{Query: "refused " + address, Limit: 1})
	require.Equal(t, []string{"denied disk <*>"}, templates(got))
	c := idf(211, 1) / (idf(211, 1) + idf(211, 210))
	require.InDelta(t, math.Sqrt(.5)+2*c*c, got.Hits[0].Score, 1e-6)
	require.Len(t, p.documents, 2)
}

func TestTroublePassesWhatRanksALittleBetter(t *testing.T) {
	p, s := newPatterns(
		line(1, "a", of("refused a")), line(2, "b", of("refused b")),
		line(3, "c", of("refused refused disk"), level(pipeline.LevelWarn)), // cosine 2/sqrt 5
		line(4, "d", of("refused disk"), level(pipeline.LevelFatal)),        // cosine .71: too far behind
	)
	got := search(t, s, query.SearchRequest{Query: "refused", Limit: 1})
	require.Equal(t, []string{"refused refused disk"}, templates(got))
	require.InDelta(t, 2+2/math.Sqrt(5)+.15, got.Hits[0].Score, 1e-6)
	require.Len(t, p.groupQueries, 1)
	require.Len(t, p.groupQueries[0].Filter.Patterns, 3)
}

func TestSearchGoesOnWithoutTheEmbedder(t *testing.T) {
	p, s := newPatterns(line(1, "a", of(refused)), line(2, "b", of(full)))
	p.embedder.err = errors.New("https://user:secret@example.com answered 503")
	got := search(t, s, query.SearchRequest{Query: "connection refused"})
	require.Equal(t, []string{refused}, templates(got))
	require.Contains(t, got.Degraded, "words alone")
	require.NotContains(t, got.Degraded, "secret")
	require.Nil(t, p.documents[0].Vector)

	_, err := s.Search(context.Background(), query.SearchRequest{Query: "connection refused", Leg: query.LegVector})
	require.ErrorIs(t, err, pipeline.ErrTryLater)

	got = search(t, s, query.SearchRequest{Query: "connection refused", Leg: query.LegText})
	require.Empty(t, got.Degraded, "nothing was left out")

	p.embedder.err = nil
	p.documents = nil
	got = search(t, s, query.SearchRequest{Query: "connection"}) // a zero vector
	require.Empty(t, got.Degraded)
	require.Nil(t, p.documents[0].Vector)
	require.Equal(t, "concepts", p.documents[0].Model, "what waits is counted all the same")
	require.Equal(t, []string{refused}, templates(got))

	s.Embedder = nil
	p.waiting = []string{refused, full}
	got = search(t, s, query.SearchRequest{Query: "connection refused"})
	require.Empty(t, got.Degraded, "words alone are what was chosen")
	require.Zero(t, got.Waiting)
	require.Equal(t, []string{refused}, templates(got))
	_, err = s.Search(context.Background(), query.SearchRequest{Query: "connection refused", Leg: query.LegVector})
	requireRejected(t, err, "a leg that is not there")

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Search(ctx, query.SearchRequest{Query: "connection refused"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestFiltersAreReadOutOfTheQuestion(t *testing.T) {
	p, s := newPatterns(
		line(1, "a", of(refused)), line(2, "b", of(refused), namespace("pay")),
		line(3, "c", of(full), at(noon.Add(-24*time.Hour))),
		line(4, "d", of(killed), resource(func(r *pipeline.Resource) { r.Pod, r.Node = "cart-7d9f-x1", "ip-10-0-0-1.internal" })),
	)
	for question, want := range map[string]struct {
		filters query.Selection
		text    string
		read    []string
	}{
		"refused in namespace shop since this morning": {
			query.Selection{Namespaces: []string{"shop"}, From: "2021-08-03T00:00:00Z"}, "refused", []string{"in namespace shop", "since this morning"},
		},
		"refused in namespace nowhere":       {query.Selection{}, "refused in namespace nowhere", []string{}},
		"refused in namespaces shop and pay": {query.Selection{Namespaces: []string{"shop", "pay"}}, "refused", []string{"in namespaces shop and pay"}},
		"refused in namespaces shop and xy":  {query.Selection{}, "refused in namespaces shop and xy", []string{}},
		"in namespace shop":                  {query.Selection{Namespaces: []string{"shop"}}, "in namespace shop", []string{"in namespace shop"}},
		"oom in pod cart-7d9f..":             {query.Selection{Pods: []string{"cart-7d9f*"}}, "oom", []string{"in pod cart-7d9f.."}},
		"oom in pod cart-7d9f":               {query.Selection{Pods: []string{"cart-7d9f-*"}}, "oom", []string{"in pod cart-7d9f"}},
		"oom on node ip-10-0-0-1":            {query.Selection{Nodes: []string{"ip-10-0-0-1.*"}}, "oom", []string{"on node ip-10-0-0-1"}},
		"oom in namespace Shop level:info":   {query.Selection{Namespaces: []string{"shop"}, Levels: []string{"info"}}, "oom", []string{"in namespace Shop", "level:info"}},
		"namespace deletion stuck":           {query.Selection{}, "namespace deletion stuck", []string{}},
	} {
		got := search(t, s, query.SearchRequest{Query: question}).Understood
		require.Equal(t, want.filters, got.Filters, question)
		require.Equal(t, want.text, got.Text, question)
		require.Equal(t, want.read, got.Read, question)
	}
	got := search(t, s, query.SearchRequest{Query: "refused in namespace pay"})
	require.Equal(t, []string{refused}, templates(got)[:1])
	require.EqualValues(t, 1, got.Hits[0].Count)

	got = search(t, s, query.SearchRequest{Query: "refused in namespace pay yesterday", Selection: query.Selection{
		Namespaces: []string{"shop"}, To: "now",
	}})
	require.Equal(t, query.Selection{Namespaces: []string{"shop"}, To: "now"}, got.Understood.Filters)
	require.Empty(t, got.Understood.Read)

	p.queries = nil
	got = search(t, s, query.SearchRequest{Query: "refused in namespace pay today", Literal: true, Examples: new(int)})
	require.Equal(t, query.Selection{}, got.Understood.Filters)
	require.Empty(t, p.queries, "no name is looked up, no example is read")
}

func TestExamplesAreASampleThatIsAlwaysTheSame(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(1000) {
		e := line(n+1, fmt.Sprintf("refused %d", n+1), of(refused))
		e.ID[0], e.ID[1] = byte((n*7919)>>8), byte(n*7919) // a hash
		entries = append(entries, e)
	}
	entries = append(entries, line(2000, "long "+strings.Repeat("é", 4000), of(full)))
	_, s := newPatterns(entries...)
	examples := 20
	first := search(t, s, query.SearchRequest{Query: "refused", Examples: &examples}).Hits[0].Examples
	require.Len(t, first, 20)
	require.Equal(t, first, search(t, s, query.SearchRequest{Query: "refused", Examples: &examples}).Hits[0].Examples)
	seen := map[string]bool{}
	for _, e := range first {
		seen[e.Message] = true
	}
	require.Len(t, seen, 20)
	require.NotEqual(t, "refused 1", first[0].Message, "not the newest")

	long := search(t, s, query.SearchRequest{Query: "disk full"}).Hits[0].Examples[0].Message
	require.LessOrEqual(t, len(long), 2000)
	require.Greater(t, len(long), 1990)
	require.True(t, utf8.ValidString(long))
}

// Of two lines long ago and many now, an instant drawn between them leaves few
// lines before it.
func TestExamplesAreFullWhereFewLinesAreOld(t *testing.T) {
	for _, template := range []string{"refused a", "refused b", "refused c", "refused d"} {
		entries := []pipeline.Entry{line(5000, "old", of(template), at(noon.Add(-24*time.Hour)))}
		for n := range uint64(200) {
			entries = append(entries, line(n+1, "new", of(template)))
		}
		_, s := newPatterns(entries...)
		require.Len(t, search(t, s, query.SearchRequest{Query: "refused"}).Hits[0].Examples, 3)
	}
}

func TestSearchIsDeterministic(t *testing.T) {
	var entries []pipeline.Entry
	for n := range uint64(300) {
		entries = append(entries, line(n+1, fmt.Sprintf("refused full %d 10.1.1.1", n),
			of([]string{refused, full, killed, started, "refused <*>", "full <*>"}[n%6]), namespace(fmt.Sprint("n", n%5)), service(fmt.Sprint("s", n%3))))
	}
	p, s := newPatterns(entries...)
	var want string
	for seed := range uint64(10) {
		p.shuffle = rand.New(rand.NewPCG(seed, 1))
		text, err := json.Marshal(search(t, s, query.SearchRequest{Query: "connection refused 10.1.1.1 disk full", Limit: 4}))
		require.NoError(t, err)
		if seed == 0 {
			want = string(text)
		}
		require.Equal(t, want, string(text), seed)
	}
}

func TestATenantSeesNothingOfOthers(t *testing.T) {
	const secret = "payment of <*> refused"
	p, s := newPatterns(
		line(1, "connection refused by 10.1.2.3", of(refused)),
		line(2, "connection refused by 10.1.2.3", of(refused), namespace("pay"), level(pipeline.LevelFatal)),
		line(3, "payment of 10.1.2.3 refused", of(secret), namespace("pay")),
		line(4, "old", of(refused), at(noon.Add(-25*time.Hour))),
	)
	ctx := query.WithScopes(context.Background(), shopOnly)
	got, err := s.Search(ctx, query.SearchRequest{Query: "payment refused in namespace pay 10.1.2.3"})
	require.NoError(t, err)
	require.Equal(t, []string{refused}, templates(got))
	h := got.Hits[0]
	require.EqualValues(t, 2, h.Count)
	require.Equal(t, "info", h.Level)
	require.Empty(t, h.Also)
	require.EqualValues(t, 1, got.Patterns)
	require.Empty(t, got.Understood.Read, "whether there is a namespace pay is not told")
	require.Equal(t, query.Selection{}, got.Understood.Filters)
	require.Contains(t, got.Understood.Unknown, "payment")
	require.Equal(t, []query.Token{{Token: "10.1.2.3", Lines: 1, Patterns: 1}}, got.Understood.Tokens)
	for _, e := range h.Examples {
		require.Equal(t, "shop", e.Namespace)
	}

	list, err := s.PatternList(ctx, query.PatternsRequest{})
	require.NoError(t, err)
	require.Len(t, list.Patterns, 1)
	require.EqualValues(t, 2, list.Patterns[0].Count)
	list, err = s.PatternList(ctx, query.PatternsRequest{Order: query.OrderSilent, Selection: query.Selection{Namespaces: []string{"pay"}}})
	require.NoError(t, err)
	require.Empty(t, list.Patterns)
	require.Contains(t, list.Note, "no line matches")

	for _, q := range p.groupQueries {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	for _, q := range p.documents {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	for _, q := range p.queries {
		require.Equal(t, shopOnly, q.Filter.Scopes)
	}
	got, err = s.Search(query.WithScopes(context.Background(), []pipeline.Scope{}), query.SearchRequest{Query: "refused"})
	require.NoError(t, err)
	require.Empty(t, got.Hits)
}

func TestSearchRequestsAreChecked(t *testing.T) {
	_, s := newPatterns(line(1, "a", of(refused)))
	tooMany, negative := 21, -1
	for name, r := range map[string]query.SearchRequest{
		"empty":     {},
		"blank":     {Query: " \n"},
		"long":      {Query: strings.Repeat("x", 4097)},
		"zero byte": {Query: "a\x00"},
		"limit":     {Query: "a", Limit: 201},
		"below":     {Query: "a", Limit: -1},
		"examples":  {Query: "a", Examples: &tooMany},
		"negative":  {Query: "a", Examples: &negative},
		"leg":       {Query: "a", Leg: "arm"},
		"level":     {Query: "a", Selection: query.Selection{Levels: []string{"loud"}}},
		"time":      {Query: "a since yesterday", Selection: query.Selection{From: "whenever"}},
	} {
		_, err := s.Search(context.Background(), r)
		requireRejected(t, err, name)
	}
	s.Patterns = nil
	_, err := s.Search(context.Background(), query.SearchRequest{Query: "a"})
	requireRejected(t, err, "no patterns")
	_, err = s.PatternList(context.Background(), query.PatternsRequest{})
	requireRejected(t, err, "no patterns")
}

func TestDecodeSearchRequest(t *testing.T) {
	got, err := query.DecodeSearchRequest(strings.NewReader(
		`{"query":"refused","namespace":["shop"],"label":["a=b,c"],"from":"2h","limit":5,"examples":0,"literal":true,"leg":"text"}`))
	require.NoError(t, err)
	require.Equal(t, query.SearchRequest{Query: "refused", Limit: 5, Examples: new(int), Literal: true, Leg: "text", Selection: query.Selection{
		Namespaces: []string{"shop"}, Labels: []string{"a=b,c"}, From: "2h",
	}}, got)
	for text, hint := range map[string]string{
		`{"query":"a","namespaces":["x"]}`: `namespaces`,
		`{"query":"a","namespace":"x"}`:    `namespace is a JSON string`,
		`{"query":7}`:                      `query is a JSON number`,
		`{"query":"a","limit":"x"}`:        `limit`,
		`{"query":"a","limit":1.5}`:        `limit`,
		`{"query":"a"} {}`:                 `more than one`,
		`{"query":"a"`:                     `no JSON`,
		``:                                 `no JSON`,
		`["a"]`:                            `no JSON object`,
		`{"query":"` + strings.Repeat("x", 300_000) + `"}`:    `too large`,
		strings.Repeat(`[`, 20_000) + strings.Repeat("]", 20): `no JSON`,
	} {
		_, err := query.DecodeSearchRequest(strings.NewReader(text))
		requireRejected(t, err, text)
		require.ErrorContains(t, err, hint)
	}
}

func TestParametersReadBackToTheSame(t *testing.T) {
	three := 3
	selection := query.Selection{Namespaces: []string{"shop", "pay"}, Labels: []string{"a=b,c"}, From: "2h", Levels: []string{"warn+"}}
	for _, r := range []query.SearchRequest{
		{}, {Query: "a b&c", Selection: selection, Limit: 7, Examples: &three, Literal: true, Leg: "vector"}, {Examples: new(int)},
	} {
		got, err := query.ParseSearchRequest(r.Values())
		require.NoError(t, err)
		require.Equal(t, r.Values(), got.Values())
		require.Equal(t, r.Examples, got.Examples)
	}
	for _, r := range []query.PatternsRequest{{}, {Selection: selection, Order: "new", Against: "1d", Limit: 9}} {
		got, err := query.ParsePatternsRequest(r.Values())
		require.NoError(t, err)
		require.Equal(t, r.Values(), got.Values())
	}
	for _, text := range []string{"query=a", "q=a&q=b", "limit=0", "limit=201", "examples=21", "examples=x", "literal=maybe", "cursor=x"} {
		v, err := url.ParseQuery(text)
		require.NoError(t, err)
		_, err = query.ParseSearchRequest(v)
		requireRejected(t, err, text)
	}
	for _, text := range []string{"q=a", "order=new&order=rising", "limit=0", "against=1d&against=2d", "sort=new"} {
		v, err := url.ParseQuery(text)
		require.NoError(t, err)
		_, err = query.ParsePatternsRequest(v)
		requireRejected(t, err, text)
	}
}
