package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// DropDay deletes the indices of a day, and no other: what bears our _meta. It
// is finished when none is left; a repeat goes on.
func (s *Store) DropDay(ctx context.Context, day string) error {
	// Also what has lost its shards.
	var list []physical
	err := s.client.again(ctx, func() (err error) {
		list, err = s.owned(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	for _, p := range list {
		if p.Day != day {
			continue
		}
		if err := s.client.call(ctx, http.MethodDelete, "/"+p.Name, nil, nil); err != nil && !is(err, http.StatusNotFound) {
			return fmt.Errorf("drop day %s: %w", day, err)
		}
	}
	s.placement.forgetDay(day)
	if err := s.undecide(ctx, day); err != nil {
		return fmt.Errorf("drop day %s: %w", day, err)
	}
	return nil
}

// undecide has it be decided anew where a day lies. It deletes one by one: to
// delete by a query, a user needs permission for the scrolls of the whole cluster.
func (s *Store) undecide(ctx context.Context, day string) error {
	// Also what was decided within the last second.
	if err := s.client.call(ctx, http.MethodPost, "/"+s.names.placement()+"/_refresh", nil, nil); err != nil {
		return err
	}
	var gone []action
	query := map[string]any{"size": pageSize, "query": term("day", day), "sort": []any{asc("_shard_doc")}, "_source": false}
	err := eachHit(ctx, s.client, s.names.placement(), query, func(hits []hit[placed]) error {
		for i := range hits {
			gone = append(gone, action{head: fmt.Appendf(nil, `{"delete":{"_index":%q,"_id":%q}}`+"\n", s.names.placement(), hits[i].ID), at: len(gone)})
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.bulk(ctx, systemTarget, gone, make([]fate, len(gone)))
}

// Refresh makes what was written visible to readers; else it takes a second.
func (s *Store) Refresh(ctx context.Context) error {
	for _, index := range []string{s.names.lines(), s.names.patterns()} {
		if err := s.client.call(ctx, http.MethodPost, "/"+index+"/_refresh", nil, nil); err != nil && !is(err, http.StatusNotFound) {
			return fmt.Errorf("refresh %s: %w", index, err)
		}
	}
	return nil
}

// forgetDay has the aliases of a day be looked for again.
func (p *placement) forgetDay(day string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for alias := range p.known {
		if strings.HasSuffix(alias, "-"+day) {
			delete(p.known, alias)
		}
	}
}

// pruneAfter is how old a pattern document is before it can be without a line:
// it is created a moment after its first one.
const pruneAfter = 24 * time.Hour

// PruneVectors removes pattern documents of which no day holds a line any more,
// and returns how many. Vectors by content stay: they may come again.
func (s *Store) PruneVectors(ctx context.Context) (removed int64, err error) {
	held, err := s.heldPatterns(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune patterns: %w", err)
	}
	old := map[string]any{"range": map[string]any{"time": map[string]any{"lt": s.o.Now().Add(-pruneAfter).UnixNano()}}}
	query := map[string]any{"size": pageSize, "query": old, "sort": []any{asc("_shard_doc")}, "_source": []string{"cluster", "namespace", "service", "pattern"}}
	var gone []action
	err = eachHit(ctx, s.client, s.names.patterns(), query, func(hits []hit[patternDocument]) error {
		for i := range hits {
			d := &hits[i].Source
			if held[groupKey{Cluster: d.Cluster, Namespace: d.Namespace, Service: d.Service, Pattern: d.Pattern}] {
				continue
			}
			gone = append(gone, action{head: fmt.Appendf(nil, `{"delete":{"_index":%q,"_id":%q}}`+"\n", s.names.patterns(), hits[i].ID), at: len(gone)})
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return 0, err
	}
	s.patterns.forget()
	if err := s.bulk(ctx, systemTarget, gone, make([]fate, len(gone))); err != nil {
		return 0, fmt.Errorf("prune patterns: %w", err)
	}
	return int64(len(gone)), nil
}

// heldPatterns are the patterns that lines have.
func (s *Store) heldPatterns(ctx context.Context) (map[groupKey]bool, error) {
	held := map[groupKey]bool{}
	g := &grouping{store: s, groups: map[groupKey]*pipeline.PatternGroup{}}
	lines := boolean{MustNot: []any{term("pattern", "")}}.json()
	err := g.pages(ctx, lines, sources("cluster", "namespace", "service", "pattern"), map[string]any{}, func(c *composite) error {
		for i := range c.Buckets {
			held[c.Buckets[i].Key] = true
		}
		return nil
	})
	return held, err
}

// encodeBody is a document of an action.
func encodeBody(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return append(body, '\n'), nil
}
