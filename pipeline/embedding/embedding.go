// Package embedding fills in the vectors of documents. It knows no vendor: what
// makes vectors is an [Embedder], where documents wait is a [Store].
//
//	         Unembedded            distinct texts            Embed
//	Store ---------------> Loop -------------------> Cached ------> Embedder
//	      <---------------      <-------------------    |
//	         SetVectors            unit vectors         v
//	        (composed)                                Cache
//
// Ingestion never waits for any of it: it creates documents, and those without
// a vector are found by their words. What limits or pays for calls (a quota, a
// budget, metrics) is a decorator of Embedder, between the loop and the vendor.
package embedding

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// Embedder turns texts into vectors of unit length.
//
// Embed returns one vector of Dimensions values for each text, in order. The
// same text gives the same vector, up to the rounding of the vendor; a text
// without anything that the model knows gives the zero vector, and so does a
// blank one. A text that is too long is cut, not refused. Embed MUST NOT keep
// texts, and its vectors are the caller's.
//
// With a [*RejectedError] every text has its vector but those that the error
// lists, whose entries are nil. With any other error the work is to be tried
// later; it wraps pipeline.ErrTryLater when the service throttles, is down or is
// misconfigured, and holds a [*DelayError] when the service said when to come
// back. The result is then nil, or it holds what was embedded before the fault,
// which may have been paid for, and nil for the rest.
//
// An Embedder may be used from several goroutines.
type Embedder interface {
	// Model is a name that changes whenever vectors do: "builtin-1a2b3c4d",
	// "openai:nomic-embed-text:768". Vectors of two models are never compared.
	Model() string
	// Dimensions is the length of vectors; 0 as long as a remote model has not
	// told it, never after a vector was returned.
	Dimensions() int
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// RejectedError says which texts of an Embed can never be embedded. It wraps
// pipeline.ErrRejected.
type RejectedError struct {
	// Rejections are by ascending Index, at least one.
	Rejections []Rejection
}

// Rejection is one text that can never be embedded.
type Rejection struct {
	// Index is the text's place in Embed's texts.
	Index int
	// Reason is a short constant ("refused"), fit for a metric's label.
	Reason string
	// Err is what the model said.
	Err error
}

func (e *RejectedError) Error() string {
	first := e.Rejections[0]
	return fmt.Sprintf("%d texts rejected, the first as %s: %v", len(e.Rejections), first.Reason, first.Err)
}

// Unwrap returns pipeline.ErrRejected.
func (e *RejectedError) Unwrap() error { return pipeline.ErrRejected }

// DelayError is an error of a service that said how long to stay away.
type DelayError struct {
	Err   error
	After time.Duration
}

func (e *DelayError) Error() string {
	return fmt.Sprintf("%v (the service asks to wait %v)", e.Err, e.After)
}
func (e *DelayError) Unwrap() error { return e.Err }

// checkVectors says whether an Embedder kept its word about what it returned
// with err, which rejects rejected.
func checkVectors(e Embedder, texts []string, vectors [][]float32, rejected map[int]Rejection, err error) error {
	if err != nil && rejected == nil && vectors == nil {
		return nil
	}
	if len(vectors) != len(texts) {
		return fmt.Errorf("model %s gave %d vectors for %d texts", e.Model(), len(vectors), len(texts))
	}
	if rejected != nil && len(rejected) == 0 {
		return fmt.Errorf("model %s rejected texts without saying which", e.Model())
	}
	for i := range rejected {
		if i < 0 || i >= len(texts) {
			return fmt.Errorf("model %s rejected text %d of %d", e.Model(), i, len(texts))
		}
	}
	dimensions := e.Dimensions()
	for i, v := range vectors {
		_, isRejected := rejected[i]
		switch {
		case v == nil && !isRejected && (err == nil || rejected != nil):
			return fmt.Errorf("model %s gave no vector for text %d of %d", e.Model(), i, len(texts))
		case v != nil && len(v) != dimensions:
			return fmt.Errorf("model %s gave a vector of %d dimensions, not %d", e.Model(), len(v), dimensions)
		}
	}
	return nil
}

// Normalise gives v unit length, in place, and returns it. A zero vector stays
// one.
func Normalise(v []float32) []float32 {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return v
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		v[i] = float32(float64(x) * scale)
	}
	return v
}
