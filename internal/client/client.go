// Package client asks a running loglode over HTTP: what the command line does
// with --url.
//
//	Client --(GET, POST; bearer token)--> query.API, ingest
//	  ^                                        |
//	  +---- answers, or *Error with the hint <-+
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/query"
)

// TokenVariable is the environment variable that holds the token when no flag
// does.
const TokenVariable = "LOGLODE_TOKEN"

// URLVariable is the environment variable that names a running loglode.
const URLVariable = "LOGLODE_URL"

const (
	maxErrorBody = 64 << 10
	// maxAnswer bounds what is read of an answer: a page of 10,000 lines of 100
	// KB.
	maxAnswer = 1 << 30
)

// Client asks one loglode. Its methods may be called at once. Their errors wrap
// pipeline.ErrRejected, pipeline.ErrNotFound or pipeline.ErrTryLater by what the
// server said, and carry the server's hint.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a client of the loglode at address: http://host:port, or host:port
// for short. The token may be empty. No connection is made yet.
func New(address, token string) (*Client, error) {
	const hint = "say http://host:port"
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	base, err := url.Parse(text)
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("read url %q: %w", address, err), hint)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, pipeline.WithHint(fmt.Errorf("url %q is not the address of a loglode", base.Redacted()), hint)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, pipeline.WithHint(errors.New("the token has a character that no HTTP header carries"), "check --token and "+TokenVariable)
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
		// A full server says so before the lines are sent: see Load.
		ExpectContinueTimeout: time.Second,
	}
	return &Client{base: base, token: token, http: &http.Client{
		Transport: transport,
		// loglode never redirects; a token follows nobody elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Lines returns one page of lines.
func (c *Client) Lines(ctx context.Context, r query.LineRequest) (query.LinesResponse, error) {
	return get[query.LinesResponse](ctx, c, "/v1/lines", r.Values())
}

// Line returns one entry.
func (c *Client) Line(ctx context.Context, id pipeline.ID) (query.Line, error) {
	return get[query.Line](ctx, c, "/v1/lines/"+id.String(), nil)
}

// Around returns an entry between its neighbours, oldest first.
func (c *Client) Around(ctx context.Context, id pipeline.ID, before, after int) (query.LinesResponse, error) {
	v := url.Values{"id": {id.String()}, "before": {strconv.Itoa(before)}, "after": {strconv.Itoa(after)}}
	return get[query.LinesResponse](ctx, c, "/v1/lines", v)
}

// Search asks a question in words.
func (c *Client) Search(ctx context.Context, q query.SearchRequest) (query.SearchResponse, error) {
	var answer query.SearchResponse
	body, err := json.Marshal(q)
	if err != nil {
		return answer, fmt.Errorf("encode question: %w", err)
	}
	r, err := c.request(ctx, http.MethodPost, "/v1/search", nil, bytes.NewReader(body))
	if err != nil {
		return answer, err
	}
	r.Header.Set("Content-Type", "application/json")
	err = c.answer(r, &answer)
	return answer, err
}

// Patterns counts patterns.
func (c *Client) Patterns(ctx context.Context, q query.PatternsRequest) (query.PatternsResponse, error) {
	return get[query.PatternsResponse](ctx, c, "/v1/patterns", q.Values())
}

// Days lists the days that hold entries.
func (c *Client) Days(ctx context.Context) (query.DaysResponse, error) {
	return get[query.DaysResponse](ctx, c, "/v1/days", nil)
}

// Status tells how the loglode is.
func (c *Client) Status(ctx context.Context) (query.Status, error) {
	return get[query.Status](ctx, c, "/v1/status", nil)
}

// DeadLetters lists what was rejected. A Limit of 0 leaves it to the server.
func (c *Client) DeadLetters(ctx context.Context, q query.DeadLetterQuery) (query.DeadLetterPage, error) {
	v := url.Values{}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	set(v, "reason", q.Reason)
	set(v, "cursor", q.Cursor)
	return get[query.DeadLetterPage](ctx, c, "/v1/dlq", v)
}

// DeadLetter returns one dead letter.
func (c *Client) DeadLetter(ctx context.Context, id pipeline.ID) (query.DeadLetter, error) {
	return get[query.DeadLetter](ctx, c, "/v1/dlq/"+id.String(), nil)
}

// Redrive has dead letters handled again.
func (c *Client) Redrive(ctx context.Context, q query.RedriveRequest) (query.RedriveReport, error) {
	v := url.Values{}
	for _, id := range q.IDs {
		v.Add("id", id.String())
	}
	set(v, "reason", q.Reason)
	if len(v) == 0 {
		v.Set("all", "true")
	}
	return post[query.RedriveReport](ctx, c, "/v1/dlq/redrive", v)
}

// Audit compares the stream with the index; from and to are times as
// query.ParseTime reads them, empty for an open end.
func (c *Client) Audit(ctx context.Context, from, to string) (audit.Report, error) {
	v := url.Values{}
	set(v, "from", from)
	set(v, "to", to)
	return post[audit.Report](ctx, c, "/v1/audit", v)
}

// Indices lists what the lines lie in.
func (c *Client) Indices(ctx context.Context) (query.IndicesResponse, error) {
	return get[query.IndicesResponse](ctx, c, "/v1/indices", nil)
}

// PruneOptions say which days are deleted.
type PruneOptions struct {
	// Before is a time as query.ParseTime reads it: days before its day.
	Before string
	// DryRun only says what would be deleted.
	DryRun bool
}

// Prune deletes days.
func (c *Client) Prune(ctx context.Context, o PruneOptions) (query.PruneReport, error) {
	v := url.Values{}
	set(v, "before", o.Before)
	if o.DryRun {
		v.Set("dry_run", "true")
	}
	return post[query.PruneReport](ctx, c, "/v1/indices/prune", v)
}

// Reembed begins a change of model.
func (c *Client) Reembed(ctx context.Context, q query.ReembedRequest) (query.ReembedReport, error) {
	v := url.Values{}
	set(v, "model", q.Model)
	if q.Dimensions != 0 {
		v.Set("dimensions", strconv.Itoa(q.Dimensions))
	}
	if q.DryRun {
		v.Set("dry_run", "true")
	}
	return post[query.ReembedReport](ctx, c, "/v1/reembed", v)
}

func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func get[T any](ctx context.Context, c *Client, path string, v url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, v)
}

func post[T any](ctx context.Context, c *Client, path string, v url.Values) (T, error) {
	return ask[T](ctx, c, http.MethodPost, path, v)
}

func ask[T any](ctx context.Context, c *Client, method, path string, v url.Values) (T, error) {
	var answer T
	r, err := c.request(ctx, method, path, v, nil)
	if err != nil {
		return answer, err
	}
	err = c.answer(r, &answer)
	return answer, err
}

func (c *Client) request(ctx context.Context, method, path string, v url.Values, body io.Reader) (*http.Request, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = v.Encode()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	return r, nil
}

func (c *Client) answer(r *http.Request, into any) error {
	response, err := c.do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(into); err != nil {
		return pipeline.WithHint(fmt.Errorf("read answer of %s: %w", r.URL.Path, err), "is "+r.URL.Host+" a loglode, of this version?")
	}
	return nil
}

// do returns a successful answer, whose body the caller MUST close, or an error.
func (c *Client) do(r *http.Request) (*http.Response, error) {
	response, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(r, err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, newError(response)
}

func (c *Client) unreachable(r *http.Request, err error) error {
	if ctx := r.Context().Err(); ctx != nil {
		return ctx
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // its text would repeat the address with all parameters
	}
	hint := "check --url and the network"
	if errors.Is(err, syscall.ECONNREFUSED) {
		hint = "is loglode running? start it with: loglode up"
	}
	return pipeline.WithHint(fmt.Errorf("reach loglode at %s: %w: %w", r.URL.Host, pipeline.ErrTryLater, err), hint)
}

// Error is what the server answered instead of success.
type Error struct {
	Status int // HTTP
	// Message is the server's.
	Message string
	// RetryAfter is how long the server asks to wait; 0 when it does not say.
	RetryAfter time.Duration
}

func (e *Error) Error() string { return e.Message }

// Unwrap makes the status one of the three outcomes.
func (e *Error) Unwrap() error {
	switch {
	case e.Status == http.StatusNotFound:
		return pipeline.ErrNotFound
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		return pipeline.ErrTryLater
	}
	return pipeline.ErrRejected
}

func newError(response *http.Response) error {
	e := &Error{Status: response.StatusCode, RetryAfter: retryAfter(response.Header.Get("Retry-After"), time.Now())}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxErrorBody))
	var body struct{ Error, Hint string }
	if err != nil || json.Unmarshal(text, &body) != nil || body.Error == "" {
		e.Message = "the server answered " + response.Status
		return pipeline.WithHint(e, "is "+response.Request.URL.Host+" a loglode?")
	}
	e.Message = body.Error
	if body.Hint == "" {
		return e
	}
	return pipeline.WithHint(e, body.Hint)
}

// retryAfter reads the header: seconds or an HTTP date (RFC 9110, 10.2.3).
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(0, seconds), 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), time.Hour)
	}
	return 0
}
