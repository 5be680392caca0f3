package main

import (
	"math"
	"slices"
)

// depth is how many results count for nDCG and recall.
const depth = 10

// score is how well questions were answered: means over N questions, as
// eval_retrieval.py of the pack computes them.
type score struct {
	N      int     `json:"n"`
	NDCG   float64 `json:"ndcg"`   // nDCG@10 over distinct templates, binary relevance
	Recall float64 `json:"recall"` // share of the relevant templates among the first 10
	MRR    float64 `json:"mrr"`    // 1 / rank of the first relevant template, at any depth
}

// answerScore is the score of one question.
type answerScore struct {
	NDCG   float64 `json:"ndcg"`
	Recall float64 `json:"recall"`
	RR     float64 `json:"rr"`
	// Ranks are where relevant templates stand among the distinct ones, from 1.
	Ranks []int `json:"ranks"`
}

// scoreAnswer scores the templates that were returned for a question, best
// first; those that repeat count where they stand first.
func scoreAnswer(returned, relevant []string) answerScore {
	var s answerScore
	distinct := distinct(returned)
	wanted := map[string]bool{}
	for _, t := range relevant {
		wanted[t] = true
	}
	found := 0
	for i, t := range distinct {
		if !wanted[t] {
			continue
		}
		s.Ranks = append(s.Ranks, i+1)
		if i < depth {
			s.NDCG += discount(i)
			found++
		}
	}
	ideal := 0.0
	for i := range min(depth, len(wanted)) {
		ideal += discount(i)
	}
	s.NDCG /= ideal
	s.Recall = float64(found) / float64(len(wanted))
	if len(s.Ranks) > 0 {
		s.RR = 1 / float64(s.Ranks[0])
	}
	return s
}

// discount is the gain of a relevant template at place i, from 0.
func discount(i int) float64 { return 1 / math.Log2(float64(i)+2) }

// distinct are the values without repetitions, in their order.
func distinct(values []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		was := seen[v]
		seen[v] = true
		return was
	})
}

// mean is the score of all answers together.
func mean(answers []answerScore) score {
	s := score{N: len(answers)}
	for _, a := range answers {
		s.NDCG += a.NDCG
		s.Recall += a.Recall
		s.MRR += a.RR
	}
	n := max(1, float64(len(answers)))
	s.NDCG, s.Recall, s.MRR = s.NDCG/n, s.Recall/n, s.MRR/n
	return s
}

// filterScore is how structured filters were kept: means over the N questions
// that have one, as eval_filters.py of the pack computes them, but that times
// are compared as times. A question without results counts 0 in all of them.
type filterScore struct {
	N      int     `json:"n"`
	Silent int     `json:"silent"`    // questions without a result
	Inside float64 `json:"precision"` // share of the first 10 results that lie within the filter
	Hit    float64 `json:"hit"`       // share of the questions with a relevant one among them
	P      float64 `json:"p"`         // relevant ones / first 10
	Recall float64 `json:"recall"`    // share of the relevant templates seen through them
}

// add adds one question's results, document IDs; those that are none of the
// pack's are passed over. It sums: finish makes means of it.
func (s *filterScore) add(p *pack, q *question, results []string) {
	s.N++
	results = slices.DeleteFunc(slices.Clone(results), func(id string) bool { _, known := p.documents[id]; return !known })
	results = results[:min(depth, len(results))]
	if len(results) == 0 {
		s.Silent++
		return
	}
	inside := distinct(slices.DeleteFunc(slices.Clone(results), func(id string) bool { return !p.documents[id].satisfies(q) }))
	within := 0
	for _, id := range results {
		if p.documents[id].satisfies(q) {
			within++
		}
	}
	var templates []string
	relevant := 0
	for _, id := range inside {
		if slices.Contains(q.RelevantDocs, id) {
			relevant++
			templates = append(templates, p.documents[id].template)
		}
	}
	s.Inside += float64(within) / float64(len(results))
	if relevant > 0 {
		s.Hit++
	}
	s.P += float64(relevant) / float64(len(results))
	s.Recall += float64(len(distinct(templates))) / float64(min(depth, len(q.Relevant)))
}

func (s *filterScore) finish() {
	n := max(1, float64(s.N))
	s.Inside, s.Hit, s.P, s.Recall = s.Inside/n, s.Hit/n, s.P/n, s.Recall/n
}
