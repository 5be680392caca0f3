// Package app wires loglode's parts into one process, the same for every mode:
// `up` runs all of it, `ingest` loads files through it, and commands on a
// directory that nobody runs open it for the time of the command.
//
//	tail, http, files -> Intake -> stream -> consumer -> Indexer -> day files
//	                                                \-> dead letters  } catalogue
//	                       ledger, checkpoints, counts ------------->  }
//	                patterns without a vector -> loop -> vectors --->  }
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	jetstreamconsumer "github.com/loglode/loglode/consumers/jetstream"
	"github.com/loglode/loglode/indexing/sqlite"
	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/internal/datadir"
	"github.com/loglode/loglode/internal/jetstream"
	"github.com/loglode/loglode/internal/telemetry"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding"
	"github.com/loglode/loglode/pipeline/glossary"
	"github.com/loglode/loglode/pipeline/indexer"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/producers"
	jetstreamproducer "github.com/loglode/loglode/producers/jetstream"
)

// maxRecordDecoded bounds what one record of the stream may decode to, in
// bytes: foreign producers compress as well as they like.
const maxRecordDecoded = 64 << 20

// Options are what an App is made of.
type Options struct {
	Config *config.Config
	Logger *slog.Logger
	Now    func() time.Time
	// Patient opens while a cluster that holds the index is away: what comes waits
	// in the stream. Else that is an error.
	Patient bool
}

// App is the opened data directory with all that works on it.
type App struct {
	cfg     *config.Config
	log     *slog.Logger
	now     func() time.Time
	started time.Time
	patient bool // Options.Patient

	dir       *datadir.Dir
	guard     *datadir.Guard
	days      lineStore
	catalogue *sqlite.Catalogue
	patterns  patternStore
	spaces    spaces
	limiters  map[string]*embedding.Limiter // by provider
	glossary  *glossary.Glossary
	// embedded counts the documents that this process has embedded.
	embedded atomic.Int64
	// changing is held by who changes the spaces, one at a time.
	changing sync.Mutex
	// looping says that runLoops runs.
	looping  atomic.Bool
	stream   *jetstream.Stream
	toStream *jetstreamproducer.Publisher
	consumer *jetstreamconsumer.Consumer
	ledger   *producers.Ledger
	rules    indexer.Rules
	metrics  *telemetry.Metrics
	counts   *counts
	tracker  *tracker
	totals   map[string]*sourceTotals
	tailing  tailState
	// failed gets why the stream was given up by its server.
	failed chan string
	// trimming is held by who trims the stream, and by audits, which read it.
	trimming sync.RWMutex
}

// Open takes the data directory and opens everything in it. Nothing runs yet.
func Open(ctx context.Context, o Options) (_ *App, err error) {
	a := &App{cfg: o.Config, log: o.Logger, now: o.Now, patient: o.Patient, started: o.Now(), tracker: newTracker(), failed: make(chan string, 1), limiters: map[string]*embedding.Limiter{}, metrics: telemetry.NewMetrics(telemetry.Version())}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if a.glossary, err = openGlossary(a.cfg.Embedding.Glossary); err != nil {
		return nil, err
	}
	key, err := a.openData(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.openRules(key); err != nil {
		return nil, err
	}
	after, err := jetstreamconsumer.LastCheckpoint(ctx, a.catalogue)
	if err != nil {
		return nil, err
	}
	if a.stream, err = jetstream.Open(ctx, jetstream.Options{
		URL: a.cfg.Stream.NATSURL, CredentialsFile: a.cfg.Stream.NATSCredentials, Dir: a.dir.Stream(),
		Partitions: a.cfg.Stream.Partitions, MaxBytes: int64(a.cfg.Stream.MaxBytes), KeepBytes: int64(a.cfg.Stream.KeepBytes),
		Replicas: a.cfg.Stream.Replicas, After: after, Logger: a.log, Failed: a.streamFailed,
	}); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	if err := a.noteLoss(ctx, after); err != nil {
		return nil, err
	}
	a.toStream = jetstreamproducer.New(a.stream.JetStream, a.stream.Partitions, a.stream.Subject)
	if err := a.openConsumer(ctx); err != nil {
		return nil, err
	}
	a.ledger = producers.NewLedger(guardedState{a.catalogue, a.guard}, a.now)
	a.totals = map[string]*sourceTotals{sourceTail: {}, sourceHTTP: {}, sourceFile: {}}
	return a, nil
}

// openData opens the directory and its stores, and returns the deployment's key.
func (a *App) openData(ctx context.Context) (key []byte, err error) {
	if a.dir, err = datadir.Open(a.cfg.Data); err != nil {
		return nil, err
	}
	if key, err = a.dir.Key(a.cfg.Redaction.KeyFile); err != nil {
		return nil, err
	}
	if err := a.openTemp(); err != nil {
		return nil, err
	}
	a.guard = datadir.NewGuard(a.dir.Path(), int64(a.cfg.Disk.MinFree), datadir.Statfs)
	options := sqlite.Options{Dir: a.dir.Path(), Logger: a.log, View: normalise.View, CreatedBy: telemetry.Version().Version,
		Key: key, DeadLetterAge: a.cfg.DeadLetters.Retention.Std(), Now: a.now,
		ServicePatterns: a.cfg.Index.MaxServicePatterns, DayPatterns: a.cfg.Index.MaxPatterns, Masked: pattern.Masked, Document: a.document}
	if a.catalogue, err = sqlite.OpenCatalogue(ctx, options); err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	if err := a.openStore(ctx, options); err != nil {
		return nil, err
	}
	if err := a.openSpaces(ctx); err != nil {
		return nil, err
	}
	a.counts, err = loadCounts(ctx, a.catalogue)
	return key, err
}

// ErrStreamFailed says that the embedded stream takes no more records until it is
// opened again: a write has failed, most likely for want of space. What it
// acknowledged is safe.
var ErrStreamFailed = pipeline.WithHint(errors.New("the embedded stream has failed"), "free some space; nothing that was acknowledged is lost")

func (a *App) streamFailed(reason string) {
	select {
	case a.failed <- reason:
	default: // it is known
	}
}

// watchStream returns ErrStreamFailed when the stream is given up, nil when ctx
// ends.
func (a *App) watchStream(ctx context.Context) error {
	select {
	case reason := <-a.failed:
		return fmt.Errorf("%w: %s", ErrStreamFailed, reason)
	case <-ctx.Done():
		return nil
	}
}

// noteLoss counts records that the stream has lost at its end: it held them when
// their checkpoint was written.
func (a *App) noteLoss(ctx context.Context, checkpoint uint64) error {
	info, err := a.stream.Info(ctx)
	if err != nil {
		return err
	}
	if info.Last < checkpoint {
		// Noted at once: the consumer sets the checkpoints back next, and then
		// nothing tells of it any more.
		a.counts.add(countLost, "stream_damaged", int64(checkpoint-info.Last))
		a.log.Error("the stream has lost records at its end, by damage; what was not indexed of them is gone", "last", info.Last, "checkpoint", checkpoint)
		return a.counts.save(ctx)
	}
	return nil
}

// openTemp empties the folder of temporary files: bodies wait in it, raw, and
// one that was killed must not leave them behind.
func (a *App) openTemp() error {
	if err := os.RemoveAll(a.temp()); err != nil {
		return fmt.Errorf("empty temporary folder: %w", err)
	}
	if err := os.Mkdir(a.temp(), 0o700); err != nil {
		return fmt.Errorf("make temporary folder: %w", err)
	}
	return nil
}

func (a *App) temp() string { return filepath.Join(a.dir.Path(), "tmp") }

// openRules makes the redaction and drop rules that sources and consumer share.
func (a *App) openRules(key []byte) error {
	var own []redact.Rule
	for _, r := range a.cfg.Redaction.Rules {
		own = append(own, redact.Rule(r))
	}
	redactor, err := redact.New(redact.Options{Key: key, Rules: own, Disable: a.cfg.Redaction.Disable})
	if err != nil {
		return fmt.Errorf("redaction: %w", err)
	}
	rules := policy.Default()
	for _, r := range a.cfg.Drop {
		rules = append(rules, policy.Rule(r))
	}
	drop, err := policy.New(rules)
	if err != nil {
		return fmt.Errorf("drop: %w", err)
	}
	a.rules = indexer.Rules{
		Redactor: redactor, Policy: drop,
		Digest:    redactor.Digest() ^ uint32(xxh3.HashString(fmt.Sprintf("%q", rules))),
		Retention: a.cfg.Index.Retention.Std(), MaxRecord: maxRecordDecoded, MaxLine: int(a.cfg.Sources.Tail.MaxLine),
	}
	return nil
}

func (a *App) openConsumer(ctx context.Context) error {
	observe := &observer{metrics: a.metrics, counts: a.counts, tracker: a.tracker}
	half := a.guard.Half()
	handler, err := indexer.New(indexer.Options{
		Index:       guardedIndex{a.days, half},
		DeadLetters: guardedLetters{a.catalogue, half}, Rules: a.rules, Observer: observe, Now: a.now, BatchEntries: a.cfg.Index.BatchEntries,
	})
	if err != nil {
		return fmt.Errorf("make indexer: %w", err)
	}
	a.consumer, err = jetstreamconsumer.New(ctx, jetstreamconsumer.Options{
		JetStream: a.stream.JetStream, StreamName: a.stream.Name(), Partitions: a.stream.Partitions, Subject: a.stream.Subject,
		Handler: timedHandler{handler, a.metrics}, State: a.catalogue, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("open consumer: %w", err)
	}
	return nil
}

// The names that lines are counted under.
const (
	sourceTail = "tail"
	sourceHTTP = "http"
	sourceFile = "file"
)

// publisher refuses records before the disk fills. All sources share it.
func (a *App) publisher() producers.Publisher { return guardedPublisher{a.toStream, a.guard} }

// intake is what a source puts its entries into.
func (a *App) intake(source string, publisher producers.Publisher) (*producers.Intake, error) {
	intake, err := producers.NewIntake(producers.Options{
		Publisher: publisher, Redactor: a.rules.Redactor, Policy: a.rules.Policy, Digest: a.rules.Digest,
		DeadLetters: guardedLetters{a.catalogue, a.guard}, Now: a.now, RecordBytes: int(a.cfg.Stream.RecordBytes),
		Observer: &observer{metrics: a.metrics, counts: a.counts, tracker: a.tracker, source: source, totals: a.totals[source]},
	})
	if err != nil {
		return nil, fmt.Errorf("make intake: %w", err)
	}
	return intake, nil
}

// Close writes what is left to write and lets go of the data directory.
func (a *App) Close() error {
	var errs []error
	if a.stream != nil {
		a.stream.Close()
	}
	if a.counts != nil {
		errs = append(errs, a.counts.save(context.Background()))
	}
	if a.days != nil {
		errs = append(errs, a.days.Close())
	}
	if a.catalogue != nil {
		errs = append(errs, a.catalogue.Close())
	}
	if a.dir != nil {
		errs = append(errs, a.dir.Close())
	}
	return errors.Join(errs...)
}
