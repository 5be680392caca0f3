// Package jetstream reads a NATS JetStream stream and hands its records to a
// Handler, one partition at a time and in order.
//
//	stream -> ordered consumer of a partition -> batch -> Handler -> checkpoint
//
// The checkpoint of a partition is the last finished sequence, kept in the
// durable State beside the index rather than in a durable JetStream consumer:
// a consumer that is killed would wait out its acknowledgement timeout before
// it saw its unfinished records again.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/loglode/loglode/pipeline"
)

// checkpointBucket of the State holds partition -> decimal sequence.
const checkpointBucket = "checkpoints"

// keyHeader carries the partition key of a record.
const keyHeader = "Loglode-Key"

// Options configure a Consumer. All fields but the limits are required.
type Options struct {
	JetStream  jetstream.JetStream
	StreamName string
	Partitions int
	Subject    func(partition int) string
	Handler    pipeline.Handler
	State      pipeline.State
	Logger     *slog.Logger
	// BatchRecords and BatchBytes bound what one Handle gets. Defaults 16
	// records, 4 MiB as stored.
	BatchRecords int
	BatchBytes   int
	// MinBackoff and MaxBackoff bound the wait between two tries of a batch
	// that could not be handled. Defaults 100 ms and 10 s.
	MinBackoff, MaxBackoff time.Duration
}

// Consumer reads all partitions of a stream.
type Consumer struct {
	o Options

	mu          sync.Mutex
	checkpoints []uint64
	moved       chan struct{} // closed and replaced when a checkpoint moves
}

// New reads the checkpoints and makes a Consumer.
func New(ctx context.Context, o Options) (*Consumer, error) {
	if o.BatchRecords <= 0 {
		o.BatchRecords = 16
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 4 << 20
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = 100 * time.Millisecond
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 10 * time.Second
	}
	c := &Consumer{o: o, checkpoints: make([]uint64, o.Partitions), moved: make(chan struct{})}
	for p := range c.checkpoints {
		value, err := o.State.Get(ctx, checkpointBucket, strconv.Itoa(p))
		if err != nil {
			return nil, fmt.Errorf("read checkpoint of partition %d: %w", p, err)
		}
		if value == nil {
			continue
		}
		if c.checkpoints[p], err = strconv.ParseUint(string(value), 10, 64); err != nil {
			return nil, fmt.Errorf("read checkpoint of partition %d: %w", p, err)
		}
	}
	if err := c.checkReset(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// LastCheckpoint is the highest sequence that any partition has finished.
func LastCheckpoint(ctx context.Context, state pipeline.State) (last uint64, err error) {
	err = state.List(ctx, checkpointBucket, func(_ string, value []byte) error {
		n, err := strconv.ParseUint(string(value), 10, 64)
		last = max(last, n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read checkpoints: %w", err)
	}
	return last, nil
}

// checkReset notices a stream that was made anew beneath its checkpoints: their
// sequences would skip records that nobody has read.
func (c *Consumer) checkReset(ctx context.Context) error {
	stream, err := c.o.JetStream.Stream(ctx, c.o.StreamName)
	if err != nil {
		return fmt.Errorf("read stream state: %w", err)
	}
	last := stream.CachedInfo().State.LastSeq
	var reset []pipeline.StateItem
	for p, at := range c.checkpoints {
		if at > last {
			c.o.Logger.Error("the stream ends before its checkpoint: records of it are lost; reading it from its beginning", "partition", p, "checkpoint", at, "last", last)
			c.checkpoints[p] = 0
			reset = append(reset, pipeline.StateItem{Bucket: checkpointBucket, Key: strconv.Itoa(p)})
		}
	}
	if len(reset) == 0 {
		return nil
	}
	if err := c.o.State.Put(ctx, reset); err != nil {
		return fmt.Errorf("reset checkpoints: %w", err)
	}
	return nil
}

// Checkpoints are the last finished sequences by partition.
func (c *Consumer) Checkpoints() []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]uint64(nil), c.checkpoints...)
}

// WaitFor blocks until partition has finished sequence.
func (c *Consumer) WaitFor(ctx context.Context, partition int, sequence uint64) error {
	for {
		c.mu.Lock()
		at, moved := c.checkpoints[partition], c.moved
		c.mu.Unlock()
		if at >= sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run reads until ctx ends. It returns nil then.
func (c *Consumer) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for p := range c.o.Partitions {
		group.Go(func() error { return c.run(ctx, p) })
	}
	return group.Wait()
}

// run reads one partition; it opens the stream's consumer again whenever that
// fails.
func (c *Consumer) run(ctx context.Context, partition int) error {
	wait := c.o.MinBackoff
	for ctx.Err() == nil {
		err := c.read(ctx, partition)
		if ctx.Err() != nil {
			return nil
		}
		c.o.Logger.Warn("reading the stream failed; trying again", "partition", partition, "error", err, "in", wait)
		if !sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, c.o.MaxBackoff)
	}
	return nil
}

func (c *Consumer) read(ctx context.Context, partition int) error {
	c.mu.Lock()
	from := c.checkpoints[partition] + 1
	c.mu.Unlock()
	consumer, err := c.o.JetStream.OrderedConsumer(ctx, c.o.StreamName, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{c.o.Subject(partition)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    from,
	})
	if err != nil {
		return fmt.Errorf("open partition: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(2 * c.o.BatchRecords))
	if err != nil {
		return fmt.Errorf("read partition: %w", err)
	}
	defer messages.Stop()
	for {
		batch, err := c.gather(ctx, messages, partition)
		if err != nil {
			return err
		}
		if err := c.handle(ctx, partition, batch); err != nil {
			return err
		}
	}
}

// gather waits for a record and takes what else is there already.
func (c *Consumer) gather(ctx context.Context, messages jetstream.MessagesContext, partition int) ([]pipeline.Record, error) {
	msg, err := messages.Next(jetstream.NextContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	var batch []pipeline.Record
	for size := 0; ; {
		record, err := toRecord(msg, partition)
		if err != nil {
			return nil, err
		}
		batch = append(batch, record)
		size += len(record.Data)
		if len(batch) >= c.o.BatchRecords || size >= c.o.BatchBytes {
			return batch, nil
		}
		msg, err = messages.Next(jetstream.NextMaxWait(time.Millisecond))
		if err != nil {
			// No more for now, or a fault that the next call meets again.
			return batch, nil
		}
	}
}

func toRecord(msg jetstream.Msg, partition int) (pipeline.Record, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return pipeline.Record{}, fmt.Errorf("read record's position: %w", err)
	}
	return pipeline.Record{
		Position: pipeline.Position{Partition: strconv.Itoa(partition), Sequence: strconv.FormatUint(meta.Sequence.Stream, 10)},
		Key:      msg.Headers().Get(keyHeader),
		Data:     msg.Data(),
		Arrived:  meta.Timestamp,
	}, nil
}

// handle gives a batch to the handler until all of it is finished.
func (c *Consumer) handle(ctx context.Context, partition int, batch []pipeline.Record) error {
	wait := c.o.MinBackoff
	for {
		n, err := c.o.Handler.Handle(ctx, batch)
		if n > 0 {
			if err := c.checkpoint(ctx, partition, batch[n-1]); err != nil {
				return err
			}
			batch = batch[n:]
			wait = c.o.MinBackoff
		}
		if len(batch) == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			err = errors.New("the handler finished less than it was given and gave no error")
		}
		c.o.Logger.Warn("records wait in the stream", "partition", partition, "first", batch[0].Sequence, "error", err, "try_again_in", wait)
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
		wait = min(2*wait, c.o.MaxBackoff)
	}
}

func (c *Consumer) checkpoint(ctx context.Context, partition int, last pipeline.Record) error {
	sequence, err := strconv.ParseUint(last.Sequence, 10, 64)
	if err != nil {
		return fmt.Errorf("read sequence: %w", err)
	}
	item := pipeline.StateItem{Bucket: checkpointBucket, Key: strconv.Itoa(partition), Value: []byte(last.Sequence)}
	// Finished work is noted also while stopping: the context may have ended.
	if err := c.o.State.Put(context.WithoutCancel(ctx), []pipeline.StateItem{item}); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkpoints[partition] = sequence
	close(c.moved)
	c.moved = make(chan struct{})
	return nil
}

// Scan reads the records with from <= sequence <= to of all partitions, in
// order of their sequence, without touching checkpoints. An audit does.
func Scan(ctx context.Context, js jetstream.JetStream, stream string, partition func(subject string) string, from, to uint64, fn func(pipeline.Record) error) error {
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(from, 1),
	})
	if err != nil {
		return fmt.Errorf("open stream: %w", err)
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		record, err := toRecord(msg, 0)
		if err != nil {
			return err
		}
		record.Partition = partition(msg.Subject())
		meta, err := msg.Metadata()
		if err != nil {
			return fmt.Errorf("read record's position: %w", err)
		}
		if meta.Sequence.Stream <= to {
			if err := fn(record); err != nil {
				return err
			}
		}
		if meta.Sequence.Stream >= to || meta.NumPending == 0 {
			return nil
		}
	}
}

// sleep waits; it returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
