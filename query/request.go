package query

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
)

// Bounds of a request for lines.
const (
	DefaultLimit = 100
	MaxLimit     = 10_000
	// DefaultContext is how many lines before and after an entry are shown
	// when neither number is given, MaxContext the most that can be.
	DefaultContext = 10
	MaxContext     = 1_000

	maxText   = 4 << 10 // bytes of a query
	maxValue  = 1 << 10 // bytes of any other value
	maxValues = 100     // of one field
)

// LineRequest asks for lines in the forms that people write. The zero value asks
// for the newest DefaultLimit lines. It is the same for the command line and
// for HTTP: see [ParseLineRequest] for the parameters.
type LineRequest struct {
	// Query is the text to find, in the syntax of pipeline.LineQuery.Text;
	// Any says that one of its words is enough.
	Query string
	Any   bool

	Clusters, Namespaces, Services, Pods, Containers, Nodes []string
	// Levels are names, "unknown" for lines that name none, and a name with a
	// plus for it and all above: "warn+".
	Levels []string
	// Kinds are log, event, node.
	Kinds []string
	// Labels are key=value.
	Labels []string
	// From (inclusive) and To (exclusive) are times as ParseTime reads them.
	From, To string
	// Limit is 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
	// Cursor is LinesResponse.Next of the page before.
	Cursor string
	// Order is newest (also when empty), oldest or rank.
	Order string
}

// listParameter ties a parameter that may be repeated, or hold a list with
// commas, to its field.
type listParameter struct {
	name   string
	values func(*LineRequest) *[]string
}

// Labels are not among them: their values may hold commas.
var listParameters = [...]listParameter{
	{"cluster", func(r *LineRequest) *[]string { return &r.Clusters }},
	{"namespace", func(r *LineRequest) *[]string { return &r.Namespaces }},
	{"service", func(r *LineRequest) *[]string { return &r.Services }},
	{"pod", func(r *LineRequest) *[]string { return &r.Pods }},
	{"container", func(r *LineRequest) *[]string { return &r.Containers }},
	{"node", func(r *LineRequest) *[]string { return &r.Nodes }},
	{"level", func(r *LineRequest) *[]string { return &r.Levels }},
	{"kind", func(r *LineRequest) *[]string { return &r.Kinds }},
}

// lineParameters are the names that ParseLineRequest reads.
func lineParameters() []string {
	names := []string{"q", "any", "label", "from", "to", "limit", "cursor", "order"}
	for _, p := range listParameters {
		names = append(names, p.name)
	}
	return names
}

// ParseLineRequest reads a request from URL parameters: q, any (true or false),
// label (key=value), from, to, limit, cursor, order, and the lists cluster,
// namespace, service, pod, container, node, level, kind, which may be repeated
// or joined by commas. An unknown parameter is an error that names it. A plus
// that a URL turned into a space is understood where it can be (level=warn+ and
// a time's zone).
func ParseLineRequest(v url.Values) (LineRequest, error) {
	if err := checkParameters(v, lineParameters()); err != nil {
		return LineRequest{}, err
	}
	var r LineRequest
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
	for name, field := range map[string]*string{
		"q": &r.Query, "from": &r.From, "to": &r.To, "cursor": &r.Cursor, "order": &r.Order,
	} {
		if *field, err = single(v, name); err != nil {
			return LineRequest{}, err
		}
	}
	r.From, r.To = zonePlus(r.From), zonePlus(r.To)
	if r.Any, err = boolean(v, "any"); err != nil {
		return LineRequest{}, err
	}
	if r.Limit, err = number(v, "limit", 1, MaxLimit); err != nil {
		return LineRequest{}, err
	}
	return r, nil
}

// Values are the parameters that ParseLineRequest reads back to the same.
func (r LineRequest) Values() url.Values {
	v := url.Values{}
	for _, p := range listParameters {
		if values := *p.values(&r); len(values) > 0 {
			v[p.name] = slices.Clone(values)
		}
	}
	if len(r.Labels) > 0 {
		v["label"] = slices.Clone(r.Labels)
	}
	for name, value := range map[string]string{"q": r.Query, "from": r.From, "to": r.To, "cursor": r.Cursor, "order": r.Order} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if r.Any {
		v.Set("any", "true")
	}
	if r.Limit != 0 {
		v.Set("limit", strconv.Itoa(r.Limit))
	}
	return v
}

// compile checks the request and makes it a store's query, without scopes.
// Errors wrap pipeline.ErrRejected.
func (r LineRequest) compile(now time.Time) (pipeline.LineQuery, error) {
	q := pipeline.LineQuery{Text: strings.TrimSpace(r.Query), Any: r.Any, Limit: r.Limit}
	if err := checkText("q", r.Query, maxText); err != nil {
		return q, err
	}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	if q.Limit < 1 || q.Limit > MaxLimit {
		return q, rejectf(fmt.Sprintf("page on with the cursor that comes as next; the limit is 1 to %d", MaxLimit),
			"limit %d is out of range", r.Limit)
	}
	var err error
	if q.Filter, err = r.filter(now); err != nil {
		return q, err
	}
	if q.Order, err = r.order(q.Text); err != nil {
		return q, err
	}
	if r.Cursor == "" {
		return q, nil
	}
	c, err := r.readCursor()
	if err != nil {
		return q, err
	}
	q.Filter.From, q.Filter.To, q.Cursor = c.From, c.To, c.Store
	return q, nil
}

func (r LineRequest) filter(now time.Time) (pipeline.Filter, error) {
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

func (r LineRequest) order(text string) (pipeline.Order, error) {
	switch r.Order {
	case "", "newest":
		return pipeline.NewestFirst, nil
	case "oldest":
		return pipeline.OldestFirst, nil
	case "rank":
		if text == "" {
			return 0, rejectf("add a query, or order by newest or oldest", "order rank needs a query")
		}
		return pipeline.ByRank, nil
	}
	return 0, rejectf("orders are newest, oldest and rank", "order %q is unknown", r.Order)
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

// cursor continues a request: with the store's own mark it carries the range
// that the first page had, since "15m" means something else a minute later, and
// a hash of the request, since a mark means nothing in another one.
type cursor struct {
	From    int64  `json:"f,omitempty"`
	To      int64  `json:"t,omitempty"`
	Store   string `json:"s"`
	Request uint64 `json:"r"`
}

func (r LineRequest) writeCursor(q pipeline.LineQuery, next string) (string, error) {
	if next == "" {
		return "", nil
	}
	text, err := json.Marshal(cursor{From: q.Filter.From, To: q.Filter.To, Store: next, Request: r.hash()})
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

func (r LineRequest) readCursor() (cursor, error) {
	const hint = "take the cursor from next of the page before, with the same request otherwise"
	var c cursor
	text, err := base64.RawURLEncoding.DecodeString(r.Cursor)
	if err != nil {
		return c, rejectf(hint, "cursor is not ours")
	}
	if err := json.Unmarshal(text, &c); err != nil || c.Store == "" {
		return c, rejectf(hint, "cursor is not ours")
	}
	if c.Request != r.hash() {
		return c, rejectf(hint, "cursor belongs to another request")
	}
	return c, nil
}

// hash tells requests apart; pages of one request may differ in size.
func (r LineRequest) hash() uint64 {
	r.Cursor, r.Limit = "", 0
	h := fnv.New64a()
	h.Write([]byte(r.Values().Encode()))
	return h.Sum64()
}

// checkParameters refuses names that are not known: a misspelt filter that is
// silently ignored shows too much.
func checkParameters(v url.Values, known []string) error {
	var unknown []string
	for name := range v {
		if !slices.Contains(known, name) {
			unknown = append(unknown, strconv.Quote(name))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	slices.Sort(known)
	hint := "this address takes no parameters"
	if len(known) > 0 {
		hint = "known are " + strings.Join(known, ", ")
	}
	return rejectf(hint, "unknown parameter %s", strings.Join(unknown[:min(len(unknown), 10)], ", "))
}

func checkText(name, text string, most int) error {
	if len(text) > most {
		return rejectf(fmt.Sprintf("it may have %d", most), "%s has %d bytes", name, len(text))
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return rejectf("send UTF-8 without zero bytes", "%s is no text", name)
	}
	return nil
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

func single(v url.Values, name string) (string, error) {
	values := v[name]
	if len(values) > 1 {
		return "", rejectf("give it once", "%s is given %d times", name, len(values))
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

func boolean(v url.Values, name string) (bool, error) {
	text, err := single(v, name)
	if err != nil || text == "" {
		return false, err
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return false, rejectf("say true or false", "%s %q is neither true nor false", name, text)
	}
	return b, nil
}

// number reads a parameter between least and most; 0 when it is not given.
func number(v url.Values, name string, least, most int) (int, error) {
	text, err := single(v, name)
	if err != nil || text == "" {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, rejectf(fmt.Sprintf("%s is a number from %d to %d", name, least, most), "%s %q is out of range", name, text)
	}
	return n, nil
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
