package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline/parse"
)

// maxRecordText is where long texts are cut into several records, in bytes.
const maxRecordText = 8 << 10

// origin is who a record is of.
type origin struct {
	namespace, pod, container, node string
	labels                          map[string]string
}

// converter turns what people saved of a cluster, texts of kubectl and logs, into
// records as a collector sends them.
type converter struct {
	// base is the latest time that any input tells: ages count from it.
	base time.Time
	// logged is the latest time of a log's lines; zero where none tells.
	logged time.Time
	// pods are those that any input names.
	pods map[string]origin
	// namespaces are those that any input names.
	namespaces map[string]bool
	lines      int
	out        bytes.Buffer
}

// convert reads a folder of inputs and returns records, one JSON object a line.
func convert(dir string) ([]byte, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list inputs: %w", err)
	}
	c := &converter{pods: map[string]origin{}, namespaces: map[string]bool{}}
	texts := make([]string, len(files))
	for i, file := range files {
		if texts[i], err = readInput(filepath.Join(dir, file.Name())); err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		c.survey(texts[i])
	}
	told := !c.base.IsZero()
	if !told {
		c.base = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for _, text := range texts {
		c.surveyLines(text)
	}
	if !c.logged.IsZero() && (!told || c.logged.After(c.base)) {
		c.base = c.logged
	}
	for name, o := range c.pods {
		o.namespace = cmp.Or(o.namespace, c.onlyNamespace())
		c.pods[name] = o
	}
	for i, file := range files {
		c.input(file.Name(), texts[i])
	}
	return c.out.Bytes(), nil
}

func readInput(path string) (string, error) {
	file, err := openFile(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	return string(text), err
}

const rfc1123Zone = "Mon, 02 Jan 2006 15:04:05 -0700" // of kubectl describe

var (
	absolute  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+]\d{4}`)
	logHeader = regexp.MustCompile(`(?m)^- (Pod|Namespace): (\S+)$`)
)

// survey takes times and pods from an input.
func (c *converter) survey(text string) {
	for _, found := range absolute.FindAllString(text, -1) {
		for _, layout := range []string{time.RFC3339, rfc1123Zone} {
			if at, err := time.Parse(layout, found); err == nil && at.After(c.base) && at.Year() < 2100 {
				c.base = at.UTC()
			}
		}
	}
	for _, part := range describedParts(text) {
		if o, kind, name := describedOrigin(part); kind == "Pod" {
			o.pod = name
			c.pods[name] = o
		}
		if namespace := field(part, "Namespace"); namespace != "" {
			c.namespaces[namespace] = true
		}
		// Its events are no older than itself.
		began := cmp.Or(field(part, "Start Time"), field(part, "CreationTimestamp"))
		if at, err := time.Parse(rfc1123Zone, began); err == nil && at.Add(oldestAge(part)).After(c.base) {
			c.base = at.Add(oldestAge(part)).UTC()
		}
	}
	for _, m := range podRow.FindAllStringSubmatch(text, -1) {
		if _, known := c.pods[m[2]]; !known {
			c.pods[m[2]] = origin{namespace: m[1], pod: m[2]}
			if m[1] != "" {
				c.namespaces[m[1]] = true
			}
		}
	}
}

// surveyLines takes times from the lines of logs.
func (c *converter) surveyLines(text string) {
	if shapeOf(text) != logShape {
		return
	}
	var fields parse.Fields
	for line := range strings.Lines(text) {
		parse.Line(strings.TrimRight(line, "\r\n"), c.base.UnixNano(), &fields)
		if at := time.Unix(0, fields.Time).UTC(); fields.Time != 0 && at.Year() >= 2000 && at.Year() < 2100 && at.After(c.logged) {
			c.logged = at
		}
	}
}

// onlyNamespace is the namespace that the inputs name, where it is one.
func (c *converter) onlyNamespace() string {
	if len(c.namespaces) != 1 {
		return ""
	}
	for only := range c.namespaces {
		return only
	}
	return ""
}

// shape is what an input is.
type shape uint8

const (
	noShape shape = iota
	jsonShape
	eventsShape
	describeShape
	yamlShape
	tableShape
	logShape
)

func shapeOf(text string) shape {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return noShape
	case (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid([]byte(trimmed)):
		return jsonShape
	case eventTable.MatchString(text):
		return eventsShape
	case len(describedParts(text)) > 0:
		return describeShape
	case strings.Contains(text, "apiVersion:") && strings.Contains(text, "kind:"):
		return yamlShape
	case isTable(trimmed):
		return tableShape
	}
	return logShape
}

// input converts one file, by what it holds.
func (c *converter) input(name, text string) {
	switch shapeOf(text) {
	case noShape:
	case jsonShape:
		c.json(strings.TrimSpace(text))
	case eventsShape:
		c.eventsTable(text)
	case describeShape:
		c.describe(text)
	case yamlShape:
		c.yaml(text)
	case tableShape:
		c.table(strings.TrimSpace(text))
	case logShape:
		c.logs(name, text)
	}
}

// record writes what was seen of a container, or of nobody: when the logs end, or
// where these tell no time when the inputs were taken.
func (c *converter) record(o origin, text string) {
	at := c.logged
	if at.IsZero() {
		at = c.base.Add(-time.Second)
	}
	c.lineAt(o, text, at)
}

// lineAt writes a line, or several, with the time of their collector.
func (c *converter) lineAt(o origin, text string, at time.Time) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for len(text) > maxRecordText {
		end := cut(text)
		c.lineAt(o, text[:end], at)
		text = text[end:]
	}
	c.lines++
	kubernetes := map[string]any{}
	for key, value := range map[string]string{"namespace_name": o.namespace, "pod_name": o.pod, "container_name": o.container, "host": o.node} {
		if value != "" {
			kubernetes[key] = value
		}
	}
	if len(o.labels) > 0 {
		kubernetes["labels"] = o.labels
	}
	at = at.Add(time.Duration(c.lines) * time.Microsecond) // in the order of the inputs
	c.write(map[string]any{"time": at.Format(time.RFC3339Nano), "stream": "stdout", "log": strings.Trim(text, "\n"), "kubernetes": kubernetes})
}

// cut is where a text that is too long is cut: at the end of a line, or else of
// a character.
func cut(text string) int {
	if end := strings.LastIndexByte(text[:maxRecordText], '\n'); end > 0 {
		return end
	}
	end := maxRecordText
	for end > maxRecordText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return end
}

func (c *converter) write(v any) {
	encoder := json.NewEncoder(&c.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // maps of strings
	}
}

// logs converts a log, a record a line: whose it is says its name, its head, or
// that the inputs name the pods of one workload only.
func (c *converter) logs(name, text string) {
	o := c.logOrigin(name, text)
	at := c.logged
	if at.IsZero() {
		at = c.base.Add(-time.Second)
	}
	var fields parse.Fields
	for line := range strings.Lines(text) {
		parse.Line(strings.TrimRight(line, "\r\n"), c.base.UnixNano(), &fields)
		if fields.Time != 0 {
			at = time.Unix(0, fields.Time).UTC()
		}
		c.lineAt(o, line, at)
	}
}

func (c *converter) logOrigin(file, text string) origin {
	for _, m := range logHeader.FindAllStringSubmatch(text, -1) {
		if known, ok := c.pods[m[2]]; ok && m[1] == "Pod" {
			return known
		}
	}
	var only origin
	workloads := map[string]bool{}
	for _, pod := range slices.Sorted(maps.Keys(c.pods)) {
		o := c.pods[pod]
		if strings.Contains(file, pod) {
			return o
		}
		parts := strings.Split(pod, "-")
		if last := parts[len(parts)-1]; len(last) == 5 && strings.Contains(file, last) {
			return o
		}
		workloads[strings.Join(parts[:max(1, len(parts)-1)], "-")] = true
		only = o
	}
	if len(workloads) == 1 {
		return only
	}
	return origin{}
}
