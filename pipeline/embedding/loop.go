package embedding

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Store is what the loop fills.
type Store interface {
	// Unembedded returns up to n documents that have no vector of the model,
	// errors and new ones first. An empty result means that nothing waits.
	Unembedded(ctx context.Context, model string, n int) ([]Pending, error)
	// SetVectors is durable when it returns nil; setting a vector again changes
	// nothing, and a key that is not there any more is passed over. A zero
	// vector is a vector: the document does not wait any more, is near to
	// nothing and is found by its words.
	SetVectors(ctx context.Context, model string, vectors []Vector) error
}

// Pending is a document without a vector.
type Pending struct {
	Key      Key
	Document Document
}

// Vector is a document's vector, of unit length or zero.
type Vector struct {
	Key    Key
	Values []float32
}

// LoopObserver sees what the loop does, for metrics and logs. It is called from
// the loop's goroutine and must return soon.
type LoopObserver interface {
	// Pending is how many documents a step found waiting, at most LoopOptions.Batch:
	// when it is that many there may be more.
	Pending(documents int)
	// Embedded is called when vectors are durable: of how many documents, made
	// from how many distinct texts that were given to the embedder.
	Embedded(documents, texts int)
	// Rejected is called for each document of which a part can never be
	// embedded. reason is a Rejection's.
	Rejected(reason string)
	// Failed is called when a step failed; it is tried again after wait.
	Failed(err error, wait time.Duration)
}

// LoopOptions configure a Loop. All fields may be left out.
type LoopOptions struct {
	// Batch is how many documents a step takes, 64 if 0. A document has up to
	// three texts.
	Batch int
	// Templates embeds one text a document, made of its template alone: its words
	// and what the glossary says about them. So there are at most as many texts as
	// patterns, whatever services have them, and whatever their lines mask.
	Templates bool
	// Poll is how long the loop waits when nothing does, 1 s if 0.
	Poll time.Duration
	// MinBackoff and MaxBackoff bound the wait after a fault, 1 s and 1 min if
	// 0. It doubles from fault to fault, less up to half of it at random. A
	// service that asks for a longer wait gets it.
	MinBackoff, MaxBackoff time.Duration
	Observer               LoopObserver
}

// Loop gives documents their vectors, a step at a time. One loop runs for a
// store: more would embed, and pay for, the same documents.
type Loop struct {
	store    Store
	embedder Embedder
	o        LoopOptions
	woken    chan struct{}
	stepping sync.Mutex // two steps at once would embed the same documents
	failed   bool       // the last step got nowhere
}

// NewLoop returns a loop that fills store with e's vectors. Nothing runs before
// Run or Step is called.
func NewLoop(store Store, e Embedder, o LoopOptions) *Loop {
	if o.Batch <= 0 {
		o.Batch = 64
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = time.Second
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = time.Minute
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return &Loop{store: store, embedder: distinct{e}, o: o, woken: make(chan struct{}, 1)}
}

// Wake says that documents may wait, so that Run need not find out by polling.
// It never blocks, may be called from any goroutine, and does not shorten the
// wait after a fault.
func (l *Loop) Wake() {
	select {
	case l.woken <- struct{}{}:
	default: // it is awake already
	}
}

// Run makes steps until ctx ends, and then returns nil. No fault ends it: the
// work stays in the store.
func (l *Loop) Run(ctx context.Context) error {
	backoff := l.o.MinBackoff
	for {
		n, err := l.Step(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if n > 0 {
			backoff = l.o.MinBackoff
		}
		switch {
		case err != nil:
			wait := max(backoff/2+rand.N(backoff/2+1), delay(err))
			l.o.Observer.Failed(err, wait)
			backoff = min(2*backoff, l.o.MaxBackoff)
			l.wait(ctx, wait, nil)
		case n == 0:
			backoff = l.o.MinBackoff
			l.wait(ctx, l.o.Poll, l.woken)
		}
	}
}

// delay is how long the service asked to wait.
func delay(err error) time.Duration {
	var d *DelayError
	if errors.As(err, &d) {
		return d.After
	}
	return 0
}

func (l *Loop) wait(ctx context.Context, d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	}
}

// Step takes one batch of documents that wait and stores their vectors. n is how
// many do not wait any more: when some of the batch could be embedded before a
// fault, those are stored, and n > 0 comes with an error. n == 0 without an
// error means that nothing waited. Steps may be asked for at once, also beside
// Run; they wait for each other.
//
// After a step that got nowhere, the order within the batch is another one: a few
// documents that the embedder fails with must not keep all others waiting.
func (l *Loop) Step(ctx context.Context) (n int, err error) {
	l.stepping.Lock()
	defer l.stepping.Unlock()
	defer func() { l.failed = err != nil && n == 0 }()
	model := l.embedder.Model()
	pending, err := l.store.Unembedded(ctx, model, l.o.Batch)
	if err != nil {
		return 0, fmt.Errorf("list documents without a vector: %w", err)
	}
	l.o.Observer.Pending(len(pending))
	if len(pending) == 0 {
		return 0, nil
	}
	if l.failed {
		rand.Shuffle(len(pending), func(i, j int) { pending[i], pending[j] = pending[j], pending[i] })
	}
	b := l.newBatch(pending)
	made, embedErr := l.embedder.Embed(withServices(ctx, b.services), b.texts)
	rejected := rejections(embedErr)
	if err := checkVectors(l.embedder, b.texts, made, rejected, embedErr); err != nil {
		return 0, fmt.Errorf("embed: %w", err)
	}
	vectors, reasons := b.compose(made, rejected, l.embedder.Dimensions())
	if len(vectors) > 0 {
		if err := l.store.SetVectors(ctx, model, vectors); err != nil {
			return 0, fmt.Errorf("store vectors: %w", errors.Join(err, notRejected(embedErr)))
		}
		l.o.Observer.Embedded(len(vectors), b.count(made))
		for _, r := range reasons {
			l.o.Observer.Rejected(r)
		}
	}
	if err := notRejected(embedErr); err != nil {
		return len(vectors), fmt.Errorf("embed: %w", err)
	}
	return len(vectors), nil
}

// batch is the texts of some documents.
type batch struct {
	pending []Pending
	texts   []string
	parts   [][3]int // by document: where in texts its parts are, -1 for none
	// services are for whom a text is embedded: the context of the first document
	// that has it.
	services map[string]string
}

func (l *Loop) newBatch(pending []Pending) batch {
	b := batch{pending: pending, parts: make([][3]int, len(pending)), services: map[string]string{}}
	for i := range pending {
		d := &pending[i].Document
		parts := [3]string{d.whole(), d.Context, d.Glossary}
		if l.o.Templates {
			parts = [3]string{d.Template()}
		}
		// The text is embedded even when it is empty: it gives the zero vector
		// its length.
		for j, part := range parts {
			b.parts[i][j] = -1
			if j == 0 || part != "" {
				b.parts[i][j] = len(b.texts)
				b.texts = append(b.texts, part)
				if _, known := b.services[part]; !known {
					b.services[part] = d.Context
				}
			}
		}
	}
	return b
}

// compose makes the vectors of all documents whose parts are embedded or
// rejected, and returns the reason of each document that has a rejected part.
// Without its text a document gets the zero vector: its context alone would put
// it near to everything that its service writes.
func (b *batch) compose(made [][]float32, rejected map[int]Rejection, dimensions int) (vectors []Vector, reasons []string) {
	if made == nil {
		return nil, nil
	}
	for i, parts := range b.parts {
		var values [3][]float32
		reason, finished := "", true
		for j, at := range parts {
			if at < 0 {
				continue
			}
			values[j] = made[at]
			if r, ok := rejected[at]; ok {
				reason = r.Reason
			} else if made[at] == nil {
				finished = false
			}
		}
		if !finished {
			continue
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
		v := make([]float32, dimensions)
		if values[0] != nil {
			v = Compose(values[0], values[1], values[2])
		}
		vectors = append(vectors, Vector{b.pending[i].Key, v})
	}
	return vectors, reasons
}

// count is how many distinct texts have a vector.
func (b *batch) count(made [][]float32) int {
	texts := make(map[string]struct{}, len(b.texts))
	for i, text := range b.texts {
		if made[i] != nil {
			texts[text] = struct{}{}
		}
	}
	return len(texts)
}

type unobserved struct{}

func (unobserved) Pending(int)                 {}
func (unobserved) Embedded(int, int)           {}
func (unobserved) Rejected(string)             {}
func (unobserved) Failed(error, time.Duration) {}
