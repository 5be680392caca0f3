package opensearch

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

// wire is a way to the cluster that can be cut.
type wire struct{ cut atomic.Bool }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.cut.Load() {
		return nil, errors.New("no route to host")
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestAPatientStoreOpensWhileTheClusterIsAway(t *testing.T) {
	w := &wire{}
	w.cut.Store(true)
	o := Options{Addresses: []string{opensearch.URL(t)}, Prefix: opensearch.Prefix(t), Transport: w}
	_, err := Open(context.Background(), o)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Contains(t, hintOf(err), "opensearch.urls")

	o.Patient = true
	s, err := Open(context.Background(), o)
	require.NoError(t, err)
	s.client.wait = time.Millisecond
	entries := indextest.Entries(8, 1, 30)
	require.ErrorIs(t, s.Write(context.Background(), entries, make([]pipeline.WriteResult, len(entries))), pipeline.ErrTryLater)
	_, err = s.Unembedded(context.Background(), "m", 10)
	require.ErrorIs(t, err, pipeline.ErrTryLater)

	w.cut.Store(false)
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries)
}

// A network that swallows requests does not hold a patient store up.
func TestAPatientStoreOpensBehindABlackHole(t *testing.T) {
	network := opensearch.NewProxy(t)
	network.Poison(t, "upstream", "timeout", `{"timeout":0}`)
	start := time.Now()
	_, err := Open(context.Background(), Options{Addresses: []string{network.URL}, Prefix: opensearch.Prefix(t), Patient: true})
	require.NoError(t, err)
	require.Less(t, time.Since(start), time.Minute, "one timeout of a request is a minute")
}

func TestPatienceIsNotForWhatDoesNotPass(t *testing.T) {
	s := impatient(t)
	s.must(t, http.MethodDelete, "/"+first(s.names.placement()), "")
	s.must(t, http.MethodPut, "/"+first(s.names.placement()), "")
	_, err := Open(context.Background(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: s.names.prefix, Patient: true})
	require.ErrorContains(t, err, "is not loglode's")
}
