package embedding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Cache keeps vectors by model and content. A vector that is there never
// changes.
type Cache interface {
	// Get returns one entry for each key, nil for a vector that is not there.
	Get(ctx context.Context, model string, keys []Key) ([][]float32, error)
	// Put is durable when it returns nil; keys that are there already are left
	// as they are.
	Put(ctx context.Context, model string, keys []Key, vectors [][]float32) error
}

// Cached is e behind a cache: a text that any document had before, under the
// same model, is not embedded again. What is embedded before a fault is kept.
// Each distinct text of a call is embedded once.
//
// A fault of the cache is an error of Embed, since texts would be paid for
// twice without it.
//
// What the cache did not take is kept in memory, and nothing new is embedded
// before it does: no text is paid for twice because a store is away.
func Cached(e Embedder, cache Cache) Embedder {
	return distinct{&cached{Embedder: e, cache: cache, unsaved: map[string]map[Key][]float32{}}}
}

type cached struct {
	Embedder
	cache Cache

	mu sync.Mutex
	// unsaved are vectors that the cache did not take, by model: those of one call.
	unsaved map[string]map[Key][]float32
}

// Embed implements Embedder.
func (c *cached) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	model := c.Model()
	if err := c.save(ctx, model); err != nil {
		return nil, err
	}
	keys := make([]Key, len(texts))
	for i, text := range texts {
		keys[i] = TextKey(text)
	}
	vectors, err := c.cache.Get(ctx, model, keys)
	if err != nil {
		return nil, fmt.Errorf("read cached vectors: %w", err)
	}
	if len(vectors) != len(keys) {
		return nil, fmt.Errorf("read cached vectors: %d for %d keys", len(vectors), len(keys))
	}
	var missing []int
	for i, v := range vectors {
		if v == nil {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return vectors, nil
	}
	made, embedErr := c.Embedder.Embed(ctx, pick(texts, missing))
	rejected := rejections(embedErr)
	if err := checkVectors(c.Embedder, pick(texts, missing), made, rejected, embedErr); err != nil {
		return vectors, err
	}
	c.mu.Lock()
	for i, v := range made {
		if v != nil {
			vectors[missing[i]] = v
			if c.unsaved[model] == nil {
				c.unsaved[model] = map[Key][]float32{}
			}
			c.unsaved[model][keys[missing[i]]] = slices.Clone(v)
		}
	}
	c.mu.Unlock()
	if err := c.save(ctx, model); err != nil {
		return vectors, errors.Join(err, notRejected(embedErr))
	}
	return vectors, moved(embedErr, rejected, func(i int) []int { return missing[i : i+1] })
}

// save puts what is not in the cache yet into it. What is paid for is kept also
// when the caller goes away.
func (c *cached) save(ctx context.Context, model string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.unsaved[model]
	if len(waiting) == 0 {
		return nil
	}
	keys := make([]Key, 0, len(waiting))
	vectors := make([][]float32, 0, len(waiting))
	for key, v := range waiting {
		keys = append(keys, key)
		vectors = append(vectors, v)
	}
	if err := c.cache.Put(ctx, model, keys, vectors); err != nil {
		return fmt.Errorf("cache vectors: %w", err)
	}
	delete(c.unsaved, model)
	return nil
}

// distinct gives each distinct text of a call to its Embedder once.
type distinct struct{ Embedder }

// Embed implements Embedder.
func (d distinct) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	places := make(map[string]int, len(texts))
	var once []string
	where := make([]int, len(texts)) // in once, by place in texts
	for i, text := range texts {
		at, ok := places[text]
		if !ok {
			at = len(once)
			places[text] = at
			once = append(once, text)
		}
		where[i] = at
	}
	if len(once) == len(texts) {
		return d.Embedder.Embed(ctx, texts)
	}
	made, err := d.Embedder.Embed(ctx, once)
	rejected := rejections(err)
	if wrong := checkVectors(d.Embedder, once, made, rejected, err); wrong != nil {
		return nil, wrong
	}
	if made == nil {
		return nil, err
	}
	used := make([]bool, len(once))
	vectors := make([][]float32, len(texts))
	for i, at := range where {
		vectors[i] = made[at]
		if used[at] { // each vector is the caller's, to change as well
			vectors[i] = slices.Clone(made[at])
		}
		used[at] = true
	}
	return vectors, moved(err, rejected, func(i int) (to []int) {
		for j, at := range where {
			if at == i {
				to = append(to, j)
			}
		}
		return to
	})
}

// rejections is what err rejects, by index; nil when it is another error.
func rejections(err error) map[int]Rejection {
	var r *RejectedError
	if !errors.As(err, &r) {
		return nil
	}
	m := make(map[int]Rejection, len(r.Rejections))
	for _, one := range r.Rejections {
		m[one.Index] = one
	}
	return m
}

// notRejected is err unless it is a RejectedError.
func notRejected(err error) error {
	if rejections(err) != nil {
		return nil
	}
	return err
}

// moved is err with its rejections moved to where an index of the inner call
// stands in the outer one.
func moved(err error, rejected map[int]Rejection, to func(index int) []int) error {
	if rejected == nil {
		return err
	}
	e := new(RejectedError)
	for i, r := range rejected {
		for _, r.Index = range to(i) {
			e.Rejections = append(e.Rejections, r)
		}
	}
	slices.SortFunc(e.Rejections, func(a, b Rejection) int { return a.Index - b.Index })
	return e
}

func pick(texts []string, indexes []int) []string {
	some := make([]string, len(indexes))
	for i, at := range indexes {
		some[i] = texts[at]
	}
	return some
}
