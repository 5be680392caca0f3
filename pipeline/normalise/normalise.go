// Package normalise turns what stands in the stream into what is indexed: it
// gives an entry its identity, its time, its service and the views of its text.
//
//	RawEntry -> parse (time, level, message, attributes) -> Entry
//	            resource -> owner -> service -> index
//
// All of it is a function of the RawEntry and the record's send time: nothing
// asks a clock, so a replay gives the same entries.
package normalise

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/parse"
)

// maxCached bounds each cache of a Normaliser. A full one starts again.
const maxCached = 4096

// Normaliser turns raw entries into entries. It is not safe for concurrent use:
// it caches what it has worked out for a Resource. The caches change no result.
type Normaliser struct {
	// FutureTimes counts the entries whose time was replaced because it lay
	// more than 24 h after the producer's send time.
	FutureTimes uint64

	line    parse.Fields
	event   parse.EventFields
	writers map[*pipeline.Resource]writer
	objects map[object]writer
	last    *pipeline.Resource // the key of lastWriter: lines come in runs
	writer  writer
}

// writer is who wrote an entry: its resource with the owner filled in.
type writer struct {
	resource *pipeline.Resource
	service  string
}

// object names what an event is about; equal ones share a writer.
type object struct {
	cluster, namespace, kind, name, container, node string
}

// New returns a Normaliser with empty caches.
func New() *Normaliser {
	return &Normaliser{writers: map[*pipeline.Resource]writer{}, objects: map[object]writer{}}
}

// Entry fills dst from raw. sent is the producer's send time in the record,
// Unix ns, 0 if it is not known. dst is overwritten but for its Lineage and
// its Attributes' backing array, which is used again. Errors wrap
// pipeline.ErrRejected: an event that is none.
//
// The time is the collector's, else the text's, else when the source read the
// entry, else sent; an event's is its own. One more than 24 h after sent is
// replaced by sent, and the attribute original_time keeps it.
func (n *Normaliser) Entry(raw *pipeline.RawEntry, sent int64, dst *pipeline.Entry) error {
	*dst = pipeline.Entry{
		CollectorTime: raw.Time,
		Occurrence:    raw.Occurrence,
		Origin:        raw.Origin,
		Stream:        raw.Stream,
		Kind:          raw.Kind,
		Raw:           raw.Message,
		Lineage:       dst.Lineage,
		Attributes:    dst.Attributes[:0],
	}
	if raw.Kind == pipeline.KindEvent {
		if err := n.fillEvent(raw, sent, dst); err != nil {
			return fmt.Errorf("normalise event: %w", err)
		}
	} else {
		n.fillLine(raw, sent, dst)
	}
	n.clamp(sent, dst)
	return nil
}

func (n *Normaliser) fillLine(raw *pipeline.RawEntry, sent int64, dst *pipeline.Entry) {
	n.line.Attributes = dst.Attributes
	parse.Line(raw.Message, firstOf(raw.Time, raw.Read, sent), &n.line)
	dst.ID = pipeline.LineID(raw)
	dst.Time = firstOf(raw.Time, n.line.Time, raw.Read, sent)
	dst.Level = n.line.Level
	dst.Message = n.line.Message
	dst.Attributes = n.line.Attributes
	w := n.writerOf(raw.Resource)
	dst.Resource, dst.Service = w.resource, w.service
}

func (n *Normaliser) fillEvent(raw *pipeline.RawEntry, sent int64, dst *pipeline.Entry) error {
	e := &n.event
	e.Attributes = dst.Attributes
	if err := parse.Event(raw.Message, e); err != nil {
		return err
	}
	cluster := raw.Resource.Cluster
	event := e.Event
	dst.Event = &event
	dst.ID = pipeline.EventID(cluster, e.UID, e.ResourceVersion)
	dst.Time = firstOf(e.Time, raw.Time, raw.Read, sent)
	dst.Level = e.Level
	dst.Message = e.Message
	dst.Attributes = e.Attributes
	w := n.subjectOf(cluster, e)
	dst.Resource, dst.Service = w.resource, w.service
	return nil
}

// firstOf is the first time that is known.
func firstOf(times ...int64) int64 {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

// clamp replaces a time that the producer cannot have seen.
func (n *Normaliser) clamp(sent int64, dst *pipeline.Entry) {
	const day = int64(24 * time.Hour)
	if sent == 0 || sent > math.MaxInt64-day || dst.Time <= sent+day {
		return
	}
	n.FutureTimes++
	original := time.Unix(0, dst.Time).UTC().Format(time.RFC3339Nano)
	dst.Attributes = append(dst.Attributes, pipeline.Attribute{Key: "original_time", Value: `"` + original + `"`})
	dst.Time = sent
}

// writerOf works out a line's owner and service, once for each Resource.
func (n *Normaliser) writerOf(r *pipeline.Resource) writer {
	if r == n.last {
		return n.writer
	}
	w, ok := n.writers[r]
	if !ok {
		w = newWriter(r)
		if len(n.writers) >= maxCached {
			clear(n.writers)
		}
		n.writers[r] = w
	}
	n.last, n.writer = r, w
	return w
}

func newWriter(r *pipeline.Resource) writer {
	owner := ownerOf(r)
	w := writer{resource: r, service: serviceOf(r, owner)}
	if owner != r.Owner {
		filled := *r
		filled.Owner = owner
		w.resource = &filled
	}
	return w
}

// ownerOf is the name of the controller: the source's, else what is left of the
// pod's name.
func ownerOf(r *pipeline.Resource) string {
	hash := r.Labels["pod-template-hash"]
	switch {
	case r.Owner != "":
		return stripOwner(r.Owner, hash)
	case r.Pod != "":
		return strip(r.Pod, r.Node, hash)
	}
	return ""
}

// subjectOf is the resource and service of an event: those of its object.
func (n *Normaliser) subjectOf(cluster string, e *parse.EventFields) writer {
	key := object{cluster, e.Namespace, e.ObjectKind, e.ObjectName, e.Container, e.Node}
	if w, ok := n.objects[key]; ok {
		return w
	}
	if len(n.objects) >= maxCached {
		clear(n.objects)
	}
	// The strings are parts of the event's text, which the cache must not keep.
	for _, s := range []*string{&key.cluster, &key.namespace, &key.kind, &key.name, &key.container, &key.node} {
		*s = strings.Clone(*s)
	}
	w := newSubject(key)
	n.objects[key] = w
	return w
}

func newSubject(o object) writer {
	r := &pipeline.Resource{Cluster: o.cluster, Namespace: o.namespace, Container: o.container, Node: o.node}
	name := o.name
	if !isGivenName(o.kind) {
		name = stripGenerated(name, o.node)
	}
	switch o.kind {
	case "Pod":
		r.Pod, r.Owner = o.name, name
	case "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController":
		r.Owner = name
	}
	if name == "" {
		name = o.namespace
	}
	return writer{resource: r, service: legalName(name)}
}

// isGivenName says whether objects of a kind bear names that people gave, which
// nothing may be taken from: a Deployment "web-2" is not the pod of a set.
func isGivenName(kind string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "Ingress", "Namespace", "Node", "HorizontalPodAutoscaler":
		return true
	}
	return false
}

// Service is the name of the service that wrote an entry, made legal as an
// index name: the first of the labels app.kubernetes.io/name and app, the
// owner's name (see stripGenerated), the container, which for a node's
// journal is the unit, and the namespace; else "unknown". r is the resource as
// it stands in the stream.
func Service(r *pipeline.Resource) string { return serviceOf(r, ownerOf(r)) }

func serviceOf(r *pipeline.Resource, owner string) string {
	for _, s := range [...]string{r.Labels["app.kubernetes.io/name"], r.Labels["app"], owner, r.Container, r.Namespace} {
		if s != "" {
			return legalName(s)
		}
	}
	return legalName("")
}

// View derives an entry's message and attributes from its stored raw text
// again: what Entry made of it, but for original_time, which a store that
// wants it keeps. ref is any time near the entry's, Unix ns; it has no
// influence on either. Text of KindEvent that is no event, which Entry
// rejects, is its own message.
func View(kind pipeline.Kind, raw string, ref int64) (message string, attributes []pipeline.Attribute) {
	if kind == pipeline.KindEvent {
		var e parse.EventFields
		if err := parse.Event(raw, &e); err != nil {
			return raw, nil
		}
		return e.Message, e.Attributes
	}
	var f parse.Fields
	parse.Line(raw, ref, &f)
	return f.Message, f.Attributes
}
