package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/internal/jetstream"
	"github.com/loglode/loglode/pipeline"
)

// retiredBucket of the State holds the days that were deleted -> the reason and
// the stream's last sequence then: what came later is not what was deleted.
const retiredBucket = "retired-days"

// Why a day was deleted.
const (
	retiredByAge   = "retention"
	retiredBySpace = "disk_cap"
	retiredByHand  = "pruned"
)

// maintain runs what keeps the data directory in bounds until ctx ends. Each
// task has a goroutine of its own: the stream must not fill because a long one
// is at work.
func (a *App) maintain(ctx context.Context) error {
	var group errgroup.Group
	for _, t := range []task{
		{"trim the stream", time.Second, a.trim},
		{"update gauges", 5 * time.Second, a.gauges},
		{"write counts", 5 * time.Second, a.counts.save},
		{"apply retention", time.Minute, a.retire},
		{"watch the cluster's shards", time.Hour, a.watchShards},
		{"seal days", 10 * time.Minute, a.seal},
		{"prune sources' memory", time.Hour, a.ledger.Prune},
		{"prune vectors", 24 * time.Hour, a.pruneVectors},
	} {
		group.Go(func() error {
			a.repeat(ctx, t)
			return nil
		})
	}
	return group.Wait()
}

// task is a piece of maintenance that is done again and again.
type task struct {
	name  string
	every time.Duration
	run   func(context.Context) error
}

// retryTask is when a task that failed is tried again, if it is not sooner anyway.
const retryTask = time.Minute

// repeat runs a task until ctx ends. One that fails is logged when its error
// changes, and tried again.
func (a *App) repeat(ctx context.Context, t task) {
	for told := ""; ; {
		wait := t.every
		err := t.run(ctx)
		if err != nil {
			wait = min(wait, retryTask)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			a.log.Error("maintenance failed; it is tried again", "task", t.name, "error", err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) pruneVectors(ctx context.Context) error {
	removed, err := a.patterns.PruneVectors(ctx)
	if removed > 0 {
		a.log.Info("removed vectors of patterns that no day holds any more", "vectors", removed)
	}
	return err
}

// trim does nothing while an audit reads the stream.
func (a *App) trim(ctx context.Context) error {
	if !a.trimming.TryLock() {
		return nil
	}
	defer a.trimming.Unlock()
	_, err := a.stream.Trim(ctx, a.consumer.Checkpoints())
	return err
}

func (a *App) gauges(ctx context.Context) error {
	info, err := a.stream.Info(ctx)
	if err != nil {
		return err
	}
	a.metrics.SetStreamBytes(int64(info.Bytes))
	for p, lag := range a.lag(info) {
		a.metrics.SetStreamLag(strconv.Itoa(p), lag)
	}
	space, err := a.guard.Space()
	if err != nil {
		return err
	}
	a.metrics.SetDiskFree(space.Free)
	// What follows asks the store, which may be away.
	days, err := a.days.Days(ctx)
	if err != nil {
		return err
	}
	var bytes int64
	for _, d := range days {
		bytes += d.Bytes
	}
	a.metrics.SetIndex(bytes, len(days))
	patterns, waiting, err := a.patternCounts(ctx)
	if err != nil {
		return err
	}
	a.metrics.SetPatterns(patterns, waiting)
	return nil
}

// lag is how many sequences of each partition are not finished: an upper bound
// of its records, since partitions share one sequence.
func (a *App) lag(info jetstream.Info) []int64 {
	checkpoints := a.consumer.Checkpoints()
	lag := make([]int64, len(checkpoints))
	for p, last := range info.LastOf {
		if last > checkpoints[p] {
			lag[p] = int64(min(last-max(checkpoints[p], info.First-1), info.Records))
		}
	}
	return lag
}

// retire deletes days that are too old, then the oldest ones while the index is
// larger than its cap. The newest day is never deleted for space.
func (a *App) retire(ctx context.Context) error {
	days, err := a.days.Days(ctx)
	if err != nil {
		return fmt.Errorf("list days: %w", err)
	}
	var total int64
	for _, d := range days {
		total += d.Bytes
	}
	retention, jumped := a.cfg.Index.Retention.Std(), a.clockJumped()
	if jumped != nil {
		retention = 0
	}
	for i, d := range days {
		reason := ""
		switch maxBytes := int64(a.cfg.Index.MaxBytes); {
		case retention > 0 && d.Day < pipeline.Day(a.now().Add(-retention).UnixNano()):
			reason = retiredByAge
		case maxBytes > 0 && total > maxBytes && i < len(days)-1:
			reason = retiredBySpace
		default:
			continue
		}
		if err := a.retireDay(ctx, d, reason); err != nil {
			return err
		}
		total -= d.Bytes
	}
	if a.cfg.Index.Retention > 0 {
		return jumped
	}
	return nil
}

// clockJumped is an error when the wall clock has run away from the machine's
// own since the start: a wrong clock must not delete every day at once.
func (a *App) clockJumped() error {
	now := a.now()
	ahead := now.Round(0).Sub(a.started.Round(0)) - now.Sub(a.started)
	if ahead < maxJump {
		return nil
	}
	return fmt.Errorf("the clock has jumped ahead by %s: retention by age waits until loglode is started again", ahead.Round(time.Minute))
}

// maxJump is more than any clock is set right by.
const maxJump = time.Hour

// retireDay notes the day before it is deleted: an audit must not call its
// entries missing.
func (a *App) retireDay(ctx context.Context, d pipeline.DayInfo, reason string) error {
	info, err := a.stream.Info(ctx)
	if err != nil {
		return err
	}
	value := fmt.Appendf(nil, "%s %d", reason, info.Last)
	if err := a.catalogue.Put(ctx, []pipeline.StateItem{{Bucket: retiredBucket, Key: d.Day, Value: value}}); err != nil {
		return fmt.Errorf("note retired day %s: %w", d.Day, err)
	}
	if err := a.days.DropDay(ctx, d.Day); err != nil {
		return fmt.Errorf("delete day %s: %w", d.Day, err)
	}
	a.counts.add(countRetired, reason, d.Entries)
	a.metrics.AddDropped(reason, int(d.Entries))
	a.log.Info("deleted a day of the index", "day", d.Day, "reason", reason, "entries", d.Entries, "bytes", d.Bytes)
	return nil
}

// retiredDays are the days that were deleted, with the last sequence of the
// stream that they may hold entries of.
func (a *App) retiredDays(ctx context.Context) (map[string]uint64, error) {
	days := map[string]uint64{}
	err := a.catalogue.List(ctx, retiredBucket, func(day string, value []byte) error {
		_, last, _ := strings.Cut(string(value), " ")
		sequence, err := strconv.ParseUint(last, 10, 64)
		days[day] = sequence
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list retired days: %w", err)
	}
	return days, nil
}
