package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

// crowded is a cluster that says how many shards it has and may have; the rest
// is the real one's.
type crowded struct{ open, perNode int }

func (c crowded) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/_cluster/health"):
		return answerOf(r, 200, fmt.Sprintf(`{"number_of_data_nodes":2,"active_shards":%d,"initializing_shards":1,"unassigned_shards":2}`, c.open-3)), nil
	case strings.HasPrefix(r.URL.Path, "/_cluster/settings"):
		return answerOf(r, 200, fmt.Sprintf(`{"persistent":{"cluster":{"max_shards_per_node":"%d"}},"defaults":{"cluster":{"max_shards_per_node":"1"}}}`, c.perNode)), nil
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestOwnIndicesEndBeforeTheClustersLimit(t *testing.T) {
	url, prefix := opensearch.URL(t), opensearch.Prefix(t)
	entries := indextest.Entries(7, 1, 40)
	physical := func(open int, days []pipeline.Entry) string {
		s, err := Open(context.Background(), Options{Addresses: []string{url}, Prefix: prefix, Own: func(string) bool { return true }, Transport: crowded{open, 100}})
		require.NoError(t, err)
		writeAll(t, s, days)
		counted, err := s.Shards(context.Background())
		require.NoError(t, err)
		require.Equal(t, Shards{open, 200}, counted)
		require.Equal(t, open >= 160, counted.Scarce())
		_, where, err := s.placement.ensure(context.Background(), days[0].Service, days[0].Day())
		require.NoError(t, err)
		return where
	}
	n := names{prefix}
	service, day := entries[0].Service, entries[0].Day()
	require.Equal(t, n.pack(day), physical(180, entries))
	require.Equal(t, n.pack(day), physical(100, entries), "what is decided stays")

	later := indextest.Entries(7, 1, 40)
	for i := range later {
		later[i].Time += 40 * 24 * 3600 * 1e9
	}
	require.Equal(t, n.own(service, later[0].Day()), physical(179, later))
}

func TestShardsOfTheRealCluster(t *testing.T) {
	s := openTest(t, opensearch.Prefix(t))
	found, err := s.Shards(context.Background())
	require.NoError(t, err)
	require.GreaterOrEqual(t, found.Open, 3, "those that every store has")
	require.Greater(t, found.Limit, found.Open)
}
