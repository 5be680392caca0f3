package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	describedName  = regexp.MustCompile(`(?m)^Name:[ \t]+\S`)
	describedField = regexp.MustCompile(`(?m)^(?:Namespace|Labels|Annotations|Events|Selector|Type|Status):`)
	podRow         = regexp.MustCompile(`(?m)^(?:([-a-z0-9]+)[ \t]+)?([a-z0-9][-a-z0-9.]*)[ \t]+\d+/\d+[ \t]+[A-Z][\w:]+[ \t]`)
	tableHead      = regexp.MustCompile(`^(?:[A-Z][-A-Z()]*(?: [A-Z]+)*)(?:\s+[A-Z][-A-Z()/]*)+\s*$`)
	eventTable     = regexp.MustCompile(`(?m)^(?:NAMESPACE\s+)?LAST SEEN\s.*REASON\s.*OBJECT\s`)
	twoSpaces      = regexp.MustCompile(`\s{2,}`)
	overAge        = regexp.MustCompile(`^(\S+)\s+\(x(\d+)(?: over (\S+))?\)$`)
	agePart        = regexp.MustCompile(`(\d+)([dhms])`)
)

// describedParts are the objects of a text of kubectl describe.
func describedParts(text string) []string {
	starts := describedName.FindAllStringIndex(text, -1)
	if len(starts) == 0 || !describedField.MatchString(text) {
		return nil
	}
	var parts []string
	for i, start := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		parts = append(parts, text[start[0]:end])
	}
	return parts
}

// describedKinds tell a kind by a field that only it has.
var describedKinds = [...]struct{ field, kind string }{
	{"Pods Statuses", "Job"},
	{"StorageClass", "PersistentVolumeClaim"},
	{"StrategyType", "Deployment"},
	{"Scale Target Ref", "HorizontalPodAutoscaler"},
	{"Reference", "HorizontalPodAutoscaler"},
	{"Schedule", "CronJob"},
	{"Service Account", "Pod"},
	{"QoS Class", "Pod"},
	{"Allocatable", "Node"},
	{"Endpoints", "Service"},
	{"Session Affinity", "Service"},
	{"Default backend", "Ingress"},
	{"Rules", "Ingress"},
	{"Pods Status", "ReplicaSet"},
	{"PodSelector", "NetworkPolicy"},
	{"Provisioner", "StorageClass"},
	{"Containers", "Pod"},
	{"Data", "ConfigMap"},
}

// describedOrigin says whose a described object's sections are, and what it is:
// a Pod, if no field tells.
func describedOrigin(text string) (o origin, kind, name string) {
	kind = "Pod"
	for _, k := range describedKinds {
		if strings.Contains("\n"+text, "\n"+k.field+":") {
			kind = k.kind
			break
		}
	}
	o.namespace = field(text, "Namespace")
	if o.node, _, _ = strings.Cut(field(text, "Node"), "/"); o.node == "<none>" {
		o.node = ""
	}
	return o, kind, field(text, "Name")
}

// field is the value of a field that stands at a line's start.
func field(text, key string) string {
	_, rest, found := strings.Cut("\n"+text, "\n"+key+":")
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(value)
}

// describe converts the output of kubectl describe.
func (c *converter) describe(text string) {
	c.record(origin{}, text[:describedName.FindStringIndex(text)[0]])
	for _, part := range describedParts(text) {
		c.described(part)
	}
}

// described converts one object of kubectl describe: of a pod a record a section
// and container, of others an event that holds all of it; and its events. What
// else stands below the events, as the table's head, is left out.
func (c *converter) described(text string) {
	o, kind, name := describedOrigin(text)
	if kind == "Pod" {
		o.pod = name
	}
	body, events, _ := strings.Cut(text, "\nEvents:")
	if kind != "Pod" {
		// Only of pods there are lines.
		c.event(event{kind: kind, namespace: o.namespace, name: name, level: "Normal", reason: "Described", from: "kubectl", message: strings.TrimSpace(body), age: c.sinceLogged()})
		body = ""
	}
	for _, section := range sections(body, 0) {
		if strings.HasPrefix(section, "Containers:") || strings.HasPrefix(section, "Init Containers:") {
			c.containers(o, section)
			continue
		}
		c.record(o, section)
	}
	for _, e := range eventRows(events) {
		e.kind, e.namespace, e.name = kind, o.namespace, name
		c.event(e)
	}
}

// eventRows are the events below a description.
func eventRows(text string) []event {
	var list []event
	for row := range strings.Lines(text) {
		cells := twoSpaces.Split(strings.TrimSpace(row), 5)
		if len(cells) == 5 && (cells[0] == "Normal" || cells[0] == "Warning") {
			list = append(list, event{level: cells[0], reason: cells[1], age: cells[2], from: cells[3], message: cells[4]})
		}
	}
	return list
}

// oldestAge is how long ago the first event below a description was.
func oldestAge(text string) (oldest time.Duration) {
	_, events, _ := strings.Cut(text, "\nEvents:")
	for _, e := range eventRows(events) {
		first, _, _ := ages(e.age)
		oldest = max(oldest, first)
	}
	return oldest
}

// sinceLogged is the age of what was seen when the logs end.
func (c *converter) sinceLogged() string {
	if c.logged.IsZero() {
		return "0s"
	}
	return strconv.Itoa(int(c.base.Sub(c.logged).Seconds())) + "s"
}

// containers converts a pod's section of containers, a record each.
func (c *converter) containers(o origin, section string) {
	heading, rest, _ := strings.Cut(section, "\n")
	for _, container := range sections(rest, 2) {
		name, _, _ := strings.Cut(container, "\n")
		o.container = strings.TrimSuffix(strings.TrimSpace(name), ":")
		c.record(o, heading+"\n"+container)
	}
}

// sections are the lines at an indentation, each with what is indented deeper.
func sections(text string, indent int) []string {
	var list []string
	for line := range strings.Lines(text) {
		deeper := len(line)-len(strings.TrimLeft(line, " ")) > indent || strings.TrimSpace(line) == ""
		if deeper && len(list) > 0 {
			list[len(list)-1] += line
			continue
		}
		list = append(list, line)
	}
	return list
}

// eventsTable converts the rows of kubectl get events. What is no row of it is a
// record.
func (c *converter) eventsTable(text string) {
	var columns []string
	for row := range strings.Lines(text) {
		cells := twoSpaces.Split(strings.TrimSpace(row), -1)
		if slices.Contains(cells, "REASON") {
			columns = cells
			continue
		}
		if columns == nil || len(cells) < len(columns) {
			c.record(origin{}, row)
			continue
		}
		at := map[string]string{}
		for i, column := range columns {
			at[column] = cells[i]
		}
		last := len(columns) - 1
		at[columns[last]] = strings.Join(cells[last:], "  ")
		kind, name, _ := strings.Cut(at["OBJECT"], "/")
		c.event(event{
			kind: properKind(kind), namespace: cmp.Or(at["NAMESPACE"], c.pods[name].namespace, c.onlyNamespace()), name: name,
			level: at["TYPE"], reason: at["REASON"], age: at["LAST SEEN"], from: cmp.Or(at["SOURCE"], "kubelet"), message: at["MESSAGE"],
		})
	}
}

// properKind writes a kind as the API does.
func properKind(kind string) string {
	for _, k := range []string{"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Node", "PersistentVolumeClaim", "HorizontalPodAutoscaler", "Service", "Ingress"} {
		if strings.EqualFold(k, kind) {
			return k
		}
	}
	return kind
}

// event is what kubectl shows of one: of an object, of a level (Normal or
// Warning), from a component, so long ago.
type event struct {
	kind, namespace, name             string
	level, reason, age, from, message string
}

// event writes a v1.Event.
func (c *converter) event(e event) {
	first, last, count := ages(e.age)
	c.lines++
	sum := sha256.Sum256([]byte(strings.Join([]string{e.kind, e.namespace, e.name, e.reason, e.message}, "\x00")))
	c.write(map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata":       map[string]any{"name": e.name + "." + hex.EncodeToString(sum[:8]), "namespace": e.namespace, "uid": hex.EncodeToString(sum[:16]), "resourceVersion": strconv.Itoa(1000 + c.lines)},
		"involvedObject": map[string]any{"kind": e.kind, "namespace": e.namespace, "name": e.name},
		"reason":         e.reason, "message": e.message, "type": e.level, "count": count,
		"firstTimestamp": c.base.Add(-first).Format(time.RFC3339), "lastTimestamp": c.base.Add(-last).Format(time.RFC3339),
		"source": map[string]any{"component": e.from},
	})
}

// ages reads "58m" and "3m19s (x256 over 58m)".
func ages(text string) (first, last time.Duration, count int) {
	if m := overAge.FindStringSubmatch(text); m != nil {
		count, _ = strconv.Atoi(m[2])
		last = age(m[1])
		return max(age(m[3]), last), last, max(count, 1)
	}
	return age(text), age(text), 1
}

// age reads "2d3h"; 0 for what is none.
func age(text string) (d time.Duration) {
	for _, m := range agePart.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		d += time.Duration(n) * map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}[m[2]]
	}
	return d
}

func isTable(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	return tableHead.MatchString(first) || podRow.MatchString(text) && len(podRow.FindAllString(text, -1)) >= strings.Count(text, "\n")
}

// table converts the rows of kubectl get: a record each, below the header.
func (c *converter) table(text string) {
	head := ""
	for row := range strings.Lines(text) {
		if tableHead.MatchString(strings.TrimSpace(row)) {
			head = row
			continue
		}
		var o origin
		for cell := range strings.FieldsSeq(row) {
			if known, ok := c.pods[cell]; ok {
				o = known
				break
			}
		}
		c.record(o, head+row)
	}
}
