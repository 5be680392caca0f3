package indextest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// View is the view of the suite's raw texts, to be given to a store under test:
//
//	"code=7 user=ann] connection refused"
//
// has the message "connection refused" and two attributes. A text without "] "
// is its own message.
func View(_ pipeline.Kind, raw string, _ int64) (message string, attributes []pipeline.Attribute) {
	header, message, ok := strings.Cut(raw, "] ")
	if !ok {
		return raw, nil
	}
	for _, f := range strings.Fields(header) {
		k, v, _ := strings.Cut(f, "=")
		attributes = append(attributes, pipeline.Attribute{Key: k, Value: strconv.Quote(v)})
	}
	return message, attributes
}

// firstDay is the day at which the generator's times begin.
var firstDay = time.Date(2021, 8, 3, 0, 0, 0, 0, time.UTC)

// generator makes entries that differ in all that a query can tell apart, and
// agree often enough that every filter and tie is met.
type generator struct {
	random    *rand.Rand
	resources []*pipeline.Resource
	days      int
	made      uint64
}

func newGenerator(seed uint64, days int) *generator {
	g := &generator{random: rand.New(rand.NewPCG(seed, 7)), days: days}
	for i := range 12 {
		r := &pipeline.Resource{
			Cluster: fmt.Sprintf("cluster-%d", i%2), Namespace: fmt.Sprintf("ns-%d", i%3), Pod: fmt.Sprintf("app-%d-%c", i%4, 'a'+rune(i)),
			PodUID: fmt.Sprintf("uid-%d", i), Container: fmt.Sprintf("main-%d", i%2), Node: fmt.Sprintf("node-%d", i%5), Owner: fmt.Sprintf("app-%d", i%4),
		}
		if i%3 != 0 {
			r.Labels = map[string]string{"app": fmt.Sprintf("app-%d", i%4), "app.kubernetes.io/part-of": "größe", "empty": ""}
		}
		g.resources = append(g.resources, r)
	}
	return g
}

var words = strings.Fields(`connection connections refused timeout the failed to NetworkPolicy etcdserver HTTPServer
	x509 certificate 10.0.195.177 78c688f56b größe Ошибка 连接失败 ok running Runs policy policies a not`)

func (g *generator) text() string {
	var b strings.Builder
	if g.random.IntN(3) == 0 {
		fmt.Fprintf(&b, "code=%d user=%s] ", g.random.IntN(4), words[g.random.IntN(len(words))])
	}
	for i := range g.random.IntN(9) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[g.random.IntN(len(words))])
	}
	if g.random.IntN(25) == 0 {
		fmt.Fprintf(&b, " job-%d", 100+g.random.IntN(60)) // rare: most blocks of a store lack it
	}
	return b.String()
}

// pattern is a pattern of few for a message: its first word. An empty message
// has none.
func pattern(message string) pipeline.Pattern {
	words := strings.Fields(message)
	if len(words) == 0 {
		return pipeline.Pattern{}
	}
	template := words[0] + " <*>"
	return pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
}

// entry makes an entry with an ID and a position of its own.
func (g *generator) entry() pipeline.Entry {
	g.made++
	r := g.resources[g.random.IntN(len(g.resources))]
	t := firstDay.UnixNano() + int64(g.random.IntN(g.days))*int64(24*time.Hour) + int64(g.random.IntN(40))*int64(time.Second)
	e := pipeline.Entry{
		Time: t, CollectorTime: t, Occurrence: uint64(g.random.IntN(3)), Stream: []string{"stdout", "stderr", ""}[g.random.IntN(3)],
		Level: pipeline.Level(g.random.IntN(7)), Service: r.Owner, Resource: r, Raw: g.text(),
		Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: strconv.Itoa(int(g.made % 3)), Sequence: strconv.FormatUint(g.made/7, 10)}, Sub: int(g.made % 2), Index: int(g.made)},
	}
	binary.BigEndian.PutUint64(e.ID[:], g.random.Uint64())
	binary.BigEndian.PutUint64(e.ID[8:], g.made)
	switch g.random.IntN(8) {
	case 0:
		e.Kind = pipeline.KindNode
		e.Resource = &pipeline.Resource{Cluster: r.Cluster, Node: r.Node}
		e.Service = "kubelet"
	case 1:
		e.Kind = pipeline.KindEvent
		e.CollectorTime = t + 5
		e.Event = &pipeline.Event{
			UID: fmt.Sprintf("event-%d", g.random.IntN(20)), ResourceVersion: strconv.FormatUint(g.made, 10), Count: g.random.Uint64() >> g.random.IntN(64),
			Reason: "BackOff", ObjectKind: "Pod", ObjectNamespace: r.Namespace, ObjectName: r.Pod,
		}
	case 2:
		e.CollectorTime, e.Origin = 0, fmt.Sprintf("file-%d@%d", g.random.IntN(3), g.made)
	}
	e.Message, e.Attributes = View(e.Kind, e.Raw, t)
	e.Pattern = pattern(e.Message)
	if g.random.IntN(40) == 0 {
		e.CollectorTime = t + int64(48*time.Hour)
		e.Attributes = append(e.Attributes, pipeline.Attribute{Key: "original_time", Value: strconv.Quote(time.Unix(0, e.CollectorTime).UTC().Format(time.RFC3339Nano))})
	}
	return e
}

func (g *generator) entries(n int) []pipeline.Entry {
	entries := make([]pipeline.Entry, n)
	for i := range entries {
		entries[i] = g.entry()
	}
	return entries
}

// pick returns some of values, often none.
func pick[T any](r *rand.Rand, values ...T) []T {
	var picked []T
	if r.IntN(4) != 0 {
		return nil
	}
	for range 1 + r.IntN(2) {
		picked = append(picked, values[r.IntN(len(values))])
	}
	return picked
}

func (g *generator) filter() pipeline.Filter {
	r := g.random
	f := pipeline.Filter{
		Clusters:   pick(r, "cluster-0", "cluster-1", "nowhere"),
		Namespaces: pick(r, "ns-0", "ns-1", "ns-2", ""),
		Services:   pick(r, "app-0", "app-1", "kubelet", "nothing"),
		Pods:       pick(r, "app-0-a", "app-1*", "app-*", "*", "no*"),
		Containers: pick(r, "main-0", "main*"),
		Nodes:      pick(r, "node-1", "node-*", "n*"),
		Levels:     pick(r, pipeline.LevelUnknown, pipeline.LevelInfo, pipeline.LevelError, pipeline.LevelFatal),
		Kinds:      pick(r, pipeline.KindLog, pipeline.KindEvent, pipeline.KindNode),
		Patterns:   pick(r, pattern("connection").ID, pattern("10.0.195.177").ID, pattern("größe").ID, pattern("nowhere").ID, pipeline.PatternID{}),
	}
	switch r.IntN(8) {
	case 0:
		f.Labels = map[string]string{"app": "app-1"}
	case 1:
		f.Labels = map[string]string{"app.kubernetes.io/part-of": "größe", "empty": ""}
	case 2:
		f.Labels = map[string]string{"absent": ""}
	}
	at := func() int64 {
		return firstDay.UnixNano() + int64(r.IntN(g.days))*int64(24*time.Hour) + int64(r.IntN(40))*int64(time.Second)
	}
	if r.IntN(3) == 0 {
		f.From = at()
	}
	if r.IntN(3) == 0 {
		f.To = at()
	}
	if r.IntN(5) == 0 {
		f.Scopes = []pipeline.Scope{{Cluster: "cluster-0"}, {Cluster: "cluster-1", Namespace: "ns-1"}}[:1+r.IntN(2)]
	}
	return f
}

func (g *generator) query() pipeline.LineQuery {
	r := g.random
	q := pipeline.LineQuery{Filter: g.filter(), Any: r.IntN(2) == 0, Order: pipeline.Order(r.IntN(3))}
	if r.IntN(2) == 0 {
		q.Filter = pipeline.Filter{}
	}
	var parts []string
	for range r.IntN(4) {
		w := words[r.IntN(len(words))]
		if r.IntN(4) == 0 {
			w = fmt.Sprint(100 + r.IntN(60))
		}
		switch r.IntN(8) {
		case 0:
			w = "-" + w
		case 1:
			w = `"` + w + " " + words[r.IntN(len(words))] + `"`
		case 2:
			if len(w) > 3 && w[3] < 0x80 {
				w = w[:3]
			}
			w += "*"
		case 3:
			w = `-"` + w + " " + words[r.IntN(len(words))] + `"`
		}
		parts = append(parts, w)
	}
	q.Text = strings.Join(parts, " ")
	return q
}

// Entries are n entries of some days, by a seed: for tests of a store's own.
func Entries(seed uint64, days, n int) []pipeline.Entry { return newGenerator(seed, days).entries(n) }
