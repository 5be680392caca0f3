package opensearch_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/test/opensearch"
)

func TestANodeOfItsOwnCanBeKilled(t *testing.T) {
	node := opensearch.Start(t, opensearch.Plain)
	get[any](t, http.MethodPut, node.URL+"/lines", "")
	shared := opensearch.URL(t)
	require.NotEqual(t, shared, node.URL)

	node.Kill(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL, nil)
	require.NoError(t, err)
	_, err = http.DefaultClient.Do(request)
	require.ErrorContains(t, err, "connection refused")
	status, _ := send(t, http.MethodGet, shared, "")
	require.Equal(t, http.StatusOK, status)
}

func TestANodeOfItsOwnIsSkippedAtADesk(t *testing.T) {
	t.Setenv(opensearch.Variable, "")
	t.Setenv("CI", "")
	got := outcome{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		opensearch.Start(&got, opensearch.Plain)
	}()
	<-ended
	require.Contains(t, got.skipped, "tools/servers start")
}
