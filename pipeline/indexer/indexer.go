// Package indexer is the Handler that all run modes share: records of a stream
// become entries, entries become documents, what can never be one becomes a
// dead letter.
//
//	[]Record -> Expander (decode, rules, normalise) -> []Entry -> Index.Write
//	                  \-> dropped: counted                \-> rejected: DeadLetters
package indexer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
)

// Tally counts what became of the entries of a record.
type Tally struct {
	Entries    int // all of them
	Indexed    int // new documents
	Duplicates int // documents that were there already
	Rejected   int // in the dead letters; a record rejected whole counts as one
	Dropped    int // by policy or retention
}

// Observer is told what happened, for metrics and for those who wait. Its
// methods may be called from several goroutines.
type Observer interface {
	// Finished is called once for each finished record, after all of it is
	// durable.
	Finished(at pipeline.Position, t Tally)
	Dropped(rule string)
	Redacted(rule string)
	Rejected(reason string)
	FutureTimes(n uint64)
	// Unpatterned tells of new documents that the store keeps without their
	// pattern.
	Unpatterned(n int)
	Wrote(entries int, took time.Duration)
}

// Options configure an Indexer. All fields but the limits are required.
type Options struct {
	Index       pipeline.Index
	DeadLetters pipeline.DeadLetters
	Rules       Rules
	Observer    Observer
	Now         func() time.Time
	// BatchEntries is how many entries are gathered before they are written.
	// Default 4,000.
	BatchEntries int
}

// Indexer implements pipeline.Handler. It is safe for concurrent use.
type Indexer struct {
	o       Options
	workers sync.Pool
}

// New makes an Indexer.
func New(o Options) (*Indexer, error) {
	if o.BatchEntries <= 0 {
		o.BatchEntries = 4000
	}
	x := &Indexer{o: o}
	// The first worker is made here so that a fault shows at once.
	w, err := x.worker()
	if err != nil {
		return nil, err
	}
	x.workers.Put(w)
	return x, nil
}

// worker holds what one Handle uses: buffers and caches, no state that changes
// what is written.
type worker struct {
	x       *Indexer
	expand  *Expander
	entries []pipeline.Entry
	results []pipeline.WriteResult
	letters []pipeline.DeadLetter
	pending []pending
}

// pending is a record whose entries are gathered but not yet written.
type pending struct {
	record *pipeline.Record
	first  int // index of its first entry in worker.entries
	tally  Tally
}

func (x *Indexer) worker() (*worker, error) {
	if w, ok := x.workers.Get().(*worker); ok {
		return w, nil
	}
	expand, err := NewExpander(x.o.Rules)
	if err != nil {
		return nil, fmt.Errorf("make expander: %w", err)
	}
	return &worker{x: x, expand: expand}, nil
}

// Handle writes the entries of the batch. See pipeline.Handler.
func (x *Indexer) Handle(ctx context.Context, batch []pipeline.Record) (int, error) {
	w, err := x.worker()
	if err != nil {
		return 0, err
	}
	defer x.workers.Put(w)
	w.reset()
	finished := 0
	for i := range batch {
		if err := ctx.Err(); err != nil {
			return finished, err
		}
		if err := w.gather(&batch[i]); err != nil {
			// The record must wait, and all after it; those before it need not.
			if ferr := w.flush(ctx); ferr != nil {
				return finished, ferr
			}
			return i, fmt.Errorf("record %s/%s: %w", batch[i].Partition, batch[i].Sequence, err)
		}
		if len(w.entries) < x.o.BatchEntries && i < len(batch)-1 {
			continue
		}
		if err := w.flush(ctx); err != nil {
			return finished, err
		}
		finished = i + 1
	}
	return finished, nil
}

func (w *worker) reset() {
	clear(w.entries) // do not keep the texts of the batch before
	w.entries, w.letters, w.pending = w.entries[:0], w.letters[:0], w.pending[:0]
}

// gather adds the entries of a record. An error means that it must wait.
func (w *worker) gather(rec *pipeline.Record) error {
	p := pending{record: rec, first: len(w.entries)}
	expansion, err := w.expand.Expand(rec, w.entries)
	switch {
	case errors.Is(err, pipeline.ErrRejected):
		// Nothing of it is indexed: it is rejected whole, with its bytes.
		letter := w.letter(pipeline.Lineage{Position: rec.Position}, reasonOf(err), err.Error(), rec.Data)
		letter.Whole = true
		w.letters = append(w.letters, letter)
		p.tally = Tally{Entries: 1, Rejected: 1}
		w.pending = append(w.pending, p)
		return nil
	case err != nil:
		return err
	}
	w.entries = expansion.Entries
	p.tally.Entries = len(w.entries) - p.first + len(expansion.Refused)
	for i := range expansion.Refused {
		w.refuse(&p, &expansion.Refused[i])
	}
	for rule, n := range expansion.Redacted {
		for range n {
			w.x.o.Observer.Redacted(rule)
		}
	}
	if expansion.Future > 0 {
		w.x.o.Observer.FutureTimes(expansion.Future)
	}
	w.pending = append(w.pending, p)
	return nil
}

func (w *worker) refuse(p *pending, r *Refused) {
	if r.Dropped != "" {
		p.tally.Dropped++
		w.x.o.Observer.Dropped(r.Dropped)
		return
	}
	p.tally.Rejected++
	at := pipeline.Lineage{Position: p.record.Position, Sub: r.Sub, Index: r.Index}
	w.letters = append(w.letters, w.letter(at, r.Rejected, r.Detail, r.Data))
}

// record makes a record of one entry, so that its dead letter can be handled
// again as it is.
func (w *worker) record(e *pipeline.Entry) []byte {
	raw := pipeline.RawEntry{Time: e.CollectorTime, Occurrence: e.Occurrence, Origin: e.Origin, Stream: e.Stream,
		Kind: e.Kind, Resource: e.Resource, Message: e.Raw}
	if e.CollectorTime == 0 {
		raw.Read = e.Time
	}
	return w.expand.seal(&raw, e.Time)
}

// letter makes the dead letter of an entry.
func (w *worker) letter(at pipeline.Lineage, reason, detail string, data []byte) pipeline.DeadLetter {
	return pipeline.DeadLetter{ID: letterID(at, reason), Lineage: at, Reason: reason, Detail: detail,
		Data: append([]byte(nil), data...), At: w.x.o.Now()}
}

// letterID is the ID of a dead letter: a function of place and reason, so that
// a redelivered record adds nothing.
func letterID(at pipeline.Lineage, reason string) pipeline.ID {
	key := fmt.Appendf(nil, "%s\x00%s\x00%s", at.Partition, at.Sequence, reason)
	key = binary.AppendVarint(binary.AppendVarint(key, int64(at.Sub)), int64(at.Index))
	return xxh3.Hash128(key).Bytes()
}

// flush writes what is gathered. When it returns nil, all pending records are
// finished.
func (w *worker) flush(ctx context.Context) error {
	if err := w.write(ctx); err != nil {
		return err
	}
	if len(w.letters) > 0 {
		if err := w.x.o.DeadLetters.Add(ctx, w.letters); err != nil {
			return fmt.Errorf("keep dead letters: %w", err)
		}
	}
	for _, l := range w.letters {
		w.x.o.Observer.Rejected(l.Reason)
	}
	for i := range w.pending {
		w.x.o.Observer.Finished(w.pending[i].record.Position, w.pending[i].tally)
	}
	w.reset()
	return nil
}

func (w *worker) write(ctx context.Context) error {
	if len(w.entries) == 0 {
		return nil
	}
	start := w.x.o.Now()
	if cap(w.results) < len(w.entries) {
		w.results = make([]pipeline.WriteResult, len(w.entries))
	}
	results := w.results[:len(w.entries)]
	clear(results)
	if err := w.x.o.Index.Write(ctx, w.entries, results); err != nil {
		return fmt.Errorf("write entries: %w", err)
	}
	w.x.o.Observer.Wrote(len(w.entries), w.x.o.Now().Sub(start))
	unpatterned := 0
	for i := range results {
		if results[i].Unpatterned {
			unpatterned++
		}
	}
	if unpatterned > 0 {
		w.x.o.Observer.Unpatterned(unpatterned)
	}
	for i := range w.pending {
		p := &w.pending[i]
		end := len(w.entries)
		if i+1 < len(w.pending) {
			end = w.pending[i+1].first
		}
		for j := p.first; j < end; j++ {
			w.result(p, &w.entries[j], results[j])
		}
	}
	return nil
}

func (w *worker) result(p *pending, e *pipeline.Entry, r pipeline.WriteResult) {
	switch r.Outcome {
	case pipeline.Created:
		p.tally.Indexed++
	case pipeline.Exists:
		p.tally.Duplicates++
	case pipeline.Rejected:
		p.tally.Rejected++
		w.letters = append(w.letters, w.letter(e.Lineage, r.Reason, "refused by the index", w.record(e)))
	}
}
