package indexer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/indexer"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
)

var sent = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

const digest = 7

// index is a pipeline.Index in memory that can fail.
type index struct {
	mu      sync.Mutex
	entries map[pipeline.ID]pipeline.Entry
	writes  int
	fail    func(write int) error
	refuse  func(*pipeline.Entry) string
}

func (x *index) Write(_ context.Context, entries []pipeline.Entry, results []pipeline.WriteResult) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writes++
	if x.entries == nil {
		x.entries = map[pipeline.ID]pipeline.Entry{}
	}
	for i, e := range entries {
		if x.refuse != nil {
			if reason := x.refuse(&e); reason != "" {
				results[i] = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: reason}
				continue
			}
		}
		if _, there := x.entries[e.ID]; there {
			results[i].Outcome = pipeline.Exists
			continue
		}
		x.entries[e.ID] = e
	}
	if x.fail != nil {
		return x.fail(x.writes)
	}
	return nil
}

func (x *index) messages() (all []string) {
	for _, e := range x.entries {
		all = append(all, e.Message)
	}
	return all
}

type letters struct {
	all map[pipeline.ID]pipeline.DeadLetter
}

func (l *letters) Add(_ context.Context, add []pipeline.DeadLetter) error {
	if l.all == nil {
		l.all = map[pipeline.ID]pipeline.DeadLetter{}
	}
	for _, x := range add {
		l.all[x.ID] = x
	}
	return nil
}

type observer struct {
	finished                    map[pipeline.Position]indexer.Tally
	dropped, redacted, rejected []string
	future                      uint64
	unpatterned                 int
}

func (o *observer) Finished(at pipeline.Position, t indexer.Tally) {
	if o.finished == nil {
		o.finished = map[pipeline.Position]indexer.Tally{}
	}
	o.finished[at] = t
}
func (o *observer) Dropped(rule string)      { o.dropped = append(o.dropped, rule) }
func (o *observer) Redacted(rule string)     { o.redacted = append(o.redacted, rule) }
func (o *observer) Rejected(reason string)   { o.rejected = append(o.rejected, reason) }
func (o *observer) FutureTimes(n uint64)     { o.future += n }
func (o *observer) Unpatterned(n int)        { o.unpatterned += n }
func (o *observer) Wrote(int, time.Duration) {}

type fixture struct {
	index    index
	letters  letters
	observer observer
	indexer  *indexer.Indexer
}

func newFixture(t *testing.T, change ...func(*indexer.Options)) *fixture {
	f := &fixture{}
	redactor, err := redact.New(redact.Options{Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	drop, err := policy.New([]policy.Rule{{Name: "no-debug", Level: "debug"}})
	require.NoError(t, err)
	o := indexer.Options{Index: &f.index, DeadLetters: &f.letters, Observer: &f.observer, Now: func() time.Time { return sent },
		Rules: indexer.Rules{Redactor: redactor, Policy: drop, Digest: digest, MaxRecord: 1 << 20, MaxLine: 1 << 16}}
	for _, c := range change {
		c(&o)
	}
	f.indexer, err = indexer.New(o)
	require.NoError(t, err)
	return f
}

var pod = &pipeline.Resource{Cluster: "prod", Namespace: "shop", Pod: "cart-1", Container: "cart", Node: "node-1"}

// ours makes a record of ours.
func ours(t *testing.T, digest uint32, entries ...pipeline.RawEntry) []byte {
	c, err := wire.NewCompressor()
	require.NoError(t, err)
	e := wire.NewEncoder(c)
	for i := range entries {
		require.NoError(t, e.Add(&entries[i]))
	}
	return e.Seal(sent.UnixNano(), digest)
}

// raw makes entries of one pod, a millisecond apart.
func raw(messages ...string) (entries []pipeline.RawEntry) {
	for i, m := range messages {
		entries = append(entries, pipeline.RawEntry{Time: sent.Add(time.Duration(i) * time.Millisecond).UnixNano(), Stream: "stdout", Resource: pod, Message: m})
	}
	return entries
}

func records(data ...[]byte) (batch []pipeline.Record) {
	for i, d := range data {
		batch = append(batch, pipeline.Record{Position: pipeline.Position{Partition: "0", Sequence: fmt.Sprint(i + 1)}, Data: d, Arrived: sent})
	}
	return batch
}

func TestHandleIndexesAllEntries(t *testing.T) {
	f := newFixture(t)
	batch := records(ours(t, digest, raw("a", "b")...), ours(t, digest, raw("c")...))
	n, err := f.indexer.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.ElementsMatch(t, []string{"a", "b", "c"}, f.index.messages())
	require.Equal(t, indexer.Tally{Entries: 2, Indexed: 2}, f.observer.finished[batch[0].Position])
	for _, e := range f.index.entries {
		require.Equal(t, "0", e.Lineage.Partition)
		if e.Message == "b" {
			require.Equal(t, pipeline.Lineage{Position: batch[0].Position, Index: 1}, e.Lineage)
		}
	}

	n, err = f.indexer.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Len(t, f.index.entries, 3, "a redelivered batch changes nothing")
	require.Equal(t, indexer.Tally{Entries: 2, Duplicates: 2}, f.observer.finished[batch[0].Position])
}

func TestARecordIsUnfinishedUntilAllOfItIsWritten(t *testing.T) {
	away := errors.New("store is away")
	f := newFixture(t, func(o *indexer.Options) { o.BatchEntries = 2 })
	f.index.fail = func(write int) error {
		if write == 2 {
			return away
		}
		return nil
	}
	batch := records(ours(t, digest, raw("a", "b")...), ours(t, digest, raw("c", "d", "e")...), ours(t, digest, raw("f")...))
	n, err := f.indexer.Handle(t.Context(), batch)
	require.ErrorIs(t, err, away)
	require.Equal(t, 1, n)
	require.Len(t, f.observer.finished, 1, "nothing unfinished may be told as finished")

	n, err = f.indexer.Handle(t.Context(), batch[n:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.ElementsMatch(t, []string{"a", "b", "c", "d", "e", "f"}, f.index.messages()[:6])
}

func TestACorruptRecordIsADeadLetterAndTheBatchGoesOn(t *testing.T) {
	f := newFixture(t)
	bad := ours(t, digest, raw("x")...)
	bad[len(bad)-1] ^= 0xff
	batch := records(ours(t, digest, raw("a")...), bad, ours(t, digest, raw("b")...))
	for range 2 {
		n, err := f.indexer.Handle(t.Context(), batch)
		require.NoError(t, err)
		require.Equal(t, 3, n)
	}
	require.Len(t, f.letters.all, 1, "handled twice, it is one letter")
	for _, l := range f.letters.all {
		require.True(t, l.Whole)
		require.Equal(t, bad, l.Data)
		require.Equal(t, "corrupt_record", l.Reason)
		require.Equal(t, batch[1].Position, l.Lineage.Position)
	}
	require.Equal(t, indexer.Tally{Entries: 1, Rejected: 1}, f.observer.finished[batch[1].Position])
}

func TestANewerRecordWaitsAndWhatIsBeforeItDoesNot(t *testing.T) {
	f := newFixture(t)
	newer := ours(t, digest, raw("x")...)
	newer[4] = 99
	n, err := f.indexer.Handle(t.Context(), records(ours(t, digest, raw("a")...), newer, ours(t, digest, raw("b")...)))
	require.ErrorIs(t, err, wire.ErrNewerVersion)
	require.Equal(t, 1, n)
	require.Equal(t, []string{"a"}, f.index.messages())
	require.Empty(t, f.letters.all)
}

func TestAnEntryThatTheIndexRefusesCanBeRedriven(t *testing.T) {
	f := newFixture(t)
	f.index.refuse = func(e *pipeline.Entry) string {
		if e.Message == "bad" {
			return "too_large"
		}
		return ""
	}
	batch := records(ours(t, digest, raw("good", "bad")...))
	n, err := f.indexer.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, indexer.Tally{Entries: 2, Indexed: 1, Rejected: 1}, f.observer.finished[batch[0].Position])
	require.Len(t, f.letters.all, 1)
	f.index.refuse = nil
	for _, l := range f.letters.all {
		require.Equal(t, 1, l.Lineage.Index)
		_, err := f.indexer.Handle(t.Context(), records(l.Data))
		require.NoError(t, err)
	}
	require.ElementsMatch(t, []string{"good", "bad"}, f.index.messages())
	require.Contains(t, f.index.entries, pipeline.LineID(&raw("good", "bad")[1]), "redriven, it keeps its ID")
}

func TestForeignRecordsAreCollectedRedactedAndFiltered(t *testing.T) {
	f := newFixture(t)
	text := `{"time":"2026-11-20T09:00:00.000000001Z","stream":"stdout","log":"login password=hunter2secret ok","kubernetes":{"namespace_name":"shop","pod_name":"cart-1","container_name":"cart"}}
{"time":"2026-11-20T09:00:00.000000002Z","stream":"stdout","log":"level=debug msg=noise","kubernetes":{"namespace_name":"shop","pod_name":"cart-1","container_name":"cart"}}
plain text`
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	batch := records(zipped.Bytes())
	for range 2 {
		n, err := f.indexer.Handle(t.Context(), batch)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	require.Len(t, f.index.entries, 2)
	require.Equal(t, []string{"no-debug", "no-debug"}, f.observer.dropped)
	require.NotEmpty(t, f.observer.redacted)
	for id, e := range f.index.entries {
		require.NotContains(t, e.Raw, "hunter2secret")
		require.NotContains(t, e.Message, "hunter2secret")
		if strings.Contains(e.Message, "login") {
			want := pipeline.RawEntry{Time: e.CollectorTime, Stream: "stdout", Resource: &pipeline.Resource{Namespace: "shop", Pod: "cart-1", Container: "cart"}, Message: "login password=hunter2secret ok"}
			require.Equal(t, pipeline.LineID(&want), id, "the ID is that of the entry as it stands in the stream")
		} else {
			require.Equal(t, sent.UnixNano(), e.Time, "a line without a time has the record's")
		}
	}
}

func TestRulesRunAgainForAnotherDigest(t *testing.T) {
	f := newFixture(t)
	_, err := f.indexer.Handle(t.Context(), records(ours(t, digest+1, raw("token=abcdef1234567890abcdef", "level=debug msg=x")...)))
	require.NoError(t, err)
	require.Len(t, f.index.entries, 1)
	require.NotContains(t, f.index.messages()[0], "abcdef1234567890abcdef")

	trusting := newFixture(t)
	_, err = trusting.indexer.Handle(t.Context(), records(ours(t, digest, raw("level=debug msg=x")...)))
	require.NoError(t, err)
	require.Len(t, trusting.index.entries, 1, "what our source let through is not looked at twice")
}

func TestTimesInTheFutureAndRetention(t *testing.T) {
	f := newFixture(t, func(o *indexer.Options) { o.Rules.Retention = 24 * time.Hour })
	future := raw("from the future")
	future[0].Time = sent.Add(48 * time.Hour).UnixNano()
	old := raw("old")
	old[0].Time = sent.Add(-48 * time.Hour).UnixNano()
	batch := records(ours(t, digest, future[0], old[0]))
	_, err := f.indexer.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.EqualValues(t, 1, f.observer.future)
	require.Equal(t, []string{"retention"}, f.observer.dropped)
	require.Equal(t, indexer.Tally{Entries: 2, Indexed: 1, Dropped: 1}, f.observer.finished[batch[0].Position])
	for _, e := range f.index.entries {
		require.Equal(t, sent.UnixNano(), e.Time)
		require.Equal(t, future[0].Time, e.CollectorTime)
	}
}

func TestHandleStopsWithItsContext(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := f.indexer.Handle(ctx, records(ours(t, digest, raw("a")...)))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, n)
}

func TestHandleMayRunAtOnce(t *testing.T) {
	f := newFixture(t)
	f.indexer, _ = indexer.New(indexer.Options{Index: &f.index, DeadLetters: &f.letters, Observer: quiet{}, Now: func() time.Time { return sent }, Rules: rulesOf(t)})
	var wait sync.WaitGroup
	for i := range 8 {
		batch := records(ours(t, digest, raw(fmt.Sprint("a", i), fmt.Sprint("b", i))...))
		wait.Go(func() {
			n, err := f.indexer.Handle(t.Context(), batch)
			if n != 1 || err != nil {
				t.Errorf("n = %d, err = %v", n, err)
			}
		})
	}
	wait.Wait()
	require.Len(t, f.index.entries, 16)
}

func rulesOf(t *testing.T) indexer.Rules {
	redactor, err := redact.New(redact.Options{Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	drop, err := policy.New(nil)
	require.NoError(t, err)
	return indexer.Rules{Redactor: redactor, Policy: drop, Digest: digest, MaxRecord: 1 << 20, MaxLine: 1 << 16}
}

type quiet struct{}

func (quiet) Finished(pipeline.Position, indexer.Tally) {}
func (quiet) Dropped(string)                            {}
func (quiet) Redacted(string)                           {}
func (quiet) Rejected(string)                           {}
func (quiet) FutureTimes(uint64)                        {}
func (quiet) Unpatterned(int)                           {}
func (quiet) Wrote(int, time.Duration)                  {}
