package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

// joined is a store, its catalogue and their patterns.
type joined struct {
	*Store
	*Patterns
	catalogue *Catalogue
	dir       string
}

func openJoined(t *testing.T, dir string, l limits) *joined {
	t.Helper()
	s := openTest(t, dir)
	s.limits, s.masked = l, indextest.Masked
	c := openTestCatalogue(t, Options{Dir: dir})
	return &joined{Store: s, Patterns: NewPatterns(s, c, Options{Document: indextest.Document}), catalogue: c, dir: dir}
}

func (j *joined) reopen(t *testing.T) *joined {
	t.Helper()
	l := j.limits
	require.NoError(t, j.Store.Close())
	require.NoError(t, j.catalogue.Close())
	return openJoined(t, j.dir, l)
}

func testPatterns(t *testing.T, l limits) {
	indextest.TestPatterns(t, indextest.PatternsHarness{
		Open: func(t *testing.T) indextest.PatternStore { return openJoined(t, t.TempDir(), l) },
		Reopen: func(t *testing.T, old indextest.PatternStore) indextest.PatternStore {
			j, ok := old.(*joined)
			require.True(t, ok)
			return j.reopen(t)
		},
	})
}

func TestPatterns(t *testing.T) { testPatterns(t, defaultLimits) }

func TestPatternsWithTightLimits(t *testing.T) { testPatterns(t, tight) }

func TestEmbeddingCache(t *testing.T) {
	embeddingtest.TestCache(t, embeddingtest.CacheHarness{
		Open: func(t *testing.T) embedding.Cache { return openJoined(t, t.TempDir(), defaultLimits) },
		Reopen: func(t *testing.T, c embedding.Cache) embedding.Cache {
			j, ok := c.(*joined)
			require.True(t, ok)
			return j.reopen(t)
		},
	})
}

func TestEmbeddingStore(t *testing.T) {
	embeddingtest.TestStore(t, embeddingtest.StoreHarness{
		Open: func(t *testing.T, n int) embedding.Store {
			j := openJoined(t, t.TempDir(), defaultLimits)
			writeAll(t, j.Store, patterned(n), 3)
			return j
		},
		Reopen: func(t *testing.T, s embedding.Store) embedding.Store {
			j, ok := s.(*joined)
			require.True(t, ok)
			return j.reopen(t)
		},
	})
}

// patterned makes n lines, each of a pattern of its own.
func patterned(n int) []pipeline.Entry {
	entries := generated(n, 9)
	for i := range entries {
		template := fmt.Sprintf("%s %s number%d <*>", benchWords[i%len(benchWords)], benchWords[i/len(benchWords)%len(benchWords)], i)
		entries[i].Pattern = pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
		entries[i].Service = "web"
	}
	return entries
}

func groupsOf(t *testing.T, s *Store, q pipeline.PatternQuery) map[string]pipeline.PatternGroup {
	t.Helper()
	groups, err := s.groups(t.Context(), q)
	require.NoError(t, err)
	byTemplate := map[string]pipeline.PatternGroup{}
	for _, g := range groups {
		byTemplate[g.Pattern.Template] = g
	}
	require.Len(t, byTemplate, len(groups))
	return byTemplate
}

// Beyond the caps lines are stored without their pattern, and said to be.
func TestPatternCaps(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	j.limits.servicePatterns, j.limits.dayPatterns = 5, 8
	entries := patterned(30)
	for i := range entries {
		entries[i].Service = fmt.Sprint("service-", i%3)
	}
	entries[29].Pattern = pipeline.Pattern{}
	write := func() (created, unpatterned []int) {
		results := make([]pipeline.WriteResult, len(entries))
		require.NoError(t, j.Write(t.Context(), entries, results))
		for i, r := range results {
			if r.Outcome == pipeline.Created {
				created = append(created, i)
			}
			if r.Unpatterned {
				unpatterned = append(unpatterned, i)
			}
		}
		return created, unpatterned
	}
	created, unpatterned := write()
	require.Len(t, created, 30)
	require.Len(t, unpatterned, 30-8-1, "eight of the day; one has none")
	_, unpatterned = write()
	require.Empty(t, unpatterned, "they exist")
	require.Len(t, groupsOf(t, j.Store, pipeline.PatternQuery{}), 8)
	page, err := j.Lines(t.Context(), pipeline.LineQuery{Filter: pipeline.Filter{Patterns: []pipeline.PatternID{{}}}, Limit: 100})
	require.NoError(t, err)
	require.Len(t, page.Lines, 22)

	j = j.reopen(t)
	for i := range entries {
		entries[i].ID[0]++
		entries[i].Service = "service-0"
	}
	_, unpatterned = write()
	require.Len(t, unpatterned, 29-3, "the service keeps those that it has")
	for i := range entries {
		entries[i].ID[0]++
		entries[i].Time += nanosPerDay
	}
	_, unpatterned = write()
	require.Len(t, unpatterned, 29-5, "five of a service on a new day")
}

func TestPatternOptions(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), ServicePatterns: 3})
	require.NoError(t, err)
	require.Equal(t, []int{3, 200_000}, []int{s.limits.servicePatterns, s.limits.dayPatterns})
	require.NoError(t, s.Close())
}

// The tables of version 1 of a day's file.
const dayVersion1 = `
CREATE TABLE blocks(
	id INTEGER PRIMARY KEY, n INTEGER NOT NULL, min_time INTEGER NOT NULL, max_time INTEGER NOT NULL,
	sealed INTEGER NOT NULL, details BLOB NOT NULL);
CREATE TABLE block_columns(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE block_ids(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE block_postings(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE block_texts(id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE VIRTUAL TABLE terms USING fts5(text, content='', detail=none, columnsize=0, tokenize='ascii');
CREATE TABLE id_segments(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, level INTEGER NOT NULL, first INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX id_segments_by_key ON id_segments(run, first, level);
CREATE TABLE resources(id INTEGER PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE totals(
	id INTEGER PRIMARY KEY CHECK(id = 0), entries INTEGER NOT NULL, terms INTEGER NOT NULL,
	next INTEGER NOT NULL, indexed INTEGER NOT NULL, tail INTEGER NOT NULL);
INSERT INTO totals VALUES(0, 0, 0, 0, 0, 0);
`

// makeVersion1 writes entries, which have no pattern, as version 1 did.
func makeVersion1(t *testing.T, path string, entries []pipeline.Entry) {
	t.Helper()
	dir := t.TempDir()
	s := openTest(t, dir)
	writeAll(t, s, entries, 300)
	require.NoError(t, s.Close())
	db, err := openFile(t.Context(), path, schema{kind: "day", version: 1, create: dayVersion1}, "old")
	require.NoError(t, err)
	_, err = db.Exec(`ATTACH ? AS new`, filepath.Join(dir, "days", filepath.Base(path)))
	require.NoError(t, err)
	for _, table := range []string{"block_columns", "block_ids", "block_postings", "block_texts", "id_segments", "resources", "names"} {
		_, err = db.Exec(`INSERT INTO ` + table + ` SELECT * FROM new.` + table)
		require.NoError(t, err)
	}
	// Details had no documents, and another first byte.
	_, err = db.Exec(`INSERT INTO blocks SELECT id, n, min_time, max_time, sealed, CAST(x'01' || substr(details, 2, length(details) - 2) AS BLOB) FROM new.blocks;
		REPLACE INTO totals SELECT * FROM new.totals; DETACH new`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func TestMigrationOfADay(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "days"), 0o750))
	entries := generated(1500, 1)
	old := slices.Clone(entries[:900])
	for i := range old {
		old[i].Pattern = pipeline.Pattern{}
	}
	makeVersion1(t, filepath.Join(dir, "days", "2021-08-03.db"), old)
	j := openJoined(t, dir, defaultLimits)
	all, err := j.Lines(t.Context(), pipeline.LineQuery{Limit: maxLimit})
	require.NoError(t, err)
	require.Len(t, all.Lines, 900)
	require.Empty(t, groupsOf(t, j.Store, pipeline.PatternQuery{}))
	found, err := j.Candidates(t.Context(), pipeline.CandidateQuery{Terms: []string{"etcd"}})
	require.NoError(t, err)
	require.Zero(t, found.Total)
	for range 2 {
		results := make([]pipeline.WriteResult, len(entries))
		require.NoError(t, j.Write(t.Context(), entries, results))
		for i, r := range results[:900] {
			require.Equal(t, pipeline.Exists, r.Outcome, "entry %d", i)
		}
		lines := int64(0)
		groups, err := j.Groups(t.Context(), pipeline.PatternQuery{})
		require.NoError(t, err)
		for _, g := range groups {
			lines += g.Lines
		}
		require.EqualValues(t, 600, lines, "the old ones stay without a pattern")
		without, err := j.Lines(t.Context(), pipeline.LineQuery{Filter: pipeline.Filter{Patterns: []pipeline.PatternID{{}}}, Limit: maxLimit})
		require.NoError(t, err)
		require.Len(t, without.Lines, 900)
		j = j.reopen(t)
	}
}

func TestMigrationOfTheCatalogue(t *testing.T) {
	dir := t.TempDir()
	create, _, ok := strings.Cut(catalogueSchema.create, "CREATE TABLE vectors")
	require.True(t, ok)
	db, err := openFile(t.Context(), filepath.Join(dir, "catalogue.db"), schema{kind: "catalogue", version: 1, create: create}, "old")
	require.NoError(t, err)
	_, err = db.Exec(`INSERT INTO state VALUES('b', 'k', x'01')`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	c := openTestCatalogue(t, Options{Dir: dir})
	value, err := c.Get(t.Context(), "b", "k")
	require.NoError(t, err)
	require.Equal(t, []byte{1}, value)
	require.NoError(t, c.addVectors(t.Context(), "m", []embedding.Key{{1}}, [][]int8{{1, 2}}))
}

// embedAll gives all documents that wait a vector.
func embedAll(t *testing.T, p *Patterns, model string, dims int) (n int) {
	t.Helper()
	for {
		pending, err := p.Unembedded(t.Context(), model, 500)
		require.NoError(t, err)
		if len(pending) == 0 {
			return n
		}
		vectors := make([]embedding.Vector, len(pending))
		for i, d := range pending {
			vectors[i] = embedding.Vector{Key: d.Key, Values: randomVector(d.Key, dims)}
		}
		require.NoError(t, p.SetVectors(t.Context(), model, vectors))
		n += len(pending)
	}
}

func randomVector(key embedding.Key, dims int) []float32 {
	random := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(key[:]), 1))
	v := make([]float32, dims)
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return embedding.Normalise(v)
}

// checkIndex holds what is in memory to be what a new start would read.
func checkIndex(t *testing.T, j *joined, model string) {
	t.Helper()
	fresh := NewPatterns(j.Store, j.catalogue, Options{Document: indextest.Document})
	for _, q := range []pipeline.CandidateQuery{
		{Terms: []string{"etcd", "connect", "web", "number7", "reconcil"}, Vector: randomVector(embedding.Key{7}, 32), Model: model, Limit: 20},
		{Terms: []string{"failur", "start"}, Limit: 1000, Filter: pipeline.Filter{Namespaces: []string{"ns-1", "ns-2"}}, Model: model},
		{Vector: randomVector(embedding.Key{8}, 32), Model: model, Limit: maxLimit},
	} {
		got, err := j.Candidates(t.Context(), q)
		require.NoError(t, err)
		want, err := fresh.Candidates(t.Context(), q)
		require.NoError(t, err)
		require.ElementsMatch(t, want.Documents, got.Documents)
		got.Documents, want.Documents = nil, nil
		require.Equal(t, want, got)
	}
	x := j.index
	require.Equal(t, len(x.rows), len(x.rowOf))
	require.Equal(t, len(x.contents), len(x.contentOf))
	require.Equal(t, len(fresh.index.rows), len(x.rows), "nothing is left of what is gone")
	require.Equal(t, len(fresh.index.contents), len(x.contents))
	require.Equal(t, len(fresh.index.postings), len(x.postings))
	require.Equal(t, len(fresh.index.owners), len(x.owners))
}

// Days are dropped, moved away and written anew under the index of candidates.
func TestCandidatesFollowTheDays(t *testing.T) {
	j := openJoined(t, t.TempDir(), tight)
	entries := patterned(600)
	for i := range entries {
		entries[i].Time += int64(i%4) * nanosPerDay
	}
	for i := range 100 { // and some that several days share
		e := entries[i]
		e.ID[0]++
		e.Time += nanosPerDay
		entries = append(entries, e)
	}
	j.limits.servicePatterns = 1000
	write := func() { writeAll(t, j.Store, entries, 90) }
	total := func() int64 {
		found, err := j.Candidates(t.Context(), pipeline.CandidateQuery{Model: "m"})
		require.NoError(t, err)
		return found.Total
	}
	write()
	require.EqualValues(t, 600, total())
	require.Equal(t, 600, embedAll(t, j.Patterns, "m", 32))
	checkIndex(t, j, "m")

	require.NoError(t, j.DropDay(t.Context(), "2021-08-04"))
	require.EqualValues(t, 450+25, total(), "25 of it are on the next day too")
	checkIndex(t, j, "m")
	write()
	require.EqualValues(t, 600, total())
	require.Zero(t, embedAll(t, j.Patterns, "m", 32), "their vectors are there still")
	checkIndex(t, j, "m")

	path := filepath.Join(j.Store.dir, "2021-08-05.db")
	require.NoError(t, os.Rename(path, filepath.Join(t.TempDir(), "away.db")))
	require.EqualValues(t, 450+25, total())
	checkIndex(t, j, "m")
	removed, err := j.PruneVectors(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 125, removed)
	require.Zero(t, embedAll(t, j.Patterns, "m", 32), "what is needed stays")
	write()
	require.EqualValues(t, 600, total())
	require.Equal(t, 125, embedAll(t, j.Patterns, "m", 32))
	checkIndex(t, j, "m")
	removed, err = j.PruneVectors(t.Context())
	require.NoError(t, err)
	require.Zero(t, removed)

	for _, day := range []string{"2021-08-03", "2021-08-04", "2021-08-05", "2021-08-06", "2021-08-07"} {
		require.NoError(t, j.DropDay(t.Context(), day))
	}
	require.Zero(t, total())
	removed, err = j.PruneVectors(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 600, removed)
	checkIndex(t, j, "m")
}

// A day that cannot be read is left out, and nothing is pruned meanwhile.
func TestPatternsOfADamagedDay(t *testing.T) {
	dir := t.TempDir()
	j := openJoined(t, dir, defaultLimits)
	entries := patterned(60)
	for i := range entries {
		entries[i].Time += int64(i%2) * nanosPerDay
	}
	writeAll(t, j.Store, entries, 60)
	require.Equal(t, 60, embedAll(t, j.Patterns, "m", 8))
	require.NoError(t, j.Store.Close())
	path := filepath.Join(dir, "days", "2021-08-04.db")
	db, err := openFile(t.Context(), path, daySchema, "")
	require.NoError(t, err)
	_, err = db.Exec(`UPDATE patterns SET pattern = x'00' WHERE id = 5`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	j = openJoined(t, dir, defaultLimits)
	for range 2 {
		found, err := j.Candidates(t.Context(), pipeline.CandidateQuery{Model: "m"})
		require.NoError(t, err)
		require.EqualValues(t, 34, found.Total, "all of one day and what comes before the damage")
	}
	_, err = j.PruneVectors(t.Context())
	require.ErrorIs(t, err, errCorrupt)
	require.ErrorContains(t, err, "2021-08-04")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
	}
	removed, err := j.PruneVectors(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 30, removed)
}

func TestBadVectors(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	writeAll(t, j.Store, patterned(3), 3)
	pending, err := j.Unembedded(t.Context(), "m", 3)
	require.NoError(t, err)
	set := func(i int, v ...float32) error {
		return j.SetVectors(t.Context(), "m", []embedding.Vector{{Key: pending[i].Key, Values: v}})
	}
	nan := float32(math.NaN())
	require.Error(t, set(0, 1, nan))
	require.Error(t, set(0))
	require.Error(t, set(0, float32(math.Inf(1)), 0))
	require.NoError(t, set(0, 0.6, 0.8))
	require.ErrorContains(t, set(1, 1, 0, 0), `those of model "m" have 2`)
	_, err = j.Candidates(t.Context(), pipeline.CandidateQuery{Vector: []float32{nan, 1}, Model: "m"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	_, err = j.Unembedded(t.Context(), "", 1)
	require.Error(t, err)
	require.Error(t, j.Put(t.Context(), "m", make([]embedding.Key, 2), nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, j.SetVectors(ended, "m", nil), context.Canceled)
	_, err = j.Candidates(ended, pipeline.CandidateQuery{})
	require.ErrorIs(t, err, context.Canceled)
	left, err := j.Unembedded(t.Context(), "m", 3)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

// Equal scores are settled by pattern, cluster, namespace and service.
func TestTiesOfCandidates(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	entries := generated(400, 1)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range entries {
		template := fmt.Sprintf("same words %s", strings.Repeat("<*> ", 1+random.IntN(5)))
		entries[i].Pattern = pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
		entries[i].Service = "web"
		entries[i].Resource = &pipeline.Resource{Cluster: fmt.Sprint("c", random.IntN(3)), Namespace: fmt.Sprint("n", random.IntN(4))}
	}
	writeAll(t, j.Store, entries, 50)
	embedAll(t, j.Patterns, "m", 8)
	var all []document
	for _, row := range j.index.rows {
		all = append(all, row.shared.Value())
	}
	slices.SortFunc(all, func(a, b document) int { return a.compare(&b) })
	for _, q := range []pipeline.CandidateQuery{{Terms: []string{"word"}, Limit: 7}, {Vector: []float32{1, 0, 0, 0, 0, 0, 0, 0}, Model: "m", Limit: 7}} {
		found, err := j.Candidates(t.Context(), q)
		require.NoError(t, err)
		got := make([]document, len(found.Documents))
		for i, c := range found.Documents {
			got[i] = document{c.Pattern, c.Cluster, c.Namespace, c.Service}
		}
		require.ElementsMatch(t, all[:7], got)
	}
}

func TestEventCountsDoNotOverflow(t *testing.T) {
	total := groupTotal{eventless: 3}
	for i := range byte(5) {
		total.event(uidHash{i}, math.MaxUint64>>(i%2))
	}
	require.EqualValues(t, math.MaxInt64, total.count())
}

func TestDot(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for n := 1; n < 70; n++ {
		for range 20 {
			a, v := make([]int8, n), make([]float32, n)
			for i := range a {
				a[i], v[i] = int8(random.IntN(255)-127), float32(random.IntN(255)-127)
			}
			a[0], v[0] = 1, 1
			q, err := newQuestion(v)
			require.NoError(t, err)
			want, length := int32(0), 0.0
			for _, x := range v {
				length += float64(x) * float64(x)
			}
			for i, x := range v {
				want += int32(a[i]) * int32(math.RoundToEven(float64(x)*questionLength/math.Sqrt(length)))
			}
			s := &space{}
			s.grow(1)
			require.NoError(t, s.set(0, a))
			require.Equal(t, want, dot(s.row(0), q.pairs)-offset*q.sum)
			require.Equal(t, a, s.integers(0))
		}
	}
	// The longest rows, and questions in their direction and against it: no
	// overflow.
	for _, sign := range []float32{1, -1} {
		a, v := make([]int8, maxDimensions), make([]float32, maxDimensions)
		for i := range a {
			a[i], v[i] = 127, sign
			if i%3 == 0 {
				a[i], v[i] = -127, -sign
			}
		}
		q, err := newQuestion(v)
		require.NoError(t, err)
		s := &space{}
		s.grow(1)
		require.NoError(t, s.set(0, a))
		require.InDelta(t, sign, s.cosine(q, 0), 1e-3)
	}
}

func TestASpaceMoves(t *testing.T) {
	v := &space{filled: 3}
	v.grow(5)
	for i := range uint32(3) {
		if i != 1 {
			require.NoError(t, v.set(i, []int8{int8(i), 1, -5}))
		}
	}
	to, err := v.moved([]int32{-1, 0, 1, 2, 3}, 4)
	require.NoError(t, err)
	require.Equal(t, 2, to.filled, "the vectors of the last two were not looked for")
	require.Equal(t, 1, to.has)
	require.Nil(t, to.vector(0))
	require.Equal(t, []int8{2, 1, -5}, to.integers(1))
}

// A filter by patterns rules out blocks by what is in memory.
func TestPatternsRuleOutBlocks(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	entries := patterned(2000)
	for i := range entries {
		entries[i].Resource = entries[0].Resource
	}
	writeAll(t, j.Store, entries, 2000)
	v := j.days["2021-08-03"].view.Load()
	m := newMatcher(&pipeline.Filter{Patterns: []pipeline.PatternID{entries[777].Pattern.ID}}, v)
	kept := 0
	v.blocks(func(s *summary) {
		if m.block(s) {
			kept++
		}
	})
	require.Equal(t, 1, kept)
}

// The vectors of no more than two models are in memory.
func TestFewSpaces(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	writeAll(t, j.Store, patterned(5), 5)
	for _, model := range []string{"a", "b", "a", "c", "a", "b"} {
		_, err := j.Unembedded(t.Context(), model, 1)
		require.NoError(t, err)
		require.LessOrEqual(t, len(j.spaces), maxSpaces)
	}
	require.Equal(t, []string{"b", "a"}, j.recent)
	require.Contains(t, j.spaces, "a")
	require.Contains(t, j.spaces, "b")
}

func TestQuantise(t *testing.T) {
	for dims := 1; dims < 2000; dims = dims*3 + 1 {
		v, w := randomVector(embedding.Key{1}, dims), randomVector(embedding.Key{2}, dims)
		q, err := quantise(v)
		require.NoError(t, err)
		s := &space{}
		s.grow(1)
		require.NoError(t, s.set(0, q))
		question, err := newQuestion(w)
		require.NoError(t, err)
		exact, length := 0.0, 0.0
		for i, x := range s.vector(0) {
			exact += float64(v[i]) * float64(w[i])
			length += float64(x) * float64(x)
		}
		require.InDelta(t, 1, length, 1e-5, "of unit length again")
		require.InDelta(t, exact, s.cosine(question, 0), 0.005)
	}
}

// Everything at once, under the race detector.
func TestPatternsWhileWriting(t *testing.T) {
	j := openJoined(t, t.TempDir(), tight)
	ctx := t.Context()
	entries := patterned(800)
	for i := range entries {
		entries[i].Time += int64(i%3) * nanosPerDay
	}
	done := make(chan error, 5)
	start := func(rounds int, step func(i int) error) {
		go func() {
			var err error
			for i := range rounds {
				err = errors.Join(err, step(i))
			}
			done <- err
		}()
	}
	start(20, func(i int) error {
		batch := entries[i*40 : i*40+40]
		return j.Write(ctx, batch, make([]pipeline.WriteResult, len(batch)))
	})
	start(40, func(i int) error {
		model := []string{"a", "b", "c"}[i%3]
		pending, err := j.Unembedded(ctx, model, 50)
		if err != nil {
			return err
		}
		vectors := make([]embedding.Vector, len(pending))
		for k, p := range pending {
			vectors[k] = embedding.Vector{Key: p.Key, Values: randomVector(p.Key, 32)}
		}
		return j.SetVectors(ctx, model, vectors)
	})
	start(60, func(i int) error {
		_, err := j.Candidates(ctx, pipeline.CandidateQuery{Terms: []string{"etcd", "web"}, Vector: randomVector(embedding.Key{byte(i)}, 32), Model: "a", Limit: 10})
		return err
	})
	start(20, func(int) error {
		_, err := j.Groups(ctx, pipeline.PatternQuery{Text: "connection"})
		return err
	})
	start(8, func(i int) error {
		_, err := j.PruneVectors(ctx)
		return errors.Join(err, j.DropDay(ctx, fmt.Sprint("2021-08-0", 3+i%3)))
	})
	for range 5 {
		require.NoError(t, <-done)
	}
	writeAll(t, j.Store, entries, 100)
	embedAll(t, j.Patterns, "a", 32)
	checkIndex(t, j, "a")
}

// The cache lets go of its oldest texts.
func TestCacheIsBounded(t *testing.T) {
	j := openJoined(t, t.TempDir(), defaultLimits)
	keys, vectors := make([]embedding.Key, 10), make([][]float32, 10)
	for i := range keys {
		keys[i], vectors[i] = embedding.Key{byte(i)}, []float32{float32(i), 1}
	}
	require.NoError(t, j.Put(t.Context(), "m", keys, vectors))
	require.NoError(t, j.catalogue.trimEmbeddings(t.Context(), 4))
	got, err := j.Get(t.Context(), "m", keys)
	require.NoError(t, err)
	require.Equal(t, append(make([][]float32, 6), vectors[6:]...), got)
}
