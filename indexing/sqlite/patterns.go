package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// maxSpaces is how many models' vectors are in memory: during a change of model
// the old one answers while the new one fills.
const maxSpaces = 2

// Patterns is the patterns of a store and their vectors, which its catalogue
// keeps. It implements pipeline.PatternReader, embedding.Store and
// embedding.Cache, and may be used from several goroutines.
//
// The first question reads the patterns of all days into memory, about 0.5 KB
// for each with a vector of 256 dimensions; later ones add what was written
// since. A day that cannot be read is left out and logged.
type Patterns struct {
	store     *Store
	catalogue *Catalogue
	document  func(template, service, masked string) embedding.Document

	// vectorMu is held by who writes or removes vectors.
	vectorMu sync.Mutex

	mu     sync.RWMutex
	index  *documentIndex
	spaces map[string]*space // by model
	recent []string          // models of spaces, the last used first
}

var (
	_ pipeline.PatternReader = (*Patterns)(nil)
	_ embedding.Store        = (*Patterns)(nil)
	_ embedding.Cache        = (*Patterns)(nil)
)

// NewPatterns joins a store and its catalogue, which stay the caller's to close.
// Of o only Document counts.
func NewPatterns(s *Store, c *Catalogue, o Options) *Patterns {
	p := &Patterns{store: s, catalogue: c, document: o.Document, index: newDocumentIndex(), spaces: map[string]*space{}}
	if p.document == nil {
		p.document = func(template, service, masked string) embedding.Document {
			return embedding.Document{Text: template, Context: service, Masked: masked}
		}
	}
	return p
}

// Groups implements pipeline.PatternReader. UIDs of events are told apart by 128
// bits of a hash. Memory grows with the groups that are found and the UIDs of
// events among their lines.
func (p *Patterns) Groups(ctx context.Context, q pipeline.PatternQuery) ([]pipeline.PatternGroup, error) {
	return p.store.groups(ctx, q)
}

// Candidates implements pipeline.PatternReader. Both legs are exact but for the
// rounding of vectors to 8 bits; ties are settled by pattern ID, then cluster,
// namespace and service.
func (p *Patterns) Candidates(ctx context.Context, q pipeline.CandidateQuery) (pipeline.Candidates, error) {
	if err := checkCandidateQuery(&q); err != nil {
		return pipeline.Candidates{}, err
	}
	asked, err := newQuestion(q.Vector)
	if err != nil {
		return pipeline.Candidates{}, fmt.Errorf("find candidates: %w: %w", pipeline.ErrRejected, err)
	}
	var result pipeline.Candidates
	err = p.read(ctx, q.Model, func(v *space) error {
		if v != nil && v.dims != 0 && asked != nil && asked.dims != v.dims {
			return fmt.Errorf("the question has %d dimensions, vectors of model %q have %d: %w", asked.dims, q.Model, v.dims, pipeline.ErrRejected)
		}
		result = p.index.candidates(&q, v, asked)
		return nil
	})
	if err != nil {
		return pipeline.Candidates{}, fmt.Errorf("find candidates: %w", err)
	}
	return result, nil
}

func checkCandidateQuery(q *pipeline.CandidateQuery) error {
	f := &q.Filter
	if len(f.Pods)+len(f.Containers)+len(f.Nodes)+len(f.Levels)+len(f.Kinds)+len(f.Labels) > 0 || f.From != 0 || f.To != 0 {
		return fmt.Errorf("find candidates: the filter asks for what patterns do not carry: %w", pipeline.ErrRejected)
	}
	return nil
}

// Unembedded implements embedding.Store. A document is as severe and as new as
// the line that made it, on the day where that is most so.
func (p *Patterns) Unembedded(ctx context.Context, model string, n int) ([]embedding.Pending, error) {
	if model == "" {
		return nil, errors.New("find documents without a vector: of no model")
	}
	if n <= 0 {
		return nil, nil
	}
	var pending []embedding.Pending
	err := p.read(ctx, model, func(v *space) error {
		for _, c := range p.index.waiting(v, n) {
			d := c.sample.Value()
			pending = append(pending, embedding.Pending{Key: c.key, Document: p.document(d.pattern.Template, d.service, c.masked)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find documents without a vector: %w", err)
	}
	return pending, nil
}

// SetVectors implements embedding.Store. All vectors of a model have one length.
func (p *Patterns) SetVectors(ctx context.Context, model string, vectors []embedding.Vector) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := p.setVectors(ctx, model, vectors); err != nil {
		return fmt.Errorf("set vectors: %w", err)
	}
	return nil
}

func (p *Patterns) setVectors(ctx context.Context, model string, vectors []embedding.Vector) error {
	p.vectorMu.Lock()
	defer p.vectorMu.Unlock()
	if err := p.refresh(ctx); err != nil {
		return err
	}
	keys, quantised := make([]embedding.Key, 0, len(vectors)), make([][]int8, 0, len(vectors))
	for _, v := range vectors {
		if !p.holds(v.Key) {
			continue
		}
		q, err := quantise(v.Values)
		if err != nil {
			return err
		}
		keys, quantised = append(keys, v.Key), append(quantised, q)
	}
	if len(keys) == 0 {
		return nil
	}
	if err := p.catalogue.addVectors(ctx, model, keys, quantised); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.spaces[model]
	if v == nil {
		return nil // read from the file when it is asked for
	}
	for i, k := range keys {
		// What is beyond v.filled is looked for in the file as well.
		if c, ok := p.index.contentOf[k]; ok && int(c) < v.filled {
			if err := v.set(c, quantised[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds says whether some day has a document of a content.
func (p *Patterns) holds(key embedding.Key) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	_, ok := p.index.contentOf[key]
	return ok
}

// PruneVectors removes the vectors of contents that no day holds any more, and
// the oldest texts of the cache beyond 300,000. It returns how many vectors were
// removed. While a day cannot be read nothing is removed.
func (p *Patterns) PruneVectors(ctx context.Context) (removed int64, err error) {
	p.vectorMu.Lock()
	defer p.vectorMu.Unlock()
	if err := p.refresh(ctx); err != nil {
		return 0, fmt.Errorf("prune vectors: %w", err)
	}
	var last storedVector
	for {
		page, err := p.catalogue.vectorsAfter(ctx, last)
		if err != nil {
			return removed, fmt.Errorf("prune vectors: %w", err)
		}
		if len(page) == 0 {
			break
		}
		last = page[len(page)-1]
		n, err := p.prunePage(ctx, page)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("prune vectors: %w", err)
		}
	}
	if err := p.catalogue.trimEmbeddings(ctx, maxEmbeddings); err != nil {
		return removed, fmt.Errorf("prune cached texts: %w", err)
	}
	return removed, nil
}

// prunePage removes those of a page that no day holds. A document that comes
// back meanwhile waits for mu, and then does not find the vector that goes.
func (p *Patterns) prunePage(ctx context.Context, page []storedVector) (int64, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for d, in := range p.index.days {
		if in.err != nil {
			return 0, fmt.Errorf("day %s: %w", d.name, in.err)
		}
	}
	var gone []storedVector
	for _, v := range page {
		var key embedding.Key
		copy(key[:], v.content)
		if _, ok := p.index.contentOf[key]; !ok {
			gone = append(gone, v)
		}
	}
	if len(gone) == 0 {
		return 0, nil
	}
	return int64(len(gone)), p.catalogue.removeVectors(ctx, gone)
}

// Get implements embedding.Cache.
func (p *Patterns) Get(ctx context.Context, model string, keys []embedding.Key) ([][]float32, error) {
	vectors, err := p.catalogue.embeddings(ctx, model, keys)
	if err != nil {
		return nil, fmt.Errorf("read cached vectors: %w", err)
	}
	return vectors, nil
}

// Put implements embedding.Cache.
func (p *Patterns) Put(ctx context.Context, model string, keys []embedding.Key, vectors [][]float32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(keys) != len(vectors) {
		return fmt.Errorf("cache %d vectors for %d keys: the two must be as many", len(vectors), len(keys))
	}
	if len(keys) == 0 {
		return nil
	}
	if err := p.catalogue.addEmbeddings(ctx, model, keys, vectors); err != nil {
		return fmt.Errorf("cache vectors: %w", err)
	}
	return nil
}

// read calls fn, which must not change anything, while the index and the
// vectors of a model are as new as they can be. Without a model v is nil.
func (p *Patterns) read(ctx context.Context, model string, fn func(v *space) error) error {
	if err := p.refresh(ctx); err != nil {
		return err
	}
	if model == "" {
		p.mu.RLock()
		defer p.mu.RUnlock()
		return fn(nil)
	}
	for {
		if done, err := p.readFilled(model, fn); done {
			return err
		}
		if err := p.fill(ctx, model); err != nil {
			return err
		}
	}
}

// readFilled calls fn if the vectors of a model are ready.
func (p *Patterns) readFilled(model string, fn func(v *space) error) (done bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if v := p.spaces[model]; v != nil && v.filled == len(p.index.contents) && p.recent[0] == model {
		return true, fn(v)
	}
	return false, nil
}

// fill readies the vectors of a model.
func (p *Patterns) fill(ctx context.Context, model string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	v := p.spaces[model]
	if v == nil {
		v = &space{}
		p.spaces[model] = v
	}
	p.use(model)
	n := len(p.index.contents)
	v.grow(n)
	// Reading all of a model's vectors costs about as much as looking for a
	// quarter of them one by one.
	if n-v.filled > n/4 {
		err := p.catalogue.eachVector(ctx, model, func(key embedding.Key, vector []int8) error {
			if c, ok := p.index.contentOf[key]; ok {
				return v.set(c, vector)
			}
			return nil
		})
		if err != nil {
			return err
		}
		v.filled = n
	}
	for ; v.filled < n; v.filled++ {
		vector, err := p.catalogue.findVector(ctx, model, p.index.contents[v.filled].key)
		if err != nil {
			return err
		}
		if vector != nil {
			if err := v.set(uint32(v.filled), vector); err != nil {
				return err
			}
		}
	}
	return nil
}

// use marks a model as used and lets go of those that were not for longest. The
// caller holds mu.
func (p *Patterns) use(model string) {
	recent := []string{model}
	for _, m := range p.recent {
		switch {
		case m == model:
		case len(recent) < maxSpaces:
			recent = append(recent, m)
		default:
			delete(p.spaces, m)
		}
	}
	p.recent = recent
}

// refresh takes in what was written, and out what was dropped, since the last.
func (p *Patterns) refresh(ctx context.Context) error {
	days, err := p.store.presentDays()
	if err != nil {
		return err
	}
	p.mu.RLock()
	stale := p.index.stale(days)
	p.mu.RUnlock()
	if !stale {
		return ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.dropGone(days); err != nil {
		return err
	}
	for _, d := range days {
		if !p.index.lacks(d) {
			continue
		}
		if err := p.addDay(ctx, d); err != nil && !errors.Is(err, errDropped) {
			return fmt.Errorf("read patterns of day %s: %w", d.name, err)
		}
	}
	return nil
}

// presentDays is the days whose files are where they were opened.
func (s *Store) presentDays() ([]*day, error) {
	days, err := s.snapshotDays(0, 0)
	if err != nil {
		return nil, err
	}
	moved := false
	for _, d := range days {
		if d.moved() {
			s.forget(d)
			moved = true
		}
	}
	if !moved {
		return days, nil
	}
	return s.snapshotDays(0, 0)
}

// stale says whether the index differs from days.
func (x *documentIndex) stale(days []*day) bool {
	for _, d := range days {
		if x.lacks(d) {
			return true
		}
	}
	return len(x.days) != len(days) // all of days are there, so some are gone
}

// lacks says whether a day has documents that the index has not. Those of a day
// grow by writes alone, which publish their number.
func (x *documentIndex) lacks(d *day) bool {
	in := x.days[d]
	switch {
	case in == nil:
		return true
	case in.err != nil:
		return !d.exists() // it was moved away
	case !in.complete:
		return true
	}
	t := d.totals.Load()
	return t != nil && t.documents > in.documents
}

// dropGone takes out the days that are not among those present. The caller
// holds mu.
func (p *Patterns) dropGone(days []*day) error {
	present := make(map[*day]struct{}, len(days))
	for _, d := range days {
		present[d] = struct{}{}
	}
	var gone []*day
	for d := range p.index.days {
		if _, ok := present[d]; !ok {
			gone = append(gone, d)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	places := p.index.drop(gone)
	for model, v := range p.spaces {
		moved, err := v.moved(places, len(p.index.contents))
		if err != nil {
			return err
		}
		p.spaces[model] = moved
	}
	return nil
}

// addDay takes in the documents of a day from where it stopped. The caller holds
// mu.
func (p *Patterns) addDay(ctx context.Context, d *day) error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.release()
	in := p.index.days[d]
	if in == nil {
		in = &indexedDay{}
		p.index.days[d] = in
	}
	if !d.exists() {
		in.complete, in.err = true, nil // a Write is under way, or has failed
		return nil
	}
	db, err := d.readers(ctx)
	if err == nil {
		err = explain(d.path, eachDocument(ctx, db, in.documents+1, func(s storedDocument) error {
			if s.number != in.documents+1 {
				return errCorrupt
			}
			p.index.add(in, s, p.document)
			return nil
		}))
	}
	if err == nil {
		in.complete = true
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, pipeline.ErrTryLater) {
		return err
	}
	in.err = err
	p.store.log.Warn("patterns of a day cannot be read; it is left out", "day", d.name, "error", err)
	return nil
}
