package embedding_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

// errThrottled is what the model says when it is asked for too much.
var errThrottled = fmt.Errorf("throttled: %w", pipeline.ErrTryLater)

// model is an Embedder of four dimensions with faults: each call embeds at most
// quota texts, if that is not negative, then fails with fault; texts that hold
// "cursed" are rejected.
type model struct {
	mu    sync.Mutex
	calls [][]string
	quota int
	fault error
	// wrong changes what a call returns.
	wrong func(vectors [][]float32, err error) ([][]float32, error)
}

func newModel() *model { return &model{quota: -1} }

func (*model) Model() string   { return "fake-1" }
func (*model) Dimensions() int { return 4 }

func (m *model) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, slices.Clone(texts))
	vectors := make([][]float32, len(texts))
	var rejected embedding.RejectedError
	for i, text := range texts {
		if m.quota >= 0 && i >= m.quota {
			return vectors, m.fault
		}
		if strings.Contains(text, "cursed") {
			rejected.Rejections = append(rejected.Rejections, embedding.Rejection{Index: i, Reason: "refused", Err: errors.New("no")})
			continue
		}
		vectors[i] = vectorOf(text)
	}
	var err error
	if len(rejected.Rejections) > 0 {
		err = &rejected
	}
	if m.wrong != nil {
		return m.wrong(vectors, err)
	}
	return vectors, err
}

func (m *model) set(quota int, fault error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quota, m.fault = quota, fault
}

func (m *model) all() [][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

func (m *model) sent() []string { return slices.Concat(m.all()...) }

func vectorOf(text string) []float32 {
	if text == "" {
		return make([]float32, 4)
	}
	h := fnv.New32a()
	h.Write([]byte(text))
	sum := h.Sum32()
	return embedding.Normalise([]float32{float32(sum & 255), float32(sum >> 8 & 255), float32(sum >> 16 & 255), 1 + float32(sum>>24)})
}

// observer writes down what the loop tells.
type observer struct {
	mu     sync.Mutex
	events []string
	errs   []error
	waits  []time.Duration
}

func (o *observer) add(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, fmt.Sprintf(format, args...))
}

func (o *observer) Pending(n int)                 { o.add("pending %d", n) }
func (o *observer) Embedded(documents, texts int) { o.add("embedded %d from %d", documents, texts) }
func (o *observer) Rejected(reason string)        { o.add("rejected %s", reason) }
func (o *observer) Failed(err error, wait time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.errs, o.waits = append(o.errs, err), append(o.waits, wait)
}

func (o *observer) failures() ([]error, []time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.errs), slices.Clone(o.waits)
}
