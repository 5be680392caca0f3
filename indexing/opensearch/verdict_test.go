package opensearch

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/indexing/indextest"
	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/test/opensearch"
)

// A trickle of lines, each too few to be a tenth of anything, must not drain into
// the dead letters because the index is at fault.
func TestATrickleIntoAFaultyIndexIsTriedLater(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(11, 1, 40)
	writeAll(t, s, entries[:20])
	pack := s.names.pack(entries[0].Day())
	s.must(t, http.MethodPut, "/"+pack+"/_settings", `{"index.default_pipeline":"nobody-has-it"}`)
	for i := range entries[20:] {
		results, err := write(t, s, entries[20+i:21+i])
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.NotEqual(t, pipeline.Rejected, results[0].Outcome)
		require.Contains(t, hintOf(err), "compare the mapping")
	}
	s.must(t, http.MethodPut, "/"+pack+"/_settings", `{"index.default_pipeline":null}`)
	writeAll(t, s, entries)
	s.refresh(t)
	checkHolds(t, s, entries) // and no canary
}

// What a line's own fields are refused for does not cost the line.
func TestAwkwardFieldsDoNotCostTheLine(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(12, 1, 20)
	for i, value := range []string{strings.Repeat("9", 2000), strings.Repeat("[", 60) + strings.Repeat("]", 60), `"` + strings.Repeat("9", 2000) + `"`, "1e999999"} {
		entries[i].Attributes = []pipeline.Attribute{{Key: "n", Value: value}}
	}
	// Here OpenSearch refuses whatever has attributes.
	mark := s.names.mark(kindLines)
	mark.Day = entries[0].Day()
	body := strings.Replace(linesIndex(mark, s.names.lines(), 0), `"attributes":{"type":"flat_object"}`, `"attributes":{"type":"long"}`, 1)
	s.must(t, http.MethodPut, "/"+s.names.pack(entries[0].Day()), body)
	for _, group := range [][]pipeline.Entry{entries[:10], entries[10:]} {
		results, err := write(t, s, group)
		require.NoError(t, err)
		for i := range results {
			require.Equal(t, pipeline.Created, results[i].Outcome)
		}
	}

	other := impatient(t)
	for i, r := range writeAll(t, other, entries) {
		require.Equal(t, pipeline.Created, r.Outcome, i)
	}
}

// door refuses bodies of more than some bytes, as what stands before a cluster
// does.
type door struct {
	http.RoundTripper
	most int64
}

func (d *door) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/_bulk") && r.ContentLength > d.most {
		return answerOf(r, http.StatusRequestEntityTooLarge, "too large"), nil
	}
	return d.RoundTripper.RoundTrip(r)
}

func TestOneLineTooLargeForTheDoorGoesAlone(t *testing.T) {
	d := &door{http.DefaultTransport, 100 << 10}
	s, err := Open(t.Context(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: opensearch.Prefix(t), View: indextest.View, Transport: d})
	require.NoError(t, err)
	s.client.wait = time.Millisecond
	entries := indextest.Entries(13, 1, 20)
	var noise strings.Builder
	random := rand.New(rand.NewPCG(1, 1))
	for noise.Len() < 512<<10 {
		noise.WriteString(strconv.FormatUint(random.Uint64(), 36))
	}
	entries[7].Raw = noise.String()
	results, err := write(t, s, entries)
	require.NoError(t, err)
	for i := range results {
		want := pipeline.WriteResult{}
		if i == 7 {
			want = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: tooLarge}
		}
		require.Equal(t, want, results[i], i)
	}

	d.most = 10 // a door that refuses all is no fault of a line
	results, err = write(t, s, indextest.Entries(14, 1, 1))
	require.ErrorIs(t, err, pipeline.ErrTryLater)
	require.NotEqual(t, pipeline.Rejected, results[0].Outcome)
}

func TestPrefixesThatLeadToTheSameNamesAreRefused(t *testing.T) {
	one := impatient(t)
	other := openTest(t, one.names.prefix+"a-")
	other.client.wait = time.Millisecond
	entries := indextest.Entries(15, 1, 4)
	behind := func(service string) []pipeline.Entry {
		list := slices.Clone(entries)
		for i := range list {
			list[i].Service = service
		}
		return list
	}
	for _, own := range []bool{false, true} {
		one.o.Own = func(string) bool { return own }
		one.placement.own, other.placement.own = one.o.Own, one.o.Own
		name := map[bool]string{false: "shared", true: "own"}[own]
		writeAll(t, one, behind("a-"+name))
		results, err := write(t, other, behind(name))
		require.ErrorIs(t, err, pipeline.ErrTryLater)
		require.Contains(t, hintOf(err), "opensearch.prefix")
		for i := range results {
			require.NotEqual(t, pipeline.Rejected, results[i].Outcome)
		}
		results, err = write(t, one, behind("a-"+name))
		require.NoError(t, err, "the first one goes on")
		require.Equal(t, pipeline.Exists, results[0].Outcome)
	}
}

// Lines that several processes write, whose clocks differ, are told once each.
func TestFollowTellsTheLinesOfSkewedClocks(t *testing.T) {
	one := impatient(t)
	other := openTest(t, one.names.prefix)
	other.o.Now = func() time.Time { return time.Now().Add(2 * time.Second) }
	start, err := one.Follow(t.Context(), pipeline.LineQuery{}, "")
	require.NoError(t, err)
	entries := indextest.Entries(16, 2, 60)
	for i := range entries {
		writeAll(t, []*Store{one, other}[i%2], entries[i:i+1])
	}
	told := map[pipeline.ID]int{}
	for cursor := start.Next; ; {
		page, err := one.Follow(t.Context(), pipeline.LineQuery{Limit: 3}, cursor)
		require.NoError(t, err)
		if len(page.Lines) == 0 {
			break
		}
		cursor = page.Next
		for i := range page.Lines {
			told[page.Lines[i].ID]++
		}
	}
	require.Len(t, told, len(entries))
	for id, n := range told {
		require.Equal(t, 1, n, id)
	}
	require.Less(t, len(start.Next), 200)
}

// before calls do once, before the first request that deletes documents.
type before struct {
	http.RoundTripper
	do func()
}

func (b *before) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/_bulk") && b.do != nil {
		do := b.do
		b.do = nil
		do()
	}
	return b.RoundTripper.RoundTrip(r)
}

// A line that comes while its pattern is pruned has its document afterwards,
// though who wrote it knew that it was there.
func TestAPatternThatIsPrunedAsItsLineComesIsBroughtBack(t *testing.T) {
	writer := impatient(t)
	entries := indextest.Entries(17, 1, 80)
	writeAll(t, writer, entries)
	require.NoError(t, writer.Refresh(t.Context()))
	require.NoError(t, writer.DropDay(t.Context(), entries[0].Day()))

	hook := &before{RoundTripper: http.DefaultTransport}
	pruner, err := Open(t.Context(), Options{Addresses: []string{opensearch.URL(t)}, Prefix: writer.names.prefix, View: indextest.View, Masked: indextest.Masked, Document: indextest.Document,
		Transport: hook, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
	require.NoError(t, err)
	hook.do = func() { writeAll(t, writer, entries) }
	_, err = pruner.PruneVectors(context.Background())
	require.NoError(t, err)
	require.Nil(t, hook.do)
	writer.refresh(t)
	checkHolds(t, writer, entries)
}

// Patterns that are there already are no new ones, whatever a process remembers.
func TestTheCapsOfPatternsCountNewOnesAlone(t *testing.T) {
	s := impatient(t)
	entries := indextest.Entries(18, 1, 200)
	writeAll(t, s, entries)
	for name, capped := range map[string]*knownPatterns{
		"of a service": newKnownPatterns(0, 1000, time.Now),
		"of a day":     newKnownPatterns(1000, 0, time.Now),
	} {
		s.patterns = capped
		again := slices.Clone(entries)
		for i := range again {
			again[i].ID[15] ^= 0xff // new lines of known patterns
			again[i].ID[14] ^= name[3]
		}
		for i, r := range writeAll(t, s, again) {
			require.False(t, r.Unpatterned, "%s %d", name, i)
		}
	}
	s.patterns = newKnownPatterns(1000, 0, time.Now)
	fresh := indextest.Entries(4711, 1, 30)
	unpatterned := 0
	for i, r := range writeAll(t, s, fresh) {
		if r.Unpatterned {
			unpatterned++
			require.False(t, fresh[i].Pattern.ID.IsZero())
		}
	}
	require.Positive(t, unpatterned)
}
