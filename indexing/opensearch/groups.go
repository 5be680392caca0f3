package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/loglode/loglode/pipeline"
)

// bucketsAtOnce is how many groups one request returns.
const bucketsAtOnce = 1_000

// groupKey tells groups apart.
type groupKey struct {
	Cluster   string        `json:"cluster"`
	Namespace string        `json:"namespace"`
	Service   string        `json:"service"`
	Pattern   string        `json:"pattern"`
	Kind      pipeline.Kind `json:"kind"`
	UID       string        `json:"uid,omitempty"`
}

// Groups implements pipeline.PatternReader. Memory grows with the groups that are
// found and, where the text holds phrases, with the UIDs of their events; lines
// of phrases are read one by one.
func (s *Store) Groups(ctx context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	t, err := s.readText(q.Text, q.Any)
	if err != nil {
		return nil, fmt.Errorf("read query: %w", err)
	}
	base := boolean{Filter: []any{t.query(filterQueries(&q.Filter))}, MustNot: []any{term("pattern", "")}}.json()
	g := &grouping{store: s, groups: map[groupKey]*pipeline.PatternGroup{}}
	if t.phrases {
		err = g.read(ctx, &q.Filter, base, &t)
	} else {
		err = g.aggregate(ctx, base)
	}
	if err != nil {
		return nil, fmt.Errorf("count patterns: %w", err)
	}
	list := make([]pipeline.PatternGroup, 0, len(g.groups))
	for _, group := range g.groups {
		list = append(list, *group)
	}
	return list, nil
}

// grouping gathers groups.
type grouping struct {
	store  *Store
	groups map[groupKey]*pipeline.PatternGroup
}

func (g *grouping) at(k groupKey) (*pipeline.PatternGroup, error) {
	k.UID = ""
	if group := g.groups[k]; group != nil {
		return group, nil
	}
	id, err := pipeline.ParsePatternID(k.Pattern)
	if err != nil {
		return nil, err
	}
	group := &pipeline.PatternGroup{Pattern: pipeline.Pattern{ID: id}, Cluster: k.Cluster, Namespace: k.Namespace, Service: k.Service, Kind: k.Kind}
	g.groups[k] = group
	return group, nil
}

// read groups lines that are read, since their texts decide.
func (g *grouping) read(ctx context.Context, f *pipeline.Filter, base map[string]any, t *textQuery) error {
	counts := map[groupKey]uint64{}
	query := map[string]any{"size": pageSize, "query": base, "sort": byShardDoc}
	err := g.store.eachLine(ctx, f, query, func(hits []hit[line]) error {
		for i := range hits {
			e, err := hits[i].Source.entry(hits[i].ID, g.store.o.View)
			if err != nil {
				return err
			}
			if !t.matches(&e) {
				continue
			}
			k := groupKey{e.Resource.Cluster, e.Resource.Namespace, e.Service, patternName(e.Pattern.ID), e.Kind, ""}
			group, err := g.at(k)
			if err != nil {
				return err
			}
			if group.Lines == 0 || e.Time < group.First {
				group.First = e.Time
			}
			if group.Lines == 0 || e.Time > group.Last {
				group.Last = e.Time
			}
			group.Lines++
			group.Level = max(group.Level, e.Level)
			group.Pattern.Template = e.Pattern.Template
			if e.Kind == pipeline.KindEvent && e.Event != nil {
				k.UID = "u" + e.Event.UID
				counts[k] = max(counts[k], e.Event.Count)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return g.finish(counts)
}

// finish counts how often things happened: of events the sum over their UIDs of
// the highest count.
func (g *grouping) finish(counts map[groupKey]uint64) error {
	for _, group := range g.groups {
		if group.Kind != pipeline.KindEvent {
			group.Count = group.Lines
		}
	}
	for k, n := range counts {
		group, err := g.at(k)
		if err != nil {
			return err
		}
		group.Count += int64(n)
	}
	return nil
}

// composite is the answer of a composite aggregation.
type composite struct {
	After   json.RawMessage `json:"after_key"`
	Buckets []struct {
		Key   groupKey `json:"key"`
		Count int64    `json:"doc_count"`
		Level value    `json:"level"`
		Most  top      `json:"most"`
		First top      `json:"first"`
		Last  top      `json:"last"`
	} `json:"buckets"`
}

type value struct{ Value float64 }

// top is the answer of a top_hits aggregation: times and counts are read so, since
// min and max compute as doubles, which do not hold nanoseconds. It has columns
// alone: to unpack two documents for each group took most of the time.
type top struct {
	Hits struct {
		Hits []struct {
			Fields struct {
				Time  []int64  `json:"time"`
				Count []uint64 `json:"event_count"`
			} `json:"fields"`
		} `json:"hits"`
	} `json:"hits"`
}

// time is the time of the line, if there is one.
func (t *top) time() (ns int64, found bool) {
	if len(t.Hits.Hits) == 0 || len(t.Hits.Hits[0].Fields.Time) == 0 {
		return 0, false
	}
	return t.Hits.Hits[0].Fields.Time[0], true
}

func sources(fields ...string) []any {
	var list []any
	for _, f := range fields {
		list = append(list, map[string]any{f: map[string]any{"terms": map[string]any{"field": f}}})
	}
	return list
}

func topHit(sort map[string]any, field string) map[string]any {
	return map[string]any{"top_hits": map[string]any{"size": 1, "sort": []any{sort}, "_source": false, "docvalue_fields": []string{field}}}
}

// aggregate has OpenSearch group.
func (g *grouping) aggregate(ctx context.Context, base map[string]any) error {
	inner := map[string]any{
		"level": map[string]any{"max": map[string]any{"field": "level"}},
		"first": topHit(asc("time"), "time"),
		"last":  topHit(desc("time"), "time"),
	}
	events := false
	err := g.pages(ctx, base, sources("cluster", "namespace", "service", "pattern", "kind"), inner, func(c *composite) error {
		for i := range c.Buckets {
			b := &c.Buckets[i]
			group, err := g.at(b.Key)
			if err != nil {
				return err
			}
			first, hasFirst := b.First.time()
			last, hasLast := b.Last.time()
			if !hasFirst || !hasLast {
				return fmt.Errorf("a group of pattern %s has no line: %w", b.Key.Pattern, pipeline.ErrTryLater)
			}
			group.Lines, group.Level, group.First, group.Last = b.Count, pipeline.Level(b.Level.Value), first, last
			events = events || b.Key.Kind == pipeline.KindEvent
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := g.name(ctx); err != nil {
		return err
	}
	counts := map[groupKey]uint64{}
	if events {
		of := boolean{Filter: []any{base, map[string]any{"term": map[string]any{"kind": int(pipeline.KindEvent)}}}}.json()
		most := map[string]any{"most": topHit(desc("event_count"), "event_count")}
		err = g.pages(ctx, of, sources("cluster", "namespace", "service", "pattern", "kind", "uid"), most, func(c *composite) error {
			for i := range c.Buckets {
				k := c.Buckets[i].Key
				k.UID = "u" + k.UID
				for _, h := range c.Buckets[i].Most.Hits.Hits {
					if len(h.Fields.Count) > 0 {
						counts[k] = h.Fields.Count[0]
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return g.finish(counts)
}

// name gives the groups their templates: each is read from one line, once.
func (g *grouping) name(ctx context.Context) error {
	known := &g.store.templates
	known.trim()
	unknown := map[string]bool{}
	for _, group := range g.groups {
		if _, there := known.get(group.Pattern.ID); !there {
			unknown[patternName(group.Pattern.ID)] = true
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(unknown)), bucketsAtOnce) {
		query := map[string]any{
			"size": len(some), "track_total_hits": false, "query": boolean{Filter: []any{terms("pattern", some)}}.json(),
			"collapse": map[string]any{"field": "pattern"}, "_source": []string{"pattern", "entry.x", "entry.xb"},
		}
		var answer searchAnswer[line]
		if err := search(ctx, g.store.client, g.store.names.lines(), query, &answer); err != nil {
			return err
		}
		for i := range answer.Hits.Hits {
			l := &answer.Hits.Hits[i].Source
			id, err := pipeline.ParsePatternID(l.Pattern)
			if err != nil {
				return err
			}
			template, err := untext(l.Entry.Template, l.Entry.TemplateB)
			if err != nil {
				return err
			}
			known.put(id, template)
		}
	}
	for _, group := range g.groups {
		template, there := known.get(group.Pattern.ID)
		if !there {
			return fmt.Errorf("pattern %s has no line any more: %w", patternName(group.Pattern.ID), pipeline.ErrTryLater)
		}
		group.Pattern.Template = template
	}
	return nil
}

// templates remembers those of patterns: a pattern's ID is a hash of it.
type templates struct {
	mu    sync.Mutex
	known map[pipeline.PatternID]string
}

// maxTemplates bounds how many a process remembers, some 200 bytes each.
const maxTemplates = 100_000

// trim forgets all when they are too many.
func (t *templates) trim() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) > maxTemplates {
		clear(t.known)
	}
}

func (t *templates) get(id pipeline.PatternID) (template string, there bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	template, there = t.known[id]
	return template, there
}

func (t *templates) put(id pipeline.PatternID, template string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[pipeline.PatternID]string{}
	}
	t.known[id] = template
}

// pages calls fn with the buckets of a composite aggregation.
func (g *grouping) pages(ctx context.Context, base map[string]any, by []any, inner map[string]any, fn func(*composite) error) error {
	of := map[string]any{"size": bucketsAtOnce, "sources": by}
	for {
		query := map[string]any{"size": 0, "track_total_hits": false, "query": base, "aggs": map[string]any{"groups": map[string]any{"composite": of, "aggs": inner}}}
		var answer searchAnswer[line]
		if err := search(ctx, g.store.client, g.store.names.lines(), query, &answer); err != nil {
			return err
		}
		if answer.Aggregations == nil {
			return nil // there is no index yet
		}
		var c composite
		if err := json.Unmarshal(answer.Aggregations["groups"], &c); err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
		if err := fn(&c); err != nil {
			return err
		}
		if len(c.Buckets) < bucketsAtOnce {
			return nil
		}
		of["after"] = c.After
	}
}
