package query

import (
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Orders of patterns.
const (
	OrderCount  = "count"  // most frequent first
	OrderNew    = "new"    // only those that the time before lacks, first seen last first
	OrderRising = "rising" // only those that are clearly more frequent than in the time before, steepest first
	OrderSilent = "silent" // only those of the time before that are gone, most frequent then first
)

// PatternsRequest asks for patterns in numbers: the parameters of
// GET /v1/patterns.
type PatternsRequest struct {
	Selection
	// Order is one of the orders above; empty is OrderCount.
	Order string
	// Against is what new, rising and silent are measured against: a duration
	// ("1d", "2h") by which the window is shifted back. Empty: one day (or as
	// many whole days as the window has begun), so that the same hours are
	// compared; where nothing was indexed then, the window's own length, that is
	// the time just before.
	Against string
	// Limit is how many are returned, 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
}

// patternsParameters are the names that ParsePatternsRequest reads.
func patternsParameters() []string {
	return append(selectionParameters(), "order", "against", "limit")
}

// ParsePatternsRequest reads the parameters of GET /v1/patterns: order, against,
// limit, and those of a Selection. An unknown parameter is an error that names
// it.
func ParsePatternsRequest(v url.Values) (PatternsRequest, error) {
	var r PatternsRequest
	err := checkParameters(v, patternsParameters())
	if err != nil {
		return r, err
	}
	if r.Selection, err = parseSelection(v); err != nil {
		return r, err
	}
	if r.Order, err = single(v, "order"); err != nil {
		return r, err
	}
	if r.Against, err = single(v, "against"); err != nil {
		return r, err
	}
	r.Limit, err = number(v, "limit", 1, MaxLimit)
	return r, err
}

// Values are the parameters that ParsePatternsRequest reads back to the same.
func (r PatternsRequest) Values() url.Values {
	v := url.Values{}
	r.Selection.set(v)
	for name, value := range map[string]string{"order": r.Order, "against": r.Against} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if r.Limit != 0 {
		v.Set("limit", strconv.Itoa(r.Limit))
	}
	return v
}

// check refuses what cannot be answered, and fills in what was left out. Filters
// are checked where they are compiled.
func (r PatternsRequest) check() (PatternsRequest, error) {
	if r.Order == "" {
		r.Order = OrderCount
	}
	if !slices.Contains([]string{OrderCount, OrderNew, OrderRising, OrderSilent}, r.Order) {
		return r, rejectf("orders are count, new, rising and silent", "order %q is unknown", r.Order)
	}
	if r.Limit == 0 {
		r.Limit = DefaultLimit
	}
	if r.Limit < 1 || r.Limit > MaxLimit {
		return r, rejectf("the limit is 1 to "+strconv.Itoa(MaxLimit), "limit %d is out of range", r.Limit)
	}
	if r.Against == "" {
		return r, nil
	}
	if r.Order == OrderCount {
		return r, rejectf("add order new, rising or silent", "against goes with an order that compares")
	}
	if shift, ok := parseAgo(r.Against); !ok || shift == 0 {
		return r, rejectf("say how far back, as in 1d, 2h or 1w", "against %q is no duration", r.Against)
	}
	return r, nil
}

// PatternsResponse is the answer, best first in the order that was asked for.
type PatternsResponse struct {
	Patterns []PatternRow `json:"patterns"`
	// Total is how many patterns the order leaves, of which Patterns are the
	// first.
	Total int `json:"total"`
	// Window is what was counted, Before what it was measured against; nil where
	// order is count. A time that is open is null.
	Window TimeRange  `json:"window"`
	Before *TimeRange `json:"before,omitempty"`
	// Note says what a reader must know of the comparison, for instance that
	// nothing was indexed before; empty else.
	Note string `json:"note,omitempty"`
}

// TimeRange is From (inclusive) to To (exclusive).
type TimeRange struct {
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`
}

// PatternRow is one pattern of one service.
type PatternRow struct {
	PatternID string `json:"pattern_id"`
	Template  string `json:"template"`
	Kind      string `json:"kind"`
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Level     string `json:"level"`
	// Count is how often it happened in the window, Before in the time before
	// (0 where order is count).
	Count  int64 `json:"count"`
	Before int64 `json:"before"`
	// FirstSeen and LastSeen are within the window; for silent patterns within
	// the time before.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}
