package opensearch

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"github.com/loglode/loglode/pipeline"
)

// maxPlaced bounds the aliases that a process remembers.
const maxPlaced = 20_000

// placement decides where a service's day lies: once, for all processes, by
// creating a document.
type placement struct {
	client   *client
	names    names
	own      func(service string) bool
	replicas int
	shards   *shardCount
	// unwritten decides anew each time: there are no IDs to write it down under.
	unwritten bool
	log       *slog.Logger

	mu    sync.Mutex
	known map[string]string // alias -> physical index
}

func newPlacement(c *client, n names, o Options) *placement {
	return &placement{client: c, names: n, own: o.Own, replicas: o.Replicas, unwritten: o.AcceptDuplicates, shards: &shardCount{client: c, now: o.Now}, log: o.Logger, known: map[string]string{}}
}

// placed is a document of the index of placements.
type placed struct {
	Service  string `json:"service"`
	Day      string `json:"day"`
	Physical string `json:"physical"`
}

// ensure returns the alias of a service's day, and the physical index that it
// stands for, which are there afterwards.
func (p *placement) ensure(ctx context.Context, service, day string) (alias, physical string, err error) {
	alias = p.names.alias(service, day)
	p.mu.Lock()
	physical, known := p.known[alias]
	p.mu.Unlock()
	if known {
		return alias, physical, nil
	}
	where, err := p.decide(ctx, alias, service, day)
	if err != nil {
		return "", "", err
	}
	if err := p.make(ctx, alias, where); err != nil {
		return "", "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxPlaced {
		clear(p.known)
	}
	p.known[alias] = where.Physical
	return alias, where.Physical, nil
}

// forget has the next ensure look again: an index may be gone.
func (p *placement) forget(alias string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.known, alias)
}

// decide is where a service's day lies: what is written down, or what is now.
func (p *placement) decide(ctx context.Context, alias, service, day string) (placed, error) {
	want := placed{Service: service, Day: day, Physical: p.names.pack(day)}
	if p.own(service) && p.roomForOwn(ctx, service) {
		want.Physical = p.names.own(service, day)
	}
	if p.unwritten {
		return want, nil
	}
	err := p.client.call(ctx, http.MethodPut, "/"+p.names.placement()+"/_create/"+alias+"?require_alias=true", want, nil)
	if !is(err, http.StatusConflict) {
		return want, err
	}
	var found struct {
		Source placed `json:"_source"`
	}
	err = p.client.call(ctx, http.MethodGet, "/"+p.names.placement()+"/_doc/"+alias, nil, &found)
	return found.Source, err
}

// roomForOwn says whether the cluster has shards to spare. Where it does not say
// how many it has, its own limit has to do.
func (p *placement) roomForOwn(ctx context.Context, service string) bool {
	s, err := p.shards.get(ctx)
	if err != nil {
		p.log.Warn("cannot tell how many shards the cluster may have", "error", err)
		return true
	}
	if s.packs() {
		p.log.Warn("the cluster has nearly all shards that it may have: a service shares an index today instead of having its own", "service", service, "shards", s.Open, "limit", s.Limit)
		return false
	}
	return true
}

// make makes the physical index and the alias, where they are not there.
func (p *placement) make(ctx context.Context, alias string, w placed) error {
	mark := p.names.mark(kindLines)
	mark.Day = w.Day
	if w.Physical != p.names.pack(w.Day) {
		mark.Service = w.Service
	}
	if err := p.client.createIndex(ctx, w.Physical, mark, linesIndex(mark, p.names.lines(), p.replicas)); err != nil {
		return err
	}
	if err := p.checkAlias(ctx, alias, w.Physical); err != nil {
		return err
	}
	add := map[string]any{"index": w.Physical, "alias": alias, "filter": term("service", w.Service)}
	return p.client.call(ctx, http.MethodPost, "/_aliases", map[string]any{"actions": []any{map[string]any{"add": add}}}, nil)
}

// checkAlias makes sure that an alias stands for no other index: a write through
// one that stands for two is refused, and what it reads is somebody else's.
func (p *placement) checkAlias(ctx context.Context, alias, physical string) error {
	var found map[string]any
	err := p.client.call(ctx, http.MethodGet, "/"+alias+"/_alias/"+alias, nil, &found)
	if is(err, http.StatusNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for index := range found {
		if index != physical {
			return pipeline.WithHint(unfit("alias %s stands for index %s, not for %s alone", alias, index, physical),
				"another loglode's opensearch.prefix leads to the same name, or somebody has added the alias: remove it there")
		}
	}
	return nil
}
