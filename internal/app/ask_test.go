package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// kubeEvent is a Kubernetes event as the API server writes it.
func kubeEvent(n int, kind, name, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"v1","metadata":{"name":"%s.%d","namespace":"shop","uid":"uid-%d","resourceVersion":"%d"},`+
		`"involvedObject":{"kind":"%s","namespace":"shop","name":"%s"},"reason":"%s","message":"%s","type":"Warning","count":3,`+
		`"firstTimestamp":"2026-11-20T11:50:00Z","lastTimestamp":"2026-11-20T11:5%d:00Z"}`, name, n, n, n, kind, name, reason, message, n%10)
}

// Ask works on a store of the product's own: old entries, events, lines of
// patterns, and a question that names a service in words.
func TestAskOnARealStore(t *testing.T) {
	a := open(t, t.TempDir())
	lines := []string{
		kubeEvent(1, "Pod", "cache-service-6d5f7c9b8-x2x7v", "FailedMount", `MountVolume.SetUp failed for volume \"config\" : configmap \"cache-config\" not found`),
		kubeEvent(2, "Deployment", "cache-service", "ScalingReplicaSet", "Scaled up replica set cache-service-6d5f7c9b8 to 1"),
	}
	for n := range 40 {
		lines = append(lines, fmt.Sprintf(`{"time":"2026-11-20T11:%02d:00Z","log":"ERROR order %d failed: connection refused","kubernetes":{"namespace_name":"shop","pod_name":"checkout-78c688f56b-9qz26","container_name":"app"}}`, n, n))
	}
	path := filepath.Join(t.TempDir(), "shop.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	require.EqualValues(t, len(lines), ingest(t, a, path).Indexed)

	h, err := a.LocalHandler()
	require.NoError(t, err)
	c := client.InProcess(h)
	defer c.Close()
	got, err := c.Ask(t.Context(), query.AskRequest{Query: "why does the cache service not start?"})
	require.NoError(t, err)
	require.Equal(t, []string{"cache-service"}, got.Looked.About)
	require.EqualValues(t, 2, got.Looked.Events)
	require.EqualValues(t, 1, got.Looked.Patterns)
	require.Equal(t, noon.Add(-8*time.Minute).Add(1), got.Looked.To)
	require.Equal(t, "rules", got.Generator)
	require.Equal(t, diagnose.CauseMissingConfigMap, got.Cause, got.Text)
	require.Equal(t, "cache-service-6d5f7c9b8-x2x7v", got.Object.Name)
	require.Contains(t, got.Evidence[0].Text, "cache-config")

	got, err = c.Ask(t.Context(), query.AskRequest{Query: "is anything wrong with checkout-78c688f56b-9qz26 in namespace shop?"})
	require.NoError(t, err)
	require.Equal(t, []string{"Pod shop/checkout-78c688f56b-9qz26"}, got.Looked.About)
	require.Equal(t, []string{"in namespace shop"}, got.Looked.Read)
}
