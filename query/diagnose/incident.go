package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// nodeBefore is how much later than its pods' a node's failure may begin and
	// still be their cause, needBefore the same of what a failing thing needs: what is
	// logged is not logged at once.
	nodeBefore = time.Minute
	needBefore = 2 * time.Minute
)

// rank orders the faults of one workload, the likeliest cause first.
func rank(a, b *fault) int {
	return cmp.Or(
		compareBool(a.Over, b.Over),
		cmp.Compare(b.Depth, a.Depth),
		cmp.Compare(a.order, b.order),
		compareBool(b.sources&Events != 0, a.sources&Events != 0),
		cmp.Compare(b.Count, a.Count),
		cmp.Compare(a.First, b.First),
		strings.Compare(a.Subject.String(), b.Subject.String()),
	)
}

// compareBool sorts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// place is what faults are gathered under: a workload, an object, or the service
// of lines that name no object.
type place struct {
	object  Object
	service string
}

func (f *fault) place() place {
	if f.subject.IsZero() {
		return place{service: f.service}
	}
	return place{object: f.subject}
}

// web is the faults of a case by place, and what depends on what.
type web struct {
	scene  *scene
	places []place // in the order of their first fault
	at     map[place][]*fault
	// needs are what a place depends on, neededBy what depends on it.
	needs, neededBy map[place][]place
	began           map[place]int64   // see since
	reach           map[place][]place // see reached
}

func newWeb(s *scene) *web {
	w := &web{
		scene: s, at: map[place][]*fault{}, needs: map[place][]place{}, neededBy: map[place][]place{},
		began: map[place]int64{}, reach: map[place][]place{},
	}
	for _, f := range s.faults {
		p := f.place()
		if len(w.at[p]) == 0 {
			w.places = append(w.places, p)
		}
		w.at[p] = append(w.at[p], f)
		if first := w.began[p]; f.Depth > Context && (first == 0 || f.First < first) {
			w.began[p] = f.First
		}
	}
	for _, faults := range w.at {
		slices.SortStableFunc(faults, rank)
	}
	slices.SortStableFunc(w.places, func(a, b place) int {
		return cmp.Or(cmp.Compare(w.since(a), w.since(b)), strings.Compare(a.object.String()+a.service, b.object.String()+b.service))
	})
	for _, p := range w.places {
		w.link(p)
	}
	return w
}

// since is when a place began to fail; 0 where there is only context.
func (w *web) since(p place) int64 { return w.began[p] }

// link finds the places that one depends on.
func (w *web) link(p place) {
	for _, f := range w.at[p] {
		for _, q := range w.places {
			if q == p || !w.dependsOn(f, q) {
				continue
			}
			f.leads = append(f.leads, q)
			if !slices.Contains(w.needs[p], q) {
				w.needs[p] = append(w.needs[p], q)
				w.neededBy[q] = append(w.neededBy[q], p)
			}
		}
	}
}

func (w *web) dependsOn(f *fault, q place) bool {
	return w.needed(f, q) || w.onNode(f, q) || w.onClaim(f, q)
}

// onClaim says that a pod waits for a volume claim: the scheduler does not name
// it, so it is any of the namespace that stays unbound.
func (w *web) onClaim(f *fault, q place) bool {
	return f.Cause == CausePVCUnbound && f.subject.Kind == "" && q.object.Kind == "PersistentVolumeClaim" && q.object.Namespace == f.subject.Namespace
}

// needed says that a fault names the object of a place.
func (w *web) needed(f *fault, q place) bool {
	return slices.ContainsFunc(f.Needs, func(o Object) bool { return stands(o, q.object) }) && w.inTime(f, q, needBefore)
}

func (w *web) inTime(f *fault, q place, late time.Duration) bool {
	return w.since(q) <= f.First+int64(late)
}

// onNode says that a fault is of a pod on a failing node.
func (w *web) onNode(f *fault, q place) bool {
	return q.object.Kind == "Node" && f.Subject.Kind == "Pod" && w.scene.nodes[f.Subject] == q.object.Name && w.inTime(f, q, nodeBefore)
}

// stands says whether a needed object is what a subject's key names: a Service is
// the workload of its name.
func stands(need, subject Object) bool {
	if subject.IsZero() || need.Cluster != subject.Cluster && need.Cluster != "" && subject.Cluster != "" ||
		need.Namespace != "" && subject.Namespace != "" && need.Namespace != subject.Namespace {
		return false
	}
	if need.Kind == "Service" && subject.Kind == "" {
		return bare(need.Name) == bare(subject.Name)
	}
	k := need.key()
	return k.Kind == subject.Kind && k.Name == subject.Name
}

// bare is a Service's name without what names of Services add to a workload's.
func bare(name string) string {
	for _, suffix := range []string{"-headless", "-service", "-svc", "-master", "-primary", "-leader", "-rw", "-read"} {
		if head, ok := strings.CutSuffix(name, suffix); ok && head != "" {
			return head
		}
	}
	return name
}

// best is the likeliest cause at a place; nil where there is only context.
func (w *web) best(p place) *fault {
	for _, f := range w.at[p] {
		if f.Depth > Context {
			return f
		}
	}
	return nil
}

// root follows what depends on what, from a place to where the failure comes
// from.
func (w *web) root(p place) (place, *fault) {
	visited := map[place]bool{p: true}
	f := w.best(p)
	for f != nil && (f.Depth < Root || f.Over) {
		var next place
		var deeper *fault
		for _, q := range w.needs[p] {
			g := w.best(q)
			if visited[q] || g == nil || g.Over && !f.Over || g.Depth < f.Depth && g.Depth < Failure {
				continue
			}
			if deeper == nil || rank(g, deeper) < 0 {
				next, deeper = q, g
			}
		}
		if deeper == nil {
			break
		}
		visited[next] = true
		p, f = next, deeper
	}
	return p, f
}

// reached are the places that depend on p, directly or through others, p first,
// by when they began to fail.
func (w *web) reached(p place) []place {
	if list, known := w.reach[p]; known {
		return list
	}
	list, seen := []place{p}, map[place]bool{p: true}
	for i := 0; i < len(list); i++ {
		for _, q := range w.neededBy[list[i]] {
			if !seen[q] && w.best(q) != nil {
				seen[q] = true
				list = append(list, q)
			}
		}
	}
	rest := list[1:]
	slices.SortFunc(rest, func(a, b place) int {
		return cmp.Or(cmp.Compare(w.since(a), w.since(b)), strings.Compare(a.object.String()+a.service, b.object.String()+b.service))
	})
	w.reach[p] = list
	return list
}

// leadTo says that a fault is one for want of something at one of the places.
func (f *fault) leadTo(places map[place]bool) bool {
	return slices.ContainsFunc(f.leads, func(q place) bool { return places[q] })
}

func setOf(places []place) map[place]bool {
	set := make(map[place]bool, len(places))
	for _, p := range places {
		set[p] = true
	}
	return set
}

// cascade tells in which order the places began to fail, the root among them, and
// how many are left out.
func (w *web) cascade(at place, root *fault, places []place) (steps []Step, more int) {
	if len(places) < 2 {
		return nil, 0
	}
	told := setOf(places)
	for _, p := range places {
		var first *fault
		for _, f := range w.at[p] {
			if p != at && f.Depth > Context && f.leadTo(told) && (first == nil || f.First < first.First || f.First == first.First && rank(f, first) < 0) {
				first = f
			}
		}
		if first != nil {
			steps = append(steps, newStep(p, first))
		}
	}
	if len(steps) == 0 {
		return nil, 0
	}
	byTime := func(a, b Step) int { return cmp.Compare(a.Since, b.Since) }
	slices.SortStableFunc(steps, byTime)
	more = max(0, len(steps)-(maxSteps-1))
	steps = append([]Step{newStep(at, root)}, steps[:len(steps)-more]...)
	slices.SortStableFunc(steps, byTime)
	return steps, more
}

func newStep(p place, f *fault) Step {
	earliest := f.hits[len(f.hits)-1].sighting.Entry
	step := Step{Service: cmp.Or(p.object.Name, p.service), Cluster: p.object.Cluster, Namespace: p.object.Namespace,
		Since: f.First, Says: f.Says, Entry: earliest}
	return step
}

// confidence says how sure a fault is the cause of what befalls its place.
func (w *web) confidence(p place, f *fault) Confidence {
	sure := Low
	switch {
	case f.Depth == Root && f.sources&Events != 0, w.agree(p, f):
		sure = High
	case f.Count >= 3 || f.level >= pipeline.LevelError || f.Depth == Root:
		sure = Medium
	}
	if f.Over && sure == High {
		return Medium
	}
	return sure
}

// agree says that Kubernetes reports a failure where lines tell its cause, or the
// other way round.
func (w *web) agree(p place, f *fault) bool {
	if f.Depth < Failure {
		return false
	}
	return slices.ContainsFunc(w.at[p], func(g *fault) bool {
		return g != f && g.Depth > Context && (g.sources|f.sources)&Events != 0 && g.sources != f.sources
	})
}
