package pipeline

import (
	"encoding/json"
	"fmt"

	"github.com/zeebo/xxh3"
)

// Fingerprint tells queries apart, so that a cursor of one is not used with
// another. Cursors hold it: what makes it is frozen.
func (q *LineQuery) Fingerprint() (uint32, error) {
	b, err := json.Marshal(struct {
		Filter Filter
		Text   string
		Any    bool
		Order  Order
	}{q.Filter, q.Text, q.Any, q.Order})
	if err != nil {
		return 0, fmt.Errorf("encode query: %w", err)
	}
	return uint32(xxh3.Hash(b)), nil
}

// BadCursor rejects a cursor: "is not one of ours".
func BadCursor(why string) error {
	return WithHint(fmt.Errorf("cursor %s: %w", why, ErrRejected), "Use the cursor of the page before, with the same query, or start without one.")
}
