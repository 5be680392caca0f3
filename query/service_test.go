package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

var shopOnly = []pipeline.Scope{{Cluster: "west", Namespace: "shop"}}

func TestAroundCutsTiesAtTheEntry(t *testing.T) {
	m := &memory{page: 2} // a store that returns less than is asked for
	s := query.Service{Reader: m, Now: clock}
	m.write(line(100, "first"))
	for n := uint64(1); n <= 9; n++ { // nine lines share a time
		m.write(line(n, fmt.Sprintf("tie %d", n), at(noon)))
	}
	m.write(line(200, "last", at(noon.Add(time.Second))))
	around := func(centre uint64, before, after int) []string {
		t.Helper()
		got, err := s.Around(context.Background(), id(centre), before, after)
		require.NoError(t, err)
		require.Empty(t, got.Next)
		return messages(got.Lines)
	}
	require.Equal(t, []string{"tie 3", "tie 4", "tie 5", "tie 6", "tie 7"}, around(5, 2, 2))
	require.Equal(t, []string{"first", "tie 1"}, around(1, 5, 0))
	require.Equal(t, []string{"tie 9", "last"}, around(9, 0, 5))
	require.Equal(t, []string{"tie 5"}, around(5, 0, 0))
	require.Len(t, around(5, 1000, 1000), 11)

	_, err := s.Around(context.Background(), id(77), 1, 1)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = s.Around(context.Background(), id(5), 1001, 0)
	requireRejected(t, err, "too much context")
	_, err = s.Around(context.Background(), id(5), 0, -1)
	requireRejected(t, err, "negative context")
}

func TestAroundStaysWithItsKin(t *testing.T) {
	resource := func(change func(*pipeline.Resource)) func(*pipeline.Entry) {
		return func(e *pipeline.Entry) {
			r := *e.Resource
			change(&r)
			e.Resource = &r
		}
	}
	event := func(name string) func(*pipeline.Entry) {
		return func(e *pipeline.Entry) {
			e.Kind = pipeline.KindEvent
			e.Event = &pipeline.Event{ObjectKind: "Pod", ObjectNamespace: "shop", ObjectName: name}
		}
	}
	node := func(name string) func(*pipeline.Entry) {
		return func(e *pipeline.Entry) {
			e.Kind = pipeline.KindNode
			e.Resource = &pipeline.Resource{Cluster: "west", Node: name, Container: "kubelet"}
		}
	}
	m := &memory{}
	s := query.Service{Reader: m, Now: clock}
	m.write(
		line(1, "app"), line(2, "app too"),
		line(3, "other cluster", resource(func(r *pipeline.Resource) { r.Cluster = "east" })),
		line(4, "other namespace", namespace("pay")),
		line(5, "other container", resource(func(r *pipeline.Resource) { r.Container = "proxy" })),
		line(6, "other pod", resource(func(r *pipeline.Resource) { r.Pod = "cart-00" })),
		line(7, "event", event("cart-0")), line(8, "event too", event("cart-0")), line(9, "other object", event("cart-1")),
		line(10, "node", node("n1")), line(11, "node too", node("n1")), line(12, "other node", node("n2")),
		line(13, "star", resource(func(r *pipeline.Resource) { r.Pod = "cart-*" })),
	)
	for centre, want := range map[uint64][]string{
		1:  {"app too", "app"},
		8:  {"event too", "event"},
		10: {"node too", "node"},
		13: {"star"},
	} {
		got, err := s.Around(context.Background(), id(centre), 10, 10)
		require.NoError(t, err)
		require.Equal(t, want, messages(got.Lines))
	}
}

func TestScopesHoldForEveryQuestion(t *testing.T) {
	m := &memory{}
	s := query.Service{Reader: m, Now: clock}
	m.write(line(1, "mine"), line(2, "theirs", namespace("pay"), at(noon.Add(-48*time.Hour))))
	ctx := query.WithScopes(context.Background(), shopOnly)

	page, err := s.Lines(ctx, query.LineRequest{Selection: query.Selection{Namespaces: []string{"pay", "shop"}}})
	require.NoError(t, err)
	require.Equal(t, []string{"mine"}, messages(page.Lines))

	_, err = s.Line(ctx, id(2))
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = s.Around(ctx, id(2), 1, 1)
	require.ErrorIs(t, err, pipeline.ErrNotFound)
	_, err = s.Line(ctx, id(1))
	require.NoError(t, err)

	days, err := s.Days(ctx)
	require.NoError(t, err)
	text, err := json.Marshal(days)
	require.NoError(t, err)
	require.JSONEq(t, `{"days":[{"day":"2021-08-03"}]}`, string(text))

	nothing := query.WithScopes(context.Background(), []pipeline.Scope{})
	page, err = s.Lines(nothing, query.LineRequest{})
	require.NoError(t, err)
	require.Empty(t, page.Lines)
	_, err = s.Line(nothing, id(1))
	require.ErrorIs(t, err, pipeline.ErrNotFound)

	days, err = s.Days(query.WithScopes(context.Background(), nil))
	require.NoError(t, err)
	require.Len(t, days.Days, 2)
	require.EqualValues(t, 1, *days.Days[0].Entries)
}

func TestFollowMissesAndRepeatsNothing(t *testing.T) {
	m := &memory{}
	s := query.Service{Reader: m, Now: clock}
	ctx := query.WithScopes(context.Background(), shopOnly)
	m.write(line(9, "old"), line(8, "older", at(noon.Add(-time.Hour))), line(7, "hidden", namespace("pay")))
	f, err := s.Follow(ctx, query.LineRequest{}, 2)
	require.NoError(t, err)
	m.write(line(6, "new"))
	next := func() []string {
		t.Helper()
		lines, err := f.Next(ctx)
		require.NoError(t, err)
		return messages(lines)
	}
	require.Equal(t, []string{"older", "old"}, next())
	require.Equal(t, []string{"new"}, next())
	require.Empty(t, next())
	m.write(line(5, "hidden too", namespace("pay")), line(4, "last"))
	place := f.Cursor()
	require.Equal(t, []string{"last"}, next())

	f, err = s.Follow(ctx, query.LineRequest{Cursor: place}, 0)
	require.NoError(t, err)
	require.Equal(t, []string{"last"}, next())
}

// raced writes a line between the two reads that open a Follower.
type raced struct {
	*memory
	late pipeline.Entry
}

func (r *raced) Lines(ctx context.Context, q pipeline.LineQuery) (pipeline.LinePage, error) {
	r.write(r.late)
	return r.memory.Lines(ctx, q)
}

func TestFollowShowsALineOnceThatIsWrittenWhileItOpens(t *testing.T) {
	m := &raced{memory: &memory{}, late: line(1, "late")}
	s := query.Service{Reader: m, Now: clock}
	f, err := s.Follow(context.Background(), query.LineRequest{}, 10)
	require.NoError(t, err)
	lines, err := f.Next(context.Background())
	require.NoError(t, err)
	require.Equal(t, []string{"late"}, messages(lines))
	lines, err = f.Next(context.Background())
	require.NoError(t, err)
	require.Empty(t, lines)
}

func TestFollowRefusesWhatHasNoMeaning(t *testing.T) {
	s := query.Service{Reader: &memory{}, Now: clock}
	for _, r := range []query.LineRequest{{Selection: query.Selection{To: "now"}}, {Order: "newest"}, {Limit: 5}, {Cursor: "!"}, {Selection: query.Selection{Levels: []string{"x"}}}} {
		_, err := s.Follow(context.Background(), r, 0)
		requireRejected(t, err, r)
	}
	_, err := s.Follow(context.Background(), query.LineRequest{}, query.MaxLast+1)
	requireRejected(t, err, "last")
}

func TestFollowerRunPollsAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		wake := make(chan error, 1)
		s := query.Service{Reader: m, Poll: time.Second, Wake: func(ctx context.Context) error {
			select {
			case err := <-wake:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		ctx, cancel := context.WithCancel(t.Context())
		f, err := s.Follow(ctx, query.LineRequest{}, 0)
		require.NoError(t, err)
		var got []string
		steps := 0
		done := make(chan error)
		go func() {
			done <- f.Run(ctx, func(lines []query.Line) error {
				got, steps = append(got, messages(lines)...), steps+1
				return nil
			})
		}()
		synctest.Wait()
		require.Equal(t, 1, steps)

		m.write(line(1, "polled"))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"polled"}, got)

		m.write(line(2, "woken"))
		wake <- nil
		synctest.Wait()
		require.Equal(t, []string{"polled", "woken"}, got)

		before := steps
		wake <- errors.New("a broken wake-up must not spin")
		synctest.Wait()
		require.Equal(t, before, steps)

		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestFollowerRunEndsWithTheStoresError(t *testing.T) {
	m := &memory{}
	s := query.Service{Reader: m}
	f, err := s.Follow(context.Background(), query.LineRequest{}, 0)
	require.NoError(t, err)
	m.err = pipeline.ErrTryLater
	require.ErrorIs(t, f.Run(context.Background(), func([]query.Line) error { return nil }), pipeline.ErrTryLater)
	m.err = nil
	stop := errors.New("stop")
	require.ErrorIs(t, f.Run(context.Background(), func([]query.Line) error { return stop }), stop)
}

func TestDeadLetterPreview(t *testing.T) {
	redact := func(s string) string { return strings.ReplaceAll(s, "hunter2", "<redacted>") }
	letter := func(data string) query.DeadLetter {
		return query.NewDeadLetter(pipeline.DeadLetter{
			ID: id(1), At: noon, Reason: "corrupt_record", Detail: "at hunter2", Whole: true, Data: []byte(data),
			Lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "2", Sequence: "7"}, Sub: 1, Index: 3},
		}, redact)
	}
	require.Equal(t, `pw=<redacted> \x1b[31m`, letter("pw=hunter2 \x1b[31m").Preview)
	require.Equal(t, "at <redacted>", letter("").Detail)
	// The secret lies across the cut, and the cut across a character.
	long := letter(strings.Repeat("é", 1021) + "hunter2" + strings.Repeat("é", 5000))
	require.Len(t, long.Preview, 2048)
	require.True(t, strings.HasSuffix(long.Preview, "é<redac"), long.Preview[2030:])
	require.Len(t, letter(strings.Repeat("a", 1)+strings.Repeat("é", 5000)).Preview, 2047)
	require.Equal(t, "binary: 1f8b0800000000000003", letter("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03").Preview)
	require.LessOrEqual(t, len(letter(strings.Repeat("\x00\x01\xff", 9000)).Preview), 100)

	text, err := json.Marshal(letter("x"))
	require.NoError(t, err)
	require.Equal(t, `{"id":"00000000000000000000000000000001","at":"2021-08-03T12:00:00Z","reason":"corrupt_record","detail":"at \u003credacted\u003e",`+
		`"partition":"2","sequence":"7","sub":1,"index":3,"whole":true,"bytes":1,"preview":"x"}`, string(text))
}
