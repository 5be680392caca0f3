// Package opensearch is the store for clusters: OpenSearch with k-NN, reached
// over HTTP.
//
//	Write -> documents -> by alias <service>-<day> -> bulk create, by ID
//	      |                  |                          created, exists, rejected, later
//	      |                  +-> placement: which physical index, decided once
//	      +-> patterns of new lines -> <prefix>loglode-patterns, one document each
//
//	Lines  -> alias of all days -> search_after by time and place; BM25 by script
//	Groups -> composite aggregation over lines
//	Candidates -> one _msearch: terms, k-NN
//	Follow -> by sequence number of each index, up to its checkpoint
//
// Names, all behind Options.Prefix:
//
//	cart-2021-08-03                  alias, filtered by service: what is written
//	loglode-pack-2021-08-03-000001   index that small services share
//	cart-2021-08-03-000001           index of a service of its own
//	loglode-lines                    alias of all of them: what is read
//	loglode-sealed                   alias of those that are closed to writes
//	loglode-patterns                 alias of ..-000001: pattern documents and their vectors
//	loglode-vectors                  alias of ..-000001: vectors by content and model
//	loglode-placement                alias of ..-000001: where a service's day lies
package opensearch

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	osgo "github.com/opensearch-project/opensearch-go/v4"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
	"github.com/loglode/loglode/pipeline/embedding"
)

const (
	// maxRaw is the largest text of an entry, in bytes.
	maxRaw = 4 << 20
	// maxLimit is the largest page: OpenSearch's own max_result_window.
	maxLimit     = 10_000
	defaultLimit = 100
)

// View derives an entry's message and attributes from its kind and raw text.
// ref is the collector's time in Unix ns, or the entry's where there is none:
// what times without a year are read against.
type View func(kind pipeline.Kind, raw string, ref int64) (message string, attributes []pipeline.Attribute)

// Options say where a store is and what it needs from outside.
type Options struct {
	// Addresses are URLs of nodes, at least one.
	Addresses []string
	// Username and Password are for basic authentication; empty for none.
	Username, Password string
	// Region, of AWS, has requests signed with the credentials of the environment
	// (Amazon OpenSearch Service); empty for no signature.
	Region string
	// CACert is a PEM file's content: the authorities that are trusted instead of
	// the system's.
	CACert []byte
	// Prefix stands before every name, so that several loglodes can share a
	// cluster: "prod-".
	Prefix string
	// Own says which services have indices of their own; nil: none, all share.
	Own func(service string) bool
	// Replicas is the number of replicas of new indices.
	Replicas int
	// Timeout bounds one request; 0 is a minute.
	Timeout time.Duration
	// Body is about how large a bulk request's body is before it is compressed, in
	// bytes; 0 is 8 MiB.
	Body int
	// Logger may be nil.
	Logger *slog.Logger
	// View may be nil: then the message is the raw text.
	View View
	// Masked says which of an entry's words its template masks, for the document
	// that it makes; nil keeps none.
	Masked func(*pipeline.Entry) string
	// Document says what of a pattern is ranked and embedded; nil takes the template
	// and the service as they are.
	Document func(template, service, masked string) embedding.Document
	// ServicePatterns is how many new patterns of one service and day one process
	// stores; 0 for 10,000. Lines of further ones are stored without.
	ServicePatterns int
	// DayPatterns is the same for all services; 0 for 200,000.
	DayPatterns int
	// AcceptDuplicates writes without document IDs, for collections of OpenSearch
	// Serverless that refuse them: what is written again is there twice.
	AcceptDuplicates bool
	// Patient has Open succeed while the cluster is away.
	Patient bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Transport carries the requests; nil is one of its own.
	Transport http.RoundTripper
}

// patientOpen is how long a patient Open waits for the cluster.
const patientOpen = 5 * time.Second

// Store is the index of lines and patterns. It implements pipeline.Index,
// pipeline.LineReader, pipeline.PatternReader and embedding.Store, and is safe
// for use from several goroutines.
type Store struct {
	o         Options
	names     names
	client    *client
	log       *slog.Logger
	analysers sync.Pool
	placement *placement
	gates     *gates
	patterns  *knownPatterns
	models    *models
	largest   largest
	templates templates
	// preparing is held while what every store needs is made; prepared says that it
	// is there.
	preparing sync.Mutex
	prepared  atomic.Bool
	// stamp is the time of the newest Write, Unix ns: it grows with every call.
	stamp atomic.Int64
}

var (
	_ pipeline.Index         = (*Store)(nil)
	_ pipeline.LineReader    = (*Store)(nil)
	_ pipeline.PatternReader = (*Store)(nil)
	_ embedding.Store        = (*Store)(nil)
)

// Open reaches a cluster and makes what every store needs there. Where the cluster
// is away, that is an error that wraps pipeline.ErrTryLater, or is done later if
// the options are patient.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := checkAddresses(o); err != nil {
		return nil, fmt.Errorf("open OpenSearch: %w", err)
	}
	o = withDefaults(o)
	signer, err := newSigner(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("open OpenSearch: %w", err)
	}
	c, err := osgo.NewClient(osgo.Config{
		Addresses: o.Addresses, Username: o.Username, Password: o.Password, CACert: o.CACert, Transport: o.Transport, Signer: signer,
		DisableRetry: true, RequestTimeout: o.Timeout, HealthCheckMaxRetries: -1,
	})
	if err != nil {
		return nil, fmt.Errorf("open OpenSearch: %w", err)
	}
	s := &Store{o: o, names: names{o.Prefix}, client: &client{c, firstWait, o.Logger}, log: o.Logger, gates: newGates(), patterns: newKnownPatterns(o.ServicePatterns, o.DayPatterns, o.Now)}
	s.analysers.New = func() any { return analysis.New() }
	if o.AcceptDuplicates {
		s.log.Warn("documents are written without IDs (opensearch.accept_duplicates): what is written again is there twice")
	}
	s.placement = newPlacement(s.client, s.names, o)
	s.models = &models{client: s.client, index: first(s.names.patterns())}
	opening, cancel := ctx, context.CancelFunc(func() {})
	if o.Patient { // what is not ready by then, the first Write makes ready
		opening, cancel = context.WithTimeout(ctx, patientOpen)
	}
	defer cancel()
	switch err := s.ready(opening); {
	case err == nil:
	case passes(err) && o.Patient && ctx.Err() == nil:
		s.log.Warn("OpenSearch is away; what comes waits in the stream", "error", err)
	case passes(err):
		return nil, pipeline.WithHint(fmt.Errorf("open OpenSearch: %w", err), "is it running at opensearch.urls? loglode up starts without it, and waits")
	default:
		return nil, fmt.Errorf("open OpenSearch: %w", err)
	}
	return s, nil
}

func withDefaults(o Options) Options {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Body == 0 {
		o.Body = 8 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.View == nil {
		o.View = func(_ pipeline.Kind, raw string, _ int64) (string, []pipeline.Attribute) { return raw, nil }
	}
	if o.Masked == nil {
		o.Masked = func(*pipeline.Entry) string { return "" }
	}
	if o.Document == nil {
		o.Document = func(template, service, masked string) embedding.Document {
			return embedding.Document{Text: template, Context: service, Masked: masked}
		}
	}
	if o.Own == nil {
		o.Own = func(string) bool { return false }
	}
	if o.ServicePatterns == 0 {
		o.ServicePatterns = 10_000
	}
	if o.DayPatterns == 0 {
		o.DayPatterns = 200_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// ready makes what every store needs, unless that is done.
func (s *Store) ready(ctx context.Context) error {
	if s.prepared.Load() {
		return nil
	}
	s.preparing.Lock()
	defer s.preparing.Unlock()
	if s.prepared.Load() {
		return nil
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.prepared.Store(true)
	return nil
}

// noticed has what every store needs be made again, and the patterns that are
// known be looked for again, when an error says that an index is gone.
func (s *Store) noticed(err error) error {
	if is(err, http.StatusNotFound) {
		s.prepared.Store(false)
		s.patterns.forget()
		s.models.forget()
	}
	return err
}

// prepare makes the indices that do not belong to a day.
func (s *Store) prepare(ctx context.Context) error {
	var aliases []any
	for _, index := range []struct {
		alias, kind string
		body        func(ownMark, int) string
	}{
		{s.names.placement(), kindPlacement, placementIndex},
		{s.names.patterns(), kindPatterns, patternsIndex},
		{s.names.vectors(), kindVectors, vectorsIndex},
	} {
		mark := s.names.mark(index.kind)
		if err := s.client.createIndex(ctx, first(index.alias), mark, index.body(mark, s.o.Replicas)); err != nil {
			return err
		}
		aliases = append(aliases, map[string]any{"add": map[string]any{"index": first(index.alias), "alias": index.alias}})
	}
	if err := s.client.call(ctx, http.MethodPost, "/_aliases", map[string]any{"actions": aliases}, nil); err != nil {
		return err
	}
	return s.models.check(ctx)
}

// Close frees connections. What was written is durable without it.
func (s *Store) Close() error { return nil }

// nextStamp is the time of a Write, later than that of any before.
func (s *Store) nextStamp() int64 {
	for {
		last := s.stamp.Load()
		next := max(last+1, s.o.Now().UnixNano())
		if s.stamp.CompareAndSwap(last, next) {
			return next
		}
	}
}

// analyser lends an analyser, to be given back.
func (s *Store) analyser() (a *analysis.Analyser, giveBack func()) {
	a = s.analysers.Get().(*analysis.Analyser)
	return a, func() { s.analysers.Put(a) }
}
