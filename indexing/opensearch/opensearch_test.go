package opensearch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/test/opensearch"
)

func openTest(t *testing.T, prefix string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: prefix, View: indextest.View, Masked: indextest.Masked, Document: indextest.Document})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func (s *Store) refresh(t *testing.T) {
	t.Helper()
	require.NoError(t, s.client.call(context.Background(), "POST", "/"+s.names.prefix+"*/_refresh", nil, nil))
}

func TestIndex(t *testing.T) {
	indextest.TestIndex(t, indextest.Harness{
		Open:   func(t *testing.T) indextest.Store { return openTest(t, opensearch.Prefix(t)) },
		Reopen: func(t *testing.T, old indextest.Store) indextest.Store { return openTest(t, old.(*Store).names.prefix) },
		Refresh: func(t *testing.T, s indextest.Store) {
			s.(*Store).refresh(t)
		},
	})
}

func TestPatterns(t *testing.T) {
	indextest.TestPatterns(t, indextest.PatternsHarness{
		Open: func(t *testing.T) indextest.PatternStore { return openTest(t, opensearch.Prefix(t)) },
		Reopen: func(t *testing.T, old indextest.PatternStore) indextest.PatternStore {
			return openTest(t, old.(*Store).names.prefix)
		},
		Refresh: func(t *testing.T, s indextest.PatternStore) { s.(*Store).refresh(t) },
	})
}
