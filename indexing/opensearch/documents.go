package opensearch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// maxKnown bounds the pattern documents that a process remembers to be there.
const maxKnown = 1 << 20

// documentKey is what there is one pattern document of.
type documentKey struct {
	cluster, namespace, service string
	pattern                     pipeline.PatternID
}

func keyOf(e *pipeline.Entry) documentKey {
	return documentKey{e.Resource.Cluster, e.Resource.Namespace, e.Service, e.Pattern.ID}
}

// id is the document's, a hash of its key.
func (k documentKey) id() string {
	var b []byte
	for _, part := range []string{k.cluster, k.namespace, k.service} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(append(b, k.pattern[:]...))
	return hex.EncodeToString(sum[:16])
}

func (k documentKey) clone() documentKey {
	k.cluster, k.namespace, k.service = strings.Clone(k.cluster), strings.Clone(k.namespace), strings.Clone(k.service)
	return k
}

// knownPatterns remembers which documents are there, and bounds how many new
// ones a service makes in a day.
type knownPatterns struct {
	most int

	mu    sync.Mutex
	there map[documentKey]struct{}
	made  map[serviceDay]int
}

func newKnownPatterns(most int) *knownPatterns {
	return &knownPatterns{most: most, there: map[documentKey]struct{}{}, made: map[serviceDay]int{}}
}

func (k *knownPatterns) has(d documentKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, there := k.there[d]
	return there
}

func (k *knownPatterns) add(d documentKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.there) >= maxKnown {
		clear(k.there)
	}
	k.there[d.clone()] = struct{}{}
}

// forget has all be looked for again: the index may be gone.
func (k *knownPatterns) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.there)
}

// admit says whether an entry may have its pattern: it is known, or its service
// has made fewer than it may on that day.
func (k *knownPatterns) admit(e *pipeline.Entry) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.there[keyOf(e)]; there {
		return true
	}
	return k.made[serviceDay{e.Service, e.Day()}] < k.most
}

func (k *knownPatterns) count(e *pipeline.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.made) >= maxPlaced {
		clear(k.made)
	}
	k.made[serviceDay{strings.Clone(e.Service), e.Day()}]++
}

// patternDocument is a pattern as it is stored.
type patternDocument struct {
	Cluster   string   `json:"cluster"`
	Namespace string   `json:"namespace"`
	Service   string   `json:"service"`
	Pattern   string   `json:"pattern"`
	Key       string   `json:"key"` // of what is embedded
	Terms     []string `json:"terms"`
	Level     uint8    `json:"level"` // of the line that made it
	Time      int64    `json:"time"`  // of that line, Unix ns
	// Models are those of which it has a vector.
	Models []string        `json:"models"`
	Entry  patternContents `json:"entry"`
}

// patternContents is what no query reads.
type patternContents struct {
	Template  string `json:"x,omitempty"`
	TemplateB string `json:"xb,omitempty"`
	Masked    string `json:"k,omitempty"`
	// Vectors are by model, in base 64: little-endian float32.
	Vectors map[string]string `json:"v,omitempty"`
}

// writePatterns makes the documents of what was written. A line that was there
// already counts where it was stored with the same pattern: its document may be
// what a process that died left out.
func (s *Store) writePatterns(ctx context.Context, w *writing) error {
	wanted := map[documentKey]int{} // the first entry of each
	var doubted []int
	for i := range w.entries {
		if w.results[i].Outcome == pipeline.Rejected || w.patterns[i].ID.IsZero() {
			continue
		}
		k := keyOf(&w.entries[i])
		if s.patterns.has(k) {
			continue
		}
		if w.results[i].Outcome == pipeline.Exists {
			doubted = append(doubted, i)
			continue
		}
		if _, twice := wanted[k]; !twice {
			wanted[k] = i
		}
	}
	if err := s.storedAlike(ctx, w, doubted, wanted); err != nil {
		return err
	}
	return s.createPatterns(ctx, w, wanted)
}

// storedAlike adds those of the lines that are stored with the pattern that they
// have now.
func (s *Store) storedAlike(ctx context.Context, w *writing, doubted []int, wanted map[documentKey]int) error {
	const most = 1000
	for chunk := range slices.Chunk(doubted, most) {
		var docs []map[string]any
		for _, i := range chunk {
			e := &w.entries[i]
			docs = append(docs, map[string]any{"_index": s.names.alias(e.Service, e.Day()), "_id": e.ID.String(), "_source": "pattern"})
		}
		answers, err := mget[struct {
			Pattern string `json:"pattern"`
		}](ctx, s.client, "/_mget", map[string]any{"docs": docs}, len(chunk))
		if err != nil {
			return err
		}
		for n, i := range chunk {
			k := keyOf(&w.entries[i])
			if _, twice := wanted[k]; !twice && answers[n].Found && answers[n].Source.Pattern == patternName(k.pattern) {
				wanted[k] = i
			}
		}
	}
	return nil
}

// createPatterns creates documents, with the vectors that their contents have.
func (s *Store) createPatterns(ctx context.Context, w *writing, wanted map[documentKey]int) error {
	if len(wanted) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(wanted), func(a, b documentKey) int { return wanted[a] - wanted[b] })
	documents := make([]patternDocument, len(keys))
	contents := map[string]bool{}
	analyser, giveBack := s.analyser()
	for n, k := range keys {
		e := &w.entries[wanted[k]]
		d := patternDocument{Cluster: k.cluster, Namespace: k.namespace, Service: k.service, Pattern: patternName(k.pattern), Level: uint8(e.Level), Time: e.Time, Models: []string{}}
		d.Entry.Template, d.Entry.TemplateB = text(e.Pattern.Template)
		d.Entry.Masked = s.o.Masked(e)
		content := s.o.Document(e.Pattern.Template, e.Service, d.Entry.Masked)
		d.Key = content.Key().String()
		for _, t := range content.Terms(analyser, nil) {
			d.Terms = append(d.Terms, t.Text)
		}
		contents[d.Key] = true
		documents[n] = d
	}
	giveBack()
	vectors, err := s.vectorsOf(ctx, slices.Collect(maps.Keys(contents)))
	if err != nil {
		return err
	}
	actions := make([]action, len(keys))
	for n := range documents {
		body, err := s.withVectors(&documents[n], vectors[documents[n].Key])
		if err != nil {
			return err
		}
		head := fmt.Appendf(nil, `{"create":{"_index":%q,"_id":%q}}`+"\n", s.names.patterns(), keys[n].id())
		actions[n] = action{head: head, body: append(body, '\n'), at: n}
	}
	fates := make([]fate, len(keys))
	if err := s.bulk(ctx, systemTarget, actions, fates); err != nil {
		return err
	}
	for n, k := range keys {
		if fates[n].outcome == pipeline.Created {
			s.patterns.count(&w.entries[wanted[k]])
		}
		if fates[n].outcome != pipeline.Rejected {
			s.patterns.add(k)
		}
	}
	return nil
}

// withVectors is a document with its vectors, as JSON.
func (s *Store) withVectors(d *patternDocument, vectors map[string][]float32) ([]byte, error) {
	if len(vectors) == 0 {
		return json.Marshal(d)
	}
	d.Entry.Vectors = map[string]string{}
	fields := map[string][]float32{}
	for _, model := range slices.Sorted(maps.Keys(vectors)) {
		d.Models = append(d.Models, model)
		d.Entry.Vectors[model] = encodeVector(vectors[model])
		if !isZero(vectors[model]) {
			fields[fieldOf(model, len(vectors[model]))] = vectors[model]
		}
	}
	body, err := json.Marshal(d)
	if err != nil || len(fields) == 0 {
		return body, err
	}
	more, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return append(append(body[:len(body)-1], ','), more[1:]...), nil
}

// document is what of a stored pattern is ranked.
func (s *Store) document(d *patternDocument) (embedding.Document, error) {
	template, err := untext(d.Entry.Template, d.Entry.TemplateB)
	return s.o.Document(template, d.Service, d.Entry.Masked), err
}
