package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	consumer "github.com/loglode/loglode/consumers/jetstream"
	"github.com/loglode/loglode/internal/jetstream"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/producers"
	producer "github.com/loglode/loglode/producers/jetstream"
	"github.com/loglode/loglode/producers/producertest"
)

func open(t *testing.T, dir string, change ...func(*jetstream.Options)) *jetstream.Stream {
	t.Helper()
	o := jetstream.Options{Dir: dir, Partitions: 4, MaxBytes: 64 << 20, KeepBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&o)
	}
	s, err := jetstream.Open(t.Context(), o)
	require.NoError(t, err)
	return s
}

func publisher(s *jetstream.Stream) *producer.Publisher {
	return producer.New(s.JetStream, s.Partitions, s.Subject)
}

// numbered makes n records of one key whose data are their numbers.
func numbered(key string, from, n int) []producers.Outgoing {
	out := make([]producers.Outgoing, n)
	for i := range out {
		out[i] = producers.Outgoing{Key: key, Data: []byte(key + ":" + strconv.Itoa(from+i))}
	}
	return out
}

// recorder is a Handler that notes what it finished, and fails at random.
type recorder struct {
	mu      sync.Mutex
	random  *rand.Rand
	failing float64
	seen    map[string][]int // key -> numbers, in order of finishing
}

func (r *recorder) Handle(_ context.Context, batch []pipeline.Record) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, rec := range batch {
		if r.random.Float64() < r.failing {
			return i, errors.New("the store is away")
		}
		key, number, _ := strings.Cut(string(rec.Data), ":")
		n, err := strconv.Atoi(number)
		if err != nil || key != rec.Key {
			return i, fmt.Errorf("unexpected record %q of %q", rec.Data, rec.Key)
		}
		r.seen[key] = append(r.seen[key], n)
	}
	return len(batch), nil
}

func (r *recorder) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seen {
		n += len(s)
	}
	return n
}

func newRecorder(failing float64) *recorder {
	return &recorder{random: rand.New(rand.NewPCG(1, 2)), failing: failing, seen: map[string][]int{}}
}

func newConsumer(t *testing.T, s *jetstream.Stream, h pipeline.Handler, state pipeline.State) *consumer.Consumer {
	c, err := consumer.New(t.Context(), consumer.Options{JetStream: s.JetStream, StreamName: s.Name(), Partitions: s.Partitions, Subject: s.Subject,
		Handler: h, State: state, Logger: slog.New(slog.DiscardHandler), MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond})
	require.NoError(t, err)
	return c
}

// run runs a consumer until done says so.
func run(t *testing.T, c *consumer.Consumer, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- c.Run(ctx) }()
	for !done() && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.NoError(t, <-finished)
	require.True(t, done(), "the consumer did not finish in time")
}

func TestEachKeyIsReadInOrderAndOnce(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	const keys, each = 9, 50
	for k := range keys {
		positions, err := publisher(s).Publish(t.Context(), numbered(fmt.Sprint("node/", k), 0, each))
		require.NoError(t, err)
		require.Len(t, positions, each)
	}
	r := newRecorder(0.05)
	run(t, newConsumer(t, s, r, &producertest.State{}), func() bool { return r.count() >= keys*each })
	for key, numbers := range r.seen {
		require.Len(t, numbers, each, key)
		for i, n := range numbers {
			require.Equal(t, i, n, key)
		}
	}
}

func TestANewConsumerGoesOnAtTheCheckpoint(t *testing.T) {
	dir, state := t.TempDir(), &producertest.State{}
	s := open(t, dir)
	_, err := publisher(s).Publish(t.Context(), numbered("a", 0, 20))
	require.NoError(t, err)
	first := newRecorder(0)
	c := newConsumer(t, s, first, state)
	run(t, c, func() bool { return first.count() == 20 })
	s.Close()

	s = open(t, dir)
	defer s.Close()
	positions, err := publisher(s).Publish(t.Context(), numbered("a", 20, 5))
	require.NoError(t, err)
	second := newRecorder(0)
	c = newConsumer(t, s, second, state)
	run(t, c, func() bool { return second.count() == 5 })
	require.Equal(t, []int{20, 21, 22, 23, 24}, second.seen["a"])

	last, err := strconv.ParseUint(positions[4].Sequence, 10, 64)
	require.NoError(t, err)
	p, err := strconv.Atoi(positions[4].Partition)
	require.NoError(t, err)
	require.NoError(t, c.WaitFor(t.Context(), p, last))
}

func TestAStreamMadeAnewIsReadFromItsBeginning(t *testing.T) {
	state := &producertest.State{}
	s := open(t, t.TempDir())
	_, err := publisher(s).Publish(t.Context(), numbered("a", 0, 20))
	require.NoError(t, err)
	r := newRecorder(0)
	run(t, newConsumer(t, s, r, state), func() bool { return r.count() == 20 })
	s.Close()

	s = open(t, t.TempDir())
	defer s.Close()
	_, err = publisher(s).Publish(t.Context(), numbered("a", 100, 3))
	require.NoError(t, err)
	r = newRecorder(0)
	run(t, newConsumer(t, s, r, state), func() bool { return r.count() == 3 })
	require.Equal(t, []int{100, 101, 102}, r.seen["a"])
}

func TestAFullStreamRefusesAndTrimMakesRoom(t *testing.T) {
	s := open(t, t.TempDir(), func(o *jetstream.Options) { o.MaxBytes, o.KeepBytes = 1<<20, 100<<10 })
	defer s.Close()
	record := []producers.Outgoing{{Key: "a", Data: make([]byte, 100<<10)}}
	var err error
	published := 0
	for ; published < 20 && err == nil; published++ {
		_, err = publisher(s).Publish(t.Context(), record)
	}
	require.ErrorIs(t, err, producers.ErrFull)
	require.ErrorIs(t, err, pipeline.ErrTryLater)

	info, err := s.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, published-1, info.Records, "nothing that was acknowledged may be dropped")

	first, err := s.Trim(t.Context(), make([]uint64, s.Partitions))
	require.NoError(t, err)
	require.EqualValues(t, 1, first, "unfinished records are never trimmed")

	_, err = s.Trim(t.Context(), info.LastOf)
	require.NoError(t, err)
	after, err := s.Info(t.Context())
	require.NoError(t, err)
	require.Less(t, after.Bytes, info.Bytes)
	_, err = publisher(s).Publish(t.Context(), record)
	require.NoError(t, err)
}

func TestTheNumberOfPartitionsStays(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close()
	s := open(t, dir, func(o *jetstream.Options) { o.Partitions = 8 })
	defer s.Close()
	require.Equal(t, 4, s.Partitions)
}

func TestScanReadsWhatTheStreamHolds(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	for k := range 5 {
		_, err := publisher(s).Publish(t.Context(), numbered(strconv.Itoa(k), 0, 10))
		require.NoError(t, err)
	}
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	var sequences []string
	require.NoError(t, consumer.Scan(t.Context(), s.JetStream, s.Name(), jetstream.Partition, info.First, info.Last, func(r pipeline.Record) error {
		sequences = append(sequences, r.Sequence)
		return nil
	}))
	require.Len(t, sequences, 50)
	require.Equal(t, "1", sequences[0])
	require.Equal(t, "50", sequences[49])
}

// A NATS cluster of one, with a port: what stream.nats_url reaches.
func TestAnExternalServer(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	require.NoError(t, err)
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	require.True(t, s.ReadyForConnections(10*time.Second))

	external := func(o *jetstream.Options) { o.URL, o.Dir = s.ClientURL(), "" }
	stream := open(t, "", external)
	_, err = publisher(stream).Publish(t.Context(), numbered("a", 0, 30))
	require.NoError(t, err)
	_, err = publisher(stream).Publish(t.Context(), []producers.Outgoing{{Key: "a", Data: make([]byte, 2<<20)}})
	require.ErrorIs(t, err, pipeline.ErrRejected, "the server's max_payload is 1 MiB")
	stream.Close()

	stream = open(t, "", external)
	defer stream.Close()
	r := newRecorder(0.05)
	run(t, newConsumer(t, stream, r, &producertest.State{}), func() bool { return r.count() == 30 })
	require.Len(t, r.seen["a"], 30)

	_, err = jetstream.Open(t.Context(), jetstream.Options{URL: "nats://127.0.0.1:1", Partitions: 4, MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler)})
	var hint *pipeline.HintError
	require.ErrorAs(t, err, &hint)
}

// Many sources at once wait for each other; none is turned away.
func TestManyPublishersAtOnce(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	p := publisher(s)
	var group sync.WaitGroup
	const publishers, each = 32, 150
	for i := range publishers {
		group.Go(func() {
			positions, err := p.Publish(t.Context(), numbered(fmt.Sprint(i), 0, each))
			if err != nil || len(positions) != each {
				t.Errorf("%d positions, %v", len(positions), err)
			}
		})
	}
	group.Wait()
	info, err := s.Info(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, publishers*each, info.Records)
}
