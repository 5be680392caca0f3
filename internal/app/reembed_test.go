package app

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/test/bedrock"
)

// running has the loops of an app run until the test, or stop, ends them.
func running(t *testing.T, a *App) (c *client.Client, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.runLoops(ctx) }()
	require.Eventually(t, a.looping.Load, 10*time.Second, time.Millisecond)
	h, err := a.LocalHandler()
	require.NoError(t, err)
	c = client.InProcess(h)
	t.Cleanup(c.Close)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return c, stop
}

// serves waits until a model serves and no change is under way.
func serves(t *testing.T, c *client.Client, model string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.Patterns.Model == model && s.Patterns.Next == nil
	}, 30*time.Second, 20*time.Millisecond)
}

// ranks asks a question, which the vectors of the model that serves must answer.
func ranks(t *testing.T, c *client.Client) {
	t.Helper()
	found, err := c.Search(t.Context(), query.SearchRequest{Query: "orders that fail", Leg: query.LegVector})
	require.NoError(t, err)
	require.Zero(t, found.Waiting)
	require.Len(t, found.Hits, 2)
	require.Positive(t, found.Hits[0].Score)
}

const titan256, titan512 = "bedrock:amazon.titan-embed-text-v2:0:256", "bedrock:amazon.titan-embed-text-v2:0:512"

func TestReembed(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		titan := &bedrock.Server{}
		cluster := withTitan(t, titan.Listen(t))
		testReembed(t, titan, cluster)
	})
	t.Run("opensearch", func(t *testing.T) {
		titan := &bedrock.Server{}
		testReembed(t, titan, onCluster(t, titan.Listen(t)))
	})
}

// testReembed changes the model by configuration, by request, back, and over a
// restart. Questions have their vectors all the while, and no text is paid for
// twice in one model.
func testReembed(t *testing.T, titan *bedrock.Server, cluster func(*config.Config)) {
	dir := t.TempDir()
	a := open(t, dir, cluster, func(c *config.Config) {
		c.Embedding = config.Default().Embedding
	})
	ingest(t, a, shopLines(t, 50))
	builtin := a.spaces.serving().model()
	require.Contains(t, builtin, "builtin-")
	_, err := a.Reembed(t.Context(), query.ReembedRequest{Model: "nomic-embed-text"})
	require.ErrorIs(t, err, pipeline.ErrRejected, "no log line goes to an address that a request names")
	require.NoError(t, a.Close())

	// The configuration names Titan, which is away: the table serves on.
	titan.FailAll(bedrock.FailAs("ServiceUnavailableException"))
	a = open(t, dir, cluster)
	c, stop := running(t, a)
	s, err := c.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, builtin, s.Patterns.Model)
	require.Equal(t, &query.NextModel{Model: titan256, Waiting: 2}, s.Patterns.Next)
	ranks(t, c)
	titan.Heal()
	serves(t, c, titan256)
	ranks(t, c)

	// By request: first only asked for, then done.
	ask := query.ReembedRequest{Model: "amazon.titan-embed-text-v2:0", Dimensions: 512, DryRun: true}
	report, err := c.Reembed(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, titan512, report.Model)
	require.EqualValues(t, 2, report.Documents)
	require.Positive(t, report.Tokens)
	require.Positive(t, report.Dollars)
	require.Nil(t, mustStatus(t, c).Patterns.Next)
	ask.DryRun = false
	titan.FailText("saved", bedrock.FailAs("ServiceUnavailableException")) // one of both stays behind
	report, err = c.Reembed(t.Context(), ask)
	require.NoError(t, err)
	require.True(t, report.Running)
	require.Eventually(t, func() bool {
		next := mustStatus(t, c).Patterns.Next
		return next != nil && next.Waiting == 1
	}, 30*time.Second, 20*time.Millisecond)
	require.Equal(t, titan256, mustStatus(t, c).Patterns.Model)
	ranks(t, c)

	// A restart in the middle goes on with it.
	stop()
	require.NoError(t, a.Close())
	a = open(t, dir, cluster)
	c, stop = running(t, a)
	require.Equal(t, titan256, mustStatus(t, c).Patterns.Model)
	require.Equal(t, titan512, mustStatus(t, c).Patterns.Next.Model)
	titan.Heal()
	serves(t, c, titan512)
	ranks(t, c)
	stop()
	require.NoError(t, a.Close())

	// It holds over a restart, and going back costs nothing but the question.
	a = open(t, dir, cluster)
	c, stop = running(t, a)
	serves(t, c, titan512)
	texts := titan.Texts()
	for text, n := range texts {
		if text != "ok" && text != "orders that fail" {
			require.LessOrEqual(t, n, 2, "%q was paid for more than once for a model", text)
		}
	}
	_, err = c.Reembed(t.Context(), query.ReembedRequest{Model: "amazon.titan-embed-text-v2:0", Dimensions: 512})
	require.ErrorContains(t, err, "is the model that serves")
	_, err = c.Reembed(t.Context(), query.ReembedRequest{Model: "amazon.titan-embed-text-v2:0", Dimensions: 256})
	require.NoError(t, err)
	serves(t, c, titan256)
	ranks(t, c)
	stop()
	require.NoError(t, a.Close())
	for text, n := range titan.Texts() {
		if text != "ok" && text != "orders that fail" {
			require.Equal(t, texts[text], n, text)
		}
	}

	// The configuration has the last word, once it changes.
	a = open(t, dir, cluster, func(c *config.Config) { c.Embedding = config.Default().Embedding })
	c, _ = running(t, a)
	serves(t, c, builtin)
	ranks(t, c)
}

func mustStatus(t *testing.T, c *client.Client) query.Status {
	t.Helper()
	s, err := c.Status(t.Context())
	require.NoError(t, err)
	return s
}
