package demo

import (
	"container/heap"
	"fmt"
	"time"
)

// step is something that happens at a time. Equal times keep their order.
type step struct {
	at    time.Time
	order int
	do    func()
}

// agenda is a heap of steps, by time.
type agenda []step

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(step)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (g *Generator) at(at time.Time, do func()) {
	g.order++
	heap.Push(&g.agenda, step{at, g.order, do})
}

// every does something again and again, each time after as long as it says.
func (g *Generator) every(from time.Time, do func(n int, at time.Time) time.Duration) {
	n := 0
	var again func(at time.Time)
	again = func(at time.Time) {
		g.at(at, func() {
			wait := do(n, at)
			n++
			again(at.Add(wait))
		})
	}
	again(from)
}

// line schedules a line of a pod.
func (g *Generator) line(at time.Time, p *pod, stream, text string, values map[string]string) {
	t := parse(text)
	g.at(at, func() { g.record(at, p, stream, t, values) })
}

// says has a pod of a workload write a line soon, and returns about how long it
// is until the next.
func (g *Generator) says(name, stream, text string, values map[string]string, about time.Duration) time.Duration {
	w := g.workload(name)
	p := w.pods[g.draws.rand.IntN(len(w.pods))]
	at := g.now.Add(time.Duration(g.draws.rand.IntN(900)) * time.Millisecond)
	g.line(at, p, stream, text, values)
	return about/2 + time.Duration(g.draws.rand.Int64N(int64(about)))
}

// journal schedules a line of a node's journal.
func (g *Generator) journal(at time.Time, node, unit, text string, values map[string]string) {
	t := parse(text)
	g.at(at, func() {
		g.draws.at, g.draws.values = at, values
		g.text = t.append(g.text[:0], &g.draws)
		b := append(g.buffer, `{"MESSAGE":"`...)
		b = appendQuoted(b, g.text)
		key := "_SYSTEMD_UNIT"
		if unit == "kernel" {
			key = "SYSLOG_IDENTIFIER"
		}
		g.buffer = fmt.Appendf(b, `","__REALTIME_TIMESTAMP":"%d","_HOSTNAME":%q,%q:%q}`+"\n", at.UnixMicro(), node, key, unit)
	})
}

// event schedules an event that happens once.
func (g *Generator) event(at time.Time, o object, kind, reason, component, host, message string) {
	g.series(o, kind, reason, component, host, message).seen(at)
}

// series is an event that may happen again: Kubernetes counts it up in the same
// object.
type series struct {
	g                                *Generator
	object                           object
	kind, reason, component, message string
	host, uid, objectUID, name       string
	count                            int
	first                            time.Time
}

func (g *Generator) series(o object, kind, reason, component, host, message string) *series {
	return &series{g: g, object: o, kind: kind, reason: reason, component: component, host: host, message: message,
		uid: uid(g.rand), objectUID: g.objectUID(o), name: fmt.Sprintf("%s.%016x", o.name, g.rand.Uint64()>>4)}
}

// objectUID is that of a pod of the shop; other objects have one of their own
// each time, which nothing is joined on.
func (g *Generator) objectUID(o object) string {
	for _, w := range g.workloads {
		for _, p := range w.pods {
			if o.kind == "Pod" && p.name == o.name {
				return p.uid
			}
		}
	}
	return uid(g.rand)
}

// seen schedules that it happens once more.
func (s *series) seen(at time.Time) {
	s.g.at(at, func() {
		if s.count == 0 {
			s.first = at
		}
		s.count++
		s.g.version++
		s.g.buffer = s.append(s.g.buffer, at)
	})
}

func (s *series) append(b []byte, at time.Time) []byte {
	field := ""
	if s.object.fieldPath != "" {
		field = fmt.Sprintf(`,"fieldPath":%q`, s.object.fieldPath)
	}
	host := ""
	if s.host != "" {
		host = fmt.Sprintf(`,"host":%q`, s.host)
	}
	b = fmt.Appendf(b, `{"apiVersion":"v1","kind":"Event","metadata":{"name":%q,"namespace":%q,"uid":%q,"resourceVersion":"%d","creationTimestamp":%q},"involvedObject":{"apiVersion":"v1","kind":%q,"namespace":%q,"name":%q,"uid":%q%s},"reason":%q,"message":"`,
		s.name, s.object.namespace, s.uid, s.g.version, s.first.Format(time.RFC3339), s.object.kind, s.object.namespace, s.object.name, s.objectUID, field, s.reason)
	b = appendQuoted(b, []byte(s.message))
	return fmt.Appendf(b, `","source":{"component":%q%s},"firstTimestamp":%q,"lastTimestamp":%q,"count":%d,"type":%q,"reportingComponent":%q}`+"\n",
		s.component, host, s.first.Format(time.RFC3339), at.Format(time.RFC3339), s.count, s.kind, s.component)
}
