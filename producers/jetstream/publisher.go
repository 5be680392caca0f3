// Package jetstream publishes records into a NATS JetStream stream.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/zeebo/xxh3"
	"golang.org/x/sync/semaphore"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
)

// keyHeader carries the partition key of a record.
const keyHeader = "Loglode-Key"

// storeFailed is the code of "maximum bytes exceeded" and its like: the
// server's JSStreamStoreFailedF.
const storeFailed = 10077

// outstanding is how many records may be sent and not acknowledged, over all
// callers; the JetStream context must allow as many (PublishAsyncMaxPending).
// atOnce is how many of one call.
const (
	outstanding = 256
	atOnce      = 64
)

// answerWithin is how long the stream may take to have a record on disk. One that
// takes longer is stuck.
const answerWithin = 20 * time.Second

var errSilent = fmt.Errorf("%w: the stream has not acknowledged a record within %s", pipeline.ErrTryLater, answerWithin)

// Publisher implements producers.Publisher. It is safe for concurrent use: who
// comes when too much is outstanding waits.
type Publisher struct {
	js         jetstream.JetStream
	partitions int
	subject    func(partition int) string
	room       *semaphore.Weighted
}

// New makes a Publisher. A record's partition is the hash of its key modulo
// partitions.
func New(js jetstream.JetStream, partitions int, subject func(int) string) *Publisher {
	return &Publisher{js: js, partitions: partitions, subject: subject, room: semaphore.NewWeighted(outstanding)}
}

// Publish sends all records and waits until the server has them on disk.
func (p *Publisher) Publish(ctx context.Context, records []producers.Outgoing) ([]pipeline.Position, error) {
	positions := make([]pipeline.Position, 0, len(records))
	for some := range slices.Chunk(records, atOnce) {
		at, err := p.publish(ctx, some)
		if err != nil {
			return nil, err
		}
		positions = append(positions, at...)
	}
	return positions, nil
}

func (p *Publisher) publish(ctx context.Context, records []producers.Outgoing) ([]pipeline.Position, error) {
	if err := p.room.Acquire(ctx, int64(len(records))); err != nil {
		return nil, err
	}
	defer p.room.Release(int64(len(records)))
	futures := make([]jetstream.PubAckFuture, len(records))
	positions := make([]pipeline.Position, len(records))
	ctx, cancel := context.WithTimeoutCause(ctx, answerWithin, errSilent)
	defer cancel()
	var failed error
	for i, r := range records {
		partition := int(xxh3.HashString(r.Key) % uint64(p.partitions))
		positions[i].Partition = strconv.Itoa(partition)
		msg := &nats.Msg{Subject: p.subject(partition), Data: r.Data, Header: nats.Header{keyHeader: {r.Key}}}
		if futures[i], failed = p.js.PublishMsgAsync(msg); failed != nil {
			break
		}
	}
	for i, f := range futures {
		if f == nil {
			break
		}
		select {
		case ack := <-f.Ok():
			positions[i].Sequence = strconv.FormatUint(ack.Sequence, 10)
		case err := <-f.Err():
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if failed != nil {
		return nil, outcome(failed)
	}
	return positions, nil
}

// outcome sorts a publish error into one of the three outcomes.
func outcome(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.ErrorCode == storeFailed:
		return fmt.Errorf("%w: %w", producers.ErrFull, err)
	case errors.Is(err, nats.ErrMaxPayload):
		return pipeline.WithHint(fmt.Errorf("%w: record is larger than the server's max_payload: %w", pipeline.ErrRejected, err),
			"raise max_payload of the NATS server, or lower stream.record_bytes and sources.tail.max_line")
	default:
		return fmt.Errorf("%w: %w", pipeline.ErrTryLater, err)
	}
}
