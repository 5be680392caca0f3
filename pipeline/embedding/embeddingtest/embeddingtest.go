// Package embeddingtest holds the conformance suites of embedding's ports, which
// every implementation passes, and an implementation in memory.
package embeddingtest

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/embedding"
)

// TestEmbedder is the suite of embedding.Embedder. same is how much a value may
// differ between two embeddings of one text: 0 but for a vendor's rounding.
func TestEmbedder(t *testing.T, open func(t *testing.T) embedding.Embedder, same float64) {
	ctx := t.Context()
	texts := []string{"connection refused by the server", "", "disk full", "  \t", strings.Repeat("certificate expired ", 20_000), "disk full"}
	e := open(t)
	model := e.Model()
	require.NotEmpty(t, model)
	vectors, err := e.Embed(ctx, texts)
	require.NoError(t, err)
	require.Len(t, vectors, len(texts))
	require.Equal(t, model, e.Model(), "the name does not change by use")
	require.Positive(t, e.Dimensions())
	for i, v := range vectors {
		require.Len(t, v, e.Dimensions())
		want := 1.0
		if strings.TrimSpace(texts[i]) == "" {
			want = 0
		}
		require.InDelta(t, want, length(v), 1e-5, "the length of text %d", i)
	}
	near(t, vectors[2], vectors[5], same, "the same text in one call")
	require.NotEqual(t, vectors[0], vectors[2])

	for i, text := range texts {
		alone, err := e.Embed(ctx, []string{text})
		require.NoError(t, err)
		require.Len(t, alone, 1)
		near(t, vectors[i], alone[0], same, "the same text in another call")
		for j := range alone[0] {
			alone[0][j] = 7 // it is the caller's
		}
	}
	none, err := e.Embed(ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)

	var wg sync.WaitGroup
	results := make([][][]float32, 4)
	for i := range results {
		wg.Go(func() { results[i], _ = e.Embed(ctx, texts[:3]) })
	}
	wg.Wait()
	for _, r := range results {
		require.Len(t, r, 3)
		near(t, vectors[0], r[0], same, "from several goroutines")
		near(t, vectors[2], r[2], same, "from several goroutines")
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = e.Embed(ended, texts)
	require.ErrorIs(t, err, context.Canceled)
}

func length(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum)
}

func near(t *testing.T, want, got []float32, same float64, message string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.InDelta(t, want[i], got[i], same, message)
	}
}

// StoreHarness opens stores for TestStore.
type StoreHarness struct {
	// Open returns a store in which n distinct documents wait.
	Open func(t *testing.T, n int) embedding.Store
	// Reopen closes s and opens it again.
	Reopen func(t *testing.T, s embedding.Store) embedding.Store
}

// TestStore is the suite of embedding.Store.
func TestStore(t *testing.T, h StoreHarness) {
	ctx := t.Context()
	const model, other = "test-model", "another:model"
	empty := h.Open(t, 0)
	waiting, err := empty.Unembedded(ctx, model, 10)
	require.NoError(t, err)
	require.Empty(t, waiting)
	require.NoError(t, empty.SetVectors(ctx, model, nil))
	require.NoError(t, empty.SetVectors(ctx, model, []embedding.Vector{{Key: embedding.Key{9}, Values: []float32{1, 0}}}), "a document that is gone")

	s := h.Open(t, 7)
	first, err := s.Unembedded(ctx, model, 3)
	require.NoError(t, err)
	require.Len(t, first, 3)
	all, err := s.Unembedded(ctx, model, 100)
	require.NoError(t, err)
	require.Len(t, all, 7)
	keys := map[embedding.Key]bool{}
	for _, p := range all {
		require.NotEmpty(t, p.Document.Text)
		keys[p.Key] = true
	}
	require.Len(t, keys, 7, "each document once")

	vector := func(i int) embedding.Vector {
		if i == 2 {
			return embedding.Vector{Key: all[i].Key, Values: []float32{0, 0}} // rejected
		}
		return embedding.Vector{Key: all[i].Key, Values: []float32{0.6, 0.8}}
	}
	require.NoError(t, s.SetVectors(ctx, model, []embedding.Vector{vector(0), vector(1), vector(2)}))
	require.NoError(t, s.SetVectors(ctx, model, []embedding.Vector{vector(1), vector(3)}), "again")
	s = h.Reopen(t, s)
	rest, err := s.Unembedded(ctx, model, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, all[4:], rest)
	untouched, err := s.Unembedded(ctx, other, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, all, untouched, "another model has no vectors yet")

	require.NoError(t, s.SetVectors(ctx, model, []embedding.Vector{vector(4), vector(5), vector(6)}))
	rest, err = s.Unembedded(ctx, model, 100)
	require.NoError(t, err)
	require.Empty(t, rest)
}

// CacheHarness opens caches for TestCache, as StoreHarness does.
type CacheHarness struct {
	Open   func(t *testing.T) embedding.Cache
	Reopen func(t *testing.T, c embedding.Cache) embedding.Cache
}

// TestCache is the suite of embedding.Cache.
func TestCache(t *testing.T, h CacheHarness) {
	ctx := t.Context()
	const model, other = "test-model", "another:model"
	a, b, c := embedding.TextKey("a"), embedding.TextKey("b"), embedding.TextKey("c")
	one, two, three := []float32{0.6, 0.8}, []float32{0, 0}, []float32{-1, 0}
	cache := h.Open(t)
	get := func(model string, keys ...embedding.Key) [][]float32 {
		got, err := cache.Get(ctx, model, keys)
		require.NoError(t, err)
		require.Len(t, got, len(keys))
		return got
	}
	require.Empty(t, get(model))
	require.Equal(t, [][]float32{nil, nil}, get(model, a, b))
	require.NoError(t, cache.Put(ctx, model, nil, nil))
	require.NoError(t, cache.Put(ctx, model, []embedding.Key{a, b}, [][]float32{one, two}))
	require.NoError(t, cache.Put(ctx, other, []embedding.Key{a}, [][]float32{three}))
	require.NoError(t, cache.Put(ctx, model, []embedding.Key{a, c}, [][]float32{three, three}), "what is there stays")
	cache = h.Reopen(t, cache)
	require.Equal(t, [][]float32{three, nil, two, one, one}, get(model, c, embedding.TextKey("d"), b, a, a))
	require.Equal(t, [][]float32{three, nil}, get(other, a, b))

	many := make([]embedding.Key, 3000)
	for i := range many {
		many[i] = embedding.TextKey(strings.Repeat("x", i))
	}
	require.Len(t, get(model, many...), len(many), "more keys than a statement takes parameters")
}
