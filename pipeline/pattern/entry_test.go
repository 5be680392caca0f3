package pattern_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/normalise"
	"github.com/loglode/loglode/pipeline/pattern"
)

var resource = &pipeline.Resource{Cluster: "tea", Namespace: "house", Pod: "pot-5d6f7c8b9-x2k4q"}

func entry(t *testing.T, raw pipeline.RawEntry) *pipeline.Entry {
	raw.Resource = resource
	var e pipeline.Entry
	require.NoError(t, normalise.New().Entry(&raw, 0, &e))
	return &e
}

func TestEntry(t *testing.T) {
	for _, c := range []struct{ what, line, template string }{
		{"plain", "served 12 meals", "served <*> meals"},
		{"klog", `I0506 07:08:09.000001       1 pot.go:12] served 12 meals`, "served <*> meals"},
		{"klog structured", `E0506 07:08:09.000001       1 pot.go:12] "Cannot serve" err="no tea in \"pot\"" guest="ann" count=2`,
			`Cannot serve err="no tea in <*>" guest=<*> count=<*>`},
		{"zap", `{"level":"error","ts":1.5e9,"logger":"pot","caller":"a/b.go:3","msg":"cannot serve","guest":"ann","error":"no tea in /a/b","stacktrace":"main.go\nx"}`,
			`cannot serve guest=<*> error="no tea in <*>"`},
		{"error of many lines", `{"level":"error","msg":"cannot serve","error":"no tea\nat x 1\nat y 2"}`, `cannot serve error="no tea"`},
		{"values of any type", `{"level":"info","msg":"served","cups":[1,2],"hot":true,"none":null,"to":{"a":1}}`, "served cups=<*> hot=<*> none=<*> to=<*>"},
		{"no message", `{"level":"info","cups":3,"kind":"green"}`, "cups=<*> kind=<*>"},
		{"keys that are values", `{"msg":"served","guest-12":1,"guest-13":2}`, "served"},
		{"logfmt", `time=2031-05-06T07:08:09Z level=warn msg="tea is cold" pot=12 err="no fire"`, `tea is cold pot=<*> err="no fire"`},
		{"trace", `{"severity":"info","message":"served","trace_id":"ab12","span_id":"cd34","session":"x"}`, "served"},
		{"access log", `10.1.2.3 - ann [06/May/2031:07:08:09 +0000] "GET /tea/12?x=y HTTP/1.1" 404 12 "-" "curl/8.0"`, `"GET <*>" 4xx <*> "<*>"`},
	} {
		t.Run(c.what, func(t *testing.T) {
			e := entry(t, pipeline.RawEntry{Time: 1, Message: c.line})
			m := pattern.New()
			p := m.Entry(e)
			require.Equal(t, c.template, p.Template)
			require.Equal(t, p, m.Text(p.Template), "a template is its own template")
		})
	}
}

func TestEvent(t *testing.T) {
	e := entry(t, pipeline.RawEntry{Kind: pipeline.KindEvent, Message: `{"kind":"Event","metadata":{"name":"x.1","namespace":"house","uid":"u"},` +
		`"involvedObject":{"kind":"Pod","namespace":"house","name":"pot-5d6f7c8b9-x2k4q"},"reason":"BackOff","message":"Back-off restarting failed container","type":"Warning","lastTimestamp":"2031-05-06T07:08:09Z"}`})
	m := pattern.New()
	p := m.Entry(e)
	require.Equal(t, "BackOff Pod: Back-off restarting failed container", p.Template)
	require.Equal(t, p, m.Text(p.Template))
	require.Zero(t, m.Entry(&pipeline.Entry{Resource: resource}))
}

func TestEntryAndTextAgree(t *testing.T) {
	m := pattern.New()
	for _, text := range []string{`"Cannot serve" err="no tea in \"pot\"" guest="ann" count=2`, "served 12 meals", `"Serving"`} {
		e := entry(t, pipeline.RawEntry{Time: 1, Message: "I0506 07:08:09.000001       1 pot.go:12] " + text})
		require.Equal(t, m.Text(text), m.Entry(e))
	}
}

func TestTheWriterIsNoPart(t *testing.T) {
	m := pattern.New()
	a := entry(t, pipeline.RawEntry{Time: 1, Message: "served"})
	b := *a
	b.Resource = &pipeline.Resource{Cluster: "coffee", Pod: "mill-0"}
	b.Service, b.Time, b.Level = "mill", 7, pipeline.LevelError
	require.Equal(t, m.Entry(a), m.Entry(&b))
}

func TestEntryDoesNotAllocate(t *testing.T) {
	e := entry(t, pipeline.RawEntry{Time: 1, Message: `{"level":"error","msg":"cannot serve 12","guest":"ann","error":"no tea in \"pot\" 12"}`})
	m := pattern.New()
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Entry(e) }))
}
