package app

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/indexer"
)

// countsBucket of the State holds "<what>/<name>" -> decimal count.
const countsBucket = "counts"

// What is counted durably.
const (
	countRejected = "rejected"
	countDropped  = "dropped"
	countRedacted = "redacted"
	countRetired  = "retired" // entries of days that were deleted, by reason
	// entries indexed without a pattern
	countUnpatterned = "unpatterned"
	countLost        = "lost" // files and records that were gone before they were read, by reason
)

// counts are the durable counters of what is not indexed as it came: by reason
// or rule, since the data directory was made. They are written every few
// seconds; a kill -9 may lose the last of them. The dead letters and the audit
// are exact.
type counts struct {
	state pipeline.State

	mu      sync.Mutex
	values  map[string]int64 // "<what>/<name>"
	changed map[string]bool
}

func loadCounts(ctx context.Context, state pipeline.State) (*counts, error) {
	c := &counts{state: state, values: map[string]int64{}, changed: map[string]bool{}}
	err := state.List(ctx, countsBucket, func(key string, value []byte) error {
		n, err := strconv.ParseInt(string(value), 10, 64)
		c.values[key] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return c, nil
}

func (c *counts) add(what, name string, n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[what+"/"+name] += n
	c.changed[what+"/"+name] = true
}

// of returns the counters of one kind by name.
func (c *counts) of(what string) map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int64{}
	for key, n := range c.values {
		if rest, ok := strings.CutPrefix(key, what+"/"); ok {
			out[rest] = n
		}
	}
	return out
}

// save writes what has changed.
func (c *counts) save(ctx context.Context) error {
	c.mu.Lock()
	changed := maps.Clone(c.changed)
	var items []pipeline.StateItem
	for key := range changed {
		items = append(items, pipeline.StateItem{Bucket: countsBucket, Key: key, Value: []byte(strconv.FormatInt(c.values[key], 10))})
	}
	clear(c.changed)
	c.mu.Unlock()
	if len(items) == 0 {
		return nil
	}
	if err := c.state.Put(ctx, items); err != nil {
		c.mu.Lock()
		maps.Copy(c.changed, changed)
		c.mu.Unlock()
		return fmt.Errorf("write counts: %w", err)
	}
	return nil
}

// observer feeds metrics, durable counts and the tracker. It is both
// producers.Observer and indexer.Observer.
type observer struct {
	metrics *telemetry.Metrics
	counts  *counts
	tracker *tracker
	// source is the name that lines are counted under.
	source string
	totals *sourceTotals
}

// sourceTotals are what status tells of a source, since the start.
type sourceTotals struct {
	mu                    sync.Mutex
	lines, entries, bytes int64
}

func (o *observer) Dropped(rule string) {
	o.metrics.AddDropped(rule, 1)
	o.counts.add(countDropped, rule, 1)
}

func (o *observer) Redacted(rule string) {
	o.metrics.AddRedacted(rule, 1)
	o.counts.add(countRedacted, rule, 1)
}

func (o *observer) Rejected(reason string) {
	o.metrics.AddRejected(reason, 1)
	o.counts.add(countRejected, reason, 1)
}

func (o *observer) RejectedAtSource(reason string) { o.Rejected(reason) }

func (o *observer) Collected(lines, entries int, bytes int64) {
	o.metrics.AddLines(o.source, lines)
	o.metrics.AddEntries(entries)
	o.metrics.AddBytes("in", bytes)
	o.totals.mu.Lock()
	defer o.totals.mu.Unlock()
	o.totals.lines += int64(lines)
	o.totals.entries += int64(entries)
	o.totals.bytes += bytes
}

func (o *observer) Published(_ int, bytes int64, took time.Duration) {
	o.metrics.AddBytes("stream", bytes)
	o.metrics.ObservePublish(took)
}

func (o *observer) Finished(at pipeline.Position, t indexer.Tally) {
	o.metrics.AddIndexed(t.Indexed)
	o.metrics.AddDuplicates(t.Duplicates)
	o.tracker.finished(at, t)
}

func (o *observer) FutureTimes(n uint64) { o.metrics.AddFutureTimes(int(n)) }

func (o *observer) Unpatterned(n int) {
	o.metrics.AddUnpatterned(n)
	o.counts.add(countUnpatterned, "entries", int64(n))
}

func (o *observer) Wrote(_ int, took time.Duration) { o.metrics.ObserveWrite(took) }
