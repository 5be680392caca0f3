package producers_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
)

// script is a Publisher that answers with one error after the other, then nil.
type script struct {
	errs  []error
	calls int
	at    []time.Time
}

func (s *script) Publish(context.Context, []producers.Outgoing) ([]pipeline.Position, error) {
	s.calls++
	s.at = append(s.at, time.Now())
	if s.calls <= len(s.errs) {
		return nil, s.errs[s.calls-1]
	}
	return []pipeline.Position{{Partition: "0", Sequence: "7"}}, nil
}

func TestPatientWaitsUntilTheStreamTakesRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unmarked := errors.New("connection reset") // wraps neither: try later
		s := &script{errs: []error{producers.ErrFull, producers.ErrFull, producers.ErrFull, unmarked, pipeline.ErrTryLater}}
		var log bytes.Buffer
		p := producers.NewPatient(s, producers.PatientOptions{
			First: time.Second, Longest: 4 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		start := time.Now()
		positions, err := p.Publish(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, []pipeline.Position{{Partition: "0", Sequence: "7"}}, positions)
		require.Equal(t, 6, s.calls)
		for i, longest := range []time.Duration{1, 2, 4, 4, 4} {
			wait := s.at[i+1].Sub(s.at[i])
			require.LessOrEqual(t, wait, longest*time.Second)
			require.GreaterOrEqual(t, wait, longest*time.Second/2)
		}
		require.Greater(t, time.Since(start), 7*time.Second)
		require.Equal(t, 3, strings.Count(log.String(), "\n"), "full, another reason, again:\n%s", &log)
	})
}

func TestPatientDoesNotRetryWhatIsRejected(t *testing.T) {
	s := &script{errs: []error{pipeline.ErrRejected}}
	_, err := producers.NewPatient(s, producers.PatientOptions{}).Publish(t.Context(), nil)
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.Equal(t, 1, s.calls)
}

func TestPatientEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{errs: make([]error, 100)}
		for i := range s.errs {
			s.errs[i] = producers.ErrFull
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		_, err := producers.NewPatient(s, producers.PatientOptions{}).Publish(ctx, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}
