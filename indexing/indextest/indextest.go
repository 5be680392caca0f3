// Package indextest holds the suites that every store must pass: SQLite now,
// OpenSearch later.
//
//	a store's test -> TestIndex(t, Harness) -> writes and queries
//	                                       -> the same to a model -> must agree
package indextest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// Store is what a store of lines implements.
type Store interface {
	pipeline.Index
	pipeline.LineReader
}

// Harness opens stores for the suite. They must use View, or an index of their
// own that tells apart what View does.
type Harness struct {
	// Open returns a new and empty store, which the harness closes when t ends.
	Open func(t *testing.T) Store
	// Reopen closes a store and opens its data again.
	Reopen func(t *testing.T, s Store) Store
	// Refresh makes what was written visible to readers; nil where that is so
	// at once.
	Refresh func(t *testing.T, s Store)
	// Only names the tests that are run; none: all of them.
	Only []string
}

// TestIndex is the suite of pipeline.Index and pipeline.LineReader.
func TestIndex(t *testing.T, h Harness) {
	tests := []struct {
		name string
		run  func(t *testing.T, x *run)
	}{
		{"create", testCreate},
		{"equal beginnings of IDs", testNearIDs},
		{"round trip", testRoundTrip},
		{"days", testDays},
		{"rejects what is too large", testTooLarge},
		{"line by ID", testLine},
		{"filters", testFilters},
		{"scopes", testScopes},
		{"text", testText},
		{"ties and pages", testTies},
		{"sequence numbers are numbers", testSequences},
		{"rank", testRank},
		{"rank stays while lines come in", testRankPages},
		{"bad cursors", testBadCursors},
		{"follow", testFollow},
		{"follow pages", testFollowPages},
		{"scan", testScan},
		{"reopen", testReopen},
		{"unicode", testUnicode},
		{"keeps nothing", testKeepsNothing},
		{"concurrent", testConcurrent},
		{"model", testModel},
	}
	var names []string
	for _, tt := range tests {
		names = append(names, tt.name)
		if wanted(h.Only, tt.name) {
			t.Run(tt.name, func(t *testing.T) {
				tt.run(t, &run{t: t, h: h, store: h.Open(t), model: newModel()})
			})
		}
	}
	require.Subset(t, names, h.Only)
}

// wanted says whether a test is one of those that a harness names.
func wanted(only []string, name string) bool { return len(only) == 0 || slices.Contains(only, name) }

// run is a store beside its model.
type run struct {
	t     *testing.T
	h     Harness
	store Store
	model *model
}

// write writes to both and compares the outcomes.
func (x *run) write(entries ...pipeline.Entry) {
	x.t.Helper()
	results := make([]pipeline.WriteResult, len(entries))
	require.NoError(x.t, x.store.Write(context.Background(), entries, results))
	for i, want := range x.model.write(entries) {
		require.Equal(x.t, pipeline.WriteResult{Outcome: want}, results[i], "entry %d", i)
	}
	x.refresh()
}

func (x *run) refresh() {
	if x.h.Refresh != nil {
		x.h.Refresh(x.t, x.store)
	}
}

// all reads every page of a query.
func (x *run) all(q pipeline.LineQuery) []pipeline.Line {
	x.t.Helper()
	var lines []pipeline.Line
	for {
		page, err := x.store.Lines(context.Background(), q)
		require.NoError(x.t, err)
		require.LessOrEqual(x.t, len(page.Lines), q.Limit)
		lines = append(lines, page.Lines...)
		if page.Next == "" {
			return lines
		}
		require.NotEmpty(x.t, page.Lines, "a page with a next one is not empty")
		require.NotEqual(x.t, q.Cursor, page.Next)
		q.Cursor = page.Next
	}
}

// check asks both and compares.
func (x *run) check(q pipeline.LineQuery) {
	x.t.Helper()
	if q.Limit == 0 {
		q.Limit = 10_000
	}
	want := x.model.search(q)
	got := x.all(q)
	require.Equal(x.t, len(want), len(got), "number of lines: %+v", q)
	if q.Order != pipeline.ByRank {
		for i := range want {
			require.Equal(x.t, want[i], got[i], "line %d of %+v", i, q)
		}
		return
	}
	// Scores may differ in the last bit, and with them the order of equals.
	byID := make(map[pipeline.ID]pipeline.Line, len(want))
	for _, l := range want {
		byID[l.ID] = l
	}
	for i, l := range got {
		w, ok := byID[l.ID]
		require.True(x.t, ok, "line %d of %+v stands twice or does not match: %+v", i, q, l)
		delete(byID, l.ID)
		require.InDelta(x.t, w.Score, l.Score, 1e-9, "score of line %d of %+v", i, q)
		w.Score = l.Score
		require.Equal(x.t, w, l)
		if i > 0 {
			require.Negative(x.t, compareLines(q.Order, &got[i-1], &got[i]), "order of line %d of %+v", i, q)
		}
	}
}

func ids(lines []pipeline.Line) []pipeline.ID {
	list := make([]pipeline.ID, len(lines))
	for i := range lines {
		list[i] = lines[i].ID
	}
	return list
}

func testCreate(t *testing.T, x *run) {
	g := newGenerator(1, 2)
	entries := g.entries(5)
	x.write()
	x.write(entries[0], entries[1], entries[0], entries[0])
	x.write(entries[1], entries[2])
	changed := entries[2]
	changed.Raw, changed.Level = "another text", pipeline.LevelFatal
	changed.Message, changed.Attributes = View(changed.Kind, changed.Raw, 0)
	x.write(changed)
	x.check(pipeline.LineQuery{})

	many := g.entries(3000)
	x.write(many...)
	x.write(many...)
	x.write(slices.Concat(many[:100], g.entries(100), many[100:200])...)
	x.check(pipeline.LineQuery{})

	require.Error(t, x.store.Write(context.Background(), entries, make([]pipeline.WriteResult, 1)), "as many results as entries")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, x.store.Write(ended, g.entries(1), make([]pipeline.WriteResult, 1)), context.Canceled)
}

func testNearIDs(_ *testing.T, x *run) {
	g := newGenerator(2, 1)
	entries := g.entries(600)
	for i := range entries {
		entries[i].ID = pipeline.ID{14: byte(i >> 8), 15: byte(i)} // the same first 14 bytes
	}
	x.write(entries[:300]...)
	x.write(entries...)
	x.check(pipeline.LineQuery{})
	for _, i := range []int{0, 299, 599} {
		line, err := x.store.Line(context.Background(), entries[i].ID)
		require.NoError(x.t, err)
		require.Equal(x.t, entries[i], line.Entry)
	}
}

func testRoundTrip(t *testing.T, x *run) {
	g := newGenerator(3, 1)
	e := g.entry()
	tests := map[string]func(e *pipeline.Entry){
		"as it is":    func(*pipeline.Entry) {},
		"bare":        func(e *pipeline.Entry) { *e = pipeline.Entry{ID: e.ID, Time: e.Time, Resource: &pipeline.Resource{}} },
		"before 1970": func(e *pipeline.Entry) { e.Time, e.CollectorTime = -1, -1 },
		"far future":  func(e *pipeline.Entry) { e.Time = 1<<62 + 12345; e.CollectorTime = -1 << 62 },
		"largest numbers": func(e *pipeline.Entry) {
			e.Occurrence = 1<<64 - 1
			e.Lineage.Index = 1<<62 - 1
			e.Lineage.Sub = 1 << 40
		},
		"kinesis sequence": func(e *pipeline.Entry) {
			e.Lineage.Partition, e.Lineage.Sequence = "shardId-000000000001", "49607379568236489513495345678901234567890123456789012345"
		},
		"newlines and NULs": func(e *pipeline.Entry) { e.Raw = "a\nb\x00c\r\n\td\x1b[31m" },
		"broken UTF-8":      func(e *pipeline.Entry) { e.Raw = "caf\xe9 \xff\xfe" },
		"empty text":        func(e *pipeline.Entry) { e.Raw = "" },
		"a megabyte":        func(e *pipeline.Entry) { e.Raw = strings.Repeat("panic: runtime error\n", 50_000) },
		"event": func(e *pipeline.Entry) {
			e.Kind = pipeline.KindEvent
			e.Event = &pipeline.Event{UID: "u", ResourceVersion: "9", Count: 1<<64 - 1, Reason: "Killing", ObjectKind: "Pod", ObjectNamespace: "n", ObjectName: "p"}
		},
		"empty event": func(e *pipeline.Entry) { e.Kind = pipeline.KindEvent; e.Event = &pipeline.Event{} },
	}
	n := byte(0)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			n++
			one := e
			one.ID[0], one.Event, one.Kind, one.Lineage.Index = n, nil, pipeline.KindLog, int(n)
			change(&one)
			one.Message, one.Attributes = View(one.Kind, one.Raw, 0)
			x.write(one)
			line, err := x.store.Line(context.Background(), one.ID)
			require.NoError(t, err)
			require.Equal(t, one, line.Entry)
			require.Equal(t, one.ContentHash(), line.ContentHash())
		})
	}
	x.check(pipeline.LineQuery{})
}

func testDays(t *testing.T, x *run) {
	days, err := x.store.Days(context.Background())
	require.NoError(t, err)
	require.Empty(t, days)
	x.write(newGenerator(4, 7).entries(500)...)
	want := map[string]int64{}
	for _, e := range x.model.entries {
		want[e.Day()]++
	}
	days, err = x.store.Days(context.Background())
	require.NoError(t, err)
	require.True(t, slices.IsSortedFunc(days, func(a, b pipeline.DayInfo) int { return strings.Compare(a.Day, b.Day) }))
	got := map[string]int64{}
	for _, d := range days {
		got[d.Day] = d.Entries
		require.Positive(t, d.Bytes)
	}
	require.Equal(t, want, got)
}

func testTooLarge(t *testing.T, x *run) {
	entries := newGenerator(5, 1).entries(3)
	entries[1].Raw = strings.Repeat("x", 4<<20+1)
	results := make([]pipeline.WriteResult, 3)
	require.NoError(t, x.store.Write(context.Background(), entries, results))
	require.Equal(t, []pipeline.WriteResult{{}, {Outcome: pipeline.Rejected, Reason: "too_large"}, {}}, results)
	x.refresh()
	x.model.write([]pipeline.Entry{entries[0], entries[2]})
	x.check(pipeline.LineQuery{})
	largest := entries[1]
	largest.Raw = strings.Repeat("y ", 2<<20)
	largest.Message, largest.Attributes = View(largest.Kind, largest.Raw, 0)
	x.write(largest)
	x.check(pipeline.LineQuery{Text: "y"})
}

func testLine(t *testing.T, x *run) {
	_, err := x.store.Line(context.Background(), pipeline.ID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	entries := newGenerator(6, 3).entries(1000)
	x.write(entries...)
	for i := 0; i < len(entries); i += 37 {
		line, err := x.store.Line(context.Background(), entries[i].ID)
		require.NoError(t, err)
		require.Equal(t, pipeline.Line{Entry: entries[i]}, line)
	}
	_, err = x.store.Line(context.Background(), pipeline.ID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

func testFilters(_ *testing.T, x *run) {
	g := newGenerator(7, 3)
	x.write(g.entries(900)...)
	day := int64(86_400_000_000_000)
	start := firstDay.UnixNano()
	for _, f := range []pipeline.Filter{
		{}, {Clusters: []string{"cluster-1"}}, {Namespaces: []string{"ns-0", "ns-2"}}, {Namespaces: []string{""}},
		{Services: []string{"app-1", "kubelet"}}, {Pods: []string{"app-0-a"}}, {Pods: []string{"app-1*", "app-0-a"}}, {Pods: []string{"app-1"}},
		{Containers: []string{"main-1"}}, {Nodes: []string{"node-3", "none*"}}, {Levels: []pipeline.Level{pipeline.LevelUnknown}},
		{Levels: []pipeline.Level{pipeline.LevelWarn, pipeline.LevelFatal}}, {Kinds: []pipeline.Kind{pipeline.KindEvent}},
		{Patterns: []pipeline.PatternID{pattern("the").ID, pattern("ok").ID}}, {Patterns: []pipeline.PatternID{{}}}, {Patterns: []pipeline.PatternID{{1}}},
		{Labels: map[string]string{"app": "app-1"}}, {Labels: map[string]string{"app": "app-1", "empty": ""}}, {Labels: map[string]string{"absent": ""}},
		{From: start + day}, {To: start + day}, {From: start + day + 3e9, To: start + day + 4e9}, {From: start + 5, To: start + 5}, {From: start + 30*day},
		{Clusters: []string{"cluster-1"}, Levels: []pipeline.Level{pipeline.LevelError}, Kinds: []pipeline.Kind{pipeline.KindLog}, From: start + 1e9},
	} {
		x.check(pipeline.LineQuery{Filter: f})
	}
	for range 40 {
		x.check(pipeline.LineQuery{Filter: g.filter(), Order: pipeline.Order(g.random.IntN(3)), Limit: 200})
	}
}

func testScopes(t *testing.T, x *run) {
	x.write(newGenerator(8, 1).entries(500)...)
	for _, scopes := range [][]pipeline.Scope{
		nil, {}, {{}}, {{Cluster: "cluster-0"}}, {{Namespace: "ns-1"}}, {{Cluster: "cluster-0", Namespace: "ns-2"}, {Cluster: "cluster-1", Namespace: "ns-1"}},
	} {
		for _, text := range []string{"", "connection"} {
			for _, order := range []pipeline.Order{pipeline.NewestFirst, pipeline.ByRank} {
				x.check(pipeline.LineQuery{Filter: pipeline.Filter{Scopes: scopes}, Text: text, Order: order})
			}
		}
	}
	page, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 10}, "")
	require.NoError(t, err)
	x.write(newGenerator(9, 1).entries(100)...)
	page, err = x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 1000, Filter: pipeline.Filter{Scopes: []pipeline.Scope{}}}, page.Next)
	require.NoError(t, err)
	require.Empty(t, page.Lines, "an empty scope selects nothing")
}

func testText(_ *testing.T, x *run) {
	x.write(newGenerator(10, 2).entries(1200)...)
	for _, text := range []string{
		"connection", "Connections REFUSED", "the", "the connection", "!!", "nowhere", "network", "NetworkPolicy", "policies", "x509",
		"10.0.195.177", "78c688f56b", "größe", "GRÖSSE", "Ошибка", "ошибка", "连接", "失败", "接失", "连",
		`"connection refused"`, `"failed to"`, `"to"`, `"nection"`, `"NETWORKPOLICY etcdserver"`, `"not a"`, `connection "refused timeout" -failed`,
		"conn*", "connections*", "c*", "78c6*", "гр*", "grö*", "10.0.19*", "zz*", "-connection", "-the", `-"failed to"`, "connection -conn*", "ok -ok",
		"code", "user", "timeout code", "job-107", "107", "107 108", "10* job", `"job-112"`, "-job", "connection -107",
	} {
		for _, anyClause := range []bool{false, true} {
			for _, order := range []pipeline.Order{pipeline.NewestFirst, pipeline.ByRank} {
				x.check(pipeline.LineQuery{Text: text, Any: anyClause, Order: order})
			}
		}
	}
}

func testTies(_ *testing.T, x *run) {
	g := newGenerator(11, 1)
	entries := g.entries(1000)
	for i := range entries {
		entries[i].Time, entries[i].CollectorTime = firstDay.UnixNano(), firstDay.UnixNano()
		entries[i].Raw, entries[i].Message, entries[i].Attributes = "same text", "same text", nil
	}
	x.write(entries[:1]...)
	x.write(entries[1:300]...)
	x.write(entries[300:]...)
	for _, order := range []pipeline.Order{pipeline.NewestFirst, pipeline.OldestFirst, pipeline.ByRank} {
		for _, limit := range []int{97, 999, 1000, 1001} {
			x.check(pipeline.LineQuery{Order: order, Limit: limit, Text: "same"})
		}
	}
}

func testSequences(t *testing.T, x *run) {
	entries := newGenerator(12, 1).entries(4)
	for i, sequence := range []string{"9", "10", "100", "99"} {
		entries[i].Time, entries[i].Lineage.Partition, entries[i].Lineage.Sequence = firstDay.UnixNano(), "0", sequence
		entries[i].CollectorTime, entries[i].Attributes = 0, nil
		entries[i].Raw, entries[i].Message = "x", "x"
	}
	x.write(entries...)
	got := x.all(pipeline.LineQuery{Order: pipeline.OldestFirst, Limit: 10})
	require.Equal(t, []pipeline.ID{entries[0].ID, entries[1].ID, entries[3].ID, entries[2].ID}, ids(got))
}

func testRank(_ *testing.T, x *run) {
	g := newGenerator(13, 3)
	x.write(g.entries(1500)...)
	for _, text := range []string{"connection", "connection refused", "connection connection refused ok", "NetworkPolicy running", `"connection refused" timeout`, "conn* refused", "ok -failed", "job 107", "107 connection", "107 112 refused"} {
		for _, anyClause := range []bool{false, true} {
			for _, limit := range []int{60, 10_000} {
				x.check(pipeline.LineQuery{Text: text, Any: anyClause, Order: pipeline.ByRank, Limit: limit})
				x.check(pipeline.LineQuery{Text: text, Any: anyClause, Order: pipeline.ByRank, Limit: limit, Filter: pipeline.Filter{
					Namespaces: []string{"ns-1"}, From: firstDay.UnixNano() + 86_400_000_000_000,
				}})
			}
		}
	}
}

// Pages of a ranked query come from the statistics of its first page: lines
// that come in meanwhile may show or not, but none is lost or repeated.
func testRankPages(t *testing.T, x *run) {
	g := newGenerator(14, 1)
	x.write(g.entries(600)...)
	q := pipeline.LineQuery{Text: "connection refused", Any: true, Order: pipeline.ByRank, Limit: 20}
	old := x.model.search(q)
	seen := map[pipeline.ID]int{}
	for {
		page, err := x.store.Lines(context.Background(), q)
		require.NoError(t, err)
		for _, l := range page.Lines {
			seen[l.ID]++
			require.Equal(t, 1, seen[l.ID], "a line stands on two pages")
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
		x.write(g.entries(15)...)
	}
	for _, l := range old {
		require.Equal(t, 1, seen[l.ID], "a line is lost")
	}
}

func testBadCursors(t *testing.T, x *run) {
	x.write(newGenerator(15, 1).entries(50)...)
	for _, cursor := range []string{"x", "!!", "AAAA", strings.Repeat("QUJD", 40)} {
		for _, order := range []pipeline.Order{pipeline.NewestFirst, pipeline.OldestFirst, pipeline.ByRank} {
			_, err := x.store.Lines(context.Background(), pipeline.LineQuery{Limit: 5, Order: order, Cursor: cursor})
			require.ErrorIs(t, err, pipeline.ErrRejected, cursor)
		}
		_, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 5}, cursor)
		require.ErrorIs(t, err, pipeline.ErrRejected, cursor)
	}
	_, err := x.store.Lines(context.Background(), pipeline.LineQuery{Limit: 5, Text: strings.Repeat("x ", 5000)})
	require.ErrorIs(t, err, pipeline.ErrRejected)
}

func testFollow(t *testing.T, x *run) {
	g := newGenerator(16, 2)
	q := pipeline.LineQuery{Limit: 10_000}
	empty, err := x.store.Follow(context.Background(), q, "")
	require.NoError(t, err)
	require.Empty(t, empty.Lines)
	require.NotEmpty(t, empty.Next)
	x.write(g.entries(300)...)
	end, err := x.store.Follow(context.Background(), q, "")
	require.NoError(t, err)
	require.Empty(t, end.Lines, "with no cursor it stands at the end")

	g.days = 4 // the next calls create days that the cursor lacks
	for range 6 {
		x.write(g.entries(1 + g.random.IntN(400))...)
	}
	for name, tt := range map[string]struct {
		cursor string
		from   int
	}{"from before the first": {empty.Next, 0}, "from the middle": {end.Next, 300}} {
		page, err := x.store.Follow(context.Background(), q, tt.cursor)
		require.NoError(t, err, name)
		x.checkFollowed(page.Lines, x.model.entries[tt.from:], name)
		again, err := x.store.Follow(context.Background(), q, page.Next)
		require.NoError(t, err, name)
		require.Empty(t, again.Lines, name)
	}
	filtered := pipeline.LineQuery{Limit: 10_000, Text: "connection", Filter: pipeline.Filter{Namespaces: []string{"ns-1"}}}
	page, err := x.store.Follow(context.Background(), filtered, empty.Next)
	require.NoError(t, err)
	want := x.model.search(filtered)
	require.NotEmpty(t, want)
	require.ElementsMatch(t, ids(want), ids(page.Lines))
}

// checkFollowed holds lines to be those entries, each once, and each day's in
// the order of the calls that wrote them.
func (x *run) checkFollowed(lines []pipeline.Line, entries []pipeline.Entry, name string) {
	x.t.Helper()
	want := make([]pipeline.ID, len(entries))
	for i := range entries {
		want[i] = entries[i].ID
	}
	require.ElementsMatch(x.t, want, ids(lines), name)
	last := map[string]int{}
	for _, l := range lines {
		at := x.model.byID[l.ID]
		require.Equal(x.t, x.model.entries[at], l.Entry, name)
		require.GreaterOrEqual(x.t, x.model.calls[at], last[l.Day()], name)
		last[l.Day()] = x.model.calls[at]
	}
}

func testFollowPages(t *testing.T, x *run) {
	g := newGenerator(17, 2)
	page, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 10}, "")
	require.NoError(t, err)
	var lines []pipeline.Line
	for i := range 40 {
		if i < 20 {
			x.write(g.entries(25)...)
		}
		page, err = x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 17}, page.Next)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Lines), 17)
		lines = append(lines, page.Lines...)
	}
	require.Len(t, lines, 500)
	want := make([]pipeline.ID, 0, 500)
	for _, e := range x.model.entries {
		want = append(want, e.ID)
	}
	require.ElementsMatch(t, want, ids(lines))
}

func testScan(t *testing.T, x *run) {
	x.write(newGenerator(18, 3).entries(1500)...)
	day := int64(86_400_000_000_000)
	start := firstDay.UnixNano()
	for _, span := range [][2]int64{{0, 0}, {start + day, 0}, {0, start + day}, {start + 5e9, start + 2*day + 7e9}, {start + 9*day, 0}} {
		want := map[pipeline.ID]pipeline.Stored{}
		for _, e := range x.model.entries {
			if (span[0] == 0 || e.Time >= span[0]) && (span[1] == 0 || e.Time < span[1]) {
				want[e.ID] = pipeline.NewStored(&e)
			}
		}
		got := map[pipeline.ID]pipeline.Stored{}
		require.NoError(t, x.store.Scan(context.Background(), span[0], span[1], func(s pipeline.Stored) error {
			require.NotContains(t, got, s.ID)
			got[s.ID] = s
			return nil
		}))
		require.Equal(t, want, got)
	}
	stop := errors.New("stop")
	calls := 0
	require.ErrorIs(t, x.store.Scan(context.Background(), 0, 0, func(pipeline.Stored) error { calls++; return stop }), stop)
	require.Equal(t, 1, calls)
}

func testReopen(t *testing.T, x *run) {
	g := newGenerator(19, 2)
	follow, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 1}, "")
	require.NoError(t, err)
	q := pipeline.LineQuery{Limit: 40, Text: "connection", Order: pipeline.ByRank}
	var cursor string
	for range 5 {
		x.write(g.entries(1 + g.random.IntN(500))...)
		x.store = x.h.Reopen(t, x.store)
		x.check(pipeline.LineQuery{})
		x.check(pipeline.LineQuery{Text: "connection", Order: pipeline.ByRank})
		x.write(x.model.entries...) // all of it is known still
		if cursor == "" {
			page, err := x.store.Lines(context.Background(), q)
			require.NoError(t, err)
			cursor = page.Next
		}
	}
	q.Cursor = cursor
	_, err = x.store.Lines(context.Background(), q)
	require.NoError(t, err, "cursors outlive the process")
	page, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 10_000}, follow.Next)
	require.NoError(t, err)
	x.checkFollowed(page.Lines, x.model.entries, "after reopening")
}

func testUnicode(_ *testing.T, x *run) {
	g := newGenerator(20, 1)
	for _, text := range []string{"naïve CAFÉ", "Ошибка соединения", "连接失败了", "エラーが発生", "مرحبا", "emoji 🙂 done", "cafe\u0301", "İstanbul ǅ", "ﬁne", "µr12 §r3", `quote " in text`, `back\slash`} {
		e := g.entry()
		e.Raw, e.Message, e.Attributes, e.CollectorTime = text, text, nil, e.Time
		x.write(e)
		for _, q := range []string{text, strings.ToUpper(text), strings.Fields(text)[0] + "*", `"` + text + `"`} {
			x.check(pipeline.LineQuery{Text: q})
			x.check(pipeline.LineQuery{Text: q, Order: pipeline.ByRank, Any: true})
		}
	}
	x.store = x.h.Reopen(x.t, x.store)
	x.check(pipeline.LineQuery{})
}

// Write must not keep what entries point to: a caller may decode into one
// buffer again and again.
func testKeepsNothing(_ *testing.T, x *run) {
	g := newGenerator(22, 1)
	for range 12 {
		entries := g.entries(60)
		var buffers [][]byte
		borrow := func(s string) string {
			b := append([]byte(s), '.')
			buffers = append(buffers, b)
			return unsafe.String(&b[0], len(s))
		}
		lent := slices.Clone(entries)
		for i := range lent {
			e := &lent[i]
			e.Raw, e.Message, e.Origin, e.Service, e.Stream = borrow(e.Raw), borrow(e.Message), borrow(e.Origin), borrow(e.Service), borrow(e.Stream)
			e.Pattern.Template = borrow(e.Pattern.Template)
			e.Lineage.Partition, e.Lineage.Sequence = borrow(e.Lineage.Partition), borrow(e.Lineage.Sequence)
			e.Attributes = slices.Clone(e.Attributes)
			for j := range e.Attributes {
				e.Attributes[j].Key, e.Attributes[j].Value = borrow(e.Attributes[j].Key), borrow(e.Attributes[j].Value)
			}
			if e.Event != nil {
				v := *e.Event
				v.UID, v.ResourceVersion, v.Reason, v.ObjectName = borrow(v.UID), borrow(v.ResourceVersion), borrow(v.Reason), borrow(v.ObjectName)
				e.Event = &v
			}
		}
		results := make([]pipeline.WriteResult, len(lent))
		require.NoError(x.t, x.store.Write(context.Background(), lent, results))
		x.model.write(entries)
		for _, b := range buffers {
			copy(b, bytes.Repeat([]byte{'#'}, len(b)))
		}
	}
	x.refresh()
	x.check(pipeline.LineQuery{})
	x.check(pipeline.LineQuery{Text: "connection", Order: pipeline.ByRank})
}

// Writers that overlap, with readers beside them: every entry is created once.
func testConcurrent(t *testing.T, x *run) {
	entries := newGenerator(21, 3).entries(2400)
	const writers = 4
	created := make([]int, writers)
	var group sync.WaitGroup
	fail := make(chan error, 2*writers)
	for w := range writers {
		group.Go(func() {
			for start := 0; start < len(entries); start += 200 {
				// Each writer begins elsewhere, and all write everything.
				at := (start + w*600) % len(entries)
				batch := entries[at : at+200]
				results := make([]pipeline.WriteResult, len(batch))
				if err := x.store.Write(context.Background(), batch, results); err != nil {
					fail <- err
					return
				}
				for _, r := range results {
					if r.Outcome == pipeline.Created {
						created[w]++
					}
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for range 12 {
				page, err := x.store.Lines(context.Background(), pipeline.LineQuery{Text: "connection", Limit: 100})
				if err == nil && !slices.IsSortedFunc(page.Lines, func(a, b pipeline.Line) int { return compareLines(pipeline.NewestFirst, &a, &b) }) {
					err = errors.New("lines are out of order")
				}
				if err == nil {
					err = x.store.Scan(context.Background(), 0, 0, func(pipeline.Stored) error { return nil })
				}
				if err == nil {
					_, err = x.store.Line(context.Background(), entries[0].ID)
					if errors.Is(err, pipeline.ErrNotFound) {
						err = nil
					}
				}
				if err == nil {
					_, err = x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 10}, "")
				}
				if err != nil {
					fail <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(fail)
	for err := range fail {
		require.NoError(t, err)
	}
	total := 0
	for _, n := range created {
		total += n
	}
	require.Equal(t, len(entries), total)
	x.refresh()
	x.model.write(entries)
	x.check(pipeline.LineQuery{})
}

// Random writes, repeats, reopenings and queries, held against the model.
func testModel(t *testing.T, x *run) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := &run{t: t, h: x.h, store: x.h.Open(t), model: newModel()}
			g := newGenerator(100+seed, 4)
			for range 14 {
				batch := g.entries(g.random.IntN(1 << g.random.IntN(11)))
				for range g.random.IntN(20) {
					if n := len(x.model.entries); n > 0 {
						batch = append(batch, x.model.entries[g.random.IntN(n)])
					}
				}
				x.write(batch...)
				if g.random.IntN(5) == 0 {
					x.store = x.h.Reopen(t, x.store)
				}
				for range 8 {
					q := g.query()
					q.Limit = 10 + g.random.IntN(900)
					x.check(q)
				}
			}
		})
	}
}
