package query_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

func TestParseTime(t *testing.T) {
	now := time.Date(2021, 8, 3, 12, 0, 0, 5, time.FixedZone("x", 2*3600)) // 10:00 UTC
	for text, want := range map[string]string{
		"now":                                 "2021-08-03T10:00:00.000000005Z",
		"Today":                               "2021-08-03T00:00:00Z",
		"yesterday":                           "2021-08-02T00:00:00Z",
		"15m":                                 "2021-08-03T09:45:00.000000005Z",
		"-15m":                                "2021-08-03T09:45:00.000000005Z",
		"1h30m":                               "2021-08-03T08:30:00.000000005Z",
		"90s":                                 "2021-08-03T09:58:30.000000005Z",
		"3d":                                  "2021-07-31T10:00:00.000000005Z",
		"2w1d":                                "2021-07-19T10:00:00.000000005Z",
		"2021-08-03":                          "2021-08-03T00:00:00Z",
		" 2021-08-03 09:18 ":                  "2021-08-03T09:18:00Z",
		"2021-08-03 09:18:07.25":              "2021-08-03T09:18:07.25Z",
		"2021-08-03T09:18":                    "2021-08-03T09:18:00Z",
		"2021-08-03T09:18:07":                 "2021-08-03T09:18:07Z",
		"2021-08-03T09:18:07.123456789+02:00": "2021-08-03T07:18:07.123456789Z",
		"2021-08-03 09:18:07Z":                "2021-08-03T09:18:07Z",
	} {
		got, err := query.ParseTime(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{
		"", "x", "15", "m", "15x", "15m3", "--3d", "1.5h", "99999999999999999999d", "2147483648s", "2000000000w", "200000d2000000000w",
		"2021-13-01", "2021-08-03 25:00", "0001-01-01", "9999-01-01", "20000000d",
	} {
		_, err := query.ParseTime(text, now)
		requireRejected(t, err, text)
	}
}

func TestParseRange(t *testing.T) {
	day := time.Date(2021, 8, 3, 0, 0, 0, 0, time.UTC).UnixNano()
	from, to, err := query.ParseRange("2021-08-03", "", noon)
	require.NoError(t, err)
	require.Equal(t, [2]int64{day, 0}, [2]int64{from, to})
	from, to, err = query.ParseRange("1969-01-01", "2021-08-03", noon)
	require.NoError(t, err)
	require.Equal(t, [2]int64{0, day}, [2]int64{from, to})
	for _, ends := range [][2]string{{"2021-08-03", "2021-08-03"}, {"now", "1h"}, {"", "1970-01-01"}, {"x", ""}, {"", "x"}} {
		_, _, err := query.ParseRange(ends[0], ends[1], noon)
		requireRejected(t, err, ends)
	}
}

// compiled is what the store is asked for.
func compiled(t *testing.T, r query.LineRequest) (pipeline.LineQuery, error) {
	t.Helper()
	m := &memory{}
	s := query.Service{Reader: m, Now: clock}
	_, err := s.Lines(context.Background(), r)
	if err != nil {
		require.Empty(t, m.queries)
		return pipeline.LineQuery{}, err
	}
	require.Len(t, m.queries, 1)
	return m.queries[0], nil
}

func TestRequestBecomesQuery(t *testing.T) {
	v, err := url.ParseQuery("q=+disk+full+&any=true&cluster=a,b&cluster=c&namespace=shop&service=cart&pod=cart-*&container=app" +
		"&node=n1&level=warn+&level=debug,unknown&kind=log,event&label=app=cart,x&label=tier=&from=15m&to=now&limit=7&order=rank")
	require.NoError(t, err)
	r, err := query.ParseLineRequest(v)
	require.NoError(t, err)
	q, err := compiled(t, r)
	require.NoError(t, err)
	require.Equal(t, pipeline.LineQuery{
		Text: "disk full", Any: true, Order: pipeline.ByRank, Limit: 7,
		Filter: pipeline.Filter{
			Clusters: []string{"a", "b", "c"}, Namespaces: []string{"shop"}, Services: []string{"cart"},
			Pods: []string{"cart-*"}, Containers: []string{"app"}, Nodes: []string{"n1"},
			Levels: []pipeline.Level{pipeline.LevelUnknown, pipeline.LevelDebug, pipeline.LevelWarn, pipeline.LevelError, pipeline.LevelFatal},
			Kinds:  []pipeline.Kind{pipeline.KindLog, pipeline.KindEvent},
			Labels: map[string]string{"app": "cart,x", "tier": ""},
			From:   noon.Add(-15 * time.Minute).UnixNano(), To: noon.UnixNano(),
		},
	}, q)

	q, err = compiled(t, query.LineRequest{})
	require.NoError(t, err)
	require.Equal(t, pipeline.LineQuery{Limit: query.DefaultLimit}, q)
}

func TestZonePlusLostInURL(t *testing.T) {
	r, err := query.ParseLineRequest(url.Values{"from": {"2021-08-03T09:18:00 02:00"}, "to": {"2021-08-03 09:18"}})
	require.NoError(t, err)
	require.Equal(t, "2021-08-03T09:18:00+02:00", r.From)
	require.Equal(t, "2021-08-03 09:18", r.To)
}

func TestWrongParametersAreRejectedWithHint(t *testing.T) {
	for _, raw := range []string{
		"levle=warn", "level=loud", "level=", "level=unknown+", "level=WARN", "kind=x", "kind=kind-7", "limit=0", "limit=-1",
		"limit=10001", "limit=x", "limit=1&limit=2", "order=up", "order=rank", "any=perhaps", "q=a&q=b", "from=x", "to=x",
		"from=now&to=1h", "label=x", "label==x", "label=a=1&label=a=2", "cursor=x", "cursor=e30", "cluster=a,,b",
		"q=%ff", "namespace=%00", "pod=" + strings.Repeat("x", 2000), "q=" + strings.Repeat("x", 5000),
		"node=" + strings.Repeat("a,", 200) + "a", strings.Repeat("label=a=b&", 200),
	} {
		v, err := url.ParseQuery(raw)
		require.NoError(t, err)
		r, err := query.ParseLineRequest(v)
		if err == nil {
			_, err = compiled(t, r)
		}
		requireRejected(t, err, raw)
	}
	_, err := query.ParseLineRequest(url.Values{"levle": {"warn"}, "form": {"15m"}})
	require.ErrorContains(t, err, `"form", "levle"`)
}

func requireRejected(t *testing.T, err error, context any) {
	t.Helper()
	require.ErrorIs(t, err, pipeline.ErrRejected, "%v", context)
	var hinted *pipeline.HintError
	require.ErrorAs(t, err, &hinted, "%v", context)
	require.NotEmpty(t, hinted.Hint)
	require.NotContains(t, err.Error(), "%!", "%v", context)
}

func TestPagesKeepTheirRange(t *testing.T) {
	now := noon
	m := &memory{}
	for n := uint64(1); n <= 5; n++ {
		m.write(line(n*60, string(rune('a'+n-1))))
	}
	s := query.Service{Reader: m, Now: func() time.Time { return now }}
	r := query.LineRequest{Selection: query.Selection{From: "4m"}, Limit: 3}
	page, err := s.Lines(context.Background(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, messages(page.Lines))

	// Ten minutes later "4m" would select nothing.
	now = now.Add(10 * time.Minute)
	r.Cursor, r.Limit = page.Next, 10
	page, err = s.Lines(context.Background(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, messages(page.Lines))
	require.Empty(t, page.Next)

	r.Namespaces = []string{"other"}
	_, err = s.Lines(context.Background(), r)
	requireRejected(t, err, "cursor of another request")
}

func FuzzLineRequest(f *testing.F) {
	for _, seed := range []string{
		"", "q=a&any=1&level=warn+&from=15m&to=now&label=a=b&limit=5&order=rank", "cursor=eyJzIjoiMSIsInIiOjF9",
		"from=2021-08-03T09:18:00+02:00", "level=%2b&pod=,&kind=log,", "q=%00%ff", "from=-999999999w", "x[]=1&;=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		r, err := query.ParseLineRequest(v)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
			return
		}
		q, err := compiled(t, r)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
			return
		}
		require.Nil(t, q.Filter.Scopes)
		require.True(t, q.Filter.To == 0 || q.Filter.From < q.Filter.To || r.Cursor != "")
		again, err := query.ParseLineRequest(r.Values())
		require.NoError(t, err)
		twice, err := compiled(t, again)
		require.NoError(t, err)
		require.Equal(t, q, twice)
	})
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"now", "15m", "1h30m", "2021-08-03", "2021-08-03 09:18", "2021-08-03T09:18:07.1Z", "-3d", "9999999999w"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := query.ParseTime(text, noon)
		if err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
			return
		}
		require.Equal(t, got.UTC(), time.Unix(0, got.UnixNano()).UTC())
		again, err := query.ParseTime(got.Format(time.RFC3339Nano), noon)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func TestAStarElsewhereIsRefused(t *testing.T) {
	service := query.Service{Reader: &memory{}, Now: clock}
	_, err := service.Lines(t.Context(), query.LineRequest{Selection: query.Selection{Pods: []string{"a*b"}}})
	require.ErrorIs(t, err, pipeline.ErrRejected)
	_, err = service.Lines(t.Context(), query.LineRequest{Selection: query.Selection{Pods: []string{"a*"}}})
	require.NoError(t, err)
}
