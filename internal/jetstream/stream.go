// Package jetstream opens loglode's stream on NATS JetStream: a server inside
// the process, or an external cluster by its URL. Producers and consumers get
// the stream from here, so that its name, subjects and limits stand in one
// place.
//
//	producers/jetstream -> subject loglode.records.<partition> -> consumers/jetstream
//
// The stream keeps all records until Trim removes those that are finished: a
// full stream refuses new records, it never drops old ones.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/loglode/loglode/pipeline"
)

const (
	streamName    = "loglode"
	subjectPrefix = "loglode.records."
	// partitionsKey is where the stream itself says how many partitions it has.
	partitionsKey = "loglode-partitions"
	// maxRecord is the largest record that the embedded server takes: a decoded
	// record of the default size, or one entry of the largest allowed length,
	// that does not compress.
	maxRecord = 8 << 20
	// maxOutstanding is what a publisher bounds itself to; more than one must not
	// run into NATS' own bound, which stalls and fails.
	maxOutstanding = 256
)

// Options say where the stream is and how large it may be.
type Options struct {
	// URL of a NATS cluster; empty for a server inside the process.
	URL string
	// CredentialsFile for URL; may be empty.
	CredentialsFile string
	// Dir holds the embedded server's files.
	Dir        string
	Partitions int
	// MaxBytes is the size at which the stream refuses records, KeepBytes how
	// much of finished records is kept for audit and replay.
	MaxBytes, KeepBytes int64
	Replicas            int
	// After is a sequence that a stream which is made anew starts behind: places
	// in an earlier one must not come again.
	After  uint64
	Logger *slog.Logger
	// Failed, if not nil, is called when the embedded server has given the
	// stream up, as it does when a write fails: it takes no more records until
	// it is opened again. It may be called more than once.
	Failed func(reason string)
}

// Stream is the open stream.
type Stream struct {
	JetStream  jetstream.JetStream
	Stream     jetstream.Stream
	Partitions int

	o      Options
	server *server.Server
	conn   *nats.Conn
}

// Open starts or reaches the server and creates the stream when it is not
// there.
func Open(ctx context.Context, o Options) (*Stream, error) {
	s := &Stream{o: o}
	if err := s.connect(); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.ensure(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Stream) connect() (err error) {
	options := []nats.Option{nats.Name("loglode"), nats.MaxReconnects(-1),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.o.Logger.Warn("stream connection", "error", err)
		})}
	if s.o.URL == "" {
		if err := s.startServer(); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(s.server))
	}
	if s.o.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(s.o.CredentialsFile))
	}
	if s.conn, err = nats.Connect(s.o.URL, options...); err != nil {
		return pipeline.WithHint(fmt.Errorf("connect to NATS %s: %w", s.o.URL, err),
			"check stream.nats_url and that the cluster is up; leave it empty for the embedded stream")
	}
	if s.conn.MaxPayload() < maxRecord {
		s.o.Logger.Warn("the NATS server takes smaller records than loglode may write; raise its max_payload",
			"max_payload", s.conn.MaxPayload(), "wanted", maxRecord)
	}
	s.JetStream, err = jetstream.New(s.conn, jetstream.WithPublishAsyncMaxPending(2*maxOutstanding))
	return err
}

func (s *Stream) startServer() (err error) {
	s.server, err = server.NewServer(&server.Options{
		ServerName: "loglode", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: s.o.Dir, SyncAlways: true,
		MaxPayload: maxRecord, JetStreamMaxMemory: 16 << 20,
		// The stream's own limit holds; the server's must not come first.
		JetStreamMaxStore: 1 << 60,
	})
	if err != nil {
		return fmt.Errorf("make embedded stream: %w", err)
	}
	s.server.SetLoggerV2(serverLog{s.o.Logger, s.o.Failed}, false, false, false)
	s.server.Start()
	if !s.server.ReadyForConnections(30 * time.Second) {
		return fmt.Errorf("%w: the embedded stream in %s did not start within 30 s", pipeline.ErrTryLater, s.o.Dir)
	}
	if !s.server.JetStreamEnabled() {
		return pipeline.WithHint(fmt.Errorf("the embedded stream in %s could not be opened", s.o.Dir), "see that the directory can be written and has space")
	}
	return nil
}

func (s *Stream) ensure(ctx context.Context) error {
	s.Partitions = s.o.Partitions
	existing, err := s.JetStream.Stream(ctx, streamName)
	switch {
	case err == nil:
		// A record's partition is a function of its key and this number: it
		// never changes once the stream is there.
		if n, err := strconv.Atoi(existing.CachedInfo().Config.Metadata[partitionsKey]); err == nil && n > 0 {
			if n != s.Partitions {
				s.o.Logger.Warn("the stream keeps the number of partitions it was created with", "partitions", n, "configured", s.Partitions)
			}
			s.Partitions = n
		}
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return fmt.Errorf("look for stream: %w", err)
	}
	var first uint64 // 0 leaves a stream that is there as it is
	if existing == nil && s.o.After > 0 {
		first = s.o.After + 1
		s.o.Logger.Warn("the stream is gone and is made anew: what was in it and not indexed is lost", "first_sequence", first)
	} else if existing != nil {
		first = existing.CachedInfo().Config.FirstSeq
	}
	s.Stream, err = s.JetStream.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        streamName,
		Description: "loglode records",
		Subjects:    []string{subjectPrefix + "*"},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    s.o.MaxBytes,
		Replicas:    max(1, s.o.Replicas),
		AllowDirect: true,
		FirstSeq:    first,
		Metadata:    map[string]string{partitionsKey: strconv.Itoa(s.Partitions)},
	})
	if err != nil && strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		return pipeline.WithHint(fmt.Errorf("%w: create stream: %w", pipeline.ErrTryLater, err), "the disk is full: free some space; deleting the oldest file in the days folder frees some, and its day")
	}
	if err != nil {
		return fmt.Errorf("create stream: %w", err)
	}
	return nil
}

// Close closes the connection and stops the embedded server.
func (s *Stream) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
		s.server.WaitForShutdown()
	}
}

// Name is the stream's name.
func (s *Stream) Name() string { return streamName }

// Subject is the subject of a partition.
func (s *Stream) Subject(partition int) string { return subjectPrefix + strconv.Itoa(partition) }

// Info is the state of the stream.
type Info struct {
	Records     uint64
	Bytes       uint64
	First, Last uint64 // sequence numbers; First > Last when empty
	// LastOf is the last sequence of each partition, 0 when it has none.
	LastOf []uint64
}

// Info asks the stream for its state.
func (s *Stream) Info(ctx context.Context) (Info, error) {
	info, err := s.Stream.Info(ctx)
	if err != nil {
		return Info{}, fmt.Errorf("read stream state: %w", err)
	}
	out := Info{Records: info.State.Msgs, Bytes: info.State.Bytes, First: info.State.FirstSeq, Last: info.State.LastSeq, LastOf: make([]uint64, s.Partitions)}
	for p := range out.LastOf {
		msg, err := s.Stream.GetLastMsgForSubject(ctx, s.Subject(p))
		switch {
		case err == nil:
			out.LastOf[p] = msg.Sequence
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return Info{}, fmt.Errorf("read last record of partition %d: %w", p, err)
		}
	}
	return out, nil
}

// Trim removes the oldest finished records while the stream holds more than
// KeepBytes. checkpoints[p] is the last finished sequence of partition p. It
// returns the first sequence that is left.
func (s *Stream) Trim(ctx context.Context, checkpoints []uint64) (uint64, error) {
	info, err := s.Info(ctx)
	if err != nil || info.Bytes <= uint64(s.o.KeepBytes) || info.Records == 0 {
		return info.First, err
	}
	finished := info.Last
	for p, last := range info.LastOf {
		if last > checkpoints[p] {
			finished = min(finished, checkpoints[p])
		}
	}
	// Records are of like size: the surplus in bytes is about that share of
	// the sequence numbers. What is left over goes with the next call.
	surplus := float64(info.Bytes-uint64(s.o.KeepBytes)) / float64(info.Bytes)
	keepFrom := min(info.First+uint64(surplus*float64(info.Last-info.First+1)), finished+1)
	if keepFrom <= info.First {
		return info.First, nil
	}
	if err := s.Stream.Purge(ctx, jetstream.WithPurgeSequence(keepFrom)); err != nil {
		return info.First, fmt.Errorf("trim stream: %w", err)
	}
	return keepFrom, nil
}

// Partition reads the partition's number from a subject.
func Partition(subject string) string { return strings.TrimPrefix(subject, subjectPrefix) }

// serverLog brings what the embedded server has to say to loglode's log.
type serverLog struct {
	log    *slog.Logger
	failed func(reason string)
}

// givenUp is how the server says that it gives a stream up.
const givenUp = "Critical write error"

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}
func (l serverLog) Warnf(format string, args ...any) {
	l.log.Warn("stream: " + fmt.Sprintf(format, args...))
}
func (l serverLog) Errorf(format string, args ...any) {
	if said := fmt.Sprintf(format, args...); strings.Contains(said, givenUp) && l.failed != nil {
		l.failed(said)
	}
	l.log.Error("stream: " + fmt.Sprintf(format, args...))
}
func (l serverLog) Fatalf(format string, args ...any) {
	l.log.Error("stream: " + fmt.Sprintf(format, args...))
}
