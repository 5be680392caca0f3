package sqlite

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
)

// documentIndex is the documents of all days in memory, each once.
//
//	day -> its documents -> rows --> owner (cluster, namespace, service)
//	                          `----> content (what is ranked) --> terms
//	                                                         `--> a vector in each space
//
// Many documents share a content: a service that runs in twelve namespaces has
// its words and vectors once. Rows and contents are numbered without gaps.
type documentIndex struct {
	days map[*day]*indexedDay

	rows   []indexedRow
	rowOf  map[sharedDocument]uint32
	owners []owner
	ownAt  map[owner]uint32

	contents  []content
	contentOf map[embedding.Key]uint32
	postings  map[string][]uint32 // term -> contents, ascending

	analyser *analysis.Analyser
	terms    []embedding.Term // scratch
}

// indexedDay is how far a day's documents are in the index.
type indexedDay struct {
	documents int64    // the number of the last
	rows      []uint32 // of its documents
	complete  bool     // it was read to its end once
	err       error    // why it never will
}

type indexedRow struct {
	shared         sharedDocument
	owner, content uint32
	days           int32 // that hold it
}

type owner struct{ cluster, namespace, service string }

type content struct {
	key    embedding.Key
	sample sharedDocument // a document with this content
	masked string
	rows   int32
	level  pipeline.Level // the highest of the lines that made its documents
	time   int64          // the latest of them
}

func newDocumentIndex() *documentIndex {
	return &documentIndex{
		days: map[*day]*indexedDay{}, rowOf: map[sharedDocument]uint32{}, ownAt: map[owner]uint32{},
		contentOf: map[embedding.Key]uint32{}, postings: map[string][]uint32{}, analyser: analysis.New(),
	}
}

// add takes in a document of a day. ranked says what of it is ranked.
func (x *documentIndex) add(in *indexedDay, d storedDocument, ranked func(template, service, masked string) embedding.Document) {
	at, ok := x.rowOf[d.shared]
	if !ok {
		at = uint32(len(x.rows))
		x.rowOf[d.shared] = at
		text := d.shared.Value()
		x.rows = append(x.rows, indexedRow{
			shared: d.shared, owner: x.owner(owner{text.cluster, text.namespace, text.service}),
			content: x.content(d, ranked(text.pattern.Template, text.service, d.masked)),
		})
		x.contents[x.rows[at].content].rows++
	}
	row := &x.rows[at]
	row.days++
	c := &x.contents[row.content]
	c.level, c.time = max(c.level, d.level), max(c.time, d.time)
	in.rows = append(in.rows, at)
	in.documents = d.number
}

func (x *documentIndex) owner(o owner) uint32 {
	n, ok := x.ownAt[o]
	if !ok {
		n = uint32(len(x.owners))
		x.owners = append(x.owners, o)
		x.ownAt[o] = n
	}
	return n
}

// content is the place of what of a document is ranked. Its masked words are
// those of the first document that has this content.
func (x *documentIndex) content(d storedDocument, ranked embedding.Document) uint32 {
	key := ranked.Key()
	if n, ok := x.contentOf[key]; ok {
		return n
	}
	n := uint32(len(x.contents))
	x.contentOf[key] = n
	x.contents = append(x.contents, content{key: key, sample: d.shared, masked: d.masked, time: math.MinInt64})
	x.terms = ranked.Terms(x.analyser, x.terms[:0])
	for i := range x.terms {
		term := x.terms[i].Text
		list, ok := x.postings[term]
		if !ok {
			term = strings.Clone(term)
		}
		x.postings[term] = append(list, n)
	}
	return n
}

// drop takes days out and closes the gaps. It returns the new places of
// contents, -1 for those that are gone.
func (x *documentIndex) drop(days []*day) (places []int32) {
	for _, d := range days {
		for _, at := range x.days[d].rows {
			row := &x.rows[at]
			if row.days--; row.days == 0 {
				x.contents[row.content].rows--
			}
		}
		delete(x.days, d)
	}
	places = make([]int32, len(x.contents))
	kept := x.contents[:0]
	clear(x.contentOf)
	for i, c := range x.contents {
		if places[i] = -1; c.rows > 0 {
			places[i] = int32(len(kept))
			x.contentOf[c.key] = uint32(len(kept))
			kept = append(kept, c)
		}
	}
	clear(x.contents[len(kept):])
	x.contents = kept
	for term, list := range x.postings {
		to := list[:0]
		for _, c := range list {
			if places[c] >= 0 {
				to = append(to, uint32(places[c]))
			}
		}
		if x.postings[term] = to; len(to) == 0 {
			delete(x.postings, term)
		}
	}
	x.dropRows(places)
	return places
}

// dropRows closes the gaps between rows after their contents have moved.
func (x *documentIndex) dropRows(places []int32) {
	moved := make([]uint32, len(x.rows))
	old := x.owners
	x.owners = nil
	clear(x.ownAt)
	clear(x.rowOf)
	kept := x.rows[:0]
	for i, row := range x.rows {
		if row.days == 0 {
			continue
		}
		moved[i] = uint32(len(kept))
		x.rowOf[row.shared] = moved[i]
		row.owner, row.content = x.owner(old[row.owner]), uint32(places[row.content])
		kept = append(kept, row)
	}
	clear(x.rows[len(kept):])
	x.rows = kept
	for _, d := range x.days {
		for i, at := range d.rows {
			d.rows[i] = moved[at]
		}
	}
}

// selection is the rows that a filter selects.
type selection struct {
	rows   []uint32
	counts []int32 // by content: how many of rows
}

func (x *documentIndex) selectRows(f *pipeline.Filter) selection {
	s := selection{rows: make([]uint32, 0, len(x.rows)), counts: make([]int32, len(x.contents))}
	owners := make([]bool, len(x.owners))
	for i, o := range x.owners {
		owners[i] = oneOf(f.Services, o.service) && matchesResource(f, &pipeline.Resource{Cluster: o.cluster, Namespace: o.namespace})
	}
	var patterns map[pipeline.PatternID]struct{}
	if len(f.Patterns) > 0 {
		patterns = make(map[pipeline.PatternID]struct{}, len(f.Patterns))
		for _, id := range f.Patterns {
			patterns[id] = struct{}{}
		}
	}
	for i := range x.rows {
		row := &x.rows[i]
		if !owners[row.owner] {
			continue
		}
		if patterns != nil {
			if _, ok := patterns[row.shared.Value().pattern.ID]; !ok {
				continue
			}
		}
		s.rows = append(s.rows, uint32(i))
		s.counts[row.content]++
	}
	return s
}

// candidates answers a query. v may be nil: no document has a vector. asked is
// nil where that leg is left out.
func (x *documentIndex) candidates(q *pipeline.CandidateQuery, v *space, asked *question) pipeline.Candidates {
	s := x.selectRows(&q.Filter)
	result := pipeline.Candidates{Total: int64(len(s.rows)), Holding: make([]int64, len(q.Terms))}
	sums := x.sumTerms(q.Terms, &s, result.Holding)
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	byText, byVector := best{index: x, limit: limit}, best{index: x, limit: limit}
	var cosines []float64
	if v != nil && asked != nil {
		cosines = x.cosines(v, asked, &s)
	}
	for _, at := range s.rows {
		c := x.rows[at].content
		if len(sums) > 0 && sums[c] > 0 {
			byText.offer(at, sums[c])
		}
		switch {
		case v == nil || v.scales[c] == noVector:
			result.Waiting++
		case cosines != nil:
			byVector.offer(at, cosines[c])
		}
	}
	taken := make(map[uint32]struct{}, len(byText.items)+len(byVector.items))
	for _, item := range slices.Concat(byText.items, byVector.items) {
		if _, ok := taken[item.row]; ok {
			continue
		}
		taken[item.row] = struct{}{}
		row := &x.rows[item.row]
		d := row.shared.Value()
		result.Documents = append(result.Documents, pipeline.Candidate{
			Pattern: d.pattern, Cluster: d.cluster, Namespace: d.namespace, Service: d.service,
			Masked: x.contents[row.content].masked, Vector: v.vector(row.content),
		})
	}
	return result
}

// sumTerms sums the idf of the terms that each content holds; nil without terms.
// holding, by term, receives how many of the selected documents hold it.
func (x *documentIndex) sumTerms(terms []string, s *selection, holding []int64) []float64 {
	if len(terms) == 0 {
		return nil
	}
	sums := make([]float64, len(x.contents))
	for i, term := range terms {
		list := x.postings[term]
		for _, c := range list {
			holding[i] += int64(s.counts[c])
		}
		weight := idf(int64(len(s.rows)), holding[i])
		for _, c := range list {
			sums[c] += weight
		}
	}
	return sums
}

// cosines is the question's with each content that is selected and has a vector.
func (x *documentIndex) cosines(v *space, asked *question, s *selection) []float64 {
	cosines := make([]float64, len(x.contents))
	for c, n := range s.counts {
		if n > 0 && v.scales[c] != noVector {
			cosines[c] = float64(v.cosine(asked, uint32(c)))
		}
	}
	return cosines
}

// best keeps the rows of the highest scores; equal ones by document. It is a
// heap with the last of them on top.
type best struct {
	index *documentIndex
	limit int
	items []scoredRow
}

type scoredRow struct {
	score float64
	row   uint32
}

// before says whether a comes before b.
func (b *best) before(x, y scoredRow) bool {
	if x.score != y.score {
		return x.score > y.score
	}
	first, second := b.index.rows[x.row].shared.Value(), b.index.rows[y.row].shared.Value()
	return first.compare(&second) < 0
}

func (b *best) offer(row uint32, score float64) {
	item := scoredRow{score, row}
	if len(b.items) < b.limit {
		b.items = append(b.items, item)
		for i := len(b.items) - 1; i > 0; {
			parent := (i - 1) / 2
			if !b.before(b.items[parent], b.items[i]) {
				break
			}
			b.items[i], b.items[parent] = b.items[parent], b.items[i]
			i = parent
		}
		return
	}
	if score < b.items[0].score || !b.before(item, b.items[0]) {
		return
	}
	b.items[0] = item
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(b.items) {
			return
		}
		if child+1 < len(b.items) && b.before(b.items[child], b.items[child+1]) {
			child++
		}
		if !b.before(b.items[i], b.items[child]) {
			return
		}
		b.items[i], b.items[child] = b.items[child], b.items[i]
		i = child
	}
}

// waiting is up to n contents without a vector: those of the highest levels
// first, then the newest, then by key.
func (x *documentIndex) waiting(v *space, n int) []content {
	if v.has == len(x.contents) {
		return nil
	}
	compare := func(a, b *content) int {
		return cmp.Or(cmp.Compare(b.level, a.level), cmp.Compare(b.time, a.time), cmp.Compare(string(a.key[:]), string(b.key[:])))
	}
	var list []*content
	var worst *content // of the n best so far, once there are more
	// Newer ones stand behind older ones: most of the rest is no better.
	for i := len(x.contents) - 1; i >= 0; i-- {
		c := &x.contents[i]
		if v.scales[i] != noVector || worst != nil && compare(c, worst) >= 0 {
			continue
		}
		if list = append(list, c); len(list) == 2*n {
			slices.SortFunc(list, compare)
			list = list[:n]
			worst = list[n-1]
		}
	}
	slices.SortFunc(list, compare)
	list = list[:min(n, len(list))]
	waiting := make([]content, len(list))
	for i, c := range list {
		waiting[i] = *c
	}
	return waiting
}
