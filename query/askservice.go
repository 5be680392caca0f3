package query

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query/diagnose"
	"github.com/loglode/loglode/query/question"
)

const (
	// askAfter is how far an answer looks beyond the newest entry of what is asked
	// about: that its node was lost others tell afterwards, the node controller
	// after 40 s, evictions after 5 min.
	askAfter = 10 * time.Minute
	// leadHits is how many hits of a search may lead to services, leadServices to
	// how many, leadScore how good they must be: .4 without what a warning adds.
	// That is a cosine of .4, or words of the question that make up 45 % of its
	// weight; below it the patterns of any question lie.
	leadHits     = 10
	leadServices = 3
	leadScore    = .55
	// nearestHits is how many patterns are shown where there is no answer.
	nearestHits = 5
)

// NoAnswer is what an answer says first where the entries do not hold one.
const NoAnswer = "The logs do not hold an answer."

// Ask answers a question by rules, and words the answer by the Generator, if
// there is one:
//
//	question -> filters, times                      read
//	         -> objects, by what the store knows    readTopic
//	         -> a window of time                    window
//	         -> events, lines of promising patterns gather
//	         -> cause, cascade, changes             diagnose.Diagnose
//	         -> words                               word
//
// A request that cannot be understood is an error that wraps
// pipeline.ErrRejected and carries a hint. A Generator that fails leaves the
// rules' own words, and the response says so.
func (s *Service) Ask(ctx context.Context, r AskRequest) (AskResponse, error) {
	return s.ask(ctx, r, diagnosis{
		of:      func(c diagnose.Case) diagnose.Diagnosis { return diagnose.Diagnose(s.Rules, c) },
		explain: diagnose.Explain,
	})
}

// diagnosis is how a case is judged and told.
type diagnosis struct {
	of      func(diagnose.Case) diagnose.Diagnosis
	explain func(diagnose.Diagnosis) string
}

func (s *Service) ask(ctx context.Context, r AskRequest, by diagnosis) (AskResponse, error) {
	if s.Rules == nil {
		return AskResponse{}, rejectf("search instead", "this service has no rules to answer by")
	}
	if err := r.check(); err != nil {
		return AskResponse{}, err
	}
	q, err := s.readQuestion(ctx, r)
	if err != nil {
		return AskResponse{}, err
	}
	g, err := s.gather(ctx, q.filter, &q.asked)
	if err != nil {
		return AskResponse{}, err
	}
	if q.Services, err = q.leads(ctx); err != nil {
		return AskResponse{}, err
	}
	c := diagnose.Case{
		Ask: q.ask, About: q.about, Services: q.Services, Sightings: g.sightings, From: q.filter.From, To: q.filter.To,
	}
	if len(q.about) == 0 {
		c.Namespaces = q.Filters.Namespaces
	}
	d := by.of(c)
	response := newAskResponse(d)
	response.Looked = q.looked(g)
	response.Evidence = chooseEvidence(d, g.sightings, cmp.Or(r.Evidence, DefaultEvidence))
	if !response.Answered {
		if response.Nearest, err = q.nearest(ctx); err != nil {
			return AskResponse{}, err
		}
		response.Text = NoAnswer + " " + q.unknown() + response.Looked.words()
		if len(d.Findings) > 0 {
			response.Text = d.Summary + " " + response.Looked.words()
		}
	} else {
		caveat := q.caveat(d.By, &response)
		response.Elsewhere = caveat != ""
		response.Summary = caveat + response.Summary
		response.Text = caveat + by.explain(d)
	}
	if err := s.word(ctx, r.Query, d, &response); err != nil {
		return AskResponse{}, err
	}
	return response, nil
}

// askedQuestion is a question that is to be answered.
type askedQuestion struct {
	reading
	asked
	service *Service
	ask     diagnose.Ask
	topic   question.Topic
	// Services are those that the question's words lead to.
	Services []string
	// missing is a namespace that the question names and nothing is known of.
	missing string
}

// bindsAsked says which fields bind when something is asked about: where it is
// and how severe. What is named itself does not, for its cause is told by others:
// a database's lines count when checkout is asked about.
func bindsAsked(f question.Field) bool {
	return f == question.Cluster || f == question.Namespace || f == question.Level || f == question.Kind
}

func (s *Service) readQuestion(ctx context.Context, r AskRequest) (*askedQuestion, error) {
	u, err := s.read(ctx, phrasing{text: r.Query, given: r.Selection, literal: r.Literal, binds: bindsAsked})
	if err != nil {
		return nil, err
	}
	q := &askedQuestion{reading: u, service: s, topic: question.ReadTopic(u.Text)}
	if question.AsksWhetherWell(r.Query) {
		q.ask = diagnose.IsItWell
	}
	if q.asked, err = s.readTopic(ctx, &q.reading, q.topic); err != nil {
		return nil, err
	}
	if q.missing = q.unknownPlace(r.Selection); q.missing != "" {
		// Nothing is known of it: not what is wrong with something else.
		q.about = []diagnose.Object{{Kind: "Namespace", Name: q.missing}}
		q.services, q.places, q.strangers = nil, nil, nil
	}
	if !r.Literal {
		q.bindPlaces(r.Selection)
	}
	if err := q.window(ctx); err != nil {
		return nil, err
	}
	return q, nil
}

// unknownPlace is a namespace that the question plainly names and of which
// nothing is known; empty for none. One that may be is told by what is in it.
func (q *askedQuestion) unknownPlace(given Selection) string {
	if len(q.about)+len(q.places)+len(given.Namespaces)+len(q.Filters.Namespaces) > 0 {
		return ""
	}
	for _, p := range q.topic.Namespaces {
		if p.Surety == question.Said {
			return p.Name
		}
	}
	return ""
}

// bindPlaces makes filters of the namespaces that are all that is asked about.
// What belongs to none counts as well: lines and events of nodes, and of files
// without a namespace.
func (q *askedQuestion) bindPlaces(given Selection) {
	if len(given.Namespaces) == 0 && len(q.about) == 0 && len(q.Filters.Namespaces) == 0 {
		for _, p := range q.places {
			if !slices.Contains(q.Filters.Namespaces, p.Name) {
				q.Filters.Namespaces = append(q.Filters.Namespaces, p.Name)
				q.Read = append(q.Read, q.Text[p.Start:p.End])
			}
		}
		q.filter.Namespaces = q.Filters.Namespaces
	}
	if len(q.filter.Namespaces) > 0 {
		q.filter.Namespaces = append(slices.Clone(q.filter.Namespaces), "")
	}
}

// window bounds the time that is looked at, where the question does not: a day
// up to the newest entry of what is asked about. It has nothing to do with now:
// logs may be old.
func (q *askedQuestion) window(ctx context.Context) error {
	f := &q.filter
	if f.From != 0 && f.To != 0 {
		return nil
	}
	newest := q.asked.newest
	known := newest != 0 && newest >= f.From && (f.To == 0 || newest < f.To)
	var err error
	if !known {
		if newest, err = q.newestOf(ctx, *f); err != nil {
			return err
		}
	}
	if newest == 0 { // there is nothing
		newest = q.service.now().UnixNano()
	}
	switch {
	case f.To != 0:
	case known:
		beyond := *f
		beyond.To = newest + int64(askAfter) + 1
		last, err := q.newestOf(ctx, beyond)
		if err != nil {
			return err
		}
		f.To = max(newest, last) + 1
	default:
		f.To = max(newest, f.From) + 1
	}
	if f.From == 0 {
		f.From = max(1, newest-int64(DefaultAskSpan))
		if f.From >= f.To {
			f.From = max(1, f.To-int64(DefaultAskSpan))
		}
	}
	return nil
}

// newestOf is the time of the newest entry that a filter selects; 0 for none.
func (q *askedQuestion) newestOf(ctx context.Context, f pipeline.Filter) (int64, error) {
	page, err := q.service.lines(ctx, pipeline.LineQuery{Filter: f, Limit: 1})
	if err != nil || len(page.Lines) == 0 {
		return 0, err
	}
	return page.Lines[0].Time, nil
}

// selection is all that binds, with the window.
func (q *askedQuestion) selection() Selection {
	bound := q.Filters
	bound.From, bound.To = time.Unix(0, q.filter.From).UTC().Format(time.RFC3339Nano), time.Unix(0, q.filter.To).UTC().Format(time.RFC3339Nano)
	return bound
}

// leads are the services that the question's words lead to, where it names
// nothing.
func (q *askedQuestion) leads(ctx context.Context) ([]string, error) {
	words := slices.DeleteFunc(slices.Clone(q.topic.Words), func(w string) bool { return slices.Contains(q.Filters.Namespaces, w) })
	if len(q.about) > 0 || len(words) == 0 || q.service.Patterns == nil {
		return nil, nil
	}
	// Words that only ask count against what holds the others.
	found, err := q.service.Search(ctx, SearchRequest{
		Query: strings.Join(words, " "), Selection: q.selection(), Limit: leadHits, Examples: new(int), Literal: true,
	})
	if err != nil {
		return nil, err
	}
	var services []string
	for _, h := range found.Hits {
		trouble := h.Kind == pipeline.KindEvent.String() || isTrouble(h.Level)
		if h.Score > leadScore && trouble && len(services) < leadServices && !slices.Contains(services, h.Service) {
			services = append(services, h.Service)
		}
	}
	return services, nil
}

func isTrouble(name string) bool {
	level, err := pipeline.LevelByName(name)
	return err == nil && level >= pipeline.LevelWarn
}

// nearest are the patterns nearest to the question.
func (q *askedQuestion) nearest(ctx context.Context) ([]Hit, error) {
	if q.service.Patterns == nil {
		return []Hit{}, nil
	}
	examples := 1
	found, err := q.service.Search(ctx, SearchRequest{Query: q.Text, Selection: q.selection(), Limit: nearestHits, Examples: &examples, Literal: true})
	return found.Hits, err
}

func (q *askedQuestion) looked(g *gathered) Looked {
	l := Looked{
		About: []string{}, Filters: q.Filters, Read: q.Read, From: utc(q.filter.From), To: utc(q.filter.To),
		Patterns: g.patterns, PatternsRead: g.patternsRead, Events: g.events, Truncated: g.truncated,
	}
	for _, o := range q.about {
		l.About = append(l.About, o.String())
	}
	return l
}

// unknown says that nothing is known of what was asked about; empty where
// something is.
func (q *askedQuestion) unknown() string {
	if len(q.about) == 0 || len(q.services) > 0 {
		return ""
	}
	return fmt.Sprintf("No entry is known to be of %s. ", Printable(q.about[0].String()))
}

// caveat says that a fault may not be what was asked about: of what the question
// names nothing is known, and the evidence does not hold it. Empty where it does.
func (q *askedQuestion) caveat(by diagnose.Choice, r *AskResponse) string {
	if !r.Cause.IsFault() {
		return ""
	}
	if unknown := q.unknown(); unknown != "" && (r.Object == nil || r.Object.Name != q.about[0].Name) {
		return unknown + "This is wrong with what is like it: "
	}
	if len(q.strangers) == 0 || by != diagnose.ByAll {
		return ""
	}
	for _, word := range q.strangers {
		for i := range r.Evidence {
			if strings.Contains(strings.ToLower(r.Evidence[i].Text), word) {
				return ""
			}
		}
	}
	return `Nothing is called "` + strings.Join(q.strangers, `", "`) + `". Of all else, this is wrong: `
}

func utc(unixNano int64) time.Time { return time.Unix(0, unixNano).UTC() }

// words say what was looked at.
func (l Looked) words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Looked at %s and %s of log lines", amount(l.Events, "event"), amount(l.PatternsRead, "pattern"))
	if l.PatternsRead < l.Patterns {
		fmt.Fprintf(&b, " (of %d)", l.Patterns)
	}
	fmt.Fprintf(&b, ", from %s to %s", l.From.Format(time.RFC3339), l.To.Format(time.RFC3339))
	if len(l.About) > 0 {
		fmt.Fprintf(&b, ", for %s", Printable(strings.Join(l.About, ", ")))
	}
	b.WriteByte('.')
	return b.String()
}

func amount(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// newAskResponse shows a diagnosis, without its words and evidence.
func newAskResponse(d diagnose.Diagnosis) AskResponse {
	r := AskResponse{
		Answered: d.Cause.IsFault() || d.Cause == diagnose.CauseNoFault,
		Cause:    d.Cause, Meaning: d.Cause.Meaning(), Summary: d.Summary,
		CascadeMore: d.More, Cascade: []AskStep{}, Changes: []AskChange{}, Next: []AskCommand{}, Also: []AskFault{}, Nearest: []Hit{},
	}
	if !r.Answered {
		r.Cause, r.Meaning = diagnose.CauseInsufficientData, diagnose.CauseInsufficientData.Meaning()
	} else {
		r.Confidence = d.Confidence
	}
	if !d.Object.IsZero() {
		r.Object = &d.Object
	}
	if d.Cause.IsFault() && len(d.Findings) > 0 {
		f := &d.Findings[0]
		since, last := utc(f.First), utc(f.Last)
		r.Since, r.Last, r.Count, r.Over = &since, &last, f.Count, f.Over
	}
	for _, step := range d.Cascade {
		r.Cascade = append(r.Cascade, AskStep{Cluster: step.Cluster, Namespace: step.Namespace, Service: step.Service,
			Since: utc(step.Since), Says: step.Says, ID: idOf(step.Entry)})
	}
	for _, change := range d.Changes {
		r.Changes = append(r.Changes, AskChange{Time: utc(change.At), Object: change.Object, Says: change.Says, ID: idOf(change.Entry)})
	}
	for _, command := range d.Next {
		r.Next = append(r.Next, AskCommand(command))
	}
	for i := range d.Also {
		f := &d.Also[i]
		fault := AskFault{Cause: f.Cause, Object: f.Subject, Says: f.Says, Since: utc(f.First), Count: f.Count}
		if len(f.Evidence) > 0 {
			fault.ID = idOf(f.Evidence[0].Entry)
		}
		r.Also = append(r.Also, fault)
	}
	return r
}

func idOf(e *pipeline.Entry) string {
	if e == nil {
		return ""
	}
	return e.ID.String()
}
