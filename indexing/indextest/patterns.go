package indextest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
)

// PatternStore is what a store of lines and of their patterns implements.
type PatternStore interface {
	Store
	pipeline.PatternReader
	embedding.Store
}

// PatternsHarness opens stores for TestPatterns, as Harness does for TestIndex.
// They must use View, Document and Masked.
type PatternsHarness struct {
	Open    func(t *testing.T) PatternStore
	Reopen  func(t *testing.T, s PatternStore) PatternStore
	Refresh func(t *testing.T, s PatternStore)
	Only    []string
}

// Document is what of the suite's patterns is ranked, to be given to a store
// under test.
func Document(template, service, masked string) embedding.Document {
	d := embedding.Document{Text: strings.TrimSpace(strings.ReplaceAll(template, "<*>", "")), Context: service, Masked: masked}
	if strings.HasPrefix(template, "connection") {
		d.Glossary = "network link"
	}
	return d
}

// Masked is what of the suite's entries is masked, to be given to a store under
// test. It depends on the template alone, so that it does not matter which line
// made a document.
func Masked(e *pipeline.Entry) string {
	if !strings.Contains(e.Pattern.Template, "<*>") {
		return ""
	}
	return "hidden " + strings.Fields(e.Pattern.Template)[0]
}

// TestPatterns is the suite of pipeline.PatternReader and embedding.Store, and of
// patterns in pipeline.LineReader.
func TestPatterns(t *testing.T, h PatternsHarness) {
	tests := []struct {
		name string
		run  func(t *testing.T, x *patternRun)
	}{
		{"nothing", testNoPatterns},
		{"lines", testPatternLines},
		{"groups", testGroups},
		{"groups of events", testEventGroups},
		{"groups of a pattern on several days", testGroupsOverDays},
		{"duplicates change nothing", testPatternDuplicates},
		{"odd templates", testOddTemplates},
		{"candidates", testCandidates},
		{"candidates refuse what patterns do not carry", testBadCandidates},
		{"one document on many days", testOneDocument},
		{"models apart", testModelsApart},
		{"unembedded", testUnembedded},
		{"model", testPatternModel},
	}
	var names []string
	for _, tt := range tests {
		names = append(names, tt.name)
		if wanted(h.Only, tt.name) {
			t.Run(tt.name, func(t *testing.T) { tt.run(t, newPatternRun(t, h)) })
		}
	}
	require.Subset(t, names, h.Only)
}

// patternRun is a store of patterns beside its model.
type patternRun struct {
	run
	h        PatternsHarness
	patterns PatternStore
	vectors  map[string]map[embedding.Key][]float32 // by model, what was set
}

func newPatternRun(t *testing.T, h PatternsHarness) *patternRun {
	s := h.Open(t)
	x := &patternRun{h: h, patterns: s, run: run{t: t, store: s, model: newModel()}, vectors: map[string]map[embedding.Key][]float32{}}
	if h.Refresh != nil {
		x.run.h.Refresh = func(t *testing.T, _ Store) { h.Refresh(t, x.patterns) }
	}
	return x
}

func (x *patternRun) reopen() {
	x.patterns = x.h.Reopen(x.t, x.patterns)
	x.store = x.patterns
}

// modest makes the counts of events such that no sum is too large.
func modest(entries []pipeline.Entry) []pipeline.Entry {
	for i := range entries {
		if e := entries[i].Event; e != nil {
			e.Count = 1 + e.Count%1000
		}
	}
	return entries
}

// checkGroups asks both for groups and compares.
func (x *patternRun) checkGroups(q pipeline.PatternQuery) {
	x.t.Helper()
	got, err := x.patterns.Groups(context.Background(), q)
	require.NoError(x.t, err)
	require.ElementsMatch(x.t, x.model.groups(q), got, "%+v", q)
}

// groups is what PatternReader.Groups says in its comments, in code.
func (m *model) groups(q pipeline.PatternQuery) []pipeline.PatternGroup {
	type key struct {
		document
		kind pipeline.Kind
	}
	groups := map[key]*pipeline.PatternGroup{}
	counts := map[key]map[string]uint64{}
	for _, l := range m.search(pipeline.LineQuery{Filter: q.Filter, Text: q.Text, Any: q.Any}) {
		if l.Pattern.ID.IsZero() {
			continue
		}
		k := key{documentOf(&l.Entry), l.Kind}
		g := groups[k]
		if g == nil {
			g = &pipeline.PatternGroup{
				Pattern: l.Pattern, Cluster: l.Resource.Cluster, Namespace: l.Resource.Namespace, Service: l.Service, Kind: l.Kind,
				First: math.MaxInt64, Last: math.MinInt64,
			}
			groups[k], counts[k] = g, map[string]uint64{}
		}
		g.Level, g.First, g.Last = max(g.Level, l.Level), min(g.First, l.Time), max(g.Last, l.Time)
		g.Lines++
		if l.Event == nil {
			g.Count++
		} else {
			counts[k][l.Event.UID] = max(counts[k][l.Event.UID], l.Event.Count)
		}
	}
	list := make([]pipeline.PatternGroup, 0, len(groups))
	for k, g := range groups {
		for _, n := range counts[k] {
			g.Count += int64(n)
		}
		list = append(list, *g)
	}
	return list
}

// document names a pattern document.
type document struct {
	pattern                     pipeline.PatternID
	cluster, namespace, service string
}

func documentOf(e *pipeline.Entry) document {
	return document{e.Pattern.ID, e.Resource.Cluster, e.Resource.Namespace, e.Service}
}

// documents is the pattern documents with what of them is ranked.
func (m *model) documents() map[document]embedding.Document {
	documents := map[document]embedding.Document{}
	for i := range m.entries {
		if e := &m.entries[i]; !e.Pattern.ID.IsZero() {
			documents[documentOf(e)] = Document(e.Pattern.Template, e.Service, Masked(e))
		}
	}
	return documents
}

// vectorOf makes up a document's vector in a model.
func vectorOf(model string, key embedding.Key) []float32 {
	seed := binary.LittleEndian.Uint64(key[:])
	random := rand.New(rand.NewPCG(seed, uint64(len(model))))
	v := make([]float32, 24)
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return embedding.Normalise(v)
}

// embed gives up to n documents their vectors, as a loop does.
func (x *patternRun) embed(model string, n int) {
	x.t.Helper()
	pending, err := x.patterns.Unembedded(context.Background(), model, n)
	require.NoError(x.t, err)
	if x.vectors[model] == nil {
		x.vectors[model] = map[embedding.Key][]float32{}
	}
	var vectors []embedding.Vector
	for _, p := range pending {
		require.Equal(x.t, p.Document.Key(), p.Key)
		require.NotContains(x.t, x.vectors[model], p.Key, "it has its vector")
		x.vectors[model][p.Key] = vectorOf(model, p.Key)
		vectors = append(vectors, embedding.Vector{Key: p.Key, Values: vectorOf(model, p.Key)})
	}
	require.NoError(x.t, x.patterns.SetVectors(context.Background(), model, vectors))
	x.refresh()
}

const (
	// rounding is how far a cosine may be off: stores keep 8 bits of a vector.
	rounding = 0.02
	epsilon  = 1e-9
)

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// leg is the scores of one leg.
type leg struct {
	scores map[document]float64
	limit  int
}

// edge is the score of the last document that the limit lets in.
func (l *leg) edge() float64 {
	var scores []float64
	for _, s := range l.scores {
		scores = append(scores, s)
	}
	if len(scores) <= l.limit {
		return math.Inf(-1)
	}
	slices.Sort(scores)
	return scores[len(scores)-l.limit]
}

// checkCandidates asks a store and compares with what PatternReader says.
// Documents at the edge of a leg may be there or not.
func (x *patternRun) checkCandidates(q pipeline.CandidateQuery) {
	x.t.Helper()
	got, err := x.patterns.Candidates(context.Background(), q)
	require.NoError(x.t, err)
	text, vector := leg{map[document]float64{}, q.Limit}, leg{map[document]float64{}, q.Limit}
	ranked := map[document]embedding.Document{}
	for d, r := range x.model.documents() {
		e := pipeline.Entry{Service: d.service, Resource: &pipeline.Resource{Cluster: d.cluster, Namespace: d.namespace}, Pattern: pipeline.Pattern{ID: d.pattern}}
		if matchesFilter(&q.Filter, &e) {
			ranked[d] = r
		}
	}
	a := analysis.New()
	holding := make([]int64, len(q.Terms))
	terms := map[document][]string{}
	waiting := int64(0)
	for d, r := range ranked {
		for _, t := range r.Terms(a, nil) {
			terms[d] = append(terms[d], t.Text)
		}
		for i, t := range q.Terms {
			if slices.Contains(terms[d], t) {
				holding[i]++
			}
		}
		v := x.vectors[q.Model][r.Key()]
		if v == nil {
			waiting++
		} else if q.Vector != nil {
			vector.scores[d] = dot(q.Vector, v)
		}
	}
	for d := range ranked {
		sum, holds := 0.0, false
		for i, t := range q.Terms {
			if slices.Contains(terms[d], t) {
				n := float64(holding[i])
				sum += math.Log(1 + (float64(len(ranked))-n+0.5)/(n+0.5))
				holds = true
			}
		}
		if holds {
			text.scores[d] = sum
		}
	}
	require.EqualValues(x.t, len(ranked), got.Total, "%+v", q)
	require.Equal(x.t, holding, got.Holding, "%+v", q)
	require.Equal(x.t, waiting, got.Waiting, "%+v", q)
	textEdge, vectorEdge := text.edge(), vector.edge()
	seen := map[document]bool{}
	for _, c := range got.Documents {
		d := document{c.Pattern.ID, c.Cluster, c.Namespace, c.Service}
		r, ok := ranked[d]
		require.True(x.t, ok, "it is selected: %+v", c)
		require.False(x.t, seen[d], "each once: %+v", c)
		seen[d] = true
		require.Equal(x.t, pipeline.NewPatternID(c.Pattern.Template), c.Pattern.ID)
		require.Equal(x.t, Masked(&pipeline.Entry{Pattern: c.Pattern}), c.Masked)
		s, byText := text.scores[d]
		cosine, byVector := vector.scores[d]
		require.True(x.t, byText && s >= textEdge-epsilon || byVector && cosine >= vectorEdge-rounding, "it is in a leg: %+v", c)
		want := x.vectors[q.Model][r.Key()]
		require.Equal(x.t, want == nil, c.Vector == nil)
		if want != nil {
			require.Len(x.t, c.Vector, len(want))
			require.InDelta(x.t, 1, dot(want, c.Vector), rounding)
		}
	}
	for d, s := range text.scores {
		require.True(x.t, s <= textEdge+epsilon || seen[d], "the text leg lacks %+v", d)
	}
	for d, s := range vector.scores {
		require.True(x.t, s <= vectorEdge+rounding || seen[d], "the vector leg lacks %+v", d)
	}
	require.LessOrEqual(x.t, len(got.Documents), min(len(text.scores), q.Limit)+min(len(vector.scores), q.Limit))
	require.GreaterOrEqual(x.t, len(got.Documents), max(min(len(text.scores), q.Limit), min(len(vector.scores), q.Limit)))
}

// candidateQuery makes a query of what patterns carry.
func (g *generator) candidateQuery(model string) pipeline.CandidateQuery {
	f := g.filter()
	q := pipeline.CandidateQuery{Model: model, Limit: 1 + g.random.IntN(30)}
	if g.random.IntN(2) == 0 {
		q.Filter = pipeline.Filter{Clusters: f.Clusters, Namespaces: f.Namespaces, Services: f.Services, Patterns: f.Patterns, Scopes: f.Scopes}
	}
	if g.random.IntN(4) != 0 {
		q.Terms = analysis.New().Terms(nil, words[g.random.IntN(len(words))]+" network nothing app "+words[g.random.IntN(len(words))])
		slices.Sort(q.Terms)
		q.Terms = slices.Compact(q.Terms)
	}
	if g.random.IntN(4) != 0 {
		q.Vector = vectorOf(model, embedding.TextKey(fmt.Sprint(g.random.Uint64())))
	}
	return q
}

func testNoPatterns(t *testing.T, x *patternRun) {
	ctx := context.Background()
	check := func() {
		x.checkGroups(pipeline.PatternQuery{})
		x.checkCandidates(pipeline.CandidateQuery{Terms: []string{"x"}, Vector: []float32{1, 0}, Model: "m", Limit: 10})
		pending, err := x.patterns.Unembedded(ctx, "m", 10)
		require.NoError(t, err)
		require.Empty(t, pending)
	}
	check()
	entries := modest(newGenerator(40, 2).entries(400))
	for i := range entries {
		entries[i].Pattern = pipeline.Pattern{}
	}
	x.write(entries...)
	check()
	x.check(pipeline.LineQuery{})
	_, err := x.patterns.Groups(ctx, pipeline.PatternQuery{Text: strings.Repeat("x ", 5000)})
	require.ErrorIs(t, err, pipeline.ErrRejected)
}

func testPatternLines(t *testing.T, x *patternRun) {
	g := newGenerator(41, 3)
	start, err := x.store.Follow(context.Background(), pipeline.LineQuery{Limit: 1}, "")
	require.NoError(t, err)
	x.write(g.entries(1300)...)
	for _, patterns := range [][]pipeline.PatternID{{pattern("the").ID}, {pattern("ok").ID, pattern("x509").ID}, {pattern("nowhere").ID}, {{}}, {{}, pattern("the").ID}} {
		f := pipeline.Filter{Patterns: patterns}
		x.check(pipeline.LineQuery{Filter: f})
		x.check(pipeline.LineQuery{Filter: f, Text: "connection -refused", Order: pipeline.ByRank})
		page, err := x.store.Follow(context.Background(), pipeline.LineQuery{Filter: f, Limit: 10_000}, start.Next)
		require.NoError(t, err)
		require.ElementsMatch(t, ids(x.model.search(pipeline.LineQuery{Filter: f})), ids(page.Lines))
		x.checkGroups(pipeline.PatternQuery{Filter: f})
	}
}

func testGroups(_ *testing.T, x *patternRun) {
	g := newGenerator(42, 3)
	x.write(modest(g.entries(1500))...)
	start, day := firstDay.UnixNano(), int64(24*time.Hour)
	for _, f := range []pipeline.Filter{
		{}, {Clusters: []string{"cluster-1"}}, {Namespaces: []string{"ns-0", "ns-2"}}, {Services: []string{"app-1", "kubelet"}}, {Pods: []string{"app-1*"}},
		{Containers: []string{"main-1"}}, {Nodes: []string{"node-3"}}, {Levels: []pipeline.Level{pipeline.LevelWarn, pipeline.LevelFatal}},
		{Kinds: []pipeline.Kind{pipeline.KindEvent}}, {Kinds: []pipeline.Kind{pipeline.KindNode, pipeline.KindLog}}, {Labels: map[string]string{"app": "app-1"}},
		{Patterns: []pipeline.PatternID{pattern("the").ID}}, {Patterns: []pipeline.PatternID{pattern("ok").ID}, Services: []string{"app-2"}},
		{From: start + day}, {To: start + day}, {From: start + 5e9, To: start + day + 20e9}, {From: start + 3e9, To: start + 3e9 + 1}, {From: start + 90*day},
		{Scopes: []pipeline.Scope{}}, {Scopes: []pipeline.Scope{{}}}, {Scopes: []pipeline.Scope{{Cluster: "cluster-0", Namespace: "ns-2"}, {Namespace: "ns-1"}}},
	} {
		for _, text := range []string{"", "connection", "the", `"connection refused"`, "-ok", "conn* timeout"} {
			x.checkGroups(pipeline.PatternQuery{Filter: f, Text: text})
		}
		x.checkGroups(pipeline.PatternQuery{Filter: f, Text: `timeout "failed to"`, Any: true})
	}
}

func testEventGroups(t *testing.T, x *patternRun) {
	r := &pipeline.Resource{Cluster: "c", Namespace: "shop"}
	n := byte(0)
	event := func(day int, uid string, count uint64, message string) pipeline.Entry {
		n++
		return pipeline.Entry{
			ID: pipeline.ID{n}, Time: firstDay.UnixNano() + int64(day)*int64(24*time.Hour) + int64(n), Kind: pipeline.KindEvent, Service: "cart", Resource: r,
			Level: pipeline.LevelWarn, Raw: message, Message: message, Pattern: pattern(message), Lineage: pipeline.Lineage{Index: int(n)},
			Event: &pipeline.Event{UID: uid, ResourceVersion: fmt.Sprint(n), Count: count, Reason: "BackOff"},
		}
	}
	line := event(0, "", 0, "BackOff restarting")
	line.Kind, line.Event, line.Level = pipeline.KindLog, nil, pipeline.LevelError
	x.write(event(0, "a", 3, "BackOff restarting"), event(0, "a", 7, "BackOff restarting"), event(0, "b", 2, "BackOff restarting"), event(0, "a", 100, "Pulled image"), line)
	x.write(event(0, "a", 5, "BackOff restarting"), event(1, "a", 9, "BackOff restarting"), event(1, "c", 1, "BackOff restarting"), event(2, "b", 1, "BackOff restarting"))
	count := func(f pipeline.Filter) map[pipeline.Kind][2]int64 {
		f.Patterns = []pipeline.PatternID{pattern("BackOff").ID}
		groups, err := x.patterns.Groups(context.Background(), pipeline.PatternQuery{Filter: f})
		require.NoError(t, err)
		counts := map[pipeline.Kind][2]int64{}
		for _, g := range groups {
			counts[g.Kind] = [2]int64{g.Lines, g.Count}
		}
		return counts
	}
	check := func() {
		t.Helper()
		require.Equal(t, map[pipeline.Kind][2]int64{pipeline.KindEvent: {7, 9 + 2 + 1}, pipeline.KindLog: {1, 1}}, count(pipeline.Filter{}), "highest of a, b and c")
		require.Equal(t, map[pipeline.Kind][2]int64{pipeline.KindEvent: {4, 7 + 2}, pipeline.KindLog: {1, 1}}, count(pipeline.Filter{To: firstDay.Add(24 * time.Hour).UnixNano()}))
		x.checkGroups(pipeline.PatternQuery{})
		x.checkGroups(pipeline.PatternQuery{Text: "restarting"})
	}
	check()
	x.reopen()
	check()
	// Enough lines to fill blocks, with the same events among them.
	var many []pipeline.Entry
	for _, e := range modest(newGenerator(43, 3).entries(1500)) {
		if e.Event != nil {
			e.Event.UID = fmt.Sprint("uid-", e.Event.UID[len(e.Event.UID)-1:])
		}
		many = append(many, e)
	}
	x.write(many...)
	check()
}

func testGroupsOverDays(t *testing.T, x *patternRun) {
	g := newGenerator(44, 5)
	entries := modest(g.entries(900))
	for i := range entries {
		e := &entries[i]
		e.Pattern, e.Service, e.Resource, e.Kind, e.Event = pattern("one"), "web", g.resources[0], pipeline.KindLog, nil
		e.Level = pipeline.LevelInfo
	}
	entries[77].Level = pipeline.LevelFatal
	x.write(entries...)
	groups, err := x.patterns.Groups(context.Background(), pipeline.PatternQuery{})
	require.NoError(t, err)
	require.Len(t, groups, 1)
	require.EqualValues(t, 900, groups[0].Lines)
	require.EqualValues(t, 900, groups[0].Count)
	require.Equal(t, pipeline.LevelFatal, groups[0].Level)
	x.checkGroups(pipeline.PatternQuery{})
}

func testPatternDuplicates(_ *testing.T, x *patternRun) {
	g := newGenerator(45, 2)
	entries := modest(g.entries(700))
	check := func() {
		x.checkGroups(pipeline.PatternQuery{})
		x.checkCandidates(pipeline.CandidateQuery{Terms: []string{"connect", "ok"}, Limit: 20})
		x.check(pipeline.LineQuery{})
	}
	x.write(entries[:400]...)
	check()
	x.write(entries...)
	x.write(entries...)
	check()
	x.reopen()
	x.write(entries...)
	other := slices.Clone(entries[:50])
	for i := range other {
		other[i].Pattern = pattern("changed") // the document is there: it stays as it is
	}
	x.write(other...)
	check()
}

func testOddTemplates(_ *testing.T, x *patternRun) {
	g := newGenerator(46, 1)
	for _, template := range []string{"größe <*>", "连接 <*> 失败", "a\nb\tc", "NUL \x00 inside", `quote " and 'quote'`, strings.Repeat("long ", 100), "<*>", "caf\xe9 \xff"} {
		e := g.entry()
		e.Kind, e.Event = pipeline.KindLog, nil
		e.Pattern = pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
		x.write(e)
	}
	for range 2 {
		x.check(pipeline.LineQuery{})
		x.checkGroups(pipeline.PatternQuery{})
		x.checkCandidates(pipeline.CandidateQuery{Terms: []string{"long", "quot"}, Limit: 5})
		x.reopen()
	}
}

func testCandidates(t *testing.T, x *patternRun) {
	g := newGenerator(47, 3)
	x.write(modest(g.entries(1200))...)
	ask := func() {
		for range 40 {
			x.checkCandidates(g.candidateQuery("m"))
		}
	}
	ask()
	x.embed("m", 20)
	ask()
	x.embed("m", 10_000)
	ask()
	x.reopen()
	ask()
	x.write(modest(g.entries(300))...)
	ask()
	empty, err := x.patterns.Candidates(context.Background(), pipeline.CandidateQuery{Filter: pipeline.Filter{Scopes: []pipeline.Scope{}}, Terms: []string{"connect"}, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, empty.Documents, "an empty scope selects nothing")
	require.Zero(t, empty.Total)
}

func testBadCandidates(t *testing.T, x *patternRun) {
	x.write(modest(newGenerator(48, 1).entries(50))...)
	for name, f := range map[string]pipeline.Filter{
		"pods": {Pods: []string{"a"}}, "containers": {Containers: []string{"a"}}, "nodes": {Nodes: []string{"a"}}, "levels": {Levels: []pipeline.Level{1}},
		"kinds": {Kinds: []pipeline.Kind{1}}, "labels": {Labels: map[string]string{"a": "b"}}, "from": {From: 1}, "to": {To: 1},
	} {
		_, err := x.patterns.Candidates(context.Background(), pipeline.CandidateQuery{Filter: f, Terms: []string{"x"}, Limit: 1})
		require.ErrorIs(t, err, pipeline.ErrRejected, name)
	}
	x.embed("m", 10)
	_, err := x.patterns.Candidates(context.Background(), pipeline.CandidateQuery{Vector: []float32{1, 0}, Model: "m", Limit: 1})
	require.ErrorIs(t, err, pipeline.ErrRejected, "a vector of another length")
}

func testOneDocument(t *testing.T, x *patternRun) {
	g := newGenerator(49, 6)
	entries := modest(g.entries(60))
	for i := range entries {
		entries[i].Pattern, entries[i].Service = pattern("one"), "web"
		entries[i].Resource = &pipeline.Resource{Cluster: "c", Namespace: fmt.Sprint("ns-", i%3)}
	}
	x.write(entries...)
	pending, err := x.patterns.Unembedded(context.Background(), "m", 10)
	require.NoError(t, err)
	require.Len(t, pending, 1, "three namespaces and six days have one content")
	x.embed("m", 10)
	q := pipeline.CandidateQuery{Vector: vectorOf("m", pending[0].Key), Model: "m", Limit: 10}
	got, err := x.patterns.Candidates(context.Background(), q)
	require.NoError(t, err)
	require.Len(t, got.Documents, 3)
	x.checkCandidates(q)
}

func testModelsApart(t *testing.T, x *patternRun) {
	g := newGenerator(50, 2)
	x.write(modest(g.entries(300))...)
	x.embed("a", 15)
	x.embed("another", 1000)
	for _, model := range []string{"a", "another", "a third"} {
		for range 15 {
			x.checkCandidates(g.candidateQuery(model))
		}
	}
	none, err := x.patterns.Candidates(context.Background(), pipeline.CandidateQuery{Vector: vectorOf("x", embedding.Key{}), Model: "a third", Limit: 10})
	require.NoError(t, err)
	require.Empty(t, none.Documents)
	require.Equal(t, none.Total, none.Waiting)
	x.reopen()
	for range 3 {
		for _, model := range []string{"a", "another", "a third"} {
			x.checkCandidates(g.candidateQuery(model))
		}
	}
	pending, err := x.patterns.Unembedded(context.Background(), "another", 10)
	require.NoError(t, err)
	require.Empty(t, pending)
	pending, err = x.patterns.Unembedded(context.Background(), "a", 10_000)
	require.NoError(t, err)
	contents := map[embedding.Key]bool{}
	for _, d := range x.model.documents() {
		contents[d.Key()] = true
	}
	require.Len(t, pending, len(contents)-15)
}

func testUnembedded(t *testing.T, x *patternRun) {
	ctx := context.Background()
	g := newGenerator(51, 1)
	line := func(template string, level pipeline.Level, day int) pipeline.Entry {
		e := g.entry()
		e.Kind, e.Event, e.Level, e.Service, e.Resource = pipeline.KindLog, nil, level, "web", g.resources[0]
		e.Time += int64(day) * int64(24*time.Hour)
		e.CollectorTime, e.Attributes = e.Time, nil
		e.Message, e.Attributes = View(e.Kind, e.Raw, 0)
		e.Pattern = pattern(template)
		return e
	}
	order := func(n int) (templates []string) {
		pending, err := x.patterns.Unembedded(ctx, "m", n)
		require.NoError(t, err)
		for _, p := range pending {
			require.Equal(t, Document(p.Document.Text+" <*>", "web", p.Document.Masked), p.Document)
			require.Contains(t, p.Document.Masked, "hidden")
			templates = append(templates, p.Document.Text)
		}
		return templates
	}
	x.write(line("info-new", pipeline.LevelInfo, 9), line("error-old", pipeline.LevelError, 0), line("info-old", pipeline.LevelInfo, 1),
		line("error-new", pipeline.LevelError, 5), line("fatal", pipeline.LevelFatal, 0), line("unknown", pipeline.LevelUnknown, 9))
	all := []string{"fatal", "error-new", "error-old", "info-new", "info-old", "unknown"}
	for range 2 {
		require.Equal(t, all, order(100), "errors and new ones first")
		require.Equal(t, all[:2], order(2))
		require.Empty(t, order(0))
		x.reopen()
	}
	x.embed("m", 2)
	require.Equal(t, all[2:], order(100))
	x.write(line("error-newest", pipeline.LevelError, 12), line("fatal", pipeline.LevelFatal, 12))
	require.Equal(t, append([]string{"error-newest"}, all[2:]...), order(100), "a document that has its vector does not wait on another day")

	key := Document("error-old <*>", "web", "").Key()
	vector := func(v []float32) []embedding.Vector { return []embedding.Vector{{Key: key, Values: v}} }
	first, second := vectorOf("m", key), vectorOf("other", key)
	require.NoError(t, x.patterns.SetVectors(ctx, "m", vector(first)))
	require.NoError(t, x.patterns.SetVectors(ctx, "m", vector(second)))
	x.refresh()
	x.vectors["m"][key] = first
	q := pipeline.CandidateQuery{Vector: first, Model: "m", Limit: 1}
	x.checkCandidates(q)
	x.reopen()
	x.checkCandidates(q)
	zero := Document("unknown <*>", "web", "").Key()
	require.NoError(t, x.patterns.SetVectors(ctx, "m", []embedding.Vector{{Key: zero, Values: make([]float32, len(first))}, {Key: embedding.Key{1}, Values: first}}))
	x.refresh()
	require.NotContains(t, order(100), "unknown", "the zero vector is one")
	got, err := x.patterns.Candidates(ctx, pipeline.CandidateQuery{Terms: []string{"unknown"}, Vector: first, Model: "m", Limit: 100})
	require.NoError(t, err)
	for _, c := range got.Documents {
		if c.Pattern.ID == pattern("unknown").ID {
			require.Equal(t, make([]float32, len(first)), c.Vector)
		}
	}
	require.Equal(t, []int64{1}, got.Holding)
}

// Random writes, repeats, reopenings, embeddings and queries, held against the
// model.
func testPatternModel(t *testing.T, x *patternRun) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			x := newPatternRun(t, x.h)
			g := newGenerator(200+seed, 4)
			for range 12 {
				batch := modest(g.entries(g.random.IntN(1 << g.random.IntN(11))))
				for range g.random.IntN(20) {
					if n := len(x.model.entries); n > 0 {
						batch = append(batch, x.model.entries[g.random.IntN(n)])
					}
				}
				x.write(batch...)
				if g.random.IntN(4) == 0 {
					x.reopen()
				}
				x.embed([]string{"m", "model-2"}[g.random.IntN(2)], g.random.IntN(30))
				for range 6 {
					q := g.query()
					x.checkGroups(pipeline.PatternQuery{Filter: q.Filter, Text: q.Text, Any: q.Any})
					x.checkCandidates(g.candidateQuery([]string{"m", "model-2"}[g.random.IntN(2)]))
				}
				q := g.query()
				q.Limit = 10 + g.random.IntN(900)
				x.check(q)
			}
		})
	}
}
