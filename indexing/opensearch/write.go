package opensearch

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
)

// targetsAtOnce is how many targets one Write sends to at once.
const targetsAtOnce = 4

// Write implements pipeline.Index. It creates lines first, then the patterns of
// those that are new; where it dies in between, the same call again finds the
// lines there and makes what is missing of their patterns.
func (s *Store) Write(ctx context.Context, entries []pipeline.Entry, results []pipeline.WriteResult) error {
	if len(results) != len(entries) {
		return fmt.Errorf("write %d entries: there is room for %d results", len(entries), len(results))
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write entries: %w", err)
	}
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("write entries: %w", err)
	}
	w := &writing{store: s, entries: entries, results: results, stamp: s.nextStamp(), patterns: make([]pipeline.Pattern, len(entries))}
	w.sort()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(targetsAtOnce)
	for at, numbers := range w.byIndex {
		group.Go(func() error { return w.lines(groupCtx, at, numbers) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("write entries: %w", s.noticed(err))
	}
	if err := s.writePatterns(ctx, w); err != nil {
		return fmt.Errorf("write patterns: %w", s.noticed(err))
	}
	return nil
}

// serviceDay is what an alias stands for.
type serviceDay struct{ service, day string }

// writing is one Write.
type writing struct {
	store   *Store
	entries []pipeline.Entry
	results []pipeline.WriteResult
	stamp   int64
	byIndex map[serviceDay][]int
	// patterns are what lines are stored with: none beyond a service's bound.
	patterns []pipeline.Pattern
}

// sort rejects what is too large, and gathers the rest by index.
func (w *writing) sort() {
	w.byIndex = map[serviceDay][]int{}
	for i := range w.entries {
		e := &w.entries[i]
		w.results[i] = pipeline.WriteResult{}
		if len(e.Raw) > maxRaw {
			w.results[i] = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: "too_large"}
			continue
		}
		w.patterns[i] = e.Pattern
		if !e.Pattern.ID.IsZero() && !w.store.patterns.admit(e) {
			w.patterns[i] = pipeline.Pattern{}
			w.results[i].Unpatterned = true
		}
		at := serviceDay{e.Service, e.Day()}
		w.byIndex[at] = append(w.byIndex[at], i)
	}
}

// lines creates the lines of one alias. One that is gone is made again, one that
// is sealed is opened, once.
func (w *writing) lines(ctx context.Context, at serviceDay, numbers []int) error {
	s := w.store
	for again := false; ; again = true {
		alias, physical, err := s.placement.ensure(ctx, at.service, at.day)
		if err != nil {
			return err
		}
		fates := make([]fate, len(w.entries))
		err = s.bulk(ctx, physical, w.actions(alias, numbers), fates)
		if is(err, http.StatusNotFound) && !again {
			s.placement.forget(alias)
			continue
		}
		if closedToWrites(err) && !again {
			opened, reopenErr := s.reopen(ctx, physical)
			if reopenErr != nil {
				return reopenErr
			}
			if opened {
				continue
			}
		}
		if err != nil {
			return err
		}
		for _, i := range numbers {
			w.results[i].Outcome, w.results[i].Reason = fates[i].outcome, fates[i].reason
			if fates[i].outcome != pipeline.Created {
				w.results[i].Unpatterned = false
			}
		}
		return nil
	}
}

// actions are the creates of some entries.
func (w *writing) actions(alias string, numbers []int) []action {
	analyser, giveBack := w.store.analyser()
	defer giveBack()
	c := &encoder{analyser: analyser}
	size := 0
	for _, i := range numbers {
		size += roomFor(&w.entries[i], alias)
	}
	// All documents share one piece of memory. It may move while it grows: so
	// where each begins and ends is noted, and cut at the end.
	all := make([]byte, 0, size)
	type span struct{ start, body, end int }
	spans := make([]span, len(numbers))
	head := fmt.Sprintf(`{"create":{"_index":%q,"_id":"`, alias)
	for k, i := range numbers {
		e := &w.entries[i]
		spans[k].start = len(all)
		all = append(all, head...)
		all = hex.AppendEncode(all, e.ID[:])
		all = append(all, "\"}}\n"...)
		spans[k].body = len(all)
		all = c.line(all, e, w.patterns[i], w.stamp)
		spans[k].end = len(all)
	}
	actions := make([]action, len(numbers))
	for k, at := range spans {
		actions[k] = action{head: all[at.start:at.body:at.body], body: all[at.body:at.end:at.end], at: numbers[k]}
	}
	return actions
}

// roomFor is about how many bytes a document takes: its text, its terms, and
// what else it has.
func roomFor(e *pipeline.Entry, alias string) int {
	return 5*len(e.Raw)/2 + len(alias) + 900
}
