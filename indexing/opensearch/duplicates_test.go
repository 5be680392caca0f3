package opensearch

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/test/opensearch"
)

// idless is a way to OpenSearch that refuses document IDs in what creates
// documents, as vector collections of OpenSearch Serverless do.
type idless struct{ http.RoundTripper }

func (i idless) RoundTrip(r *http.Request) (*http.Response, error) {
	const refusal = `{"error":{"type":"illegal_argument_exception","reason":"Document ID is not supported in create/index operation request"},"status":400}`
	if r.Method == http.MethodPut && (strings.Contains(r.URL.Path, "/_create/") || strings.Contains(r.URL.Path, "/_doc/")) {
		return answerOf(r, http.StatusBadRequest, refusal), nil
	}
	if !strings.HasPrefix(r.URL.Path, "/_bulk") {
		return i.RoundTripper.RoundTrip(r)
	}
	plain, err := opensearch.Unpack(r)
	if err != nil {
		return nil, err
	}
	for row := range strings.Lines(string(plain)) {
		if (strings.HasPrefix(row, `{"create":{"_index"`) || strings.HasPrefix(row, `{"index":{"_index"`)) && strings.Contains(row, `"_id"`) {
			return answerOf(r, http.StatusBadRequest, refusal), nil
		}
	}
	return i.RoundTripper.RoundTrip(r)
}

func TestWithoutDocumentIDs(t *testing.T) {
	prefix := opensearch.Prefix(t)
	openIDless := func(accept bool) *Store {
		s, err := Open(t.Context(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: prefix, View: indextest.View, Masked: indextest.Masked, Document: indextest.Document,
			Transport: idless{http.DefaultTransport}, AcceptDuplicates: accept})
		require.NoError(t, err)
		s.client.wait = time.Millisecond
		return s
	}
	entries := indextest.Entries(19, 2, 150)
	_, err := write(t, openIDless(false), entries)
	require.ErrorIs(t, err, pipeline.ErrTryLater, "nothing goes to the dead letters")

	s := openIDless(true)
	for _, r := range writeAll(t, s, entries) {
		require.Equal(t, pipeline.Created, r.Outcome)
	}
	s.refresh(t)
	checkHolds(t, s, entries)
	found, err := s.Line(t.Context(), entries[7].ID)
	require.NoError(t, err)
	require.Equal(t, entries[7].Raw, found.Raw)

	// Vectors, of documents and of texts.
	pending, err := s.Unembedded(t.Context(), "m", 1000)
	require.NoError(t, err)
	require.NotEmpty(t, pending)
	var vectors []embedding.Vector
	for i := range pending {
		v := make([]float32, 8)
		v[i%8] = 1
		vectors = append(vectors, embedding.Vector{Key: pending[i].Key, Values: v})
	}
	require.NoError(t, s.SetVectors(t.Context(), "m", vectors))
	s.refresh(t)
	require.NoError(t, s.SetVectors(t.Context(), "m", vectors))
	pending, err = s.Unembedded(t.Context(), "m", 1000)
	require.NoError(t, err)
	require.Empty(t, pending)
	require.NoError(t, s.Put(t.Context(), "m", []embedding.Key{{1}, {2}}, [][]float32{{1, 0}, {0, 1}}))
	s.refresh(t)
	kept, err := s.Get(t.Context(), "m", []embedding.Key{{2}, {3}, {1}})
	require.NoError(t, err)
	require.Equal(t, [][]float32{{0, 1}, nil, {1, 0}}, kept)

	// What is written again is there twice, its patterns are not.
	before, err := s.Candidates(t.Context(), pipeline.CandidateQuery{Model: "m", Vector: vectors[0].Values, Limit: 10})
	require.NoError(t, err)
	require.NotEmpty(t, before.Documents)
	s.refresh(t)
	again := openIDless(true)
	writeAll(t, again, entries[:40])
	again.refresh(t)
	lines := 0
	require.NoError(t, again.Scan(t.Context(), 0, 0, func(pipeline.Stored) error { lines++; return nil }))
	require.Equal(t, 190, lines)
	after, err := again.Candidates(t.Context(), pipeline.CandidateQuery{})
	require.NoError(t, err)
	require.Equal(t, before.Total, after.Total)
	require.NoError(t, again.DropDay(t.Context(), entries[0].Day()))
}
