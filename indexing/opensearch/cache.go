package opensearch

import (
	"context"
	"fmt"

	"github.com/loglode/loglode/pipeline/embedding"
)

// cached marks the models of vectors of texts, so that none of a document is
// taken for one.
const cached = "text:"

var _ embedding.Cache = (*Store)(nil)

// Get implements embedding.Cache.
func (s *Store) Get(ctx context.Context, model string, keys []embedding.Key) ([][]float32, error) {
	vectors := make([][]float32, len(keys))
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = vectorID(k.String(), cached+model)
	}
	err := s.eachVector(ctx, ids, func(at int, _ *storedVector, v []float32) { vectors[at] = v })
	return vectors, err
}

// Put implements embedding.Cache.
func (s *Store) Put(ctx context.Context, model string, keys []embedding.Key, vectors [][]float32) error {
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("cache vectors: %w", err)
	}
	actions := make([]action, len(keys))
	for i, k := range keys {
		id := vectorID(k.String(), cached+model)
		body, err := encodeBody(storedVector{ID: s.ownID(id), Key: k.String(), Model: cached + model, Vector: encodeVector(vectors[i])})
		if err != nil {
			return err
		}
		actions[i] = action{head: s.createHead(s.names.vectors(), id), body: body, at: i}
	}
	if _, err := s.bulkOwn(ctx, actions); err != nil {
		return fmt.Errorf("cache vectors: %w", s.noticed(err))
	}
	return nil
}
