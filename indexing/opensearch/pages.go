package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// pageSize is how many documents one request reads at most.
	pageSize = 500
	// pageBytes is about how many bytes of them: a node holds an answer in its heap,
	// more than once, and one that has none left ends.
	pageBytes = 16 << 20
	// portionBytes is that of a page of which the sizes were asked for first.
	portionBytes = 8 << 20
	// largestFresh is how long the size of the largest document is good for.
	largestFresh = time.Minute
)

// largest remembers how large documents of lines are at most.
type largest struct {
	mu    sync.Mutex
	bytes int64
	at    time.Time
}

func (l *largest) get() (bytes int64, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes, !l.at.IsZero() && time.Since(l.at) < largestFresh
}

func (l *largest) set(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes, l.at = bytes, time.Now()
}

// largestLine is how many bytes the largest line takes; up to a minute old.
func (s *Store) largestLine(ctx context.Context) (int64, error) {
	if bytes, fresh := s.largest.get(); fresh {
		return bytes, nil
	}
	query := map[string]any{"size": 0, "track_total_hits": false, "aggs": map[string]any{"most": map[string]any{"max": map[string]any{"field": "bytes"}}}}
	var answer searchAnswer[line]
	if err := search(ctx, s.client, s.names.lines(), query, &answer); err != nil {
		return 0, err
	}
	var most value
	if text := answer.Aggregations["most"]; text != nil {
		if err := json.Unmarshal(text, &most); err != nil {
			return 0, fmt.Errorf("read the size of the largest line: %w", err)
		}
	}
	s.largest.set(int64(most.Value))
	return int64(most.Value), nil
}

// searchLines makes a query for lines, whose size says how many it wants. Where
// these may be too many bytes for one answer, the sizes are asked for first, and
// the answer is cut behind what fits: then there is more.
func (s *Store) searchLines(ctx context.Context, index string, query map[string]any, answer *searchAnswer[line]) (more bool, err error) {
	size, _ := query["size"].(int)
	most, err := s.largestLine(ctx)
	if err != nil {
		return false, err
	}
	if int64(size)*most <= pageBytes {
		return false, search(ctx, s.client, index, query, answer)
	}
	light := maps.Clone(query)
	light["_source"], light["docvalue_fields"] = false, []string{"bytes"}
	if err := search(ctx, s.client, index, light, answer); err != nil {
		return false, err
	}
	hits := answer.Hits.Hits
	n, sum := 0, int64(0)
	for n < len(hits) {
		sum += bytesOf(&hits[n])
		if n > 0 && sum > portionBytes {
			break
		}
		n++
	}
	answer.Hits.Hits = hits[:n]
	return n < len(hits), s.loadLines(ctx, answer.Hits.Hits)
}

func bytesOf(h *hit[line]) int64 {
	if values := h.Fields["bytes"]; len(values) == 1 {
		if n, is := values[0].(float64); is {
			return int64(n)
		}
	}
	return 0
}

// loadLines reads the documents of hits.
func (s *Store) loadLines(ctx context.Context, hits []hit[line]) error {
	if len(hits) == 0 {
		return nil
	}
	wanted := make([]map[string]any, len(hits))
	for i := range hits {
		wanted[i] = map[string]any{"_index": hits[i].Index, "_id": hits[i].ID}
	}
	found, err := mget[line](ctx, s.client, wanted)
	if err != nil {
		return err
	}
	for i := range hits {
		if !found[i].Found {
			return fmt.Errorf("line %s is gone from index %s while it is read: %w", hits[i].ID, hits[i].Index, pipeline.ErrTryLater)
		}
		hits[i].Source = found[i].Source
	}
	return nil
}

// mgetAtOnce is how many documents one request gets by ID.
const mgetAtOnce = 1000

// lookUp gets documents of an alias by their own IDs, one answer for each; source
// may be nil for all of it. Without OpenSearch's IDs it sees what was refreshed.
func lookUp[T any](ctx context.Context, s *Store, alias string, ids, source []string) ([]got[T], error) {
	if !s.o.AcceptDuplicates {
		docs := make([]map[string]any, len(ids))
		for i, id := range ids {
			docs[i] = map[string]any{"_index": alias, "_id": id}
			if source != nil {
				docs[i]["_source"] = source
			}
		}
		return mget[T](ctx, s.client, docs)
	}
	query := map[string]any{"size": len(ids), "track_total_hits": false, "query": boolean{Filter: []any{terms("id", ids)}}.json(), "collapse": map[string]any{"field": "id"}, "docvalue_fields": []string{"id"}}
	if source != nil {
		query["_source"] = source
	}
	var answer searchAnswer[T]
	if err := search(ctx, s.client, alias, query, &answer); err != nil {
		return nil, err
	}
	places := map[string]int{}
	for i, id := range ids {
		places[id] = i
	}
	found := make([]got[T], len(ids))
	for i := range answer.Hits.Hits {
		for _, id := range answer.Hits.Hits[i].Fields["id"] {
			if at, asked := places[fmt.Sprint(id)]; asked {
				found[at] = got[T]{Found: true, Source: answer.Hits.Hits[i].Source}
			}
		}
	}
	return found, nil
}

// got is a document that was asked for by ID.
type got[T any] struct {
	Found  bool   `json:"found"`
	Source T      `json:"_source"`
	Error  *cause `json:"error"`
}

// mget gets documents by ID, one answer for each. That one cannot be read, since
// its shard is about to be there or the role forbids it, is an error: it may be
// there. In an index that is not there, nothing is.
func mget[T any](ctx context.Context, c *client, docs []map[string]any) (found []got[T], err error) {
	err = c.again(ctx, func() error {
		var answer struct {
			Docs []got[T] `json:"docs"`
		}
		if err := c.once(ctx, http.MethodPost, "/_mget", map[string]any{"docs": docs}, &answer); err != nil {
			return err
		}
		found = answer.Docs
		if len(found) != len(docs) {
			return fmt.Errorf("%d answers for %d documents: %w", len(found), len(docs), pipeline.ErrTryLater)
		}
		for i := range found {
			switch e := found[i].Error; {
			case e == nil || e.Type == "index_not_found_exception":
			case e.Type == "security_exception":
				return e.of(http.StatusForbidden)
			default:
				return e.of(http.StatusServiceUnavailable)
			}
		}
		return nil
	})
	return found, err
}
