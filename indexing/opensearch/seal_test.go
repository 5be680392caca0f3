package opensearch

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
)

// segments is how many an index has.
func (s *Store) segments(t *testing.T, index string) int {
	t.Helper()
	var answer struct {
		All struct {
			Primaries struct {
				Segments struct {
					Count int `json:"count"`
				} `json:"segments"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	require.NoError(t, s.client.call(context.Background(), http.MethodGet, "/"+index+"/_stats/segments", nil, &answer))
	return answer.All.Primaries.Segments.Count
}

func TestADayIsSealedAndALateLineOpensItAgain(t *testing.T) {
	s := impatient(t)
	now := time.Now()
	s.o.Now = func() time.Time { return now }
	entries := indextest.Entries(7, 1, 90)
	day := entries[0].Day()
	for i := range 3 {
		writeAll(t, s, entries[20*i:20*i+20])
		s.refresh(t)
	}
	pack := s.names.pack(day)
	require.Greater(t, s.segments(t, pack), 1)

	n, err := s.Seal(t.Context(), day, 0)
	require.NoError(t, err)
	require.Zero(t, n, "the day itself is not over")
	now = now.Add(2 * time.Hour)
	after := pipeline.Day(entries[0].Time + int64(24*time.Hour))
	n, err = s.Seal(t.Context(), after, time.Hour)
	require.NoError(t, err)
	require.Positive(t, n)
	require.Eventually(t, func() bool { return s.segments(t, pack) == 1 }, 30*time.Second, 50*time.Millisecond)
	n, err = s.Seal(t.Context(), after, time.Hour)
	require.NoError(t, err)
	require.Zero(t, n, "once")
	list, err := s.Indices(t.Context())
	require.NoError(t, err)
	for _, x := range list {
		require.Equal(t, x.Day < after, x.Sealed, x.Name)
	}

	// A repeat of what is there, and new lines.
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries)
	n, err = s.Seal(t.Context(), after, time.Hour)
	require.NoError(t, err)
	require.Zero(t, n, "more may come late")
	again := openTest(t, s.names.prefix)
	again.o.Now = s.o.Now
	n, err = again.Seal(t.Context(), after, time.Hour)
	require.NoError(t, err)
	require.Zero(t, n, "another process says the same")
	now = now.Add(2 * time.Hour)
	n, err = s.Seal(t.Context(), after, time.Hour)
	require.NoError(t, err)
	require.Positive(t, n)

	require.NoError(t, s.DropDay(t.Context(), day), "retention is not held up")
	list, err = s.Indices(t.Context())
	require.NoError(t, err)
	for _, x := range list {
		require.NotEqual(t, day, x.Day)
	}
}

// A block that somebody else has set stays.
func TestAnOperatorsBlockIsNotLifted(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(8, 1, 20)
	writeAll(t, s, entries[:10])
	pack := s.names.pack(entries[0].Day())
	s.must(t, http.MethodPut, "/"+pack+"/_settings", `{"index.blocks.write":true}`)
	_, err := write(t, s, entries)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Contains(t, hintOf(err), "blocked")
}
