package app

import (
	"context"
	"strconv"
	"sync"

	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/query"
)

// tailState is what the tailer last told.
type tailState struct {
	mu     sync.Mutex
	files  int
	behind int64
}

// Status says how loglode is.
func (a *App) Status(ctx context.Context) (query.Status, error) {
	info, err := a.stream.Info(ctx)
	if err != nil {
		return query.Status{}, err
	}
	s := query.Status{
		Version: telemetry.Version().Version, Started: a.started.UTC(), Data: a.dir.Path(),
		Stream:  query.StreamStatus{Records: int64(info.Records), Bytes: int64(info.Bytes), Lag: map[string]int64{}},
		Sources: map[string]query.SourceStatus{},
		Lost:    a.counts.of(countLost), Rejected: a.counts.of(countRejected), Dropped: a.counts.of(countDropped), Redacted: a.counts.of(countRedacted),
	}
	// A store that is away is what status is asked for.
	if err := a.storeStatus(ctx, &s); err != nil {
		if ctx.Err() != nil {
			return query.Status{}, err
		}
		s.Index.Error = err.Error()
	}
	if s.Cost, err = a.cost(ctx); err != nil {
		return query.Status{}, err
	}
	s.Patterns.Model, s.Patterns.Unpatterned = a.spaces.serving().model(), total(a.counts.of(countUnpatterned))
	for reason, n := range a.counts.of(countRetired) {
		s.Dropped[reason] += n
	}
	for p, lag := range a.lag(info) {
		s.Stream.Lag[strconv.Itoa(p)] = lag
	}
	for name, t := range a.totals {
		t.mu.Lock()
		s.Sources[name] = query.SourceStatus{Lines: t.lines, Entries: t.entries, Bytes: t.bytes}
		t.mu.Unlock()
	}
	a.tailing.mu.Lock()
	tail := s.Sources[sourceTail]
	tail.Files, tail.Behind = a.tailing.files, a.tailing.behind
	s.Sources[sourceTail] = tail
	a.tailing.mu.Unlock()
	space, err := a.guard.Space()
	if err != nil {
		return query.Status{}, err
	}
	s.Disk = query.DiskStatus{Free: space.Free, MinFree: a.guard.MinFree()}
	if err := a.guard.Check(); err != nil {
		for name, source := range s.Sources {
			source.Error = err.Error()
			s.Sources[name] = source
		}
	}
	return s, nil
}

// storeStatus is what the store says of itself.
func (a *App) storeStatus(ctx context.Context, s *query.Status) error {
	days, err := a.days.Days(ctx)
	if err != nil {
		return err
	}
	s.Index.Days = len(days)
	for _, d := range days {
		s.Index.Entries += d.Entries
		if d.Entries == 0 { // a store lists no empty day
			s.Index.Damaged = append(s.Index.Damaged, d.Day)
		}
		s.Index.Bytes += d.Bytes
	}
	if s.Index.Shards, err = a.shards(ctx); err != nil {
		return err
	}
	if s.Patterns.Documents, s.Patterns.Waiting, err = a.patternCounts(ctx); err != nil {
		return err
	}
	if _, next, _ := a.spaces.all(); next != nil {
		_, waiting, err := a.countsFor(ctx, next)
		s.Patterns.Next = &query.NextModel{Model: next.model(), Waiting: waiting}
		return err
	}
	return nil
}
