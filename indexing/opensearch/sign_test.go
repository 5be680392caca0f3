package opensearch

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

func signed(t *testing.T, door *opensearch.Signed, prefix, secret string) (*Store, error) {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", door.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_SESSION_TOKEN", "session/with+signs=")
	return Open(context.Background(), Options{Addresses: []string{door.URL}, Prefix: prefix, Region: door.Region})
}

func TestEveryRequestIsSigned(t *testing.T) {
	door := opensearch.NewSigned(t, "eu-central-1", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	s, err := signed(t, door, opensearch.Prefix(t), door.SecretKey)
	require.NoError(t, err)
	entries := indextest.Entries(6, 1, 60)
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries)
	require.Positive(t, door.In.Load())
	require.Zero(t, door.Refused.Load())
}

func TestAWrongSignatureIsToldAndTriedLater(t *testing.T) {
	door := opensearch.NewSigned(t, "eu-central-1", "AKIDEXAMPLE", "right")
	_, err := signed(t, door, opensearch.Prefix(t), "wrong")
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.ErrorContains(t, err, "request signature")
	require.Contains(t, hintOf(err), "role")
	require.Zero(t, door.In.Load())
}

func TestServerlessIsRefused(t *testing.T) {
	_, err := Open(context.Background(), Options{Addresses: []string{"https://abc123.eu-central-1.aoss.amazonaws.com"}, Region: "eu-central-1"})
	require.ErrorContains(t, err, "refuse document IDs")
	require.Contains(t, hintOf(err), "domain")
}

func TestAPasswordOrASignature(t *testing.T) {
	_, err := Open(context.Background(), Options{Addresses: []string{"http://127.0.0.1:1"}, Region: "eu-central-1", Username: "u"})
	require.ErrorContains(t, err, "both given")
}
