package diagnose

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

const (
	// maxEvidence bounds the entries that show one finding.
	maxEvidence = 8
	// maxAlike bounds those of one pattern.
	maxAlike = 3
	// quietAfter and quietGaps say when a failure that is silent while its service
	// still speaks is over: after the longer of a fixed time and so many of its mean
	// gaps.
	quietAfter = 10 * time.Minute
	quietGaps  = 3
)

// groupKey is the pattern group that a line's numbers are of.
type groupKey struct {
	pattern                     pipeline.PatternID
	cluster, namespace, service string
	kind                        pipeline.Kind
}

func groupOf(e *pipeline.Entry) groupKey {
	k := groupKey{pattern: e.Pattern.ID, service: e.Service, kind: e.Kind}
	if e.Resource != nil {
		k.cluster, k.namespace = e.Resource.Cluster, e.Resource.Namespace
	}
	return k
}

// fault is a finding on its way: with what it is joined by.
type fault struct {
	Finding
	order   int // of its rule in the table
	subject Object
	service string // of its newest entry
	sources Sources
	level   pipeline.Level
	hits    []hit
	heard   int64
	// explains are causes that it turns into its own, leads the places that it is for
	// want of.
	explains []Cause
	leads    []place
}

// hit is a sighting that a rule matched.
type hit struct {
	sighting *Sighting
	match    Match
}

// scene is a case with what is looked up in it.
type scene struct {
	Case
	table  *Table
	events []*pipeline.Entry // by time
	// nodes are the nodes of pods, pods the pods of UIDs, members up to two pods of
	// each workload, heard the newest entry of each.
	nodes   map[Object]string
	told    map[Object]*pipeline.Entry // what told of a pod's node
	pods    map[string]Object
	members map[Object][]Object
	heard   map[Object]int64
	groups  map[groupKey]int
	faults  []*fault
	// cluster is the only one that is named, and so that of entries that name none:
	// events do not.
	cluster string
}

func newScene(t *Table, c Case) *scene {
	s := &scene{Case: c, table: t, nodes: map[Object]string{}, told: map[Object]*pipeline.Entry{}, pods: map[string]Object{}, members: map[Object][]Object{}, heard: map[Object]int64{}, groups: map[groupKey]int{}}
	s.cluster = onlyCluster(c.Sightings)
	for i := range c.Sightings {
		s.note(&c.Sightings[i])
	}
	slices.SortStableFunc(s.events, func(a, b *pipeline.Entry) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), strings.Compare(a.ID.String(), b.ID.String()))
	})
	return s
}

// onlyCluster is the cluster of all entries that name one; empty where they
// differ.
func onlyCluster(sightings []Sighting) string {
	only := ""
	for i := range sightings {
		r := sightings[i].Entry.Resource
		switch {
		case r == nil || r.Cluster == "" || r.Cluster == only:
		case only == "":
			only = r.Cluster
		default:
			return ""
		}
	}
	return only
}

// in is an object in the cluster that it must be in.
func (s *scene) in(o Object) Object {
	if o.Cluster == "" && !o.IsZero() {
		o.Cluster = s.cluster
	}
	return o
}

func (s *scene) subjectOf(e *pipeline.Entry) Object { return s.in(subjectOf(e)) }

// note remembers what an entry tells of where things are.
func (s *scene) note(sighting *Sighting) {
	e := sighting.Entry
	subject := s.subjectOf(e)
	if !subject.IsZero() {
		s.heard[subject.key()] = max(s.heard[subject.key()], e.Time)
	}
	if key := subject.key(); subject.Kind == "Pod" && len(s.members[key]) < 2 && !slices.Contains(s.members[key], subject) {
		s.members[key] = append(s.members[key], subject)
	}
	if r := e.Resource; r != nil && subject.Kind == "Pod" {
		s.pods[r.PodUID] = subject
		s.pods[attribute(e, "object.uid")] = subject
		if e.Kind == pipeline.KindLog {
			s.runsOn(subject, r.Node, e)
		}
	}
	if e.Kind != pipeline.KindEvent {
		s.groups[groupOf(e)]++
		return
	}
	s.events = append(s.events, e)
	if e.Event != nil && e.Event.Reason == "Scheduled" {
		if _, node, ok := strings.Cut(e.Message, " to "); ok && isName(node) {
			s.runsOn(subject, node, e)
		}
	}
}

// runsOn notes the node of a pod, as the newest entry that tells it says.
func (s *scene) runsOn(pod Object, node string, e *pipeline.Entry) {
	if told := s.told[pod]; node != "" && (told == nil || cmp.Or(cmp.Compare(e.Time, told.Time), strings.Compare(e.ID.String(), told.ID.String())) > 0) {
		s.told[pod], s.nodes[pod] = e, node
	}
}

// attribute is a text attribute of an entry; empty where there is none.
func attribute(e *pipeline.Entry, key string) string {
	for _, a := range e.Attributes {
		var text string
		if a.Key == key && json.Unmarshal([]byte(a.Value), &text) == nil {
			return text
		}
	}
	return ""
}

// find matches every sighting and gathers what a rule found for one subject.
func (s *scene) find() {
	type key struct {
		rule    string
		subject Object
		service string
	}
	order := map[string]int{}
	for i := range s.table.rules {
		order[s.table.rules[i].Name] = i
	}
	byKey := map[key]*fault{}
	for i := range s.Sightings {
		sighting := &s.Sightings[i]
		for _, m := range s.table.Match(sighting.Entry) {
			if uid := strings.ReplaceAll(m.Values["poduid"], "_", "-"); uid != "" && !s.pods[uid].IsZero() {
				pod := s.pods[uid]
				m.Subject = pod
			}
			m.Subject = s.in(m.Subject)
			for i := range m.Needs {
				m.Needs[i] = s.in(m.Needs[i])
			}
			k := key{rule: m.Rule.Name, subject: m.Subject.key()}
			if m.Subject.IsZero() {
				k.service = sighting.Entry.Service
			}
			f := byKey[k]
			if f == nil {
				f = &fault{Finding: Finding{Rule: m.Rule.Name, Cause: m.Rule.Cause, Depth: m.Rule.Depth}, order: order[m.Rule.Name], subject: k.subject}
				byKey[k] = f
				s.faults = append(s.faults, f)
			}
			f.hits = append(f.hits, hit{sighting, m})
		}
	}
	s.faults = slices.DeleteFunc(s.faults, func(f *fault) bool { return !s.complete(f) })
	s.faults = slices.DeleteFunc(s.faults, s.isTwice)
}

// isTwice says that a node tells of what befell a pod on it, by the same rule: a
// kernel's lines about a process that it killed, of which one names the pod.
func (s *scene) isTwice(f *fault) bool {
	return f.Subject.Kind == "Node" && slices.ContainsFunc(s.faults, func(g *fault) bool {
		return g.Rule == f.Rule && g.Subject.Kind == "Pod" && s.nodes[g.Subject] == f.Subject.Name
	})
}

// complete fills a fault in from its hits, and says whether it counts.
func (s *scene) complete(f *fault) bool {
	slices.SortStableFunc(f.hits, func(a, b hit) int {
		x, y := a.sighting.Entry, b.sighting.Entry
		return cmp.Or(cmp.Compare(y.Time, x.Time), strings.Compare(x.ID.String(), y.ID.String()))
	})
	newest := &f.hits[0]
	rule := newest.match.Rule
	f.Subject, f.service = newest.match.Subject, newest.sighting.Entry.Service
	f.Values = newest.match.Values
	f.explains = rule.Explains
	f.count(s.groups)
	if f.Count < rule.Least {
		return false
	}
	seen := map[Object]bool{}
	for _, h := range f.hits {
		for _, o := range h.match.Needs {
			if !seen[o] {
				seen[o] = true
				f.Needs = append(f.Needs, o)
			}
		}
		f.level = max(f.level, h.sighting.Entry.Level)
		f.sources |= sourceOf(h.sighting.Entry)
	}
	f.Says = fill(rule.Says, f.Values, f.Subject)
	f.Evidence = f.show()
	f.heard = max(f.heard, s.heard[f.subject])
	f.Over = s.cleared(f, rule.Cleared) || f.silent()
	return true
}

func sourceOf(e *pipeline.Entry) Sources {
	switch e.Kind {
	case pipeline.KindEvent:
		return Events
	case pipeline.KindNode:
		return Journal
	}
	return Logs
}

// count adds up how often it happened: a group's numbers once, where all that was
// seen of the group are hits, else the hits alone; of an event's versions the
// highest count.
func (f *fault) count(groups map[groupKey]int) {
	span := func(first, last int64) {
		if f.First == 0 || first < f.First {
			f.First = first
		}
		f.Last = max(f.Last, last)
	}
	mine := map[groupKey]int{}
	events := map[string]uint64{}
	for _, h := range f.hits {
		if e := h.sighting.Entry; e.Kind != pipeline.KindEvent {
			mine[groupOf(e)]++
		}
	}
	counted := map[groupKey]bool{}
	for _, h := range f.hits {
		e, n := h.sighting.Entry, h.sighting.Numbers
		f.heard = max(f.heard, n.Heard)
		k := groupOf(e)
		switch {
		case e.Kind == pipeline.KindEvent && e.Event != nil:
			events[e.Event.UID] = max(events[e.Event.UID], e.Event.Count)
			first := e.Time
			if at, err := time.Parse(time.RFC3339Nano, attribute(e, "first_time")); err == nil && at.UnixNano() < first && at.Year() > 1 {
				first = at.UnixNano()
			}
			span(first, e.Time)
		case n.Count > 0 && mine[k] == groups[k]:
			if !counted[k] {
				counted[k] = true
				f.Count += n.Count
				span(n.First, n.Last)
			}
		default:
			f.Count++
			span(e.Time, e.Time)
		}
	}
	for _, n := range events {
		f.Count += int64(n)
	}
}

// show picks the entries that say most: the newest of each text first, texts that
// name more before those that name less.
func (f *fault) show() []Evidence {
	var shown []Evidence
	texts := map[string]bool{}
	for _, h := range f.hits {
		e := h.sighting.Entry
		if texts[e.Message] {
			continue
		}
		texts[e.Message] = true
		shown = append(shown, Evidence{Entry: e, Start: h.match.Start, End: h.match.End})
	}
	patterns := map[pipeline.PatternID]int{}
	var first, rest []Evidence
	for _, e := range shown {
		id := e.Entry.Pattern.ID
		patterns[id]++
		switch n := patterns[id]; {
		case id.IsZero() || n == 1:
			first = append(first, e)
		case n <= maxAlike:
			rest = append(rest, e)
		}
	}
	shown = append(first, rest...)
	return shown[:min(len(shown), maxEvidence)]
}

// cleared says that a later event of the same object ends the fault.
func (s *scene) cleared(f *fault, reasons []string) bool {
	for i := len(s.events) - 1; i >= 0 && len(reasons) > 0; i-- {
		e := s.events[i]
		if e.Time <= f.Last {
			return false
		}
		if e.Event != nil && slices.Contains(reasons, e.Event.Reason) && s.subjectOf(e) == f.Subject {
			return true
		}
	}
	return false
}

// silent says that nothing tells of the fault any more, while its service is
// heard of.
func (f *fault) silent() bool {
	quiet := int64(quietAfter)
	if f.Count > 1 {
		quiet = max(quiet, quietGaps*(f.Last-f.First)/(f.Count-1))
	}
	return f.heard-f.Last > quiet
}

// fill puts values into a rule's sentence: {group}, {group|words}, {subject}.
func fill(says string, values map[string]string, subject Object) string {
	var b strings.Builder
	for {
		start := strings.IndexByte(says, '{')
		if start < 0 {
			b.WriteString(says)
			return b.String()
		}
		b.WriteString(says[:start])
		inner, rest, closed := strings.Cut(says[start+1:], "}")
		if !closed {
			b.WriteString(says[start:])
			return b.String()
		}
		name, words, _ := strings.Cut(inner, "|")
		value := plain(values[name])
		if name == "subject" {
			value = plain(subject.String())
		}
		b.WriteString(cmp.Or(value, words, "it"))
		says = rest
	}
}
