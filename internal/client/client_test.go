package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/client"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/query"
)

// store holds one entry, which Follow says was written after the first look.
type store struct{ pipeline.LineReader }

func stored() pipeline.Line {
	return pipeline.Line{Entry: pipeline.Entry{
		ID: pipeline.ID{15: 1}, Time: 1627981087000000001, Message: "hello", Service: "cart", Level: pipeline.LevelWarn,
		Resource:   &pipeline.Resource{Namespace: "shop"},
		Attributes: []pipeline.Attribute{{Key: "n", Value: "1"}},
	}}
}

func (store) Lines(_ context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	if q.Text == "-" {
		return pipeline.LinePage{}, fmt.Errorf("store is busy: %w", pipeline.ErrTryLater)
	}
	return pipeline.LinePage{Lines: []pipeline.Line{stored()}, Next: "more"}, nil
}

func (store) Line(_ context.Context, id pipeline.ID) (pipeline.Line, error) {
	if id != stored().ID {
		return pipeline.Line{}, pipeline.ErrNotFound
	}
	return stored(), nil
}

func (store) Follow(_ context.Context, _ pipeline.LineQuery, cursor string) (pipeline.LinePage, error) {
	switch cursor {
	case "":
		return pipeline.LinePage{Next: "1"}, nil
	case "1":
		return pipeline.LinePage{Lines: []pipeline.Line{stored()}, Next: "2"}, nil
	}
	return pipeline.LinePage{}, fmt.Errorf("store is away: %w", pipeline.ErrTryLater)
}

func (store) Days(context.Context) ([]pipeline.DayInfo, error) {
	return []pipeline.DayInfo{{Day: "2021-08-03", Entries: 1, Bytes: 2}}, nil
}

// operator remembers what it was asked.
type operator struct{ asked string }

func (o *operator) DeadLetters(_ context.Context, q query.DeadLetterQuery) (query.DeadLetterPage, error) {
	o.asked = fmt.Sprint(q)
	return query.DeadLetterPage{Letters: []query.DeadLetter{{Reason: "corrupt_record"}}, Next: "n"}, nil
}

func (o *operator) DeadLetter(_ context.Context, id pipeline.ID) (query.DeadLetter, error) {
	return query.DeadLetter{ID: id, Lineage: pipeline.Lineage{Index: 3}}, nil
}

func (o *operator) Redrive(_ context.Context, q query.RedriveRequest) (query.RedriveReport, error) {
	o.asked = fmt.Sprint(q)
	return query.RedriveReport{Redriven: 1}, nil
}

func (o *operator) Status(context.Context) (query.Status, error) {
	return query.Status{Version: "9", Disk: query.DiskStatus{Free: 7}}, nil
}

func (o *operator) Audit(_ context.Context, from, to int64) (audit.Report, error) {
	o.asked = fmt.Sprint(from, to)
	return audit.Report{Clean: true, Entries: 5}, nil
}

func (o *operator) Search(_ context.Context, r query.SearchRequest) (query.SearchResponse, error) {
	if r.Query == "" {
		return query.SearchResponse{}, pipeline.WithHint(fmt.Errorf("no question: %w", pipeline.ErrRejected), "ask")
	}
	o.asked = fmt.Sprintln(r.Query, r.Namespaces, r.Limit, *r.Examples, r.Literal, r.Leg)
	return query.SearchResponse{Hits: []query.Hit{{Template: "<*>", Score: 2.5}}, Understood: query.Understood{Filters: r.Selection}, Waiting: 3}, nil
}

func (o *operator) PatternList(_ context.Context, r query.PatternsRequest) (query.PatternsResponse, error) {
	o.asked = fmt.Sprintln(r.Services, r.Order, r.Against, r.Limit)
	return query.PatternsResponse{Patterns: []query.PatternRow{{Template: "<*>", Count: 4}}, Total: 9, Note: "n"}, nil
}

func connect(t *testing.T, h http.Handler) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	c, err := client.New(strings.TrimPrefix(server.URL, "http://"), "secret-token")
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(); server.Close() })
	return c
}

func api(t *testing.T) (*client.Client, *operator) {
	t.Helper()
	o := &operator{}
	mux := http.NewServeMux()
	(&query.API{Lines: &query.Service{Reader: store{}}, Search: o, DeadLetters: o, Status: o, Auditor: o}).Register(mux)
	return connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret-token" {
			query.WriteError(w, 401, "no token", "send one")
			return
		}
		mux.ServeHTTP(w, r.WithContext(query.WithScopes(r.Context(), nil)))
	})), o
}

func hint(err error) string {
	var hinted *pipeline.HintError
	if errors.As(err, &hinted) {
		return hinted.Hint
	}
	return ""
}

func TestQuestions(t *testing.T) {
	c, o := api(t)
	ctx := t.Context()
	e := stored().Entry
	want := query.NewLine(&e)

	page, err := c.Lines(ctx, query.LineRequest{Query: "hello", Selection: query.Selection{Levels: []string{"warn+"}, From: "15m"}})
	require.NoError(t, err)
	require.Equal(t, []query.Line{want}, page.Lines)
	require.NotEmpty(t, page.Next)
	_, err = c.Lines(ctx, query.LineRequest{Query: "hello", Selection: query.Selection{Levels: []string{"warn+"}, From: "15m"}, Cursor: page.Next})
	require.NoError(t, err)

	line, err := c.Line(ctx, want.ID)
	require.NoError(t, err)
	require.Equal(t, want, line)
	page, err = c.Around(ctx, want.ID, 0, 0)
	require.NoError(t, err)
	require.Equal(t, []query.Line{want}, page.Lines)
	none := 0
	hits, err := c.Search(ctx, query.SearchRequest{
		Query: "why <b>?", Selection: query.Selection{Namespaces: []string{"shop"}}, Limit: 2, Examples: &none, Literal: true, Leg: "text",
	})
	require.NoError(t, err)
	require.Equal(t, "why <b>? [shop] 2 0 true text\n", o.asked)
	require.Equal(t, 2.5, hits.Hits[0].Score)
	require.Equal(t, int64(3), hits.Waiting)
	require.Equal(t, []string{"shop"}, hits.Understood.Filters.Namespaces)
	patterns, err := c.Patterns(ctx, query.PatternsRequest{Selection: query.Selection{Services: []string{"cart"}}, Order: "new", Against: "2h", Limit: 5})
	require.NoError(t, err)
	require.Equal(t, "[cart] new 2h 5\n", o.asked)
	require.Equal(t, int64(4), patterns.Patterns[0].Count)
	require.Equal(t, 9, patterns.Total)
	days, err := c.Days(ctx)
	require.NoError(t, err)
	require.Equal(t, "2021-08-03", days.Days[0].Day)
	status, err := c.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, "9", status.Version)

	letters, err := c.DeadLetters(ctx, query.DeadLetterQuery{Reason: "x", Limit: 3, Cursor: "c"})
	require.NoError(t, err)
	require.Equal(t, "n", letters.Next)
	require.Equal(t, "{x 3 c}", o.asked)
	letter, err := c.DeadLetter(ctx, want.ID)
	require.NoError(t, err)
	require.Equal(t, 3, letter.Lineage.Index)
	report, err := c.Redrive(ctx, query.RedriveRequest{IDs: []pipeline.ID{want.ID}})
	require.NoError(t, err)
	require.Equal(t, 1, report.Redriven)
	require.Contains(t, o.asked, want.ID.String())
	_, err = c.Redrive(ctx, query.RedriveRequest{})
	require.NoError(t, err)
	require.Equal(t, "{[] }", o.asked)
	audit, err := c.Audit(ctx, "2021-08-03T00:00:00+00:00", "")
	require.NoError(t, err)
	require.True(t, audit.Clean)
	require.Equal(t, "1627948800000000000 0", o.asked)
}

func TestErrorsCarryOutcomeAndHint(t *testing.T) {
	c, _ := api(t)
	ctx := t.Context()
	_, err := c.Lines(ctx, query.LineRequest{Order: "up"})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.EqualError(t, err, `order "up" is unknown`)
	require.Contains(t, hint(err), "newest")
	_, err = c.Search(ctx, query.SearchRequest{})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.Equal(t, "ask", hint(err))
	_, err = c.Search(ctx, query.SearchRequest{Query: strings.Repeat("x", query.MaxSearchBody)})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	require.NotEmpty(t, hint(err))
	_, err = c.Line(ctx, pipeline.ID{})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = c.Lines(ctx, query.LineRequest{Query: "-"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, time.Second, refused.RetryAfter)

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = c.Status(cancelled)
	require.ErrorIs(t, err, context.Canceled)
}

func TestNotALoglode(t *testing.T) {
	for status, body := range map[int]string{200: "<html>", 404: "<html>", 502: "", 302: ""} {
		c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.invalid/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		_, err := c.Status(t.Context())
		require.Error(t, err, status)
		require.Contains(t, hint(err), "a loglode", status)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	c, err := client.New("http://"+address, "")
	require.NoError(t, err)
	_, err = c.Lines(t.Context(), query.LineRequest{Query: "private words"})
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.Equal(t, "is loglode running? start it with: loglode up", hint(err))
	require.NotContains(t, err.Error(), "private")
}

func TestWrongAddresses(t *testing.T) {
	for _, address := range []string{"", "ftp://x", "http://", "http://a b", "http://u:p@host:1", "http://h:1?x=1", "http://h:port"} {
		_, err := client.New(address, "")
		require.Error(t, err, address)
		require.NotEmpty(t, hint(err))
		require.NotContains(t, err.Error(), ":p@")
	}
	_, err := client.New("localhost:1", "two\nlines")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "two")
}

func TestFollow(t *testing.T) {
	c, _ := api(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []string
	err := c.Follow(ctx, query.LineRequest{Selection: query.Selection{Namespaces: []string{"shop"}}}, 0, func(l query.Line) error {
		got = append(got, l.Message)
		return nil
	})
	require.Equal(t, []string{"hello"}, got)
	require.ErrorContains(t, err, "store is away")
	require.ErrorIs(t, err, pipeline.ErrTryLater)

	stop := errors.New("stop")
	require.ErrorIs(t, c.Follow(ctx, query.LineRequest{}, 5, func(query.Line) error { return stop }), stop)
	require.ErrorIs(t, c.Follow(ctx, query.LineRequest{Order: "rank"}, 0, nil), pipeline.ErrRejected)

	c = connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "\n\n") }))
	err = c.Follow(ctx, query.LineRequest{}, 0, nil)
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.NotEmpty(t, hint(err))

	c = connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	}))
	require.ErrorIs(t, c.Follow(ctx, query.LineRequest{}, 0, nil), context.Canceled)
}
