package opensearch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/test/opensearch"
)

// impatient is a store that soon says that something is to be tried later.
func impatient(t *testing.T) *Store {
	t.Helper()
	s := openTest(t, opensearch.Prefix(t))
	s.client.wait = time.Millisecond
	return s
}

func (s *Store) must(t *testing.T, method, path, body string) {
	t.Helper()
	require.NoError(t, s.client.call(context.Background(), method, path, body, nil))
}

func write(t *testing.T, s *Store, entries []pipeline.Entry) ([]pipeline.WriteResult, error) {
	t.Helper()
	results := make([]pipeline.WriteResult, len(entries))
	return results, s.Write(context.Background(), entries, results)
}

func hintOf(err error) string {
	var h *pipeline.HintError
	if errors.As(err, &h) {
		return h.Hint
	}
	return ""
}

func TestABlockedIndexIsTriedLater(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(1, 1, 60)
	writeAll(t, s, entries[:30])
	for name, block := range map[string]string{"disk": "read_only_allow_delete", "write": "write"} {
		pack := s.names.pack(entries[0].Day())
		s.must(t, http.MethodPut, "/"+pack+"/_settings", `{"index.blocks.`+block+`":true}`)
		_, err := write(t, s, entries)
		require.ErrorIs(t, err, pipeline.ErrTryLater, name)
		require.NotErrorIs(t, err, pipeline.ErrRejected)
		s.must(t, http.MethodPut, "/"+pack+"/_settings", `{"index.blocks.`+block+`":null}`)
	}
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries)
}

func TestAnIndexThatIsDeletedUnderneathIsMadeAgain(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(2, 2, 80)
	writeAll(t, s, entries)
	for _, name := range []string{s.names.pack(entries[0].Day()), first(s.names.patterns()), first(s.names.placement())} {
		s.must(t, http.MethodDelete, "/"+name, "")
		if name == first(s.names.patterns()) {
			// Patterns that are known are not written again: a new one shows that all
			// are gone.
			entries = append(entries, indextest.Entries(99, 1, 10)...)
		}
		results := writeAll(t, s, entries)
		for i := range results {
			require.NotEqual(t, pipeline.Rejected, results[i].Outcome)
		}
		s.refresh(t)
		checkHolds(t, s, entries)
	}
}

// TestAShardThatIsNotThereIsNotAnEmptyOne has shards be away, as they are for a
// moment when their node has started.
func TestAShardThatIsNotThereIsNotAnEmptyOne(t *testing.T) {
	s := impatient(t)
	ctx := context.Background()
	entries := indextest.Entries(2, 2, 40)
	day := entries[0].Day()
	writeAll(t, s, entries)
	s.refresh(t)
	start, err := s.Follow(ctx, pipeline.LineQuery{}, "")
	require.NoError(t, err)
	// An index without a shard: no node has the name that it wants.
	lose := func(index, body string) {
		var content map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &content))
		content["settings"].(map[string]any)["index.routing.allocation.require._name"] = "nobody"
		lost, err := json.Marshal(content)
		require.NoError(t, err)
		s.must(t, http.MethodDelete, "/"+index, "")
		s.must(t, http.MethodPut, "/"+index+"?wait_for_active_shards=0", string(lost))
	}
	mark := s.names.mark(kindLines)
	mark.Day = day
	lose(s.names.pack(day), linesIndex(mark, s.names.lines(), 0))
	lose(first(s.names.vectors()), vectorsIndex(s.names.mark(kindVectors), 0))
	s.must(t, http.MethodPut, "/"+first(s.names.vectors())+"/_alias/"+s.names.vectors(), "")
	for name, read := range map[string]func() error{
		"days":          func() error { _, err := s.Days(ctx); return err },
		"indices":       func() error { _, err := s.Indices(ctx); return err },
		"follow":        func() error { _, err := s.Follow(ctx, pipeline.LineQuery{}, start.Next); return err },
		"follow anew":   func() error { _, err := s.Follow(ctx, pipeline.LineQuery{}, ""); return err },
		"scan":          func() error { return s.Scan(ctx, 0, 0, func(pipeline.Stored) error { return nil }) },
		"lines":         func() error { _, err := s.Lines(ctx, pipeline.LineQuery{}); return err },
		"cached vector": func() error { _, err := s.Get(ctx, "m", []embedding.Key{{1}}); return err },
	} {
		require.ErrorIs(t, read(), pipeline.ErrTryLater, name)
	}
	// The way out, where its data are lost for good.
	require.NoError(t, s.DropDay(ctx, day))
	days, err := s.Days(ctx)
	require.NoError(t, err)
	require.Len(t, days, 1)
}

func TestADocumentThatIsRefusedGoesAlone(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(3, 1, 20)
	entries[7].Lineage.Partition = strings.Repeat("x", 40_000) // longer than any term may be
	results, err := write(t, s, entries)
	require.NoError(t, err)
	for i := range results {
		want := pipeline.WriteResult{}
		if i == 7 {
			want = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: "illegal_argument_exception"}
		}
		require.Equal(t, want, results[i], i)
	}
	s.refresh(t)
	checkHolds(t, s, append(entries[:7:7], entries[8:]...))
}

func TestAMappingOfAnotherMakesNoDeadLetters(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(4, 1, 50)
	pack := s.names.pack(entries[0].Day())
	// As an index template of the operator's would have it.
	s.must(t, http.MethodPut, "/"+pack, `{"settings":{"number_of_replicas":0},"mappings":{"_meta":`+ownMark{Schema: 1, Kind: kindLines, Prefix: s.names.prefix, Day: entries[0].Day()}.String()+`,"properties":{"place":{"type":"ip"}}}}`)
	_, err := write(t, s, entries)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.ErrorContains(t, err, "refuses")
	require.Contains(t, hintOf(err), "compare the mapping")
}

func TestWhatIsNotAllowedIsTriedLaterWithAHint(t *testing.T) {
	for status, hint := range map[int]string{401: "user and password", 403: "the role lacks a permission"} {
		s := impatient(t)
		s.client.os.Transport = refusing{status}
		_, err := write(t, s, indextest.Entries(5, 1, 3))
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.Contains(t, hintOf(err), hint)
		_, err = s.Lines(context.Background(), pipeline.LineQuery{Limit: 1})
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.Contains(t, hintOf(err), hint)
	}
}

// Perform is what a transport has beside Stream.
func (r refusing) Perform(req *http.Request) (*http.Response, error) { return r.Stream(req) }

// refusing answers everything with one status.
type refusing struct{ status int }

func (r refusing) Stream(req *http.Request) (*http.Response, error) {
	return answerOf(req, r.status, `{"error":{"type":"security_exception","reason":"no permissions"},"status":403}`), nil
}

func TestAnItemsFate(t *testing.T) {
	for name, c := range map[string]struct {
		item  item
		fate  fate
		later bool
		fails bool
	}{
		"created":       {item: item{Status: 201}},
		"updated":       {item: item{Status: 200}},
		"there":         {item: item{Status: 409}, fate: fate{outcome: pipeline.Exists}},
		"gone already":  {item: item{Status: 404}, fate: fate{outcome: pipeline.Exists}},
		"queue full":    {item: item{Status: 429}, later: true},
		"no shard":      {item: item{Status: 503}, later: true},
		"bad gateway":   {item: item{Status: 502}, later: true},
		"bad value":     {item: item{400, cause{Type: "mapper_parsing_exception"}}, fate: fate{pipeline.Rejected, "mapper_parsing_exception"}},
		"too large":     {item: item{Status: 413}, fate: fate{pipeline.Rejected, "too_large"}},
		"no index":      {item: item{404, cause{Type: "index_not_found_exception"}}, fails: true},
		"blocked":       {item: item{403, cause{Type: "cluster_block_exception"}}, fails: true},
		"unknown alias": {item: item{400, cause{Type: "invalid_index_name_exception"}}, fails: true},
	} {
		got, later, err := judge(c.item)
		require.Equal(t, c.fate, got, name)
		require.Equal(t, c.later, later, name)
		require.Equal(t, c.fails, err != nil, name)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrTryLater, name)
			require.Equal(t, c.item.Status == http.StatusForbidden, hintOf(err) != "", name)
		}
	}
}

func TestAGateNarrowsAndWidens(t *testing.T) {
	g := newGates().at("a")
	ctx := context.Background()
	for range 40 {
		require.NoError(t, g.enter(ctx))
		g.leave(went)
	}
	require.InDelta(t, mostWidth, g.width, .01)
	for range 10 {
		require.NoError(t, g.enter(ctx))
		g.leave(overloaded)
	}
	require.InDelta(t, 1, g.width, 1e-9)
	require.NoError(t, g.enter(ctx))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, g.enter(ended), context.Canceled, "one is inside, and that is all")
	g.leave(went)
	require.NoError(t, g.enter(ctx))
}

func TestDaysAreDroppedAndPatternsPruned(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(6, 3, 300)
	writeAll(t, s, entries)
	s.refresh(t)
	day := entries[0].Day()
	s.must(t, http.MethodPut, "/"+s.names.prefix+"other-"+day, `{"settings":{"number_of_replicas":0}}`)
	require.NoError(t, s.DropDay(context.Background(), day))
	require.NoError(t, s.DropDay(context.Background(), day), "again")
	for _, e := range entries {
		path := "/" + s.names.placement() + "/_doc/" + s.names.alias(e.Service, e.Day())
		require.Equal(t, e.Day() == day, is(s.client.once(context.Background(), http.MethodGet, path, nil, nil), http.StatusNotFound))
	}
	s.must(t, http.MethodGet, "/"+s.names.prefix+"other-"+day, "") // it is not ours

	var left []pipeline.Entry
	for _, e := range entries {
		if e.Day() != day {
			left = append(left, e)
		}
	}
	s.refresh(t)
	n, err := s.PruneVectors(context.Background())
	require.NoError(t, err)
	require.Zero(t, n, "a document that was just made may get its line yet")
	s.o.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	n, err = s.PruneVectors(context.Background())
	require.NoError(t, err)
	require.Positive(t, n)
	s.refresh(t)
	checkHolds(t, s, left)
	// The day may come again.
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries)
}

func TestAnIndexOfSomebodyElseIsLeftAlone(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(5, 1, 10)
	// Of one service: where the write to one alias fails, those to others are
	// cancelled, and one that is under way could make the index once more.
	entries = slices.DeleteFunc(entries, func(e pipeline.Entry) bool { return e.Service != "kubelet" })
	pack := s.names.pack(entries[0].Day())
	s.must(t, http.MethodPut, "/"+pack, "")
	_, err := write(t, s, entries)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.ErrorContains(t, err, "is not loglode's")
	require.Contains(t, hintOf(err), "opensearch.prefix")

	s.must(t, http.MethodDelete, "/"+pack, "")
	s.must(t, http.MethodPut, "/"+pack, `{"mappings":{"_meta":{"loglode":{"schema":2,"kind":"lines"}}}}`)
	_, err = write(t, s, entries)
	require.ErrorContains(t, err, "newer than this program's")

	s.must(t, http.MethodDelete, "/"+pack, "")
	writeAll(t, s, entries)
}

func TestOpenComparesVectorsWithTheLiveMapping(t *testing.T) {
	s := impatient(t)
	require.NoError(t, s.models.ensure(context.Background(), "m", 8))
	openTest(t, s.names.prefix)
	// Somebody says that the model has other vectors than the field that is there.
	s.must(t, http.MethodPut, "/"+s.names.patterns()+"/_mapping", `{"_meta":{"loglode":{"schema":1,"kind":"patterns","prefix":"`+s.names.prefix+`"},"models":{"m":16}}}`)
	_, err := Open(context.Background(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: s.names.prefix})
	require.ErrorContains(t, err, "should be a knn_vector with 16")
}

func TestVectorsAreFoundInAnIndexThatWasMadeAgain(t *testing.T) {
	s := impatient(t)
	ctx := context.Background()
	embed := func() int {
		waiting, err := s.Unembedded(ctx, "m", 1000)
		require.NoError(t, err)
		vectors := make([]embedding.Vector, len(waiting))
		for i := range waiting {
			vectors[i] = embedding.Vector{Key: waiting[i].Key, Values: []float32{1, 0, 0, 0}}
		}
		require.NoError(t, s.SetVectors(ctx, "m", vectors))
		return len(waiting)
	}
	writeAll(t, s, indextest.Entries(11, 1, 20))
	s.refresh(t)
	require.Positive(t, embed())
	s.must(t, http.MethodDelete, "/"+first(s.names.patterns()), "")
	writeAll(t, s, indextest.Entries(12, 1, 20))
	s.refresh(t)
	n := embed()
	require.Positive(t, n)
	found, err := s.Candidates(ctx, pipeline.CandidateQuery{Model: "m", Vector: []float32{1, 0, 0, 0}, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, found.Documents, int(found.Total))
	require.Zero(t, found.Waiting)
}
