package query_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/loglode/loglode/pipeline"
)

// memory is a LineReader over a slice, in the order of writing. It finds text by
// substring, which is enough for what is tested here, and fails when told to.
type memory struct {
	mu      sync.Mutex
	entries []pipeline.Entry
	err     error
	queries []pipeline.LineQuery
	page    int // largest page; 0 for no bound
}

func (m *memory) write(entries ...pipeline.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, entries...)
}

func matches(e *pipeline.Entry, q pipeline.LineQuery) bool {
	f, r := q.Filter, e.Resource
	oneOf := func(values []string, value string) bool {
		return len(values) == 0 || slices.ContainsFunc(values, func(v string) bool {
			prefix, cut := strings.CutSuffix(v, "*")
			return v == value || (cut && strings.HasPrefix(value, prefix))
		})
	}
	for key, value := range f.Labels {
		if v, there := r.Labels[key]; !there || v != value {
			return false
		}
	}
	inScope := f.Scopes == nil || slices.ContainsFunc(f.Scopes, func(s pipeline.Scope) bool {
		return (s.Cluster == "" || s.Cluster == r.Cluster) && (s.Namespace == "" || s.Namespace == r.Namespace)
	})
	return inScope && oneOf(f.Clusters, r.Cluster) && oneOf(f.Namespaces, r.Namespace) && oneOf(f.Services, e.Service) &&
		oneOf(f.Pods, r.Pod) && oneOf(f.Containers, r.Container) && oneOf(f.Nodes, r.Node) &&
		(len(f.Levels) == 0 || slices.Contains(f.Levels, e.Level)) &&
		(len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(len(f.Patterns) == 0 || slices.Contains(f.Patterns, e.Pattern.ID)) &&
		(f.From == 0 || e.Time >= f.From) && (f.To == 0 || e.Time < f.To) &&
		strings.Contains(e.Message, strings.Trim(q.Text, `"`))
}

func (m *memory) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queries = append(m.queries, q)
	if err := cmp.Or(m.err, ctx.Err()); err != nil {
		return pipeline.LinePage{}, err
	}
	var found []pipeline.Line
	for i := range m.entries {
		if matches(&m.entries[i], q) {
			found = append(found, pipeline.Line{Entry: m.entries[i]})
		}
	}
	slices.SortStableFunc(found, func(a, b pipeline.Line) int { return cmp.Compare(a.Time, b.Time) })
	if q.Order != pipeline.OldestFirst {
		slices.Reverse(found)
	}
	return m.cut(found, q)
}

func (m *memory) cut(found []pipeline.Line, q pipeline.LineQuery) (pipeline.LinePage, error) {
	start := 0
	if q.Cursor != "" {
		var err error
		if start, err = strconv.Atoi(q.Cursor); err != nil {
			return pipeline.LinePage{}, fmt.Errorf("cursor %q: %w", q.Cursor, pipeline.ErrRejected)
		}
	}
	limit := q.Limit
	if m.page > 0 {
		limit = min(limit, m.page)
	}
	found = found[min(start, len(found)):]
	page := pipeline.LinePage{Lines: found}
	if len(found) > limit {
		page = pipeline.LinePage{Lines: found[:limit], Next: strconv.Itoa(start + limit)}
	}
	return page, nil
}

func (m *memory) Line(_ context.Context, id pipeline.ID) (pipeline.Line, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.entries {
		if m.entries[i].ID == id {
			return pipeline.Line{Entry: m.entries[i]}, m.err
		}
	}
	return pipeline.Line{}, cmp.Or(m.err, pipeline.ErrNotFound)
}

func (m *memory) Follow(ctx context.Context, q pipeline.LineQuery, cursor string) (pipeline.LinePage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := cmp.Or(m.err, ctx.Err()); err != nil {
		return pipeline.LinePage{}, err
	}
	if cursor == "" {
		return pipeline.LinePage{Next: strconv.Itoa(len(m.entries))}, nil
	}
	at, err := strconv.Atoi(cursor)
	if err != nil || at > len(m.entries) {
		return pipeline.LinePage{}, fmt.Errorf("cursor %q: %w", cursor, pipeline.ErrRejected)
	}
	page := pipeline.LinePage{}
	for ; at < len(m.entries) && len(page.Lines) < q.Limit; at++ {
		if matches(&m.entries[at], q) {
			page.Lines = append(page.Lines, pipeline.Line{Entry: m.entries[at]})
		}
	}
	page.Next = strconv.Itoa(at)
	return page, nil
}

func (m *memory) Scan(context.Context, int64, int64, func(pipeline.Stored) error) error { return m.err }

func (m *memory) Days(context.Context) ([]pipeline.DayInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := map[string]int64{}
	for i := range m.entries {
		counts[m.entries[i].Day()]++
	}
	var days []pipeline.DayInfo
	for day, n := range counts {
		days = append(days, pipeline.DayInfo{Day: day, Entries: n, Bytes: n * 100})
	}
	slices.SortFunc(days, func(a, b pipeline.DayInfo) int { return cmp.Compare(a.Day, b.Day) })
	return days, m.err
}
