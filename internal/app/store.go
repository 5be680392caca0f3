package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/indexing/opensearch"
	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/query"
)

// lineStore is the index of lines: SQLite beside the process, or OpenSearch.
type lineStore interface {
	pipeline.Index
	pipeline.LineReader
	// Indices lists what the lines lie in, oldest first.
	Indices(ctx context.Context) ([]pipeline.IndexInfo, error)
	// DropDay deletes all lines of a day.
	DropDay(ctx context.Context, day string) error
	Close() error
}

// refresher is a store of which readers see what is written a moment later,
// unless they ask.
type refresher interface {
	Refresh(ctx context.Context) error
}

// visible returns when readers see what is written.
func (a *App) visible(ctx context.Context) error {
	if store, late := a.days.(refresher); late {
		return store.Refresh(ctx)
	}
	return nil
}

// sharded is a store whose cluster bears a limited number of shards.
type sharded interface {
	Shards(ctx context.Context) (opensearch.Shards, error)
}

func (a *App) shards(ctx context.Context) (*query.ShardStatus, error) {
	store, is := a.days.(sharded)
	if !is {
		return nil, nil
	}
	s, err := store.Shards(ctx)
	if err != nil {
		return nil, err
	}
	return &query.ShardStatus{Open: s.Open, Limit: s.Limit, Scarce: s.Scarce()}, nil
}

// sealer is a store that can close days that are over.
type sealer interface {
	Seal(ctx context.Context, before string, quiet time.Duration) (int, error)
}

// seal closes the days that ended opensearch.seal_after ago.
func (a *App) seal(ctx context.Context) error {
	store, is := a.days.(sealer)
	after := a.cfg.OpenSearch.SealAfter.Std()
	if !is || after == 0 {
		return nil
	}
	n, err := store.Seal(ctx, pipeline.Day(a.now().Add(-after).UnixNano()), after)
	if n > 0 {
		a.log.Info("days that are over were sealed", "indices", n)
	}
	return err
}

// watchShards tells when the cluster can soon take no new index.
func (a *App) watchShards(ctx context.Context) error {
	s, err := a.shards(ctx)
	if s == nil || err != nil || !s.Scarce {
		return err
	}
	a.log.Warn("the cluster nears its limit of shards; at the limit no day can begin", "shards", s.Open, "limit", s.Limit,
		"hint", "delete days (loglode indices prune, index.retention), name fewer own_indices, or add nodes")
	return nil
}

// patternStore is the patterns of a lineStore, and their vectors.
type patternStore interface {
	pipeline.PatternReader
	embedding.Store
	embedding.Cache
	// PruneVectors removes what no day needs any more, and says how much it was.
	PruneVectors(ctx context.Context) (int64, error)
}

// openStore opens the index that the configuration names. Checkpoints, state and
// dead letters are in the catalogue, beside the process, with either.
func (a *App) openStore(ctx context.Context, options sqlite.Options) error {
	if a.cfg.Index.Store == "opensearch" {
		return a.openOpenSearch(ctx)
	}
	days, err := sqlite.Open(ctx, options)
	if err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	a.days, a.patterns = days, sqlite.NewPatterns(days, a.catalogue, options)
	return nil
}

func (a *App) openOpenSearch(ctx context.Context) error {
	c := a.cfg.OpenSearch
	o := opensearch.Options{
		Addresses: strings.FieldsFunc(c.URLs, func(r rune) bool { return r == ',' || r == ' ' }), Username: c.Username, Region: c.Region, AcceptDuplicates: c.AcceptDuplicates,
		Prefix: c.Prefix, Replicas: c.Replicas, Timeout: c.Timeout.Std(), Body: int(c.BulkBytes), Logger: a.log, Now: a.now,
		Own:  func(service string) bool { return slices.Contains(c.OwnIndices, service) },
		View: normalise.View, Masked: pattern.Masked, Document: a.document, ServicePatterns: a.cfg.Index.MaxServicePatterns, DayPatterns: a.cfg.Index.MaxPatterns, Patient: a.patient,
	}
	for _, file := range []struct {
		name, path string
		into       func(content []byte)
	}{
		{"password", c.PasswordFile, func(b []byte) { o.Password = strings.TrimRight(string(b), "\r\n") }},
		{"authorities", c.CAFile, func(b []byte) { o.CACert = b }},
	} {
		if file.path == "" {
			continue
		}
		content, err := os.ReadFile(file.path)
		if err != nil {
			return fmt.Errorf("read file of OpenSearch's %s: %w", file.name, err)
		}
		file.into(content)
	}
	store, err := opensearch.Open(ctx, o)
	if err != nil {
		return err
	}
	a.days, a.patterns = store, store
	return nil
}
