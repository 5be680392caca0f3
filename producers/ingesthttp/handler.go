// Package ingesthttp takes log lines over HTTP: POST /v1/ingest, which Fluent
// Bit's http output and any script can send to.
//
//	body -> spool -> decode once: is all of it good? -> decode again -> collect.Collector -> producers.Batch
//	                         |                                                      |
//	         identity: what is sent again is the same unit          answer: all of it is durable
package ingesthttp

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/pipeline/parse"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file/feed"
)

// ReasonForbidden is why an entry is rejected that a token may not send.
const ReasonForbidden = "forbidden_namespace"

// Grant is what the bearer of a request may send.
type Grant struct {
	// Cluster, if set, is that of all entries, whatever they say.
	Cluster string
	// Namespaces, if any, are the only ones whose entries are taken.
	Namespaces []string
}

// Outcomes say what became of published entries.
type Outcomes struct{ Indexed, Duplicates, Rejected, Dropped int64 }

// Waiter waits until the records at some positions are indexed.
type Waiter interface {
	Wait(ctx context.Context, positions []pipeline.Position) (Outcomes, error)
}

// Options configure a Handler. Intake, Ledger, Grant and Waiter are required.
type Options struct {
	// Intake's Publisher must not wait while the stream is full: the client
	// does.
	Intake *producers.Intake
	Ledger *producers.Ledger
	// Grant says what a request may send.
	Grant  func(context.Context) Grant
	Waiter Waiter
	// Defaults fill what entries and parameters leave empty.
	Defaults pipeline.Resource
	// MaxBody and MaxDecoded bound a body as it is sent and after
	// decompression, MaxLine a line of it, in bytes. Defaults 16 MiB, 64 MiB,
	// 1 MiB.
	MaxBody, MaxDecoded int64
	MaxLine             int
	// MaxRequests bounds the requests that are worked on at once; more are
	// answered 429. Most of them only wait for their bodies: a slow client holds
	// up nobody. Default 256.
	MaxRequests int
	// TempDir is where large bodies wait while they are read. Default the
	// system's.
	TempDir string
}

type handler struct {
	o     Options
	slots chan struct{}
	// working holds those that decode and publish; the others wait with their
	// body spooled.
	working chan struct{}
}

// Handler serves POST /v1/ingest.
//
// The body is JSON records (an array, lines, or one after the other), or lines
// of text, each in any shape that collect knows; it may be compressed by gzip or
// zstd (Content-Encoding). Parameters: cluster, namespace, pod, container, node
// and label (key=value, repeated) fill what entries leave empty; wait=indexed
// answers only when all is indexed.
//
// The same body is the same entries: one that is sent again adds nothing, unless
// the header Idempotency-Key differs.
//
// 200 says that all of it is durable; the answer counts. 400, 413 and 415 say
// that nothing of it was taken, and why. 429 and 503 ask to send it again, after
// Retry-After seconds.
func Handler(o Options) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 16 << 20
	}
	if o.MaxDecoded <= 0 {
		o.MaxDecoded = 64 << 20
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.MaxRequests <= 0 {
		o.MaxRequests = 256
	}
	return &handler{o: o, slots: make(chan struct{}, o.MaxRequests), working: make(chan struct{}, maxWorking)}
}

// answer is what a request is told. Its keys are those of loglode ingest.
type answer struct {
	Lines      int64  `json:"lines"`
	Entries    int64  `json:"entries"`
	Published  int64  `json:"published"`
	Dropped    int64  `json:"dropped"`
	Rejected   int64  `json:"rejected"`
	Redacted   int64  `json:"redacted"`
	Bytes      int64  `json:"bytes"`
	Indexed    *int64 `json:"indexed,omitempty"`
	Duplicates *int64 `json:"duplicates,omitempty"`
}

// problem is a request that is not taken.
type problem struct {
	status     int
	text, hint string
}

func (p *problem) Error() string { return p.text }

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		refuse(w, &problem{http.StatusTooManyRequests, "too many requests at once", "send again after a second"})
		return
	}
	result, err := h.ingest(r)
	if err != nil {
		refuse(w, describe(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(result) // the client is gone: what it sent is durable
}

func refuse(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/json")
	if p.status == http.StatusTooManyRequests || p.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": p.text, "hint": p.hint})
}

// describe sorts an error into an answer.
func describe(err error) *problem {
	var p *problem
	var corrupt *feed.CorruptError
	var syntax *feed.SyntaxError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &corrupt), errors.As(err, &syntax):
		return &problem{http.StatusBadRequest, err.Error(), "nothing of this body was taken; see Content-Encoding and the body's end"}
	case errors.Is(err, producers.ErrFull):
		return &problem{http.StatusTooManyRequests, "the stream is full: the index is behind", "send it again, the same bytes: nothing is doubled"}
	case errors.Is(err, pipeline.ErrTryLater):
		return &problem{http.StatusServiceUnavailable, err.Error(), "send it again, the same bytes: nothing is doubled"}
	case errors.Is(err, pipeline.ErrRejected):
		return &problem{http.StatusBadRequest, err.Error(), ""}
	case errors.Is(err, context.Canceled):
		return &problem{http.StatusServiceUnavailable, "interrupted", "send it again, the same bytes: nothing is doubled"}
	}
	return &problem{http.StatusServiceUnavailable, "internal error", "see loglode's log, and send it again"}
}

func (h *handler) ingest(r *http.Request) (*answer, error) {
	params, err := readParameters(r)
	if err != nil {
		return nil, err
	}
	grant := h.o.Grant(r.Context())
	defaults := params.defaults(h.o.Defaults, grant)
	body, err := h.spool(r, scopeOf(defaults, grant))
	if err != nil {
		return nil, err
	}
	defer body.close()
	receipt, err := h.work(r.Context(), body, defaults, grant)
	if err != nil {
		return nil, err
	}
	result := &answer{Lines: receipt.Lines, Entries: receipt.Entries, Published: receipt.Published, Bytes: receipt.Bytes,
		Dropped: sum(receipt.Dropped), Rejected: sum(receipt.Rejected), Redacted: sum(receipt.Redacted)}
	if result.Entries > 0 && receipt.Rejected[ReasonForbidden] == result.Entries {
		return nil, &problem{http.StatusForbidden, "this token may not send entries of these namespaces", "they are counted, and the first of them are dead letters"}
	}
	if !params.wait {
		return result, nil
	}
	outcomes, err := h.o.Waiter.Wait(r.Context(), receipt.Positions)
	if err != nil {
		return nil, fmt.Errorf("wait until it is indexed: %w", err)
	}
	result.Indexed, result.Duplicates = &outcomes.Indexed, &outcomes.Duplicates
	result.Rejected += outcomes.Rejected
	result.Dropped += outcomes.Dropped
	return result, nil
}

func sum(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// maxWorking bounds how many bodies are decoded and published at once.
const maxWorking = 4

// work checks and loads a body when its turn has come.
func (h *handler) work(ctx context.Context, b *body, defaults pipeline.Resource, grant Grant) (producers.Receipt, error) {
	select {
	case h.working <- struct{}{}:
		defer func() { <-h.working }()
	case <-ctx.Done():
		return producers.Receipt{}, ctx.Err()
	}
	if err := h.check(b); err != nil {
		return producers.Receipt{}, err
	}
	return h.load(ctx, b, defaults, grant)
}

// check decodes the whole body once, so that a faulty one is refused before any
// of it is published. Only an array says that it is JSON as a whole: what else
// looks like JSON and is not is lines.
func (h *handler) check(b *body) error {
	nothing := func([]byte, int64, int64, bool) error { return nil }
	decoded := sha256.New()
	err := h.decode(b, decoded, nothing)
	var syntax *feed.SyntaxError
	if errors.As(err, &syntax) && b.shape != feed.ShapeArray {
		b.text = true
		decoded.Reset()
		err = h.decode(b, decoded, nothing)
	}
	b.identify(decoded)
	return err
}

// load collects and publishes the body as one unit.
func (h *handler) load(ctx context.Context, b *body, defaults pipeline.Resource, grant Grant) (producers.Receipt, error) {
	unit, err := h.o.Ledger.Unit(ctx, b.identity)
	if err != nil {
		return producers.Receipt{}, err
	}
	defer unit.Close()
	batch := h.o.Intake.Batch(unit.Read(), unit)
	limit := &limit{Grant: grant, forced: map[*pipeline.Resource]*pipeline.Resource{}}
	c := collect.New(collect.Options{
		Defaults: defaults, MaxLine: h.o.MaxLine, Read: unit.Read(), Numbers: unit.Numbers(),
		Emit: func(e *collect.Entry) error {
			limit.restrict(e)
			return batch.Add(ctx, b.identity, e)
		},
	})
	err = h.decode(b, io.Discard, func(line []byte, start, end int64, long bool) error {
		batch.AddBytes(end - start)
		if long {
			return c.TooLong(line, start, end)
		}
		return c.Line(line, start, end)
	})
	if err != nil {
		return producers.Receipt{}, err
	}
	if err := c.Flush(); err != nil {
		return producers.Receipt{}, err
	}
	return batch.Commit(ctx)
}

// limit holds the entries of a request to what its token may send.
type limit struct {
	Grant
	// forced are resources with the token's cluster, by the ones that were
	// sent: what caches by a resource's address must find the same one again.
	forced map[*pipeline.Resource]*pipeline.Resource
}

// restrict replaces the cluster of an entry, and rejects one of another
// namespace.
func (l *limit) restrict(e *collect.Entry) {
	if e.Rejected != "" {
		return
	}
	if l.Cluster != "" && e.Resource.Cluster != l.Cluster {
		e.Resource = l.force(e.Resource)
	}
	if len(l.Namespaces) > 0 && !slices.Contains(l.Namespaces, namespaceOf(e)) {
		e.Rejected = ReasonForbidden
		e.Message = strings.ToValidUTF8(e.Message[:min(len(e.Message), feed.HeadBytes)], "")
	}
}

func (l *limit) force(res *pipeline.Resource) *pipeline.Resource {
	forced := l.forced[res]
	if forced == nil {
		changed := *res
		changed.Cluster = l.Cluster
		forced = &changed
		l.forced[res] = forced
	}
	return forced
}

// namespaceOf is the namespace that an entry will be found under: an event's
// stands in its text.
func namespaceOf(e *collect.Entry) string {
	if e.Kind != pipeline.KindEvent {
		return e.Resource.Namespace
	}
	var event parse.EventFields
	if err := parse.Event(e.Message, &event); err != nil {
		return ""
	}
	return event.Namespace
}

// decode calls fn for each line or element of the body, and writes what was
// decoded to also. long says that only the head of a line was kept.
func (h *handler) decode(b *body, also io.Writer, fn func(line []byte, start, end int64, long bool) error) error {
	raw, err := b.open()
	if err != nil {
		return err
	}
	decoded, closeDecoder, err := decompress(raw, b.encoding)
	if err != nil {
		return err
	}
	defer closeDecoder()
	limited := io.TeeReader(&bounded{r: decoded, left: h.o.MaxDecoded, limit: h.o.MaxDecoded}, also)
	head := make([]byte, feed.SniffBytes)
	n, err := io.ReadFull(limited, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	// A decoder's own ErrUnexpectedEOF comes again with the next read.
	all := io.MultiReader(strings.NewReader(string(head[:n])), limited)
	b.shape = feed.Sniff(head[:n])
	if !b.text && b.shape != feed.ShapeLines {
		return feed.Elements(all, func(elem []byte, start, end int64) error { return fn(elem, start, end, false) })
	}
	for lines := feed.NewLines(all, 0, h.o.MaxLine); ; {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(line.Data, line.Start, line.End, line.Long); err != nil {
			return err
		}
	}
}
