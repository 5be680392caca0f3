package opensearch

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
)

// Pages over several indices find each line once, whatever their size.
func TestPagesPassOverNothing(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(9, 3, 600)
	writeAll(t, s, entries)
	s.refresh(t)
	for _, size := range []int{50, 199, 600, 1000} {
		seen := map[string]int{}
		query := map[string]any{"size": size, "query": matchAll, "sort": byShardDoc}
		require.NoError(t, s.eachLine(context.Background(), &pipeline.Filter{}, query, func(hits []hit[line]) error {
			for i := range hits {
				seen[hits[i].ID]++
			}
			return nil
		}))
		require.Len(t, seen, len(entries), "pages of %d", size)
		for id, n := range seen {
			require.Equal(t, 1, n, id)
		}
	}
}

// Large lines come in portions that a node can bear, and all of them.
func TestLargeLinesAreReadInPortions(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(10, 1, 48)
	for i := range entries {
		if i%2 == 0 {
			entries[i].Raw = strings.Repeat(entries[i].Raw+" ", (512<<10)/(len(entries[i].Raw)+1))
			entries[i].Message = entries[i].Raw
		}
	}
	writeAll(t, s, entries)
	s.refresh(t)
	most, err := s.largestLine(t.Context())
	require.NoError(t, err)
	require.Greater(t, most, int64(512<<10))

	query := map[string]any{"size": pageSize, "query": matchAll, "sort": byShardDoc}
	pages, seen := 0, map[string]bool{}
	require.NoError(t, s.eachLine(t.Context(), &pipeline.Filter{}, query, func(hits []hit[line]) error {
		pages++
		bytes := 0
		for i := range hits {
			bytes += len(hits[i].Source.Entry.Raw)
			seen[hits[i].ID] = true
		}
		require.LessOrEqual(t, bytes, portionBytes)
		return nil
	}))
	require.Len(t, seen, 48)
	require.Greater(t, pages, 1)

	page, err := s.Lines(t.Context(), pipeline.LineQuery{Limit: 48})
	require.NoError(t, err)
	require.Len(t, page.Lines, 48)
	for i := range page.Lines {
		require.NotEmpty(t, page.Lines[i].Raw)
	}
	n := 0
	for cursor := (followed{}).encode(); ; {
		page, err := s.Follow(t.Context(), pipeline.LineQuery{Limit: 100}, cursor)
		require.NoError(t, err)
		if len(page.Lines) == 0 {
			break
		}
		n, cursor = n+len(page.Lines), page.Next
	}
	require.Equal(t, 48, n)
}
