package opensearch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
	query := map[string]any{"size": pageSize, "query": term("day", day), "sort": byShardDoc, "_source": false}
	err := eachHit(ctx, s.client, s.names.placement(), query, wholePages[placed](s.client), func(hits []hit[placed]) error {
		for i := range hits {
			gone = append(gone, action{head: fmt.Appendf(nil, `{"delete":{"_index":%q,"_id":%q}}`+"\n", s.names.placement(), hits[i].ID), at: len(gone)})
		}
		return nil
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	_, err = s.bulkOwn(ctx, gone)
	return err
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

// pruneAfter is how long ago a pattern document was made before it can be without
// a line: that is a moment after its first one.
const pruneAfter = 24 * time.Hour

// PruneVectors removes pattern documents of which no day holds a line any more,
// and returns how many. Vectors by content stay: they may come again.
func (s *Store) PruneVectors(ctx context.Context) (removed int64, err error) {
	held, err := s.heldPatterns(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("prune patterns: %w", err)
	}
	old := map[string]any{"range": map[string]any{"written": map[string]any{"lt": s.o.Now().Add(-pruneAfter).UnixNano()}}}
	query := map[string]any{"size": pageSize, "query": old, "sort": byShardDoc, "_source": []string{"cluster", "namespace", "service", "pattern"}}
	var gone []stalePattern
	err = s.eachPattern(ctx, query, func(hits []hit[patternDocument]) error {
		for i := range hits {
			d := &hits[i].Source
			if !held[d.group()] {
				gone = append(gone, stalePattern{id: hits[i].ID, key: d.group()})
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("prune patterns: %w", err)
	}
	for some := range slices.Chunk(gone, mgetAtOnce) {
		n, err := s.prune(ctx, some)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("prune patterns: %w", err)
		}
	}
	return removed, nil
}

// stalePattern is a document without lines.
type stalePattern struct {
	id  string
	key groupKey
}

// prune removes documents, and brings back those of which a line has come
// meanwhile: who wrote that found the document there.
func (s *Store) prune(ctx context.Context, stale []stalePattern) (removed int64, err error) {
	docs := make([]map[string]any, len(stale))
	remove := make([]action, len(stale))
	for i, p := range stale {
		docs[i] = map[string]any{"_index": s.names.patterns(), "_id": p.id}
		remove[i] = action{head: fmt.Appendf(nil, `{"delete":{"_index":%q,"_id":%q}}`+"\n", s.names.patterns(), p.id), at: i}
	}
	before, err := mget[json.RawMessage](ctx, s.client, docs)
	if err != nil {
		return 0, err
	}
	if _, err := s.bulkOwn(ctx, remove); err != nil {
		return 0, err
	}
	s.patterns.forget() // what is written from now on makes its document itself
	if err := s.Refresh(ctx); err != nil {
		return 0, err
	}
	held, err := s.heldPatterns(ctx, stale)
	if err != nil {
		return 0, err
	}
	var bring []action
	for i, p := range stale {
		if held[p.key] && before[i].Found {
			head := s.createHead(s.names.patterns(), p.id)
			bring = append(bring, action{head: head, body: append(compact(before[i].Source), '\n'), at: len(bring)})
		}
	}
	if len(bring) > 0 {
		if _, err := s.bulkOwn(ctx, bring); err != nil {
			return 0, err
		}
	}
	return int64(len(stale) - len(bring)), nil
}

// compact is a JSON value in one line.
func compact(value json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, value); err != nil {
		return value
	}
	return b.Bytes()
}

// group is what lines of a pattern document are grouped by.
func (d *patternDocument) group() groupKey {
	return groupKey{Cluster: d.Cluster, Namespace: d.Namespace, Service: d.Service, Pattern: d.Pattern}
}

// heldPatterns are the patterns that lines have: all, or those of some documents.
func (s *Store) heldPatterns(ctx context.Context, of []stalePattern) (map[groupKey]bool, error) {
	held := map[groupKey]bool{}
	g := &grouping{store: s, groups: map[groupKey]*pipeline.PatternGroup{}}
	lines := boolean{MustNot: []any{term("pattern", "")}}
	if of != nil {
		ids := make([]string, len(of))
		for i := range of {
			ids[i] = of[i].key.Pattern
		}
		lines.Filter = []any{terms("pattern", ids)}
	}
	err := g.pages(ctx, lines.json(), sources("cluster", "namespace", "service", "pattern"), map[string]any{}, func(c *composite) error {
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
