// Package bedrock embeds with Amazon Titan through Amazon Bedrock.
//
//	texts -> blank ones: zero vector
//	      -> cut -> InvokeModel, one text each, some at once -> unit vectors, tokens
//	                  |
//	  throttled, 5xx, |-> up to three attempts, then try later
//	  ModelTimeout .. |
//	  no access, quota|-> try later, with a hint
//	  Validation -----+-> shorter; rejected, if Titan takes other texts
//
// What limits and pays for the calls is [embedding.Limiter].
//
// The model: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
package bedrock

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// minBytes is where the halving of a refused text ends.
	minBytes = 64
	// probe is a text that a working model does not refuse.
	probe = "ok"
	// maxAside is how many texts in a row may fail, each on its own, before the
	// rest of a call is left for later.
	maxAside = 3
)

// Embedder is an embedding.Embedder and an embedding.Counter, for documents and
// for questions. Close frees its connections.
type Embedder struct {
	o         Options
	runtime   *bedrockruntime.Client
	client    *http.Client
	transport *http.Transport // nil if it is not the embedder's own
	slots     chan struct{}   // as many as there may be requests under way
}

// New returns an embedder. It checks the options, all at once, reads the SDK's
// configuration where the options leave something to it, and makes no request.
func New(ctx context.Context, o Options) (*Embedder, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := o.awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	e := &Embedder{o: o, slots: make(chan struct{}, o.Concurrency)}
	e.client, e.transport = newClient(o)
	e.runtime = bedrockruntime.NewFromConfig(c, func(r *bedrockruntime.Options) {
		r.HTTPClient = e.client
		r.Retryer = newRetryer()
		if o.Endpoint != "" {
			r.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return e, nil
}

// Model implements embedding.Embedder: "bedrock:amazon.titan-embed-text-v2:0:256",
// the last part being the dimensions.
func (e *Embedder) Model() string { return fmt.Sprintf("bedrock:%s:%d", e.o.Model, e.o.Dimensions) }

// Dimensions implements embedding.Embedder.
func (e *Embedder) Dimensions() int { return e.o.Dimensions }

// Close frees idle connections.
func (e *Embedder) Close() error {
	if e.transport != nil {
		e.transport.CloseIdleConnections()
	}
	return nil
}

// Embed implements embedding.Embedder. See EmbedCounted.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors, _, err := e.EmbedCounted(ctx, texts)
	return vectors, err
}

// EmbedCounted implements embedding.Counter. A text is rejected only when Titan
// embeds others: one that refuses everything is misconfigured, which is to be
// tried later. Reasons are "refused" (Titan says that the text is at fault) and
// "bad_answer" (what it answers is no vector, again and again).
//
// A text with which Titan fails (ModelError, ModelTimeout, InternalServer) does
// not keep the others from their vectors, and is to be tried later.
func (e *Embedder) EmbedCounted(ctx context.Context, texts []string) ([][]float32, embedding.Usage, error) {
	c := &call{
		e:       e,
		texts:   make([]string, len(texts)),
		vectors: make([][]float32, len(texts)),
		usage:   embedding.Usage{Tokens: make([]int, len(texts))},
	}
	for i, text := range texts {
		c.texts[i] = clean(text, e.o.MaxBytes)
		if c.texts[i] == "" { // Titan refuses blank ones
			c.vectors[i] = make([]float32, e.o.Dimensions)
		} else {
			c.waiting = append(c.waiting, i)
		}
	}
	c.run(ctx)
	return c.vectors, c.usage, c.outcome()
}

// call is one EmbedCounted.
type call struct {
	e     *Embedder
	texts []string // cut; empty for a blank one

	probing sync.Mutex // one probe at a time

	mu      sync.Mutex
	waiting []int
	vectors [][]float32
	usage   embedding.Usage
	// works says that Titan has embedded something in this call: what it refuses
	// then is the text's fault.
	works bool
	// fault ends the call.
	fault error
	// failed is the fault of the first text that failed on its own, and inARow how
	// many did since one was embedded.
	failed   error
	inARow   int
	rejected []embedding.Rejection
}

// run embeds what waits, some texts at once. What is under way when the call
// ends early is finished: it is paid for.
func (c *call) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range min(len(c.waiting), c.e.o.Concurrency) {
		wg.Go(func() {
			for at, ok := c.next(); ok; at, ok = c.next() {
				c.embed(ctx, at)
			}
		})
	}
	wg.Wait()
}

// next is the next text that waits.
func (c *call) next() (at int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil || len(c.waiting) == 0 {
		return 0, false
	}
	at, c.waiting = c.waiting[0], c.waiting[1:]
	return at, true
}

// outcome is the call's error.
func (c *call) outcome() error {
	switch {
	case c.fault != nil:
		return c.fault
	case c.failed != nil:
		return c.failed
	case len(c.rejected) > 0:
		sortRejections(c.rejected)
		return &embedding.RejectedError{Rejections: c.rejected}
	}
	return nil
}

// embed fills in the vector of a text, or says what is wrong with it.
func (c *call) embed(ctx context.Context, at int) {
	vector, err := c.invoke(ctx, at, c.texts[at])
	var refused *refusedError
	if errors.As(err, &refused) {
		vector, err = c.shorten(ctx, at, refused)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var own *failedError
	switch {
	case err == nil:
		c.vectors[at] = vector
	case errors.Is(err, pipeline.ErrRejected):
		c.rejected = append(c.rejected, embedding.Rejection{Index: at, Reason: refused.reason, Err: refused})
	case errors.As(err, &own) && c.inARow < maxAside-1:
		c.inARow++
		c.failed = firstOf(c.failed, err)
	default:
		c.fault = firstOf(c.fault, err)
	}
}

func firstOf(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// shorten embeds a text that was refused: less of it each time, since most texts
// are refused for their length. Its error wraps pipeline.ErrRejected when nothing
// helps, and refused is then the last refusal.
func (c *call) shorten(ctx context.Context, at int, refused *refusedError) ([]float32, error) {
	if err := c.blame(ctx, at, refused); err != nil {
		return nil, err
	}
	var tries []string
	if refused.again {
		tries = append(tries, c.texts[at])
	}
	for text := c.texts[at]; len(text)/2 >= minBytes; {
		text = cut(text, len(text)/2)
		tries = append(tries, text)
	}
	for _, text := range tries {
		vector, err := c.invoke(ctx, at, text)
		if err == nil {
			return vector, nil
		}
		var again *refusedError
		if !errors.As(err, &again) {
			return nil, err
		}
		*refused = *again
	}
	return nil, fmt.Errorf("%w: %w", pipeline.ErrRejected, refused)
}

// blame returns nil when a refusal is the text's fault: Titan embeds others. Else
// the configuration is at fault, and no text may be rejected for that.
func (c *call) blame(ctx context.Context, at int, refused *refusedError) error {
	c.probing.Lock()
	defer c.probing.Unlock()
	if c.isWorking() {
		return nil
	}
	_, err := c.invoke(ctx, at, probe)
	if err == nil {
		return nil
	}
	if !errors.As(err, &refused) {
		return err
	}
	return pipeline.WithHint(fmt.Errorf("%w: Bedrock refuses every text: %w", pipeline.ErrTryLater, refused),
		"is the model, or what the ARN stands for, Titan Text Embeddings V2, and is it offered in this region?")
}

func (c *call) isWorking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.works
}

// invoke is a request for the text at a place, and counts what it took.
func (c *call) invoke(ctx context.Context, at int, text string) ([]float32, error) {
	made, requests, err := c.e.invoke(ctx, text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.usage.Requests += requests
	c.usage.Tokens[at] += made.tokens
	if err == nil {
		c.works, c.inARow = true, 0
	}
	return made.vector, err
}

// clean is a text as it is sent: valid, trimmed, cut.
func clean(text string, maxBytes int) string {
	text = cut(strings.TrimSpace(strings.ToValidUTF8(text, "\ufffd")), maxBytes)
	n := 0
	for i := range text {
		if n++; n > maxCharacters {
			text = text[:i]
			break
		}
	}
	return strings.TrimSpace(text)
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
