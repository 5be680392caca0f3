package query

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// Selection says which lines, in the forms that people write: what requests for
// lines, patterns and searches share. The zero value selects everything.
type Selection struct {
	Clusters   []string `json:"cluster,omitempty"`
	Namespaces []string `json:"namespace,omitempty"`
	Services   []string `json:"service,omitempty"`
	// Pods, Containers and Nodes match exactly, or by prefix with a * at the end.
	Pods       []string `json:"pod,omitempty"`
	Containers []string `json:"container,omitempty"`
	Nodes      []string `json:"node,omitempty"`
	// Levels are names, "unknown" for lines that name none, and a name with a
	// plus for it and all above: "warn+".
	Levels []string `json:"level,omitempty"`
	// Kinds are log, event, node.
	Kinds []string `json:"kind,omitempty"`
	// Patterns are IDs of patterns.
	Patterns []string `json:"pattern,omitempty"`
	// Labels are key=value.
	Labels []string `json:"label,omitempty"`
	// From (inclusive) and To (exclusive) are times as ParseTime reads them.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// listParameter ties a parameter that may be repeated, or hold a list with
// commas, to its field.
type listParameter struct {
	name   string
	values func(*Selection) *[]string
}

// Labels are not among them: their values may hold commas.
var listParameters = [...]listParameter{
	{"cluster", func(r *Selection) *[]string { return &r.Clusters }},
	{"namespace", func(r *Selection) *[]string { return &r.Namespaces }},
	{"service", func(r *Selection) *[]string { return &r.Services }},
	{"pod", func(r *Selection) *[]string { return &r.Pods }},
	{"container", func(r *Selection) *[]string { return &r.Containers }},
	{"node", func(r *Selection) *[]string { return &r.Nodes }},
	{"level", func(r *Selection) *[]string { return &r.Levels }},
	{"kind", func(r *Selection) *[]string { return &r.Kinds }},
	{"pattern", func(r *Selection) *[]string { return &r.Patterns }},
}

// selectionParameters are the names that parseSelection reads.
func selectionParameters() []string {
	names := []string{"label", "from", "to"}
	for _, p := range listParameters {
		names = append(names, p.name)
	}
	return names
}

// parseSelection reads URL parameters: label (key=value), from, to, and the lists
// cluster, namespace, service, pod, container, node, level, kind, pattern, which
// may be repeated or joined by commas. A plus that a URL turned into a space is
// understood where it can be (level=warn+ and a time's zone).
func parseSelection(v url.Values) (Selection, error) {
	var r Selection
	var err error
	for _, p := range listParameters {
		*p.values(&r) = splitList(v[p.name])
	}
	for i, level := range r.Levels {
		if bare, had := strings.CutSuffix(level, " "); had {
			r.Levels[i] = bare + "+"
		}
	}
	r.Labels = slices.Clone(v["label"])
	if r.From, err = single(v, "from"); err != nil {
		return r, err
	}
	if r.To, err = single(v, "to"); err != nil {
		return r, err
	}
	r.From, r.To = zonePlus(r.From), zonePlus(r.To)
	return r, nil
}

// set adds the parameters that parseSelection reads back to the same.
func (r Selection) set(v url.Values) {
	for _, p := range listParameters {
		if values := *p.values(&r); len(values) > 0 {
			v[p.name] = slices.Clone(values)
		}
	}
	if len(r.Labels) > 0 {
		v["label"] = slices.Clone(r.Labels)
	}
	if r.From != "" {
		v.Set("from", r.From)
	}
	if r.To != "" {
		v.Set("to", r.To)
	}
}

// filter is the selection as a store reads it, without scopes. Errors wrap
// pipeline.ErrRejected.
func (r Selection) filter(now time.Time) (pipeline.Filter, error) {
	var f pipeline.Filter
	for _, p := range listParameters {
		values := *p.values(&r)
		if len(values) > maxValues {
			return f, rejectf(fmt.Sprintf("a field takes up to %d values", maxValues), "%s has %d values", p.name, len(values))
		}
		for _, value := range values {
			if value == "" {
				return f, rejectf("leave the parameter out to search everything", "%s is empty", p.name)
			}
			if err := checkText(p.name, value, maxValue); err != nil {
				return f, err
			}
			if strings.Contains(strings.TrimSuffix(value, "*"), "*") {
				return f, rejectf("a * stands at the end of a pod, container or node, for any rest", "%s %q has a * elsewhere", p.name, value)
			}
		}
	}
	f.Clusters, f.Namespaces, f.Services = r.Clusters, r.Namespaces, r.Services
	f.Pods, f.Containers, f.Nodes = r.Pods, r.Containers, r.Nodes
	var err error
	if f.Levels, err = parseLevels(r.Levels); err != nil {
		return f, err
	}
	for _, text := range r.Patterns {
		id, err := pipeline.ParsePatternID(text)
		if err != nil {
			return f, rejectf("patterns and search show the IDs of patterns", "%v", err)
		}
		f.Patterns = append(f.Patterns, id)
	}
	for _, name := range r.Kinds {
		kind, err := pipeline.ParseKind(name)
		if err != nil {
			return f, rejectf("kinds are log, event and node", "%v", err)
		}
		f.Kinds = append(f.Kinds, kind)
	}
	if f.Labels, err = parseLabels(r.Labels); err != nil {
		return f, err
	}
	if f.From, f.To, err = ParseRange(r.From, r.To, now); err != nil {
		return f, err
	}
	return f, nil
}

func parseLevels(names []string) ([]pipeline.Level, error) {
	var levels []pipeline.Level
	for _, name := range names {
		bare, above := strings.CutSuffix(name, "+")
		if bare == "unknown" && !above {
			levels = append(levels, pipeline.LevelUnknown)
			continue
		}
		level, err := pipeline.LevelByName(bare)
		if err != nil {
			return nil, rejectf("levels are trace, debug, info, warn, error, fatal and unknown; warn+ means warn and above",
				"level %q is unknown", name)
		}
		levels = append(levels, level)
		for above && level < pipeline.LevelFatal {
			level++
			levels = append(levels, level)
		}
	}
	slices.Sort(levels)
	return slices.Compact(levels), nil
}

func parseLabels(pairs []string) (map[string]string, error) {
	if len(pairs) == 0 {
		return nil, nil
	}
	if len(pairs) > maxValues {
		return nil, rejectf(fmt.Sprintf("a request takes up to %d labels", maxValues), "there are %d labels", len(pairs))
	}
	labels := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if err := checkText("label", pair, maxValue); err != nil {
			return nil, err
		}
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, rejectf("write a label as key=value: app=checkout", "label %q has no key and value", pair)
		}
		if before, twice := labels[key]; twice && before != value {
			return nil, rejectf("a line has one value of a label; ask twice", "label %q is asked for with two values", key)
		}
		labels[key] = value
	}
	return labels, nil
}

func splitList(values []string) []string {
	var list []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			list = append(list, strings.TrimLeft(item, " "))
		}
	}
	return list
}

// zonePlus gives a time's zone its plus back, which a URL reads as a space:
// "2021-08-03T09:18:00 02:00".
func zonePlus(text string) string {
	at := len(text) - len(" 02:00")
	if at > 0 && text[at] == ' ' && strings.ContainsRune(text[:at], 'T') {
		return text[:at] + "+" + text[at+1:]
	}
	return text
}
