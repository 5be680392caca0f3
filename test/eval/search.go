package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/loglode/loglode/indexing/opensearch"
	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/internal/app"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// hits is how many hits a question is answered with.
const hits = 50

// The ways in which questions are asked.
var (
	filterings = [...]string{filterAll, filterSystem, filterNone}
	legs       = [...]string{legFused, "text", "vector"}
)

const (
	filterAll    = "all"    // the question's system and its structured filter
	filterSystem = "system" // its system
	filterNone   = "none"
	legFused     = "fused" // both legs, as users ask
)

// measureSearch loads the pack's records into a fresh data directory and asks
// its questions.
func measureSearch(ctx context.Context, p *pack, o options, told *progress, r *report) (err error) {
	dir, err := os.MkdirTemp("", "loglode-eval")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	settings, clean := o.index()
	defer func() { err = errors.Join(err, clean()) }()
	settings["data"], settings["log.level"] = dir, "warn"
	cfg, err := config.Load("", settings)
	if err != nil {
		return err
	}
	told.say("loading %s", p.ingest)
	if r.Load, err = load(ctx, cfg, p.ingest, told); err != nil {
		return fmt.Errorf("load records: %w", err)
	}
	documents, err := readDocuments(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read documents back: %w", err)
	}
	r.Load.Documents, r.Load.Missing = len(p.documents), p.missing(documents)
	return withService(ctx, cfg, time.Now, told, func(ctx context.Context, handler http.Handler) error {
		s := &session{pack: p, handler: handler, documents: documents, told: told}
		if r.Load.Patterns, r.Load.Waited, err = s.waitForVectors(ctx, o.wait); err != nil {
			return err
		}
		return s.ask(ctx, r)
	})
}

// index is the configuration of the index that is measured. clean removes what is
// not in the data directory.
func (o options) index() (settings map[string]any, clean func() error) {
	if o.openSearch == "" {
		return map[string]any{}, func() error { return nil }
	}
	prefix := "eval" + strings.ToLower(rand.Text()[:10]) + "-"
	settings = map[string]any{"index.store": "opensearch", "opensearch.urls": o.openSearch, "opensearch.prefix": prefix, "opensearch.replicas": 0}
	return settings, func() error {
		r, err := http.NewRequest(http.MethodDelete, strings.TrimRight(o.openSearch, "/")+"/"+prefix+"*", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return fmt.Errorf("delete indices %s*: %w", prefix, err)
		}
		return resp.Body.Close()
	}
}

// lineStore is a store that labels can be read from: the API does not show them.
type lineStore interface {
	pipeline.LineReader
	Close() error
}

func openStore(ctx context.Context, cfg *config.Config) (lineStore, error) {
	if cfg.Index.Store == "opensearch" {
		return opensearch.Open(ctx, opensearch.Options{Addresses: []string{cfg.OpenSearch.URLs}, Prefix: cfg.OpenSearch.Prefix})
	}
	return sqlite.Open(ctx, sqlite.Options{Dir: cfg.Data})
}

// withService opens a data directory as commands do, and calls fn with its HTTP
// service.
func withService(ctx context.Context, cfg *config.Config, now func() time.Time, told *progress, fn func(context.Context, http.Handler) error) error {
	a, err := open(ctx, cfg, now, told)
	if err != nil {
		return err
	}
	handler, err := a.LocalHandler()
	if err == nil {
		err = a.While(ctx, time.Minute, func(ctx context.Context) error { return fn(ctx, handler) })
	}
	return errors.Join(err, a.Close())
}

func open(ctx context.Context, cfg *config.Config, now func() time.Time, told *progress) (*app.App, error) {
	log, err := telemetry.NewLogger(told.w, cfg.Log.Format, cfg.Log.Level)
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, app.Options{Config: cfg, Logger: log, Now: now})
}

// loaded is what became of the pack's records.
type loaded struct {
	app.Summary
	// Patterns is how many pattern documents the search knows.
	Patterns int64 `json:"pattern_documents"`
	// Documents is how many documents the pack has, Missing how many of them no
	// entry bears: their lines were joined to others, or dropped.
	Documents int `json:"documents"`
	Missing   int `json:"missing"`
	// Waited is how long, after the load, patterns waited for vectors, seconds.
	Waited float64 `json:"waited"`
}

// load loads a file as `loglode ingest` does.
func load(ctx context.Context, cfg *config.Config, path string, told *progress) (loaded, error) {
	a, err := open(ctx, cfg, time.Now, told)
	if err != nil {
		return loaded{}, err
	}
	summary, err := a.Ingest(ctx, app.IngestRequest{Paths: []string{path}, Progress: func(string, int64, int64) {}})
	told.say("%d lines: %d entries indexed, %d rejected, %d dropped", summary.Lines, summary.Indexed, summary.Rejected, summary.Dropped)
	return loaded{Summary: summary}, errors.Join(err, a.Close())
}

// readDocuments maps the entries of a data directory that nobody has open to the
// pack's documents. It reads the store, since the API shows no labels.
func readDocuments(ctx context.Context, cfg *config.Config) (_ map[pipeline.ID]string, err error) {
	store, err := openStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	documents := map[pipeline.ID]string{}
	for q := (pipeline.LineQuery{Order: pipeline.OldestFirst, Limit: query.MaxLimit}); ; {
		page, err := store.Lines(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Lines {
			if id := page.Lines[i].Resource.Labels[labelDocument]; id != "" {
				documents[page.Lines[i].ID] = id
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return documents, nil
		}
	}
}

// missing counts the pack's documents that no entry bears.
func (p *pack) missing(found map[pipeline.ID]string) int {
	left := len(p.documents)
	counted := map[string]bool{}
	for _, id := range found {
		if _, known := p.documents[id]; known && !counted[id] {
			counted[id] = true
			left--
		}
	}
	return left
}

// session asks a pack's questions.
type session struct {
	pack      *pack
	handler   http.Handler
	documents map[pipeline.ID]string
	told      *progress
}

// search asks the HTTP service.
func (s *session) search(ctx context.Context, r query.SearchRequest) (query.SearchResponse, error) {
	return post[query.SearchResponse](ctx, s.handler, "/v1/search", r)
}

// post sends a question to the HTTP service.
func post[T any](ctx context.Context, handler http.Handler, path string, question any) (T, error) {
	var answer T
	body, err := json.Marshal(question)
	if err != nil {
		return answer, fmt.Errorf("write question: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, request)
	if ctx.Err() != nil {
		return answer, ctx.Err()
	}
	if w.Code != http.StatusOK {
		return answer, fmt.Errorf("%s answered %d: %s", strings.TrimPrefix(path, "/v1/"), w.Code, bytes.TrimSpace(w.Body.Bytes()))
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return answer, fmt.Errorf("read answer: %w", err)
	}
	return answer, nil
}

// poll is how often the number of waiting patterns is asked for.
const poll = 250 * time.Millisecond

// waitForVectors returns the number of pattern documents and how long, in
// seconds, it was until none of them waited for its vector.
func (s *session) waitForVectors(ctx context.Context, limit time.Duration) (patterns int64, waited float64, err error) {
	start, told := time.Now(), time.Time{}
	none := 0
	for {
		answer, err := s.search(ctx, query.SearchRequest{Query: s.pack.questions[0].Query, Limit: 1, Examples: &none, Literal: true})
		if err != nil {
			return 0, 0, err
		}
		waited := time.Since(start)
		if answer.Waiting == 0 {
			return answer.Patterns, waited.Seconds(), nil
		}
		if waited > limit {
			return 0, 0, fmt.Errorf("%d of %d patterns still have no vector after %s", answer.Waiting, answer.Patterns, limit)
		}
		if time.Since(told) > 5*time.Second {
			s.told.say("%d of %d patterns wait for their vectors", answer.Waiting, answer.Patterns)
			told = time.Now()
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// ask asks every question in every way and scores the answers.
func (s *session) ask(ctx context.Context, r *report) error {
	r.Questions = make([]asked, len(s.pack.questions))
	for i := range s.pack.questions {
		q := &s.pack.questions[i]
		r.Questions[i] = asked{ID: q.ID, System: q.Filters.System, Difficulty: q.Difficulty, Query: q.Query, Scores: map[string]answerScore{}}
	}
	for _, filtering := range filterings {
		for _, leg := range legs {
			s.told.say("asking %d questions: filters %s, leg %s", len(s.pack.questions), filtering, leg)
			answers, err := s.run(ctx, filtering, leg)
			if err != nil {
				return err
			}
			s.score(answers, filtering, leg, r)
			if filtering == filterNone && leg == legFused {
				for i := range answers {
					r.Questions[i].Read = answers[i].Understood.Read
				}
			}
		}
	}
	for i := range r.Questions {
		if len(r.Questions[i].Read) > 0 {
			r.Read++
		}
	}
	return nil
}

// run asks all questions in one way.
func (s *session) run(ctx context.Context, filtering, leg string) ([]query.SearchResponse, error) {
	answers := make([]query.SearchResponse, len(s.pack.questions))
	for i := range s.pack.questions {
		q := &s.pack.questions[i]
		var err error
		if answers[i], err = s.search(ctx, request(q, filtering, leg)); err != nil {
			return nil, fmt.Errorf("question %s: %w", q.ID, err)
		}
	}
	return answers, nil
}

// score adds the scores of one way of asking to a report.
func (s *session) score(answers []query.SearchResponse, filtering, leg string, r *report) {
	results := make([][]string, len(answers))
	for i := range answers {
		results[i] = s.results(answers[i].Hits)
	}
	one, scores := scoreRun(s.pack, results)
	one.Filters, one.Leg = filtering, leg
	r.Retrieval = append(r.Retrieval, one)
	for i := range scores {
		r.Questions[i].Scores[filtering+"/"+leg] = scores[i]
	}
}

// request is a question as it is put to the product.
func request(q *question, filtering, leg string) query.SearchRequest {
	examples := 1
	r := query.SearchRequest{Query: q.Query, Limit: hits, Examples: &examples}
	if leg != legFused {
		r.Leg = leg
	}
	if filtering == filterNone {
		return r
	}
	if q.Filters.System != "" {
		r.Labels = []string{labelSystem + "=" + q.Filters.System}
	}
	s := q.Structured
	if filtering == filterSystem || s == nil {
		return r
	}
	if s.Namespace != "" {
		r.Namespaces = []string{s.Namespace}
	}
	if s.PodPrefix != "" {
		r.Pods = []string{s.PodPrefix + "*"}
	}
	if !s.From.IsZero() {
		r.From = s.From.Format(time.RFC3339Nano)
	}
	if !s.To.IsZero() {
		r.To = s.To.Format(time.RFC3339Nano)
	}
	return r
}

// results are the documents that hits stand for: one each, that of its first
// example. A line that is none of the pack's stands for itself: it takes its
// place, and is right for nothing.
func (s *session) results(hits []query.Hit) []string {
	ids := make([]string, len(hits))
	for i := range hits {
		ids[i] = "pattern " + hits[i].PatternID
		if len(hits[i].Examples) == 0 {
			continue
		}
		ids[i] = hits[i].Examples[0].ID
		if id, err := pipeline.ParseID(ids[i]); err == nil && s.documents[id] != "" {
			ids[i] = s.documents[id]
		}
	}
	return ids
}
