package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/file"
)

// Summary is what `loglode ingest` prints when it is done.
type Summary struct {
	Lines      int64 `json:"lines"`
	Entries    int64 `json:"entries"`
	Indexed    int64 `json:"indexed"`
	Duplicates int64 `json:"duplicates"`
	Rejected   int64 `json:"rejected"`
	Dropped    int64 `json:"dropped"`
	Redacted   int64 `json:"redacted"`
	// Patterns is how many pattern documents are new, Embedded how many got a
	// vector meanwhile.
	Patterns int64   `json:"patterns"`
	Embedded int64   `json:"embedded"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
}

// add adds what one file came to.
func (s *Summary) add(r producers.Receipt, indexed, duplicates, rejected, dropped int) {
	s.Lines += r.Lines
	s.Entries += r.Entries
	s.Bytes += r.Bytes
	s.Indexed += int64(indexed)
	s.Duplicates += int64(duplicates)
	s.Rejected += int64(rejected) + total(r.Rejected)
	s.Dropped += int64(dropped) + total(r.Dropped)
	s.Redacted += total(r.Redacted)
}

// Add adds another summary, except its time.
func (s *Summary) Add(o Summary) {
	s.Lines += o.Lines
	s.Entries += o.Entries
	s.Indexed += o.Indexed
	s.Duplicates += o.Duplicates
	s.Rejected += o.Rejected
	s.Dropped += o.Dropped
	s.Redacted += o.Redacted
	s.Patterns += o.Patterns
	s.Embedded += o.Embedded
	s.Bytes += o.Bytes
}

func total(counts map[string]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// IngestRequest says what to load.
type IngestRequest struct {
	// Paths of files; "-" is Stdin.
	Paths []string
	Stdin io.Reader
	// Binary says what becomes of files that look binary.
	Binary file.Binary
	// Defaults fill what lines do not say of their writer.
	Defaults pipeline.Resource
	// Progress is told how many bytes of a file have been read, of how many (0
	// when unknown).
	Progress func(path string, read, total int64)
}

// Ingest loads files through the same path that all lines take and returns when
// all of it is indexed. An error of one file does not keep the others from
// being loaded; the summary counts what was.
func (a *App) Ingest(ctx context.Context, r IngestRequest) (Summary, error) {
	start := a.now()
	running, stop := context.WithCancel(ctx)
	group, running := errgroup.WithContext(running)
	group.Go(func() error { return a.consumer.Run(running) })
	group.Go(func() error { return a.maintain(running) })
	group.Go(func() error { return a.watchStream(running) })

	var summary Summary
	var failed []error
	before, err := a.countPatterns(ctx)
	failed = append(failed, err)
	for _, path := range r.Paths {
		loader, err := a.loader(file.Options{Defaults: r.Defaults, Stdin: r.Stdin, Binary: r.Binary, Progress: func(read, total int64) { r.Progress(path, read, total) }})
		if err == nil {
			err = a.load(running, loader, path, &summary)
		}
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	failed = append(failed, a.finishPatterns(ctx, before, &summary))
	stop()
	failed = append(failed, group.Wait())
	summary.Seconds = a.now().Sub(start).Round(time.Millisecond).Seconds()
	if ctx.Err() != nil {
		return summary, ctx.Err()
	}
	return summary, errors.Join(failed...)
}

// patternsBefore is what finishPatterns measures against.
type patternsBefore struct{ documents, embedded int64 }

func (a *App) countPatterns(ctx context.Context) (patternsBefore, error) {
	total, _, err := a.patternCounts(ctx)
	return patternsBefore{total, a.embedded.Load()}, err
}

// finishPatterns gives what was loaded its vectors, and counts. What others load
// at the same time is counted with it.
func (a *App) finishPatterns(ctx context.Context, before patternsBefore, summary *Summary) error {
	if ctx.Err() != nil {
		return nil // the load was interrupted: the next loglode goes on
	}
	if err := a.embedRest(ctx); err != nil {
		return nil
	}
	after, err := a.countPatterns(ctx)
	summary.Patterns = max(after.documents-before.documents, 0)
	summary.Embedded = after.embedded - before.embedded
	return err
}

// While indexes what the stream holds while fn runs. fn starts when all of it is
// indexed, or after wait: a command on a directory that was killed should see
// what was accepted, and one that puts records into the stream needs them
// handled.
func (a *App) While(ctx context.Context, wait time.Duration, fn func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	var consuming errgroup.Group
	consuming.Go(func() error { return a.consumer.Run(ctx) })
	err := a.catchUp(ctx, wait)
	if err == nil {
		err = a.embedRest(ctx)
	}
	if err == nil {
		err = fn(ctx)
	}
	stop()
	return errors.Join(err, consuming.Wait())
}

// catchUp waits until what is in the stream now is finished, or for as long as
// wait.
func (a *App) catchUp(ctx context.Context, wait time.Duration) error {
	info, err := a.stream.Info(ctx)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for p, last := range info.LastOf {
		if err := a.consumer.WaitFor(limited, p, last); err != nil {
			a.log.Warn("the stream still holds records that are not indexed", "partition", p)
			return ctx.Err()
		}
	}
	return nil
}

// load loads one file and waits until it is indexed. What was loaded before an
// error is counted too.
func (a *App) load(ctx context.Context, loader *file.Loader, path string, summary *Summary) error {
	receipt, failed := loader.Load(ctx, path)
	tally, err := a.waitIndexed(ctx, receipt.Positions)
	summary.add(receipt, tally.Indexed, tally.Duplicates, tally.Rejected, tally.Dropped)
	if err != nil {
		return errors.Join(failed, fmt.Errorf("wait until %s is indexed: %w", path, err))
	}
	return failed
}
