package app

import (
	"context"
	"time"

	"github.com/loglode/loglode/internal/datadir"
	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/query"
)

// The decorators of ports that every mode uses.

// guardedPublisher refuses records before the disk fills.
type guardedPublisher struct {
	producers.Publisher
	guard *datadir.Guard
}

func (p guardedPublisher) Publish(ctx context.Context, records []producers.Outgoing) ([]pipeline.Position, error) {
	if err := p.guard.Check(); err != nil {
		return nil, err
	}
	return p.Publisher.Publish(ctx, records)
}

// guardedIndex stops indexing before the disk fills. Its guard leaves less free
// than the publisher's: what the stream took in still becomes searchable.
type guardedIndex struct {
	pipeline.Index
	guard *datadir.Guard
}

func (i guardedIndex) Write(ctx context.Context, entries []pipeline.Entry, results []pipeline.WriteResult) error {
	if err := i.guard.Check(); err != nil {
		return err
	}
	return i.Index.Write(ctx, entries, results)
}

// guardedState and guardedLetters keep what sources remember, and what they
// reject, from filling the disk: who may write lines can make much of both.
type guardedState struct {
	pipeline.State
	guard *datadir.Guard
}

func (s guardedState) Put(ctx context.Context, items []pipeline.StateItem) error {
	if err := s.guard.Check(); err != nil {
		return err
	}
	return s.State.Put(ctx, items)
}

type guardedLetters struct {
	pipeline.DeadLetters
	guard *datadir.Guard
}

func (l guardedLetters) Add(ctx context.Context, letters []pipeline.DeadLetter) error {
	if err := l.guard.Check(); err != nil {
		return err
	}
	return l.DeadLetters.Add(ctx, letters)
}

// guardedVectors keeps vectors from filling the disk.
type guardedVectors struct {
	embedding.Store
	guard *datadir.Guard
}

func (v guardedVectors) SetVectors(ctx context.Context, model string, vectors []embedding.Vector) error {
	if err := v.guard.Check(); err != nil {
		return err
	}
	return v.Store.SetVectors(ctx, model, vectors)
}

// timedHandler measures how long batches take.
type timedHandler struct {
	pipeline.Handler
	metrics *telemetry.Metrics
}

func (h timedHandler) Handle(ctx context.Context, batch []pipeline.Record) (int, error) {
	start := time.Now()
	defer func() { h.metrics.ObserveHandle(time.Since(start)) }()
	return h.Handler.Handle(ctx, batch)
}

// timedReader measures how long queries take.
type timedReader struct {
	pipeline.LineReader
	metrics *telemetry.Metrics
}

func (r timedReader) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	start := time.Now()
	defer func() { r.metrics.ObserveQuery(time.Since(start)) }()
	return r.LineReader.Lines(ctx, q)
}

// timedSearcher measures how long searches take.
type timedSearcher struct {
	query.Searcher
	metrics *telemetry.Metrics
}

func (s timedSearcher) Search(ctx context.Context, r query.SearchRequest) (query.SearchResponse, error) {
	start := time.Now()
	defer func() { s.metrics.ObserveQuery(time.Since(start)) }()
	return s.Searcher.Search(ctx, r)
}

// timedAsker measures how long answers take.
type timedAsker struct {
	query.Asker
	metrics *telemetry.Metrics
}

func (s timedAsker) Ask(ctx context.Context, r query.AskRequest) (query.AskResponse, error) {
	start := time.Now()
	defer func() { s.metrics.ObserveQuery(time.Since(start)) }()
	return s.Asker.Ask(ctx, r)
}

// timedEmbedder measures the calls of an embedder.
type timedEmbedder struct {
	embedding.Embedder
	metrics *telemetry.Metrics
}

// timedCounter measures those of one that counts.
type timedCounter struct {
	embedding.Counter
	metrics *telemetry.Metrics
}

func (e timedCounter) EmbedCounted(ctx context.Context, texts []string) ([][]float32, embedding.Usage, error) {
	start := time.Now()
	defer func() { e.metrics.ObserveEmbed(time.Since(start)) }()
	return e.Counter.EmbedCounted(ctx, texts)
}

func (e timedEmbedder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	start := time.Now()
	defer func() { e.metrics.ObserveEmbed(time.Since(start)) }()
	return e.Embedder.Embed(ctx, texts)
}
