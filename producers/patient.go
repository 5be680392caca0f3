package producers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/loglode/loglode/pipeline"
)

// PatientOptions configure Patient.
type PatientOptions struct {
	// First and Longest bound the wait between two attempts, which doubles from
	// one to the other. Defaults 100 ms and 5 s.
	First, Longest time.Duration
	// Logger is told when waiting begins, when its reason changes and when it
	// ends; never of each attempt.
	Logger *slog.Logger
}

// Patient is a Publisher that waits while another one says "try later", until
// ctx ends: the back-pressure of sources that can wait, files and tailers. HTTP
// cannot: its client waits.
type Patient struct {
	to Publisher
	o  PatientOptions
}

// NewPatient makes a Publisher over to.
func NewPatient(to Publisher, o PatientOptions) *Patient {
	if o.First <= 0 {
		o.First = 100 * time.Millisecond
	}
	if o.Longest <= 0 {
		o.Longest = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Patient{to: to, o: o}
}

// Publish implements Publisher. Its error wraps pipeline.ErrRejected, or ctx's
// error.
func (p *Patient) Publish(ctx context.Context, records []Outgoing) ([]pipeline.Position, error) {
	var waiting waiting
	for pause := p.o.First; ; pause = min(2*pause, p.o.Longest) {
		positions, err := p.to.Publish(ctx, records)
		switch {
		case err == nil:
			waiting.end(p.o.Logger)
			return positions, nil
		case errors.Is(err, pipeline.ErrRejected):
			return nil, err
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for the stream: %w", ctx.Err())
		}
		waiting.because(p.o.Logger, err)
		if !sleep(ctx, jitter(pause)) {
			return nil, fmt.Errorf("wait for the stream: %w (%w)", ctx.Err(), err)
		}
	}
}

// waiting logs the states of one Publish: that it waits and why, and for how
// long it did.
type waiting struct {
	since time.Time
	full  bool
}

func (w *waiting) because(log *slog.Logger, err error) {
	full := errors.Is(err, ErrFull)
	if !w.since.IsZero() && full == w.full {
		return
	}
	if w.since.IsZero() {
		w.since = time.Now()
	}
	w.full = full
	attrs := []any{"error", err}
	if hint := (*pipeline.HintError)(nil); errors.As(err, &hint) {
		attrs = append(attrs, "hint", hint.Hint)
	}
	log.Warn("the stream takes no records: waiting", attrs...)
}

func (w *waiting) end(log *slog.Logger) {
	if !w.since.IsZero() {
		log.Info("the stream takes records again", "waited", time.Since(w.since).Round(time.Millisecond))
	}
}

// jitter spreads retries of many sources: half to all of d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// sleep waits for d and says whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
