package normalise

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	second = int64(time.Second)
	day    = 24 * 3600 * second
)

// sent is when the records of these tests left their producer.
var sent = time.Date(2021, 8, 3, 12, 0, 0, 0, time.UTC).UnixNano()

var web = &pipeline.Resource{Cluster: "c1", Namespace: "shop", Pod: "web-78c688f56b-9qz26", PodUID: "0f0c2f3e", Container: "nginx", Node: "node-1",
	Labels: map[string]string{"pod-template-hash": "78c688f56b"}}

const podEvent = `{"kind":"Event","metadata":{"name":"web.17f0","namespace":"shop","uid":"u-1","resourceVersion":"2001"},"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-78c688f56b-9qz26","fieldPath":"spec.containers{nginx}"},"reason":"BackOff","message":"Back-off","source":{"component":"kubelet","host":"node-1"},"lastTimestamp":"2021-08-03T09:18:00Z","count":3,"type":"Warning"}`

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "identity and views are frozen: what is stored would be written again under other names")
}

func lines(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/lines.txt")
	require.NoError(t, err)
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// The IDs are the contract of every store and every replay: frozen.
func TestIdentityGolden(t *testing.T) {
	base := pipeline.RawEntry{Time: 1627982281098241957, Stream: "stderr", Resource: web, Message: "I0803 hello"}
	change := func(f func(*pipeline.RawEntry, *pipeline.Resource)) *pipeline.RawEntry {
		raw, res := base, *web
		raw.Resource = &res
		f(&raw, &res)
		return &raw
	}
	type R = pipeline.RawEntry
	type P = pipeline.Resource
	var b strings.Builder
	seen := map[pipeline.ID]string{}
	add := func(name string, id pipeline.ID) {
		require.NotContains(t, seen, id, name)
		seen[id] = name
		fmt.Fprintf(&b, "%-16s %s\n", name, id)
	}
	for _, c := range []struct {
		name string
		f    func(*R, *P)
	}{
		{"base", func(*R, *P) {}},
		{"cluster", func(_ *R, p *P) { p.Cluster = "c2" }},
		{"namespace", func(_ *R, p *P) { p.Namespace = "shop2" }},
		{"uid", func(_ *R, p *P) { p.PodUID = "other" }},
		{"no uid", func(_ *R, p *P) { p.PodUID = "" }},
		{"no pod", func(_ *R, p *P) { p.PodUID, p.Pod = "", "" }},
		{"container", func(_ *R, p *P) { p.Container = "sidecar" }},
		{"stream", func(r *R, _ *P) { r.Stream = "stdout" }},
		{"time", func(r *R, _ *P) { r.Time++ }},
		{"no time", func(r *R, _ *P) { r.Time = 0 }},
		{"before 1970", func(r *R, _ *P) { r.Time = -1 }},
		{"message", func(r *R, _ *P) { r.Message += " " }},
		{"empty message", func(r *R, _ *P) { r.Message = "" }},
		{"long message", func(r *R, _ *P) { r.Message = strings.Repeat("ä", 1000) }},
		{"occurrence", func(r *R, _ *P) { r.Occurrence = 1 }},
		{"origin", func(r *R, _ *P) { r.Origin = "file@12" }},
	} {
		add("line "+c.name, pipeline.LineID(change(c.f)))
	}
	// What a consumer derives, and what it joins by, is no part of the ID.
	for _, f := range []func(*R, *P){
		func(r *R, _ *P) { r.Read = 7 },
		func(r *R, _ *P) { r.Kind = pipeline.KindNode },
		func(_ *R, p *P) { p.Pod, p.Node, p.Owner, p.Labels = "x", "y", "z", nil },
	} {
		require.Equal(t, pipeline.LineID(&base), pipeline.LineID(change(f)))
	}
	add("event base", pipeline.EventID("c1", "u-1", "2001"))
	add("event cluster", pipeline.EventID("", "u-1", "2001"))
	add("event version", pipeline.EventID("c1", "u-1", ""))
	add("event fields", pipeline.EventID("c1u", "-1", "2001"))
	golden(t, "identity.golden", b.String())
}

// TestEntryGolden freezes whole entries: IDs, times, levels, services, views.
func TestEntryGolden(t *testing.T) {
	var raws []pipeline.RawEntry
	for i, line := range lines(t) {
		raw := pipeline.RawEntry{Time: 1627982281098241957 + int64(i), Stream: "stderr", Resource: web, Message: line}
		if i%2 == 1 { // a plain file's line: no collector's time
			raw.Time, raw.Read, raw.Stream, raw.Origin = 0, sent-second, "", fmt.Sprintf("file@%d", i)
			raw.Resource = &pipeline.Resource{Cluster: "c1", Node: "node-1", Container: "files"}
		}
		raws = append(raws, raw)
	}
	cluster := &pipeline.Resource{Cluster: "c1"}
	raws = append(raws,
		pipeline.RawEntry{Kind: pipeline.KindNode, Time: 1627982281098241000, Stream: "journal", Resource: &pipeline.Resource{Cluster: "c1", Node: "node-1", Container: "kubelet"}, Message: lines(t)[0]},
		pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: cluster, Message: podEvent},
		pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: cluster, Message: strings.NewReplacer("Pod", "ReplicaSet", "-9qz26", "").Replace(podEvent)},
		pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: cluster, Message: `{"metadata":{"uid":"u-2"},"regarding":{"kind":"Node","name":"node-1"},"note":"NodeReady","eventTime":"2031-08-03T09:18:00.000001Z"}`},
	)
	n := New()
	var b strings.Builder
	for i := range raws {
		var e pipeline.Entry
		require.NoError(t, n.Entry(&raws[i], sent, &e))
		require.Equal(t, raws[i].Message, e.Raw)
		doc, err := json.Marshal(map[string]any{
			"id": e.ID, "time": time.Unix(0, e.Time).UTC(), "day": e.Day(), "collector_time": e.CollectorTime, "origin": e.Origin, "stream": e.Stream,
			"kind": e.Kind.String(), "level": e.Level.String(), "service": e.Service, "resource": e.Resource, "raw": e.Raw, "message": e.Message,
			"attributes": e.Attributes, "event": e.Event, "content": fmt.Sprintf("%016x", e.ContentHash()),
		})
		require.NoError(t, err)
		b.Write(doc)
		b.WriteByte('\n')
	}
	require.EqualValues(t, 1, n.FutureTimes)
	golden(t, "entries.golden", b.String())
}

// A store that keeps Raw alone gets the same message and attributes back.
func TestViewIsEntry(t *testing.T) {
	n := New()
	var e pipeline.Entry
	check := func(raw pipeline.RawEntry) {
		require.NoError(t, n.Entry(&raw, sent, &e))
		message, attributes := View(raw.Kind, e.Raw, e.Time)
		require.Equal(t, e.Message, message)
		kept := e.Attributes
		if i := len(kept) - 1; i >= 0 && kept[i].Key == "original_time" {
			kept = kept[:i]
		}
		require.Equal(t, len(kept), len(attributes), raw.Message)
		for i := range kept {
			require.Equal(t, kept[i], attributes[i], raw.Message)
		}
	}
	for _, line := range lines(t) {
		check(pipeline.RawEntry{Resource: web, Message: line})
		check(pipeline.RawEntry{Resource: web, Message: line + "\n\tat more", Time: sent + 2*day})
	}
	check(pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: web, Message: podEvent})
	message, attributes := View(pipeline.KindEvent, "no event", 0)
	require.Equal(t, "no event", message)
	require.Empty(t, attributes)
}

func TestTime(t *testing.T) {
	const text, early = "2021-08-03T09:18:00Z INFO x", "1950-01-01T00:00:00Z INFO x"
	inText := time.Date(2021, 8, 3, 9, 18, 0, 0, time.UTC).UnixNano()
	for _, c := range []struct {
		name             string
		time, read, sent int64
		text             string
		want             int64
		original         string
	}{
		{"the collector's first", 7, 8, sent, text, 7, ""},
		{"then the text's", 0, 8, sent, text, inText, ""},
		{"then the reading", 0, 8, sent, "x", 8, ""},
		{"then the sending", 0, 0, sent, "x", sent, ""},
		{"before 1970", -5, 0, sent, "x", -5, ""},
		{"before 1970 in the text", 0, 0, sent, early, time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano(), ""},
		{"a day ahead", sent + day, 0, sent, "x", sent + day, ""},
		{"more than a day ahead", sent + day + 1, 0, sent, "x", sent, "2021-08-04T12:00:00.000000001Z"},
		{"in the text, ahead", 0, 0, sent, "2031-08-03T09:18:00Z x", sent, "2031-08-03T09:18:00Z"},
		{"beyond what ns can hold", 0, 9, sent, "9999-08-03T09:18:00Z x", 9, ""},
		{"the ends", math.MaxInt64, 0, sent, "x", sent, "2262-04-11T23:47:16.854775807Z"},
		{"the other end", math.MinInt64, 0, sent, "x", math.MinInt64, ""},
		{"sent at the end of time", math.MaxInt64, 0, math.MaxInt64 - 1, "x", math.MaxInt64, ""},
		{"sent unknown", sent + 9*day, 0, 0, "x", sent + 9*day, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := New()
			var e pipeline.Entry
			require.NoError(t, n.Entry(&pipeline.RawEntry{Time: c.time, Read: c.read, Resource: web, Message: c.text}, c.sent, &e))
			require.Equal(t, c.want, e.Time)
			require.Equal(t, c.time, e.CollectorTime)
			original := ""
			for _, a := range e.Attributes {
				if a.Key == "original_time" {
					require.NoError(t, json.Unmarshal([]byte(a.Value), &original))
				}
			}
			require.Equal(t, c.original, original)
			require.EqualValues(t, map[bool]int{true: 1}[c.original != ""], n.FutureTimes)
		})
	}
}

func TestEventEntry(t *testing.T) {
	n := New()
	var e, again pipeline.Entry
	raw := pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: &pipeline.Resource{Cluster: "c1"}, Message: podEvent}
	require.NoError(t, n.Entry(&raw, sent, &e))
	require.Equal(t, &pipeline.Resource{Cluster: "c1", Namespace: "shop", Pod: "web-78c688f56b-9qz26", Container: "nginx", Node: "node-1", Owner: "web"}, e.Resource)
	require.Equal(t, "web", e.Service)
	require.Equal(t, &pipeline.Event{UID: "u-1", ResourceVersion: "2001", Count: 3, Reason: "BackOff", ObjectKind: "Pod", ObjectNamespace: "shop", ObjectName: "web-78c688f56b-9qz26"}, e.Event)
	require.Equal(t, pipeline.EventID("c1", "u-1", "2001"), e.ID)

	raw.Message = strings.Replace(podEvent, "2001", "2002", 1)
	require.NoError(t, n.Entry(&raw, sent, &again))
	require.NotEqual(t, e.ID, again.ID)
	require.Same(t, e.Resource, again.Resource)
	require.NotSame(t, e.Event, again.Event)

	raw.Message = `{"metadata":{}}`
	require.ErrorIs(t, n.Entry(&raw, sent, &e), pipeline.ErrRejected)
}

// A Resource is worked out once and shared; dst's own lineage stays.
func TestReuse(t *testing.T) {
	n := New()
	var a, b pipeline.Entry
	b.Lineage.Index = 7
	require.NoError(t, n.Entry(&pipeline.RawEntry{Resource: web, Message: "x"}, sent, &a))
	require.NoError(t, n.Entry(&pipeline.RawEntry{Resource: &pipeline.Resource{}, Message: "{\"msg\":\"y\",\"k\":1}"}, sent, &b))
	require.Equal(t, "unknown", b.Service)
	require.NoError(t, n.Entry(&pipeline.RawEntry{Resource: web, Message: "x"}, sent, &b))
	require.Same(t, a.Resource, b.Resource)
	require.Equal(t, "web", b.Resource.Owner)
	require.Empty(t, web.Owner, "a shared Resource must not change")
	require.Equal(t, 7, b.Lineage.Index)
	require.Empty(t, b.Attributes)
}

// The caches are bounded and change no result.
func TestCachesAreBounded(t *testing.T) {
	n := New()
	var e pipeline.Entry
	for i := range 3 * maxCached {
		name := fmt.Sprintf("svc%d", i)
		require.NoError(t, n.Entry(&pipeline.RawEntry{Resource: &pipeline.Resource{Container: name}, Message: "x"}, sent, &e))
		require.Equal(t, name, e.Service)
		event := strings.ReplaceAll(podEvent, "web-78c688f56b-9qz26", name)
		require.NoError(t, n.Entry(&pipeline.RawEntry{Kind: pipeline.KindEvent, Resource: &pipeline.Resource{}, Message: event}, sent, &e))
		require.Equal(t, name, e.Service)
	}
	require.LessOrEqual(t, len(n.writers), maxCached)
	require.LessOrEqual(t, len(n.objects), maxCached)
}
