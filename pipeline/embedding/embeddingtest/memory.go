package embeddingtest

import (
	"context"
	"slices"
	"sync"

	"github.com/loglode/loglode/pipeline/embedding"
)

// Memory is an [embedding.Store] and an [embedding.Cache] in memory. Its zero
// value is empty and ready for use.
type Memory struct {
	mu        sync.Mutex
	documents []embedding.Pending
	vectors   map[string]map[embedding.Key][]float32
	texts     map[string]map[embedding.Key][]float32
	fault     func(operation string) error
}

// Add appends documents under the keys of their content.
func (m *Memory) Add(documents ...embedding.Document) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range documents {
		m.documents = append(m.documents, embedding.Pending{Key: d.Key(), Document: d})
	}
}

// FailWith makes every later call ask fault first: an error of it is the
// call's. operation is the method's name. It MUST NOT call m.
func (m *Memory) FailWith(fault func(operation string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = fault
}

// Vector is a document's vector, nil if it has none.
func (m *Memory) Vector(model string, key embedding.Key) []float32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.vectors[model][key]
}

// Unembedded implements embedding.Store.
func (m *Memory) Unembedded(_ context.Context, model string, n int) ([]embedding.Pending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("Unembedded"); err != nil {
		return nil, err
	}
	var waiting []embedding.Pending
	for _, p := range m.documents {
		if _, ok := m.vectors[model][p.Key]; !ok && len(waiting) < n {
			waiting = append(waiting, p)
		}
	}
	return waiting, nil
}

// SetVectors implements embedding.Store.
func (m *Memory) SetVectors(_ context.Context, model string, vectors []embedding.Vector) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("SetVectors"); err != nil {
		return err
	}
	for _, v := range vectors {
		if slices.ContainsFunc(m.documents, func(p embedding.Pending) bool { return p.Key == v.Key }) {
			put(&m.vectors, model, v.Key, v.Values)
		}
	}
	return nil
}

// Get implements embedding.Cache.
func (m *Memory) Get(_ context.Context, model string, keys []embedding.Key) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("Get"); err != nil {
		return nil, err
	}
	vectors := make([][]float32, len(keys))
	for i, k := range keys {
		vectors[i] = slices.Clone(m.texts[model][k])
	}
	return vectors, nil
}

// Put implements embedding.Cache.
func (m *Memory) Put(_ context.Context, model string, keys []embedding.Key, vectors [][]float32) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check("Put"); err != nil {
		return err
	}
	for i, k := range keys {
		put(&m.texts, model, k, vectors[i])
	}
	return nil
}

func (m *Memory) check(operation string) error {
	if m.fault == nil {
		return nil
	}
	return m.fault(operation)
}

// put keeps a vector unless there is one.
func put(all *map[string]map[embedding.Key][]float32, model string, key embedding.Key, v []float32) {
	if *all == nil {
		*all = map[string]map[embedding.Key][]float32{}
	}
	if (*all)[model] == nil {
		(*all)[model] = map[embedding.Key][]float32{}
	}
	if _, ok := (*all)[model][key]; !ok {
		(*all)[model][key] = slices.Clone(v)
	}
}
