package query_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/query"
)

// patterns is a PatternReader over the entries of a memory.
type patterns struct {
	*memory
	embedder *concepts
	// waiting are templates that have no vector yet, gone those of documents whose
	// lines are not there any more.
	waiting, gone []string
	groupQueries  []pipeline.PatternQuery
	documents     []pipeline.CandidateQuery
	shuffle       *rand.Rand
}

type document struct{ cluster, namespace, service, template string }

func documentOf(e *pipeline.Entry) document {
	return document{e.Resource.Cluster, e.Resource.Namespace, e.Service, e.Pattern.Template}
}

func (p *patterns) Groups(ctx context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groupQueries = append(p.groupQueries, q)
	if err := cmp.Or(p.err, ctx.Err()); err != nil {
		return nil, err
	}
	type key struct {
		document
		kind pipeline.Kind
	}
	found := map[key]*pipeline.PatternGroup{}
	counts := map[key]map[string]uint64{}
	for i := range p.entries {
		e := &p.entries[i]
		if e.Pattern.ID.IsZero() || slices.Contains(p.gone, e.Pattern.Template) ||
			!matches(e, pipeline.LineQuery{Filter: q.Filter, Text: q.Text}) {
			continue
		}
		k := key{documentOf(e), e.Kind}
		g := found[k]
		if g == nil {
			g = &pipeline.PatternGroup{Pattern: e.Pattern, Cluster: k.cluster, Namespace: k.namespace, Service: k.service, Kind: e.Kind,
				First: math.MaxInt64, Last: math.MinInt64}
			found[k], counts[k] = g, map[string]uint64{}
		}
		g.Lines++
		g.Level, g.First, g.Last = max(g.Level, e.Level), min(g.First, e.Time), max(g.Last, e.Time)
		if e.Event == nil {
			g.Count++
			continue
		}
		before := counts[k][e.Event.UID]
		counts[k][e.Event.UID] = max(before, e.Event.Count)
		g.Count += int64(counts[k][e.Event.UID] - before)
	}
	var groups []pipeline.PatternGroup
	for _, g := range found {
		groups = append(groups, *g)
	}
	p.mix(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return groups, nil
}

func (p *patterns) mix(n int, swap func(i, j int)) {
	if p.shuffle != nil {
		p.shuffle.Shuffle(n, swap)
	}
}

func (p *patterns) Candidates(ctx context.Context, q pipeline.CandidateQuery) (pipeline.Candidates, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents = append(p.documents, q)
	if err := cmp.Or(p.err, ctx.Err()); err != nil {
		return pipeline.Candidates{}, err
	}
	type scored struct {
		pipeline.Candidate
		terms     []string
		text, vec float64
	}
	found := map[document]*scored{}
	result := pipeline.Candidates{Holding: make([]int64, len(q.Terms))}
	for i := range p.entries {
		e := &p.entries[i]
		d := documentOf(e)
		if found[d] != nil || e.Pattern.ID.IsZero() || !matches(e, pipeline.LineQuery{Filter: q.Filter}) {
			continue
		}
		s := &scored{Candidate: pipeline.Candidate{Pattern: e.Pattern, Cluster: d.cluster, Namespace: d.namespace, Service: d.service}}
		for _, t := range ranked(d.template, d.service, "").Terms(analysis.New(), nil) {
			s.terms = append(s.terms, t.Text)
		}
		found[d] = s
		result.Total++
		if slices.Contains(p.waiting, d.template) {
			result.Waiting++
			continue
		}
		s.Vector = p.embedder.vector(d.template)
		for at := range q.Vector {
			s.vec += float64(q.Vector[at]) * float64(s.Vector[at])
		}
	}
	var all []*scored
	for _, s := range found {
		for i, term := range q.Terms {
			if slices.Contains(s.terms, term) {
				result.Holding[i]++
			}
		}
		all = append(all, s)
	}
	for _, s := range all {
		for i, term := range q.Terms {
			if slices.Contains(s.terms, term) {
				s.text += idf(result.Total, result.Holding[i])
			}
		}
	}
	leg := func(value func(*scored) float64) []*scored {
		some := slices.DeleteFunc(slices.Clone(all), func(s *scored) bool { return value(s) == math.Inf(-1) })
		slices.SortFunc(some, func(a, b *scored) int {
			return cmp.Or(cmp.Compare(value(b), value(a)), cmp.Compare(a.Pattern.Template+a.Service, b.Pattern.Template+b.Service))
		})
		return some[:min(len(some), q.Limit)]
	}
	union := leg(func(s *scored) float64 {
		if s.text == 0 {
			return math.Inf(-1)
		}
		return s.text
	})
	if q.Vector != nil {
		for _, s := range leg(func(s *scored) float64 {
			if s.Vector == nil {
				return math.Inf(-1)
			}
			return s.vec
		}) {
			if !slices.Contains(union, s) {
				union = append(union, s)
			}
		}
	}
	for _, s := range union {
		if q.Vector == nil {
			s.Vector = nil
		}
		result.Documents = append(result.Documents, s.Candidate)
	}
	p.mix(len(union), func(i, j int) {
		result.Documents[i], result.Documents[j] = result.Documents[j], result.Documents[i]
	})
	return result, nil
}

// ranked is the Document of these tests: the template without placeholders, and
// the service.
func ranked(template, service, masked string) embedding.Document {
	return embedding.Document{Text: strings.ReplaceAll(template, "<*>", ""), Context: service, Masked: masked}
}

func idf(total, n int64) float64 {
	return math.Log(1 + (float64(total-n)+.5)/(float64(n)+.5))
}

// concepts is an Embedder of one dimension a concept.
type concepts struct {
	err   error
	texts []string
}

var conceptOf = map[string]int{
	"refused": 0, "denied": 0, "rejected": 0, "disk": 1, "full": 1, "space": 1, "memory": 2, "oom": 2, "killed": 2, "started": 3, "ready": 3,
}

func (c *concepts) vector(text string) []float32 {
	v := make([]float32, 4)
	for w := range strings.FieldsSeq(strings.ToLower(text)) {
		if at, ok := conceptOf[w]; ok {
			v[at]++
		}
	}
	return embedding.Normalise(v)
}

func (c *concepts) Model() string   { return "concepts" }
func (c *concepts) Dimensions() int { return 4 }
func (c *concepts) Embed(_ context.Context, texts []string) ([][]float32, error) {
	c.texts = append(c.texts, texts...)
	if c.err != nil {
		return nil, c.err
	}
	var vectors [][]float32
	for _, text := range texts {
		vectors = append(vectors, c.vector(text))
	}
	return vectors, nil
}

// newPatterns is a store with a Service that asks it.
func newPatterns(entries ...pipeline.Entry) (*patterns, *query.Service) {
	p := &patterns{memory: &memory{}, embedder: &concepts{}}
	p.write(entries...)
	return p, &query.Service{Reader: p, Patterns: p, Embedder: func() embedding.Embedder { return p.embedder }, Document: ranked, Now: clock}
}

// of gives an entry its pattern.
func of(template string) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) {
		e.Pattern = pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
	}
}

func level(l pipeline.Level) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) { e.Level = l }
}

func service(name string) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) { e.Service = name }
}

func resource(change func(*pipeline.Resource)) func(*pipeline.Entry) {
	return func(e *pipeline.Entry) {
		r := *e.Resource
		change(&r)
		e.Resource = &r
	}
}

func templates(r query.SearchResponse) []string {
	list := []string{}
	for _, h := range r.Hits {
		list = append(list, h.Template)
	}
	return list
}

func search(t *testing.T, s *query.Service, r query.SearchRequest) query.SearchResponse {
	t.Helper()
	response, err := s.Search(context.Background(), r)
	require.NoError(t, err)
	return response
}
