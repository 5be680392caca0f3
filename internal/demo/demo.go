// Package demo writes the logs, node journals and events of a small shop that
// does not exist: for `loglode demo`, and for load tests.
//
//	shop (what services say) ---rate---------------> +-------+
//	incidents (what goes wrong, when) -> schedule -> | Write | -> Fluent Bit records,
//	                                                 +-------+    journal entries, Events
//
// All of it is a function of the Options: the same give the same bytes.
package demo

import (
	"container/heap"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cluster is the shop's.
const Cluster = "demo"

// Alphabets of generated names: see k8s.io/apimachinery/pkg/util/rand.
const (
	randomAlphabet = "bcdfghjklmnpqrstvwxz2456789"
	hashAlphabet   = "456789bcdf"
)

var nodes = []string{"demo-node-1", "demo-node-2", "demo-node-3"}

// Options are what a Generator is made of.
type Options struct {
	Seed uint64
	// Start is the time of the first line.
	Start time.Time
	// Rate is how many lines a second the shop writes when all is well; what
	// incidents add is extra.
	Rate float64
	// Incidents are the names of those that happen; nil means all.
	Incidents []string
}

// Generator writes a shop's logs. It is for one goroutine.
type Generator struct {
	rand      *rand.Rand // of the shop
	draws     draws
	workloads []*workload
	byName    map[string]*workload
	// pick holds each workload as often as its share is.
	pick    []*workload
	ticks   int64
	start   time.Time
	rate    float64
	agenda  agenda
	order   int
	version int
	now     time.Time // of the step that is at work
	buffer  []byte
	text    []byte
	second  int64 // that stamp is of
	stamp   []byte
}

// object is what an event is about.
type object struct{ kind, namespace, name, fieldPath string }

// workload is a service with its pods.
type workload struct {
	service
	pods  []*pod
	lines []weighted
	total int
}

type weighted struct {
	upTo   int
	stream string
	text   template
}

type pod struct {
	name, uid, node, set, namespace, container string
	tail                                       []byte // of its records, behind the text
}

func (p *pod) object() object {
	return object{"Pod", p.namespace, p.name, "spec.containers{" + p.container + "}"}
}

// New makes a generator. An incident that is not known is an error that names
// those that are.
func New(o Options) (*Generator, error) {
	if o.Rate < 0 {
		return nil, fmt.Errorf("a rate of %g lines a second is negative", o.Rate)
	}
	g := &Generator{
		rand: rand.New(rand.NewPCG(o.Seed, 1)), byName: map[string]*workload{}, start: o.Start.UTC().Truncate(time.Millisecond), rate: o.Rate, version: 1000,
	}
	g.draws.rand = rand.New(rand.NewPCG(o.Seed, 2))
	for _, s := range shop() {
		g.addWorkload(s)
	}
	known := Incidents()
	names := make([]string, len(known))
	for i, incident := range known {
		names[i] = incident.Name
	}
	for _, name := range o.Incidents {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("incident %q is none of %s", name, strings.Join(names, ", "))
		}
	}
	g.ordinary()
	for _, incident := range known {
		if o.Incidents == nil || slices.Contains(o.Incidents, incident.Name) {
			at := g.start.Add(incident.After)
			g.at(at, func() { incident.begin(g, at) })
		}
	}
	return g, nil
}

func (g *Generator) addWorkload(s service) {
	w := &workload{service: s}
	for _, l := range s.lines {
		w.total += l.weight
		w.lines = append(w.lines, weighted{w.total, l.stream, parse(l.text)})
	}
	g.byName[s.name] = w
	g.workloads = append(g.workloads, w)
	set := s.name + "-" + g.letters(hashAlphabet, 9)
	for i := range s.replicas {
		w.pods = append(w.pods, g.makePod(w, set, i))
	}
	for range s.share {
		g.pick = append(g.pick, w)
	}
}

// letters draws n letters that hold a digit, as every template hash of length
// does.
func (g *Generator) letters(alphabet string, n int) string {
	for {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[g.rand.IntN(len(alphabet))]
		}
		if strings.ContainsAny(string(b), "456789") {
			return string(b)
		}
	}
}

func (g *Generator) makePod(w *workload, set string, ordinal int) *pod {
	p := &pod{uid: uid(g.rand), node: nodes[g.rand.IntN(len(nodes))], set: set, namespace: w.namespace, container: w.container}
	labels := `"app.kubernetes.io/name":"` + w.name + `"`
	switch w.kind {
	case "StatefulSet":
		p.name = w.name + "-" + strconv.Itoa(ordinal)
	case "DaemonSet":
		p.name, p.node = w.name+"-"+g.letters(randomAlphabet, 5), nodes[ordinal%len(nodes)]
	default:
		p.name = set + "-" + g.letters(randomAlphabet, 5)
		labels += `,"pod-template-hash":"` + strings.TrimPrefix(set, w.name+"-") + `"`
	}
	p.tail = fmt.Appendf(nil, `","kubernetes":{"namespace_name":%q,"pod_name":%q,"pod_id":%q,"container_name":%q,"container_image":%q,"host":%q,"labels":{%s}}}`+"\n",
		w.namespace, p.name, p.uid, w.container, w.image, p.node, labels)
	return p
}

// newPod makes a pod of another version of a workload, which takes no part in
// its ordinary lines.
func (g *Generator) newPod(w *workload) *pod {
	return g.makePod(w, w.name+"-"+g.letters(hashAlphabet, 9), 0)
}

func (g *Generator) workload(name string) *workload { return g.byName[name] }

// ordinary schedules what a healthy cluster tells beside its services' lines.
func (g *Generator) ordinary() {
	for _, node := range nodes {
		g.every(g.start.Add(time.Duration(g.rand.IntN(20))*time.Second), func(n int, at time.Time) time.Duration {
			l := nodeLines[n%len(nodeLines)]
			g.journal(at, node, l.unit, l.text, nil)
			return time.Duration(15+g.draws.rand.IntN(20)) * time.Second
		})
	}
	// A readiness probe fails while a pod starts, and then it is ready.
	p := g.workload("catalog").pods[0]
	unhealthy := g.series(p.object(), "Warning", "Unhealthy", "kubelet", p.node, `Readiness probe failed: Get "http://10.244.1.17:8080/readyz": dial tcp 10.244.1.17:8080: connect: connection refused`)
	g.event(g.start.Add(5*time.Second), p.object(), "Normal", "Started", "kubelet", p.node, "Started container catalog")
	g.at(g.start.Add(7*time.Second), func() { unhealthy.seen(g.start.Add(7 * time.Second)) })
	g.every(g.start.Add(45*time.Second), func(n int, at time.Time) time.Duration {
		g.nightly(n, at)
		return 10 * time.Minute
	})
}

// nightly is a CronJob's run, which succeeds.
func (g *Generator) nightly(_ int, at time.Time) {
	job := "price-import-" + strconv.FormatInt(at.Unix()/60, 10)
	name := job + "-" + g.letters(randomAlphabet, 5)
	node := nodes[g.rand.IntN(len(nodes))]
	p := object{"Pod", "shop", name, "spec.containers{import}"}
	g.event(at, object{"Job", "shop", job, ""}, "Normal", "SuccessfulCreate", "job-controller", "", "Created pod: "+name)
	g.event(at.Add(time.Second), p, "Normal", "Scheduled", "default-scheduler", "", "Successfully assigned shop/"+name+" to "+node)
	g.event(at.Add(2*time.Second), p, "Normal", "Pulled", "kubelet", node, `Container image "registry.shop.example/price-import:v1.2.0" already present on machine`)
	g.event(at.Add(3*time.Second), p, "Normal", "Started", "kubelet", node, "Started container import")
	g.event(at.Add(40*time.Second), object{"Job", "shop", job, ""}, "Normal", "Completed", "job-controller", "", "Job completed")
}

// Write writes all records from where the generator stood up to until, which is
// exclusive, in the order of their times, one a line.
func (g *Generator) Write(w io.Writer, until time.Time) (lines int64, err error) {
	const flush = 256 << 10
	g.buffer = g.buffer[:0]
	for {
		at, ordinary := g.nextLine()
		if len(g.agenda) > 0 && (!ordinary || !g.agenda[0].at.After(at)) {
			if !g.agenda[0].at.Before(until) {
				break
			}
			step := heap.Pop(&g.agenda).(step)
			before := len(g.buffer)
			g.now = step.at
			step.do()
			if len(g.buffer) > before {
				lines++
			}
		} else {
			if !ordinary || !at.Before(until) {
				break
			}
			g.ordinaryLine(at)
			lines++
		}
		if len(g.buffer) > flush {
			if _, err := w.Write(g.buffer); err != nil {
				return lines, fmt.Errorf("write records: %w", err)
			}
			g.buffer = g.buffer[:0]
		}
	}
	if _, err := w.Write(g.buffer); err != nil {
		return lines, fmt.Errorf("write records: %w", err)
	}
	return lines, nil
}

// nextLine is when the next ordinary line is due.
func (g *Generator) nextLine() (time.Time, bool) {
	if g.rate == 0 {
		return time.Time{}, false
	}
	return g.start.Add(time.Duration(float64(g.ticks) / g.rate * float64(time.Second))), true
}

func (g *Generator) ordinaryLine(at time.Time) {
	g.ticks++
	r := g.rand
	w := g.pick[r.IntN(len(g.pick))]
	if len(w.pods) == 0 {
		w = g.byName["frontend"]
	}
	n := r.IntN(w.total)
	i := 0
	for w.lines[i].upTo <= n {
		i++
	}
	g.record(at, w.pods[r.IntN(len(w.pods))], w.lines[i].stream, w.lines[i].text, nil)
}

// record appends a container's line as Fluent Bit writes it.
func (g *Generator) record(at time.Time, p *pod, stream string, text template, values map[string]string) {
	g.draws.at, g.draws.values = at, values
	g.text = text.append(g.text[:0], &g.draws)
	b := append(g.buffer, `{"time":"`...)
	b = g.appendTime(b, at)
	b = append(b, `","stream":"`...)
	b = append(b, stream...)
	b = append(b, `","log":"`...)
	b = appendQuoted(b, g.text)
	g.buffer = append(b, p.tail...)
}

// appendTime appends a time with nanoseconds; the seconds are kept.
func (g *Generator) appendTime(b []byte, at time.Time) []byte {
	if s := at.Unix(); s != g.second || g.stamp == nil {
		g.second, g.stamp = s, at.AppendFormat(g.stamp[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, g.stamp...)
	ns := at.Nanosecond()
	for scale := 100_000_000; scale > 0; scale /= 10 {
		b = append(b, '0'+byte(ns/scale%10))
	}
	return append(b, 'Z')
}
