package opensearch

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

const (
	// maxAttribute bounds a value in the field attributes, in bytes: OpenSearch
	// refuses terms of more than 32,766. All of it is in the text.
	maxAttribute = 8 << 10
	// maxAttributes bounds the field attributes, in bytes of JSON.
	maxAttributes = 256 << 10
	original      = "original_time"
)

// stored is the part of a document that no query reads: what makes the entry
// again. Texts that are no UTF-8 are in base 64, under the name with a b.
type stored struct {
	Raw        string   `json:"m,omitempty"`
	RawB       string   `json:"mb,omitempty"`
	Collector  int64    `json:"t,omitempty"`
	Occurrence uint64   `json:"n,omitempty"`
	Origin     string   `json:"o,omitempty"`
	Stream     string   `json:"s,omitempty"`
	Original   *string  `json:"ot,omitempty"`
	Template   string   `json:"x,omitempty"`
	TemplateB  string   `json:"xb,omitempty"`
	PodUID     string   `json:"pu,omitempty"`
	Owner      string   `json:"ow,omitempty"`
	Labels     []string `json:"l,omitempty"` // keys and values in turn; an empty list is not none
	Bare       bool     `json:"bl,omitempty"`
	Event      *event   `json:"e,omitempty"`
	Partition  string   `json:"p,omitempty"`
	Sequence   string   `json:"q,omitempty"`
	Sub        int      `json:"u,omitempty"`
	Index      int      `json:"i,omitempty"`
}

// event is pipeline.Event but for its UID and reason, which are fields of their
// own.
type event struct {
	Version   string `json:"v,omitempty"`
	Count     uint64 `json:"c,omitempty"`
	Kind      string `json:"k,omitempty"`
	Namespace string `json:"n,omitempty"`
	Name      string `json:"o,omitempty"`
}

// line is a document of an entry as it is read back.
type line struct {
	ID        string        `json:"id"` // see Store.ownID
	Time      int64         `json:"time"`
	Level     uint8         `json:"level"`
	Kind      pipeline.Kind `json:"kind"`
	Cluster   string        `json:"cluster"`
	Namespace string        `json:"namespace"`
	Service   string        `json:"service"`
	Pod       string        `json:"pod"`
	Container string        `json:"container"`
	Node      string        `json:"node"`
	Pattern   string        `json:"pattern"`
	UID       string        `json:"uid"`
	Reason    string        `json:"reason"`
	Written   int64         `json:"written"`
	Entry     stored        `json:"entry"`
}

// patternName is a pattern's ID as documents hold it: empty for none.
func patternName(id pipeline.PatternID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// placeOf orders lines of one time by their place in the stream, as a string:
// sequence numbers are decimal, and the longer is the larger.
func placeOf(e *pipeline.Entry) string {
	l := &e.Lineage
	b := make([]byte, 0, 96)
	b = append(b, l.Partition...)
	b = padded(append(b, 1), len(l.Sequence), 5)
	b = append(b, l.Sequence...)
	b = padded(append(b, 1), l.Sub, 19)
	b = padded(b, l.Index, 19)
	return string(append(b, e.ID.String()...))
}

// padded appends a number that is not negative, with zeros before it.
func padded(b []byte, n, width int) []byte {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	for range width - len(text) {
		b = append(b, '0')
	}
	return append(b, text...)
}

// documentForm says how much of a line its document can be searched by.
type documentForm uint8

const (
	documentWhole documentForm = iota
	// documentBare is without labels and attributes, of which the names and values
	// are anybody's.
	documentBare
)

// encoder appends documents; it is for one goroutine.
type encoder struct {
	analyser *analysis.Analyser
	form     documentForm
	// ownID writes the entry's ID into the field id.
	ownID   bool
	numbers []uint32
}

// field appends `"name":"text",`, invalid UTF-8 replaced.
func field(b []byte, name, text string) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	b = quote(b, text)
	return append(b, ',')
}

func quote(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text) // what is no UTF-8 is replaced
	return b
}

func number(b []byte, name string, n int64) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, ',')
}

// line appends the document of an entry, one line of JSON.
func (c *encoder) line(b []byte, e *pipeline.Entry, pattern pipeline.Pattern, written int64) []byte {
	r, start := e.Resource, len(b)
	b = append(b, '{')
	if c.ownID {
		b = field(b, "id", e.ID.String())
	}
	b = number(b, "@timestamp", e.Time/1_000_000)
	b = number(b, "time", e.Time)
	b = number(b, "written", written)
	b = field(b, "day", e.Day())
	b = field(b, "place", placeOf(e))
	b = number(b, "level", int64(e.Level))
	b = number(b, "kind", int64(e.Kind))
	for _, f := range [...]struct{ name, text string }{
		{"cluster", r.Cluster}, {"namespace", r.Namespace}, {"service", e.Service}, {"pod", r.Pod}, {"container", r.Container}, {"node", r.Node},
		{"pattern", patternName(pattern.ID)},
	} {
		b = field(b, f.name, f.text)
	}
	if len(r.Labels) > 0 && c.form != documentBare {
		b = append(b, `"labels":[`...)
		for i, k := range labelKeys(r.Labels) {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, k+"="+r.Labels[k])
		}
		b = append(b, `],`...)
	}
	if e.Event != nil {
		b = field(b, "uid", e.Event.UID)
		b = field(b, "reason", e.Event.Reason)
		b = field(b, "object", e.Event.ObjectKind+"/"+e.Event.ObjectNamespace+"/"+e.Event.ObjectName)
		b = append(b, `"event_count":`...)
		b = append(strconv.AppendUint(b, e.Event.Count, 10), ',')
	}
	b = c.terms(b, e)
	if c.form != documentBare {
		b = attributes(b, e.Attributes)
	}
	b = append(b, `"entry":`...)
	kept, err := json.Marshal(newStored(e, pattern))
	if err != nil {
		panic(err) // strings and numbers
	}
	b = append(b, kept...)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, int64(len(b)-start), 10) // about what a reader is sent
	return append(b, '}', '\n')
}

// terms appends the terms of an entry and how many there are.
func (c *encoder) terms(b []byte, e *pipeline.Entry) []byte {
	if c.analyser.Words() > analysis.SoftLimit {
		c.analyser.Reset()
	}
	c.numbers = c.analyser.Entry(c.numbers[:0], e)
	b = number(b, "length", int64(len(c.numbers)))
	b = append(b, `"terms":"`...)
	for i, n := range c.numbers {
		if i > 0 {
			b = append(b, ' ')
		}
		term := c.analyser.Term(n)
		if strings.ContainsAny(term, `"\`) {
			quoted := quote(nil, term)
			b = append(b, quoted[1:len(quoted)-1]...)
			continue
		}
		b = append(b, term...)
	}
	return append(b, '"', ',')
}

// attributes appends those that OpenSearch can index, each key once.
func attributes(b []byte, list []pipeline.Attribute) []byte {
	start := len(b)
	b = append(b, `"attributes":{`...)
	open := len(b)
	for i, a := range list {
		last := !slices.ContainsFunc(list[i+1:], func(later pipeline.Attribute) bool { return later.Key == a.Key })
		if !last || a.Key == "" || len(a.Key) > 256 || len(a.Value) > maxAttribute || len(b)-start > maxAttributes || !indexable(a.Value) {
			continue
		}
		if len(b) > open {
			b = append(b, ',')
		}
		b = quote(b, a.Key)
		b = append(b, ':')
		b = append(b, strings.ReplaceAll(a.Value, "\n", " ")...)
	}
	if len(b) == open {
		return b[:start]
	}
	return append(b, `},`...)
}

const (
	// maxDigits bounds numbers: OpenSearch's parser refuses those of 1,000.
	maxDigits = 300
	// maxNesting bounds objects and arrays within a value: its flat_object recurses,
	// and a node whose stack is full ends.
	maxNesting = 32
)

// indexable says whether OpenSearch takes a JSON value as an attribute.
func indexable(value string) bool {
	digits, depth := 0, 0
	for i := range len(value) {
		switch c := value[i]; {
		case '0' <= c && c <= '9' || c == '.':
			if digits++; digits > maxDigits && value[0] != '"' {
				return false
			}
			continue
		case c == '{', c == '[':
			if depth++; depth > maxNesting {
				return false
			}
		case c == '}', c == ']':
			depth--
		}
		digits = 0
	}
	return jsontext.Value(value).IsValid()
}

func labelKeys(labels map[string]string) []string {
	keys := make([]string, 0, len(labels))
	for k := range labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// text is a text as JSON can hold it: in base 64 where it is no UTF-8.
func text(s string) (plain, base64ed string) {
	if utf8.ValidString(s) {
		return s, ""
	}
	return "", base64.StdEncoding.EncodeToString([]byte(s))
}

func untext(plain, base64ed string) (string, error) {
	if base64ed == "" {
		return plain, nil
	}
	b, err := base64.StdEncoding.DecodeString(base64ed)
	return string(b), err
}

func newStored(e *pipeline.Entry, pattern pipeline.Pattern) *stored {
	r := e.Resource
	s := &stored{
		Collector: e.CollectorTime, Occurrence: e.Occurrence, Origin: e.Origin, Stream: e.Stream, PodUID: r.PodUID, Owner: r.Owner,
		Partition: e.Lineage.Partition, Sequence: e.Lineage.Sequence, Sub: e.Lineage.Sub, Index: e.Lineage.Index,
	}
	s.Raw, s.RawB = text(e.Raw)
	s.Template, s.TemplateB = text(pattern.Template)
	for _, k := range labelKeys(r.Labels) {
		s.Labels = append(s.Labels, k, r.Labels[k])
	}
	s.Bare = r.Labels != nil && len(r.Labels) == 0
	if v := e.Event; v != nil {
		s.Event = &event{Version: v.ResourceVersion, Count: v.Count, Kind: v.ObjectKind, Namespace: v.ObjectNamespace, Name: v.ObjectName}
	}
	for i := range e.Attributes {
		if e.Attributes[i].Key == original {
			value := e.Attributes[i].Value
			s.Original = &value
		}
	}
	return s
}

// entry makes the entry of a document again.
func (l *line) entry(id string, view View) (pipeline.Entry, error) {
	s := &l.Entry
	e := pipeline.Entry{
		Time: l.Time, CollectorTime: s.Collector, Occurrence: s.Occurrence, Origin: s.Origin, Stream: s.Stream, Kind: l.Kind, Level: pipeline.Level(l.Level), Service: l.Service,
		Resource: &pipeline.Resource{Cluster: l.Cluster, Namespace: l.Namespace, Pod: l.Pod, PodUID: s.PodUID, Container: l.Container, Node: l.Node, Owner: s.Owner},
		Lineage:  pipeline.Lineage{Position: pipeline.Position{Partition: s.Partition, Sequence: s.Sequence}, Sub: s.Sub, Index: s.Index},
	}
	if l.ID != "" {
		id = l.ID
	}
	var err error
	if e.ID, err = pipeline.ParseID(id); err != nil {
		return e, fmt.Errorf("read document: %w", err)
	}
	if e.Raw, err = untext(s.Raw, s.RawB); err != nil {
		return e, fmt.Errorf("read document %s: %w", id, err)
	}
	if l.Pattern != "" {
		if e.Pattern.ID, err = pipeline.ParsePatternID(l.Pattern); err != nil {
			return e, fmt.Errorf("read document %s: %w", id, err)
		}
		if e.Pattern.Template, err = untext(s.Template, s.TemplateB); err != nil {
			return e, fmt.Errorf("read document %s: %w", id, err)
		}
	}
	if len(s.Labels) > 0 || s.Bare {
		e.Resource.Labels = make(map[string]string, len(s.Labels)/2)
		for i := 0; i+1 < len(s.Labels); i += 2 {
			e.Resource.Labels[s.Labels[i]] = s.Labels[i+1]
		}
	}
	if v := s.Event; v != nil {
		e.Event = &pipeline.Event{UID: l.UID, ResourceVersion: v.Version, Count: v.Count, Reason: l.Reason, ObjectKind: v.Kind, ObjectNamespace: v.Namespace, ObjectName: v.Name}
	}
	ref := e.CollectorTime
	if ref == 0 {
		ref = e.Time
	}
	e.Message, e.Attributes = view(e.Kind, e.Raw, ref)
	if s.Original != nil {
		e.Attributes = append(e.Attributes[:len(e.Attributes):len(e.Attributes)], pipeline.Attribute{Key: original, Value: *s.Original})
	}
	return e, nil
}
