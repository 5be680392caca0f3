package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// space is the vectors of one model: what makes them, for documents and for
// questions, and the loop that fills them. All three are nil for provider none.
type space struct {
	settings             config.Embedding
	documents, questions embedding.Embedder
	loop                 *embedding.Loop
	// free says that embedding costs neither time nor money, price else what a
	// million tokens cost, in dollars.
	free  bool
	price float64
}

// model is the name of the space; empty without an embedder.
func (s *space) model() string {
	if s.documents == nil {
		return ""
	}
	return s.documents.Model()
}

// spaces are the space that questions are asked in and, while a change of model
// is under way, the one that is filled to take its place. So models never mix.
//
//	start, or reembed          nothing waits for vectors of next
//	-----------------> next --------------------------------> serving
type spaces struct {
	mu      sync.Mutex
	now     *space
	next    *space        // nil: no change is under way
	changed chan struct{} // closed when one of them changes
}

// set puts both in their places.
func (s *spaces) set(now, next *space) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.next = now, next
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

func (s *spaces) all() (now, next *space, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now, s.next, s.changed
}

func (s *spaces) serving() *space {
	now, _, _ := s.all()
	return now
}

// questions is the embedder of questions; nil without one.
func (s *spaces) questions() embedding.Embedder { return s.serving().questions }

// What the State remembers of spaces, as JSON.
const (
	spaceBucket = "embedding"
	// servingKey -> the settings of the space that serves.
	servingKey = "serving"
	// askedKey -> the askedSpace of the last reembed.
	askedKey = "asked"
)

// askedSpace is what a reembed asked for. It holds as long as the configuration
// says what it said then.
type askedSpace struct {
	Settings   config.Embedding `json:"settings"`
	Configured config.Embedding `json:"configured"`
}

// openSpaces opens the space that the configuration or a reembed names and, when
// that is not the one that served last, that one too: it goes on serving until
// the other is filled.
func (a *App) openSpaces(ctx context.Context) error {
	wanted, err := a.wantedSpace(ctx)
	if err != nil {
		return err
	}
	target, err := a.openSpace(ctx, wanted)
	if err != nil {
		return err
	}
	if err := a.addLoop(ctx, target); err != nil {
		return err
	}
	old, err := a.lastSpace(ctx, target)
	if err != nil {
		return err
	}
	if old == nil {
		a.spaces.set(target, nil)
		return a.remember(ctx, servingKey, target.settings)
	}
	a.log.Info("patterns are embedded anew; questions are asked in the old model until that is done", "old", old.model(), "new", target.model())
	a.spaces.set(old, target)
	return nil
}

// wantedSpace is what the configuration says, or what a reembed has said since.
func (a *App) wantedSpace(ctx context.Context) (config.Embedding, error) {
	var asked askedSpace
	known, err := a.recall(ctx, askedKey, &asked)
	switch {
	case err != nil || !known:
		return a.cfg.Embedding, err
	case asked.Configured == a.cfg.Embedding:
		a.log.Info("loglode reembed has chosen another embedder than the configuration's, which would be best changed too", "provider", asked.Settings.Provider, "model", asked.Settings.Model)
		return asked.Settings, nil
	}
	return a.cfg.Embedding, a.remember(ctx, askedKey, nil)
}

// lastSpace is the space that served last, if it is another one than target that
// can go on; else nil.
func (a *App) lastSpace(ctx context.Context, target *space) (*space, error) {
	var settings config.Embedding
	known, err := a.recall(ctx, servingKey, &settings)
	if err != nil || !known || target.loop == nil || settings.Provider == "none" {
		return nil, err
	}
	old, err := a.openSpace(ctx, settings)
	if err != nil {
		a.log.Warn("the embedder that served last cannot be opened: search goes by words until the new one has embedded all", "error", err)
		return nil, nil
	}
	if old.model() == target.model() {
		return nil, nil
	}
	return old, a.addLoop(ctx, old)
}

func (a *App) recall(ctx context.Context, key string, into any) (known bool, err error) {
	value, err := a.catalogue.Get(ctx, spaceBucket, key)
	if err != nil || value == nil {
		return false, err
	}
	if err := json.Unmarshal(value, into); err != nil {
		return false, fmt.Errorf("read what the catalogue says of embedders: %w", err)
	}
	return true, nil
}

// remember makes a value durable; nil forgets it.
func (a *App) remember(ctx context.Context, key string, value any) error {
	item := pipeline.StateItem{Bucket: spaceBucket, Key: key}
	if value != nil {
		var err error
		if item.Value, err = json.Marshal(value); err != nil {
			return fmt.Errorf("encode the settings of an embedder: %w", err)
		}
	}
	return a.catalogue.Put(ctx, []pipeline.StateItem{item})
}

// flip has a space serve that is filled, unless another was asked for meanwhile.
func (a *App) flip(ctx context.Context, filled *space) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if _, next, _ := a.spaces.all(); next != filled {
		return nil
	}
	if err := a.remember(ctx, servingKey, filled.settings); err != nil {
		return err
	}
	a.log.Info("questions are asked in another model from now on", "model", filled.model())
	a.spaces.set(filled, nil)
	return nil
}

// runLoops gives patterns their vectors until ctx ends, and ends changes of model.
func (a *App) runLoops(ctx context.Context) error {
	a.looping.Store(true)
	defer a.looping.Store(false)
	for ctx.Err() == nil {
		now, next, changed := a.spaces.all()
		round, stop := context.WithCancel(ctx)
		var loops errgroup.Group
		for _, s := range [...]*space{now, next} {
			if s != nil && s.loop != nil {
				loops.Go(func() error { return s.loop.Run(round) })
			}
		}
		if next != nil {
			loops.Go(func() error { return a.awaitFilled(round, next) })
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
		stop()
		if err := loops.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// awaitFilled ends the change of model when nothing waits for a vector any more.
func (a *App) awaitFilled(ctx context.Context, next *space) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		waiting, err := a.patterns.Unembedded(ctx, next.model(), 1)
		if err != nil || len(waiting) > 0 {
			continue // what is wrong with the store, the loops tell
		}
		if err := a.flip(ctx, next); err != nil && ctx.Err() == nil {
			a.log.Warn("the change of model is not done", "error", err)
		}
	}
}
