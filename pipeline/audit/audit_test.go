package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/audit"
	"github.com/loglode/loglode/pipeline/indexer"
	"github.com/loglode/loglode/pipeline/policy"
	"github.com/loglode/loglode/pipeline/redact"
	"github.com/loglode/loglode/pipeline/wire"
)

var sent = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// world is a stream and an index that are what they should be, until a test
// damages them.
type world struct {
	records  []pipeline.Record
	finished int // leading records that were handled
	first    int // first record that the stream still holds
	stored   []pipeline.Stored
	letters  map[pipeline.Lineage]bool
	retired  map[string]bool
	rules    indexer.Rules
	slice    int64
	gone     int64
	pipeline.LineReader
}

func (w *world) Records(_ context.Context, fn func(pipeline.Record) error) error {
	for _, r := range w.records[w.first:] {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) number(at pipeline.Position) (n int) {
	_, err := fmt.Sscan(at.Sequence, &n)
	if err != nil {
		return -1
	}
	return n - 1
}

func (w *world) Holds(at pipeline.Position) bool {
	return w.number(at) >= w.first && w.number(at) < len(w.records)
}
func (w *world) Finished(at pipeline.Position) bool { return w.number(at) < w.finished }

func (w *world) Gone() int64 { return w.gone }

func (w *world) DeadLetterAt(_ context.Context, at pipeline.Lineage) (bool, error) {
	return w.letters[at], nil
}

func (w *world) Scan(_ context.Context, from, to int64, fn func(pipeline.Stored) error) error {
	for _, s := range w.stored {
		if (from == 0 || s.Time >= from) && (to == 0 || s.Time < to) {
			if err := fn(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *world) Days(context.Context) ([]pipeline.DayInfo, error) {
	return []pipeline.DayInfo{{Day: "2026-11-20", Entries: int64(len(w.stored))}}, nil
}

func (w *world) audit(t *testing.T) audit.Report {
	t.Helper()
	report, err := audit.Run(t.Context(), audit.Options{Stream: w, Index: w, DeadLetters: w, Rules: w.rules, SliceEntries: w.slice,
		Retired: func(day string, _ pipeline.Position) bool { return w.retired[day] }})
	require.NoError(t, err)
	return report
}

var pod = &pipeline.Resource{Cluster: "prod", Namespace: "shop", Pod: "cart-1", Container: "cart"}

func line(i int) pipeline.RawEntry {
	return pipeline.RawEntry{Time: sent.Add(time.Duration(i) * time.Second).UnixNano(), Stream: "stdout", Resource: pod, Message: fmt.Sprint("line ", i)}
}

func record(t *testing.T, entries ...pipeline.RawEntry) []byte {
	c, err := wire.NewCompressor()
	require.NoError(t, err)
	e := wire.NewEncoder(c)
	for i := range entries {
		require.NoError(t, e.Add(&entries[i]))
	}
	return e.Seal(sent.UnixNano(), 7)
}

// newWorld holds three records of three lines each.
func newWorld(t *testing.T, more ...[]byte) *world {
	redactor, err := redact.New(redact.Options{Key: []byte("0123456789abcdef")})
	require.NoError(t, err)
	drop, err := policy.New(nil)
	require.NoError(t, err)
	w := &world{letters: map[pipeline.Lineage]bool{}, retired: map[string]bool{},
		rules: indexer.Rules{Redactor: redactor, Policy: drop, Digest: 7, MaxRecord: 1 << 20, MaxLine: 1 << 16}}
	data := append([][]byte{record(t, line(0), line(1), line(2)), record(t, line(3), line(4), line(5)), record(t, line(6), line(7), line(8))}, more...)
	expand, err := indexer.NewExpander(w.rules)
	require.NoError(t, err)
	there := map[pipeline.ID]bool{}
	for i, d := range data {
		rec := pipeline.Record{Position: pipeline.Position{Partition: "0", Sequence: fmt.Sprint(i + 1)}, Data: d, Arrived: sent}
		w.records = append(w.records, rec)
		expansion, err := expand.Expand(&rec, nil)
		if err != nil {
			w.letters[pipeline.Lineage{Position: rec.Position}] = true
			continue
		}
		for i := range expansion.Entries {
			e := &expansion.Entries[i]
			if !there[e.ID] {
				there[e.ID] = true
				w.stored = append(w.stored, pipeline.NewStored(e))
			}
		}
	}
	w.finished = len(w.records)
	return w
}

func TestAWholeWorldIsClean(t *testing.T) {
	for _, slice := range []int64{0, 2} { // one pass, five passes
		w := newWorld(t)
		w.slice = slice
		report := w.audit(t)
		require.True(t, report.Clean, "%+v", report)
		require.EqualValues(t, 3, report.Records)
		require.EqualValues(t, 9, report.Entries)
		require.EqualValues(t, 9, report.Documents)
	}
}

// Each damage must show under its own name, and nothing else may.
func TestDamageShows(t *testing.T) {
	cases := map[string]struct {
		damage func(t *testing.T, w *world)
		count  func(audit.Report) int64
		want   int64
		clean  bool
	}{
		"missing": {func(_ *testing.T, w *world) { w.stored = w.stored[:7] }, func(r audit.Report) int64 { return r.Missing }, 2, false},
		"doubled ID": {func(_ *testing.T, w *world) {
			again := w.stored[0]
			again.Lineage.Index, again.Content = 99, again.Content+1
			w.stored = append(w.stored, again)
		}, func(r audit.Report) int64 { return r.Doubled }, 1, false},
		"doubled content": {func(_ *testing.T, w *world) {
			again := w.stored[0]
			again.ID[0]++
			again.Lineage.Sequence = "0" // trimmed: only the content tells
			w.stored = append(w.stored, again)
		}, func(r audit.Report) int64 { return r.Doubled }, 1, false},
		"collapsed": {func(_ *testing.T, w *world) { w.stored[3].Content++ }, func(r audit.Report) int64 { return r.Collapsed }, 1, false},
		"stray": {func(_ *testing.T, w *world) {
			stray := w.stored[0]
			stray.ID[0]++
			stray.Content++
			stray.Lineage.Index = 77
			w.stored = append(w.stored, stray)
		}, func(r audit.Report) int64 { return r.Stray }, 1, false},
		"trimmed": {func(_ *testing.T, w *world) { w.first = 1 }, func(r audit.Report) int64 { return r.Trimmed }, 3, true},
		"pending": {func(_ *testing.T, w *world) { w.finished, w.stored = 2, w.stored[:6] }, func(r audit.Report) int64 { return r.Pending }, 3, true},
		"retired": {func(_ *testing.T, w *world) { w.stored, w.retired["2026-11-20"] = nil, true }, func(r audit.Report) int64 { return r.DroppedBy["retention"] }, 9, true},
		"refused by the index": {func(_ *testing.T, w *world) {
			w.letters[w.stored[8].Lineage] = true
			w.stored = w.stored[:8]
		}, func(r audit.Report) int64 { return r.Rejected }, 1, true},
		"gone": {func(_ *testing.T, w *world) { w.gone = 4 }, func(r audit.Report) int64 { return r.Gone }, 4, false},
		"letter lost": {func(t *testing.T, w *world) {
			*w = *newWorld(t, append(record(t, line(9)), 1, 2, 3))
			clear(w.letters)
		}, func(r audit.Report) int64 { return r.Missing }, 1, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.damage(t, w)
			report := w.audit(t)
			require.EqualValues(t, c.want, c.count(report), "%+v", report)
			require.Equal(t, c.clean, report.Clean, "%+v", report)
			faults := report.Missing + report.Doubled + report.Collapsed + report.Stray + report.Gone
			if c.clean {
				require.Zero(t, faults)
			} else {
				require.Equal(t, c.want, faults, "%+v", report)
				require.NotEmpty(t, report.Examples)
			}
		})
	}
}

func TestRepeatsAreHarmlessAndLostCountsAreNot(t *testing.T) {
	w := newWorld(t, record(t, line(0), line(1)))
	report := w.audit(t)
	require.True(t, report.Clean, "%+v", report)
	require.EqualValues(t, 2, report.Repeated)

	w = newWorld(t, record(t, line(20), line(20))) // one number twice within a record
	report = w.audit(t)
	require.EqualValues(t, 1, report.Collapsed, "%+v", report)
	require.False(t, report.Clean)
}

func TestARejectedRecordIsAccountedFor(t *testing.T) {
	report := newWorld(t, append(record(t, line(9)), 1, 2, 3)).audit(t)
	require.True(t, report.Clean, "%+v", report)
	require.EqualValues(t, 1, report.Rejected)
}

func TestTheRangeLimitsBothSides(t *testing.T) {
	w := newWorld(t)
	report, err := audit.Run(t.Context(), audit.Options{Stream: w, Index: w, DeadLetters: w, Rules: w.rules, Retired: func(string, pipeline.Position) bool { return false },
		From: line(2).Time, To: line(5).Time})
	require.NoError(t, err)
	require.True(t, report.Clean)
	require.EqualValues(t, 3, report.Entries)
	require.EqualValues(t, 3, report.Documents)
}

// Rules that were made later must not make an audit cry wolf, nor hide a loss.
func TestRulesThatCameLater(t *testing.T) {
	w := newWorld(t)
	var err error
	w.rules.Policy, err = policy.New([]policy.Rule{{Name: "shop", Namespace: "shop"}})
	require.NoError(t, err)
	w.rules.Digest++
	report := w.audit(t)
	require.True(t, report.Clean, "%+v", report)
	require.Zero(t, report.Dropped, "they were indexed before the rule was made")

	w.rules.Policy, err = policy.New(nil)
	require.NoError(t, err)
	w.stored = w.stored[:7]
	require.EqualValues(t, 2, w.audit(t).Missing)

	w = newWorld(t)
	w.rules.Retention = time.Nanosecond
	require.True(t, w.audit(t).Clean)
}

// A foreign record that a later rule drops.
func TestForeignRecordsUnderALaterRule(t *testing.T) {
	w := newWorld(t, []byte(`{"time":"2026-11-20T10:00:00Z","log":"x","kubernetes":{"namespace_name":"noise","pod_name":"p"}}`))
	require.EqualValues(t, 10, w.audit(t).Documents)
	var err error
	w.rules.Policy, err = policy.New([]policy.Rule{{Name: "noise", Namespace: "noise"}})
	require.NoError(t, err)
	report := w.audit(t)
	require.True(t, report.Clean, "%+v", report)
}

func TestALineTakenOnTwoWaysIsSuspected(t *testing.T) {
	twice := line(3)
	twice.Origin = "file:x@77"
	w := newWorld(t, record(t, twice))
	report := w.audit(t)
	require.EqualValues(t, 1, report.Suspected)
	require.True(t, report.Clean, "it may be two lines")
}
