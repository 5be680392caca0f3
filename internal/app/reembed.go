package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/query"
)

const (
	// estimateFrom is how many documents the cost of all is estimated from.
	estimateFrom = 1000
	// probeTimeout bounds the first call of a model.
	probeTimeout = 30 * time.Second
)

// Reembed implements query.Reembedder: it begins a change of model.
func (a *App) Reembed(ctx context.Context, r query.ReembedRequest) (query.ReembedReport, error) {
	settings, err := reembedSettings(a.cfg.Embedding, r)
	if err != nil {
		return query.ReembedReport{}, err
	}
	a.changing.Lock()
	defer a.changing.Unlock()
	target, err := a.openSpace(ctx, settings)
	if err != nil {
		return query.ReembedReport{}, fmt.Errorf("%w: %w", pipeline.ErrRejected, err)
	}
	if err := a.addLoop(ctx, target); err != nil {
		return query.ReembedReport{}, err
	}
	serving, next, _ := a.spaces.all()
	if target.model() == serving.model() && next == nil {
		return query.ReembedReport{}, pipeline.WithHint(fmt.Errorf("%w: %s is the model that serves", pipeline.ErrRejected, target.model()), "loglode status says which model serves")
	}
	if err := probe(ctx, target); err != nil {
		return query.ReembedReport{}, err
	}
	report, err := a.estimate(ctx, target)
	if err != nil || r.DryRun {
		return report, err
	}
	return report, a.change(ctx, serving, target)
}

// reembedSettings are the configuration's, with another model. Addresses and keys
// are the configuration's alone: a request must not send log lines elsewhere.
func reembedSettings(c config.Embedding, r query.ReembedRequest) (config.Embedding, error) {
	provider := "openai"
	switch {
	case r.Model == "":
		return c, pipeline.WithHint(fmt.Errorf("%w: no model is named", pipeline.ErrRejected), "model=builtin, model=amazon.titan-embed-text-v2:0, or a model's name at embedding.url")
	case r.Model == "builtin":
		provider = "builtin"
	case strings.HasPrefix(r.Model, "amazon."), strings.HasPrefix(r.Model, "arn:"):
		provider = "bedrock"
	}
	if provider == "openai" && c.Provider != "openai" {
		return c, pipeline.WithHint(fmt.Errorf("%w: %s is at no endpoint that is configured", pipeline.ErrRejected, r.Model),
			"change embedding.provider, embedding.url and embedding.model in the configuration and start loglode again: it embeds anew while the old model serves")
	}
	s := c
	if provider != c.Provider {
		s.URL, s.APIKeyFile, s.DollarsPerMillionTokens = "", "", 0
	}
	if r.Model != c.Model || provider != c.Provider {
		s.Dimensions, s.DocumentPrefix, s.QueryPrefix = 0, "", ""
	}
	if r.Dimensions > 0 {
		s.Dimensions = r.Dimensions
	}
	s.Provider, s.Model = provider, r.Model
	if provider == "builtin" {
		s.Model = ""
	}
	return s, nil
}

// probe makes sure that a model answers, before anything waits for it.
func probe(ctx context.Context, s *space) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if _, err := s.questions.Embed(ctx, []string{"ok"}); err != nil && !errors.Is(err, embedding.ErrPaced) {
		return fmt.Errorf("try model %s: %w", s.model(), err)
	}
	return nil
}

// estimate says what there is to do, from some of the documents.
func (a *App) estimate(ctx context.Context, s *space) (query.ReembedReport, error) {
	report := query.ReembedReport{Model: s.model(), Running: a.looping.Load(), Budget: a.cfg.Embedding.DollarsPerDay}
	var err error
	if _, report.Documents, err = a.countsFor(ctx, s); err != nil || s.free {
		return report, err
	}
	some, err := a.patterns.Unembedded(ctx, s.model(), estimateFrom)
	if err != nil || len(some) == 0 {
		return report, err
	}
	texts := map[string]struct{}{}
	for i := range some {
		texts[some[i].Document.Template()] = struct{}{}
	}
	tokens := 0
	for text := range texts {
		tokens += embedding.EstimateTokens(text)
	}
	report.Tokens = int64(float64(tokens) * float64(report.Documents) / float64(len(some)))
	report.Dollars = float64(report.Tokens) * s.price / 1e6
	return report, nil
}

// change begins a change of model, and makes sure that it goes on after a restart.
func (a *App) change(ctx context.Context, serving, target *space) error {
	var asked any = askedSpace{Settings: target.settings, Configured: a.cfg.Embedding}
	if target.settings == a.cfg.Embedding {
		asked = nil // back to what is configured
	}
	if err := a.remember(ctx, askedKey, asked); err != nil {
		return err
	}
	if target.model() == serving.model() {
		a.log.Info("the change of model is called off", "model", serving.model())
		a.spaces.set(serving, nil)
		return nil
	}
	a.log.Info("patterns are embedded anew; questions are asked in the old model until that is done", "old", serving.model(), "new", target.model())
	a.spaces.set(serving, target)
	return nil
}
