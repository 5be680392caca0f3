package query

import (
	"math"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// The score of a pattern document d for a question q, from our own measurement
// on 289 questions (docs/benchmarks.md):
//
//	score = cos(q, d) + coverageWeight * C(q, d)^2 + severityPrior (if d has a line of level warn or above)
//	C     = sum of idf * weight over q's terms that d has / sum of idf over all of q's terms
//	idf   = ln(1 + (N - n + 0.5) / (n + 0.5))
//
// N is how many documents the filter selects, n how many of them have the term: 0
// for a word that none has, which stays in the denominator; the weight is
// embedding.Term's. So C is near 1 for a
// question in the message's own words, which is then ranked by words; of a
// paraphrase C is near .2, and the vector decides. idf is Lucene's
// (BM25Similarity.idf).
const (
	// coverageWeight has a flat optimum: from 1 to 4 all is within .01 nDCG@10.
	coverageWeight = 2.0
	// severityPrior: people ask about trouble. Three in five of the answers are
	// warnings or errors, one in six of the documents. It adds .039 nDCG@10; .10
	// to .25 are within .015, also on systems that it was not chosen on. It costs
	// questions about ordinary lines .011.
	severityPrior = 0.15
)

// inverseFrequency is idf; n is at most total, but for counts that were taken
// one after the other.
func inverseFrequency(total, n int64) float64 {
	return math.Log(1 + (float64(max(total-n, 0))+0.5)/(float64(n)+0.5))
}

// weightedTerm is a term of the question with its idf.
type weightedTerm struct {
	term string
	idf  float64
}

// weightedToken is a token of the question that was looked up in lines: the
// documents of those lines have it.
type weightedToken struct {
	documents map[documentKey]struct{}
	idf       float64
}

// scorer holds a question as it is compared with documents.
type scorer struct {
	terms  []weightedTerm
	tokens []weightedToken
	// vector is the question's; nil leaves the cosine out.
	vector []float32
	// total is the sum of idf over terms and tokens.
	total float64
	leg   string
}

func (s *scorer) addTerm(term string, total, n int64) {
	t := weightedTerm{term: term, idf: inverseFrequency(total, n)}
	s.terms = append(s.terms, t)
	s.total += t.idf
}

func (s *scorer) addToken(documents map[documentKey]struct{}, total int64) {
	t := weightedToken{documents: documents, idf: inverseFrequency(total, int64(len(documents)))}
	s.tokens = append(s.tokens, t)
	s.total += t.idf
}

// score is that of the document with this key, vector (nil while it waits to be
// embedded) and sorted terms, without what its lines add: see prior.
func (s *scorer) score(key documentKey, vector []float32, terms []embedding.Term) float64 {
	if s.leg == LegVector {
		return cosine(s.vector, vector)
	}
	c := s.coverage(key, terms)
	return cosine(s.vector, vector) + coverageWeight*c*c
}

// prior is what a document's most severe level adds. What one leg is worth is
// measured without it.
func (s *scorer) prior(level pipeline.Level) float64 {
	if s.leg == "" && level >= pipeline.LevelWarn {
		return severityPrior
	}
	return 0
}

func (s *scorer) coverage(key documentKey, terms []embedding.Term) float64 {
	var covered float64
	for _, t := range s.terms {
		at, has := slices.BinarySearchFunc(terms, t.term, func(d embedding.Term, term string) int { return strings.Compare(d.Text, term) })
		if has {
			covered += t.idf * terms[at].Weight
		}
	}
	for _, t := range s.tokens {
		if _, has := t.documents[key]; has {
			covered += t.idf
		}
	}
	if covered == 0 {
		return 0
	}
	return covered / s.total
}

// cosine of two vectors of one model; 0 where one is missing or zero. Stores may
// keep 8 bits a component, so lengths are taken as they are.
func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var dot, aa, bb float64
	for i, x := range a {
		y := b[i]
		dot += float64(x) * float64(y)
		aa += float64(x) * float64(x)
		bb += float64(y) * float64(y)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return dot / math.Sqrt(aa*bb)
}

// place is where a pattern occurs.
type place struct{ cluster, namespace, service string }

// documentKey is the identity of a pattern document.
type documentKey struct {
	place
	pattern pipeline.PatternID
}

func groupKey(g *pipeline.PatternGroup) documentKey {
	return documentKey{place{g.Cluster, g.Namespace, g.Service}, g.Pattern.ID}
}

func candidateKey(c *pipeline.Candidate) documentKey {
	return documentKey{place{c.Cluster, c.Namespace, c.Service}, c.Pattern.ID}
}
