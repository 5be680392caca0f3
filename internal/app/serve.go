package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/internal/access"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/ingesthttp"
	"github.com/loglode/loglode/producers/tail"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// stopTimeout bounds how long requests in progress may take once loglode stops.
const stopTimeout = 10 * time.Second

// Run serves, follows files and indexes until ctx ends. ready is called with
// the address that is served.
//
// It stops in order: no new requests and no more reading, then the batches in
// progress, then the checkpoints. What is in the stream stays there.
func (a *App) Run(ctx context.Context, ready func(url string)) error {
	listener, err := a.listen()
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	if err := a.dir.SetURL(url); err != nil {
		return errors.Join(err, listener.Close())
	}
	handler, err := a.Handler()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	tailer, err := a.tailer()
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	// The sources end first, the consumer after them: what it has begun it
	// finishes.
	consuming, stopConsuming := context.WithCancel(context.WithoutCancel(ctx))
	defer stopConsuming()
	var consumers errgroup.Group
	consumers.Go(func() error { return a.consumer.Run(consuming) })
	consumers.Go(func() error { return a.maintain(consuming) })
	consumers.Go(func() error { return a.runLoops(consuming) })

	sources, ctx := errgroup.WithContext(ctx)
	sources.Go(func() error { return a.watchStream(ctx) })
	sources.Go(func() error { return a.serveHTTP(ctx, listener, handler) })
	if tailer != nil {
		sources.Go(func() error { return tailer.Run(ctx) })
	}
	ready(url)
	failed := sources.Wait()
	stopConsuming()
	failed = errors.Join(failed, consumers.Wait())
	if failed != nil && (!errors.Is(failed, context.Canceled) || errors.Is(failed, ErrStreamFailed)) {
		return failed
	}
	return nil
}

func (a *App) listen() (net.Listener, error) {
	tokens, err := a.tokens()
	if err != nil {
		return nil, err
	}
	address := a.cfg.Server.Listen
	if err := access.CheckListen(address, tokens); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("listen on %s: %w", address, err),
			"another program has this port: choose one with --listen 127.0.0.1:PORT, or stop the other one")
	}
	return listener, nil
}

func (a *App) tokens() (*access.Tokens, error) {
	if a.cfg.Server.TokensFile == "" {
		return nil, nil
	}
	return access.LoadTokens(a.cfg.Server.TokensFile)
}

func (a *App) serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	// Streams of lines (follow) have no end of their own: theirs is this
	// context's.
	base, endStreams := context.WithCancel(context.WithoutCancel(ctx))
	defer endStreams()
	server := &http.Server{
		Handler: handler, BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: a.cfg.Server.IdleTimeout.Std(), MaxHeaderBytes: 64 << 10,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		endStreams()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		stopped <- server.Shutdown(limited)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return <-stopped
}

// Handler is loglode's HTTP service, behind access control.
func (a *App) Handler() (http.Handler, error) {
	tokens, err := a.tokens()
	if err != nil {
		return nil, err
	}
	mux, err := a.mux()
	if err != nil {
		return nil, err
	}
	return access.NewGuard(tokens).Wrap(mux), nil
}

// LocalHandler is the service without access control, for the command line in
// this process: who can open the data directory can read it.
func (a *App) LocalHandler() (http.Handler, error) {
	mux, err := a.mux()
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(query.WithScopes(r.Context(), nil)))
	}), nil
}

func (a *App) mux() (*http.ServeMux, error) {
	mux := http.NewServeMux()
	rules, err := diagnose.NewTable(diagnose.Builtin()...)
	if err != nil {
		return nil, err
	}
	service := &query.Service{
		Reader: timedReader{a.days, a.metrics}, Now: a.now,
		Patterns: a.patterns, Document: a.document, Embedder: a.spaces.questions, Rules: rules, Log: a.log,
	}
	api := &query.API{
		Lines: service, Search: timedSearcher{service, a.metrics}, Asker: timedAsker{service, a.metrics},
		DeadLetters: deadLetterBox{a}, Status: a, Auditor: a, Indices: a, Reembedder: a, Log: a.log,
	}
	api.Register(mux)
	intake, err := a.intake(sourceHTTP, a.publisher())
	if err != nil {
		return nil, err
	}
	mux.Handle("POST /v1/ingest", timedBody(a.cfg.Server.ReadTimeout.Std(), ingesthttp.Handler(ingesthttp.Options{
		Intake: intake, Ledger: a.ledger, MaxBody: int64(a.cfg.Server.MaxBody), MaxDecoded: int64(a.cfg.Server.MaxBodyDecoded),
		MaxLine: int(a.cfg.Sources.Tail.MaxLine), Defaults: pipeline.Resource{Cluster: a.cfg.Cluster}, Grant: grantOf, Waiter: waiter{a}, TempDir: a.temp(),
	})))
	mux.HandleFunc("POST /v1/files", a.loadFile)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", a.metrics.Handler())
	return mux, nil
}

// timedBody bounds how long a client may take to send a body.
func timedBody(timeout time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A writer that knows no deadlines is the command line's own.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout))
		next.ServeHTTP(w, r)
	})
}

// ready answers whether lines are taken in: the stream answers and the disk has
// room.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	err := a.guard.Check()
	if err == nil {
		_, err = a.stream.Info(ctx)
	}
	if err != nil {
		query.WriteError(w, http.StatusServiceUnavailable, err.Error(), "")
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// tailer follows the configured files; nil when there are none.
func (a *App) tailer() (*tail.Tailer, error) {
	t := a.cfg.Sources.Tail
	if len(t.Globs) == 0 {
		return nil, nil
	}
	intake, err := a.intake(sourceTail, producers.NewPatient(a.publisher(), producers.PatientOptions{Logger: a.log}))
	if err != nil {
		return nil, err
	}
	return tail.New(tail.Options{
		Globs: t.Globs, Intake: intake, Ledger: a.ledger, State: a.catalogue, PollInterval: t.PollInterval.Std(),
		JoinIdle: t.JoinIdle.Std(), MaxLine: int(t.MaxLine), From: t.From, Logger: a.log, Observer: tailObserver{a},
		Defaults: pipeline.Resource{Cluster: a.cfg.Cluster},
	})
}
