package embedding_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
)

// Indices hold these keys.
func TestKeysAreFrozen(t *testing.T) {
	for _, tt := range []struct {
		document embedding.Document
		want     string
	}{
		{embedding.Document{}, "9701b5d8c150c03b479162d19ea0cd3a"},
		{embedding.Document{Text: "failed to pull image", Context: "kubelet", Glossary: "cannot download container image"}, "23b3c4733350a543e10370e7d1fcc59c"},
		{embedding.Document{Text: "größe", Context: "", Glossary: "a"}, "167f6ad5b3636e99c3ec836e34f8d3bd"},
	} {
		require.Equal(t, tt.want, tt.document.Key().String())
	}
	require.Equal(t, "cc110ae1cde6d671546facc8c58fed2e", embedding.TextKey("failed to pull image").String())
}

func TestEveryPartOfADocumentCounts(t *testing.T) {
	seen := map[embedding.Key]embedding.Document{}
	for _, d := range []embedding.Document{
		{Text: "ab"}, {Context: "ab"}, {Glossary: "ab"}, {Text: "a", Context: "b"}, {Text: "a", Glossary: "b"}, {Context: "a", Glossary: "b"}, {},
	} {
		require.NotContains(t, seen, d.Key())
		seen[d.Key()] = d
	}
	require.NotContains(t, seen, embedding.TextKey("ab"))
}

func TestCompose(t *testing.T) {
	text, context, glossary := []float32{1, 0, 0}, []float32{0, 1, 0}, []float32{0, 0, 1}
	norm := math.Sqrt(1 + .3*.3 + .3*.3)
	require.InDeltaSlice(t, []float32{float32(1 / norm), float32(.3 / norm), float32(.3 / norm)}, embedding.Compose(text, context, glossary), 1e-6)
	require.Equal(t, []float32{1, 0, 0}, text, "the parts stay")
	require.Equal(t, []float32{1, 0, 0}, embedding.Compose(text, nil, nil))
	require.Equal(t, []float32{0, 1, 0}, embedding.Compose(make([]float32, 3), context, nil))
	require.Equal(t, make([]float32, 3), embedding.Compose(make([]float32, 3), nil, make([]float32, 3)))
}

func TestTerms(t *testing.T) {
	a := analysis.New()
	d := embedding.Document{Text: "NetworkPolicies refused the connection", Context: "api-server", Glossary: "firewall rules, refuses connections", Masked: "hidden rule"}
	first := embedding.Term{Text: "refus", Weight: 1}
	got := d.Terms(a, []embedding.Term{first})
	require.Equal(t, []embedding.Term{first,
		{"api", 1}, {"connect", 1}, {"firewal", .7}, {"hidden", 1}, {"network", 1}, {"polici", 1}, {"refus", 1}, {"rule", 1}, {"server", 1},
	}, got)
	require.Empty(t, embedding.Document{Text: "of the"}.Terms(a, nil))
}
