package indextest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

// model is the simplest store that is right: a list, searched from front to
// end. What a store under test says is held against it.
type model struct {
	analyser *analysis.Analyser
	entries  []pipeline.Entry
	calls    []int            // by entry: the number of the Write that created it
	counts   []map[string]int // by entry: how often it has each term
	lengths  []int
	byID     map[pipeline.ID]int
	written  int
}

func newModel() *model {
	return &model{analyser: analysis.New(), byID: map[pipeline.ID]int{}}
}

// write returns what a store must answer.
func (m *model) write(entries []pipeline.Entry) []pipeline.Outcome {
	outcomes := make([]pipeline.Outcome, len(entries))
	for i, e := range entries {
		if _, ok := m.byID[e.ID]; ok {
			outcomes[i] = pipeline.Exists
			continue
		}
		m.byID[e.ID] = len(m.entries)
		m.entries = append(m.entries, e)
		m.calls = append(m.calls, m.written)
		counts, length := m.terms(&e)
		m.counts, m.lengths = append(m.counts, counts), append(m.lengths, length)
	}
	m.written++
	return outcomes
}

// search returns all lines that match, in order.
func (m *model) search(q pipeline.LineQuery) []pipeline.Line {
	query, err := m.analyser.Query(q.Text)
	if err != nil {
		return nil
	}
	var lines []pipeline.Line
	score := m.ranking(q, query)
	for i := range m.entries {
		e := &m.entries[i]
		if !matchesFilter(&q.Filter, e) || !m.matchesText(&q, query, i) {
			continue
		}
		line := pipeline.Line{Entry: *e}
		if q.Order == pipeline.ByRank {
			line.Score = score(i)
		}
		lines = append(lines, line)
	}
	slices.SortFunc(lines, func(a, b pipeline.Line) int { return compareLines(q.Order, &a, &b) })
	return lines
}

func compareLines(order pipeline.Order, a, b *pipeline.Line) int {
	x, y := &a.Lineage, &b.Lineage
	place := cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(x.Partition, y.Partition),
		cmp.Compare(len(x.Sequence), len(y.Sequence)), cmp.Compare(x.Sequence, y.Sequence),
		cmp.Compare(x.Sub, y.Sub), cmp.Compare(x.Index, y.Index))
	switch order {
	case pipeline.OldestFirst:
		return place
	case pipeline.ByRank:
		return cmp.Or(cmp.Compare(b.Score, a.Score), -place)
	}
	return -place
}

// matchesFilter is Filter's comment in code.
func matchesFilter(f *pipeline.Filter, e *pipeline.Entry) bool {
	r := e.Resource
	exact := func(wanted []string, value string) bool { return len(wanted) == 0 || slices.Contains(wanted, value) }
	pattern := func(wanted []string, value string) bool {
		for _, w := range wanted {
			if w == value || strings.HasSuffix(w, "*") && strings.HasPrefix(value, w[:len(w)-1]) {
				return true
			}
		}
		return len(wanted) == 0
	}
	inScope := f.Scopes == nil
	for _, s := range f.Scopes {
		inScope = inScope || (s.Cluster == "" || s.Cluster == r.Cluster) && (s.Namespace == "" || s.Namespace == r.Namespace)
	}
	for k, v := range f.Labels {
		if got, ok := r.Labels[k]; !ok || got != v {
			return false
		}
	}
	return inScope && exact(f.Clusters, r.Cluster) && exact(f.Namespaces, r.Namespace) && exact(f.Services, e.Service) &&
		pattern(f.Pods, r.Pod) && pattern(f.Containers, r.Container) && pattern(f.Nodes, r.Node) &&
		(len(f.Patterns) == 0 || slices.Contains(f.Patterns, e.Pattern.ID)) && (len(f.Levels) == 0 || slices.Contains(f.Levels, e.Level)) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.From == 0 || e.Time >= f.From) && (f.To == 0 || e.Time < f.To)
}

// terms is an entry's terms and how often it has each.
func (m *model) terms(e *pipeline.Entry) (counts map[string]int, length int) {
	counts = map[string]int{}
	for _, n := range m.analyser.Entry(nil, e) {
		counts[m.analyser.Term(n)]++
		length++
	}
	return counts, length
}

// matchesText is the meaning of LineQuery's Text, which query is, and Any.
func (m *model) matchesText(q *pipeline.LineQuery, query analysis.Query, entry int) bool {
	if query.Nothing {
		return false
	}
	terms, message := m.counts[entry], strings.ToLower(m.entries[entry].Message)
	occurs := func(c analysis.Clause) bool {
		for _, t := range c.Terms {
			if terms[t] == 0 {
				return false
			}
		}
		if c.Prefix != "" {
			found := false
			for t := range maps.Keys(terms) {
				found = found || strings.HasPrefix(t, c.Prefix) || t == c.PrefixStem
			}
			if !found {
				return false
			}
		}
		return strings.Contains(message, c.Phrase)
	}
	if slices.ContainsFunc(query.Not, occurs) {
		return false
	}
	if q.Any && len(query.Clauses) > 0 {
		return slices.ContainsFunc(query.Clauses, occurs)
	}
	return !slices.ContainsFunc(query.Clauses, func(c analysis.Clause) bool { return !occurs(c) })
}

// ranking returns BM25 over the entries of the days that the query's time range
// touches: k1 1.2, b 0.75, each distinct term of the query's words and phrases
// once.
func (m *model) ranking(q pipeline.LineQuery, query analysis.Query) func(entry int) float64 {
	var wanted []string
	for _, c := range query.Clauses {
		wanted = append(wanted, c.Terms...)
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	n, total := 0.0, 0.0
	df := map[string]float64{}
	for i := range m.entries {
		e := &m.entries[i]
		if q.Filter.From != 0 && e.Day() < pipeline.Day(q.Filter.From) || q.Filter.To != 0 && e.Day() > pipeline.Day(q.Filter.To-1) {
			continue
		}
		n++
		total += float64(m.lengths[i])
		for _, w := range wanted {
			if m.counts[i][w] > 0 {
				df[w]++
			}
		}
	}
	return func(i int) float64 {
		terms, length := m.counts[i], m.lengths[i]
		score := 0.0
		for _, w := range wanted {
			tf := float64(terms[w])
			if tf == 0 {
				continue
			}
			score += math.Log(1+(n-df[w]+0.5)/(df[w]+0.5)) * tf / (tf + 1.2*(1-0.75+0.75*float64(length)/(total/n)))
		}
		return score
	}
}
