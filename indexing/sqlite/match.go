package sqlite

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

// set is a set of a block's entries.
type set [blockEntries / 64]uint64

func (s *set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s *set) empty() bool    { return *s == set{} }

func (s *set) and(o set) {
	for i := range s {
		s[i] &= o[i]
	}
}

func (s *set) or(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

func (s *set) without(o set) {
	for i := range s {
		s[i] &^= o[i]
	}
}

// each calls fn for every entry of the set, in order.
func (s *set) each(fn func(i int)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			fn(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// firstN is the set of the entries 0 to n-1.
func firstN(n int) (s set) {
	for i := range n {
		s.add(i)
	}
	return s
}

// matcher is a filter applied to one day's dictionaries.
type matcher struct {
	from, to      int64
	levels, kinds uint8 // zero for any
	exactLevels   []pipeline.Level
	exactKinds    []pipeline.Kind
	resources     []bool // by number; nil for any
	services      []bool
	documents     []bool
}

func newMatcher(f *pipeline.Filter, v *view) *matcher {
	m := &matcher{from: f.From, to: f.To, exactLevels: f.Levels, exactKinds: f.Kinds}
	for _, l := range f.Levels {
		m.levels |= bit(uint64(l))
	}
	for _, k := range f.Kinds {
		m.kinds |= bit(uint64(k))
	}
	if f.Scopes != nil || len(f.Clusters)+len(f.Namespaces)+len(f.Pods)+len(f.Containers)+len(f.Nodes)+len(f.Labels) > 0 {
		m.resources = make([]bool, len(v.resources))
		for i, r := range v.resources {
			m.resources[i] = matchesResource(f, r)
		}
	}
	if len(f.Services) > 0 {
		m.services = make([]bool, len(v.names))
		for i, n := range v.names {
			m.services[i] = slices.Contains(f.Services, n)
		}
	}
	if len(f.Patterns) > 0 {
		m.documents = make([]bool, len(v.documents))
		wanted := make(map[pipeline.PatternID]struct{}, len(f.Patterns))
		for _, id := range f.Patterns {
			wanted[id] = struct{}{}
		}
		for i, d := range v.documents {
			_, m.documents[i] = wanted[d.Value().pattern.ID]
		}
	}
	return m
}

func matchesResource(f *pipeline.Filter, r *pipeline.Resource) bool {
	for k, want := range f.Labels {
		if got, ok := r.Labels[k]; !ok || got != want {
			return false
		}
	}
	return oneOf(f.Clusters, r.Cluster) && oneOf(f.Namespaces, r.Namespace) &&
		patternOf(f.Pods, r.Pod) && patternOf(f.Containers, r.Container) && patternOf(f.Nodes, r.Node) &&
		(f.Scopes == nil || slices.ContainsFunc(f.Scopes, func(s pipeline.Scope) bool {
			return (s.Cluster == "" || s.Cluster == r.Cluster) && (s.Namespace == "" || s.Namespace == r.Namespace)
		}))
}

func oneOf(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

func patternOf(wanted []string, value string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool {
		if prefix, ok := strings.CutSuffix(w, "*"); ok {
			return strings.HasPrefix(value, prefix)
		}
		return w == value
	})
}

// document says whether a pattern document is asked for, by number.
func (m *matcher) document(number int) bool {
	return len(m.documents) == 0 || m.documents[number]
}

// block says whether a block can hold an entry that matches.
func (m *matcher) block(s *summary) bool {
	return s.overlaps(m.from, m.to) &&
		(m.levels == 0 || m.levels&s.levels != 0) && (m.kinds == 0 || m.kinds&s.kinds != 0) &&
		anyOf(m.resources, s.resources) && anyOf(m.services, s.services) && s.documents.anyOf(m.documents)
}

func anyOf(wanted []bool, numbers []uint32) bool {
	if wanted == nil {
		return true
	}
	for _, n := range numbers {
		if int(n) < len(wanted) && wanted[n] {
			return true
		}
	}
	return false
}

// entries is the entries of a block that match.
func (m *matcher) entries(c *columns) set {
	s := firstN(c.n)
	keep := func(ok func(i int) bool) {
		for i := range c.n {
			if !ok(i) {
				s[i/64] &^= 1 << (i % 64)
			}
		}
	}
	if m.from != 0 {
		keep(func(i int) bool { return c.time[i] >= m.from })
	}
	if m.to != 0 {
		keep(func(i int) bool { return c.time[i] < m.to })
	}
	if m.levels != 0 {
		keep(func(i int) bool { return slices.Contains(m.exactLevels, pipeline.Level(c.level[i])) })
	}
	if m.kinds != 0 {
		keep(func(i int) bool { return slices.Contains(m.exactKinds, pipeline.Kind(c.kind[i])) })
	}
	if m.resources != nil {
		keep(func(i int) bool { return m.resources[c.resource[i]] })
	}
	if m.services != nil {
		keep(func(i int) bool { return m.services[c.service[i]] })
	}
	if m.documents != nil {
		keep(func(i int) bool { return m.documents[c.pattern[i]] })
	}
	return s
}

// textQuery is a text query over numbered terms.
type textQuery struct {
	any      bool
	nothing  bool
	terms    []string // distinct
	prefixes []analysis.Clause
	clauses  []textClause
	nots     []textClause
	phrases  bool // some clause needs the message
}

type textClause struct {
	terms  []int // places in textQuery.terms
	prefix int   // place in textQuery.prefixes, or -1
	phrase analysis.Clause
}

func newTextQuery(q analysis.Query, anyClause bool) *textQuery {
	t := &textQuery{any: anyClause, nothing: q.Nothing}
	add := func(c analysis.Clause) textClause {
		tc := textClause{prefix: -1, phrase: c}
		for _, term := range c.Terms {
			at := slices.Index(t.terms, term)
			if at < 0 {
				at = len(t.terms)
				t.terms = append(t.terms, term)
			}
			tc.terms = append(tc.terms, at)
		}
		if c.Prefix != "" {
			tc.prefix = len(t.prefixes)
			t.prefixes = append(t.prefixes, c)
		}
		t.phrases = t.phrases || c.Phrase != ""
		return tc
	}
	for _, c := range q.Clauses {
		t.clauses = append(t.clauses, add(c))
	}
	for _, c := range q.Not {
		t.nots = append(t.nots, add(c))
	}
	return t
}

// empty says that every entry matches.
func (t *textQuery) empty() bool { return len(t.clauses)+len(t.nots) == 0 && !t.nothing }

// scoring is the places of the terms that count for BM25: those of clauses that
// are not negated, each once.
func (t *textQuery) scoring() []int {
	var places []int
	for _, c := range t.clauses {
		places = append(places, c.terms...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// expression is an FTS5 query for the blocks that can match; empty for all.
func (t *textQuery) expression() string {
	var parts []string
	for _, c := range t.clauses {
		p := t.clauseExpression(c)
		switch {
		case p != "":
			parts = append(parts, p)
		case t.any:
			return "" // a clause that FTS5 cannot tell from others
		}
	}
	if t.any {
		return strings.Join(parts, " OR ")
	}
	return strings.Join(parts, " AND ")
}

func (t *textQuery) clauseExpression(c textClause) string {
	var parts []string
	for _, n := range c.terms {
		parts = append(parts, `"`+t.terms[n]+`"`)
	}
	if c.prefix >= 0 {
		p := t.prefixes[c.prefix]
		part := `"` + p.Prefix + `"*`
		if p.PrefixStem != "" && p.PrefixStem != p.Prefix {
			part = `(` + part + ` OR "` + p.PrefixStem + `")`
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// scoringExpression is an FTS5 query for the blocks that hold any of the terms.
func (t *textQuery) scoringExpression(places []int) string {
	parts := make([]string, len(places))
	for i, n := range places {
		parts[i] = `"` + t.terms[n] + `"`
	}
	return strings.Join(parts, " OR ")
}

// found is what a block's postings say of a text query.
type found struct {
	lists   [][]byte // by term, encoded
	entries set      // match but for phrases
	clauses []set    // by clause, then by negated clause, when there are phrases
}

// find evaluates the query on postings.
func (t *textQuery) find(p *postings) (found, error) {
	f := found{lists: make([][]byte, len(t.terms))}
	terms := make([]set, len(t.terms))
	for i, term := range t.terms {
		list, err := p.list(term)
		if err != nil {
			return f, err
		}
		f.lists[i] = list
		if err := eachPosting(list, func(entry uint8, _ uint32) { terms[i].add(int(entry)) }); err != nil {
			return f, err
		}
	}
	prefixes := make([]set, len(t.prefixes))
	for i, c := range t.prefixes {
		s, err := findPrefix(p, c)
		if err != nil {
			return f, err
		}
		prefixes[i] = s
	}
	all := firstN(blockEntries)
	evaluate := func(c textClause) set {
		s := all
		for _, n := range c.terms {
			s.and(terms[n])
		}
		if c.prefix >= 0 {
			s.and(prefixes[c.prefix])
		}
		return s
	}
	if !t.nothing && (!t.any || len(t.clauses) == 0) {
		f.entries = all
	}
	for _, c := range t.clauses {
		s := evaluate(c)
		if t.any {
			f.entries.or(s)
		} else {
			f.entries.and(s)
		}
		if t.phrases {
			f.clauses = append(f.clauses, s)
		}
	}
	for _, c := range t.nots {
		s := evaluate(c)
		if c.phrase.Phrase == "" {
			f.entries.without(s)
		}
		if t.phrases {
			f.clauses = append(f.clauses, s)
		}
	}
	return f, nil
}

func findPrefix(p *postings, c analysis.Clause) (set, error) {
	var s set
	var broken error
	addList := func(list []byte) {
		if err := eachPosting(list, func(entry uint8, _ uint32) { s.add(int(entry)) }); err != nil {
			broken = err
		}
	}
	err := p.from(c.Prefix, func(term, list []byte) bool {
		if !strings.HasPrefix(string(term), c.Prefix) {
			return false
		}
		addList(list)
		return broken == nil
	})
	if err != nil || broken != nil {
		return s, errCorrupt
	}
	if c.PrefixStem != "" {
		list, err := p.list(c.PrefixStem)
		if err != nil {
			return s, err
		}
		addList(list)
	}
	return s, broken
}

// confirm says whether the entry i, which is in f.entries, matches the phrases
// too.
func (t *textQuery) confirm(f *found, i int, message string) bool {
	for n, c := range t.nots {
		if c.phrase.Phrase != "" && f.clauses[len(t.clauses)+n].has(i) && c.phrase.HasPhrase(message) {
			return false
		}
	}
	if len(t.clauses) == 0 {
		return true
	}
	for n, c := range t.clauses {
		matches := f.clauses[n].has(i) && c.phrase.HasPhrase(message)
		if matches == t.any {
			return t.any
		}
	}
	return !t.any
}
