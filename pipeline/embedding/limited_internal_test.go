package embedding

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestWindow(t *testing.T) {
	var w window
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := start.Add
	w.add(at(0), amount{1, 10})
	w.add(at(900*time.Millisecond), amount{2, 20})
	w.add(at(time.Second), amount{})
	w.add(at(5*time.Second), amount{4, 40})
	require.Len(t, w.spans, 2, "a second is one span")
	require.Equal(t, amount{7, 70}, w.sum(at(time.Minute)), "a span counts until its end does not")
	require.Equal(t, 900*time.Millisecond, w.until(at(time.Minute), func(gone amount) bool { return gone.requests >= 1 }))
	require.Equal(t, 5*time.Second, w.until(at(time.Minute), func(gone amount) bool { return gone.tokens >= 31 }))
	require.Equal(t, minDelay, w.until(at(time.Minute), func(amount) bool { return false }), "nobody knows")
	require.Equal(t, amount{4, 40}, w.sum(at(time.Minute+900*time.Millisecond)))
	require.Equal(t, amount{}, w.sum(at(time.Minute+5*time.Second)))
	for i := range 10_000 {
		w.add(at(time.Duration(i)*17*time.Millisecond), amount{1, 1})
	}
	require.LessOrEqual(t, len(w.spans), 61)
}

// slowState lets something happen while the day turns.
type slowState struct {
	pipeline.State
	during func()
}

func (s *slowState) Put(context.Context, []pipeline.StateItem) error { return nil }

func (s *slowState) Get(context.Context, string, string) ([]byte, error) {
	s.during()
	return nil, nil
}

func (s *slowState) List(context.Context, string, func(string, []byte) error) error { return nil }

// A call that ends after the last day was written down, and before the new one
// began, belongs to the new one.
func TestWhatIsBookedWhileTheDayTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowState{during: func() {}}
		l := newLedger(s, "vendor", 10)
		require.NoError(t, l.open(t.Context()))
		l.book(amount{}, amount{2, 20}, map[string]ServiceUsage{"cart": {2, 20, .0002}})
		time.Sleep(24 * time.Hour)
		s.during = func() { l.book(amount{}, amount{1, 10}, map[string]ServiceUsage{"cart": {1, 10, .0001}}) }
		require.NoError(t, l.turn(t.Context()))
		u := l.usage()
		require.InDelta(t, .0001, u.Dollars, 1e-12)
		u.Dollars = 0
		cart := u.Services["cart"]
		require.InDelta(t, .0001, cart.Dollars, 1e-12)
		cart.Dollars = 0
		u.Services["cart"] = cart
		require.Equal(t, DayUsage{Day: "2000-01-02", Requests: 1, Tokens: 10, Services: map[string]ServiceUsage{"cart": {Texts: 1, Tokens: 10}}}, u)
	})
}
