package app

import (
	"context"
	"fmt"
	"strconv"

	jetstreamconsumer "github.com/loglode/loglode/consumers/jetstream"
	"github.com/loglode/loglode/internal/jetstream"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
)

// Audit holds the stream against the index for from <= time < to, Unix ns; 0 is
// open.
func (a *App) Audit(ctx context.Context, from, to int64) (audit.Report, error) {
	a.trimming.RLock()
	defer a.trimming.RUnlock()
	info, err := a.stream.Info(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	retired, err := a.retiredDays(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	return audit.Run(ctx, audit.Options{
		Stream:      &auditedStream{app: a, info: info, checkpoints: a.consumer.Checkpoints()},
		Index:       a.days,
		DeadLetters: a.catalogue,
		Rules:       a.rules,
		From:        from, To: to,
		Retired: func(day string, at pipeline.Position) bool {
			sequence, err := strconv.ParseUint(at.Sequence, 10, 64)
			return err == nil && sequence <= retired[day]
		},
		Progress: func(pass, passes int) {
			if passes > 1 {
				a.log.Info("auditing", "pass", pass, "of", passes)
			}
		},
	})
}

// auditedStream is the stream as it was when the audit began: what arrives
// later is not looked at.
type auditedStream struct {
	app         *App
	info        jetstream.Info
	checkpoints []uint64
	seen        uint64 // records of one reading
}

func (s *auditedStream) Records(ctx context.Context, fn func(pipeline.Record) error) error {
	if s.info.Records == 0 {
		return nil
	}
	s.seen = 0
	return jetstreamconsumer.Scan(ctx, s.app.stream.JetStream, s.app.stream.Name(), jetstream.Partition, s.info.First, s.info.Last, func(r pipeline.Record) error {
		s.seen++
		return fn(r)
	})
}

// Gone counts gaps in the sequence, which partitions share (Trim cuts the
// stream's beginning alone), and what was ever lost at its end.
func (s *auditedStream) Gone() int64 {
	lost := s.app.counts.of(countLost)["stream_damaged"]
	if s.info.Records == 0 {
		return lost
	}
	return lost + int64(s.info.Last-s.info.First+1) - int64(s.seen)
}

func (s *auditedStream) Holds(at pipeline.Position) bool {
	sequence, err := strconv.ParseUint(at.Sequence, 10, 64)
	return err == nil && sequence >= s.info.First && sequence <= s.info.Last
}

func (s *auditedStream) Finished(at pipeline.Position) bool {
	sequence, err := strconv.ParseUint(at.Sequence, 10, 64)
	if err != nil {
		return false
	}
	partition, err := strconv.Atoi(at.Partition)
	if err != nil || partition >= len(s.checkpoints) {
		return false
	}
	return sequence <= s.checkpoints[partition]
}

// AuditError is the error of an audit that is not clean.
func AuditError(r audit.Report) error {
	if r.Clean {
		return nil
	}
	return pipeline.WithHint(fmt.Errorf("the audit is not clean: %d missing, %d doubled, %d collapsed, %d stray, %d gone", r.Missing, r.Doubled, r.Collapsed, r.Stray, r.Gone),
		"if nobody moved or damaged files, keep the data directory as it is and report this; docs/operations.md says more")
}
