package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/pattern"
)

const (
	// minCandidates and oversampling say how many documents each leg returns:
	// what is best in neither leg alone may be best in both, and collapsing by
	// pattern leaves fewer. 200 lose nothing, 100 lose .0015 nDCG@10.
	minCandidates = 200
	oversampling  = 10
	// maxTokenPatterns bounds the patterns that one question's tokens add.
	maxTokenPatterns = 500
	// maxBound is the most patterns that a query of documents names (OpenSearch's
	// index.max_terms_count); where a filter leaves more, documents are checked
	// against it afterwards alone.
	maxBound = 65_536
	// embedTimeout bounds the wait for a question's vector.
	embedTimeout = 5 * time.Second
)

// Search answers a question with patterns, best first:
//
//	question -> filters, times, tokens            understand
//	         -> patterns that the filters leave   Groups, where documents lack a field
//	         -> candidates of both legs           Candidates
//	         -> one exact score each              scorer
//	         -> one hit a pattern, with numbers and examples
//
// A request that cannot be understood is an error that wraps
// pipeline.ErrRejected and carries a hint. An embedder that fails leaves words
// alone to rank by, and the response says so.
func (s *Service) Search(ctx context.Context, r SearchRequest) (SearchResponse, error) {
	if s.Patterns == nil {
		return SearchResponse{}, errNoPatterns()
	}
	if err := r.check(); err != nil {
		return SearchResponse{}, err
	}
	u, err := s.understand(ctx, r)
	if err != nil {
		return SearchResponse{}, err
	}
	q := search{service: s, reading: u, limit: r.Limit, examples: DefaultExamples, scorer: scorer{leg: r.Leg}}
	if q.limit == 0 {
		q.limit = DefaultHits
	}
	if r.Examples != nil {
		q.examples = *r.Examples
	}
	return q.run(ctx)
}

func errNoPatterns() error {
	return rejectf("ask for lines instead", "this store keeps no patterns")
}

// search is one question on its way to hits.
type search struct {
	service *Service
	reading
	scorer          scorer
	limit, examples int
	// bound are the groups that the filter leaves, where documents do not carry
	// all that it asks for; nil where they do.
	bound    *groupSet
	model    string
	degraded string
}

// groupSet is groups by pattern and by document.
type groupSet struct {
	patterns  map[pipeline.PatternID][]pipeline.PatternGroup
	documents map[documentKey]struct{}
}

func newGroupSet(groups []pipeline.PatternGroup) *groupSet {
	set := &groupSet{map[pipeline.PatternID][]pipeline.PatternGroup{}, map[documentKey]struct{}{}}
	for i := range groups {
		id := groups[i].Pattern.ID
		set.patterns[id] = append(set.patterns[id], groups[i])
		set.documents[groupKey(&groups[i])] = struct{}{}
	}
	return set
}

func (q *search) run(ctx context.Context) (SearchResponse, error) {
	response := SearchResponse{Hits: []Hit{}}
	if err := q.bind(ctx); err != nil {
		return response, err
	}
	if q.bound == nil || len(q.bound.documents) > 0 {
		if err := q.embed(ctx); err != nil {
			return response, err
		}
		found, err := q.find(ctx)
		if err != nil {
			return response, err
		}
		response.Patterns = found.total
		if q.model != "" { // else nothing waits for what will not come
			response.Waiting = found.waiting
		}
		if response.Hits, err = q.hits(ctx, found.documents); err != nil {
			return response, err
		}
	}
	response.Understood, response.Degraded = q.Understood, q.degraded
	return response, nil
}

// bind resolves what pattern documents do not carry to the patterns of the lines
// that the filter selects.
func (q *search) bind(ctx context.Context) error {
	f := &q.filter
	if len(f.Pods)+len(f.Containers)+len(f.Nodes)+len(f.Levels)+len(f.Kinds)+len(f.Labels) == 0 && f.From == 0 && f.To == 0 {
		return nil
	}
	groups, err := q.service.groups(ctx, pipeline.PatternQuery{Filter: q.filter})
	if err != nil {
		return err
	}
	q.bound = newGroupSet(groups)
	return nil
}

// carried is the part of the filter that pattern documents carry, with the
// patterns that the rest of it leaves.
func (q *search) carried() pipeline.Filter {
	f := pipeline.Filter{
		Clusters: q.filter.Clusters, Namespaces: q.filter.Namespaces, Services: q.filter.Services, Patterns: q.filter.Patterns,
	}
	if q.bound != nil && len(q.bound.patterns) <= maxBound {
		f.Patterns = sortedIDs(q.bound.patterns)
	}
	return f
}

func sortedIDs[V any](set map[pipeline.PatternID]V) []pipeline.PatternID {
	ids := make([]pipeline.PatternID, 0, len(set))
	for id := range set {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

func compareIDs(a, b pipeline.PatternID) int { return slices.Compare(a[:], b[:]) }

// embed gets the question's vector. Of tokens that lines were searched for it
// has the plain words alone: documents have placeholders there.
func (q *search) embed(ctx context.Context) error {
	var embedder embedding.Embedder
	if q.service.Embedder != nil {
		embedder = q.service.Embedder()
	}
	if embedder != nil {
		q.model = embedder.Model() // also without a vector: what waits is counted
	}
	if q.scorer.leg == LegText {
		return nil
	}
	if embedder == nil {
		if q.scorer.leg == LegVector {
			return rejectf("leave leg out to search by words", "no embedder is configured")
		}
		return nil // as it was chosen
	}
	limited, cancel := context.WithTimeout(ctx, embedTimeout)
	defer cancel()
	vectors, err := embedder.Embed(limited, []string{q.words})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("embed question: %w", ctx.Err())
	case err != nil:
		return q.withoutVector(err)
	case len(vectors) != 1:
		return q.withoutVector(fmt.Errorf("the embedder gave %d vectors for one text", len(vectors)))
	}
	if slices.ContainsFunc(vectors[0], func(x float32) bool { return x != 0 }) { // else it knows no word of it
		q.scorer.vector = vectors[0]
	}
	return nil
}

// withoutVector goes on by words alone. The reason may speak of addresses and
// accounts, so it is for the log.
func (q *search) withoutVector(reason error) error {
	if q.scorer.leg == LegVector {
		return pipeline.WithHint(fmt.Errorf("embed question: %w: %w", pipeline.ErrTryLater, reason), "search without leg to go on by words alone")
	}
	if q.service.Log != nil {
		q.service.Log.Warn("search by words alone", "error", reason)
	}
	q.degraded = "the question has no vector (the embedder did not answer): ranked by words alone"
	return nil
}

// rankedDocument is a pattern document with its score.
type rankedDocument struct {
	key      documentKey
	template string
	score    float64
}

// findings is what retrieval found, in no order.
type findings struct {
	documents      []rankedDocument
	total, waiting int64
}

// find returns the candidates of both legs and of the question's tokens, each
// with its exact score.
func (q *search) find(ctx context.Context) (findings, error) {
	query := pipeline.CandidateQuery{
		Filter: q.carried(), Terms: q.Terms, Vector: q.scorer.vector, Model: q.model, Limit: max(minCandidates, oversampling*q.limit),
	}
	if q.scorer.leg == LegVector {
		query.Terms = nil
	}
	found, err := q.service.candidates(ctx, query)
	if err != nil {
		return findings{}, err
	}
	for i, term := range query.Terms {
		if _, borrowed := q.borrowed[term]; borrowed && found.Holding[i] == 0 {
			continue // its token stands for it
		}
		q.scorer.addTerm(term, found.Total, found.Holding[i])
		if found.Holding[i] == 0 && !isAsking(q.termWords[i]) && !slices.Contains(q.Unknown, q.termWords[i]) {
			q.Unknown = append(q.Unknown, q.termWords[i])
		}
	}
	for _, token := range q.tokens {
		// One that is in no line, but has words, is no more than these.
		if len(token.documents) > 0 || token.words == "" {
			q.scorer.addToken(token.documents, found.Total)
		}
	}
	more, err := q.tokenCandidates(ctx, found.Documents, query)
	if err != nil {
		return findings{}, err
	}
	f := findings{documents: q.score(slices.Concat(found.Documents, more)), total: found.Total, waiting: found.Waiting}
	if q.bound != nil {
		f.total = int64(len(q.bound.documents))
	}
	return f, nil
}

// tokenCandidates are the documents whose lines hold a token of the question, as
// far as they are not among the candidates anyway.
func (q *search) tokenCandidates(ctx context.Context, have []pipeline.Candidate, query pipeline.CandidateQuery) ([]pipeline.Candidate, error) {
	seen := map[documentKey]struct{}{}
	for i := range have {
		seen[candidateKey(&have[i])] = struct{}{}
	}
	lines := map[pipeline.PatternID]int64{}
	missing := map[documentKey]pipeline.Candidate{}
	for _, token := range q.tokens {
		for i := range token.groups {
			g := &token.groups[i]
			if _, there := seen[groupKey(g)]; !there {
				lines[g.Pattern.ID] += g.Lines
				missing[groupKey(g)] = pipeline.Candidate{Pattern: g.Pattern, Cluster: g.Cluster, Namespace: g.Namespace, Service: g.Service}
			}
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	ids := sortedIDs(lines)
	slices.SortStableFunc(ids, func(a, b pipeline.PatternID) int { return cmp.Compare(lines[b], lines[a]) })
	ids = ids[:min(len(ids), maxTokenPatterns)]
	if query.Vector != nil { // words alone need nothing that the groups do not say
		query.Filter.Patterns, query.Limit = ids, maxTokenPatterns
		found, err := q.service.candidates(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range found.Documents {
			key := candidateKey(&found.Documents[i])
			if _, wanted := missing[key]; wanted {
				missing[key] = found.Documents[i]
			}
		}
	}
	more := make([]pipeline.Candidate, 0, len(missing))
	for key, c := range missing {
		if slices.Contains(ids, key.pattern) {
			more = append(more, c)
		}
	}
	return more, nil
}

// score drops documents that the filter does not leave, and scores the others.
func (q *search) score(candidates []pipeline.Candidate) []rankedDocument {
	a := q.service.analyser()
	defer q.service.analysers.Put(a)
	var terms []embedding.Term
	ranked := make([]rankedDocument, 0, len(candidates))
	for i := range candidates {
		c := &candidates[i]
		key := candidateKey(c)
		if q.bound != nil {
			if _, left := q.bound.documents[key]; !left {
				continue
			}
		}
		terms = q.service.document(c).Terms(a, terms[:0])
		ranked = append(ranked, rankedDocument{key, c.Pattern.Template, q.scorer.score(key, c.Vector, terms)})
	}
	return ranked
}

func (s *Service) document(c *pipeline.Candidate) embedding.Document {
	if s.Document == nil {
		return embedding.Document{Text: pattern.Words(c.Pattern.Template), Context: c.Service, Masked: c.Masked}
	}
	return s.Document(c.Pattern.Template, c.Service, c.Masked)
}
