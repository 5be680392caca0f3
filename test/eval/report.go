package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// report is everything that was measured: the form of -o json.
type report struct {
	Pack      string      `json:"pack"`
	Load      loaded      `json:"load"`
	Retrieval []retrieval `json:"retrieval"`
	// Read is how many questions had a filter or a time read out of them.
	Read      int          `json:"read"`
	Questions []asked      `json:"questions"`
	Parse     []parseScore `json:"parse"`
	// Diagnoses are the scenarios, Alarms the questions to healthy logs and to the
	// demo's incidents.
	Diagnoses []diagnosis `json:"diagnoses"`
	Alarms    *alarms     `json:"alarms"`
}

// retrieval is the score of all questions, asked in one way.
type retrieval struct {
	Filters      string           `json:"filters"` // all, system, none
	Leg          string           `json:"leg"`     // fused, text, vector
	All          score            `json:"all"`
	ByDifficulty map[string]score `json:"by_difficulty"`
	BySystem     map[string]score `json:"by_system"`
	// Structured is of the questions with a structured filter.
	Structured *filterScore `json:"structured"`
}

// asked is what became of one question.
type asked struct {
	ID         string `json:"id"`
	System     string `json:"system"`
	Difficulty string `json:"difficulty"`
	Query      string `json:"query"`
	// Read are the phrases that became filters when it was asked without any.
	Read []string `json:"read"`
	// Scores are by way of asking: "all/fused".
	Scores map[string]answerScore `json:"scores"`
}

// lexicalNatural joins two difficulties: the questions that share words with
// what they ask for.
const lexicalNatural = "lexical+natural"

// scoreRun scores results, the documents that each question of the pack was
// answered with, best first. It also returns each question's own score.
func scoreRun(p *pack, results [][]string) (retrieval, []answerScore) {
	r := retrieval{Structured: &filterScore{}}
	groups := newGroups()
	scores := make([]answerScore, len(p.questions))
	for i := range p.questions {
		q := &p.questions[i]
		templates := make([]string, len(results[i]))
		for j, id := range results[i] {
			templates[j] = p.template(id)
		}
		scores[i] = scoreAnswer(templates, q.Relevant)
		groups.add(q, scores[i])
		if q.Structured != nil {
			r.Structured.add(p, q, results[i])
		}
	}
	r.Structured.finish()
	r.All, r.ByDifficulty, r.BySystem = groups.means()
	return r, scores
}

// groups collects the answers of one way of asking.
type groups struct {
	all                    []answerScore
	byDifficulty, bySystem map[string][]answerScore
}

func newGroups() *groups {
	return &groups{byDifficulty: map[string][]answerScore{}, bySystem: map[string][]answerScore{}}
}

func (g *groups) add(q *question, a answerScore) {
	g.all = append(g.all, a)
	g.byDifficulty[q.Difficulty] = append(g.byDifficulty[q.Difficulty], a)
	if q.Difficulty == "lexical" || q.Difficulty == "natural" {
		g.byDifficulty[lexicalNatural] = append(g.byDifficulty[lexicalNatural], a)
	}
	g.bySystem[q.Filters.System] = append(g.bySystem[q.Filters.System], a)
}

func (g *groups) means() (all score, byDifficulty, bySystem map[string]score) {
	return mean(g.all), means(g.byDifficulty), means(g.bySystem)
}

func means(answers map[string][]answerScore) map[string]score {
	scores := make(map[string]score, len(answers))
	for name, a := range answers {
		scores[name] = mean(a)
	}
	return scores
}

// values are all numbers by name, as floor files have them:
//
//	retrieval/<all, system, none>/<leg>/<all, a difficulty or system=NAME>/<ndcg, recall, mrr>
//	structured/<filters>/<leg>/<precision, hit, p, recall>
//	parse/<file>/<ga, fga, pga, rga, lines_per_second>
//	diagnosis/<evidence, evidence_strings, object, cause, keywords, unanswerable>
//	diagnosis/<false_alarms, demo>
func (r *report) values() map[string]float64 {
	values := map[string]float64{}
	for _, one := range r.Retrieval {
		way := one.Filters + "/" + one.Leg + "/"
		put := func(group string, s score) {
			name := "retrieval/" + way + group
			values[name+"/ndcg"], values[name+"/recall"], values[name+"/mrr"] = s.NDCG, s.Recall, s.MRR
		}
		put("all", one.All)
		for name, s := range one.ByDifficulty {
			put(name, s)
		}
		for name, s := range one.BySystem {
			put("system="+name, s)
		}
		if s := one.Structured; s.N > 0 {
			name := "structured/" + way
			values[name+"precision"], values[name+"hit"], values[name+"p"], values[name+"recall"] = s.Inside, s.Hit, s.P, s.Recall
		}
	}
	for _, s := range r.Parse {
		name := "parse/" + s.Name
		values[name+"/ga"], values[name+"/fga"], values[name+"/pga"], values[name+"/rga"] = s.GA, s.FGA, s.PGA, s.RGA
		values[name+"/lines_per_second"] = s.LinesPerSecond
	}
	diagnosisValues(r.Diagnoses, values)
	if r.Alarms != nil {
		r.Alarms.values(values)
	}
	return values
}

// table writes the report for people.
func (r *report) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n", r.Pack)
	if len(r.Questions) > 0 {
		r.loadTable(w)
		r.difficultyTable(w)
		r.systemTable(w)
		r.structuredTable(w)
	}
	if len(r.Parse) > 0 {
		r.parseTable(w)
	}
	r.diagnosisTable(w)
	return w.Flush()
}

// sorted are the ways of asking, the legs of a filtering together.
func (r *report) sorted() []retrieval {
	ways := slices.Clone(r.Retrieval)
	slices.SortStableFunc(ways, func(a, b retrieval) int { return cmp.Compare(a.Filters, b.Filters) })
	return ways
}

func (r *report) loadTable(w io.Writer) {
	fmt.Fprintf(w, "%d lines, %d entries indexed in %.1f s; %d of %d documents are no entry of their own\n",
		r.Load.Lines, r.Load.Indexed, r.Load.Seconds, r.Load.Missing, r.Load.Documents)
	fmt.Fprintf(w, "%d pattern documents, all with vectors %.1f s later\n", r.Load.Patterns, r.Load.Waited)
	fmt.Fprintf(w, "%d questions; a filter or time was read out of %d of them\n", len(r.Questions), r.Read)
}

func (r *report) difficultyTable(w io.Writer) {
	names := slices.Sorted(maps.Keys(r.Retrieval[0].ByDifficulty))
	fmt.Fprintf(w, "\nnDCG@10/R@10/MRR\nfilters\tleg\tall")
	for _, name := range names {
		fmt.Fprintf(w, "\t%s", name)
	}
	fmt.Fprintf(w, "\n\tquestions\t%d", r.Retrieval[0].All.N)
	for _, name := range names {
		fmt.Fprintf(w, "\t%d", r.Retrieval[0].ByDifficulty[name].N)
	}
	for _, one := range r.sorted() {
		fmt.Fprintf(w, "\n%s\t%s\t%s", one.Filters, one.Leg, one.All)
		for _, name := range names {
			fmt.Fprintf(w, "\t%s", one.ByDifficulty[name])
		}
	}
	fmt.Fprintln(w)
}

// String is the form of the pack's own tables.
func (s score) String() string { return fmt.Sprintf("%.3f/%.3f/%.3f", s.NDCG, s.Recall, s.MRR) }

func (r *report) systemTable(w io.Writer) {
	fmt.Fprintf(w, "\nnDCG@10/R@10/MRR\nsystem\tquestions\tfilters")
	for _, leg := range legs {
		fmt.Fprintf(w, "\t%s", leg)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Retrieval[0].BySystem)) {
		filters := ""
		for _, one := range r.sorted() {
			if one.Filters != filters {
				filters = one.Filters
				fmt.Fprintf(w, "\n%s\t%d\t%s", name, one.BySystem[name].N, filters)
			}
			fmt.Fprintf(w, "\t%s", one.BySystem[name])
		}
	}
	fmt.Fprintln(w)
}

func (r *report) structuredTable(w io.Writer) {
	if r.Retrieval[0].Structured.N == 0 {
		return
	}
	fmt.Fprintf(w, "\nThe %d questions with a structured filter\nfilters\tleg\tprecision@10\thit@10\tP@10\ttmplR@10\tno results\n", r.Retrieval[0].Structured.N)
	for _, one := range r.sorted() {
		s := one.Structured
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%d\n", one.Filters, one.Leg, s.Inside, s.Hit, s.P, s.Recall, s.Silent)
	}
}

func (r *report) parseTable(w io.Writer) {
	fmt.Fprintf(w, "\npatterns of\tlines\ttruth\tfound\tGA\tFGA\tPGA\tRGA\tlines/s\n")
	for _, s := range r.Parse {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.0f\n", s.Name, s.Lines, s.Truth, s.Found, s.GA, s.FGA, s.PGA, s.RGA, s.LinesPerSecond)
	}
}
