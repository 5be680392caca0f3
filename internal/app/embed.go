package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/indexing/bedrock"
	"github.com/loglode/loglode/indexing/builtin"
	"github.com/loglode/loglode/indexing/openai"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/glossary"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/query"
)

// embedRestTimeout bounds how long a load waits for the vectors of what it
// loaded: an endpoint that is slow or away must not hold it up. What is left
// gets its vectors from the next loglode that runs.
const embedRestTimeout = 30 * time.Second

// openSpace opens the embedder of some settings. Nothing is asked of an endpoint
// yet: it may be away while loglode starts.
func (a *App) openSpace(ctx context.Context, c config.Embedding) (*space, error) {
	s := &space{settings: c}
	switch c.Provider {
	case "builtin":
		table, err := builtin.Open()
		if err != nil {
			return nil, fmt.Errorf("open embedder: %w", err)
		}
		s.documents, s.questions, s.free = table, table, true
	case "openai":
		remote, err := openRemote(c)
		if err != nil {
			return nil, err
		}
		s.documents, s.questions, s.price = timedEmbedder{remote, a.metrics}, remote.Queries(), c.DollarsPerMillionTokens
	case "bedrock":
		titan, err := bedrock.New(ctx, bedrock.Options{Region: c.Region, Endpoint: c.URL, Model: c.Model, Dimensions: c.Dimensions, Timeout: c.Timeout.Std()})
		if err != nil {
			return nil, fmt.Errorf("open embedder: %w", err)
		}
		s.documents, s.questions, s.price = timedCounter{titan, a.metrics}, titan, cmp.Or(c.DollarsPerMillionTokens, bedrock.DollarsPerMillionTokens)
	}
	return s, nil
}

func openGlossary(path string) (*glossary.Glossary, error) {
	if path == "" {
		return glossary.New()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("open glossary: %w", err), "check embedding.glossary")
	}
	defer file.Close()
	return glossary.New(glossary.Source{Name: path, Text: file})
}

func openRemote(c config.Embedding) (*openai.Embedder, error) {
	key := ""
	if c.APIKeyFile != "" {
		text, err := os.ReadFile(c.APIKeyFile)
		if err != nil {
			return nil, pipeline.WithHint(fmt.Errorf("read API key: %w", err), "check embedding.api_key_file")
		}
		key = strings.TrimSpace(string(text))
	}
	remote, err := openai.New(openai.Options{URL: c.URL, Model: c.Model, Dimensions: c.Dimensions, Key: key, Batch: c.Batch,
		Timeout: c.Timeout.Std(), DocumentPrefix: c.DocumentPrefix, QueryPrefix: c.QueryPrefix})
	if err != nil {
		return nil, fmt.Errorf("open embedder: %w", err)
	}
	return remote, nil
}

// document is what of a pattern is ranked. The table embeds the masked words of a
// line too, which costs nothing: another line of the pattern, on another day, is
// another text. An endpoint is given the template alone, once ever.
func (a *App) document(template, service, masked string) embedding.Document {
	words := pattern.Words(template)
	return embedding.Document{Text: words, Context: service, Glossary: a.glossary.Expand(words), Masked: masked, Whole: a.cfg.Embedding.Provider == "builtin"}
}

// addLoop gives a space the loop that fills its vectors, and what limits both.
func (a *App) addLoop(ctx context.Context, s *space) error {
	if s.documents == nil {
		return nil
	}
	documents := s.documents
	o := embedding.LoopOptions{Batch: 1024, Observer: loopObserver{a}} // documents of the table, which takes 2 us for each
	if !s.free {
		limiter, err := a.limiter(ctx, s)
		if err != nil {
			return err
		}
		s.questions = limiter.Questions(s.questions)
		documents = embedding.Cached(limiter.Documents(documents), a.patterns) // what costs time or money is paid for once
		o.Batch, o.Templates = s.settings.Batch, true
	}
	s.loop = embedding.NewLoop(guardedVectors{a.patterns, a.guard}, documents, o)
	return nil
}

// limiter is that of a space's provider: models of one share its limits.
func (a *App) limiter(ctx context.Context, s *space) (*embedding.Limiter, error) {
	provider, c := s.settings.Provider, a.cfg.Embedding
	if l := a.limiters[provider]; l != nil {
		return l, nil
	}
	l, err := embedding.NewLimiter(ctx, a.catalogue, embedding.LimitOptions{
		Name: provider, RequestsPerMinute: c.RequestsPerMinute, TokensPerMinute: c.TokensPerMinute,
		DollarsPerDay: c.DollarsPerDay, DollarsPerMillionTokens: s.price, Observer: spendObserver{a.metrics},
	})
	if err != nil {
		return nil, fmt.Errorf("limit the embedder: %w", err)
	}
	a.limiters[provider] = l
	return l, nil
}

// embedRest gives vectors to what waits for them now, and ends a change of model
// that is done with that. A fault is logged by the observer, and leaves the rest
// for later.
func (a *App) embedRest(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, embedRestTimeout)
	defer cancel()
	serving, next, _ := a.spaces.all()
	a.embedAll(limited, serving)
	if next != nil && a.embedAll(limited, next) {
		if err := a.flip(ctx, next); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// embedAll makes steps until nothing waits for a space's vectors, and says whether
// that is so.
func (a *App) embedAll(ctx context.Context, s *space) (done bool) {
	for s.loop != nil && ctx.Err() == nil {
		n, err := s.loop.Step(ctx)
		if err != nil {
			if ctx.Err() == nil {
				loopObserver{a}.Failed(err, 0)
			}
			return false
		}
		if n == 0 {
			return true
		}
	}
	return s.loop == nil
}

// patternCounts are how many pattern documents there are and wait for a vector of
// the model that serves.
func (a *App) patternCounts(ctx context.Context) (total, waiting int64, err error) {
	return a.countsFor(ctx, a.spaces.serving())
}

func (a *App) countsFor(ctx context.Context, s *space) (total, waiting int64, err error) {
	found, err := a.patterns.Candidates(ctx, pipeline.CandidateQuery{Model: s.model()})
	if err != nil {
		return 0, 0, fmt.Errorf("count patterns: %w", err)
	}
	if s.loop == nil {
		return found.Total, 0, nil // nothing waits for what will not come
	}
	return found.Total, found.Waiting, nil
}

// spendObserver feeds metrics.
type spendObserver struct{ metrics *telemetry.Metrics }

func (o spendObserver) Spent(requests int, services map[string]embedding.ServiceUsage) {
	o.metrics.AddEmbedRequests(requests)
	for name, u := range services {
		o.metrics.AddSpent(name, u.Tokens, u.Dollars)
	}
}

// loopObserver feeds metrics and the log.
type loopObserver struct{ a *App }

func (o loopObserver) Pending(int) {}

func (o loopObserver) Embedded(documents, _ int) {
	o.a.embedded.Add(int64(documents))
	o.a.metrics.AddEmbedded(documents)
}

func (o loopObserver) Rejected(reason string) { o.a.metrics.AddUnembeddable(reason, 1) }

func (o loopObserver) Failed(err error, wait time.Duration) {
	if errors.Is(err, embedding.ErrPaced) {
		return // a quota is kept: that is how it goes
	}
	hint := ""
	var hinted *pipeline.HintError
	if errors.As(err, &hinted) {
		hint = hinted.Hint
	}
	o.a.log.Warn("patterns wait for their vectors; search goes by words meanwhile", "error", err, "hint", hint, "again_in", wait.Round(time.Second))
}

// paidProviders are those whose vectors cost time or money.
var paidProviders = [...]string{"bedrock", "openai"}

// cost is what was ever spent on vectors, oldest day first.
func (a *App) cost(ctx context.Context) ([]query.DayCost, error) {
	var list []query.DayCost
	for _, provider := range paidProviders {
		days, err := embedding.UsageByDay(ctx, a.catalogue, provider)
		if err != nil {
			return nil, err
		}
		for _, d := range days {
			list = append(list, query.DayCost{Provider: provider, DayUsage: d})
		}
	}
	slices.SortStableFunc(list, func(a, b query.DayCost) int { return strings.Compare(a.Day, b.Day) })
	return list, nil
}
