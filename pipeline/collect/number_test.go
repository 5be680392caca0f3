package collect_test

import (
	"encoding/hex"
	"testing"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	r := &pipeline.Resource{Pod: "p"}
	stdout, stderr := collect.KeyOf(r, "stdout"), collect.KeyOf(r, "stderr")
	asked := map[collect.Key]int{}
	n := collect.NewNumberer("file", func(k collect.Key, _ int64) (collect.Mark, bool) {
		asked[k]++
		return collect.Mark{Time: 10, Count: 3}, k == stdout
	})
	for _, c := range []struct {
		stream     string
		time       int64
		occurrence uint64
		origin     string
	}{
		{"stdout", 10, 4, ""}, // goes on from the base
		{"stderr", 10, 0, ""}, // has none
		{"stdout", 10, 5, ""},
		{"stderr", 10, 1, ""},
		{"stdout", 11, 0, ""},
		{"stdout", 9, 0, "file@77"}, // back in time
		{"stdout", 11, 1, ""},       // which did not move the mark
		{"stdout", 0, 0, "file@77"},
		{"stdout", 11, 2, ""},
	} {
		e := &collect.Entry{RawEntry: pipeline.RawEntry{Resource: r, Stream: c.stream, Time: c.time, Occurrence: 99, Origin: "stale"}, Start: 77}
		n.Number(e)
		require.Equal(t, c.occurrence, e.Occurrence, c)
		require.Equal(t, c.origin, e.Origin, c)
	}
	require.Equal(t, map[collect.Key]collect.Mark{stdout: {Time: 11, Count: 2}, stderr: {Time: 10, Count: 1}}, n.Marks())
	require.Equal(t, map[collect.Key]collect.Mark{stdout: {Time: 10, Count: 3}}, n.Bases())
	require.Equal(t, map[collect.Key]int{stdout: 1, stderr: 1}, asked, "once for each key")
}

// TestMarksCarryOver: a file read in two units is numbered as in one.
func TestMarksCarryOver(t *testing.T) {
	lines := []string{
		"2021-08-03T09:18:00Z stdout F a", "2021-08-03T09:18:00Z stdout F a", "2021-08-03T09:18:00Z stderr F a",
		"2021-08-03T09:18:00Z stdout F a", "2021-08-03T09:18:00Z stderr F a", "2021-08-03T09:18:01Z stdout F a",
	}
	whole := collected(t, collect.Options{}, lines...)
	for cut := range lines {
		first := newSource(collect.Options{})
		for _, l := range lines[:cut] {
			first.line(t, l)
		}
		first.flush(t)
		marks := first.numbers.Marks()
		second := newSource(collect.Options{Numbers: collect.NewNumberer("file", func(k collect.Key, _ int64) (collect.Mark, bool) {
			m, ok := marks[k]
			return m, ok
		})})
		for _, l := range lines[cut:] {
			second.line(t, l)
		}
		second.flush(t)
		for i, e := range append(first.entries, second.entries...) {
			require.Equal(t, whole[i].Occurrence, e.Occurrence, "cut at %d, line %d", cut, i)
		}
	}
}

// TestKeyIsFrozen: sources store marks by Key.
func TestKeyIsFrozen(t *testing.T) {
	for _, c := range []struct {
		r      pipeline.Resource
		stream string
		want   string
	}{
		{pipeline.Resource{}, "", "c61571a9fa58278456b1430ea9e34626"},
		{pipeline.Resource{Cluster: "c", Namespace: "n", Pod: "p", PodUID: "u", Container: "x", Node: "h"}, "stdout", "381716e6013ddc9f4e5564ca4cc5be8e"},
		{pipeline.Resource{Cluster: "c", Namespace: "n", Pod: "u", Container: "x"}, "stdout", "381716e6013ddc9f4e5564ca4cc5be8e"},
		{pipeline.Resource{Cluster: "c", Namespace: "n", Node: "u", Container: "x", Owner: "o"}, "stdout", "381716e6013ddc9f4e5564ca4cc5be8e"},
		{pipeline.Resource{Cluster: "cn", Pod: "u", Container: "x"}, "stdout", "fc4caaef1bcdec6ec3ebd9fb5d9f002f"},
	} {
		k := collect.KeyOf(&c.r, c.stream)
		require.Equal(t, c.want, hex.EncodeToString(k[:]), "%+v", c.r)
	}
}
