package demo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/loglode/loglode/pipeline/normalise"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// written is what a generator writes in so many steps.
func written(t testing.TB, o Options, span time.Duration, steps int) []byte {
	t.Helper()
	o.Start = start
	g, err := New(o)
	require.NoError(t, err)
	var b bytes.Buffer
	var lines int64
	for n := range steps {
		some, err := g.Write(&b, start.Add(span*time.Duration(n+1)/time.Duration(steps)))
		require.NoError(t, err)
		lines += some
	}
	require.EqualValues(t, bytes.Count(b.Bytes(), []byte("\n")), lines)
	return b.Bytes()
}

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	o := Options{Seed: 7, Rate: 20}
	want := written(t, o, 10*time.Minute, 1)
	require.True(t, bytes.Equal(want, written(t, o, 10*time.Minute, 1)))
	require.True(t, bytes.Equal(want, written(t, o, 10*time.Minute, 600)), "however they are asked for")
	require.True(t, bytes.HasPrefix(written(t, o, 12*time.Minute, 3), want), "a longer run goes on")
	o.Seed = 8
	other := written(t, o, 10*time.Minute, 1)
	require.False(t, bytes.Equal(want, other))
	for what, expression := range map[string]string{"names": `"pod_name":"cart-[^"]+"`, "uids": `"pod_id":"[^"]+"`} {
		find := regexp.MustCompile(expression)
		require.NotEqual(t, string(find.Find(want)), string(find.Find(other)), what)
	}
	number := regexp.MustCompile(`kube-proxy-\d+`) // the first that is drawn where no service writes
	first := map[string]bool{}
	for seed := range uint64(8) {
		first[string(number.Find(written(t, Options{Seed: seed, Incidents: []string{}}, time.Minute, 1)))] = true
	}
	require.Len(t, first, 8)
}

// record is what every kind of record has of a time.
type record struct {
	Time      string `json:"time"`
	Realtime  string `json:"__REALTIME_TIMESTAMP"`
	Last      string `json:"lastTimestamp"`
	Log       string `json:"log"`
	Message   string `json:"MESSAGE"`
	EventText string `json:"message"`
	Reason    string `json:"reason"`
	Type      string `json:"type"`
	First     string `json:"firstTimestamp"`
	Count     int    `json:"count"`
	Object    struct {
		Kind, Name string
	} `json:"involvedObject"`
	Metadata struct {
		UID string `json:"uid"`
	} `json:"metadata"`
}

func records(t *testing.T, text []byte) []record {
	t.Helper()
	var list []record
	for line := range bytes.Lines(text) {
		var r record
		require.NoError(t, json.Unmarshal(line, &r), "%s", line)
		list = append(list, r)
	}
	return list
}

// at is when a record was written; those of the API server have whole seconds.
func (r *record) at(t *testing.T) time.Time {
	t.Helper()
	if r.Realtime != "" {
		us, err := strconv.ParseInt(r.Realtime, 10, 64)
		require.NoError(t, err)
		return time.UnixMicro(us)
	}
	at, err := time.Parse(time.RFC3339Nano, cmp.Or(r.Time, r.Last))
	require.NoError(t, err)
	return at
}

func TestTimesAscend(t *testing.T) {
	const span = 12 * time.Minute
	last, second := start, start
	for _, r := range records(t, written(t, Options{Rate: 40}, span, 5)) {
		at := r.at(t)
		require.False(t, at.Truncate(time.Second).Before(second), "%+v after %s", r, second)
		second = at.Truncate(time.Second)
		require.True(t, at.Before(start.Add(span)))
		if r.Last == "" {
			require.False(t, at.Before(last), "%+v after %s", r, last)
			last = at
		}
	}
	require.WithinDuration(t, start.Add(span), last, time.Second, "up to the end")
}

func TestTheRateIsKept(t *testing.T) {
	lines := func(o Options, span time.Duration) int {
		return bytes.Count(written(t, o, span, 1), []byte(`"stream":`))
	}
	for _, rate := range []float64{.5, 1, 7, 10, 333, 5000} {
		want := int(rate * 30)
		require.Equal(t, want, lines(Options{Rate: rate, Incidents: []string{}}, 30*time.Second), "%g a second", rate)
	}
	require.Zero(t, lines(Options{Incidents: []string{}}, time.Minute), "events and journals alone")

	all := lines(Options{Rate: 40}, 12*time.Minute)
	require.Greater(t, all, 40*12*60, "what incidents add is extra")
	require.Less(t, all, 2*40*12*60)

	// Each second has its own.
	perSecond := map[time.Time]int{}
	for _, r := range records(t, written(t, Options{Rate: 25, Incidents: []string{}}, time.Minute, 1)) {
		if r.Time != "" {
			perSecond[r.at(t).Truncate(time.Second)]++
		}
	}
	require.Len(t, perSecond, 60)
	for second, n := range perSecond {
		require.Equal(t, 25, n, second)
	}
}

// telling are words that an incident's records hold, and healthy ones do not.
var telling = map[string][]string{
	"cache-config": {"cache-service-config", "cache unavailable"},
	"payment-oom":  {"oom-kill:", "restarting failed container payment"},
	"bad-rollout":  {"CHECKOUT_API_URL"},
	"slow-db":      {"duration: ", "timed out after"},
}

func TestIncidentsHappenAsTheyAreChosen(t *testing.T) {
	const span = 15 * time.Minute
	healthy := string(written(t, Options{Rate: 5, Incidents: []string{}}, span, 1))
	for _, incident := range Incidents() {
		words := telling[incident.Name]
		require.NotEmpty(t, words, incident.Name)
		text := string(written(t, Options{Rate: 5, Incidents: []string{incident.Name}}, span, 1))
		all := string(written(t, Options{Rate: 5}, span, 1))
		before := string(written(t, Options{Rate: 5, Incidents: []string{incident.Name}}, incident.After, 1))
		for _, word := range words {
			require.True(t, strings.Contains(text, word), "%s says nothing of %q", incident.Name, word)
			require.True(t, strings.Contains(all, word), "all say nothing of %q", word)
			require.False(t, strings.Contains(healthy, word), "a healthy shop says %q", word)
			require.False(t, strings.Contains(before, word), "%s has not begun and says %q", incident.Name, word)
		}
		require.True(t, incident.Cause.IsFault())
		require.NotEmpty(t, incident.Is)
		require.True(t, strings.HasSuffix(incident.Ask, "?"))
	}
	_, err := New(Options{Incidents: []string{"cache-config", "aliens"}})
	require.ErrorContains(t, err, `incident "aliens" is none of cache-config, payment-oom, bad-rollout, slow-db`)
	_, err = New(Options{Rate: -1})
	require.ErrorContains(t, err, "negative")
}

// events are which reasons Kubernetes gives in each incident, and of what.
var events = map[string][]string{
	"cache-config": {"ScalingReplicaSet Deployment/cache-service", "Killing Pod/cache-service", "Failed Pod/cache-service"},
	"payment-oom":  {"BackOff Pod/payment", "Started Pod/payment"},
	"bad-rollout":  {"ScalingReplicaSet Deployment/frontend", "Pulling Pod/frontend", "BackOff Pod/frontend"},
	"slow-db":      {},
}

func TestIncidentsHaveTheirEvents(t *testing.T) {
	seen := func(incidents ...string) map[string]bool {
		reasons := map[string]bool{}
		for _, r := range records(t, written(t, Options{Incidents: append([]string{}, incidents...)}, 15*time.Minute, 1)) {
			if r.Reason == "" {
				continue
			}
			require.Contains(t, []string{"Normal", "Warning"}, r.Type)
			require.NotEmpty(t, r.EventText)
			require.Positive(t, r.Count)
			name := r.Object.Name
			for _, s := range shop() {
				if strings.HasPrefix(r.Object.Name, s.name) {
					name = s.name
				}
			}
			reasons[r.Reason+" "+r.Object.Kind+"/"+name] = true
		}
		return reasons
	}
	healthy := seen()
	for _, incident := range Incidents() {
		require.Contains(t, events, incident.Name)
		got := seen(incident.Name)
		for _, event := range events[incident.Name] {
			require.Contains(t, got, event, incident.Name)
			require.NotContains(t, healthy, event)
		}
	}
}

// TestEventsCountUp follows each event object of the API server.
func TestEventsCountUp(t *testing.T) {
	counts, most := map[string]int{}, 0
	for _, r := range records(t, written(t, Options{}, 15*time.Minute, 3)) {
		if r.Reason == "" {
			continue
		}
		counts[r.Metadata.UID]++
		require.Equal(t, counts[r.Metadata.UID], r.Count, "%+v", r)
		require.LessOrEqual(t, r.First, r.Last)
		most = max(most, r.Count)
	}
	require.Greater(t, most, 20)
	require.Greater(t, len(counts), 20)
}

// TestTheProductTakesEveryRecord reads the records as any source's: as logs of
// pods, journals of nodes, and events, none of them plain text.
func TestTheProductTakesEveryRecord(t *testing.T) {
	text := written(t, Options{Rate: 20}, 20*time.Minute, 1)
	kinds := map[pipeline.Kind]int{}
	services := map[string]bool{}
	c := collect.New(collect.Options{Emit: func(e *collect.Entry) error {
		kinds[e.Kind]++
		if e.Kind == pipeline.KindEvent {
			message, _ := normalise.View(e.Kind, e.Message, 0)
			require.NotEmpty(t, message)
			return nil
		}
		require.NotZero(t, e.Time)
		require.NotContains(t, e.Message, "{uid}")
		require.NotRegexp(t, `\{[a-z0-9|.-]+\}`, e.Message, "a variable that nothing fills")
		if e.Kind == pipeline.KindLog {
			require.Equal(t, e.Resource.Namespace != "", e.Resource.Pod != "")
			require.NotEmpty(t, e.Resource.Pod)
			services[normalise.Service(e.Resource)] = true
		} else {
			require.NotEmpty(t, e.Resource.Node)
		}
		return nil
	}})
	at := int64(0)
	for line := range bytes.Lines(text) {
		require.NoError(t, c.Line(bytes.TrimSuffix(line, []byte("\n")), at, at+int64(len(line))))
		at += int64(len(line))
	}
	require.NoError(t, c.Flush())
	require.Zero(t, c.Blank+c.InvalidUTF8)
	require.Greater(t, kinds[pipeline.KindLog], 20_000)
	require.Greater(t, kinds[pipeline.KindNode], 100)
	require.Greater(t, kinds[pipeline.KindEvent], 100)
	require.GreaterOrEqual(t, len(services), 8)
}

func TestTemplates(t *testing.T) {
	g := &draws{rand: rand.New(rand.NewPCG(1, 1)), at: start, values: map[string]string{"pod": "cart-0"}}
	for text, want := range map[string]string{
		"plain":                  `^plain$`,
		"{1-3} {1-3.2}":          `^[123] [123]\.\d\d$`,
		"{a|b c|d}":              `^(a|b c|d)$`,
		`{"a":{"b":1}}`:          `^\{"a":\{"b":1\}\}$`,
		"pod {pod}":              `^pod cart-0$`,
		"{uid}":                  `^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
		"{pods} {9-1} {1-2.x}":   `^\{pods\} \{9-1\} \{1-2\.x\}$`,
		"{ip} open { and {} end": `^\d+\.\d+\.\d+\.\d+ open \{ and \{\} end$`,
	} {
		for range 20 {
			require.Regexp(t, want, string(parse(text).append(nil, g)))
		}
	}
}

// FuzzAppendQuoted reads what it writes as JSON does; bytes that are no UTF-8
// are replaced there.
func FuzzAppendQuoted(f *testing.F) {
	for _, text := range []string{"", "plain", "two\nlines\tand \"quotes\" \\ \r\x00\x1f\x7f", "漢字 \u2028 \U0001f600", "\xff\xc3", "</script>"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got string
		quoted := append(appendQuoted([]byte{'"'}, text), '"')
		require.NoError(t, json.Unmarshal(quoted, &got), "%q", quoted)
		require.Equal(t, string([]rune(string(text))), got)
	})
}

// FuzzTemplate has any template make a record that is read as what it expanded to.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "{", "}", "{}", "{a|", "{|}", "{9-1}", "{1-9.999}", "{-}", "{1-2-3}", `{"a":"{id}"}`, "{pod} \"{ts}\"\n\tat", "{ a|b }", "{0-99999999999999999999}", "{0-9223372036854775807}", "{1-2.99999999}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := New(Options{Start: start, Incidents: []string{}})
		require.NoError(t, err)
		g.record(start, g.workload("cart").pods[0], out, parse(text), map[string]string{"pod": "p\"0"})
		list := records(t, g.buffer)
		require.Len(t, list, 1)
		require.Equal(t, string([]rune(string(g.text))), list[0].Log)
	})
}

// failing writes so many bytes.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestAWriterThatFailsEndsIt(t *testing.T) {
	g, err := New(Options{Start: start, Rate: 1000})
	require.NoError(t, err)
	_, err = g.Write(&failing{left: 300 << 10}, start.Add(time.Hour))
	require.ErrorContains(t, err, "write records: disk full")
}

// BenchmarkWrite reports lines a second of one core.
func BenchmarkWrite(b *testing.B) {
	g, err := New(Options{Start: start, Rate: 50_000})
	require.NoError(b, err)
	var lines, bytesWritten int64
	until := start
	for b.Loop() {
		until = until.Add(100 * time.Millisecond)
		var w counter
		n, err := g.Write(&w, until)
		require.NoError(b, err)
		lines += n
		bytesWritten += int64(w)
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(bytesWritten)/b.Elapsed().Seconds()/1e6, "MB/s")
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
