package sqlite

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

var update = flag.Bool("update", false, "write testdata/block.golden anew")

// goldenRows is a small block with something of everything.
func goldenRows() ([]row, [][]string) {
	original := `"2030-01-01T00:00:00Z"`
	rows := []row{
		{time: 1627984680848696855, collector: 1627984680848696855, resource: 1, service: 2, stream: 3, level: pipeline.LevelInfo, terms: 3, pattern: 4,
			lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: "17"}, Sub: 1, Index: 4}, raw: "pod pod started"},
		{time: 1627984680848696855, collector: 0, occurrence: 300, resource: 1, service: 2, stream: 3, terms: 1,
			lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: "18"}}, raw: "größe", origin: "file@7", original: &original},
		{time: -5, collector: math.MaxInt64, resource: 9, service: 8, stream: 7, kind: pipeline.KindEvent, level: pipeline.LevelFatal, terms: 2, pattern: 300,
			lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: "17"}, Index: 5}, raw: "{}",
			event: &pipeline.Event{UID: "u-1", ResourceVersion: "12", Count: math.MaxUint64, Reason: "Killing", ObjectKind: "Pod", ObjectNamespace: "ns", ObjectName: "p"}},
	}
	return rows, [][]string{{"pod", "pod", "start"}, {"größe"}, {"pod", "podium"}}
}

func encodePostings(terms [][]string) (postings, joined []byte) {
	a := analysis.New()
	numbers := make([][]uint32, len(terms))
	for i, list := range terms {
		for _, t := range list {
			numbers[i] = append(numbers[i], a.Number(t))
		}
	}
	var v inverter
	return v.invert(nil, nil, a, numbers)
}

// The format of blocks is frozen: what an older loglode wrote must be read for
// ever. Another format has another first byte.
func TestGoldenBlock(t *testing.T) {
	rows, terms := goldenRows()
	postings, joined := encodePostings(terms)
	s := summarise(7, rows)
	var b strings.Builder
	for _, part := range []struct {
		name string
		data []byte
	}{{"columns", appendColumns(nil, rows)}, {"texts", appendTexts(nil, rows)}, {"postings", postings}, {"details", s.appendDetails(nil)}, {"groups", new(grouper).append(nil, &s, rows)}} {
		fmt.Fprintf(&b, "%s %s\n", part.name, hex.EncodeToString(part.data))
	}
	require.Equal(t, "größe pod podium start ", string(joined))
	path := filepath.Join("testdata", "block.golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func TestBlockRoundTrip(t *testing.T) {
	rows, _ := goldenRows()
	for len(rows) < blockEntries {
		rows = append(rows, rows[len(rows)%3])
		rows[len(rows)-1].time += int64(len(rows))
	}
	for _, n := range []int{1, 2, 3, 255, 256} {
		var c columns
		require.NoError(t, c.decode(appendColumns(nil, rows[:n])))
		var x texts
		require.NoError(t, x.decode(appendTexts(nil, rows[:n])))
		v := &view{}
		r := blockReader{columns: c, texts: x, view: v, ids: make([]byte, 16*n)}
		for i := range n {
			require.Equal(t, rows[i], r.row(i))
		}
		s := summarise(3, rows[:n])
		back := summary{id: s.id, n: s.n, minTime: s.minTime, maxTime: s.maxTime}
		require.NoError(t, back.decodeDetails(s.appendDetails(nil)))
		require.Equal(t, s, back)
	}
}

// Version 1 of a day's file knew no patterns.
func TestDetailsOfVersion1(t *testing.T) {
	old, err := hex.DecodeString("01490306020108020206")
	require.NoError(t, err)
	rows, _ := goldenRows()
	for i := range rows {
		rows[i].pattern = 0
	}
	want := summarise(7, rows)
	got := summary{id: 7, n: want.n, minTime: want.minTime, maxTime: want.maxTime}
	require.NoError(t, got.decodeDetails(old))
	require.Equal(t, want, got)
	require.Equal(t, noDocuments, got.documents)
}

func TestNumberSet(t *testing.T) {
	s := newNumberSet([]uint32{300, 0, 7, 7, 300, 70_000})
	require.Equal(t, numberSet{0, 7, 0xa5, 2, 0xc4, 0xa0, 4}, s)
	wanted := make([]bool, 400)
	require.True(t, s.anyOf(nil))
	require.False(t, s.anyOf(wanted))
	require.False(t, s.anyOf([]bool{}))
	wanted[8], wanted[299] = true, true
	require.False(t, s.anyOf(wanted))
	wanted[300] = true
	require.True(t, s.anyOf(wanted))
	require.False(t, numberSet{}.valid())
	require.False(t, numberSet{1, 0x80}.valid())
}

// The groups of a block are what counting its rows one by one gives.
func TestBlockGroups(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		rows := make([]row, 1+random.IntN(blockEntries))
		type key struct {
			document, resource uint32
			kind               pipeline.Kind
			level              pipeline.Level
		}
		want := map[key]blockGroup{}
		events := map[key]map[uidHash]uint64{}
		for i := range rows {
			r := &rows[i]
			*r = row{
				time: random.Int64N(1000) - 500, pattern: uint32(random.IntN(4)) * 100, resource: uint32(random.IntN(3)),
				kind: pipeline.Kind(random.IntN(2) * 255), level: pipeline.Level(random.IntN(2) * 255),
			}
			if random.IntN(3) == 0 {
				r.event = &pipeline.Event{UID: fmt.Sprint(random.IntN(5)), Count: random.Uint64() >> random.IntN(64)}
			}
			if r.pattern == 0 {
				continue
			}
			k := key{r.pattern, r.resource, r.kind, r.level}
			g, ok := want[k]
			if !ok {
				g.first, g.last = math.MaxInt64, math.MinInt64
				events[k] = map[uidHash]uint64{}
			}
			g.lines++
			g.first, g.last = min(g.first, r.time), max(g.last, r.time)
			if r.event == nil {
				g.eventless++
			} else {
				events[k][hashUID(r.event.UID)] = max(events[k][hashUID(r.event.UID)], r.event.Count)
			}
			want[k] = g
		}
		s := summarise(1, rows)
		data := new(grouper).append(nil, &s, rows)
		if len(want) == 0 {
			require.Empty(t, data)
			continue
		}
		require.NoError(t, eachGroup(data, s.minTime, func(g *blockGroup) error {
			k := key{g.document, g.resource, g.kind, g.level}
			w, ok := want[k]
			require.True(t, ok, "each group once")
			delete(want, k)
			require.Equal(t, []int64{w.lines, w.eventless, w.first, w.last}, []int64{g.lines, g.eventless, g.first, g.last})
			got := map[uidHash]uint64{}
			for _, e := range g.events {
				got[e.uid] = e.count
			}
			require.Equal(t, events[k], got)
			require.Len(t, g.events, len(got))
			return nil
		}))
		require.Empty(t, want)
	}
}

func TestPostings(t *testing.T) {
	var terms [][]string
	for i := range 256 {
		list := []string{"every", "every", fmt.Sprintf("t%03d", i%100)}
		if i == 255 {
			list = append(list, "last")
		}
		terms = append(terms, list)
	}
	data, joined := encodePostings(terms)
	require.Len(t, strings.Fields(string(joined)), 102)
	p, err := openPostings(data)
	require.NoError(t, err)
	list := func(term string) (entries []int, tfs int) {
		l, err := p.list(term)
		require.NoError(t, err)
		require.NoError(t, eachPosting(l, func(e uint8, tf uint32) { entries = append(entries, int(e)); tfs += int(tf) }))
		return entries, tfs
	}
	entries, tfs := list("every")
	require.Len(t, entries, 256)
	require.Equal(t, 512, tfs)
	for i := range 100 {
		want := []int{i, i + 100}
		if i < 56 {
			want = append(want, i+200)
		}
		entries, _ = list(fmt.Sprintf("t%03d", i))
		require.Equal(t, want, entries)
	}
	entries, _ = list("last")
	require.Equal(t, []int{255}, entries)
	for _, absent := range []string{"", "a", "t0000", "zz", "eve"} {
		entries, _ = list(absent)
		require.Empty(t, entries, absent)
	}
	empty, _ := encodePostings([][]string{{}})
	p, err = openPostings(empty)
	require.NoError(t, err)
	entries, _ = list("every")
	require.Empty(t, entries)
}

// Decoders meet what a bad disk or a stranger's file holds: they never panic.
func FuzzDecode(f *testing.F) {
	rows, terms := goldenRows()
	p, _ := encodePostings(terms)
	s := summarise(1, rows)
	for _, seed := range [][]byte{nil, {1}, {1, 0xff, 0xff, 0xff, 0xff, 0x0f}, appendColumns(nil, rows), appendTexts(nil, rows), p, s.appendDetails(nil), new(grouper).append(nil, &s, rows)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c columns
		if c.decode(data) == nil {
			for i := range c.n {
				c.lineage(i)
				if c.hasEvent[i] != 0 {
					c.uid(i)
				}
			}
		}
		var x texts
		_ = x.decode(data)
		var back summary
		if back.decodeDetails(data) == nil {
			back.documents.anyOf(make([]bool, 10))
		}
		_ = eachGroup(data, 0, func(*blockGroup) error { return nil })
		if p, err := openPostings(data); err == nil {
			_ = p.from("", func(_, list []byte) bool {
				return eachPosting(list, func(uint8, uint32) {}) == nil
			})
			_, _ = p.list("pod")
		}
	})
}

func FuzzCursor(f *testing.F) {
	c := cursor{last: hit{score: 1.5, time: -7, lineage: pipeline.Lineage{Position: pipeline.Position{Partition: "0", Sequence: "9"}, Sub: 1, Index: 2}}, stats: statistics{entries: 9, terms: 80, df: []int64{3}}}
	f.Add(c.encode(7))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := decodeCursor(text, 7, 1)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
		} else {
			again, err := decodeCursor(got.encode(7), 7, 1)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
		if _, err := decodeMarks(text); err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
		}
	})
}

func TestTail(t *testing.T) {
	var x tail
	entries := generated(3000, 8)
	for i, e := range entries {
		require.Equal(t, -1, x.find(e.ID))
		x.add(e.ID, int64(i))
		require.Equal(t, i, x.find(e.ID))
	}
	x.reset()
	require.Equal(t, -1, x.find(entries[5].ID))
}

func TestFilterOfIDs(t *testing.T) {
	f := newFilter(20_000)
	entries := generated(40_000, 9)
	for _, e := range entries[:20_000] {
		f.add(key(e.ID))
	}
	passed := 0
	for i, e := range entries {
		may := f.mayHold(key(e.ID))
		require.True(t, may || i >= 20_000, "it never denies what it holds")
		if may && i >= 20_000 {
			passed++
		}
	}
	require.Less(t, passed, 400, "of 20,000")
	require.False(t, f.full())
}
