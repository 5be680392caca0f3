package opensearch

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"

	"crypto/sha256"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// fieldOf is the field of a model's vectors: one for each model and dimension,
// so that models never mix.
func fieldOf(model string, dimensions int) string {
	sum := sha256.Sum256([]byte(model))
	return fmt.Sprintf("vector_%s_%d", hex.EncodeToString(sum[:6]), dimensions)
}

// vectorID is that of a content's vector of a model.
func vectorID(key, model string) string {
	sum := sha256.Sum256([]byte(model))
	return key + "-" + hex.EncodeToString(sum[:8])
}

func encodeVector(v []float32) string {
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func decodeVector(s string) ([]float32, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b)%4 != 0 {
		return nil, errors.New("a stored vector is damaged")
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v, nil
}

func isZero(v []float32) bool { return !slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) }

// models are those that have a field of vectors, and their dimensions.
type models struct {
	client *client
	index  string

	mu    sync.Mutex
	known map[string]int
	// ensuring is held while _meta, which is replaced as a whole, gets a model more.
	ensuring sync.Mutex
}

// forget has the models be read again: the index may be another one.
func (m *models) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = nil
}

// meta is the _meta of the index of patterns.
type meta struct {
	Loglode map[string]any `json:"loglode"`
	Models  map[string]int `json:"models"`
}

// liveMapping is what is read of the mapping of the index of patterns.
type liveMapping struct {
	Meta       meta `json:"_meta"`
	Properties map[string]struct {
		Type      string `json:"type"`
		Dimension int    `json:"dimension"`
		Method    struct {
			Engine string `json:"engine"`
		} `json:"method"`
	} `json:"properties"`
}

func (m *models) mapping(ctx context.Context) (liveMapping, error) {
	var answer map[string]struct {
		Mappings liveMapping `json:"mappings"`
	}
	if err := m.client.call(ctx, http.MethodGet, "/"+m.index+"/_mapping", nil, &answer); err != nil {
		return liveMapping{}, fmt.Errorf("read models: %w", err)
	}
	return answer[m.index].Mappings, nil
}

// read asks the index for its models.
func (m *models) read(ctx context.Context) (meta, error) {
	live, err := m.mapping(ctx)
	return live.Meta, err
}

// check compares the models with the fields that the index really has.
func (m *models) check(ctx context.Context) error {
	live, err := m.mapping(ctx)
	if err != nil {
		return err
	}
	for model, dimensions := range live.Meta.Models {
		field := fieldOf(model, dimensions)
		if f := live.Properties[field]; f.Type != "knn_vector" || f.Dimension != dimensions || f.Method.Engine != "lucene" {
			return pipeline.WithHint(
				unfit("field %s of index %s is %q with %d dimensions and engine %q, and should be a knn_vector with %d and lucene", field, m.index, f.Type, f.Dimension, f.Method.Engine, dimensions),
				"an index template or a reindex changed it: delete the index, its patterns come again with their lines")
		}
	}
	return nil
}

// dimensions are those of a model's vectors; 0 where there are none.
func (m *models) dimensions(ctx context.Context, model string) (int, error) {
	m.mu.Lock()
	n := m.known[model]
	m.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	found, err := m.read(ctx)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = found.Models
	return found.Models[model], nil
}

// ensure makes the field of a model's vectors. It asks each time: the index may
// have been made anew.
func (m *models) ensure(ctx context.Context, model string, dimensions int) error {
	m.ensuring.Lock()
	defer m.ensuring.Unlock()
	found, err := m.read(ctx)
	if err != nil {
		return err
	}
	switch have := found.Models[model]; {
	case have == dimensions:
		return nil
	case have > 0:
		return fmt.Errorf("vectors of model %s have %d dimensions here, not %d: %w", model, have, dimensions, pipeline.ErrRejected)
	}
	if found.Models == nil {
		found.Models = map[string]int{}
	}
	found.Models[model] = dimensions
	mapping := map[string]any{"_meta": found, "properties": map[string]any{fieldOf(model, dimensions): vectorField(dimensions)}}
	if err := m.client.call(ctx, http.MethodPut, "/"+m.index+"/_mapping", mapping, nil); err != nil {
		return fmt.Errorf("add the field of model %s: %w", model, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = found.Models
	return nil
}

// all are the models that have vectors.
func (m *models) all(ctx context.Context) ([]string, error) {
	found, err := m.read(ctx)
	if err != nil {
		return nil, err
	}
	var list []string
	for model := range found.Models {
		list = append(list, model)
	}
	slices.Sort(list)
	return list, nil
}

// storedVector is a document of the index of vectors.
type storedVector struct {
	ID     string `json:"id,omitempty"` // see ownID
	Key    string `json:"key"`
	Model  string `json:"model"`
	Vector string `json:"vector"`
}

// vectorsOf are the vectors of contents, by key and model.
func (s *Store) vectorsOf(ctx context.Context, keys []string) (map[string]map[string][]float32, error) {
	list, err := s.models.all(ctx)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var ids []string
	for _, key := range keys {
		for _, model := range list {
			ids = append(ids, vectorID(key, model))
		}
	}
	found := map[string]map[string][]float32{}
	err = s.eachVector(ctx, ids, func(_ int, stored *storedVector, v []float32) {
		if found[stored.Key] == nil {
			found[stored.Key] = map[string][]float32{}
		}
		found[stored.Key][stored.Model] = v
	})
	return found, err
}

// eachVector calls yield for each of the stored vectors that is there, with its
// place in ids.
func (s *Store) eachVector(ctx context.Context, ids []string, yield func(at int, stored *storedVector, v []float32)) error {
	for start := 0; start < len(ids); start += mgetAtOnce {
		chunk := ids[start:min(start+mgetAtOnce, len(ids))]
		found, err := lookUp[storedVector](ctx, s, s.names.vectors(), chunk, nil)
		if err != nil {
			return fmt.Errorf("read vectors: %w", err)
		}
		for i := range found {
			d := &found[i]
			if !d.Found {
				continue
			}
			v, err := decodeVector(d.Source.Vector)
			if err != nil {
				return err
			}
			yield(start+i, &d.Source, v)
		}
	}
	return nil
}

// Unembedded implements embedding.Store.
func (s *Store) Unembedded(ctx context.Context, model string, n int) ([]embedding.Pending, error) {
	if n <= 0 {
		return nil, nil
	}
	if err := s.ready(ctx); err != nil {
		return nil, fmt.Errorf("find patterns without a vector: %w", err)
	}
	query := map[string]any{
		"size": min(n, maxLimit), "query": boolean{MustNot: []any{term("models", model)}}.json(), "collapse": map[string]any{"field": "key"},
		"sort": []any{desc("level"), desc("time"), asc("key")},
	}
	var answer searchAnswer[patternDocument]
	if err := s.searchPatterns(ctx, query, &answer); err != nil {
		return nil, fmt.Errorf("find patterns without a vector: %w", err)
	}
	var list []embedding.Pending
	for i := range answer.Hits.Hits {
		d := &answer.Hits.Hits[i].Source
		document, err := s.document(d)
		if err != nil {
			return nil, fmt.Errorf("read pattern %s: %w", d.Pattern, err)
		}
		key, err := hex.DecodeString(d.Key)
		if err != nil || len(key) != len(embedding.Key{}) {
			return nil, fmt.Errorf("read pattern %s: its key %q is damaged", d.Pattern, d.Key)
		}
		list = append(list, embedding.Pending{Key: embedding.Key(key), Document: document})
	}
	return list, nil
}

// SetVectors implements embedding.Store. A content's first vector stays.
func (s *Store) SetVectors(ctx context.Context, model string, vectors []embedding.Vector) error {
	if len(vectors) == 0 {
		return nil
	}
	if err := s.ready(ctx); err != nil {
		return fmt.Errorf("set vectors: %w", err)
	}
	if err := s.models.ensure(ctx, model, len(vectors[0].Values)); err != nil {
		return fmt.Errorf("set vectors: %w", s.noticed(err))
	}
	keys := make([]string, len(vectors))
	actions := make([]action, len(vectors))
	for i, v := range vectors {
		if len(v.Values) != len(vectors[0].Values) {
			return fmt.Errorf("set vectors: vectors of %d and of %d dimensions: %w", len(vectors[0].Values), len(v.Values), pipeline.ErrRejected)
		}
		keys[i] = v.Key.String()
		id := vectorID(keys[i], model)
		body, err := encodeBody(storedVector{ID: s.ownID(id), Key: keys[i], Model: model, Vector: encodeVector(v.Values)})
		if err != nil {
			return err
		}
		actions[i] = action{head: s.createHead(s.names.vectors(), id), body: body, at: i}
	}
	if _, err := s.bulkOwn(ctx, actions); err != nil {
		return fmt.Errorf("set vectors: %w", s.noticed(err))
	}
	if err := s.spreadVectors(ctx, model, keys); err != nil {
		return fmt.Errorf("set vectors: %w", s.noticed(err))
	}
	// Else Unembedded would name the same documents for a second more.
	if err := s.client.call(ctx, http.MethodPost, "/"+s.names.patterns()+"/_refresh", nil, nil); err != nil {
		return fmt.Errorf("set vectors: %w", s.noticed(err))
	}
	return nil
}

// putVector gives a document a vector, where it has none of the model.
const putVector = `if (ctx._source.models.contains(params.m)) { ctx.op = 'none' } else {
 ctx._source.models.add(params.m);
 if (ctx._source.entry.v == null) { ctx._source.entry.v = [:] }
 ctx._source.entry.v[params.m] = params.b;
 if (params.v != null) { ctx._source[params.f] = params.v }
}`

// spreadVectors gives the documents of contents the vectors that these have.
func (s *Store) spreadVectors(ctx context.Context, model string, keys []string) error {
	vectors, err := s.vectorsOf(ctx, keys)
	if err != nil {
		return err
	}
	var actions []action
	query := map[string]any{
		"size": pageSize, "_source": []string{"key"}, "sort": byShardDoc,
		"query": boolean{Filter: []any{terms("key", keys)}, MustNot: []any{term("models", model)}}.json(),
	}
	err = s.eachPattern(ctx, query, func(hits []hit[patternDocument]) error {
		for i := range hits {
			v, known := vectors[hits[i].Source.Key][model]
			if !known {
				continue
			}
			params := map[string]any{"m": model, "b": encodeVector(v), "f": fieldOf(model, len(v))}
			if !isZero(v) {
				params["v"] = v
			}
			body, err := encodeBody(map[string]any{"script": map[string]any{"source": strings.ReplaceAll(putVector, "\n", ""), "params": params}})
			if err != nil {
				return err
			}
			head := fmt.Appendf(nil, `{"update":{"_index":%q,"_id":%q,"retry_on_conflict":5}}`+"\n", s.names.patterns(), hits[i].ID)
			actions = append(actions, action{head: head, body: body, at: len(actions)})
		}
		return nil
	})
	if err != nil || len(actions) == 0 {
		return err
	}
	_, err = s.bulkOwn(ctx, actions)
	return err
}
