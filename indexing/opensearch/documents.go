package opensearch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

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
	// ofService and ofDay are how many new ones a service, and all services, make of
	// a day.
	ofService, ofDay int
	now              func() time.Time

	mu    sync.Mutex
	since time.Time // when there was empty
	there map[documentKey]struct{}
	made  map[serviceDay]int // of all services under allServices
}

// knownFor is for how long documents are taken to be there: another process may
// have removed them.
const knownFor = time.Hour

func newKnownPatterns(ofService, ofDay int, now func() time.Time) *knownPatterns {
	return &knownPatterns{ofService: ofService, ofDay: ofDay, now: now, since: now(), there: map[documentKey]struct{}{}, made: map[serviceDay]int{}}
}

func (k *knownPatterns) has(d documentKey) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); now.Sub(k.since) > knownFor {
		clear(k.there)
		k.since = now
	}
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

// admit says whether an entry may have its pattern without a look at the index:
// it is known, or fewer were made than may be.
func (k *knownPatterns) admit(e *pipeline.Entry) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.there[keyOf(e)]; there {
		return true
	}
	day := e.Day()
	return k.made[serviceDay{e.Service, day}] < k.ofService && k.made[serviceDay{allServices, day}] < k.ofDay
}

// allServices is no service's name.
const allServices = "*"

func (k *knownPatterns) count(e *pipeline.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.made) >= maxPlaced {
		clear(k.made)
	}
	k.made[serviceDay{strings.Clone(e.Service), e.Day()}]++
	k.made[serviceDay{allServices, e.Day()}]++
}

// admitStored looks at the index for patterns that are one too many if they are
// new, and takes them from their lines if they are.
func (s *Store) admitStored(ctx context.Context, w *writing) error {
	byKey := map[documentKey][]int{}
	for _, i := range w.over {
		k := keyOf(&w.entries[i])
		byKey[k] = append(byKey[k], i)
	}
	for chunk := range slices.Chunk(slices.Collect(maps.Keys(byKey)), mgetAtOnce) {
		found, err := s.storedPatterns(ctx, chunk)
		if err != nil {
			return err
		}
		for n, k := range chunk {
			if found[n] {
				s.patterns.add(k)
				continue
			}
			for _, i := range byKey[k] {
				w.patterns[i] = pipeline.Pattern{}
				w.results[i].Unpatterned = true
			}
		}
	}
	return nil
}

// storedPatterns says which documents are there.
func (s *Store) storedPatterns(ctx context.Context, keys []documentKey) ([]bool, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.id()
	}
	found, err := lookUp[struct {
		ID string `json:"id"`
	}](ctx, s, s.names.patterns(), ids, []string{"id"})
	if err != nil {
		return nil, err
	}
	there := make([]bool, len(keys))
	for i := range found {
		there[i] = found[i].Found
	}
	return there, nil
}

// patternDocument is a pattern as it is stored.
type patternDocument struct {
	ID        string   `json:"id,omitempty"` // see ownID
	Cluster   string   `json:"cluster"`
	Namespace string   `json:"namespace"`
	Service   string   `json:"service"`
	Pattern   string   `json:"pattern"`
	Key       string   `json:"key"` // of what is embedded
	Terms     []string `json:"terms"`
	Level     uint8    `json:"level"`   // of the line that made it
	Time      int64    `json:"time"`    // of that line, Unix ns
	Written   int64    `json:"written"` // when it was made, Unix ns
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
	for chunk := range slices.Chunk(doubted, mgetAtOnce) {
		var docs []map[string]any
		for _, i := range chunk {
			e := &w.entries[i]
			docs = append(docs, map[string]any{"_index": s.names.alias(e.Service, e.Day()), "_id": e.ID.String(), "_source": "pattern"})
		}
		found, err := mget[struct {
			Pattern string `json:"pattern"`
		}](ctx, s.client, docs)
		if err != nil {
			return err
		}
		for n, i := range chunk {
			k := keyOf(&w.entries[i])
			if _, twice := wanted[k]; !twice && found[n].Found && found[n].Source.Pattern == patternName(k.pattern) {
				wanted[k] = i
			}
		}
	}
	return nil
}

// missing are the documents to be created. Where creating says itself what is there
// already, all are.
func (s *Store) missing(ctx context.Context, keys []documentKey) (missing []documentKey, err error) {
	if !s.o.AcceptDuplicates {
		return keys, nil
	}
	for chunk := range slices.Chunk(keys, mgetAtOnce) {
		there, err := s.storedPatterns(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for i, k := range chunk {
			if there[i] {
				s.patterns.add(k)
				continue
			}
			missing = append(missing, k)
		}
	}
	return missing, nil
}

// createPatterns creates documents, with the vectors that their contents have.
func (s *Store) createPatterns(ctx context.Context, w *writing, wanted map[documentKey]int) error {
	if len(wanted) == 0 {
		return nil
	}
	keys, err := s.missing(ctx, slices.SortedFunc(maps.Keys(wanted), func(a, b documentKey) int { return wanted[a] - wanted[b] }))
	if err != nil || len(keys) == 0 {
		return err
	}
	documents := make([]patternDocument, len(keys))
	contents := map[string]bool{}
	analyser, giveBack := s.analyser()
	for n, k := range keys {
		e := &w.entries[wanted[k]]
		d := patternDocument{ID: s.ownID(k.id()), Cluster: k.cluster, Namespace: k.namespace, Service: k.service, Pattern: patternName(k.pattern), Level: uint8(e.Level), Time: e.Time, Written: s.o.Now().UnixNano(), Models: []string{}}
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
		head := s.createHead(s.names.patterns(), keys[n].id())
		actions[n] = action{head: head, body: append(body, '\n'), at: n}
	}
	fates, err := s.bulkOwn(ctx, actions)
	if err != nil {
		return err
	}
	for n, k := range keys {
		if fates[n].outcome == pipeline.Created {
			s.patterns.count(&w.entries[wanted[k]])
		}
		s.patterns.add(k)
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
