package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

// Lines implements pipeline.LineReader.
//
// BM25 has k1 1.2 and b 0.75, Lucene's idf ln(1+(N-n+.5)/(n+.5)), and counts
// over all entries of the days that the time range touches. Words and phrases
// count by their terms, each once; a prefix selects and adds nothing.
func (s *Store) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	search, err := s.newSearch(&q)
	if err != nil {
		return pipeline.LinePage{}, err
	}
	// A day that is dropped between finding its lines and reading them is
	// searched no more the second time.
	for {
		result, err := search.run(ctx)
		if !errors.Is(err, errDropped) {
			return result, err
		}
	}
}

// search is one query under way.
type search struct {
	store  *Store
	filter *pipeline.Filter
	text   *textQuery
	order  pipeline.Order
	limit  int
	print  uint32
	cursor *cursor // nil for the first page
}

func (s *Store) newSearch(q *pipeline.LineQuery) (*search, error) {
	text, err := s.parse(q)
	if err != nil {
		return nil, err
	}
	if q.Order > pipeline.ByRank {
		return nil, fmt.Errorf("order %d is unknown: %w", q.Order, pipeline.ErrRejected)
	}
	x := &search{store: s, filter: &q.Filter, text: text, order: q.Order, limit: q.Limit}
	if x.limit <= 0 {
		x.limit = defaultLimit
	}
	x.limit = min(x.limit, maxLimit)
	if x.print, err = q.Fingerprint(); err != nil {
		return nil, err
	}
	if q.Cursor != "" {
		if x.cursor, err = decodeCursor(q.Cursor, x.print, len(text.scoring())); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (s *Store) parse(q *pipeline.LineQuery) (*textQuery, error) {
	a, ok := s.analysers.Get().(*analysis.Analyser)
	if !ok {
		return nil, errors.New("pool of analysers holds something else")
	}
	defer s.analysers.Put(a)
	parsed, err := a.Query(q.Text)
	if err != nil {
		return nil, fmt.Errorf("read query text: %w", err)
	}
	return newTextQuery(parsed, q.Any), nil
}

func (x *search) run(ctx context.Context) (pipeline.LinePage, error) {
	// One more than asked for shows whether there is a next page.
	p := &page{order: x.order, limit: x.limit + 1}
	var stats statistics
	if x.cursor != nil {
		p.after, stats = &x.cursor.last, x.cursor.stats
	}
	days, err := x.store.snapshotDays(x.filter.From, x.filter.To)
	if err != nil {
		return pipeline.LinePage{}, err
	}
	scoring := x.text.scoring()
	switch {
	case x.text.nothing || x.filter.Scopes != nil && len(x.filter.Scopes) == 0:
	case x.order == pipeline.ByRank && len(scoring) > 0:
		err = x.rank(ctx, days, scoring, &stats, p)
	default:
		err = x.walk(ctx, days, p)
	}
	if err != nil {
		return pipeline.LinePage{}, err
	}
	hits := p.hits
	slices.SortFunc(hits, func(a, b hit) int { return compare(x.order, &a, &b) })
	var result pipeline.LinePage
	if len(hits) > x.limit {
		hits = hits[:x.limit]
		next := cursor{last: hits[x.limit-1], stats: stats}
		result.Next = next.encode(x.print)
	}
	result.Lines, err = x.store.readLines(ctx, hits)
	return result, err
}

// walk goes through days and blocks in the order of time until the page is
// certain.
func (x *search) walk(ctx context.Context, days []*day, p *page) error {
	if x.order != pipeline.OldestFirst {
		slices.Reverse(days)
	}
	for _, d := range days {
		if !p.mayHold(d.number*nanosPerDay, (d.number+1)*nanosPerDay-1) {
			continue
		}
		err := d.use(ctx, func(v *view, db *sql.DB) error { return x.walkDay(ctx, d, v, db, p) })
		if err != nil && !errors.Is(err, errDropped) {
			return fmt.Errorf("search day %s: %w", d.name, err)
		}
	}
	return nil
}

// use calls fn with a day's newest view and readers. It is not called for a day
// that has no file yet.
func (d *day) use(ctx context.Context, fn func(*view, *sql.DB) error) error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.release()
	if !d.exists() {
		return nil
	}
	v, db, err := d.current(ctx)
	if err != nil {
		return err
	}
	return explain(d.path, fn(v, db))
}

func (x *search) walkDay(ctx context.Context, d *day, v *view, db *sql.DB, p *page) error {
	m := newMatcher(x.filter, v)
	blocks, err := candidates(ctx, db, v, m, x.text.expression())
	if err != nil {
		return err
	}
	if x.order == pipeline.OldestFirst {
		slices.SortFunc(blocks, func(a, b *summary) int { return cmp.Compare(a.minTime, b.minTime) })
	} else {
		slices.SortFunc(blocks, func(a, b *summary) int { return cmp.Compare(b.maxTime, a.maxTime) })
	}
	r := &blockReader{store: d.store, q: db, view: v}
	for _, b := range blocks {
		if !p.mayHold(b.minTime, b.maxTime) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := x.findIn(ctx, db, b)
		if err != nil {
			return err
		}
		if err := x.collect(ctx, d, r, m, b, &f, nil, p); err != nil {
			return err
		}
	}
	return nil
}

// candidates is the blocks that can match, by what is in memory and by FTS5.
func candidates(ctx context.Context, db *sql.DB, v *view, m *matcher, expression string) ([]*summary, error) {
	var blocks []*summary
	v.blocks(func(s *summary) {
		if m.block(s) {
			blocks = append(blocks, s)
		}
	})
	if expression == "" || len(blocks) == 0 || blocks[0].id >= v.indexed {
		return blocks, nil
	}
	indexed, err := matchTerms(ctx, db, expression)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(blocks, func(s *summary) bool {
		if s.id >= v.indexed {
			return false
		}
		_, ok := slices.BinarySearch(indexed, s.id)
		return !ok
	}), nil
}

// matchTerms is the full blocks that match an FTS5 expression, ascending.
func matchTerms(ctx context.Context, db *sql.DB, expression string) ([]int64, error) {
	rows, err := db.QueryContext(ctx, `SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rowid`, expression)
	if err != nil {
		return nil, fmt.Errorf("search terms: %w", err)
	}
	defer rows.Close()
	var blocks []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("search terms: %w", err)
		}
		blocks = append(blocks, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("search terms: %w", err)
	}
	return blocks, nil
}

// findIn evaluates the text query on a block.
func (x *search) findIn(ctx context.Context, db *sql.DB, b *summary) (found, error) {
	if x.text.empty() {
		return found{entries: firstN(b.n)}, nil
	}
	p, err := readPostings(ctx, db, b.id)
	if err != nil {
		return found{}, err
	}
	return x.text.find(&p)
}

// collect adds to the page what matches of a block. score, which may be nil,
// fills the scores of the entries.
func (x *search) collect(ctx context.Context, d *day, r *blockReader, m *matcher, b *summary, f *found, score func(c *columns, scores *[blockEntries]float64) error, p *page) error {
	if f.entries.empty() {
		return nil
	}
	if err := r.open(ctx, b); err != nil {
		return err
	}
	entries := m.entries(&r.columns)
	entries.and(f.entries)
	if entries.empty() {
		return nil
	}
	var scores [blockEntries]float64
	if score != nil {
		if err := score(&r.columns, &scores); err != nil {
			return err
		}
	}
	var broken error
	entries.each(func(i int) {
		if broken != nil {
			return
		}
		h := hit{score: scores[i], time: r.columns.time[i], day: d, ref: b.id*blockEntries + int64(i)}
		if p.full() && (score == nil && !p.mayHold(h.time, h.time) || score != nil && h.score < p.hits[0].score) {
			return
		}
		h.lineage = r.columns.lineage(i)
		if broken = r.readIDs(ctx); broken != nil {
			return
		}
		h.id = r.id(i)
		if !p.wants(&h) {
			return
		}
		if x.text.phrases {
			if broken = r.readTexts(ctx); broken != nil {
				return
			}
			if !x.text.confirm(f, i, r.message(i)) {
				return
			}
		}
		p.add(h)
	})
	return broken
}

// readLines reads the lines of hits, in their order.
func (s *Store) readLines(ctx context.Context, hits []hit) ([]pipeline.Line, error) {
	lines := make([]pipeline.Line, len(hits))
	places := make([]int, len(hits))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int {
		return cmp.Or(cmp.Compare(hits[a].day.number, hits[b].day.number), cmp.Compare(hits[a].ref, hits[b].ref))
	})
	for len(places) > 0 {
		d := hits[places[0]].day
		n := 1
		for n < len(places) && hits[places[n]].day == d {
			n++
		}
		picked := places[:n]
		places = places[n:]
		err := d.use(ctx, func(v *view, db *sql.DB) error {
			r := &blockReader{store: s, q: db, view: v}
			for _, i := range picked {
				if err := r.goTo(ctx, hits[i].ref); err != nil {
					return err
				}
				lines[i] = r.line(int(hits[i].ref % blockEntries))
				lines[i].Score = hits[i].score
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read lines of %s: %w", d.name, err)
		}
	}
	return lines, nil
}
