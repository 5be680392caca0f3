package embeddingtest_test

import (
	"fmt"
	"testing"

	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/embedding/embeddingtest"
)

func TestMemory(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		embeddingtest.TestStore(t, embeddingtest.StoreHarness{
			Open: func(_ *testing.T, n int) embedding.Store {
				m := new(embeddingtest.Memory)
				for i := range n {
					m.Add(embedding.Document{Text: fmt.Sprint("text ", i), Context: "shop"})
				}
				return m
			},
			Reopen: func(_ *testing.T, s embedding.Store) embedding.Store { return s },
		})
	})
	t.Run("cache", func(t *testing.T) {
		embeddingtest.TestCache(t, embeddingtest.CacheHarness{
			Open:   func(*testing.T) embedding.Cache { return new(embeddingtest.Memory) },
			Reopen: func(_ *testing.T, c embedding.Cache) embedding.Cache { return c },
		})
	})
}
