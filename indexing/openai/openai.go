// Package openai embeds with any endpoint that speaks OpenAI's embeddings API:
// Ollama, vLLM, llama.cpp, LiteLLM, OpenAI.
//
//	texts -> blank ones: zero vector
//	      -> cut, prefixed, in batches -> POST <url>/embeddings -> unit vectors
//	                                        |
//	              429, 5xx, timeout, 401 ...+--> try later
//	              400, 413, 422, 500, NaN --+--> halves of the batch, until the one
//	                                             text is found; shorter; rejected
//
// The API: https://platform.openai.com/docs/api-reference/embeddings/create
package openai

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// maxDimensions bounds what an endpoint may claim.
	maxDimensions = 1 << 15
	// minBytes is where the halving of a refused text ends.
	minBytes = 64
	// probe is a text that no working endpoint refuses.
	probe = "ok"
)

// Embedder is an embedding.Embedder for documents; Queries returns the one for
// questions. Close frees its connections.
type Embedder struct {
	o      Options
	prefix string
	url    string
	model  string
	client *http.Client
	// dimensions is shared with the embedder of queries; 0 until it is known.
	dimensions *atomic.Int64
}

// New returns an embedder. It checks the options, all at once, and makes no
// request.
func New(o Options) (*Embedder, error) {
	o, u, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Embedder{
		o:          o,
		prefix:     o.DocumentPrefix,
		url:        u.JoinPath("embeddings").String(),
		model:      modelName(o),
		client:     newClient(o.Timeout),
		dimensions: new(atomic.Int64),
	}
	e.dimensions.Store(int64(o.Dimensions))
	return e, nil
}

// modelName holds what changes documents' vectors: the model, the dimensions
// that are asked for, a hash of the prefix.
func modelName(o Options) string {
	name := "openai:" + o.Model
	if o.Dimensions > 0 {
		name += fmt.Sprintf(":%d", o.Dimensions)
	}
	if o.DocumentPrefix != "" {
		sum := sha256.Sum256([]byte(o.DocumentPrefix))
		name += ":" + hex.EncodeToString(sum[:4])
	}
	return name
}

// Queries returns an embedder of questions for e's documents. It has e's Model,
// so its vectors MUST NOT go into a cache of e's.
func (e *Embedder) Queries() *Embedder {
	q := *e
	q.prefix = e.o.QueryPrefix
	return &q
}

// Model implements embedding.Embedder: "openai:nomic-embed-text", followed by
// the dimensions if they are configured (":256") and by a hash of the documents'
// prefix if there is one.
func (e *Embedder) Model() string { return e.model }

// Dimensions implements embedding.Embedder.
func (e *Embedder) Dimensions() int { return int(e.dimensions.Load()) }

// Close frees idle connections.
func (e *Embedder) Close() error {
	e.client.CloseIdleConnections()
	return nil
}

// Embed implements embedding.Embedder. Its requests follow each other. A text is
// rejected only when the endpoint embeds others: an endpoint that refuses
// everything is misconfigured, which is to be tried later. Reasons are "refused"
// (the endpoint says that the text is at fault), "server_error" (it fails with
// this text, again and again) and "bad_answer" (no numbers, or no JSON).
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	c := &call{e: e, texts: make([]string, len(texts)), vectors: make([][]float32, len(texts))}
	var indexes []int
	for i, text := range texts {
		c.texts[i] = cut(strings.TrimSpace(strings.ToValidUTF8(text, "\ufffd")), e.o.MaxBytes)
		if c.texts[i] != "" { // the API refuses blank ones
			indexes = append(indexes, i)
		}
	}
	for len(indexes) > 0 {
		part := indexes[:min(len(indexes), e.o.Batch)]
		indexes = indexes[len(part):]
		if err := c.embed(ctx, part); err != nil {
			return c.vectors, err
		}
	}
	if err := c.blanks(ctx); err != nil {
		return c.vectors, err
	}
	if len(c.rejected) > 0 {
		return c.vectors, &embedding.RejectedError{Rejections: c.rejected}
	}
	return c.vectors, nil
}

// call is one Embed.
type call struct {
	e       *Embedder
	texts   []string // cut; empty for a blank one
	vectors [][]float32
	// works says that the endpoint has embedded something in this call: what it
	// refuses then is the text's fault.
	works    bool
	rejected []embedding.Rejection
}

// embed fills in the vectors of some texts, or rejects them. Its error says that
// the rest of the call is to be tried later.
func (c *call) embed(ctx context.Context, indexes []int) error {
	texts := make([]string, len(indexes))
	for i, at := range indexes {
		texts[i] = c.texts[at]
	}
	vectors, err := c.post(ctx, texts)
	var refused *refusedError
	switch {
	case errors.As(err, &refused) && len(indexes) == 1:
		return c.shorten(ctx, indexes[0], refused)
	case errors.As(err, &refused):
		return c.halve(ctx, indexes, refused)
	case err != nil:
		return err
	}
	for i, at := range indexes {
		if c.vectors[at] = vectors[i]; vectors[i] != nil {
			continue
		}
		if err := c.shorten(ctx, at, noNumber()); err != nil {
			return err
		}
	}
	return nil
}

// halve embeds the two halves of a batch that was refused, so that one text does
// not keep the others from their vectors.
func (c *call) halve(ctx context.Context, indexes []int, refused *refusedError) error {
	if err := c.blame(ctx, refused); err != nil {
		return err
	}
	half := len(indexes) / 2
	if err := c.embed(ctx, indexes[:half]); err != nil {
		return err
	}
	return c.embed(ctx, indexes[half:])
}

// shorten embeds a text that was refused alone: less of it each time, since most
// texts are refused for their length. It rejects the text when nothing helps.
func (c *call) shorten(ctx context.Context, index int, refused *refusedError) error {
	if err := c.blame(ctx, refused); err != nil {
		return err
	}
	var tries []string
	if refused.again {
		tries = append(tries, c.texts[index])
	}
	for text := c.texts[index]; len(text)/2 >= minBytes; {
		text = cut(text, len(text)/2)
		tries = append(tries, text)
	}
	for _, text := range tries {
		vectors, err := c.post(ctx, []string{text})
		if err == nil && vectors[0] != nil {
			c.vectors[index] = vectors[0]
			return nil
		}
		if err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	c.rejected = append(c.rejected, embedding.Rejection{Index: index, Reason: refused.reason, Err: refused})
	return nil
}

// blame returns nil when a refusal is the texts' fault: the endpoint embeds
// others. Else the configuration is at fault, and no text may be rejected for
// that.
func (c *call) blame(ctx context.Context, refused *refusedError) error {
	if c.works {
		return nil
	}
	vectors, err := c.post(ctx, []string{probe})
	if err == nil && vectors[0] != nil {
		return nil
	}
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	return pipeline.WithHint(fmt.Errorf("%w: the embeddings endpoint refuses every text: %w", pipeline.ErrTryLater, refused),
		"check the model's name and that it is one for embeddings, and whether it can be asked for dimensions")
}

// blanks gives blank texts the zero vector.
func (c *call) blanks(ctx context.Context) error {
	for i, text := range c.texts {
		if text != "" {
			continue
		}
		if c.e.Dimensions() == 0 {
			// Nothing was embedded yet: the probe tells the length.
			if err := c.blame(ctx, noNumber()); err != nil {
				return err
			}
		}
		c.vectors[i] = make([]float32, c.e.Dimensions())
	}
	return nil
}

// post is a request, and notes that the endpoint works.
func (c *call) post(ctx context.Context, texts []string) ([][]float32, error) {
	vectors, err := c.e.post(ctx, texts)
	for _, v := range vectors {
		c.works = c.works || v != nil
	}
	return vectors, err
}

// cut is the beginning of s, at most n bytes of it, up to the border of a
// character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
