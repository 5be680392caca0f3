package opensearch

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/loglode/loglode/pipeline"
)

const (
	// oversample is how many times more neighbours are asked for than are wanted:
	// the graph finds them approximately. leastNeighbours is asked for at least.
	oversample      = 3
	leastNeighbours = 200
	mostNeighbours  = 10_000
)

// Candidates implements pipeline.PatternReader: both legs in one request. The
// vector leg is approximate, as OpenSearch's k-NN is.
func (s *Store) Candidates(ctx context.Context, q pipeline.CandidateQuery) (pipeline.Candidates, error) {
	if err := checkCandidates(&q); err != nil {
		return pipeline.Candidates{}, err
	}
	if q.Vector != nil {
		dimensions, err := s.models.dimensions(ctx, q.Model)
		if err != nil {
			return pipeline.Candidates{}, fmt.Errorf("find candidates: %w", err)
		}
		switch {
		case dimensions == 0:
			q.Vector = nil // nothing has a vector of the model
		case dimensions != len(q.Vector):
			return pipeline.Candidates{}, fmt.Errorf("find candidates: the question's vector has %d dimensions, those of %s have %d: %w", len(q.Vector), q.Model, dimensions, pipeline.ErrRejected)
		}
	}
	result, err := s.candidates(ctx, &q)
	if err != nil {
		return result, fmt.Errorf("find candidates: %w", err)
	}
	return result, nil
}

func checkCandidates(q *pipeline.CandidateQuery) error {
	f := &q.Filter
	if len(f.Pods)+len(f.Containers)+len(f.Nodes)+len(f.Levels)+len(f.Kinds)+len(f.Labels) > 0 || f.From != 0 || f.To != 0 {
		return fmt.Errorf("find candidates: pattern documents carry clusters, namespaces, services and patterns, and nothing else to filter by: %w", pipeline.ErrRejected)
	}
	return nil
}

func (s *Store) candidates(ctx context.Context, q *pipeline.CandidateQuery) (pipeline.Candidates, error) {
	filters := filterQueries(&q.Filter)
	result, err := s.countCandidates(ctx, q, filters)
	if err != nil || result.Total == 0 || q.Limit <= 0 {
		return result, err
	}
	legs := s.legs(q, filters, &result)
	answers, err := msearch[patternDocument](ctx, s.client, s.names.patterns(), legs)
	if err != nil {
		return result, err
	}
	seen := map[string]bool{}
	for n, answer := range answers {
		hits := answer.Hits.Hits
		if n == len(answers)-1 && q.Vector != nil {
			if hits, err = nearest(hits, q); err != nil {
				return result, err
			}
		}
		for i := range hits {
			id := cmp.Or(hits[i].Source.ID, hits[i].ID)
			if seen[id] {
				continue
			}
			seen[id] = true
			c, err := candidate(&hits[i].Source, q.Model)
			if err != nil {
				return result, err
			}
			result.Documents = append(result.Documents, c)
		}
	}
	return result, nil
}

// legs are the searches: for terms, where there are any, and for the vector.
func (s *Store) legs(q *pipeline.CandidateQuery, filters []any, counted *pipeline.Candidates) []map[string]any {
	source := []string{"id", "cluster", "namespace", "service", "pattern", "entry.x", "entry.xb", "entry.k", "entry.v"}
	var legs []map[string]any
	if len(q.Terms) > 0 {
		var should []any
		for i, t := range q.Terms {
			should = append(should, map[string]any{"constant_score": map[string]any{"filter": term("terms", t), "boost": idf(counted.Total, counted.Holding[i])}})
		}
		query := boolean{Filter: filters, Should: should}.json()
		legs = append(legs, map[string]any{"size": min(q.Limit, maxLimit), "_source": source, "query": query, "track_total_hits": false})
	}
	if q.Vector != nil && !isZero(q.Vector) {
		k := min(max(oversample*q.Limit, leastNeighbours), mostNeighbours)
		knn := map[string]any{"vector": q.Vector, "k": k}
		if len(filters) > 0 {
			knn["filter"] = boolean{Filter: filters}.json()
		}
		query := map[string]any{"knn": map[string]any{fieldOf(q.Model, len(q.Vector)): knn}}
		legs = append(legs, map[string]any{"size": k, "_source": source, "query": query, "track_total_hits": false})
	} else {
		q.Vector = nil
	}
	return legs
}

// countCandidates counts what the filter selects, what holds each term, and what
// waits for its vector.
func (s *Store) countCandidates(ctx context.Context, q *pipeline.CandidateQuery, filters []any) (pipeline.Candidates, error) {
	of := map[string]any{"waiting": boolean{MustNot: []any{term("models", q.Model)}}.json()}
	for i, t := range q.Terms {
		of[fmt.Sprint(i)] = term("terms", t)
	}
	query := map[string]any{
		"size": 0, "track_total_hits": true, "query": boolean{Filter: filters}.json(),
		"aggs": map[string]any{"of": map[string]any{"filters": map[string]any{"filters": of}}},
	}
	result := pipeline.Candidates{Holding: make([]int64, len(q.Terms))}
	var answer searchAnswer[patternDocument]
	if err := s.searchPatterns(ctx, query, &answer); err != nil {
		if is(err, http.StatusNotFound) {
			return result, nil // they come again with their lines
		}
		return result, err
	}
	var buckets filterBuckets
	if err := json.Unmarshal(answer.Aggregations["of"], &buckets); err != nil {
		return result, fmt.Errorf("read counts: %w", err)
	}
	result.Total, result.Waiting = answer.Hits.Total.Value, buckets.Buckets["waiting"].Count
	for i := range q.Terms {
		result.Holding[i] = buckets.Buckets[fmt.Sprint(i)].Count
	}
	return result, nil
}

// nearest are the hits of the highest cosines, by the vectors themselves.
func nearest(hits []hit[patternDocument], q *pipeline.CandidateQuery) ([]hit[patternDocument], error) {
	type near struct {
		hit    hit[patternDocument]
		cosine float64
	}
	list := make([]near, 0, len(hits))
	for i := range hits {
		v, err := decodeVector(hits[i].Source.Entry.Vectors[q.Model])
		if err != nil {
			return nil, err
		}
		sum := 0.0
		for j := range min(len(v), len(q.Vector)) {
			sum += float64(v[j]) * float64(q.Vector[j])
		}
		list = append(list, near{hits[i], sum})
	}
	slices.SortStableFunc(list, func(a, b near) int { return cmp.Compare(b.cosine, a.cosine) })
	kept := make([]hit[patternDocument], 0, min(len(list), q.Limit))
	for _, n := range list[:min(len(list), q.Limit)] {
		kept = append(kept, n.hit)
	}
	return kept, nil
}

func candidate(d *patternDocument, model string) (pipeline.Candidate, error) {
	c := pipeline.Candidate{Cluster: d.Cluster, Namespace: d.Namespace, Service: d.Service, Masked: d.Entry.Masked}
	var err error
	if c.Pattern.ID, err = pipeline.ParsePatternID(d.Pattern); err != nil {
		return c, err
	}
	if c.Pattern.Template, err = untext(d.Entry.Template, d.Entry.TemplateB); err != nil {
		return c, fmt.Errorf("read pattern %s: %w", d.Pattern, err)
	}
	if v, embedded := d.Entry.Vectors[model]; embedded {
		c.Vector, err = decodeVector(v)
	}
	return c, err
}

// msearch makes several searches of one index at once.
func msearch[T any](ctx context.Context, c *client, index string, queries []map[string]any) ([]searchAnswer[T], error) {
	if len(queries) == 0 {
		return nil, nil
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	for _, q := range queries {
		head := map[string]any{"index": index, "search_type": "dfs_query_then_fetch", "allow_partial_search_results": false}
		if err := encoder.Encode(head); err != nil {
			return nil, fmt.Errorf("encode searches: %w", err)
		}
		if err := encoder.Encode(q); err != nil {
			return nil, fmt.Errorf("encode searches: %w", err)
		}
	}
	var answer struct {
		Responses []searchAnswer[T] `json:"responses"`
	}
	if err := c.send(ctx, http.MethodPost, "/_msearch", linesBody, bodyOf(body.Bytes()), &answer); err != nil {
		return nil, err
	}
	if len(answer.Responses) != len(queries) {
		return nil, fmt.Errorf("%d answers for %d searches: %w", len(answer.Responses), len(queries), pipeline.ErrTryLater)
	}
	for i := range answer.Responses {
		if err := answer.Responses[i].whole(); err != nil {
			return nil, err
		}
	}
	return answer.Responses, nil
}
