package opensearch

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
)

// followed is a cursor of Follow: up to which sequence number each index was
// read. One that it does not name is new.
type followed struct {
	Indices map[string]int64 `json:"i"`
}

// Follow implements pipeline.LineReader. Sequence numbers are given in the order
// of writes; what is read goes up to the number below which nothing is still
// under way.
func (s *Store) Follow(ctx context.Context, q pipeline.LineQuery, text string) (pipeline.LinePage, error) {
	t, err := s.readText(q.Text, q.Any)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("read query: %w", err)
	}
	at := followed{}
	if text != "" {
		if err := decodeCursor(text, &at); err != nil {
			return pipeline.LinePage{}, err
		}
		if at.Indices == nil {
			return pipeline.LinePage{}, badCursor("is not one of ours")
		}
	}
	list, err := s.indices(ctx)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("follow lines: %w", err)
	}
	next := followed{Indices: map[string]int64{}}
	for _, p := range list {
		next.Indices[p.Name] = p.Checkpoint
	}
	if text == "" {
		return pipeline.LinePage{Next: encodeCursor(next)}, nil
	}
	page, err := s.follow(ctx, &q, &t, at, list, next)
	if err != nil {
		return page, fmt.Errorf("follow lines: %w", err)
	}
	return page, nil
}

// newLine is a line with where it was found.
type newLine struct {
	pipeline.Entry
	index        string
	seq, written int64
	matches      bool
}

func (s *Store) follow(ctx context.Context, q *pipeline.LineQuery, t *textQuery, at followed, list []physical, next followed) (pipeline.LinePage, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	var changed []physical
	for _, p := range list {
		if seen, known := at.Indices[p.Name]; !known || seen < p.Checkpoint {
			changed = append(changed, p)
		}
	}
	found := make([][]newLine, len(changed))
	full := make([]bool, len(changed))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(targetsAtOnce)
	for i, p := range changed {
		group.Go(func() (err error) {
			after := int64(-1)
			if seen, known := at.Indices[p.Name]; known {
				after = seen
			}
			found[i], full[i], err = s.since(groupCtx, q, t, p, after, limit)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return pipeline.LinePage{}, err
	}
	// What is read of a full index ends before its checkpoint: no line of another is
	// told that was written after that.
	bound := int64(1<<63 - 1)
	for i := range changed {
		if full[i] {
			last := found[i][len(found[i])-1]
			bound = min(bound, last.written)
			next.Indices[changed[i].Name] = last.seq
		}
	}
	merged := slices.Concat(found...)
	slices.SortStableFunc(merged, func(a, b newLine) int {
		return cmp.Or(cmp.Compare(a.written, b.written), cmp.Compare(a.index, b.index), cmp.Compare(a.seq, b.seq))
	})
	var page pipeline.LinePage
	taken := map[string]int64{}
	for i := range merged {
		l := &merged[i]
		if len(page.Lines) == limit || l.written > bound {
			// The rest comes again: each index goes on behind what was told of it.
			for _, m := range merged[i:] {
				if _, known := taken[m.index]; !known {
					taken[m.index] = orBefore(at, m.index)
				}
				next.Indices[m.index] = taken[m.index]
			}
			break
		}
		taken[l.index] = l.seq
		if l.matches {
			page.Lines = append(page.Lines, pipeline.Line{Entry: l.Entry})
		}
	}
	page.Next = encodeCursor(next)
	return page, nil
}

func orBefore(at followed, index string) int64 {
	if seen, known := at.Indices[index]; known {
		return seen
	}
	return -1
}

// since reads what an index got after a sequence number, up to its checkpoint,
// and says whether there is more.
func (s *Store) since(ctx context.Context, q *pipeline.LineQuery, t *textQuery, p physical, after int64, limit int) (lines []newLine, full bool, err error) {
	// What is below the checkpoint is written, and may still not be seen.
	if err := s.client.call(ctx, http.MethodPost, "/"+p.Name+"/_refresh", nil, nil); err != nil {
		if is(err, http.StatusNotFound) {
			return nil, false, nil
		}
		return nil, false, err
	}
	filters := append(filterQueries(&q.Filter), map[string]any{"range": map[string]any{"_seq_no": map[string]any{"gt": after, "lte": p.Checkpoint}}})
	query := map[string]any{"size": limit, "track_total_hits": false, "query": t.query(filters), "sort": []any{asc("_seq_no")}, "seq_no_primary_term": true}
	var answer searchAnswer[line]
	if err := search(ctx, s.client, p.Name, query, &answer); err != nil {
		return nil, false, err
	}
	for i := range answer.Hits.Hits {
		h := &answer.Hits.Hits[i]
		e, err := h.Source.entry(h.ID, s.o.View)
		if err != nil {
			return nil, false, err
		}
		lines = append(lines, newLine{Entry: e, index: p.Name, seq: h.SeqNo, written: h.Source.Written, matches: t.matches(&e)})
	}
	return lines, len(lines) == limit, nil
}
