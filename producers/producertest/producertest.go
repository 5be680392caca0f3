// Package producertest has what tests of sources need: a durable state, a
// stream and a dead-letter store in memory that can fail, also in part, and
// keep what they were given before they failed, as real ones do when a process
// is killed.
package producertest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
	"github.com/loglode/loglode/producers"
)

// ErrFault is the error of an injected fault that does not bring its own.
var ErrFault = errors.New("injected fault")

// Fault is what happens to one call.
type Fault struct {
	// Err is what the call returns; nil for no fault.
	Err error
	// Keep is how many of the call's records are kept all the same. A State
	// keeps all of a Put's items when Keep > 0, else none: a Put is atomic.
	Keep int
}

// State is a pipeline.State in memory.
type State struct {
	// Fault decides what happens to a Put.
	Fault func(items []pipeline.StateItem) Fault

	mu      sync.Mutex
	buckets map[string]map[string][]byte
	puts    int
}

// Get implements pipeline.State.
func (s *State) Get(ctx context.Context, bucket, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.buckets[bucket][key]), ctx.Err()
}

// Put implements pipeline.State.
func (s *State) Put(ctx context.Context, items []pipeline.StateItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.puts++
	var f Fault
	if s.Fault != nil {
		f = s.Fault(items)
	}
	if f.Err != nil && f.Keep == 0 {
		return f.Err
	}
	if s.buckets == nil {
		s.buckets = map[string]map[string][]byte{}
	}
	for _, it := range items {
		b := s.buckets[it.Bucket]
		if b == nil {
			b = map[string][]byte{}
			s.buckets[it.Bucket] = b
		}
		if it.Value == nil {
			delete(b, it.Key)
		} else {
			b[it.Key] = slices.Clone(it.Value)
		}
	}
	return f.Err
}

// List implements pipeline.State.
func (s *State) List(ctx context.Context, bucket string, fn func(key string, value []byte) error) error {
	s.mu.Lock()
	items := maps.Clone(s.buckets[bucket])
	s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(items)) {
		if err := fn(key, slices.Clone(items[key])); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Puts is the number of Put calls so far.
func (s *State) Puts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.puts
}

// Len is the number of keys of a bucket.
func (s *State) Len(bucket string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buckets[bucket])
}

// Stream is a producers.Publisher in memory with one partition.
type Stream struct {
	// Fault decides what happens to a Publish.
	Fault func(records []producers.Outgoing) Fault

	mu      sync.Mutex
	records []producers.Outgoing
	calls   int
}

// Publish implements producers.Publisher.
func (s *Stream) Publish(ctx context.Context, records []producers.Outgoing) ([]pipeline.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.calls++
	f := Fault{Keep: len(records)}
	if s.Fault != nil {
		if got := s.Fault(records); got.Err != nil {
			f = got
		}
	}
	var positions []pipeline.Position
	for _, r := range records[:min(f.Keep, len(records))] {
		s.records = append(s.records, producers.Outgoing{Key: r.Key, Data: slices.Clone(r.Data)})
		positions = append(positions, pipeline.Position{Partition: "0", Sequence: strconv.Itoa(len(s.records))})
	}
	if f.Err != nil {
		return nil, f.Err
	}
	return positions, nil
}

// Calls is the number of Publish calls so far.
func (s *Stream) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// Published is one entry of a Stream, as a consumer reads it.
type Published struct {
	pipeline.RawEntry
	ID   pipeline.ID // LineID, also of events: it holds their whole message
	Sent int64       // its record's send time
}

// Entries decodes all records, repeats included.
func (s *Stream) Entries(t testing.TB) []Published {
	t.Helper()
	d, err := wire.NewDecoder(64 << 20)
	require.NoError(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Published
	for _, r := range s.records {
		got, err := d.Decode(r.Data)
		require.NoError(t, err)
		require.True(t, got.Ours)
		for _, e := range got.Entries {
			out = append(out, Published{RawEntry: e, ID: pipeline.LineID(&e), Sent: got.Header.Sent})
		}
	}
	return out
}

// Distinct decodes all records and leaves repeats of an ID out: what an index
// would hold, in the order of the first writing.
func (s *Stream) Distinct(t testing.TB) []Published {
	t.Helper()
	seen := map[pipeline.ID]bool{}
	var out []Published
	for _, e := range s.Entries(t) {
		if !seen[e.ID] {
			seen[e.ID] = true
			out = append(out, e)
		}
	}
	return out
}

// Messages are the messages of Distinct.
func (s *Stream) Messages(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, e := range s.Distinct(t) {
		out = append(out, e.Message)
	}
	return out
}

// Letters is a pipeline.DeadLetters in memory.
type Letters struct {
	mu      sync.Mutex
	letters map[pipeline.ID]pipeline.DeadLetter
}

// Add implements pipeline.DeadLetters.
func (l *Letters) Add(ctx context.Context, letters []pipeline.DeadLetter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.letters == nil {
		l.letters = map[pipeline.ID]pipeline.DeadLetter{}
	}
	for _, d := range letters {
		l.letters[d.ID] = d
	}
	return ctx.Err()
}

// All returns the letters, each once.
func (l *Letters) All() []pipeline.DeadLetter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.letters))
}

// Observer is a producers.Observer that counts rejections.
type Observer struct {
	mu       sync.Mutex
	rejected map[string]int
}

// Dropped implements producers.Observer.
func (*Observer) Dropped(string) {}

// Redacted implements producers.Observer.
func (*Observer) Redacted(string) {}

// RejectedAtSource implements producers.Observer.
func (o *Observer) RejectedAtSource(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rejected == nil {
		o.rejected = map[string]int{}
	}
	o.rejected[reason]++
}

// Collected implements producers.Observer.
func (*Observer) Collected(lines, entries int, bytes int64) {}

// Published implements producers.Observer.
func (*Observer) Published(records int, bytes int64, took time.Duration) {}

// Rejected is how often RejectedAtSource was told of reason.
func (o *Observer) Rejected(reason string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rejected[reason]
}

// World is all that a source under test writes to. Killing a process is to
// drop the source and its Ledger and Intake: what is in a World is durable.
type World struct {
	State    State
	Stream   Stream
	Letters  Letters
	Observer Observer
	// WaveBytes and RecordBytes are those of the Intakes made; 0 is the default.
	WaveBytes, RecordBytes int
	// Now is the clock; nil is the real one.
	Now func() time.Time
}

// Ledger makes a new Ledger over the World's state.
func (w *World) Ledger() *producers.Ledger { return producers.NewLedger(&w.State, w.now) }

// Intake makes a new Intake that redacts and drops nothing but what
// fluentbit.io/exclude says.
func (w *World) Intake(t testing.TB) *producers.Intake {
	t.Helper()
	return w.IntakeTo(t, &w.Stream)
}

// IntakeTo is Intake with another Publisher.
func (w *World) IntakeTo(t testing.TB, p producers.Publisher) *producers.Intake {
	t.Helper()
	r, err := redact.New(redact.Options{Key: []byte("a key for tests alone")})
	require.NoError(t, err)
	rules, err := policy.New(policy.Default())
	require.NoError(t, err)
	in, err := producers.NewIntake(producers.Options{
		Publisher: p, Redactor: r, Policy: rules, DeadLetters: &w.Letters, Observer: &w.Observer,
		Now: w.now, WaveBytes: w.WaveBytes, RecordBytes: w.RecordBytes,
	})
	require.NoError(t, err)
	return in
}

func (w *World) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}
