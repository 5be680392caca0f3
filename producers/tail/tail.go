// Package tail follows growing files.
//
//	globs -> files (by inode) -> a turn: new lines of all files, bounded
//	                               |
//	                collect, number, State.Put(marks of all files) -> publish
//
// Each generation of a file has a durable mark, which is written before its
// lines are published: the byte range of its last batch, when it was read and
// what its numbers began from. After a crash that batch is read again and
// published again, with the same IDs, and reading goes on behind it. So nothing
// is lost that the file still holds, and nothing is doubled.
//
// What a batch holds depends only on the bytes of its range. Lines that are
// held back because they may be joined with lines to come are not in it, nor is
// anything behind them: the next turn reads them again.
package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file/feed"
)

// Where to begin in the files that are there at the very first start. Files
// that come later are read from their beginning.
const (
	Beginning = "beginning"
	End       = "end"
)

// ReasonRotated and the others are why lines were lost before they were read.
const (
	// ReasonRotated: rotated while loglode was down, and compressed or deleted.
	ReasonRotated = "rotated_while_down"
	// ReasonTruncated: truncated while loglode was down.
	ReasonTruncated = "truncated_while_down"
	// ReasonDeleted: deleted while loglode ran and had it not open.
	ReasonDeleted = "deleted"
)

// Observer is told the state of tailing, for metrics.
type Observer interface {
	TailFiles(n int)
	// TailLag is told how many bytes of all files are not yet in the stream.
	TailLag(bytes int64)
	// Lost is told of a file of which something was lost before it was read.
	Lost(reason string)
}

// Options configure a Tailer. Globs, Intake, Ledger and State are required.
type Options struct {
	Globs []string
	// Intake's Publisher should wait where it can: see producers.Patient.
	Intake *producers.Intake
	Ledger *producers.Ledger
	// State is the Ledger's.
	State    pipeline.State
	Defaults pipeline.Resource
	Kind     pipeline.Kind
	Format   collect.Format
	// PollInterval is how often files are looked at. Default 250 ms.
	PollInterval time.Duration
	// ScanInterval is how often the globs are expanded. Default 1 s.
	ScanInterval time.Duration
	// JoinIdle is how long a line that may be joined with later ones waits for
	// them. Default 1 s.
	JoinIdle time.Duration
	// RotateWait is how long a file that was renamed, replaced or deleted must be
	// quiet before it is given up: its writer may be slow to notice. Default 10 s.
	RotateWait time.Duration
	// MaxLine bounds a line, bytes. Default 1 MiB.
	MaxLine int
	// TurnBytes bounds what one turn reads of all files. Default 2 MiB.
	TurnBytes int
	// MaxOpen bounds the files that are held open. Default 512.
	MaxOpen int
	// From is Beginning (the default) or End.
	From     string
	Logger   *slog.Logger
	Observer Observer
	Now      func() time.Time
}

// Tailer follows files. Its methods must not be called at once.
type Tailer struct {
	o       Options
	globs   []glob
	files   []*file // in the order in which they were found
	byInode map[inode]*file
	// successors is the last generation of a path that was found after a
	// restart: the path's file waits for it.
	successors map[string]*file

	started bool
	turn    *turn // whose entries may not have been published
	forget  []pipeline.StateItem
	last    map[collect.Key]collect.Mark // the furthest mark of any file, bounded
	paths   []string
	scanned time.Time
	turns   int
	buf     []byte
	lines   *feed.Lines
	opens   int64
	warned  map[string]bool
}

// New checks the options. A glob that is not one is an error, one that matches
// nothing is none.
func New(o Options) (*Tailer, error) {
	t := &Tailer{o: o, byInode: map[inode]*file{}, last: map[collect.Key]collect.Mark{}, successors: map[string]*file{}, warned: map[string]bool{}}
	var faults []error
	for _, pattern := range o.Globs {
		g, err := parseGlob(pattern)
		faults = append(faults, err)
		t.globs = append(t.globs, g)
	}
	switch o.From {
	case "", Beginning, End:
	default:
		faults = append(faults, pipeline.WithHint(fmt.Errorf("tail from %q", o.From), "give beginning or end"))
	}
	orDefault(&t.o.PollInterval, 250*time.Millisecond)
	orDefault(&t.o.ScanInterval, time.Second)
	orDefault(&t.o.JoinIdle, time.Second)
	orDefault(&t.o.RotateWait, 10*time.Second)
	orDefault(&t.o.MaxLine, 1<<20)
	orDefault(&t.o.TurnBytes, 2<<20)
	orDefault(&t.o.MaxOpen, 512)
	if t.o.Logger == nil {
		t.o.Logger = slog.New(slog.DiscardHandler)
	}
	if t.o.Observer == nil {
		t.o.Observer = noObserver{}
	}
	if t.o.Now == nil {
		t.o.Now = time.Now
	}
	t.lines = feed.NewLines(nil, 0, t.o.MaxLine)
	return t, errors.Join(faults...)
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

type noObserver struct{}

func (noObserver) TailFiles(int) {}
func (noObserver) TailLag(int64) {}
func (noObserver) Lost(string)   {}

// retryWait is how long Run waits after a failed step.
const retryWait = time.Second

// Run tails until ctx ends, whose error it then returns. A step that fails is
// done again; its error is logged when it changes.
func (t *Tailer) Run(ctx context.Context) error {
	defer t.close()
	var last string
	for {
		more, err := t.Step(ctx)
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), t.settle(ctx))
		}
		wait := t.o.PollInterval
		switch {
		case err != nil && err.Error() != last:
			last = err.Error()
			t.o.Logger.Error("tailing failed; trying again", "error", err)
			wait = retryWait
		case err != nil:
			wait = retryWait
		case last != "":
			last = ""
			t.o.Logger.Info("tailing goes on")
		}
		if more && err == nil {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), t.settle(ctx))
		}
	}
}

// Step does one turn: it finds files, reads what is new, a bounded amount, and
// returns when that is in the stream. more says that there is more to read
// right now.
//
// After an error the next Step publishes the same entries again before it reads
// anything else.
func (t *Tailer) Step(ctx context.Context) (more bool, err error) {
	if !t.started {
		if err := t.start(ctx); err != nil {
			return false, fmt.Errorf("begin to tail: %w", err)
		}
		t.started = true
	}
	for _, f := range slices.Clone(t.files) {
		if f.again {
			if err := t.catchUp(ctx, f); err != nil {
				return false, err
			}
		}
	}
	if t.turn != nil {
		if err := t.publish(ctx, t.turn); err != nil {
			return false, err
		}
	}
	t.look()
	next, more, err := t.read(ctx)
	if err != nil {
		return false, err
	}
	if len(next.pieces) > 0 || len(next.forget) > 0 {
		t.turn = next
		if err := t.publish(ctx, next); err != nil {
			return false, err
		}
	}
	t.report()
	return more, nil
}

func (t *Tailer) report() {
	var lag int64
	for _, f := range t.files {
		lag += max(0, f.size-f.mark.End)
	}
	t.o.Observer.TailFiles(len(t.files))
	t.o.Observer.TailLag(lag)
}

// settle notes that the last batches are published, so that a clean stop is not
// followed by repeats. Without it nothing is lost.
func (t *Tailer) settle(ctx context.Context) error {
	if t.turn != nil {
		return nil
	}
	var items []pipeline.StateItem
	for _, f := range t.files {
		if f.again || f.mark.Start == f.mark.End {
			continue
		}
		settled := f.mark
		settled.Start, settled.Bases = settled.End, nil
		item, err := settled.item()
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := t.o.State.Put(limited, items); err != nil {
		return fmt.Errorf("settle tailed files: %w", err)
	}
	return nil
}

// close lets go of all files.
func (t *Tailer) close() {
	for _, f := range t.files {
		f.close()
	}
}

// warnOnce logs a fault that is likely to last.
func (t *Tailer) warnOnce(key, message string, attrs ...any) {
	if !t.warned[key] {
		t.warned[key] = true
		t.o.Logger.Warn(message, attrs...)
	}
}
