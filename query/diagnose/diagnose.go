package diagnose

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

const (
	// maxFindings and maxAlso bound what a diagnosis tells.
	maxFindings = 12
	maxAlso     = 5
	maxSteps    = 12
	// maxErrors is how many errors that no rule knows make it doubtful that a thing is
	// well, if they are one in errorShare entries or more.
	maxErrors  = 3
	errorShare = 10
	// maxWell bounds the entries that show that all is well.
	maxWell = 3
)

// Diagnose says what is wrong in a case, by a table of rules.
func Diagnose(t *Table, c Case) Diagnosis {
	s := newScene(t, c)
	s.find()
	w := newWeb(s)
	chosen := w.choose()
	if chosen == nil {
		return w.none()
	}
	return w.tell(*chosen)
}

// candidate is a place where the failure that was asked about may come from.
type candidate struct {
	asked, at  place
	fault      *fault
	confidence Confidence
	reach      []place
	by         Choice
}

// choose picks the cause: of what was asked about, of the services that the
// question leads to, or of everything.
func (w *web) choose() *candidate {
	switch {
	case len(w.scene.About) > 0:
		return w.chooseAbout()
	case len(w.scene.Services) > 0:
		if c := w.chooseService(); c != nil {
			c.by = ByService
			return c
		}
	}
	c := w.chooseAny()
	if c != nil {
		c.by = ByAll
	}
	return c
}

func (w *web) chooseAbout() *candidate {
	for _, o := range w.scene.About {
		if c := w.strongest(func(p place) bool { return w.about(p, o) }); c != nil {
			return c
		}
	}
	// Lines of plain files say of nobody whose they are.
	return w.strongest(func(p place) bool { return p.object.IsZero() })
}

func (w *web) chooseService() *candidate {
	for _, service := range w.scene.Services {
		c := w.strongest(func(p place) bool { return p.service == service || p.object.Name == service })
		if c != nil && (!c.fault.Over || c.fault.Depth == Root) && w.isTold(c) {
			return c
		}
	}
	return nil
}

// chooseAny names nothing that is over, nor what may be the noise of a healthy
// cluster.
func (w *web) chooseAny() *candidate {
	c := w.strongest(func(p place) bool {
		f := w.best(p)
		return f != nil && !f.Over && (len(w.scene.Namespaces) == 0 || slices.Contains(w.scene.Namespaces, p.object.Namespace))
	})
	if c == nil || c.fault.Over || !w.isTold(c) {
		return nil
	}
	return c
}

// isTold says that a fault is more than the noise of a healthy cluster may be:
// nothing plainly named what it befalls.
func (w *web) isTold(c *candidate) bool {
	return c.confidence != Low && (c.fault.Depth > Symptom || c.fault.sources&Events != 0)
}

// strongest follows each place to its root, and returns the one that says most.
func (w *web) strongest(in func(place) bool) *candidate {
	var best *candidate
	for _, p := range w.places {
		if !in(p) || w.best(p) == nil {
			continue
		}
		at, f := w.root(p)
		c := &candidate{asked: p, at: at, fault: f, confidence: w.confidence(at, f), reach: w.reached(at)}
		if best == nil || stronger(c, best) {
			best = c
		}
	}
	return best
}

func stronger(a, b *candidate) bool {
	return cmp.Or(
		compareBool(a.fault.Over, b.fault.Over),
		cmp.Compare(b.fault.Depth, a.fault.Depth),
		cmp.Compare(len(b.reach), len(a.reach)),
		compareBool(b.fault.sources&Events != 0, a.fault.sources&Events != 0),
		rank(a.fault, b.fault),
	) < 0
}

// nodeCauses are those that a pod's fault tells of its node.
var nodeCauses = map[Cause]bool{CauseNodeNotReady: true, CauseNodeCapacity: true, CauseDiskPressure: true, CauseClusterComponentDown: true}

// about says whether what stands at a place was asked about.
func (w *web) about(p place, o Object) bool {
	if o.Kind == "Namespace" {
		return p.object.Namespace == o.Name
	}
	if p.object.IsZero() {
		return p.service != "" && p.service == o.Workload()
	}
	if o.Kind == "Node" {
		return p.object.Kind == "Node" && p.object.Name == o.Name || slices.ContainsFunc(w.at[p], func(f *fault) bool {
			return nodeCauses[f.Cause] && f.Subject.Kind == "Pod" && w.scene.nodes[f.Subject] == o.Name
		})
	}
	return slices.ContainsFunc(w.at[p], func(f *fault) bool {
		return isAbout(f.Subject, o) || slices.ContainsFunc(f.Needs, func(need Object) bool { return need.Kind == o.Kind && isAbout(need, o) })
	})
}

// isAbout says whether an object is one that was asked about, of which not all
// may be known.
func isAbout(subject, asked Object) bool {
	known := func(a, b string) bool { return a != "" && b != "" && a != b }
	if subject.IsZero() || known(subject.Namespace, asked.Namespace) || known(subject.Cluster, asked.Cluster) {
		return false
	}
	workload := subject.IsWorkload() && (asked.IsWorkload() || asked.Kind == "Service")
	if asked.Kind != "" && subject.Kind != asked.Kind && !workload {
		return false
	}
	return subject.Name == asked.Name || subject.Workload() == asked.Workload() || bare(subject.Workload()) == bare(asked.Name) ||
		strings.HasPrefix(subject.Name, asked.Name+"-")
}

// tell makes the diagnosis of a candidate.
func (w *web) tell(c candidate) Diagnosis {
	f := c.fault
	places := c.reach
	if !slices.Contains(places, c.asked) {
		places = append(slices.Clone(places), c.asked)
	}
	d := Diagnosis{Cause: w.cause(c.at, f), Confidence: c.confidence, Object: w.named(f), By: c.by}
	if by := w.explainedBy(f); by != nil {
		d.Cause, d.Object = by.Cause, by.Needs[0]
	}
	if f.Depth == Sign {
		d.Cause, d.Confidence = CauseInsufficientData, ""
	}
	d.Findings = w.findings(c.at, f, places)
	d.Cascade, d.More = w.cascade(c.at, f, places)
	d.Changes = w.scene.changes(f.First, places)
	d.Next = commands(d.Cause, d.Object, f.Needs)
	d.Also = w.also(places)
	d.Summary = summarise(d, w.via(c))
	return d
}

// via is what befalls the thing that was asked about, where the cause is
// another's.
func (w *web) via(c candidate) *fault {
	if len(w.scene.About) == 0 || c.asked == c.at {
		return nil
	}
	for _, f := range w.at[c.asked] {
		if f.Depth > Context && slices.Contains(f.leads, c.at) {
			return f
		}
	}
	return w.best(c.asked)
}

// cause is that of a place's likeliest fault. A program that ends with an
// exception of its own and is started again and again is one that crashes.
func (w *web) cause(p place, f *fault) Cause {
	restarts := func(g *fault) bool { return g.Rule == "back-off" || g.Rule == "container-failed" }
	if f.Cause == CauseApplicationException && slices.ContainsFunc(w.at[p], restarts) {
		return CauseCrashLoopAppError
	}
	return f.Cause
}

// explainedBy is the context that explains a failure; nil where nothing that is
// named does.
func (w *web) explainedBy(f *fault) *fault {
	for _, p := range w.places {
		for _, g := range w.at[p] {
			if len(g.Needs) > 0 && slices.Contains(g.explains, f.Cause) && g.Needs[0].Namespace != "" && f.touches(g.Needs[0].Namespace) {
				return g
			}
		}
	}
	return nil
}

// touches says that a fault befalls a namespace, or that what it needs is there.
func (f *fault) touches(namespace string) bool {
	return f.Subject.Namespace == namespace || slices.ContainsFunc(f.Needs, func(o Object) bool { return o.Namespace == namespace })
}

// named is the object that the failure befalls: that which was asked about, where
// it is the same workload.
func (w *web) named(f *fault) Object {
	if len(w.scene.About) == 0 {
		if f.Subject.IsZero() && len(f.Needs) > 0 && f.Needs[0].Kind == "Pod" {
			return f.Needs[0]
		}
		return deployed(f.Subject)
	}
	if f.Subject.IsZero() {
		return w.member(f, w.scene.About[0])
	}
	for _, asked := range w.scene.About {
		if asked.Kind == "" || asked.Kind == "Pod" || asked.Kind == "Service" || !asked.IsWorkload() || !isAbout(f.Subject, asked) {
			continue
		}
		return Object{f.Subject.Cluster, asked.Kind, f.Subject.Namespace, asked.Name}
	}
	return deployed(f.Subject)
}

// deployed names a Deployment by its name rather than by that of its ReplicaSet,
// which nobody wrote.
func deployed(o Object) Object {
	if o.Kind == "ReplicaSet" && o.Workload() != o.Name {
		o.Kind, o.Name = "Deployment", o.Workload()
	}
	return o
}

// member is what a status names of a service that was asked about: of a message
// queue's nodes that which is cut off.
func (w *web) member(f *fault, asked Object) Object {
	for _, o := range f.Needs {
		if o.Kind == "Pod" && o.Workload() == asked.Workload() {
			return o
		}
	}
	return w.scene.member(asked)
}

// member is the only pod of a workload that was asked about; the workload where
// there are several.
func (s *scene) member(asked Object) Object {
	var only Object
	for key, pods := range s.members {
		if asked.Kind != "" || key.Name != asked.Workload() || asked.Namespace != "" && asked.Namespace != key.Namespace {
			continue
		}
		if len(pods) != 1 || !only.IsZero() {
			return asked
		}
		only = pods[0]
	}
	if only.IsZero() {
		return asked
	}
	return only
}

// findings are the cause, what else befell its place, and what came of it.
func (w *web) findings(at place, root *fault, places []place) []Finding {
	list, told := []Finding{root.Finding}, setOf(places)
	add := func(p place) {
		for _, f := range w.at[p] {
			if f == root || f.Depth == Context && f.Cause != root.Cause || len(list) >= maxFindings || p != at && !f.leadTo(told) {
				continue
			}
			list = append(list, f.Finding)
		}
	}
	add(at)
	for _, p := range places {
		if p != at {
			add(p)
		}
	}
	return list
}

// also are the faults of other incidents, most severe first.
func (w *web) also(told []place) []Finding {
	var others []*fault
	set := setOf(told)
	for _, p := range w.places {
		f := w.best(p)
		if set[p] || f == nil || f.Over || w.confidence(p, f) == Low {
			continue
		}
		if at, _ := w.root(p); at != p && !set[at] {
			continue // it is told of where it comes from
		}
		others = append(others, f)
	}
	slices.SortStableFunc(others, rank)
	var list []Finding
	for _, f := range others[:min(len(others), maxAlso)] {
		list = append(list, f.Finding)
	}
	return list
}

// none is the diagnosis where no fault was found: that all is well, where that
// was asked and entries show it, or that the entries do not hold an answer.
func (w *web) none() Diagnosis {
	d := Diagnosis{Cause: CauseInsufficientData}
	if len(w.scene.About) > 0 {
		d.Object = w.scene.About[0]
	}
	if w.scene.Ask == IsItWell {
		if f := w.scene.well(); f != nil {
			d.Cause, d.Confidence, d.Object, d.Findings = CauseNoFault, Medium, f.Subject, []Finding{*f}
			if len(w.scene.About) == 0 {
				d.Object = Object{}
			}
		}
	}
	d.Next = commands(d.Cause, d.Object, nil)
	d.Summary = summarise(d, nil)
	return d
}

// wellTexts are what things say that work.
var wellTexts = regexp.MustCompile(`(?i)\b(ready|running|started|healthy|listening|serving|succeeded|success|completed|available|up to date|200)\b`)

// well is a finding that shows the thing asked about at work; nil where nothing
// is heard of it, or errors are.
func (s *scene) well() *Finding {
	f := &Finding{Rule: "healthy", Cause: CauseNoFault, Says: "it is heard of, and says nothing of a fault"}
	var telling, other []*pipeline.Entry
	errors := int64(0)
	for i := range s.Sightings {
		e := s.Sightings[i].Entry
		if !s.concernsAsked(e) {
			continue
		}
		if e.Level >= pipeline.LevelError {
			errors += max(1, s.Sightings[i].Numbers.Count)
		}
		f.Count++
		if f.First == 0 || e.Time < f.First {
			f.First = e.Time
		}
		f.Last = max(f.Last, e.Time)
		if wellTexts.MatchString(e.Message[:min(len(e.Message), maxMatched)]) {
			telling = append(telling, e)
		} else {
			other = append(other, e)
		}
	}
	if f.Count == 0 || len(s.About) > 0 && errors >= maxErrors && errors*errorShare >= f.Count {
		return nil
	}
	newest := func(a, b *pipeline.Entry) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), strings.Compare(a.ID.String(), b.ID.String()))
	}
	slices.SortFunc(telling, newest)
	slices.SortFunc(other, newest)
	for _, e := range append(telling, other...) {
		if len(f.Evidence) < maxWell {
			f.Evidence = append(f.Evidence, Evidence{Entry: e})
		}
	}
	f.Subject = s.subjectOf(f.Evidence[0].Entry)
	return f
}

func (s *scene) concernsAsked(e *pipeline.Entry) bool {
	if len(s.About) == 0 {
		return true
	}
	subject := s.subjectOf(e)
	return slices.ContainsFunc(s.About, func(o Object) bool {
		return o.Kind == "Namespace" && subject.Namespace == o.Name || isAbout(subject, o)
	})
}
