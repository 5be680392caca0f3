package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// testdata/pack is an invented pack: 147 lines of four services in two systems,
// 20 questions.
const small = "testdata/pack"

func TestTheSmallPackReachesItsFloor(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"--pack", small, "--floor", filepath.Join(small, "floor.json"), "-o", "json"}, &out, &errs)
	t.Log(errs.String())
	require.Equal(t, exitOK, code)

	var r report
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	require.EqualValues(t, 147, r.Load.Lines)
	require.EqualValues(t, 147, r.Load.Indexed)
	require.Equal(t, 147, r.Load.Documents)
	require.Zero(t, r.Load.Missing)
	require.Positive(t, r.Load.Patterns)
	require.Len(t, r.Retrieval, len(filterings)*len(legs))
	require.Len(t, r.Questions, 20)
	require.Len(t, r.Questions[0].Scores, len(filterings)*len(legs))
	require.Len(t, r.Parse, 1)
	require.Equal(t, 60, r.Parse[0].Lines, "rows of mixed call sites are left out")

	var table bytes.Buffer
	require.NoError(t, r.table(&table))
	t.Log("\n" + table.String())
}

// reversed answers searches as handler does, worst hit first.
func reversed(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		var answer query.SearchResponse
		if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
			panic(err)
		}
		slices.Reverse(answer.Hits)
		writeAnswer(w, answer)
	})
}

func writeAnswer(w http.ResponseWriter, answer query.SearchResponse) {
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		panic(err)
	}
}

func TestAWrongRankingFallsBelowTheFloor(t *testing.T) {
	p, err := readPack(small)
	require.NoError(t, err)
	cfg, err := config.Load("", map[string]any{"data": t.TempDir(), "log.level": "warn"})
	require.NoError(t, err)
	told := &progress{w: t.Output(), start: time.Now()}
	_, err = load(t.Context(), cfg, p.ingest, told)
	require.NoError(t, err)
	documents, err := readDocuments(t.Context(), cfg)
	require.NoError(t, err)
	f, err := readFloor(filepath.Join(small, "floor.json"))
	require.NoError(t, err)
	require.NoError(t, withService(t.Context(), cfg, time.Now, told, func(ctx context.Context, handler http.Handler) error {
		s := &session{pack: p, handler: reversed(handler), documents: documents, told: told}
		_, _, err := s.waitForVectors(ctx, time.Minute)
		require.NoError(t, err)
		var r report
		require.NoError(t, s.ask(ctx, &r))
		require.ErrorContains(t, f.check(r.values()), "retrieval/all/fused/all/ndcg is ")
		return nil
	}))
}

// fake is a session with a service of the test's own.
func fake(p *pack, answer func(query.SearchRequest) query.SearchResponse) *session {
	return &session{pack: p, told: &progress{w: io.Discard}, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked query.SearchRequest
		if r.Method != http.MethodPost || r.URL.Path != "/v1/search" || json.NewDecoder(r.Body).Decode(&asked) != nil {
			http.Error(w, "no such search", http.StatusBadRequest)
			return
		}
		writeAnswer(w, answer(asked))
	})}
}

func onePack() *pack {
	q := question{ID: "q1", Query: "who fell", Relevant: []string{"t1"}}
	q.Filters.System = "mill"
	q.Structured = &structured{Namespace: "prod", PodPrefix: "saw-", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	q.RelevantDocs = []string{"mill:1"}
	return &pack{questions: []question{q}, documents: map[string]document{
		"mill:1": {system: "mill", namespace: "prod", pod: "saw-7", time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), template: "t1"},
		"mill:2": {system: "mill", namespace: "prod", pod: "saw-7", time: time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC), template: "t2"},
	}}
}

func TestQuestionsAreAskedInEveryWay(t *testing.T) {
	var got []query.SearchRequest
	s := fake(onePack(), func(r query.SearchRequest) query.SearchResponse {
		got = append(got, r)
		return query.SearchResponse{Understood: query.Understood{Read: []string{"since noon"}}}
	})
	var r report
	require.NoError(t, s.ask(t.Context(), &r))
	require.Len(t, got, 9)
	one := 1
	bare := query.SearchRequest{Query: "who fell", Limit: 50, Examples: &one}
	system := bare
	system.Labels = []string{"eval-system=mill"}
	all := system
	all.Namespaces, all.Pods, all.From = []string{"prod"}, []string{"saw-*"}, "2026-03-01T00:00:00Z"
	text := all
	text.Leg = "text"
	require.Equal(t, all, got[0])
	require.Equal(t, text, got[1])
	require.Equal(t, system, got[3])
	require.Equal(t, bare, got[6])
	require.Equal(t, 1, r.Read)
}

func TestHitsBecomeDocuments(t *testing.T) {
	first, stray := pipeline.ID{1}, pipeline.ID{9}
	hit := func(id pipeline.ID) query.Hit { return query.Hit{Examples: []query.Example{{ID: id.String()}}} }
	s := fake(onePack(), func(query.SearchRequest) query.SearchResponse {
		return query.SearchResponse{Hits: []query.Hit{hit(stray), {PatternID: "p"}, hit(first), hit(pipeline.ID{2})}}
	})
	s.documents = map[pipeline.ID]string{first: "mill:1", {2}: "mill:2"}
	var r report
	require.NoError(t, s.ask(t.Context(), &r))
	require.Equal(t, []int{3}, r.Questions[0].Scores["all/fused"].Ranks, "what is none of the pack's takes a place")
	values := r.values()
	require.InDelta(t, .5, values["retrieval/none/text/all/ndcg"], 1e-9)
	require.InDelta(t, 1./3, values["retrieval/system/vector/system=mill/mrr"], 1e-9)
	require.InDelta(t, .5, values["structured/all/fused/precision"], 1e-9, "mill:2 is too old")
}

func TestAHitStandsForItsFirstExample(t *testing.T) {
	s := &session{pack: onePack(), documents: map[pipeline.ID]string{{1}: "mill:1", {2}: "mill:2"}}
	hit := query.Hit{Examples: []query.Example{{ID: pipeline.ID{2}.String()}, {ID: pipeline.ID{1}.String()}}}
	require.Equal(t, []string{"mill:2"}, s.results([]query.Hit{hit}))
}

func TestVectorsAreWaitedForSoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		waiting := int64(3)
		s := fake(onePack(), func(query.SearchRequest) query.SearchResponse {
			waiting--
			return query.SearchResponse{Patterns: 5, Waiting: waiting}
		})
		patterns, waited, err := s.waitForVectors(t.Context(), time.Minute)
		require.NoError(t, err)
		require.EqualValues(t, 5, patterns)
		require.InDelta(t, .5, waited, 1e-9)

		s = fake(onePack(), func(query.SearchRequest) query.SearchResponse {
			return query.SearchResponse{Patterns: 5, Waiting: 2}
		})
		_, _, err = s.waitForVectors(t.Context(), time.Minute)
		require.EqualError(t, err, "2 of 5 patterns still have no vector after 1m0s")
	})
}

func TestAFailedSearchFails(t *testing.T) {
	s := &session{pack: onePack(), handler: http.NotFoundHandler()}
	_, _, err := s.waitForVectors(t.Context(), time.Minute)
	require.EqualError(t, err, "search answered 404: 404 page not found")
}

func TestWrongUsageIsExitCodeTwo(t *testing.T) {
	for _, args := range [][]string{{}, {"--pack", small, "more"}, {"--pack", small, "-o", "xml"}, {"--nothing"}, {"--pack", small, "--floor", "no-such-file"}} {
		require.Equal(t, exitUsage, run(t.Context(), args, io.Discard, io.Discard), "%v", args)
	}
	require.Equal(t, exitFailed, run(t.Context(), []string{"--pack", t.TempDir()}, io.Discard, io.Discard))
	require.Equal(t, exitOK, run(t.Context(), []string{"--help"}, io.Discard, io.Discard))
}
