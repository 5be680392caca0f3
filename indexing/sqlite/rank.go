package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The constants of BM25, as in Lucene's BM25Similarity.
const (
	bm25K1 = 1.2
	bm25B  = 0.75
)

// idf is Lucene's inverse document frequency: n of N entries hold the term.
func idf(entries, n int64) float64 {
	return math.Log(1 + (float64(entries)-float64(n)+0.5)/(float64(n)+0.5))
}

// rankedDay is a day of a ranked query between its two passes.
type rankedDay struct {
	day    *day
	blocks []rankedBlock
}

type rankedBlock struct {
	summary *summary
	found   *found // nil: to be read again
}

// rank fills the page by BM25. The first pass counts in how many entries each
// term occurs and keeps the lists of blocks that can match; the second scores.
// A page after the first has its counts in the cursor.
func (x *search) rank(ctx context.Context, days []*day, scoring []int, stats *statistics, p *page) error {
	first := x.cursor == nil
	if first {
		*stats = statistics{df: make([]int64, len(scoring))}
	}
	ranked := make([]rankedDay, 0, len(days))
	kept := 0
	for _, d := range days {
		rd := rankedDay{day: d}
		err := d.use(ctx, func(v *view, db *sql.DB) (err error) {
			if first {
				rd.blocks, err = x.count(ctx, v, db, scoring, stats, &kept)
			} else {
				rd.blocks, err = x.matching(ctx, v, db)
			}
			return err
		})
		if errors.Is(err, errDropped) {
			continue
		}
		if err != nil {
			return fmt.Errorf("search day %s: %w", d.name, err)
		}
		ranked = append(ranked, rd)
	}
	weights := make([]float64, len(scoring))
	for i, df := range stats.df {
		weights[i] = idf(stats.entries, df)
	}
	average := float64(stats.terms) / float64(max(stats.entries, 1))
	for i := range ranked {
		rd := &ranked[i]
		err := rd.day.use(ctx, func(v *view, db *sql.DB) error {
			return x.score(ctx, rd, v, db, scoring, weights, average, p)
		})
		if err != nil && !errors.Is(err, errDropped) {
			return fmt.Errorf("search day %s: %w", rd.day.name, err)
		}
	}
	return nil
}

// matching is the first pass over a day that an earlier page counted: the
// blocks that can match.
func (x *search) matching(ctx context.Context, v *view, db *sql.DB) ([]rankedBlock, error) {
	matching, err := candidates(ctx, db, v, newMatcher(x.filter, v), x.text.expression())
	if err != nil {
		return nil, err
	}
	blocks := make([]rankedBlock, len(matching))
	for i, s := range matching {
		blocks[i].summary = s
	}
	return blocks, nil
}

// count is the first pass over a day: it adds to stats and returns the blocks
// that can match, with their lists as far as these fit in what is kept, bytes.
func (x *search) count(ctx context.Context, v *view, db *sql.DB, scoring []int, stats *statistics, kept *int) ([]rankedBlock, error) {
	stats.entries += v.entries
	stats.terms += v.terms
	matching, err := candidates(ctx, db, v, newMatcher(x.filter, v), x.text.expression())
	if err != nil {
		return nil, err
	}
	// To count, blocks that the filter rules out are read too.
	counted, err := candidates(ctx, db, v, &matcher{}, x.text.scoringExpression(scoring))
	if err != nil {
		return nil, err
	}
	blocks := make([]rankedBlock, 0, len(matching))
	for _, s := range matching {
		if _, ok := slices.BinarySearchFunc(counted, s, byID); !ok {
			blocks = append(blocks, rankedBlock{summary: s}) // no term of it scores
		}
	}
	for _, s := range counted {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, err := x.findIn(ctx, db, s)
		if err != nil {
			return nil, err
		}
		for i, n := range scoring {
			err := eachPosting(f.lists[n], func(entry uint8, _ uint32) {
				if int(entry) < s.n {
					stats.df[i]++
				}
			})
			if err != nil {
				return nil, err
			}
		}
		if _, ok := slices.BinarySearchFunc(matching, s, byID); !ok || f.entries.empty() {
			continue
		}
		block := rankedBlock{summary: s}
		if size := f.detach(); *kept+size <= x.store.limits.kept {
			*kept += size
			block.found = &f
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

func byID(a, b *summary) int { return cmp.Compare(a.id, b.id) }

// detach copies the lists out of the block they are part of and returns about
// how many bytes are kept.
func (f *found) detach() int {
	size := 256
	for i, l := range f.lists {
		f.lists[i] = bytes.Clone(l)
		size += len(l) + 24
	}
	return size + 32*len(f.clauses)
}

// score is the second pass over a day.
func (x *search) score(ctx context.Context, rd *rankedDay, v *view, db *sql.DB, scoring []int, weights []float64, average float64, p *page) error {
	m := newMatcher(x.filter, v)
	r := &blockReader{store: x.store, q: db, view: v}
	for _, block := range rd.blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := block.found
		if f == nil {
			again, err := x.findIn(ctx, db, block.summary)
			if err != nil {
				return err
			}
			f = &again
		}
		score := func(c *columns, scores *[blockEntries]float64) error {
			for i, n := range scoring {
				err := eachPosting(f.lists[n], func(entry uint8, tf uint32) {
					length := float64(c.terms[entry])
					scores[entry] += weights[i] * float64(tf) / (float64(tf) + bm25K1*(1-bm25B+bm25B*length/average))
				})
				if err != nil {
					return err
				}
			}
			return nil
		}
		if err := x.collect(ctx, rd.day, r, m, block.summary, f, score, p); err != nil {
			return err
		}
	}
	return nil
}
