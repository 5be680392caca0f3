package opensearch

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// cursor stands behind the last line of a page. It holds all that the next page
// needs, so that it outlives the process.
type cursor struct {
	Query uint32            `json:"q"` // fingerprint of the query
	After []json.RawMessage `json:"a"`
	Stats *statistics       `json:"s,omitempty"`
}

// statistics are the figures of BM25 over the days that a query touches.
type statistics struct {
	Entries int64   `json:"n"`
	Terms   float64 `json:"t"`
	Having  []int64 `json:"d"` // by scoring term
}

func encodeCursor(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(text string, into any) error {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, into) != nil {
		return pipeline.BadCursor("is not one of ours")
	}
	return nil
}

// maxPageBytes bounds the texts of a page: one that has more ends before its
// limit.
const maxPageBytes = 64 << 20

// Lines implements pipeline.LineReader.
func (s *Store) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	t, err := s.readText(q.Text, q.Any)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("read query: %w", err)
	}
	print, err := q.Fingerprint()
	if err != nil {
		return pipeline.LinePage{}, err
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	r := &lineSearch{store: s, q: &q, text: &t, limit: min(limit, maxLimit), at: cursor{Query: print}}
	if q.Cursor != "" {
		if err := decodeCursor(q.Cursor, &r.at); err != nil {
			return pipeline.LinePage{}, err
		}
		if r.at.Query != print || len(r.at.After) != r.sortKeys() || q.Order == pipeline.ByRank && r.at.Stats == nil {
			return pipeline.LinePage{}, pipeline.BadCursor("belongs to another query")
		}
	}
	page, err := r.run(ctx)
	if err != nil {
		return page, fmt.Errorf("search lines: %w", err)
	}
	return page, nil
}

// lineSearch is one page of Lines.
type lineSearch struct {
	store *Store
	q     *pipeline.LineQuery
	text  *textQuery
	limit int
	at    cursor
}

func (r *lineSearch) sortKeys() int {
	if r.q.Order == pipeline.ByRank {
		return 3
	}
	return 2
}

func (r *lineSearch) run(ctx context.Context) (pipeline.LinePage, error) {
	base := r.text.query(filterQueries(&r.q.Filter))
	query := map[string]any{"track_total_hits": false, "query": base}
	switch r.q.Order {
	case pipeline.OldestFirst:
		query["sort"] = []any{asc("time"), asc("place")}
	case pipeline.ByRank:
		if r.at.Stats == nil {
			stats, err := r.store.statistics(ctx, &r.q.Filter, r.text.scoring())
			if err != nil {
				return pipeline.LinePage{}, err
			}
			r.at.Stats = &stats
		}
		query["query"] = rankQuery(base, r.text.scoring(), r.at.Stats)
		query["sort"] = []any{desc("_score"), desc("time"), desc("place")}
	default:
		query["sort"] = []any{desc("time"), desc("place")}
	}
	var page pipeline.LinePage
	bytes := 0
	for {
		// One more than is wanted tells whether there are more.
		size := min(r.limit-len(page.Lines)+1, pageSize)
		query["size"] = size
		if r.at.After != nil {
			query["search_after"] = r.at.After
		}
		var answer searchAnswer[line]
		more, err := r.store.searchLines(ctx, r.store.names.lines(), query, &answer)
		if err != nil {
			return page, err
		}
		hits := answer.Hits.Hits
		for i := range hits {
			if len(page.Lines) == r.limit || bytes > maxPageBytes {
				page.Next = encodeCursor(r.at)
				return r.finish(page), nil
			}
			e, err := hits[i].Source.entry(hits[i].ID, r.store.o.View)
			if err != nil {
				return page, err
			}
			if r.text.matches(&e) {
				page.Lines = append(page.Lines, pipeline.Line{Entry: e})
				bytes += len(e.Raw)
			}
			r.at.After = hits[i].Sort
		}
		if len(hits) < size && !more {
			return r.finish(page), nil
		}
	}
}

// finish gives ranked lines their exact scores: those of the search are rounded.
func (r *lineSearch) finish(page pipeline.LinePage) pipeline.LinePage {
	if r.q.Order != pipeline.ByRank {
		return page
	}
	wanted := r.text.scoring()
	for i := range page.Lines {
		page.Lines[i].Score = score(r.text, wanted, r.at.Stats, &page.Lines[i].Entry)
	}
	slices.SortStableFunc(page.Lines, func(a, b pipeline.Line) int { return cmp.Compare(b.Score, a.Score) })
	return page
}

// The constants of BM25, as Lucene has them.
const (
	k1 = 1.2
	b0 = 0.75
)

func idf(entries, having int64) float64 {
	return math.Log(1 + (float64(entries)-float64(having)+0.5)/(float64(having)+0.5))
}

// score is BM25 of an entry.
func score(t *textQuery, wanted []string, stats *statistics, e *pipeline.Entry) float64 {
	counts := map[string]float64{}
	length := 0.0
	for _, n := range t.analyser.Entry(nil, e) {
		counts[t.analyser.Term(n)]++
		length++
	}
	sum := 0.0
	for i, w := range wanted {
		if tf := counts[w]; tf > 0 {
			sum += idf(stats.Entries, stats.Having[i]) * tf / (tf + k1*(1-b0+b0*length/(stats.Terms/float64(stats.Entries))))
		}
	}
	return sum
}

// rankScript is BM25 with exact lengths: Lucene rounds them to a byte.
const rankScript = `double s = 0; double l = doc['length'].value; for (int i = 0; i < params.t.length; i++) { double f = termFreq('terms', params.t[i]); if (f > 0) { s += params.w[i] * f / (f + params.k * (1 - params.b + params.b * l / params.a)); } } return s;`

func rankQuery(base map[string]any, wanted []string, stats *statistics) map[string]any {
	weights := make([]float64, len(wanted))
	for i := range wanted {
		weights[i] = idf(stats.Entries, stats.Having[i])
	}
	average := 1.0
	if stats.Entries > 0 && stats.Terms > 0 {
		average = stats.Terms / float64(stats.Entries)
	}
	params := map[string]any{"t": orEmpty(wanted), "w": weights, "k": k1, "b": b0, "a": average}
	return map[string]any{"script_score": map[string]any{"query": base, "script": map[string]any{"source": rankScript, "params": params}}}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// statistics counts over all lines of the days that a filter touches.
func (s *Store) statistics(ctx context.Context, f *pipeline.Filter, wanted []string) (statistics, error) {
	having := map[string]any{}
	for i, w := range wanted {
		having[fmt.Sprint(i)] = term("terms", w)
	}
	aggregations := map[string]any{"length": map[string]any{"sum": map[string]any{"field": "length"}}}
	if len(having) > 0 {
		aggregations["having"] = map[string]any{"filters": map[string]any{"filters": having}}
	}
	query := map[string]any{"size": 0, "track_total_hits": true, "query": boolean{Filter: dayQueries(f)}.json(), "aggs": aggregations}
	var answer searchAnswer[line]
	if err := search(ctx, s.client, s.names.lines(), query, &answer); err != nil {
		return statistics{}, err
	}
	stats := statistics{Entries: answer.Hits.Total.Value, Having: make([]int64, len(wanted))}
	if answer.Aggregations == nil {
		return stats, nil
	}
	var length struct{ Value float64 }
	if err := json.Unmarshal(answer.Aggregations["length"], &length); err != nil {
		return stats, fmt.Errorf("read statistics: %w", err)
	}
	stats.Terms = length.Value
	if len(having) == 0 {
		return stats, nil
	}
	var buckets filterBuckets
	if err := json.Unmarshal(answer.Aggregations["having"], &buckets); err != nil {
		return stats, fmt.Errorf("read statistics: %w", err)
	}
	for i := range wanted {
		stats.Having[i] = buckets.Buckets[fmt.Sprint(i)].Count
	}
	return stats, nil
}

// filterBuckets is the answer of an aggregation by named filters.
type filterBuckets struct {
	Buckets map[string]struct {
		Count int64 `json:"doc_count"`
	} `json:"buckets"`
}

// dayQueries select the days that a filter touches, whole.
func dayQueries(f *pipeline.Filter) []any {
	bounds := map[string]any{}
	if f.From != 0 {
		bounds["gte"] = pipeline.Day(f.From)
	}
	if f.To != 0 {
		bounds["lte"] = pipeline.Day(f.To - 1)
	}
	if len(bounds) == 0 {
		return nil
	}
	return []any{map[string]any{"range": map[string]any{"day": bounds}}}
}

// Line implements pipeline.LineReader.
func (s *Store) Line(ctx context.Context, id pipeline.ID) (pipeline.Line, error) {
	query := map[string]any{"size": 1, "query": map[string]any{"ids": map[string]any{"values": []string{id.String()}}}}
	if s.o.AcceptDuplicates {
		query["query"] = term("id", id.String())
	}
	var answer searchAnswer[line]
	if err := search(ctx, s.client, s.names.lines(), query, &answer); err != nil {
		return pipeline.Line{}, fmt.Errorf("read line %s: %w", id, err)
	}
	if len(answer.Hits.Hits) == 0 {
		return pipeline.Line{}, fmt.Errorf("line %s: %w", id, pipeline.ErrNotFound)
	}
	e, err := answer.Hits.Hits[0].Source.entry(id.String(), s.o.View)
	return pipeline.Line{Entry: e}, err
}

// Scan implements pipeline.LineReader.
func (s *Store) Scan(ctx context.Context, from, to int64, fn func(pipeline.Stored) error) error {
	f := pipeline.Filter{From: from, To: to}
	query := map[string]any{"size": pageSize, "query": boolean{Filter: filterQueries(&f)}.json(), "sort": byShardDoc}
	return s.eachLine(ctx, &f, query, func(hits []hit[line]) error {
		for i := range hits {
			e, err := hits[i].Source.entry(hits[i].ID, s.o.View)
			if err != nil {
				return err
			}
			if err := fn(pipeline.NewStored(&e)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Days implements pipeline.LineReader.
func (s *Store) Days(ctx context.Context) ([]pipeline.DayInfo, error) {
	list, err := s.indices(ctx)
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	byDay := map[string]*pipeline.DayInfo{}
	for _, i := range list {
		if byDay[i.Day] == nil {
			byDay[i.Day] = &pipeline.DayInfo{Day: i.Day}
		}
		byDay[i.Day].Entries += i.Entries
		byDay[i.Day].Bytes += i.Bytes
	}
	var days []pipeline.DayInfo
	for _, d := range byDay {
		if d.Entries > 0 {
			days = append(days, *d)
		}
	}
	slices.SortFunc(days, func(a, b pipeline.DayInfo) int { return compareDays(a.Day, b.Day) })
	return days, nil
}

// Indices lists the physical indices of lines, oldest first.
func (s *Store) Indices(ctx context.Context) ([]pipeline.IndexInfo, error) {
	found, err := s.indices(ctx)
	if err != nil {
		return nil, fmt.Errorf("list indices: %w", err)
	}
	closed, err := s.sealed(ctx)
	if err != nil {
		return nil, fmt.Errorf("list indices: %w", err)
	}
	list := make([]pipeline.IndexInfo, len(found))
	for i, p := range found {
		list[i] = pipeline.IndexInfo{Name: p.Name, Service: p.Service, DayInfo: pipeline.DayInfo{Day: p.Day, Entries: p.Entries, Bytes: p.Bytes}, Sealed: closed[p.Name]}
	}
	return list, nil
}

func compareDays(a, b string) int {
	x, _ := time.Parse(time.DateOnly, a)
	y, _ := time.Parse(time.DateOnly, b)
	return x.Compare(y)
}
