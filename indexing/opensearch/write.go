package opensearch

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

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
	if err := s.admitStored(ctx, w); err != nil {
		return fmt.Errorf("write entries: %w", s.noticed(err))
	}
	if err := w.all(ctx); err != nil {
		return fmt.Errorf("write entries: %w", s.noticed(err))
	}
	if err := s.writePatterns(ctx, w); err != nil {
		return fmt.Errorf("write patterns: %w", s.noticed(err))
	}
	return nil
}

// all creates the lines of all aliases. One that fails does not hold the others.
func (w *writing) all(ctx context.Context) error {
	var group errgroup.Group
	group.SetLimit(targetsAtOnce)
	var mu sync.Mutex
	var failed []error
	for at, numbers := range w.byIndex {
		group.Go(func() error {
			if err := w.lines(ctx, at, numbers); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if !slices.ContainsFunc(failed, func(other error) bool { return other.Error() == err.Error() }) {
					failed = append(failed, err)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // they tell by failed
	return errors.Join(failed...)
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
	// over are entries whose patterns are new to this process, where there are as
	// many as there may be.
	over []int
}

// sort rejects what is too large, and gathers the rest by index.
func (w *writing) sort() {
	w.byIndex = map[serviceDay][]int{}
	for i := range w.entries {
		e := &w.entries[i]
		w.results[i] = pipeline.WriteResult{}
		if len(e.Raw) > maxRaw {
			w.results[i] = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: tooLarge}
			continue
		}
		w.patterns[i] = e.Pattern
		if !e.Pattern.ID.IsZero() && !w.store.patterns.admit(e) {
			w.over = append(w.over, i)
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
		fates, err := w.create(ctx, alias, physical, numbers)
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

// create creates the lines of one alias, and makes sure that what is refused is
// refused for what it is: else the stream would drain into the dead letters when
// the index, or what stands before it, is at fault.
func (w *writing) create(ctx context.Context, alias, physical string, numbers []int) ([]fate, error) {
	s, fates := w.store, make([]fate, len(w.entries))
	if err := s.bulk(ctx, physical, w.actions(alias, numbers, documentWhole), fates); err != nil {
		return nil, err
	}
	var refused []int
	for _, i := range numbers {
		if fates[i].outcome == pipeline.Rejected {
			refused = append(refused, i)
		}
	}
	if len(refused) == 0 {
		return fates, nil
	}
	// Without what a program's own names and values can be wrong with. All of it is
	// in the text.
	if err := s.bulk(ctx, physical, w.actions(alias, refused, documentBare), fates); err != nil {
		return nil, err
	}
	left := countRefused(fates)
	if left == 0 {
		return fates, nil
	}
	if left > fewRefused && left*10 > len(numbers) {
		return nil, errRefused(left, len(numbers), physical)
	}
	if s.o.AcceptDuplicates {
		return fates, nil // a canary needs an ID
	}
	return fates, s.tryCanary(ctx, alias, physical, &w.entries[refused[0]])
}

// tryCanary says whether an index takes a document that has nothing to be refused
// for. It is not stored: it is to replace one that is not there, which OpenSearch
// tells last.
func (s *Store) tryCanary(ctx context.Context, alias, physical string, like *pipeline.Entry) error {
	analyser, giveBack := s.analyser()
	defer giveBack()
	e := pipeline.Entry{Time: like.Time, Service: like.Service, Kind: pipeline.KindLog, Raw: "canary", Message: "canary", Resource: &pipeline.Resource{},
		Attributes: []pipeline.Attribute{{Key: "canary", Value: "true"}}}
	head := fmt.Appendf(nil, `{"index":{"_index":%q,"_id":"loglode-canary","if_seq_no":1,"if_primary_term":1}}`+"\n", alias)
	body := (&encoder{analyser: analyser}).line(nil, &e, pipeline.Pattern{}, 0)
	fates := make([]fate, 1)
	if err := s.bulk(ctx, physical, []action{{head: head, body: body}}, fates); err != nil {
		return err
	}
	if fates[0].outcome == pipeline.Rejected {
		return errRefused(1, 1, physical)
	}
	return nil
}

// actions are the creates of some entries.
func (w *writing) actions(alias string, numbers []int, form documentForm) []action {
	analyser, giveBack := w.store.analyser()
	defer giveBack()
	c := &encoder{analyser: analyser, form: form}
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
	if w.store.o.AcceptDuplicates {
		head, c.ownID = fmt.Sprintf(`{"create":{"_index":%q}}`+"\n", alias), true
	}
	for k, i := range numbers {
		e := &w.entries[i]
		spans[k].start = len(all)
		all = append(all, head...)
		if !c.ownID {
			all = hex.AppendEncode(all, e.ID[:])
			all = append(all, "\"}}\n"...)
		}
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
