package query

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/query/diagnose"
	"github.com/loglode/loglode/query/question"
)

const (
	// maxAbout bounds the objects that a question is taken to be about.
	maxAbout = 8
	// maxWorkloads bounds those that one word stands for: "payment" for
	// payment-api and payment-worker.
	maxWorkloads = 3
	// maxStrangers bounds the words that are said to be unknown.
	maxStrangers = 3
	// sampledLines is how many lines of a name are looked at to see what bears it.
	sampledLines = 100
)

// asked is what a question is about, as the store knows it.
type asked struct {
	about []diagnose.Object
	// services are those that write what is asked about, pods the pods that are
	// named themselves.
	services map[string]struct{}
	pods     []string
	// newest is the time of the newest entry of it, Unix ns; 0 for none.
	newest int64
	// places are namespaces that the question names, as far as they are known.
	places []question.Place
	// strangers are words of the question that may be names, where nothing is known
	// of any.
	strangers []string
}

// bearer is what of the store bears a name of the question.
type bearer struct {
	subject question.Subject
	objects []diagnose.Object
	// exact says that a pod's whole name was said.
	exact    bool
	services []string
	newest   int64
}

// readTopic finds out what the question is about, and which namespaces it names
// beside those that bind.
//
// What it names and the store does not know stays only where the question says
// plainly that it is a name and nothing else is known: entries that do not tell
// of pods may be about it, and else the answer is that nothing is known of it,
// not what is wrong with something else.
func (s *Service) readTopic(ctx context.Context, u *reading, topic question.Topic) (asked, error) {
	within := u.filter
	// What is silent for long, or says nothing of that level, is known all the same.
	within.From, within.To, within.Levels, within.Kinds, within.Patterns = 0, 0, nil, nil, nil
	places, err := s.knownPlaces(ctx, within, topic.Namespaces)
	if err != nil {
		return asked{}, err
	}
	var hints []string
	hints = append(hints, u.Filters.Namespaces...)
	for _, p := range places {
		if !slices.Contains(hints, p.Name) {
			hints = append(hints, p.Name)
		}
	}
	found, err := s.bearers(ctx, within, hints, topic.Subjects)
	if err != nil {
		return asked{}, err
	}
	found = explained(found, places)
	a := asked{services: map[string]struct{}{}, places: places}
	for i := range found {
		a.add(&found[i])
	}
	if len(a.about) == 0 {
		a.addUnknown(topic, hints)
	}
	if len(a.about)+len(places) == 0 {
		a.places, err = s.knownPlaces(ctx, within, namedAlone(topic.Subjects))
	}
	if len(a.about)+len(a.places) == 0 {
		a.strangers = strangers(topic.Subjects)
	}
	return a, err
}

// strangers are the words among subjects, in the question's order.
func strangers(subjects []question.Subject) []string {
	var words []question.Subject
	for _, s := range subjects {
		if s.Surety != question.Joined && !strings.HasSuffix(s.Names[0], "*") {
			words = append(words, s)
		}
	}
	slices.SortStableFunc(words, func(a, b question.Subject) int { return cmp.Compare(a.Start, b.Start) })
	var names []string
	for _, s := range words[:min(len(words), maxStrangers)] {
		names = append(names, s.Names[0])
	}
	return names
}

// namedAlone are subjects as namespaces: "is shop healthy?"
func namedAlone(subjects []question.Subject) []question.Place {
	var places []question.Place
	for _, s := range subjects {
		if len(s.Kinds) == 0 && !strings.HasSuffix(s.Names[0], "*") {
			places = append(places, question.Place{Span: s.Span, Name: s.Names[0], Surety: s.Surety})
		}
	}
	return places
}

// knownPlaces are the namespaces that the store knows.
func (s *Service) knownPlaces(ctx context.Context, within pipeline.Filter, places []question.Place) ([]question.Place, error) {
	known := make([]bool, len(places))
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(concurrency)
	for i, p := range places {
		work.Go(func() error {
			filter := within
			filter.Namespaces = both(within.Namespaces, p.Name)
			if filter.Namespaces == nil {
				return nil
			}
			page, err := s.lines(workCtx, pipeline.LineQuery{Filter: filter, Limit: 1})
			known[i] = len(page.Lines) > 0
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	var list []question.Place
	for i, p := range places {
		if known[i] {
			list = append(list, p)
		}
	}
	return list, nil
}

// both is what a filter's alternatives and one value leave: nil for nothing.
func both(alternatives []string, value string) []string {
	if len(alternatives) == 0 || slices.Contains(alternatives, value) {
		return []string{value}
	}
	return nil
}

// bearers looks the subjects up, and returns those that the store knows in their
// order.
func (s *Service) bearers(ctx context.Context, within pipeline.Filter, hints []string, subjects []question.Subject) ([]bearer, error) {
	found := make([]bearer, len(subjects))
	work, workCtx := errgroup.WithContext(ctx)
	work.SetLimit(concurrency)
	for i, subject := range subjects {
		work.Go(func() (err error) {
			found[i], err = s.bearerOf(workCtx, within, hints, subject)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(b bearer) bool { return len(b.objects) == 0 }), nil
}

// bearerOf looks for a subject in the namespaces that the question names, and
// then in all: of those, where it is, none is known.
func (s *Service) bearerOf(ctx context.Context, within pipeline.Filter, hints []string, subject question.Subject) (bearer, error) {
	if subject.Namespace != "" {
		hints = []string{subject.Namespace}
	}
	for _, hint := range hints {
		filter := within
		if filter.Namespaces = both(within.Namespaces, hint); filter.Namespaces == nil {
			continue
		}
		b, err := s.bearerWithin(ctx, filter, subject)
		if err != nil {
			return b, err
		}
		if len(b.objects) > 0 {
			for i := range b.objects {
				if b.objects[i].Kind != "Node" {
					b.objects[i].Namespace = hint
				}
			}
			return b, nil
		}
	}
	return s.bearerWithin(ctx, within, subject)
}

// A lookUp asks the store for what may bear a name, and makes objects of lines
// that it has.
type lookUp struct {
	narrow  func(f *pipeline.Filter, name string)
	objects func(lines []pipeline.Line, s question.Subject, name string) []diagnose.Object
	// exact says that a hit is a pod's whole name.
	exact bool
}

var (
	byPod       = lookUp{func(f *pipeline.Filter, name string) { f.Pods = []string{name} }, podsOf, true}
	byPods      = lookUp{func(f *pipeline.Filter, name string) { f.Pods = []string{name + "-*"} }, workloadsOf, false}
	byService   = lookUp{func(f *pipeline.Filter, name string) { f.Services = []string{name} }, serviceOf, false}
	byNode      = lookUp{func(f *pipeline.Filter, name string) { f.Nodes = []string{name, name + ".*"} }, nodesOf, false}
	byNodes     = lookUp{func(f *pipeline.Filter, name string) { f.Nodes = []string{name} }, nodesOf, false}
	byObject    = lookUp{narrowToEvents, eventObjectsOf, false}
	byContainer = lookUp{func(f *pipeline.Filter, name string) { f.Containers = []string{name} }, workloadsOf, false}
)

// narrowToEvents selects events whose object may bear a name: their service is
// that name, without what controllers append for some kinds.
func narrowToEvents(f *pipeline.Filter, name string) {
	f.Kinds = []pipeline.Kind{pipeline.KindEvent}
	f.Services = []string{name}
	if workload := normalise.WorkloadName(name); workload != name {
		f.Services = append(f.Services, workload)
	}
}

// lookUps are where to look for a subject, in this order. A plain word is no node
// and no object of another kind.
func lookUps(s question.Subject) []lookUp {
	if strings.HasSuffix(s.Names[0], "*") {
		if slices.Contains(s.Kinds, "Node") {
			return []lookUp{byNodes}
		}
		return []lookUp{byPod, byNodes}
	}
	if len(s.Kinds) > 0 {
		switch s.Kinds[0] {
		case "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob":
			return []lookUp{byPod, byService, byPods, byObject, byContainer}
		case "Node":
			return []lookUp{byNode}
		}
		return []lookUp{byObject}
	}
	if s.Surety >= question.Written {
		return []lookUp{byPod, byService, byPods, byNode, byContainer, byObject}
	}
	return []lookUp{byService, byPods, byContainer}
}

func (s *Service) bearerWithin(ctx context.Context, within pipeline.Filter, subject question.Subject) (bearer, error) {
	b := bearer{subject: subject}
	for _, look := range lookUps(subject) {
		for _, name := range subject.Names {
			filter := within
			look.narrow(&filter, name)
			page, err := s.lines(ctx, pipeline.LineQuery{Filter: filter, Limit: sampledLines})
			if err != nil {
				return b, err
			}
			// The look-up's own list took the place of one that binds.
			lines := slices.DeleteFunc(page.Lines, func(l pipeline.Line) bool { return !selects(within, &l.Entry) })
			if b.objects = look.objects(lines, subject, name); len(b.objects) > 0 {
				b.exact, b.newest = look.exact, lines[0].Time
				for i := range lines {
					if service := lines[i].Service; !slices.Contains(b.services, service) {
						b.services = append(b.services, service)
					}
				}
				return b, nil
			}
		}
	}
	return b, nil
}

// selects says whether a filter's names, without its namespaces and clusters,
// select an entry.
func selects(f pipeline.Filter, e *pipeline.Entry) bool {
	r := e.Resource
	if r == nil {
		r = &pipeline.Resource{}
	}
	oneOf := func(values []string, value string) bool {
		return len(values) == 0 || slices.ContainsFunc(values, func(v string) bool {
			prefix, cut := strings.CutSuffix(v, "*")
			return v == value || cut && strings.HasPrefix(value, prefix)
		})
	}
	return oneOf(f.Services, e.Service) && oneOf(f.Pods, r.Pod) && oneOf(f.Containers, r.Container) && oneOf(f.Nodes, r.Node)
}

// podsOf are the pods that bear a whole name, or begin with it.
func podsOf(lines []pipeline.Line, _ question.Subject, _ string) []diagnose.Object {
	return distinct(lines, func(e *pipeline.Entry) diagnose.Object {
		if e.Resource == nil || e.Resource.Pod == "" {
			return diagnose.Object{}
		}
		return diagnose.Object{Kind: "Pod", Name: e.Resource.Pod}
	})
}

func nodesOf(lines []pipeline.Line, _ question.Subject, _ string) []diagnose.Object {
	return distinct(lines, func(e *pipeline.Entry) diagnose.Object {
		if e.Resource == nil || e.Resource.Node == "" {
			return diagnose.Object{}
		}
		return diagnose.Object{Kind: "Node", Name: e.Resource.Node}
	})
}

// workloadsOf are what the pods of lines belong to.
func workloadsOf(lines []pipeline.Line, s question.Subject, _ string) []diagnose.Object {
	return distinct(lines, func(e *pipeline.Entry) diagnose.Object {
		if e.Resource == nil || e.Resource.Pod == "" {
			return diagnose.Object{}
		}
		return diagnose.Object{Kind: controllerKind(s), Name: normalise.WorkloadName(e.Resource.Pod)}
	})
}

// controllerKind is the kind that was said; what makes pods is no pod itself.
func controllerKind(s question.Subject) string {
	for _, kind := range s.Kinds {
		if kind != "Pod" {
			return kind
		}
	}
	return ""
}

// serviceOf is the name itself, unless a label gave it to pods of other names:
// then findings are about these.
func serviceOf(lines []pipeline.Line, s question.Subject, name string) []diagnose.Object {
	if len(lines) == 0 {
		return nil
	}
	named := diagnose.Object{Kind: controllerKind(s), Name: name}
	workloads := workloadsOf(lines, s, name)
	for _, o := range workloads {
		if o.Name == name {
			return []diagnose.Object{named}
		}
	}
	if len(workloads) > 0 {
		return workloads
	}
	if objects := eventObjectsOf(lines, s, name); len(objects) > 0 && len(s.Kinds) == 0 {
		return objects
	}
	return []diagnose.Object{named}
}

// eventObjectsOf are the objects of a name that events are about.
func eventObjectsOf(lines []pipeline.Line, s question.Subject, name string) []diagnose.Object {
	return distinct(lines, func(e *pipeline.Entry) diagnose.Object {
		if e.Event == nil || e.Event.ObjectName != name || len(s.Kinds) > 0 && !slices.Contains(s.Kinds, e.Event.ObjectKind) {
			return diagnose.Object{}
		}
		return diagnose.Object{Kind: e.Event.ObjectKind, Name: name}
	})
}

func distinct(lines []pipeline.Line, of func(*pipeline.Entry) diagnose.Object) []diagnose.Object {
	var objects []diagnose.Object
	for i := range lines {
		if o := of(&lines[i].Entry); !o.IsZero() && len(objects) < maxWorkloads && !slices.Contains(objects, o) {
			objects = append(objects, o)
		}
	}
	return objects
}

// explained orders what was found, the surest first, and drops what is part of a
// longer name that was found, or was meant as a namespace.
func explained(found []bearer, places []question.Place) []bearer {
	slices.SortStableFunc(found, func(a, b bearer) int {
		return cmp.Or(cmp.Compare(b.sureness(), a.sureness()), cmp.Compare(b.length(), a.length()))
	})
	var kept []bearer
	for _, b := range found {
		part := slices.ContainsFunc(kept, func(k bearer) bool { return k.subject.Overlaps(b.subject.Span) })
		// "in production": there is such a namespace, and only containers or
		// services that happen to be called so.
		place := b.subject.Surety == question.Word && slices.ContainsFunc(places, func(p question.Place) bool { return p.Overlaps(b.subject.Span) }) &&
			!slices.Contains(b.services, b.subject.Names[0])
		if !part && !place {
			kept = append(kept, b)
		}
	}
	return kept
}

func (b *bearer) sureness() int {
	if b.exact {
		return math.MaxInt
	}
	return int(b.subject.Surety)
}

func (b *bearer) length() int { return b.subject.End - b.subject.Start }

func (a *asked) add(b *bearer) {
	for _, o := range b.objects {
		if len(a.about) == maxAbout || slices.Contains(a.about, o) {
			continue
		}
		a.about = append(a.about, o)
		if o.Kind == "Pod" && b.exact {
			a.pods = append(a.pods, o.Name)
		}
	}
	a.newest = max(a.newest, b.newest)
	for _, service := range b.services {
		a.services[service] = struct{}{}
	}
}

// addUnknown adds what the question says plainly to be a name.
func (a *asked) addUnknown(topic question.Topic, hints []string) {
	for _, s := range topic.Subjects {
		if s.Surety < question.Said || len(a.about) == maxAbout || strings.HasSuffix(s.Names[0], "*") {
			continue
		}
		o := diagnose.Object{Name: s.Names[0], Namespace: s.Namespace}
		if len(s.Kinds) > 0 {
			o.Kind = s.Kinds[0]
		}
		if o.Namespace == "" && len(hints) == 1 && o.Kind != "Node" {
			o.Namespace = hints[0]
		}
		a.about = append(a.about, o)
	}
}
