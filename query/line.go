package query

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// Line is an entry as it is shown. Its JSON form is frozen by
// testdata/line.golden: these keys, in this order, always all of them.
type Line struct {
	ID pipeline.ID `json:"id"`
	// Time is UTC; its JSON text is RFC 3339 with as many digits of the second
	// as are needed to keep every nanosecond.
	Time      time.Time `json:"time"`
	Cluster   string    `json:"cluster"`
	Namespace string    `json:"namespace"`
	Service   string    `json:"service"`
	Pod       string    `json:"pod"`
	Container string    `json:"container"`
	Node      string    `json:"node"`
	// Level is empty where the line names none.
	Level string `json:"level"`
	// Kind is log, event or node.
	Kind string `json:"kind"`
	// PatternID is empty where the line has no pattern.
	PatternID  string           `json:"pattern_id"`
	Message    string           `json:"message"`
	Attributes Attributes       `json:"attributes"`
	Lineage    pipeline.Lineage `json:"lineage"`
}

// NewLine is the shown form of a stored entry. Fields of the line share the
// entry's memory.
func NewLine(e *pipeline.Entry) Line {
	l := Line{
		ID:         e.ID,
		Time:       time.Unix(0, e.Time).UTC(),
		Service:    e.Service,
		Level:      e.Level.String(),
		Kind:       e.Kind.String(),
		Message:    e.Message,
		Attributes: e.Attributes,
		Lineage:    e.Lineage,
	}
	if !e.Pattern.ID.IsZero() {
		l.PatternID = e.Pattern.ID.String()
	}
	if r := e.Resource; r != nil {
		l.Cluster, l.Namespace, l.Pod, l.Container, l.Node = r.Cluster, r.Namespace, r.Pod, r.Container, r.Node
	}
	return l
}

func newLines(stored []pipeline.Line) []Line {
	lines := make([]Line, len(stored))
	for i := range stored {
		lines[i] = NewLine(&stored[i].Entry)
	}
	return lines
}

// Attributes are a line's fields; their JSON form is one object. Of a repeated
// key the last value counts, at the place of the first. A Value that is no JSON
// is shown as a string, so that one ugly line never spoils an answer.
type Attributes []pipeline.Attribute

// MarshalJSON implements json.Marshaler.
func (a Attributes) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for _, attribute := range a.unique() {
		key, err := encode(attribute.Key)
		if err != nil {
			return nil, fmt.Errorf("encode attribute: %w", err)
		}
		value := []byte(strings.ToValidUTF8(attribute.Value, "\ufffd"))
		if !json.Valid(value) {
			if value, err = encode(attribute.Value); err != nil {
				return nil, fmt.Errorf("encode attribute: %w", err)
			}
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

func (a Attributes) unique() Attributes {
	place := make(map[string]int, len(a))
	unique := make(Attributes, 0, len(a))
	for _, attribute := range a {
		if i, repeated := place[attribute.Key]; repeated {
			unique[i] = attribute
			continue
		}
		place[attribute.Key] = len(unique)
		unique = append(unique, attribute)
	}
	return unique
}

// UnmarshalJSON implements json.Unmarshaler: it keeps the order of the keys and
// every digit of a number.
func (a *Attributes) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	start, err := d.Token()
	if err != nil {
		return fmt.Errorf("decode attributes: %w", err)
	}
	if start != json.Delim('{') {
		return fmt.Errorf("decode attributes: %v is no object", start)
	}
	attributes := Attributes{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return fmt.Errorf("decode attributes: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("decode attributes: %w", err)
		}
		attributes = append(attributes, pipeline.Attribute{Key: key.(string), Value: string(value)})
	}
	if _, err := d.Token(); err != nil {
		return fmt.Errorf("decode attributes: %w", err)
	}
	*a = attributes
	return nil
}

// encode is json.Marshal without HTML's escapes: log text is full of < and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
