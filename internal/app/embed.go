package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
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

// embedders are what the configuration names: for documents, wrapped for the
// loop, and for questions. Both are nil for provider none.
type embedders struct {
	documents, questions embedding.Embedder
	// free says that embedding costs neither time nor money, price else what a
	// million tokens cost, in dollars.
	free  bool
	price float64
	// glossary says what words of documents mean.
	glossary *glossary.Glossary
	// done counts the documents that this process has embedded.
	done atomic.Int64
}

// openEmbedders reads the glossary and opens the embedder. Nothing is asked of an
// endpoint yet: it may be away while loglode starts.
func (a *App) openEmbedders(ctx context.Context) (err error) {
	c := a.cfg.Embedding
	if a.embed.glossary, err = openGlossary(c.Glossary); err != nil {
		return err
	}
	switch c.Provider {
	case "builtin":
		table, err := builtin.Open()
		if err != nil {
			return fmt.Errorf("open embedder: %w", err)
		}
		a.embed.documents, a.embed.questions, a.embed.free = table, table, true
	case "openai":
		remote, err := openRemote(c)
		if err != nil {
			return err
		}
		a.embed.documents, a.embed.questions, a.embed.price = timedEmbedder{remote, a.metrics}, remote.Queries(), c.DollarsPerMillionTokens
	case "bedrock":
		titan, err := bedrock.New(ctx, bedrock.Options{Region: c.Region, Endpoint: c.URL, Model: c.Model, Dimensions: c.Dimensions, Timeout: c.Timeout.Std()})
		if err != nil {
			return fmt.Errorf("open embedder: %w", err)
		}
		a.embed.documents, a.embed.questions, a.embed.price = titan, titan, cmp.Or(c.DollarsPerMillionTokens, bedrock.DollarsPerMillionTokens)
	}
	return nil
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
func (e *embedders) document(template, service, masked string) embedding.Document {
	words := pattern.Words(template)
	d := embedding.Document{Text: words, Context: service, Glossary: e.glossary.Expand(words), Masked: masked}
	if e.free && masked != "" {
		d.Text, d.Masked = words+" "+masked, ""
	}
	return d
}

// model is the name of the space that documents are embedded in; empty without
// an embedder.
func (e *embedders) model() string {
	if e.documents == nil {
		return ""
	}
	return e.documents.Model()
}

// openLoop makes the loop that gives patterns their vectors.
func (a *App) openLoop(ctx context.Context) error {
	documents := a.embed.documents
	if documents == nil {
		return nil
	}
	batch := 1024 // documents of the table, which takes 2 us for each
	if c := a.cfg.Embedding; !a.embed.free {
		limiter, err := embedding.NewLimiter(ctx, a.catalogue, embedding.LimitOptions{
			Name: c.Provider, RequestsPerMinute: c.RequestsPerMinute, TokensPerMinute: c.TokensPerMinute,
			DollarsPerDay: c.DollarsPerDay, DollarsPerMillionTokens: a.embed.price, Observer: spendObserver{a.metrics},
		})
		if err != nil {
			return fmt.Errorf("limit the embedder: %w", err)
		}
		a.embed.questions = limiter.Questions(a.embed.questions)
		documents = embedding.Cached(limiter.Documents(documents), a.patterns) // what costs time or money is paid for once
		batch = c.Batch
	}
	a.loop = embedding.NewLoop(guardedVectors{a.patterns, a.guard}, documents, embedding.LoopOptions{Batch: batch, Observer: loopObserver{a}})
	return nil
}

// runLoop gives patterns their vectors until ctx ends.
func (a *App) runLoop(ctx context.Context) error {
	if a.loop == nil {
		return nil
	}
	return a.loop.Run(ctx)
}

// embedRest gives vectors to what waits for them now. A fault is logged by the
// observer, and leaves the rest for later.
func (a *App) embedRest(ctx context.Context) error {
	if a.loop == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, embedRestTimeout)
	defer cancel()
	for limited.Err() == nil {
		n, err := a.loop.Step(limited)
		if err != nil && limited.Err() == nil {
			loopObserver{a}.Failed(err, 0)
		}
		if err != nil || n == 0 {
			break
		}
	}
	return ctx.Err()
}

// patternCounts are how many pattern documents there are and wait for a vector.
func (a *App) patternCounts(ctx context.Context) (total, waiting int64, err error) {
	found, err := a.patterns.Candidates(ctx, pipeline.CandidateQuery{Model: a.embed.model()})
	if err != nil {
		return 0, 0, fmt.Errorf("count patterns: %w", err)
	}
	if a.loop == nil {
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
	o.a.embed.done.Add(int64(documents))
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
