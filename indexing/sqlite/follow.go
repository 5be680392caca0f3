package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/loglode/loglode/pipeline"
)

// Follow implements pipeline.LineReader. Within a day lines come in the order
// in which they were written, and older days come first. The cursor holds for
// each day how far it has been read; a day that it lacks is new and read from
// its start.
func (s *Store) Follow(ctx context.Context, q pipeline.LineQuery, cursor string) (pipeline.LinePage, error) {
	q.Cursor, q.Order = "", pipeline.NewestFirst
	x, err := s.newSearch(&q)
	if err != nil {
		return pipeline.LinePage{}, err
	}
	days, err := s.snapshotDays(0, 0)
	if err != nil {
		return pipeline.LinePage{}, err
	}
	marks, err := decodeMarks(cursor)
	if err != nil {
		return pipeline.LinePage{}, err
	}
	var page pipeline.LinePage
	seen := make(map[int64]int64, len(days))
	for _, d := range days {
		t, err := d.readTotals(ctx)
		if errors.Is(err, errDropped) {
			continue
		}
		if err != nil {
			return pipeline.LinePage{}, fmt.Errorf("follow day %s: %w", d.name, err)
		}
		mark := marks[d.number]
		if cursor == "" {
			mark = t.next
		}
		if mark > t.next {
			mark = 0 // the day was dropped and made anew
		}
		seen[d.number] = mark
		if mark == t.next || len(page.Lines) >= x.limit {
			continue
		}
		if x.filter.To != 0 && d.number > dayOf(x.filter.To-1) || x.filter.From != 0 && d.number < dayOf(x.filter.From) ||
			x.text.nothing || x.filter.Scopes != nil && len(x.filter.Scopes) == 0 {
			seen[d.number] = t.next
			continue
		}
		err = d.use(ctx, func(v *view, db *sql.DB) error {
			mark, err = x.followDay(ctx, d, v, db, mark, &page)
			return err
		})
		if err != nil && !errors.Is(err, errDropped) {
			return pipeline.LinePage{}, fmt.Errorf("follow day %s: %w", d.name, err)
		}
		seen[d.number] = mark
	}
	page.Next = encodeMarks(seen)
	return page, nil
}

// followDay adds to the page what matches from a reference on, and returns the
// reference to go on from.
func (x *search) followDay(ctx context.Context, d *day, v *view, db *sql.DB, mark int64, page *pipeline.LinePage) (int64, error) {
	m := newMatcher(x.filter, v)
	r := &blockReader{store: d.store, q: db, view: v}
	for mark < v.next {
		s := v.find(mark)
		if s == nil {
			mark = (mark/blockEntries + 1) * blockEntries // past the end of a block that was sealed early
			continue
		}
		end := s.id*blockEntries + int64(s.n)
		if !m.block(s) {
			mark = end
			continue
		}
		if err := ctx.Err(); err != nil {
			return mark, err
		}
		f, err := x.findIn(ctx, db, s)
		if err != nil {
			return mark, err
		}
		if f.entries.empty() {
			mark = end
			continue
		}
		if err := r.openAll(ctx, s); err != nil {
			return mark, err
		}
		entries := m.entries(&r.columns)
		entries.and(f.entries)
		for ; mark < end; mark++ {
			i := int(mark % blockEntries)
			if !entries.has(i) || x.text.phrases && !x.text.confirm(&f, i, r.message(i)) {
				continue
			}
			if len(page.Lines) >= x.limit {
				return mark, nil
			}
			page.Lines = append(page.Lines, r.line(i))
		}
	}
	return mark, nil
}

// encodeMarks writes the marks of days as steps from day to day.
func encodeMarks(marks map[int64]int64) string {
	b := []byte{followCursor}
	previous := int64(0)
	for _, d := range slices.Sorted(maps.Keys(marks)) {
		b = binary.AppendVarint(b, d-previous)
		b = binary.AppendUvarint(b, uint64(marks[d]))
		previous = d
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeMarks(cursor string) (map[int64]int64, error) {
	marks := map[int64]int64{}
	if cursor == "" {
		return marks, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(data) == 0 || data[0] != followCursor {
		return nil, pipeline.BadCursor("is not one of Follow's")
	}
	r := reader{data: data[1:]}
	for d := int64(0); len(r.data) > 0; {
		d += r.varint()
		marks[d] = int64(r.uvarint())
		if marks[d] < 0 {
			return nil, pipeline.BadCursor("is damaged")
		}
	}
	if r.broken {
		return nil, pipeline.BadCursor("is damaged")
	}
	return marks, nil
}
