package opensearch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

func term(field, value string) map[string]any {
	return map[string]any{"term": map[string]any{field: value}}
}

func terms[T any](field string, values []T) map[string]any {
	return map[string]any{"terms": map[string]any{field: values}}
}

func asc(field string) map[string]any  { return map[string]any{field: "asc"} }
func desc(field string) map[string]any { return map[string]any{field: "desc"} }

// matchNone and matchAll are queries.
var (
	matchNone = map[string]any{"match_none": map[string]any{}}
	matchAll  = map[string]any{"match_all": map[string]any{}}
)

// boolean joins queries; it scores nothing.
type boolean struct{ Filter, Should, MustNot []any }

func (b boolean) json() map[string]any {
	inner := map[string]any{}
	if len(b.Filter) > 0 {
		inner["filter"] = b.Filter
	}
	if len(b.Should) > 0 {
		inner["should"], inner["minimum_should_match"] = b.Should, 1
	}
	if len(b.MustNot) > 0 {
		inner["must_not"] = b.MustNot
	}
	if len(inner) == 0 {
		return matchAll
	}
	return map[string]any{"bool": inner}
}

// hit is one document that a search found.
type hit[T any] struct {
	Index  string            `json:"_index"`
	ID     string            `json:"_id"`
	SeqNo  int64             `json:"_seq_no"`
	Source T                 `json:"_source"`
	Sort   []json.RawMessage `json:"sort"`
	Fields map[string][]any  `json:"fields"`
}

// searchAnswer is what a search answers.
type searchAnswer[T any] struct {
	TimedOut bool   `json:"timed_out"`
	PIT      string `json:"pit_id"`
	Status   int    `json:"status"` // of one of several searches
	Error    *cause `json:"error"`
	Shards   struct {
		Failed   int `json:"failed"`
		Failures []struct {
			Index  string `json:"index"`
			Reason cause  `json:"reason"`
		} `json:"failures"`
	} `json:"_shards"`
	Hits struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []hit[T] `json:"hits"`
	} `json:"hits"`
	Aggregations map[string]json.RawMessage `json:"aggregations"`
}

// whole says that an answer is of all shards: part of one is never shown as the
// whole.
func (a *searchAnswer[T]) whole() error {
	switch {
	case a.Error != nil:
		return a.Error.of(a.Status)
	case a.TimedOut:
		return fmt.Errorf("the search took too long: %w", pipeline.ErrTryLater)
	case a.Shards.Failed > 0:
		f := a.Shards.Failures
		if len(f) == 0 {
			return fmt.Errorf("%d shards failed: %w", a.Shards.Failed, pipeline.ErrTryLater)
		}
		return fmt.Errorf("%d shards failed, %s first: %s: %w", a.Shards.Failed, f[0].Index, f[0].Reason.Reason, pipeline.ErrTryLater)
	}
	return nil
}

// search asks an index, an alias, or a point in time, which names its index
// itself. An alias that is not there yet holds nothing.
func search[T any](ctx context.Context, c *client, index string, query map[string]any, answer *searchAnswer[T]) error {
	path := "/_search?allow_partial_search_results=false"
	if index != "" {
		path = "/" + index + "/_search?ignore_unavailable=true&allow_partial_search_results=false"
	}
	if err := c.call(ctx, http.MethodPost, path, query, answer); err != nil {
		if is(err, http.StatusNotFound) && index != "" {
			return nil
		}
		return err
	}
	return answer.whole()
}

// searchPatterns asks the index of patterns. One that is gone is an error, and is
// made again by who writes next.
func (s *Store) searchPatterns(ctx context.Context, query map[string]any, answer *searchAnswer[patternDocument]) error {
	path := "/" + s.names.patterns() + "/_search?allow_partial_search_results=false"
	if err := s.client.call(ctx, http.MethodPost, path, query, answer); err != nil {
		return s.noticed(err)
	}
	return answer.whole()
}

const (
	// keepAlive is how long a point in time lives between two pages.
	keepAlive = "5m"
	// closeTimeout bounds the closing of one, which nobody waits for.
	closeTimeout = 2 * time.Second
)

// pages makes a query for one page after the other.
type pages[T any] func(ctx context.Context, index string, query map[string]any, answer *searchAnswer[T]) error

// wholePages are as long as the query has them.
func wholePages[T any](c *client) pages[T] {
	return func(ctx context.Context, index string, query map[string]any, answer *searchAnswer[T]) error {
		return search(ctx, c, index, query, answer)
	}
}

// byShardDoc is the order of pages that read an index from end to end. It is
// unique within a shard alone (measured on 3.6: in a search of two indices the
// same values come from both, and search_after passes over documents), so such
// pages are of one index, which has one shard.
var byShardDoc = []any{asc("_shard_doc")}

// eachHit calls fn with all that a query finds in an index at one point in time,
// in pages. The query has a size, and is sorted by byShardDoc.
func eachHit[T any](ctx context.Context, c *client, index string, query map[string]any, read pages[T], fn func([]hit[T]) error) error {
	var opened struct {
		ID string `json:"pit_id"`
	}
	// By default it would be one of those shards that are there.
	err := c.call(ctx, http.MethodPost, "/"+index+"/_search/point_in_time?allow_partial_pit_creation=false&keep_alive="+keepAlive, nil, &opened)
	if is(err, http.StatusNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open a point in time: %w", err)
	}
	id := opened.ID
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := c.once(closing, http.MethodDelete, "/_search/point_in_time", map[string]any{"pit_id": []string{id}}, nil); err != nil {
			c.log.Warn("a point in time of OpenSearch's cannot be closed; it ends by itself, and a node bears 300", "keep_alive", keepAlive, "error", err)
		}
	}()
	page := map[string]any{}
	for k, v := range query {
		page[k] = v
	}
	for {
		page["pit"] = map[string]any{"id": id, "keep_alive": keepAlive}
		var answer searchAnswer[T]
		if err := read(ctx, "", page, &answer); err != nil {
			return err
		}
		hits := answer.Hits.Hits
		if len(hits) == 0 {
			return nil
		}
		if err := fn(hits); err != nil {
			return err
		}
		if answer.PIT != "" {
			id = answer.PIT
		}
		page["search_after"] = hits[len(hits)-1].Sort
	}
}

// eachPattern calls fn with the pattern documents that a query finds.
func (s *Store) eachPattern(ctx context.Context, query map[string]any, fn func([]hit[patternDocument]) error) error {
	return eachHit(ctx, s.client, s.names.patterns(), query, wholePages[patternDocument](s.client), fn)
}

// eachLine calls fn with the lines that a query finds in the days that a filter
// touches, one index after the other.
func (s *Store) eachLine(ctx context.Context, f *pipeline.Filter, query map[string]any, fn func([]hit[line]) error) error {
	list, err := s.indices(ctx)
	if err != nil {
		return err
	}
	read := func(ctx context.Context, index string, query map[string]any, answer *searchAnswer[line]) error {
		_, err := s.searchLines(ctx, index, query, answer)
		return err
	}
	for _, p := range list {
		if f.From != 0 && p.Day < pipeline.Day(f.From) || f.To != 0 && p.Day > pipeline.Day(f.To-1) {
			continue
		}
		if err := eachHit(ctx, s.client, p.Name, query, read, fn); err != nil {
			return err
		}
	}
	return nil
}

// named is a filter on a field by exact values, of which those that end in * are
// prefixes.
func named(field string, values []string) any {
	var exact []string
	var should []any
	for _, v := range values {
		exact = append(exact, v)
		if prefix, cut := strings.CutSuffix(v, "*"); cut {
			should = append(should, map[string]any{"prefix": map[string]any{field: prefix}})
		}
	}
	return boolean{Should: append(should, terms(field, exact))}.json()
}

// filterQueries are the queries of a filter.
func filterQueries(f *pipeline.Filter) []any {
	var list []any
	exact := func(field string, values []string) {
		if len(values) > 0 {
			list = append(list, terms(field, values))
		}
	}
	exact("cluster", f.Clusters)
	exact("namespace", f.Namespaces)
	exact("service", f.Services)
	for _, p := range []struct {
		field  string
		values []string
	}{{"pod", f.Pods}, {"container", f.Containers}, {"node", f.Nodes}} {
		if len(p.values) > 0 {
			list = append(list, named(p.field, p.values))
		}
	}
	if len(f.Levels) > 0 {
		list = append(list, terms("level", numbers(f.Levels)))
	}
	if len(f.Kinds) > 0 {
		list = append(list, terms("kind", numbers(f.Kinds)))
	}
	if len(f.Patterns) > 0 {
		ids := make([]string, len(f.Patterns))
		for i, id := range f.Patterns {
			ids[i] = patternName(id)
		}
		exact("pattern", ids)
	}
	for _, k := range labelKeys(f.Labels) {
		list = append(list, term("labels", k+"="+f.Labels[k]))
	}
	if f.From != 0 || f.To != 0 {
		bounds := map[string]any{}
		if f.From != 0 {
			bounds["gte"] = f.From
		}
		if f.To != 0 {
			bounds["lt"] = f.To
		}
		list = append(list, map[string]any{"range": map[string]any{"time": bounds}})
	}
	if f.Scopes != nil {
		list = append(list, scopesQuery(f.Scopes))
	}
	return list
}

func numbers[T ~uint8](values []T) []int {
	list := make([]int, len(values))
	for i, v := range values {
		list[i] = int(v)
	}
	return list
}

func scopesQuery(scopes []pipeline.Scope) any {
	var should []any
	for _, s := range scopes {
		var parts []any
		if s.Cluster != "" {
			parts = append(parts, term("cluster", s.Cluster))
		}
		if s.Namespace != "" {
			parts = append(parts, term("namespace", s.Namespace))
		}
		should = append(should, boolean{Filter: parts}.json())
	}
	if len(should) == 0 {
		return matchNone
	}
	return boolean{Should: should}.json()
}

// textQuery is a text in terms, and whether lines that its query finds must be
// looked at again, since it holds phrases.
type textQuery struct {
	analysis.Query
	any      bool
	phrases  bool
	analyser *analysis.Analyser
}

func (s *Store) readText(text string, anyClause bool) (textQuery, error) {
	a := analysis.New()
	q, err := a.Query(text)
	if err != nil {
		return textQuery{}, err
	}
	hasPhrase := func(c analysis.Clause) bool { return c.Phrase != "" }
	return textQuery{q, anyClause, slices.ContainsFunc(q.Clauses, hasPhrase) || slices.ContainsFunc(q.Not, hasPhrase), a}, nil
}

// query is what finds all lines that the text may match.
func (t *textQuery) query(filters []any) map[string]any {
	if t.Nothing {
		return matchNone
	}
	b := boolean{Filter: filters}
	for _, c := range t.Clauses {
		if t.any {
			b.Should = append(b.Should, clauseQuery(c))
		} else {
			b.Filter = append(b.Filter, clauseQuery(c))
		}
	}
	for _, c := range t.Not {
		if c.Phrase == "" {
			b.MustNot = append(b.MustNot, clauseQuery(c))
		}
	}
	return b.json()
}

func clauseQuery(c analysis.Clause) any {
	var parts []any
	for _, t := range c.Terms {
		parts = append(parts, term("terms", t))
	}
	if c.Prefix != "" {
		should := []any{map[string]any{"prefix": map[string]any{"terms": c.Prefix}}}
		if c.PrefixStem != "" {
			should = append(should, term("terms", c.PrefixStem))
		}
		parts = append(parts, boolean{Should: should}.json())
	}
	return boolean{Filter: parts}.json()
}

// matches says whether an entry is what the text asks for.
func (t *textQuery) matches(e *pipeline.Entry) bool {
	if !t.phrases {
		return true
	}
	has := map[string]bool{}
	for _, n := range t.analyser.Entry(nil, e) {
		has[t.analyser.Term(n)] = true
	}
	occurs := func(c analysis.Clause) bool {
		if slices.ContainsFunc(c.Terms, func(t string) bool { return !has[t] }) {
			return false
		}
		if c.Prefix != "" {
			found := false
			for word := range has {
				found = found || strings.HasPrefix(word, c.Prefix) || word == c.PrefixStem
			}
			if !found {
				return false
			}
		}
		return c.HasPhrase(e.Message)
	}
	if slices.ContainsFunc(t.Not, occurs) {
		return false
	}
	if t.any && len(t.Clauses) > 0 {
		return slices.ContainsFunc(t.Clauses, occurs)
	}
	return !slices.ContainsFunc(t.Clauses, func(c analysis.Clause) bool { return !occurs(c) })
}

// scoring are the distinct terms that count in a rank.
func (t *textQuery) scoring() []string {
	var list []string
	for _, c := range t.Clauses {
		list = append(list, c.Terms...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
