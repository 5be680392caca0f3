package producers_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/producers"
	"github.com/loglode/loglode/producers/producertest"
)

func load(t *testing.T, w *producertest.World, identity string, entries ...collect.Entry) error {
	u, err := w.Ledger().Unit(t.Context(), identity)
	require.NoError(t, err)
	defer u.Close()
	b := w.Intake(t).Batch(u.Read(), u)
	for i := range entries {
		e := entries[i]
		e.Lines = 1
		u.Numbers().Number(&e)
		if err := b.Add(t.Context(), identity, &e); err != nil {
			return err
		}
	}
	_, err = b.Commit(t.Context())
	return err
}

func line(container string, at int64, message string) collect.Entry {
	return collect.Entry{RawEntry: pipeline.RawEntry{Time: at, Stream: "stdout", Message: message, Resource: &pipeline.Resource{Container: container}}}
}

// A retry of an older unit must not move the tail back.
func TestARetryDoesNotMoveTheTailBack(t *testing.T) {
	var w producertest.World
	require.NoError(t, load(t, &w, "A", line("c", 5, "x"), line("c", 5, "x")))
	require.NoError(t, load(t, &w, "B", line("c", 5, "x"), line("c", 5, "x")))
	require.NoError(t, load(t, &w, "A", line("c", 5, "x"), line("c", 5, "x")))
	require.NoError(t, load(t, &w, "C", line("c", 5, "x"), line("c", 5, "x")))
	require.Len(t, w.Stream.Distinct(t), 6)
}

// A unit that fails twice, at different places.
func TestAUnitThatFailsTwice(t *testing.T) {
	w := producertest.World{RecordBytes: 200, WaveBytes: 400}
	require.NoError(t, load(t, &w, "before", line("k1", 5, "x"), line("k2", 5, "x")))
	var es []collect.Entry
	for i := range 10 {
		es = append(es, line("k1", 5, fmt.Sprint("x", 0*i)))
	}
	for i := range 10 {
		es = append(es, line("k2", 5, fmt.Sprint("x", 0*i)))
	}
	for _, at := range []int{3, 1} {
		n := 0
		w.Stream.Fault = func([]producers.Outgoing) producertest.Fault {
			if n++; n == at {
				return producertest.Fault{Err: producertest.ErrFault, Keep: 99}
			}
			return producertest.Fault{}
		}
		require.Error(t, load(t, &w, "A", es...))
	}
	w.Stream.Fault = nil
	require.NoError(t, load(t, &w, "A", es...))
	require.Len(t, w.Stream.Distinct(t), 22)
}

// Two units at once, of one container and one time.
func TestUnitsAtOnceCollapseNothing(t *testing.T) {
	var w producertest.World
	ledger, intake := w.Ledger(), w.Intake(t)
	type source struct {
		unit  *producers.Unit
		batch *producers.Batch
	}
	begin := func(identity string) source {
		u, err := ledger.Unit(t.Context(), identity)
		require.NoError(t, err)
		return source{u, intake.Batch(u.Read(), u)}
	}
	add := func(s source, start int64) {
		e := line("c", 5, "x")
		e.Start = start
		s.unit.Numbers().Number(&e)
		require.NoError(t, s.batch.Add(t.Context(), "", &e))
	}
	end := func(s source) {
		_, err := s.batch.Commit(t.Context())
		require.NoError(t, err)
		s.unit.Close()
	}
	for range 2 { // the second time all of it is a retry
		a, b, again := begin("A"), begin("B"), begin("A")
		for i := range int64(3) {
			add(a, i)
			add(b, i)
			add(again, i)
		}
		end(b)
		end(a)
		end(again)
		c := begin("C")
		add(c, 0)
		end(c)
		require.Len(t, w.Stream.Distinct(t), 7)
	}
}

// What is sent again on another way, as a part of something else, gets the
// numbers that it got before.
func TestABackfillOfWhatIsThereIsTheSame(t *testing.T) {
	var w producertest.World
	require.NoError(t, load(t, &w, "live", line("c", 5, "x"), line("c", 5, "x"), line("c", 7, "y"), line("c", 9, "z")))
	require.NoError(t, load(t, &w, "file", line("c", 4, "w"), line("c", 5, "x"), line("c", 5, "x"), line("c", 7, "y")))
	require.Len(t, w.Stream.Distinct(t), 5)
	// And the borders of a backfill hold as well.
	require.NoError(t, load(t, &w, "old 1", line("c", 1, "v"), line("c", 2, "v")))
	require.NoError(t, load(t, &w, "old 2", line("c", 2, "v"), line("c", 3, "v")))
	require.Len(t, w.Stream.Distinct(t), 9)
}

// A record that the stream can never take must not hold up the others.
func TestARefusedRecordIsADeadLetter(t *testing.T) {
	w := producertest.World{RecordBytes: 200}
	w.Stream.Fault = func(records []producers.Outgoing) producertest.Fault {
		for _, r := range records {
			if len(r.Data) > 1000 {
				return producertest.Fault{Err: fmt.Errorf("%w: too large", pipeline.ErrRejected)}
			}
		}
		return producertest.Fault{}
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 4000)
	for i := range noise {
		noise[i] = byte('a' + random.IntN(26))
	}
	var es []collect.Entry
	for i := range 6 {
		es = append(es, line("c", int64(i+1), fmt.Sprint("line ", i)))
	}
	es[3].Message = string(noise)
	require.NoError(t, load(t, &w, "unit", es...))
	require.Len(t, w.Stream.Distinct(t), 5)
	require.Len(t, w.Letters.All(), 1)
	require.Equal(t, producers.ReasonRefused, w.Letters.All()[0].Reason)
	require.Equal(t, 1, w.Observer.Rejected(producers.ReasonRefused))
}
