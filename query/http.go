package query

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// NextHeader carries LinesResponse.Next where the body is lines alone (jsonl,
// csv).
const NextHeader = "Loglode-Next"

// NoteHeader carries PatternsResponse.Note where the body is patterns alone.
const NoteHeader = "Loglode-Note"

// MaxSearchBody bounds the bodies of POST /v1/search and POST /v1/ask, in bytes: a
// question of 4 KiB and filters.
const MaxSearchBody = 64 << 10

// bodyTimeout bounds how long a client may take to send it.
const bodyTimeout = 10 * time.Second

// Searcher answers questions from patterns; a Service does. It MUST limit what
// it tells to the scopes of ctx. Errors about what was asked wrap
// pipeline.ErrRejected.
type Searcher interface {
	Search(ctx context.Context, r SearchRequest) (SearchResponse, error)
	PatternList(ctx context.Context, r PatternsRequest) (PatternsResponse, error)
}

// API serves the read path and the operations over HTTP. Its fields are set
// once, before Register; a nil port's addresses are not served.
//
// A request is answered only when its context carries a decision of access
// control: see [WithScopes]. One that is limited to scopes gets lines, patterns
// and days; status, dead letters and audit speak of everybody's entries and are
// refused.
//
// Follow streams end when their request's context does. A server that is to
// stop gracefully MUST therefore end its http.Server.BaseContext first.
type API struct {
	Lines       *Service
	Search      Searcher
	Asker       Asker
	DeadLetters DeadLetterBox
	Status      StatusReporter
	Auditor     Auditor
	Indices     IndexKeeper
	Reembedder  Reembedder
	Log         *slog.Logger // nil discards

	// Timeout bounds a question; 0 means 30 s. AuditTimeout bounds audits and
	// redrives; 0 means 15 min.
	Timeout, AuditTimeout time.Duration
	// MaxFollowers bounds the follow streams that are open at once; 0 means 64.
	MaxFollowers int
	// Heartbeat is how long a follow stream is silent at most; 0 means 15 s.
	Heartbeat time.Duration
}

// Register adds the API's addresses to mux:
//
//	GET  /v1/lines          q, any, filters, from, to, limit, cursor, order,
//	                        or id, before, after; format=json|jsonl|csv
//	GET  /v1/lines/{id}
//	GET  /v1/lines/follow   q, any, filters, from, last, cursor; format=jsonl|sse
//	GET  /v1/search         q, filters, from, to, limit, examples, literal, leg
//	POST /v1/search         the same as a JSON body: SearchRequest
//	GET  /v1/ask            q, filters, from, to, evidence, literal
//	POST /v1/ask            the same as a JSON body: AskRequest
//	GET  /v1/patterns       filters, from, to, order, against, limit;
//	                        format=json|jsonl|csv
//	GET  /v1/days
//	GET  /v1/status
//	GET  /v1/dlq            reason, limit, cursor
//	GET  /v1/dlq/{id}
//	POST /v1/dlq/redrive    id (repeated), or reason, or all=true
//	POST /v1/audit          from, to
//	GET  /v1/indices
//	POST /v1/indices/prune  before, dry_run=true
//	POST /v1/reembed        model, dimensions, dry_run=true
//
// Errors, also those of unknown addresses below /v1/, are JSON:
// {"error":"..","hint":".."}.
func (a *API) Register(mux *http.ServeMux) {
	timeout, auditTimeout := orDefault(a.Timeout, 30*time.Second), orDefault(a.AuditTimeout, 15*time.Minute)
	followers := make(chan struct{}, orDefault(a.MaxFollowers, 64))

	a.handle(mux, "GET /v1/lines", timeout, a.getLines)
	a.handle(mux, "GET /v1/lines/{id}", timeout, a.getLine)
	a.handle(mux, "GET /v1/lines/follow", 0, func(w http.ResponseWriter, r *http.Request) error {
		return a.follow(w, r, followers)
	})
	a.handle(mux, "GET /v1/days", timeout, a.getDays)
	allow(mux, "/v1/lines", "GET")
	allow(mux, "/v1/lines/{id}", "GET")
	allow(mux, "/v1/days", "GET")
	if a.Search != nil {
		a.handle(mux, "GET /v1/search", timeout, a.getSearch)
		a.handle(mux, "POST /v1/search", timeout, a.postSearch)
		a.handle(mux, "GET /v1/patterns", timeout, a.getPatterns)
		allow(mux, "/v1/search", "GET", "POST")
		allow(mux, "/v1/patterns", "GET")
	}
	if a.Asker != nil {
		answer := a.answerer()
		a.handle(mux, "GET /v1/ask", timeout, func(w http.ResponseWriter, r *http.Request) error { return a.getAsk(w, r, answer) })
		a.handle(mux, "POST /v1/ask", timeout, func(w http.ResponseWriter, r *http.Request) error { return a.postAsk(w, r, answer) })
		allow(mux, "/v1/ask", "GET", "POST")
	}
	if a.Status != nil {
		a.handle(mux, "GET /v1/status", timeout, unscoped(a.getStatus))
		allow(mux, "/v1/status", "GET")
	}
	if a.DeadLetters != nil {
		a.handle(mux, "GET /v1/dlq", timeout, unscoped(a.getDeadLetters))
		a.handle(mux, "GET /v1/dlq/{id}", timeout, unscoped(a.getDeadLetter))
		a.handle(mux, "POST /v1/dlq/redrive", auditTimeout, unscoped(a.redrive))
		allow(mux, "/v1/dlq", "GET")
		allow(mux, "/v1/dlq/{id}", "GET")
	}
	if a.Auditor != nil {
		a.handle(mux, "POST /v1/audit", auditTimeout, unscoped(a.audit))
		allow(mux, "/v1/audit", "POST")
	}
	if a.Indices != nil {
		a.handle(mux, "GET /v1/indices", timeout, unscoped(a.getIndices))
		a.handle(mux, "POST /v1/indices/prune", auditTimeout, unscoped(a.prune))
		allow(mux, "/v1/indices", "GET")
	}
	if a.Reembedder != nil {
		a.handle(mux, "POST /v1/reembed", 2*time.Minute, unscoped(a.reembed))
		allow(mux, "/v1/reembed", "POST")
	}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		WriteError(w, http.StatusNotFound, "no such address: "+r.Method+" "+r.URL.Path, "known are /v1/lines, /v1/lines/{id}, /v1/lines/follow, /v1/search, /v1/ask, /v1/patterns, /v1/days, /v1/status, /v1/dlq, /v1/dlq/{id}, /v1/dlq/redrive, /v1/audit, /v1/indices, /v1/indices/prune, /v1/reembed, /v1/ingest, /v1/files")
	})
}

type handler func(w http.ResponseWriter, r *http.Request) error

// handle serves pattern with what every address shares: a decision on access, a
// bound on time (none when timeout is 0), one place where errors are told.
func (a *API) handle(mux *http.ServeMux, pattern string, timeout time.Duration, h handler) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, decided := scopesOf(r.Context()); !decided {
			WriteError(w, http.StatusForbidden, "nobody decided what this request may read", "serve this API behind access control")
			return
		}
		if timeout > 0 {
			ctx, cancel := context.WithTimeout(r.Context(), timeout)
			defer cancel()
			r = r.WithContext(ctx)
		}
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

// allow answers a known address that is asked with another method.
func allow(mux *http.ServeMux, path string, methods ...string) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		WriteError(w, http.StatusMethodNotAllowed, r.Method+" does not apply to "+path, "use "+strings.Join(methods, " or "))
	})
}

// errForbidden says that the answer would tell of other tenants' entries.
var errForbidden = pipeline.WithHint(errors.New("this address tells of everybody's entries"),
	"ask with a token that is not limited to tenants")

// errGone says that the client stopped reading: there is nobody left to tell.
var errGone = errors.New("client is gone")

func unscoped(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if scopes, _ := scopesOf(r.Context()); scopes != nil {
			return errForbidden
		}
		return h(w, r)
	}
}

// fail tells the client what happened. A fault that the client has no part in
// is logged in full and told in a word: its text may speak of other tenants.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errGone) {
		return
	}
	status, message, hint := describe(err)
	if scopes, _ := scopesOf(r.Context()); scopes != nil && status == http.StatusInternalServerError {
		message, hint = "internal error", "tell who runs this loglode" // names of files are no tenant's business
	}
	if status >= 500 && a.Log != nil {
		a.Log.Error("answer request", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	WriteError(w, status, message, hint)
}

func describe(err error) (status int, message, hint string) {
	var hinted *pipeline.HintError
	if errors.As(err, &hinted) {
		hint = hinted.Hint
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", large.Limit), "ask in fewer words"
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, "the answer was interrupted", "ask again"
	case errors.Is(err, errForbidden):
		return http.StatusForbidden, err.Error(), hint
	case errors.Is(err, pipeline.ErrRejected):
		return http.StatusBadRequest, err.Error(), hint
	case errors.Is(err, pipeline.ErrNotFound):
		return http.StatusNotFound, err.Error(), hint
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, "the answer took too long", "narrow the time range or add filters"
	case errors.Is(err, pipeline.ErrTryLater):
		return http.StatusServiceUnavailable, err.Error(), hint
	}
	if hint != "" { // written for who can mend it
		return http.StatusInternalServerError, err.Error(), hint
	}
	return http.StatusInternalServerError, "internal error", "see the log of loglode"
}

// WriteError answers with an error in the API's form, {"error":"..","hint":".."}.
func WriteError(w http.ResponseWriter, status int, message, hint string) {
	body, err := encode(errorBody{Error: message, Hint: hint})
	if err != nil {
		body = []byte(`{"error":"internal error","hint":""}`)
	}
	setType(w, "application/json")
	w.WriteHeader(status)
	// A client that does not read its error is gone.
	_, _ = w.Write(append(body, '\n'))
}

type errorBody struct {
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

func (a *API) getLines(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	if err := checkParameters(v, append(lineParameters(), "id", "before", "after", "format")); err != nil {
		return err
	}
	format, err := choice(v, "format", "json", "jsonl", "csv")
	if err != nil {
		return err
	}
	v.Del("format")
	var response LinesResponse
	if v.Has("id") {
		response, err = a.around(r.Context(), v)
	} else {
		response, err = a.find(r.Context(), v)
	}
	if err != nil {
		return err
	}
	if response.Next != "" {
		w.Header().Set(NextHeader, response.Next)
	}
	return writeLines(w, format, response)
}

func (a *API) find(ctx context.Context, v url.Values) (LinesResponse, error) {
	for _, name := range []string{"before", "after"} {
		if v.Has(name) {
			return LinesResponse{}, rejectf("add id=<an entry's id>", "%s goes with an id", name)
		}
	}
	request, err := ParseLineRequest(v)
	if err != nil {
		return LinesResponse{}, err
	}
	return a.Lines.Lines(ctx, request)
}

func (a *API) around(ctx context.Context, v url.Values) (LinesResponse, error) {
	if err := checkParameters(v, []string{"id", "before", "after", "format"}); err != nil {
		return LinesResponse{}, err
	}
	text, err := single(v, "id")
	if err != nil {
		return LinesResponse{}, err
	}
	id, err := parseID(text)
	if err != nil {
		return LinesResponse{}, err
	}
	before, err := number(v, "before", 0, MaxContext)
	if err != nil {
		return LinesResponse{}, err
	}
	after, err := number(v, "after", 0, MaxContext)
	if err != nil {
		return LinesResponse{}, err
	}
	if !v.Has("before") && !v.Has("after") {
		before, after = DefaultContext, DefaultContext
	}
	return a.Lines.Around(ctx, id, before, after)
}

func (a *API) getLine(w http.ResponseWriter, r *http.Request) error {
	id, err := onlyID(r)
	if err != nil {
		return err
	}
	line, err := a.Lines.Line(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, line)
}

func (a *API) getSearch(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	request, err := ParseSearchRequest(v)
	if err != nil {
		return err
	}
	return a.search(w, r, request)
}

func (a *API) postSearch(w http.ResponseWriter, r *http.Request) error {
	if err := onlyBody(r); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	request, err := DecodeSearchRequest(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return a.search(w, r, request)
}

// onlyBody refuses parameters beside a body.
func onlyBody(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return rejectf("put all of the request into the body, or GET with parameters", "a question by POST takes no parameters")
	}
	return nil
}

// readBody reads a small body at once: a slow client must not take the answer's
// time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Writers that know no deadlines (the command line's own) need none. At the
	// body's end net/http takes the deadline back.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSearchBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, rejectf(fmt.Sprintf("send the whole body within %s", bodyTimeout), "the body did not arrive: %v", err)
	}
	return body, nil
}

func (a *API) search(w http.ResponseWriter, r *http.Request, request SearchRequest) error {
	response, err := a.Search.Search(r.Context(), request)
	if err != nil {
		return err
	}
	u := &response.Understood
	for _, list := range []*[]string{&u.Terms, &u.Unknown, &u.Read} {
		*list = orNone(*list)
	}
	u.Tokens, response.Hits = orNone(u.Tokens), orNone(response.Hits)
	for i := range response.Hits {
		response.Hits[i].Examples = orNone(response.Hits[i].Examples)
	}
	return writeJSON(w, response)
}

// orNone makes a list that JSON shows as [] of one that it would show as null.
func orNone[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *API) getPatterns(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	format, err := choice(v, "format", "json", "jsonl", "csv")
	if err != nil {
		return err
	}
	v.Del("format")
	request, err := ParsePatternsRequest(v)
	if err != nil {
		return err
	}
	response, err := a.Search.PatternList(r.Context(), request)
	if err != nil {
		return err
	}
	response.Patterns = orNone(response.Patterns)
	return writePatterns(w, format, response)
}

// writePatterns tells the note in a header where the body is patterns alone.
func writePatterns(w http.ResponseWriter, format string, response PatternsResponse) error {
	if format == "json" {
		return writeJSON(w, response)
	}
	if response.Note != "" {
		w.Header().Set(NoteHeader, response.Note)
	}
	b := bufio.NewWriterSize(patientWriter{w: w}, 32<<10)
	if format == "csv" {
		setType(w, "text/csv; charset=utf-8")
		if err := WritePatternsCSV(b, response.Patterns); err != nil {
			return err
		}
		return b.Flush()
	}
	setType(w, "application/x-ndjson")
	if err := writeJSONLines(b, response.Patterns); err != nil {
		return err
	}
	return b.Flush()
}

// WritePatternsCSV writes patterns as comma-separated values: a header, then one
// record a pattern, in the order of PatternRow's JSON keys, made safe as by [CSV].
func WritePatternsCSV(w io.Writer, rows []PatternRow) error {
	out := csv.NewWriter(w)
	records := [][]string{{
		"pattern_id", "template", "kind", "cluster", "namespace", "service", "level", "count", "before", "first_seen", "last_seen",
	}}
	for i := range rows {
		p := &rows[i]
		record := []string{
			p.PatternID, p.Template, p.Kind, p.Cluster, p.Namespace, p.Service, p.Level,
			strconv.FormatInt(p.Count, 10), strconv.FormatInt(p.Before, 10),
			p.FirstSeen.UTC().Format(time.RFC3339Nano), p.LastSeen.UTC().Format(time.RFC3339Nano),
		}
		for i, cell := range record {
			record[i] = CSVCell(cell)
		}
		records = append(records, record)
	}
	if err := out.WriteAll(records); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

func (a *API) getDays(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	days, err := a.Lines.Days(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, days)
}

func (a *API) getStatus(w http.ResponseWriter, r *http.Request) error {
	if err := noParameters(r); err != nil {
		return err
	}
	status, err := a.Status.Status(r.Context())
	if err != nil {
		return err
	}
	for _, counts := range []*map[string]int64{&status.Stream.Lag, &status.Lost, &status.Rejected, &status.Dropped, &status.Redacted} {
		if *counts == nil {
			*counts = map[string]int64{}
		}
	}
	if status.Index.Damaged == nil {
		status.Index.Damaged = []string{}
	}
	if status.Sources == nil {
		status.Sources = map[string]SourceStatus{}
	}
	return writeJSON(w, status)
}

func (a *API) getDeadLetters(w http.ResponseWriter, r *http.Request) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	if err := checkParameters(v, []string{"reason", "limit", "cursor"}); err != nil {
		return err
	}
	q := DeadLetterQuery{}
	if q.Reason, err = single(v, "reason"); err != nil {
		return err
	}
	if q.Cursor, err = single(v, "cursor"); err != nil {
		return err
	}
	if q.Limit, err = number(v, "limit", 1, MaxLimit); err != nil {
		return err
	}
	q.Limit = orDefault(q.Limit, DefaultLimit)
	page, err := a.DeadLetters.DeadLetters(r.Context(), q)
	if err != nil {
		return err
	}
	if page.Letters == nil {
		page.Letters = []DeadLetter{}
	}
	return writeJSON(w, page)
}

func (a *API) getDeadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := onlyID(r)
	if err != nil {
		return err
	}
	letter, err := a.DeadLetters.DeadLetter(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, letter)
}

func (a *API) redrive(w http.ResponseWriter, r *http.Request) error {
	v, err := commandParameters(r, "id", "reason", "all")
	if err != nil {
		return err
	}
	request, err := parseRedrive(v)
	if err != nil {
		return err
	}
	report, err := a.DeadLetters.Redrive(r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, report)
}

// parseRedrive wants exactly one way of naming letters: "all" is said, never
// meant by leaving something out.
func parseRedrive(v url.Values) (RedriveRequest, error) {
	const hint = "say id=<id> (repeated for more), reason=<reason>, or all=true"
	var request RedriveRequest
	all, err := boolean(v, "all")
	if err != nil {
		return request, err
	}
	if request.Reason, err = single(v, "reason"); err != nil {
		return request, err
	}
	for _, text := range v["id"] {
		id, err := parseID(text)
		if err != nil {
			return request, err
		}
		request.IDs = append(request.IDs, id)
	}
	ways := 0
	for _, named := range []bool{all, request.Reason != "", len(request.IDs) > 0} {
		if named {
			ways++
		}
	}
	if ways != 1 {
		return request, rejectf(hint, "the letters to redrive are named %d ways", ways)
	}
	if len(request.IDs) > maxValues {
		return request, rejectf("send them in parts, or redrive by reason", "%d ids are more than %d", len(request.IDs), maxValues)
	}
	return request, nil
}

func (a *API) audit(w http.ResponseWriter, r *http.Request) error {
	v, err := commandParameters(r, "from", "to")
	if err != nil {
		return err
	}
	from, err := single(v, "from")
	if err != nil {
		return err
	}
	to, err := single(v, "to")
	if err != nil {
		return err
	}
	start, end, err := ParseRange(zonePlus(from), zonePlus(to), a.Lines.now())
	if err != nil {
		return err
	}
	report, err := a.Auditor.Audit(r.Context(), start, end)
	if err != nil {
		return err
	}
	if report.Examples == nil {
		report.Examples = []string{}
	}
	return writeJSON(w, report)
}

// writeTimeout bounds one write to a client, of at most some 100 KB: one that
// stops reading must not hold an answer's memory for long.
const writeTimeout = 30 * time.Second

// patientWriter gives each write its time, whatever the server's own bound for
// the whole answer is.
type patientWriter struct {
	w http.ResponseWriter
}

func (p patientWriter) Write(b []byte) (int, error) {
	err := http.NewResponseController(p.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	// Writers that know no deadlines (tests') need none.
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, fmt.Errorf("set write deadline: %w: %w", errGone, err)
	}
	n, err := p.w.Write(b)
	if err != nil {
		return n, fmt.Errorf("write answer: %w: %w", errGone, err)
	}
	return n, nil
}

// writeLines writes a page line by line, so that a large one is never held twice.
func writeLines(w http.ResponseWriter, format string, response LinesResponse) error {
	b := bufio.NewWriterSize(patientWriter{w: w}, 32<<10)
	var err error
	switch format {
	case "csv":
		setType(w, "text/csv; charset=utf-8")
		err = NewCSV(b).Write(response.Lines)
	case "jsonl":
		setType(w, "application/x-ndjson")
		err = writeJSONLines(b, response.Lines)
	default:
		setType(w, "application/json")
		err = writePage(b, response)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

func writePage(w io.Writer, response LinesResponse) error {
	if _, err := io.WriteString(w, `{"lines":[`); err != nil {
		return err
	}
	for i := range response.Lines {
		text, err := encode(response.Lines[i])
		if err != nil {
			return err
		}
		if i > 0 {
			text = slices.Insert(text, 0, ',')
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	next, err := encode(response.Next)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, `],"next":`+string(next)+"}\n")
	return err
}

func writeJSONLines[T any](w io.Writer, rows []T) error {
	for i := range rows {
		text, err := encode(rows[i])
		if err != nil {
			return err
		}
		if _, err := w.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	setType(w, "application/json")
	// A client that does not read its answer is gone.
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// setType also keeps browsers from guessing another type and caches from keeping
// what only this client may read.
func setType(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// parameters reads the URL's parameters; net/http drops malformed ones silently.
func parameters(r *http.Request) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, rejectf("percent-encode the parameters", "parameters are malformed: %v", err)
	}
	return v, nil
}

// commandParameters reads the parameters of a POST, which stand in the URL: a
// body would be ignored, so it is refused.
func commandParameters(r *http.Request, known ...string) (url.Values, error) {
	if n, _ := io.ReadFull(r.Body, make([]byte, 1)); n > 0 {
		return nil, rejectf("put the parameters in the address: ?name=value", "this address takes no body")
	}
	v, err := parameters(r)
	if err != nil {
		return nil, err
	}
	return v, checkParameters(v, known)
}

func noParameters(r *http.Request) error {
	v, err := parameters(r)
	if err != nil {
		return err
	}
	return checkParameters(v, nil)
}

func onlyID(r *http.Request) (pipeline.ID, error) {
	if err := noParameters(r); err != nil {
		return pipeline.ID{}, err
	}
	return parseID(r.PathValue("id"))
}

func parseID(text string) (pipeline.ID, error) {
	id, err := pipeline.ParseID(text)
	if err != nil {
		return id, rejectf("take the id of a line or a dead letter", "%v", err)
	}
	return id, nil
}

// choice reads a parameter that is one of options, the first by default.
func choice(v url.Values, name string, options ...string) (string, error) {
	value, err := single(v, name)
	if err != nil {
		return "", err
	}
	if value == "" {
		return options[0], nil
	}
	if !slices.Contains(options, value) {
		return "", rejectf(name+" is one of "+join(options), "%s %q is unknown", name, value)
	}
	return value, nil
}

func join(options []string) string {
	text := ""
	for i, option := range options {
		if i > 0 {
			text += ", "
		}
		text += strconv.Quote(option)
	}
	return text
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
