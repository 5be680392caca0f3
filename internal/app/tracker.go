package app

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/indexer"
)

// rememberedRecords is how many finished records of a partition the tracker
// remembers: at 1,000 lines a record, 65 million lines of one load.
const rememberedRecords = 65536

// tracker remembers what became of recent records, so that who published them
// can be told. Records of a partition finish in order.
type tracker struct {
	mu         sync.Mutex
	partitions map[string]*ring
}

// ring holds the last finished records of a partition, oldest overwritten
// first.
type ring struct {
	sequences []uint64
	tallies   []indexer.Tally
	next      int
}

func newTracker() *tracker { return &tracker{partitions: map[string]*ring{}} }

// finished notes a record.
func (t *tracker) finished(at pipeline.Position, tally indexer.Tally) {
	sequence, err := strconv.ParseUint(at.Sequence, 10, 64)
	if err != nil {
		return // not a stream of ours
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.partitions[at.Partition]
	if r == nil {
		r = &ring{}
		t.partitions[at.Partition] = r
	}
	if len(r.sequences) < rememberedRecords {
		r.sequences = append(r.sequences, sequence)
		r.tallies = append(r.tallies, tally)
		return
	}
	r.sequences[r.next], r.tallies[r.next] = sequence, tally
	r.next = (r.next + 1) % rememberedRecords
}

// sum adds up the tallies of the positions. A record that was redelivered
// counts as it did the last time.
func (t *tracker) sum(positions []pipeline.Position) indexer.Tally {
	wanted := map[string]map[uint64]bool{}
	for _, p := range positions {
		sequence, err := strconv.ParseUint(p.Sequence, 10, 64)
		if err != nil {
			continue
		}
		if wanted[p.Partition] == nil {
			wanted[p.Partition] = map[uint64]bool{}
		}
		wanted[p.Partition][sequence] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var total indexer.Tally
	for partition, sequences := range wanted {
		r := t.partitions[partition]
		if r == nil {
			continue
		}
		for i, s := range r.sequences {
			if !sequences[s] {
				continue
			}
			delete(sequences, s)
			total.Entries += r.tallies[i].Entries
			total.Indexed += r.tallies[i].Indexed
			total.Duplicates += r.tallies[i].Duplicates
			total.Rejected += r.tallies[i].Rejected
			total.Dropped += r.tallies[i].Dropped
		}
	}
	return total
}

// waitIndexed blocks until the records at the positions are finished and says
// what became of their entries.
func (a *App) waitIndexed(ctx context.Context, positions []pipeline.Position) (indexer.Tally, error) {
	last := map[string]uint64{}
	for _, p := range positions {
		sequence, err := strconv.ParseUint(p.Sequence, 10, 64)
		if err != nil {
			return indexer.Tally{}, fmt.Errorf("read sequence: %w", err)
		}
		last[p.Partition] = max(last[p.Partition], sequence)
	}
	for partition, sequence := range last {
		n, err := strconv.Atoi(partition)
		if err != nil {
			return indexer.Tally{}, fmt.Errorf("read partition: %w", err)
		}
		if err := a.consumer.WaitFor(ctx, n, sequence); err != nil {
			return indexer.Tally{}, err
		}
	}
	return a.tracker.sum(positions), a.visible(ctx)
}
