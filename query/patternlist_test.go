package query_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

// many is n lines of a template, a second apart, the last just before end.
func many(n int, template string, end time.Time, change ...func(*pipeline.Entry)) []pipeline.Entry {
	var entries []pipeline.Entry
	for i := range n {
		serial := uint64(end.Unix())*1000 + uint64(i)
		e := line(1, template, append([]func(*pipeline.Entry){of(template), at(end.Add(-time.Duration(i+1) * time.Second))}, change...)...)
		e.ID = id(serial ^ uint64(template[0])<<50)
		entries = append(entries, e)
	}
	return entries
}

func list(t *testing.T, s *query.Service, r query.PatternsRequest) query.PatternsResponse {
	t.Helper()
	response, err := s.PatternList(context.Background(), r)
	require.NoError(t, err)
	return response
}

// rows is a list in short.
func rows(r query.PatternsResponse) []string {
	short := []string{}
	for _, p := range r.Patterns {
		short = append(short, fmt.Sprintf("%s %d %d", p.Template, p.Count, p.Before))
	}
	return short
}

func TestPatternsByCount(t *testing.T) {
	p, s := newPatterns(many(3, "a", noon)...)
	p.write(many(5, "b", noon.Add(-time.Hour), level(pipeline.LevelError))...)
	p.write(many(5, "c", noon, namespace("pay"))...)
	got := list(t, s, query.PatternsRequest{Limit: 2})
	require.Equal(t, 3, got.Total)
	require.Len(t, got.Patterns, 2)
	require.EqualValues(t, 5, got.Patterns[1].Count)
	require.Nil(t, got.Window.From)
	require.Nil(t, got.Before)
	require.Empty(t, got.Note)

	got = list(t, s, query.PatternsRequest{Selection: query.Selection{Levels: []string{"error"}, From: "2h"}})
	require.Equal(t, []string{"b 5 0"}, rows(got))
	row := got.Patterns[0]
	require.Equal(t, [5]string{"error", "log", "west", "shop", "cart"}, [5]string{row.Level, row.Kind, row.Cluster, row.Namespace, row.Service})
	require.Equal(t, noon.Add(-time.Hour-5*time.Second), row.FirstSeen)
	require.Equal(t, noon.Add(-time.Hour-time.Second), row.LastSeen)
	require.Equal(t, noon.Add(-2*time.Hour), *got.Window.From)

	got = list(t, s, query.PatternsRequest{Selection: query.Selection{From: "2021-08-03 13:00"}})
	require.Empty(t, got.Patterns)
	require.NotNil(t, got.Patterns)
	require.Contains(t, got.Note, "the newest line is from 2021-08-03 11:59: use --from/--to")
}

func TestPatternsAgainstTheSameHoursBefore(t *testing.T) {
	yesterday := noon.Add(-24 * time.Hour)
	p, s := newPatterns(many(100, "steady", noon)...)
	p.write(many(90, "steady", yesterday)...)
	p.write(many(600, "half more", noon)...) // no chance, but no rise that anyone asks for
	p.write(many(400, "half more", yesterday)...)
	p.write(many(30, "rising", noon)...)
	p.write(many(10, "rising", yesterday)...)
	p.write(many(90, "steeper", noon)...)
	p.write(many(10, "steeper", yesterday)...)
	p.write(many(4, "few", noon)...)
	p.write(many(1, "few", yesterday)...)
	p.write(many(2, "new", noon)...)
	p.write(many(1, "newer", noon.Add(10*time.Second))...) // in the future of the clock
	p.write(many(5, "gone", yesterday)...)
	p.write(many(9, "long gone", yesterday)...)
	p.write(many(7, "late", noon.Add(-6*time.Hour))...)
	p.write(many(1, "first", yesterday.Add(-59*time.Minute))...)
	p.write(many(1, "first", noon)...)
	window := query.Selection{From: "1h", To: "2021-08-03 12:00:30"}

	got := list(t, s, query.PatternsRequest{Selection: window, Order: query.OrderNew})
	require.Equal(t, []string{"newer 1 0", "new 2 0"}, rows(got))
	require.Equal(t, yesterday.Add(-time.Hour), *got.Before.From)
	require.Equal(t, yesterday.Add(30*time.Second), *got.Before.To)
	require.Empty(t, got.Note)

	require.Equal(t, []string{"steeper 90 10", "rising 30 10"}, rows(list(t, s, query.PatternsRequest{Selection: window, Order: query.OrderRising})))

	got = list(t, s, query.PatternsRequest{Selection: window, Order: query.OrderSilent})
	require.Equal(t, []string{"long gone 0 9", "gone 0 5"}, rows(got))
	require.Equal(t, yesterday.Add(-time.Second), got.Patterns[0].LastSeen)

	got = list(t, s, query.PatternsRequest{Selection: window, Order: query.OrderSilent, Against: "6h"})
	require.Equal(t, []string{"late 0 7"}, rows(got))
	require.Equal(t, noon.Add(-7*time.Hour), *got.Before.From)
	require.Contains(t, got.Note, "indexed from 2021-08-03 05:59 on only")
}

func TestPatternsNeedAWindowAndATimeBefore(t *testing.T) {
	p, s := newPatterns(many(3, "a", noon.Add(-10*time.Minute))...)
	got := list(t, s, query.PatternsRequest{Order: query.OrderNew})
	require.Empty(t, got.Patterns)
	require.Contains(t, got.Note, "nothing was indexed in the time before")
	require.Equal(t, noon.Add(-24*time.Hour), *got.Window.From)
	require.Equal(t, noon, *got.Window.To)

	// The time just before, where the day before holds nothing.
	p.write(many(2, "b", noon.Add(-70*time.Minute))...)
	got = list(t, s, query.PatternsRequest{Order: query.OrderNew, Selection: query.Selection{From: "1h"}})
	require.Equal(t, []string{"a 3 0"}, rows(got))
	require.Equal(t, noon.Add(-2*time.Hour), *got.Before.From)
	require.Contains(t, got.Note, "just before")

	// A level that did not occur is a finding, a namespace without lines is none.
	p.write(many(1, "c", noon, level(pipeline.LevelError), namespace("pay"))...)
	got = list(t, s, query.PatternsRequest{Order: query.OrderNew, Selection: query.Selection{From: "1h", Levels: []string{"error"}}})
	require.Equal(t, []string{"c 1 0"}, rows(got))
	got = list(t, s, query.PatternsRequest{Order: query.OrderNew, Selection: query.Selection{From: "1h", Namespaces: []string{"pay"}}})
	require.Empty(t, got.Patterns)
	require.NotEmpty(t, got.Note)

	// Two and a half days are measured against three days earlier.
	p.write(many(1, "d", noon.Add(-5*24*time.Hour))...)
	got = list(t, s, query.PatternsRequest{Order: query.OrderSilent, Selection: query.Selection{From: "60h"}})
	require.Equal(t, []string{"d 0 1"}, rows(got))
	require.Equal(t, noon.Add(-132*time.Hour), *got.Before.From)

	// Everything lies long before the window.
	s.Now = func() time.Time { return noon.Add(1000 * time.Hour) }
	got = list(t, s, query.PatternsRequest{Order: query.OrderRising})
	require.Contains(t, got.Note, "the newest line is from 2021-08-03 11:59: use --from/--to")

	for name, r := range map[string]query.PatternsRequest{
		"order": {Order: "loud"}, "limit": {Limit: 10_001}, "negative": {Limit: -1}, "against": {Order: query.OrderNew, Against: "soon"},
		"no shift": {Order: query.OrderNew, Against: "0d"}, "useless": {Against: "1d"}, "level": {Selection: query.Selection{Levels: []string{"x"}}},
	} {
		_, err := s.PatternList(context.Background(), r)
		requireRejected(t, err, name)
	}
}
