package indextest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

// DeadLetters is what a store of dead letters implements for the suite.
type DeadLetters interface {
	pipeline.DeadLetters
	DeadLetter(ctx context.Context, id pipeline.ID) (pipeline.DeadLetter, error)
	RemoveDeadLetters(ctx context.Context, ids []pipeline.ID) error
}

// DeadLettersHarness opens stores for TestDeadLetters, as Harness does.
type DeadLettersHarness struct {
	Open   func(t *testing.T) DeadLetters
	Reopen func(t *testing.T, s DeadLetters) DeadLetters
}

// TestDeadLetters is the suite of pipeline.DeadLetters.
func TestDeadLetters(t *testing.T, h DeadLettersHarness) {
	ctx := context.Background()
	letter := func(n byte) pipeline.DeadLetter {
		return pipeline.DeadLetter{
			ID: pipeline.ID{n}, Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "2", Sequence: "77"}, Sub: 1, Index: int(n)},
			Whole: n%2 == 0, Reason: fmt.Sprint("reason-", n%3), Detail: "größe", Data: []byte{n, 0, 0xff}, Size: 3, At: time.Unix(1_600_000_000, int64(n)).UTC(),
		}
	}
	s := h.Open(t)
	require.NoError(t, s.Add(ctx, nil))
	_, err := s.DeadLetter(ctx, pipeline.ID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	require.NoError(t, s.Add(ctx, []pipeline.DeadLetter{letter(1), letter(2), letter(1)}))
	again := letter(1)
	again.Detail = "changed"
	require.NoError(t, s.Add(ctx, []pipeline.DeadLetter{again, letter(3)}), "adding is idempotent")
	empty := letter(4)
	empty.Data, empty.Size = nil, 0
	require.NoError(t, s.Add(ctx, []pipeline.DeadLetter{empty}))
	s = h.Reopen(t, s)
	for n := byte(1); n <= 3; n++ {
		got, err := s.DeadLetter(ctx, pipeline.ID{n})
		require.NoError(t, err)
		require.Equal(t, letter(n), got)
	}
	got, err := s.DeadLetter(ctx, empty.ID)
	require.NoError(t, err)
	require.Empty(t, got.Data)
	require.NoError(t, s.RemoveDeadLetters(ctx, []pipeline.ID{{1}, {9}}))
	_, err = s.DeadLetter(ctx, pipeline.ID{1})
	require.ErrorIs(t, err, pipeline.ErrNotFound)
}

// StateHarness opens stores for TestState, as Harness does.
type StateHarness struct {
	Open   func(t *testing.T) pipeline.State
	Reopen func(t *testing.T, s pipeline.State) pipeline.State
}

// TestState is the suite of pipeline.State.
func TestState(t *testing.T, h StateHarness) {
	ctx := context.Background()
	s := h.Open(t)
	get := func(bucket, key string) []byte {
		t.Helper()
		v, err := s.Get(ctx, bucket, key)
		require.NoError(t, err)
		return v
	}
	require.Nil(t, get("b", "k"))
	require.NoError(t, s.Put(ctx, nil))
	require.NoError(t, s.Put(ctx, []pipeline.StateItem{{Bucket: "b", Key: "k", Value: []byte("1")}, {Bucket: "b", Key: "größe", Value: []byte{}}, {Bucket: "c", Key: "k", Value: []byte("3")}}))
	require.Equal(t, []byte("1"), get("b", "k"))
	require.Equal(t, []byte("3"), get("c", "k"), "buckets are apart")
	require.NotNil(t, get("b", "größe"), "an empty value is there")
	require.NoError(t, s.Put(ctx, []pipeline.StateItem{{Bucket: "b", Key: "k", Value: []byte("2")}, {Bucket: "b", Key: "k", Value: []byte("4")}, {Bucket: "c", Key: "k"}, {Bucket: "c", Key: "none"}}))
	require.Equal(t, []byte("4"), get("b", "k"), "the last of a call counts")
	require.Nil(t, get("c", "k"), "nil deletes")
	s = h.Reopen(t, s)
	require.Equal(t, []byte("4"), get("b", "k"))

	var items []pipeline.StateItem
	var want []string
	for i := range 1300 {
		key := fmt.Sprintf("%05d", (i*7919)%1300)
		items = append(items, pipeline.StateItem{Bucket: "many", Key: key, Value: []byte(key)})
		want = append(want, fmt.Sprintf("%05d", i))
	}
	items = append(items, pipeline.StateItem{Bucket: "many", Key: "", Value: []byte{}})
	require.NoError(t, s.Put(ctx, items))
	var got []string
	require.NoError(t, s.List(ctx, "many", func(key string, value []byte) error {
		require.Equal(t, key, string(value))
		got = append(got, key)
		return nil
	}))
	require.Equal(t, append([]string{""}, want...), got)
	stop := errors.New("stop")
	require.ErrorIs(t, s.List(ctx, "many", func(string, []byte) error { return stop }), stop)
	require.NoError(t, s.List(ctx, "none", func(string, []byte) error { return stop }))

	testConcurrentPuts(t, s)
}

func testConcurrentPuts(t *testing.T, s pipeline.State) {
	ctx := context.Background()
	var group sync.WaitGroup
	failures := make([]error, 8)
	for w := range failures {
		group.Go(func() {
			for i := range 20 {
				pair := []byte(fmt.Sprintf("%d-%d", w, i))
				failures[w] = errors.Join(failures[w], s.Put(ctx, []pipeline.StateItem{
					{Bucket: "x", Key: fmt.Sprint("own-", w), Value: pair}, {Bucket: "x", Key: "left", Value: pair}, {Bucket: "x", Key: "right", Value: pair},
				}))
			}
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(failures...))
	for w := range failures {
		v, err := s.Get(ctx, "x", fmt.Sprint("own-", w))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%d-19", w), string(v))
	}
	left, err := s.Get(ctx, "x", "left")
	require.NoError(t, err)
	right, err := s.Get(ctx, "x", "right")
	require.NoError(t, err)
	require.Equal(t, left, right, "a Put is one transaction")
}
