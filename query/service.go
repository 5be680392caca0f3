package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/query/diagnose"
)

// Service answers questions about lines from a store. Its fields are set once,
// before the first call; its methods may be called at once.
type Service struct {
	// Reader is the store.
	Reader pipeline.LineReader
	// Now is the clock that "15m" and "today" refer to; nil means time.Now.
	Now func() time.Time
	// Poll is how long a Follower waits at most before it looks again; 0 means
	// 250 ms.
	Poll time.Duration
	// Wake, if set, blocks until there may be new lines or ctx ends, and cuts
	// the wait short.
	Wake func(ctx context.Context) error

	// Patterns is the store's patterns. Where it is nil, Search and PatternList
	// are refused.
	Patterns pipeline.PatternReader
	// Document is what of a pattern document is ranked. It MUST be what the store
	// indexes and embeds; nil takes the words of the template and the service.
	Document func(template, service, masked string) embedding.Document
	// Embedder returns what makes the vectors of questions: another one once a
	// change of model is done. Nil, or one that returns nil, ranks by words alone,
	// and says nothing of it.
	Embedder func() embedding.Embedder
	// Rules recognise failures. Where they are nil, Ask is refused.
	Rules *diagnose.Table
	// Generator words answers; nil leaves it to the rules' own words.
	// GenerateTimeout bounds how long it may take; 0 means 60 s.
	Generator       Generator
	GenerateTimeout time.Duration
	// Log is told why an Embedder or a Generator failed, which does not fail a
	// search or an answer; nil discards.
	Log *slog.Logger

	analysers sync.Pool // of *analysis.Analyser
}

// LinesResponse is one page of lines.
type LinesResponse struct {
	Lines []Line `json:"lines"`
	// Next asks for the page after this one; empty when there is none.
	Next string `json:"next"`
}

// Day describes one day's part of the store.
type Day struct {
	Day string `json:"day"` // "2021-08-03"
	// Entries and Bytes count what all tenants have; a reader who is limited
	// to scopes is not told.
	Entries *int64 `json:"entries,omitempty"`
	Bytes   *int64 `json:"bytes,omitempty"`
}

// DaysResponse lists the days that hold entries, oldest first.
type DaysResponse struct {
	Days []Day `json:"days"`
}

// Lines answers a request. A request that cannot be understood is an error that
// wraps pipeline.ErrRejected and carries a hint.
func (s *Service) Lines(ctx context.Context, r LineRequest) (LinesResponse, error) {
	q, err := r.compile(s.now())
	if err != nil {
		return LinesResponse{}, err
	}
	page, err := s.lines(ctx, q)
	if err != nil {
		return LinesResponse{}, err
	}
	next, err := r.writeCursor(q, page.Next)
	if err != nil {
		return LinesResponse{}, err
	}
	return LinesResponse{Lines: newLines(page.Lines), Next: next}, nil
}

// lines is the one way to the store's lines: it sets the scopes.
func (s *Service) lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	q.Filter.Scopes, _ = scopesOf(ctx)
	page, err := s.Reader.Lines(ctx, q)
	if err != nil {
		return pipeline.LinePage{}, fmt.Errorf("read lines: %w", err)
	}
	return page, nil
}

// groups is the one way to the store's patterns in numbers: it sets the scopes.
func (s *Service) groups(ctx context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	q.Filter.Scopes, _ = scopesOf(ctx)
	groups, err := s.Patterns.Groups(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read patterns: %w", err)
	}
	return groups, nil
}

// candidates is the one way to the store's pattern documents: it sets the
// scopes.
func (s *Service) candidates(ctx context.Context, q pipeline.CandidateQuery) (pipeline.Candidates, error) {
	q.Filter.Scopes, _ = scopesOf(ctx)
	found, err := s.Patterns.Candidates(ctx, q)
	if err != nil {
		return pipeline.Candidates{}, fmt.Errorf("read candidates: %w", err)
	}
	if len(found.Holding) != len(q.Terms) {
		return pipeline.Candidates{}, fmt.Errorf("read candidates: %d counts for %d terms", len(found.Holding), len(q.Terms))
	}
	return found, nil
}

// Line returns one entry. One that the reader may not see is pipeline.ErrNotFound
// as well: nobody learns what exists elsewhere.
func (s *Service) Line(ctx context.Context, id pipeline.ID) (Line, error) {
	stored, err := s.line(ctx, id)
	if err != nil {
		return Line{}, err
	}
	return NewLine(&stored.Entry), nil
}

func (s *Service) line(ctx context.Context, id pipeline.ID) (pipeline.Line, error) {
	stored, err := s.Reader.Line(ctx, id)
	if errors.Is(err, pipeline.ErrNotFound) || err == nil && !mayRead(ctx, &stored.Entry) {
		// One answer for both: nobody learns what exists elsewhere.
		return pipeline.Line{}, fmt.Errorf("line %s: %w", id, pipeline.ErrNotFound)
	}
	if err != nil {
		return pipeline.Line{}, fmt.Errorf("read line %s: %w", id, err)
	}
	return stored, nil
}

// Days lists the days that hold entries which the reader may see.
func (s *Service) Days(ctx context.Context) (DaysResponse, error) {
	stored, err := s.Reader.Days(ctx)
	if err != nil {
		return DaysResponse{}, fmt.Errorf("read days: %w", err)
	}
	response := DaysResponse{Days: []Day{}}
	scopes, _ := scopesOf(ctx)
	for _, d := range stored {
		day := Day{Day: d.Day, Entries: &d.Entries, Bytes: &d.Bytes}
		if scopes != nil {
			seen, err := s.holds(ctx, d.Day)
			if err != nil {
				return DaysResponse{}, err
			}
			if !seen {
				continue
			}
			day.Entries, day.Bytes = nil, nil
		}
		response.Days = append(response.Days, day)
	}
	return response, nil
}

// holds reports whether a day has an entry in the reader's scopes.
func (s *Service) holds(ctx context.Context, day string) (bool, error) {
	start, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return false, fmt.Errorf("read day %q: %w", day, err)
	}
	page, err := s.lines(ctx, pipeline.LineQuery{Limit: 1, Filter: pipeline.Filter{
		From: start.UnixNano(), To: start.Add(24 * time.Hour).UnixNano(),
	}})
	return len(page.Lines) > 0, err
}

// Around returns an entry between up to before and after neighbours, oldest
// first: lines of the same container (cluster, namespace, pod, container), of
// the same node and unit for a node's line, events of the same object for an
// event.
func (s *Service) Around(ctx context.Context, id pipeline.ID, before, after int) (LinesResponse, error) {
	if before < 0 || before > MaxContext || after < 0 || after > MaxContext {
		return LinesResponse{}, rejectf(fmt.Sprintf("before and after are numbers from 0 to %d", MaxContext),
			"context of %d and %d lines is out of range", before, after)
	}
	centre, err := s.line(ctx, id)
	if err != nil {
		return LinesResponse{}, err
	}
	filter := neighbourhood(&centre.Entry)
	earlier := pipeline.LineQuery{Filter: filter, Order: pipeline.NewestFirst}
	earlier.Filter.To = centre.Time + 1
	behind, err := s.beyond(ctx, earlier, &centre.Entry, before)
	if err != nil {
		return LinesResponse{}, err
	}
	later := pipeline.LineQuery{Filter: filter, Order: pipeline.OldestFirst}
	later.Filter.From = centre.Time
	ahead, err := s.beyond(ctx, later, &centre.Entry, after)
	if err != nil {
		return LinesResponse{}, err
	}
	slices.Reverse(behind)
	return LinesResponse{Lines: slices.Concat(behind, []Line{NewLine(&centre.Entry)}, ahead)}, nil
}

// neighbourhood selects the entries among which one stands. An empty field asks
// for entries in which it is empty, too.
func neighbourhood(e *pipeline.Entry) pipeline.Filter {
	r := e.Resource
	if r == nil {
		r = &pipeline.Resource{}
	}
	f := pipeline.Filter{Clusters: []string{r.Cluster}, Kinds: []pipeline.Kind{e.Kind}}
	switch e.Kind {
	case pipeline.KindNode:
		f.Nodes, f.Containers = []string{r.Node}, []string{r.Container}
	case pipeline.KindEvent:
		f.Namespaces, f.Services, f.Pods = []string{r.Namespace}, []string{e.Service}, []string{r.Pod}
	default:
		f.Namespaces, f.Pods, f.Containers = []string{r.Namespace}, []string{r.Pod}, []string{r.Container}
	}
	return f
}

// neighbours is what neighbourhood means exactly: a filter's value that ends in
// * matches more, and no filter selects an event's object.
func neighbours(a, b *pipeline.Entry) bool {
	if a.Kind != b.Kind {
		return false
	}
	var r, s pipeline.Resource
	if a.Resource != nil {
		r = *a.Resource
	}
	if b.Resource != nil {
		s = *b.Resource
	}
	if r.Cluster != s.Cluster {
		return false
	}
	switch a.Kind {
	case pipeline.KindNode:
		return r.Node == s.Node && r.Container == s.Container
	case pipeline.KindEvent:
		if a.Event == nil || b.Event == nil {
			return r.Namespace == s.Namespace && r.Pod == s.Pod
		}
		return a.Event.ObjectKind == b.Event.ObjectKind &&
			a.Event.ObjectNamespace == b.Event.ObjectNamespace && a.Event.ObjectName == b.Event.ObjectName
	}
	return r.Namespace == s.Namespace && r.Pod == s.Pod && r.Container == s.Container
}

// maxBeyondPages bounds beyond: a million entries, more than share one time
// even where a file without times of its own was read in one go.
const maxBeyondPages = 100

// beyond returns up to n neighbours of centre that follow it in q's order. q
// starts at the centre's time, so entries of that time on its near side come
// first: they are passed over, page by page.
func (s *Service) beyond(ctx context.Context, q pipeline.LineQuery, centre *pipeline.Entry, n int) ([]Line, error) {
	lines := make([]Line, 0, n)
	passed := false
	q.Limit = MaxContext
	for range maxBeyondPages {
		if len(lines) == n {
			return lines, nil
		}
		page, err := s.lines(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Lines {
			e := &page.Lines[i].Entry
			switch {
			case e.ID == centre.ID:
				passed = true
			case passed && len(lines) < n && neighbours(centre, e):
				lines = append(lines, NewLine(e))
			}
		}
		if page.Next == "" {
			return lines, nil
		}
		q.Cursor, q.Limit = page.Next, MaxLimit
	}
	return lines, nil
}

func (s *Service) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
