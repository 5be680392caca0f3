package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// meta is what a Kubernetes object says of whose it is.
type meta struct {
	Kind     string
	Metadata struct {
		Name, Namespace, UID, ResourceVersion string
		Labels                                map[string]string
	}
	Spec struct{ NodeName string }
}

func (m *meta) origin() origin {
	o := origin{namespace: m.Metadata.Namespace, node: m.Spec.NodeName, labels: m.Metadata.Labels}
	if m.Kind == "Pod" {
		o.pod = m.Metadata.Name
	}
	return o
}

// json converts Kubernetes objects, those of a list each, and other documents.
func (c *converter) json(text string) {
	var o struct {
		Kind  string
		Items []json.RawMessage
	}
	if json.Unmarshal([]byte(text), &o) == nil && strings.HasSuffix(o.Kind, "List") {
		for _, item := range o.Items {
			c.object(string(item))
		}
		return
	}
	c.object(text)
}

// object converts one: an Event as it is, others as a record.
func (c *converter) object(text string) {
	var m meta
	if err := json.Unmarshal([]byte(text), &m); err != nil || m.Kind == "" && m.Metadata.Name == "" {
		c.document(text)
		return
	}
	var compact bytes.Buffer
	if m.Kind == "Event" && m.Metadata.UID != "" && json.Compact(&compact, []byte(text)) == nil {
		c.out.Write(compact.Bytes())
		c.out.WriteByte('\n')
		return
	}
	c.record(m.origin(), withoutManaged(text))
}

// withoutManaged leaves metadata.managedFields out, and the rest as it stands.
func withoutManaged(text string) string {
	var kept strings.Builder
	skip := -1
	for line := range strings.Lines(text) {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		switch {
		case skip >= 0 && indent > skip:
			continue
		case skip >= 0:
			skip = -1
			continue // the bracket that closes it
		case strings.HasPrefix(strings.TrimSpace(line), `"managedFields": [`):
			skip = indent
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// document converts JSON that is no Kubernetes object: whole if it is short, else
// in the parts that its indentation shows.
func (c *converter) document(text string) {
	if len(text) <= maxRecordText {
		c.record(origin{}, text)
		return
	}
	for _, part := range sections(text, 2) {
		c.record(origin{}, part)
	}
}

// yaml converts manifests.
func (c *converter) yaml(text string) {
	for _, part := range strings.Split("\n"+text, "\n---") {
		var m meta
		var o origin
		if yaml.Unmarshal([]byte(part), &m) == nil {
			o = m.origin()
		}
		c.record(o, part)
	}
}
