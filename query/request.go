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
	Selection
	// Limit is 1 to MaxLimit; 0 means DefaultLimit.
	Limit int
	// Cursor is LinesResponse.Next of the page before.
	Cursor string
	// Order is newest (also when empty), oldest or rank.
	Order string
}

// lineParameters are the names that ParseLineRequest reads.
func lineParameters() []string {
	return append(selectionParameters(), "q", "any", "limit", "cursor", "order")
}

// ParseLineRequest reads a request from URL parameters: q, any (true or false),
// limit, cursor, order, and those of a Selection. An unknown parameter is an
// error that names it.
func ParseLineRequest(v url.Values) (LineRequest, error) {
	if err := checkParameters(v, lineParameters()); err != nil {
		return LineRequest{}, err
	}
	var r LineRequest
	var err error
	if r.Selection, err = parseSelection(v); err != nil {
		return LineRequest{}, err
	}
	for name, field := range map[string]*string{"q": &r.Query, "cursor": &r.Cursor, "order": &r.Order} {
		if *field, err = single(v, name); err != nil {
			return LineRequest{}, err
		}
	}
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
	r.Selection.set(v)
	for name, value := range map[string]string{"q": r.Query, "cursor": r.Cursor, "order": r.Order} {
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
