package opensearch

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"slices"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
)

// followed is a cursor of Follow: up to which sequence number each index was
// read, by a hash of its UUID. One that it does not name is new.
type followed map[uint64]int64

func (p *physical) key() uint64 { return xxh3.HashString(p.UUID) }

// after is the sequence number behind which an index goes on.
func (f followed) after(p *physical) int64 {
	if seen, known := f[p.key()]; known {
		return seen
	}
	return -1
}

// encode is short, since it goes through addresses: some 11 bytes an index.
func (f followed) encode() string {
	b := []byte{followVersion}
	for key, seen := range f {
		b = binary.LittleEndian.AppendUint64(b, key)
		b = binary.AppendVarint(b, seen)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// followVersion is the first byte of a cursor.
const followVersion = 1

func decodeFollowed(text string) (followed, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || b[0] != followVersion {
		return nil, pipeline.BadCursor("is not one of ours")
	}
	f := followed{}
	for b = b[1:]; len(b) > 0; {
		if len(b) < 9 {
			return nil, pipeline.BadCursor("is cut off")
		}
		key := binary.LittleEndian.Uint64(b)
		seen, n := binary.Varint(b[8:])
		if n <= 0 {
			return nil, pipeline.BadCursor("is cut off")
		}
		f[key], b = seen, b[8+n:]
	}
	return f, nil
}

// Follow implements pipeline.LineReader. Sequence numbers are given in the order
// of writes; what is read goes up to the number below which nothing is still
// under way.
func (s *Store) Follow(ctx context.Context, q pipeline.LineQuery, text string) (pipeline.LinePage, error) {
	t, err := s.readText(q.Text, q.Any)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("read query: %w", err)
	}
	var at followed
	if text != "" {
		if at, err = decodeFollowed(text); err != nil {
			return pipeline.LinePage{}, err
		}
	}
	list, err := s.indices(ctx)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("follow lines: %w", err)
	}
	next := followed{}
	for i := range list {
		next[list[i].key()] = list[i].Checkpoint
	}
	if text == "" {
		return pipeline.LinePage{Next: next.encode()}, nil
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
	index uint64 // its key
	seq   int64
	// written is when it was written, or a line of its index that has a lower
	// sequence number, if that was later: so both orders agree within an index.
	written int64
	matches bool
}

func (s *Store) follow(ctx context.Context, q *pipeline.LineQuery, t *textQuery, at followed, list []physical, next followed) (pipeline.LinePage, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	var changed []physical
	for i := range list {
		if at.after(&list[i]) < list[i].Checkpoint {
			changed = append(changed, list[i])
		}
	}
	found := make([][]newLine, len(changed))
	full := make([]bool, len(changed))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(targetsAtOnce)
	for i := range changed {
		p := &changed[i]
		group.Go(func() (err error) {
			found[i], full[i], err = s.since(groupCtx, q, t, p, at.after(p), limit)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return pipeline.LinePage{}, err
	}
	// What is read of a full index ends before its checkpoint: no line of another is
	// told that was written after that.
	bound := int64(math.MaxInt64)
	for i := range changed {
		if full[i] {
			last := found[i][len(found[i])-1]
			bound = min(bound, last.written)
			next[changed[i].key()] = last.seq
		}
	}
	merged := slices.Concat(found...)
	slices.SortStableFunc(merged, func(a, b newLine) int {
		return cmp.Or(cmp.Compare(a.written, b.written), cmp.Compare(a.index, b.index), cmp.Compare(a.seq, b.seq))
	})
	var page pipeline.LinePage
	for i := range merged {
		l := &merged[i]
		if len(page.Lines) == limit || l.written > bound {
			// The rest comes again: an index goes on before the first of its lines that
			// is not told.
			for j := len(merged) - 1; j >= i; j-- {
				next[merged[j].index] = merged[j].seq - 1
			}
			break
		}
		if l.matches {
			page.Lines = append(page.Lines, pipeline.Line{Entry: l.Entry})
		}
	}
	page.Next = next.encode()
	return page, nil
}

// since reads what an index got after a sequence number, up to its checkpoint,
// and says whether there is more.
func (s *Store) since(ctx context.Context, q *pipeline.LineQuery, t *textQuery, p *physical, after int64, limit int) (lines []newLine, full bool, err error) {
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
	more, err := s.searchLines(ctx, p.Name, query, &answer)
	if err != nil {
		return nil, false, err
	}
	written := int64(math.MinInt64)
	for i := range answer.Hits.Hits {
		h := &answer.Hits.Hits[i]
		e, err := h.Source.entry(h.ID, s.o.View)
		if err != nil {
			return nil, false, err
		}
		written = max(written, h.Source.Written)
		lines = append(lines, newLine{Entry: e, index: p.key(), seq: h.SeqNo, written: written, matches: t.matches(&e)})
	}
	return lines, more || len(lines) == limit, nil
}
