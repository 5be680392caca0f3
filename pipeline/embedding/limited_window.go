package embedding

import "time"

// amount is requests and tokens.
type amount struct{ requests, tokens int }

func (a amount) plus(b amount) amount  { return amount{a.requests + b.requests, a.tokens + b.tokens} }
func (a amount) minus(b amount) amount { return amount{a.requests - b.requests, a.tokens - b.tokens} }

const (
	// windowLength is how long something counts.
	windowLength = time.Minute
	// spanLength is how much of it is kept as one.
	spanLength = time.Second
)

// window is what was used in the last minute, in at most 61 spans.
type window struct{ spans []span } // oldest first

// span is what was used from begin to end, at most a second.
type span struct {
	begin, end time.Time
	amount     amount
}

// add counts a for a minute from now.
func (w *window) add(now time.Time, a amount) {
	if a == (amount{}) {
		return
	}
	w.sum(now)
	if n := len(w.spans); n > 0 && now.Sub(w.spans[n-1].begin) < spanLength {
		last := &w.spans[n-1]
		last.end, last.amount = now, last.amount.plus(a)
		return
	}
	w.spans = append(w.spans, span{now, now, a})
}

// sum is what counts now.
func (w *window) sum(now time.Time) (total amount) {
	for len(w.spans) > 0 && now.Sub(w.spans[0].end) >= windowLength {
		w.spans = w.spans[1:]
	}
	for _, s := range w.spans {
		total = total.plus(s.amount)
	}
	return total
}

// until is how long it takes from now until what does not count any more is
// enough.
func (w *window) until(now time.Time, enough func(gone amount) bool) time.Duration {
	var gone amount
	for _, s := range w.spans {
		if gone = gone.plus(s.amount); enough(gone) {
			return max(s.end.Add(windowLength).Sub(now), time.Millisecond)
		}
	}
	return minDelay
}
