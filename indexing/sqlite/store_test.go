package sqlite

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
)

// tight limits make a small test meet what a large store meets: merged runs,
// evicted days, lists read twice.
var tight = limits{writers: 1, open: 2, tail: 40, pending: 2, kept: 2000, servicePatterns: 1000, dayPatterns: 1000}

func openTest(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, View: indextest.View, CreatedBy: "test"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func testIndex(t *testing.T, l limits) {
	dirs := map[indextest.Store]string{}
	open := func(t *testing.T, dir string) indextest.Store {
		s := openTest(t, dir)
		s.limits = l
		dirs[s] = dir
		return s
	}
	indextest.TestIndex(t, indextest.Harness{
		Open: func(t *testing.T) indextest.Store { return open(t, t.TempDir()) },
		Reopen: func(t *testing.T, old indextest.Store) indextest.Store {
			s, ok := old.(*Store)
			require.True(t, ok)
			require.NoError(t, s.Close())
			return open(t, dirs[old])
		},
	})
}

func TestIndex(t *testing.T) { testIndex(t, defaultLimits) }

func TestIndexWithTightLimits(t *testing.T) { testIndex(t, tight) }

func openTestCatalogue(t *testing.T, o Options) *Catalogue {
	t.Helper()
	if o.Key == nil {
		o.Key = []byte("0123456789abcdef")
	}
	c, err := OpenCatalogue(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func TestDeadLetters(t *testing.T) {
	dir := t.TempDir()
	indextest.TestDeadLetters(t, indextest.DeadLettersHarness{
		Open: func(t *testing.T) indextest.DeadLetters { return openTestCatalogue(t, Options{Dir: dir}) },
		Reopen: func(t *testing.T, s indextest.DeadLetters) indextest.DeadLetters {
			return openTestCatalogue(t, Options{Dir: dir})
		},
	})
}

func TestState(t *testing.T) {
	dir := t.TempDir()
	indextest.TestState(t, indextest.StateHarness{
		Open:   func(t *testing.T) pipeline.State { return openTestCatalogue(t, Options{Dir: dir}) },
		Reopen: func(t *testing.T, s pipeline.State) pipeline.State { return openTestCatalogue(t, Options{Dir: dir}) },
	})
}
