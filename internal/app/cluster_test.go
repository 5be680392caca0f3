package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/test/bedrock"
	"github.com/loglode/loglode/test/opensearch"
)

// withTitan is the configuration for Titan at an address.
func withTitan(t *testing.T, titan string) func(*config.Config) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_BEARER_TOKEN_BEDROCK", "")
	return func(c *config.Config) {
		c.Embedding.Provider, c.Embedding.URL, c.Embedding.Region, c.Embedding.DollarsPerDay = "bedrock", titan, "eu-central-1", 1
	}
}

// onCluster is the configuration for an OpenSearch of tests, and for Titan.
func onCluster(t *testing.T, titan string) func(*config.Config) {
	t.Helper()
	embedder := withTitan(t, titan)
	url, prefix := opensearch.URL(t), opensearch.Prefix(t)
	return func(c *config.Config) {
		c.Index.Store = "opensearch"
		c.OpenSearch.URLs, c.OpenSearch.Prefix, c.OpenSearch.Replicas = url, prefix, 0
		embedder(c)
	}
}

func shopLines(t *testing.T, n int) string {
	t.Helper()
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf(`{"time":"2026-11-20T11:%02d:%02dZ","log":"ERROR order %d failed: connection refused","kubernetes":{"namespace_name":"shop","pod_name":"checkout-78c688f56b-9qz26","container_name":"app"}}`, i/60, i%60, i),
			fmt.Sprintf(`{"time":"2026-11-20T11:%02d:%02dZ","log":"INFO cart %d saved","kubernetes":{"namespace_name":"shop","pod_name":"cart-78c688f56b-x2x7v","container_name":"app"}}`, i/60, i%60, i))
	}
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

// TestTitanIsDownForTheWholeRun has every line and pattern found by words, and
// the vectors there after Titan returns, each content paid for once.
func TestTitanIsDownForTheWholeRun(t *testing.T) {
	titan := &bedrock.Server{}
	titan.FailAll(bedrock.FailAs("AccessDeniedException"))
	dir := t.TempDir()
	cluster := onCluster(t, titan.Listen(t))
	a := open(t, dir, cluster)
	path := shopLines(t, 100)
	require.EqualValues(t, 200, ingest(t, a, path).Indexed)
	check(t, a)
	require.EqualValues(t, 200, ingest(t, a, path).Duplicates, "again adds nothing")

	h, err := a.LocalHandler()
	require.NoError(t, err)
	c := client.InProcess(h)
	defer c.Close()
	found, err := c.Search(t.Context(), query.SearchRequest{Query: "orders that fail"})
	require.NoError(t, err)
	require.EqualValues(t, 2, found.Patterns)
	require.EqualValues(t, 2, found.Waiting)
	require.NotEmpty(t, found.Degraded)
	require.Contains(t, found.Hits[0].Template, "order <*> failed")
	require.EqualValues(t, 100, found.Hits[0].Count)

	titan.Heal()
	require.NoError(t, a.embedRest(t.Context()))
	require.NoError(t, a.visible(t.Context()))
	found, err = c.Search(t.Context(), query.SearchRequest{Query: "orders that fail"})
	require.NoError(t, err)
	require.Zero(t, found.Waiting)
	require.Len(t, titan.Texts(), 3, "two patterns and a question")
	for text, n := range titan.Texts() {
		require.LessOrEqual(t, n, 1, "%q was paid for twice", text)
	}
	status, err := a.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, status.Cost, 1)
	require.Positive(t, status.Cost[0].Tokens)
	require.Equal(t, "bedrock", status.Cost[0].Provider)
	require.Positive(t, status.Cost[0].Services["checkout"].Tokens)
	require.Positive(t, status.Cost[0].Services[embedding.Questions].Tokens)
	require.EqualValues(t, 200, status.Index.Entries)
	indices, err := c.Indices(t.Context())
	require.NoError(t, err)
	require.Len(t, indices.Indices, 1, "small services share a day")
	require.Contains(t, indices.Indices[0].Name, "loglode-pack-2026-11-20-000001")
	require.EqualValues(t, 200, indices.Indices[0].Entries)
	require.NoError(t, a.Close())

	// A second start: nothing is embedded again.
	calls := titan.Counts()
	again := open(t, dir, cluster)
	require.NoError(t, again.embedRest(t.Context()))
	require.Equal(t, calls, titan.Counts())
	check(t, again)
}
