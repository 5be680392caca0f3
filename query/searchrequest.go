package query

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Legs of a search.
const (
	LegText   = "text"
	LegVector = "vector"
)

// bodyForm is what a JSON body is told to be where it is not.
type bodyForm struct {
	noun string
	// fields are those that are known.
	fields string
	// example is a hint.
	example string
}

var searchBody = bodyForm{
	noun:    "search request",
	fields:  "query, cluster, namespace, service, pod, container, node, level, kind, pattern, label, from, to, limit, examples, literal, leg",
	example: `send a JSON object: {"query":"connection refused","namespace":["shop"],"limit":10}`,
}

// DecodeSearchRequest reads the JSON body of POST /v1/search. A field that is not
// known, a wrong type, a second value behind the first and more than MaxSearchBody are
// errors that wrap pipeline.ErrRejected and carry a hint.
func DecodeSearchRequest(body io.Reader) (SearchRequest, error) {
	return decodeBody[SearchRequest](body, searchBody)
}

// decodeBody reads one JSON object of at most MaxSearchBody bytes.
func decodeBody[T any](body io.Reader, form bodyForm) (T, error) {
	var r, none T
	text, err := io.ReadAll(io.LimitReader(body, MaxSearchBody+1))
	if err != nil {
		return none, fmt.Errorf("read %s: %w", form.noun, err)
	}
	if len(text) > MaxSearchBody {
		return none, rejectf(fmt.Sprintf("it may have %d bytes", MaxSearchBody), "the %s is too large", form.noun)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return none, form.explain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, rejectf("send one JSON object", "there is more than one value in the %s", form.noun)
	}
	return r, nil
}

// explain says in words what is wrong with a body.
func (form bodyForm) explain(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		if wrong.Field == "" {
			return rejectf(form.example, "the %s is no JSON object", form.noun)
		}
		_, field, nested := strings.Cut(wrong.Field, ".")
		if !nested {
			field = wrong.Field
		}
		return rejectf(field+" is "+jsonType(wrong.Type.String()), "%s is a JSON %s", field, wrong.Value)
	}
	// encoding/json has no type for this error.
	if field, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return rejectf("known are "+form.fields, "unknown field %s", field)
	}
	return rejectf(form.example, "the %s is no JSON: %v", form.noun, err)
}

func jsonType(goType string) string {
	switch goType {
	case "string":
		return "a string; filters are lists of strings"
	case "[]string":
		return `a list of strings: ["..",".."]`
	case "bool":
		return "true or false"
	}
	return "a whole number"
}

// ParseSearchRequest reads the parameters of GET /v1/search: q (the query),
// limit, examples, literal (true or false), leg, and those of a Selection. An
// unknown parameter is an error that names it.
func ParseSearchRequest(v url.Values) (SearchRequest, error) {
	var r SearchRequest
	err := checkParameters(v, append(selectionParameters(), "q", "limit", "examples", "literal", "leg"))
	if err != nil {
		return r, err
	}
	if r.Selection, err = parseSelection(v); err != nil {
		return r, err
	}
	if r.Query, err = single(v, "q"); err != nil {
		return r, err
	}
	if r.Leg, err = single(v, "leg"); err != nil {
		return r, err
	}
	if r.Limit, err = number(v, "limit", 1, MaxHits); err != nil {
		return r, err
	}
	if v.Get("examples") != "" {
		n, err := number(v, "examples", 0, MaxExamples)
		if err != nil {
			return r, err
		}
		r.Examples = &n
	}
	r.Literal, err = boolean(v, "literal")
	return r, err
}

// Values are the parameters that ParseSearchRequest reads back to the same.
func (r SearchRequest) Values() url.Values {
	v := url.Values{}
	r.Selection.set(v)
	for name, value := range map[string]string{"q": r.Query, "leg": r.Leg} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if r.Limit != 0 {
		v.Set("limit", strconv.Itoa(r.Limit))
	}
	if r.Examples != nil {
		v.Set("examples", strconv.Itoa(*r.Examples))
	}
	if r.Literal {
		v.Set("literal", "true")
	}
	return v
}

// check refuses what no search can answer. Filters are checked where they are
// compiled.
func (r SearchRequest) check() error {
	if err := checkText("query", r.Query, maxText); err != nil {
		return err
	}
	if strings.TrimSpace(r.Query) == "" {
		return rejectf("ask a question; patterns without one are listed by GET /v1/patterns or loglode patterns", "the query is empty")
	}
	if r.Limit < 0 || r.Limit > MaxHits {
		return rejectf(fmt.Sprintf("the limit is 1 to %d", MaxHits), "limit %d is out of range", r.Limit)
	}
	if r.Examples != nil && (*r.Examples < 0 || *r.Examples > MaxExamples) {
		return rejectf(fmt.Sprintf("examples is 0 to %d", MaxExamples), "examples %d is out of range", *r.Examples)
	}
	switch r.Leg {
	case "", LegText, LegVector:
		return nil
	}
	return rejectf("leave leg out, or say text or vector", "leg %q is unknown", r.Leg)
}
