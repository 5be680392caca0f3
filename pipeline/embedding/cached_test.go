package embedding_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

func TestCachedEmbedsEachTextOnce(t *testing.T) {
	m := newModel()
	cache := new(embeddingtest.Memory)
	e := embedding.Cached(m, cache)
	require.Equal(t, m.Model(), e.Model())
	require.Equal(t, m.Dimensions(), e.Dimensions())

	got, err := e.Embed(t.Context(), []string{"a", "b", "a", "c", "a"})
	require.NoError(t, err)
	require.Equal(t, [][]float32{vectorOf("a"), vectorOf("b"), vectorOf("a"), vectorOf("c"), vectorOf("a")}, got)
	require.Equal(t, []string{"a", "b", "c"}, m.sent())
	got[0][0] = 99
	require.Equal(t, vectorOf("a"), got[2], "vectors are the caller's")

	got, err = embedding.Cached(m, cache).Embed(t.Context(), []string{"c", "d", "b"})
	require.NoError(t, err)
	require.Equal(t, [][]float32{vectorOf("c"), vectorOf("d"), vectorOf("b")}, got)
	require.Equal(t, []string{"a", "b", "c", "d"}, m.sent())
}

func TestCachedKeepsWhatWasMadeBeforeAFault(t *testing.T) {
	m := newModel()
	m.quota, m.fault = 2, errThrottled
	e := embedding.Cached(m, new(embeddingtest.Memory))
	got, err := e.Embed(t.Context(), []string{"a", "b", "a", "c", "d"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Equal(t, [][]float32{vectorOf("a"), vectorOf("b"), vectorOf("a"), nil, nil}, got)
	got, err = e.Embed(t.Context(), []string{"a", "b", "c", "d"})
	require.NoError(t, err)
	require.Equal(t, [][]float32{vectorOf("a"), vectorOf("b"), vectorOf("c"), vectorOf("d")}, got)
	require.Equal(t, [][]string{{"a", "b", "c", "d"}, {"c", "d"}}, m.calls)
}

func TestCachedMovesRejections(t *testing.T) {
	m := newModel()
	e := embedding.Cached(m, new(embeddingtest.Memory))
	_, err := e.Embed(t.Context(), []string{"b"})
	require.NoError(t, err)
	got, err := e.Embed(t.Context(), []string{"a", "b", "cursed", "a", "cursed", "c", "cursed too"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.NotErrorIs(t, err, pipeline.ErrTryLater)
	var rejected *embedding.RejectedError
	require.ErrorAs(t, err, &rejected)
	var at []int
	for _, r := range rejected.Rejections {
		at = append(at, r.Index)
		require.Equal(t, "refused", r.Reason)
	}
	require.Equal(t, []int{2, 4, 6}, at)
	require.Equal(t, [][]float32{vectorOf("a"), vectorOf("b"), nil, vectorOf("a"), nil, vectorOf("c"), nil}, got)
}

func TestFaultsOfTheCache(t *testing.T) {
	full := errors.New("disk full")
	for _, operation := range []string{"Get", "Put"} {
		t.Run(operation, func(t *testing.T) {
			m, cache := newModel(), new(embeddingtest.Memory)
			cache.FailWith(func(o string) error {
				if o == operation {
					return full
				}
				return nil
			})
			got, err := embedding.Cached(m, cache).Embed(t.Context(), []string{"a", "cursed"})
			require.ErrorIs(t, err, full)
			require.NotErrorIs(t, err, pipeline.ErrRejected, "a rejection says that all the rest is done")
			if operation == "Put" {
				require.Equal(t, vectorOf("a"), got[0], "it was paid for")
			}
		})
	}
}

func TestNothingIsPaidForTwiceWhileTheCacheIsAway(t *testing.T) {
	m, cache := newModel(), new(embeddingtest.Memory)
	away := true
	cache.FailWith(func(o string) error {
		if away && o == "Put" {
			return pipeline.ErrTryLater
		}
		return nil
	})
	e := embedding.Cached(m, cache)
	for range 3 {
		_, err := e.Embed(t.Context(), []string{"a", "b"})
		require.ErrorIs(t, err, pipeline.ErrTryLater)
	}
	_, err := e.Embed(t.Context(), []string{"c"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	away = false
	got, err := e.Embed(t.Context(), []string{"c", "b", "a"})
	require.NoError(t, err)
	require.Equal(t, [][]float32{vectorOf("c"), vectorOf("b"), vectorOf("a")}, got)
	require.Equal(t, [][]string{{"a", "b"}, {"c"}}, m.calls)
}
