package sqlite

import (
	"context"
	"fmt"

	"github.com/loglode/loglode/pipeline"
)

// redrivenBucket of the state holds the places of letters that were dealt with.
const redrivenBucket = "redriven"

func placeKey(at pipeline.Lineage) string {
	return fmt.Sprintf("%s/%s/%d/%d", at.Partition, at.Sequence, at.Sub, at.Index)
}

// MarkRedriven removes dead letters whose content is in the stream again. Their
// places are remembered: an audit must not call them missing.
func (c *Catalogue) MarkRedriven(ctx context.Context, letters []pipeline.DeadLetter) error {
	items := make([]pipeline.StateItem, len(letters))
	ids := make([]pipeline.ID, len(letters))
	for i, l := range letters {
		items[i] = pipeline.StateItem{Bucket: redrivenBucket, Key: placeKey(l.Lineage), Value: []byte(l.Reason)}
		ids[i] = l.ID
	}
	if err := c.Put(ctx, items); err != nil {
		return fmt.Errorf("mark letters as redriven: %w", err)
	}
	return c.RemoveDeadLetters(ctx, ids)
}

// DeadLetterAt says whether there is a dead letter for a place in the stream,
// or was one that has been redriven.
func (c *Catalogue) DeadLetterAt(ctx context.Context, at pipeline.Lineage) (bool, error) {
	var there bool
	row := c.read.QueryRowContext(ctx, `SELECT EXISTS(SELECT 1 FROM dead_letters WHERE partition = ? AND sequence = ? AND sub = ? AND place = ?)`,
		at.Partition, at.Sequence, at.Sub, at.Index)
	if err := row.Scan(&there); err != nil {
		return false, fmt.Errorf("look for dead letter: %w", explain(c.path, err))
	}
	if there {
		return true, nil
	}
	value, err := c.Get(ctx, redrivenBucket, placeKey(at))
	return value != nil, err
}
