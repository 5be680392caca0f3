package query

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// askBody is what the body of POST /v1/ask is told to be.
var askBody = bodyForm{
	noun:    "question",
	fields:  "query, cluster, namespace, service, pod, container, node, level, kind, pattern, label, from, to, evidence, literal",
	example: `send a JSON object: {"query":"why does cart not start?","namespace":["shop"]}`,
}

// DecodeAskRequest reads the JSON body of POST /v1/ask. A field that is not known,
// a wrong type, a second value behind the first and more than MaxSearchBody are
// errors that wrap pipeline.ErrRejected and carry a hint.
func DecodeAskRequest(body io.Reader) (AskRequest, error) {
	return decodeBody[AskRequest](body, askBody)
}

// ParseAskRequest reads the parameters of GET /v1/ask: q (the query), evidence,
// literal (true or false), and those of a Selection. An unknown parameter is an
// error that names it.
func ParseAskRequest(v url.Values) (AskRequest, error) {
	var r AskRequest
	err := checkParameters(v, append(selectionParameters(), "q", "evidence", "literal"))
	if err != nil {
		return r, err
	}
	if r.Selection, err = parseSelection(v); err != nil {
		return r, err
	}
	if r.Query, err = single(v, "q"); err != nil {
		return r, err
	}
	if r.Evidence, err = number(v, "evidence", 1, MaxEvidence); err != nil {
		return r, err
	}
	r.Literal, err = boolean(v, "literal")
	return r, err
}

// Values are the parameters that ParseAskRequest reads back to the same.
func (r AskRequest) Values() url.Values {
	v := url.Values{}
	r.Selection.set(v)
	if r.Query != "" {
		v.Set("q", r.Query)
	}
	if r.Evidence != 0 {
		v.Set("evidence", strconv.Itoa(r.Evidence))
	}
	if r.Literal {
		v.Set("literal", "true")
	}
	return v
}

// check refuses what nothing can answer. Filters are checked where they are
// compiled.
func (r AskRequest) check() error {
	if err := checkText("query", r.Query, maxText); err != nil {
		return err
	}
	if strings.TrimSpace(r.Query) == "" {
		return rejectf("ask a question: what is wrong?", "the query is empty")
	}
	if r.Evidence < 0 || r.Evidence > MaxEvidence {
		return rejectf(fmt.Sprintf("evidence is 1 to %d", MaxEvidence), "evidence %d is out of range", r.Evidence)
	}
	return nil
}

// answers is how many questions are answered at once: each holds up to 64 MiB of
// texts.
const answers = 4

// asking answers a question into a response.
type asking func(w http.ResponseWriter, r *http.Request, request AskRequest) error

// answerer answers so many questions at once as answers says; others wait.
func (a *API) answerer() asking {
	slots := make(chan struct{}, answers)
	return func(w http.ResponseWriter, r *http.Request, request AskRequest) error {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-r.Context().Done():
			return fmt.Errorf("wait for other questions: %w", r.Context().Err())
		}
		return a.ask(w, r, request)
	}
}

func (a *API) getAsk(w http.ResponseWriter, r *http.Request, answer asking) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	request, err := ParseAskRequest(v)
	if err != nil {
		return err
	}
	return answer(w, r, request)
}

func (a *API) postAsk(w http.ResponseWriter, r *http.Request, answer asking) error {
	if err := onlyBody(r); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	request, err := DecodeAskRequest(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return answer(w, r, request)
}

func (a *API) ask(w http.ResponseWriter, r *http.Request, request AskRequest) error {
	response, err := a.Asker.Ask(r.Context(), request)
	if err != nil {
		return err
	}
	response.Evidence, response.Cascade, response.Changes = orNone(response.Evidence), orNone(response.Cascade), orNone(response.Changes)
	response.Next, response.Also, response.Nearest = orNone(response.Next), orNone(response.Also), orNone(response.Nearest)
	response.Looked.About, response.Looked.Read = orNone(response.Looked.About), orNone(response.Looked.Read)
	for i := range response.Nearest {
		response.Nearest[i].Examples = orNone(response.Nearest[i].Examples)
	}
	return writeJSON(w, response)
}
