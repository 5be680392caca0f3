package parse

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// EventFields is what a Kubernetes event says.
type EventFields struct {
	pipeline.Event
	// Time is Unix ns: the first that is there of series.lastObservedTime,
	// lastTimestamp, eventTime, metadata.creationTimestamp, firstTimestamp; 0
	// where none is.
	Time    int64
	Level   pipeline.Level
	Message string
	// Namespace is the object's, else the event's own.
	Namespace, Pod, Container, Node string
	Attributes                      []pipeline.Attribute
}

// maxEvent bounds the bytes of an event: the API server's own limit for a
// request is 3 MiB, etcd's for an object 1.5 MiB.
const maxEvent = 4 << 20

// Event parses a Kubernetes Event object as JSON: v1, with or without its kind
// (Fluent Bit's kubernetes_events leaves it out), or events.k8s.io/v1. dst is
// overwritten; its Attributes' backing array is used again. Errors wrap
// pipeline.ErrRejected: text that is no such object, or one without a UID.
func Event(text string, dst *EventFields) error {
	var e event
	e.fields.Attributes = dst.Attributes[:0]
	*dst = EventFields{Attributes: dst.Attributes[:0]}
	if len(text) > maxEvent {
		return fmt.Errorf("parse event: %d bytes are more than %d: %w", len(text), maxEvent, pipeline.ErrRejected)
	}
	o := newObject(text)
	for o.next() {
		e.read(o.key, o.value)
	}
	switch {
	case o.bad || !isBlank(text[o.i:]):
		return fmt.Errorf("parse event: not a JSON object: %w", pipeline.ErrRejected)
	case e.kind != "" && e.kind != "Event":
		return fmt.Errorf("parse event: the object's kind is %.64q: %w", e.kind, pipeline.ErrRejected)
	case e.UID == "":
		return fmt.Errorf("parse event: no metadata.uid: %w", pipeline.ErrRejected)
	}
	e.fill(text, dst)
	return nil
}

// event gathers the members of an Event object; empty means absent or null.
type event struct {
	pipeline.Event
	kind, eventType, message, action                string
	namespace, name                                 string // of the event itself
	created, first, last, observed, occurred        string // times
	component, host, fieldPath, objectUID, instance string
	objectAPI, objectVersion                        string
	relatedKind, relatedName                        string
	fields                                          Fields
}

func (e *event) read(key, value string) {
	switch key {
	case "kind":
		set(&e.kind, value)
	case "type":
		set(&e.eventType, value)
	case "reason":
		set(&e.Reason, value)
	case "message", "note":
		set(&e.message, value)
	case "action":
		set(&e.action, value)
	case "count", "deprecatedCount":
		e.seen(value)
	case "eventTime":
		set(&e.occurred, value)
	case "lastTimestamp", "deprecatedLastTimestamp":
		set(&e.last, value)
	case "firstTimestamp", "deprecatedFirstTimestamp":
		set(&e.first, value)
	case "reportingComponent", "reportingController":
		if e.component == "" {
			set(&e.component, value)
		}
	case "reportingInstance":
		set(&e.instance, value)
	case "metadata", "involvedObject", "regarding", "related", "source", "deprecatedSource", "series":
		o := newObject(value)
		for o.next() {
			e.nested(key, o.key, o.value)
		}
	}
}

func (e *event) nested(parent, key, value string) {
	switch parent {
	case "metadata":
		switch key {
		case "uid":
			set(&e.UID, value)
		case "resourceVersion":
			set(&e.ResourceVersion, value)
		case "namespace":
			set(&e.namespace, value)
		case "name":
			set(&e.name, value)
		case "creationTimestamp":
			set(&e.created, value)
		}
	case "involvedObject", "regarding":
		e.object(key, value)
	case "related":
		switch key {
		case "kind":
			set(&e.relatedKind, value)
		case "name":
			set(&e.relatedName, value)
		}
	case "source", "deprecatedSource":
		switch key {
		case "component":
			set(&e.component, value)
		case "host":
			set(&e.host, value)
		}
	case "series":
		switch key {
		case "count":
			e.seen(value)
		case "lastObservedTime":
			set(&e.observed, value)
		}
	}
}

func (e *event) object(key, value string) {
	switch key {
	case "kind":
		set(&e.ObjectKind, value)
	case "namespace":
		set(&e.ObjectNamespace, value)
	case "name":
		set(&e.ObjectName, value)
	case "uid":
		set(&e.objectUID, value)
	case "fieldPath":
		set(&e.fieldPath, value)
	case "apiVersion":
		set(&e.objectAPI, value)
	case "resourceVersion":
		set(&e.objectVersion, value)
	}
}

// set stores a string member unless it is empty, null or of another type.
func set(dst *string, value string) {
	if len(value) > 2 && value[0] == '"' {
		*dst = unquote(value)
	}
}

// seen raises the count to value, where it is a whole number.
func (e *event) seen(value string) {
	if n, err := strconv.ParseUint(value, 10, 63); err == nil {
		e.Count = max(e.Count, n)
	}
}

func (e *event) fill(text string, dst *EventFields) {
	e.Count = max(e.Count, 1)
	dst.Event = e.Event
	dst.Time = firstTime(e.observed, e.last, e.occurred, e.created, e.first)
	dst.Level = eventLevel(e.eventType)
	dst.Message = e.message
	if isBlank(dst.Message) {
		dst.Message = e.Reason
	}
	if isBlank(dst.Message) {
		dst.Message = text
	}
	dst.Namespace = e.ObjectNamespace
	if dst.Namespace == "" {
		dst.Namespace = e.namespace
	}
	dst.Node = e.host
	switch e.ObjectKind {
	case "Pod":
		dst.Pod = e.ObjectName
		dst.Container = containerOf(e.fieldPath)
	case "Node":
		dst.Node = e.ObjectName
	}
	e.attributes()
	dst.Attributes = e.fields.Attributes
}

func (e *event) attributes() {
	e.attribute("type", e.eventType)
	e.attribute("reason", e.Reason)
	e.fields.add("count", strconv.FormatUint(e.Count, 10))
	e.attribute("component", e.component)
	e.attribute("object.kind", e.ObjectKind)
	e.attribute("object.namespace", e.ObjectNamespace)
	e.attribute("object.name", e.ObjectName)
	e.attribute("object.uid", e.objectUID)
	e.attribute("object.field_path", e.fieldPath)
	e.attribute("object.api_version", e.objectAPI)
	e.attribute("object.resource_version", e.objectVersion)
	e.attribute("related.kind", e.relatedKind)
	e.attribute("related.name", e.relatedName)
	e.attribute("action", e.action)
	e.attribute("instance", e.instance)
	e.attribute("name", e.name)
	e.attribute("uid", e.UID)
	e.attribute("resource_version", e.ResourceVersion)
	e.attribute("first_time", e.first)
	e.attribute("last_time", laterOf(e.observed, e.last))
}

func (e *event) attribute(key, value string) {
	if value != "" {
		e.fields.add(key, quote(value))
	}
}

// laterOf is the series' time where there is one, else the other.
func laterOf(observed, last string) string {
	if observed != "" {
		return observed
	}
	return last
}

// eventLevel is the level of an event's type.
func eventLevel(t string) pipeline.Level {
	switch t {
	case "Warning":
		return pipeline.LevelWarn
	case "Normal", "":
		return pipeline.LevelInfo
	}
	if l, ok := levelWord(t); ok {
		return l
	}
	return pipeline.LevelInfo
}

// firstTime is the first of the times that is one: not absent, not null, and
// not Go's zero time, which clients that do not know better write out.
func firstTime(times ...string) int64 {
	for _, s := range times {
		if s == "" || strings.HasPrefix(s, "0001-01-01T") {
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil && t.Year() >= 1678 && t.Year() <= 2261 {
			return t.UnixNano()
		}
	}
	return 0
}

// containerOf is NAME in spec.containers{NAME} and spec.initContainers{NAME}.
func containerOf(fieldPath string) string {
	path, name, ok := strings.Cut(fieldPath, "{")
	if !ok || !strings.HasPrefix(path, "spec.") || !strings.HasSuffix(strings.ToLower(path), "containers") {
		return ""
	}
	return strings.TrimSuffix(name, "}")
}
