package query

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
)

const (
	// maxAlso bounds the other places of a hit.
	maxAlso = 10
	// maxMessage bounds the message of an example, in bytes.
	maxMessage = 2_000
)

// rankedPattern is a pattern with its documents, best first.
type rankedPattern struct {
	id        pipeline.PatternID
	documents []rankedDocument
}

// collapse makes one of all documents of a pattern, best pattern first.
func collapse(documents []rankedDocument) []rankedPattern {
	byPattern := map[pipeline.PatternID][]rankedDocument{}
	for _, d := range documents {
		byPattern[d.key.pattern] = append(byPattern[d.key.pattern], d)
	}
	var patterns []rankedPattern
	for id, documents := range byPattern {
		slices.SortFunc(documents, func(a, b rankedDocument) int {
			return cmp.Or(cmp.Compare(b.score, a.score), comparePlaces(a.key.place, b.key.place))
		})
		patterns = append(patterns, rankedPattern{id, documents})
	}
	slices.SortFunc(patterns, func(a, b rankedPattern) int {
		return cmp.Or(cmp.Compare(b.best(), a.best()), compareIDs(a.id, b.id))
	})
	return patterns
}

func (p rankedPattern) best() float64 { return p.documents[0].score }

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.service, b.service))
}

// hits are the best patterns that have lines within the filter, with numbers and
// examples.
func (q *search) hits(ctx context.Context, documents []rankedDocument) ([]Hit, error) {
	patterns := collapse(documents)
	found := []foundHit{}
	for len(patterns) > 0 {
		// What their lines add may bring a pattern up by severityPrior, and of
		// equal scores the most frequent come first: all that may still be among
		// the best are counted.
		n := min(q.limit, len(patterns))
		least := patterns[n-1].best() - severityPrior
		if len(found) >= q.limit {
			least = max(least, found[q.limit-1].Score-severityPrior)
		}
		n, _ = slices.BinarySearchFunc(patterns, least, func(p rankedPattern, least float64) int {
			if p.best() >= least {
				return -1
			}
			return 1
		})
		if n == 0 {
			break
		}
		groups, err := q.count(ctx, patterns[:n])
		if err != nil {
			return nil, err
		}
		for _, p := range patterns[:n] {
			found = append(found, q.newHits(p, groups.patterns[p.id])...)
		}
		slices.SortFunc(found, func(a, b foundHit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(b.Count, a.Count), compareIDs(a.id, b.id), cmp.Compare(a.kind, b.kind))
		})
		patterns = patterns[n:]
	}
	found = found[:min(len(found), q.limit)]
	if err := q.addExamples(ctx, found); err != nil {
		return nil, err
	}
	hits := make([]Hit, len(found))
	for i := range found {
		hits[i] = found[i].Hit
	}
	return hits, nil
}

// count returns the groups of some patterns within the filter.
func (q *search) count(ctx context.Context, patterns []rankedPattern) (*groupSet, error) {
	if q.bound != nil {
		return q.bound, nil
	}
	filter := q.filter
	filter.Patterns = make([]pipeline.PatternID, len(patterns))
	for i, p := range patterns {
		filter.Patterns[i] = p.id
	}
	groups, err := q.service.groups(ctx, pipeline.PatternQuery{Filter: filter})
	if err != nil {
		return nil, err
	}
	return newGroupSet(groups), nil
}

// foundHit is a hit with what it takes to find its lines.
type foundHit struct {
	Hit
	id   pipeline.PatternID
	kind pipeline.Kind
	best pipeline.PatternGroup // of the document that ranked best
}

// newHits are the hits of a pattern: one for each kind of its lines, none where
// it has no lines.
func (q *search) newHits(p rankedPattern, groups []pipeline.PatternGroup) []foundHit {
	byKind := map[pipeline.Kind][]pipeline.PatternGroup{}
	for _, g := range groups {
		byKind[g.Kind] = append(byKind[g.Kind], g)
	}
	var hits []foundHit
	for kind, groups := range byKind {
		hits = append(hits, q.newHit(p, kind, groups))
	}
	return hits
}

func (q *search) newHit(p rankedPattern, kind pipeline.Kind, groups []pipeline.PatternGroup) foundHit {
	slices.SortFunc(groups, func(a, b pipeline.PatternGroup) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), comparePlaces(groupKey(&a).place, groupKey(&b).place))
	})
	score := func(i int) float64 { return p.score(&groups[i]) + q.scorer.prior(groups[i].Level) }
	best := 0
	for i := 1; i < len(groups); i++ {
		if score(i) > score(best) {
			best = i
		}
	}
	at := groupKey(&groups[best]).place
	h := foundHit{id: p.id, kind: kind, best: groups[best], Hit: Hit{
		PatternID: p.id.String(), Template: groups[best].Pattern.Template, Kind: kind.String(),
		Cluster: at.cluster, Namespace: at.namespace, Service: at.service, Score: score(best), Examples: []Example{},
	}}
	first, last, level := groups[0].First, groups[0].Last, groups[0].Level
	for i := range groups {
		g := &groups[i]
		h.Count += g.Count
		first, last, level = min(first, g.First), max(last, g.Last), max(level, g.Level)
		if i != best && len(h.Also) < maxAlso {
			h.Also = append(h.Also, Place{Cluster: g.Cluster, Namespace: g.Namespace, Service: g.Service, Count: g.Count})
		}
	}
	h.FirstSeen, h.LastSeen, h.Level = time.Unix(0, first).UTC(), time.Unix(0, last).UTC(), level.String()
	return h
}

// score is that of a group's document. One that was no candidate ranks like the
// worst of those of its pattern that were.
func (p rankedPattern) score(g *pipeline.PatternGroup) float64 {
	key := groupKey(g)
	for _, d := range p.documents {
		if d.key == key {
			return d.score
		}
	}
	return p.documents[len(p.documents)-1].score
}

// addExamples reads the examples of all hits.
func (q *search) addExamples(ctx context.Context, hits []foundHit) error {
	if q.examples == 0 {
		return nil
	}
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(concurrency)
	for i := range hits {
		work.Go(func() error { return q.addExamplesOf(workCtx, &hits[i]) })
	}
	return work.Wait()
}

// addExamplesOf reads lines of the document that ranked best, which is what the
// question met: the newest that hold a token of the question, then a sample.
func (q *search) addExamplesOf(ctx context.Context, h *foundHit) error {
	at := groupKey(&h.best)
	filter := q.filter
	filter.Clusters, filter.Namespaces, filter.Services = []string{at.cluster}, []string{at.namespace}, []string{at.service}
	filter.Patterns, filter.Kinds = []pipeline.PatternID{h.id}, []pipeline.Kind{h.kind}
	var chosen []pipeline.Line
	add := func(lines []pipeline.Line) {
		for i := range lines {
			twice := slices.ContainsFunc(chosen, func(l pipeline.Line) bool { return l.ID == lines[i].ID })
			if len(chosen) < q.examples && !twice {
				chosen = append(chosen, lines[i])
			}
		}
	}
	for _, token := range q.tokens {
		if _, holds := token.documents[at]; !holds || len(chosen) == q.examples {
			continue
		}
		page, err := q.service.lines(ctx, pipeline.LineQuery{Filter: filter, Text: token.text, Limit: q.examples + len(chosen)})
		if err != nil {
			return err
		}
		add(page.Lines)
	}
	if len(chosen) < q.examples {
		lines, err := q.sample(ctx, filter, &h.best, q.examples+len(chosen))
		if err != nil {
			return err
		}
		add(lines)
	}
	for i := range chosen {
		h.Examples = append(h.Examples, newExample(&chosen[i].Entry))
	}
	return nil
}

// sample reads n lines of a document: all that it has, or the last before an
// instant that is drawn from those between its first line and its last, the same
// one each time. The newest lines of all are often of one pod and one minute,
// while the question is about the pattern: as the answer to it they are worse
// (nDCG@10 without a filter .42 against .46 to .47).
func (q *search) sample(ctx context.Context, filter pipeline.Filter, document *pipeline.PatternGroup, n int) ([]pipeline.Line, error) {
	query := pipeline.LineQuery{Filter: filter, Limit: n}
	if document.Lines > int64(n) {
		id := document.Pattern.ID
		share := float64(uint16(id[0])<<8|uint16(id[1])) / (1 << 16)
		query.Filter.To = document.First + int64(share*float64(document.Last-document.First)) + 1
	}
	page, err := q.service.lines(ctx, query)
	if err != nil || query.Filter.To == filter.To || len(page.Lines) == n {
		return page.Lines, err
	}
	// Too few lie before the instant: the oldest behind it follow.
	query.Filter, query.Order = filter, pipeline.OldestFirst
	more, err := q.service.lines(ctx, query)
	return slices.Concat(page.Lines, more.Lines), err
}

func newExample(e *pipeline.Entry) Example {
	example := Example{ID: e.ID.String(), Time: time.Unix(0, e.Time).UTC(), Message: shorten(e.Message, maxMessage)}
	if r := e.Resource; r != nil {
		example.Namespace, example.Pod = r.Namespace, r.Pod
	}
	return example
}

// shorten cuts text to at most n bytes, an ellipsis included, on the border of a
// character. It is a copy, so that a long line is not kept for its start.
func shorten(text string, n int) string {
	const ellipsis = "…"
	if len(text) <= n {
		return text
	}
	end := n - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.Clone(text[:end]) + ellipsis
}
