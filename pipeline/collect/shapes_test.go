package collect_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

func TestCRI(t *testing.T) {
	defaults := pipeline.Resource{Namespace: "shop", Pod: "orders-1", Container: "orders"}
	es := collected(t, collect.Options{Defaults: defaults},
		"2021-08-03T09:18:00.848696855Z stderr F a message  with blanks ",
		"2021-08-03T11:18:00.848696855+02:00 stdout P one ",
		"2021-08-03T09:18:00.9Z stderr F between",
		"2021-08-03T09:19:00Z stdout P:x two ",
		"2021-08-03T09:20:00Z stdout F:x three",
		"2021-08-03T09:20:01Z stdout F ",
		"2021-08-03T09:20:02Z stdout F",
	)
	var got []string
	for _, e := range es {
		require.Equal(t, &defaults, e.Resource)
		require.Equal(t, pipeline.KindLog, e.Kind)
		require.Zero(t, e.Read)
		require.Empty(t, e.Origin)
		got = append(got, e.Stream+"|"+e.Message)
	}
	require.Equal(t, []string{"stderr|a message  with blanks ", "stderr|between", "stdout|one two three", "stdout|", "stdout|"}, got)
	require.Equal(t, stamp("2021-08-03T09:18:00.848696855Z"), es[0].Time)
	require.Equal(t, stamp("2021-08-03T09:18:00.848696855Z"), es[2].Time, "the first part's, in UTC")
	require.Equal(t, 3, es[2].Lines)
}

func TestDocker(t *testing.T) {
	es := collected(t, collect.Options{},
		`{"log":"a line\n","stream":"stdout","time":"2021-08-03T09:18:00.848696855Z"}`,
		`{"log":"a long ","stream":"stdout","time":"2021-08-03T09:18:01Z"}`,
		`{"log":"\ttab \u00e9 \"q\"\r\n","stream":"stderr","attrs":{"a":"b"},"time":"2021-08-03T09:18:01Z"}`,
		`{"log":"one\n","stream":"stdout","time":"2021-08-03T09:18:02Z"}`,
		`{"log":"\n","stream":"stdout","time":"2021-08-03T09:18:02Z"}`,
		`{"log":"never ended","stream":"stdout","time":"2021-08-03T09:18:03Z"}`,
	)
	require.Equal(t, []string{"a line", "\ttab é \"q\"", "a long one", "", "never ended"}, (&source{entries: es}).messages())
	require.Equal(t, stamp("2021-08-03T09:18:01Z"), es[2].Time)
	require.Equal(t, 2, es[2].Lines)
	require.Equal(t, "stderr", es[1].Stream)
}

// TestFluentBit: what the kubernetes filter makes of a line, in all the ways it
// is configured.
func TestFluentBit(t *testing.T) {
	const kube = `"kubernetes":{"pod_name":"orders-7c9d6d5c8b-x2x7v","namespace_name":"shop","pod_id":"u-1","labels":{"app":"orders","n":1},"annotations":{"a":"b"},"host":"node-1","container_name":"orders","ownerReferences":[{"kind":"ReplicaSet","name":"orders-7c9d6d5c8b"}]}`
	at := stamp("2026-11-20T10:00:00.000000001Z")
	for _, c := range []struct {
		name, line, message string
		time                int64
	}{
		{"multiline.parser", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","_p":"F","log":"{\"level\":\"info\",\"msg\":\"ok\"}\n","level":"info","msg":"ok",` + kube + `}`, `{"level":"info","msg":"ok"}`, at},
		{"parser cri", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","logtag":"F","message":"a message","extra":1,` + kube + `}`, "a message", at},
		{"Keep_Log Off", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","_p":"F","level":"info","message":"hi","order":{"id": 1},` + kube + `,"kubernetes_namespace":{"name":"shop"}}`, `{"level":"info","message":"hi","order":{"id": 1}}`, at},
		{"merged time", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","log":"{\"time\":1}","time":1,` + kube + `}`, `{"time":1}`, at},
		{"epoch date", `{"date":1795168800.000000001,"stream":"stdout","log":"x",` + kube + `}`, "x", at},
		{"epoch_ms date", `{"date":1795168800123,"stream":"stdout","log":"x",` + kube + `}`, "x", at - 1 + 123e6},
		{"iso date", `{"date":"2026-11-20T10:00:00.000000001Z","stream":"stdout","log":"x",` + kube + `}`, "x", at},
		{"@timestamp", `{"@timestamp":"2026-11-20T10:00:00.000000001Z","stream":"stdout","log":"x",` + kube + `}`, "x", at},
		{"time of another kind", `{"date":1795168800.000000001,"time":"noon","stream":"stdout","log":"x",` + kube + `}`, "x", at},
		{"several lines in one", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","log":"Error: a\n\tat b",` + kube + `}`, "Error: a\n\tat b", at},
		{"log is an object", `{"time":"2026-11-20T10:00:00.000000001Z","stream":"stdout","log":{"a":1},` + kube + `}`, `{"a":1}`, at},
		{"no time", `{"stream":"stdout","log":"x",` + kube + `}`, "x", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			es := collected(t, collect.Options{Read: 7, Defaults: pipeline.Resource{Cluster: "default"}}, c.line)
			require.Len(t, es, 1)
			e := es[0]
			require.Equal(t, c.message, e.Message)
			require.Equal(t, c.time, e.Time)
			require.Equal(t, c.time == 0, e.Read == 7)
			require.Equal(t, "stdout", e.Stream)
			require.Equal(t, &pipeline.Resource{Cluster: "default", Namespace: "shop", Pod: "orders-7c9d6d5c8b-x2x7v", PodUID: "u-1",
				Container: "orders", Node: "node-1", Owner: "orders", Labels: map[string]string{"app": "orders", "n": "1"}}, e.Resource)
			require.Equal(t, map[string]string{"a": "b"}, e.Annotations)
		})
	}
}

func TestFluentBitClusterAndDefaults(t *testing.T) {
	defaults := pipeline.Resource{Cluster: "default", Pod: "from-the-file"}
	es := collected(t, collect.Options{Defaults: defaults},
		`{"log":"a","kubernetes":{},"cluster":"one"}`,
		`{"log":"b","kubernetes":{},"cluster_name":"two"}`,
		`{"log":"c","kubernetes":{"cluster_name":"three","pod_name":"p"}}`,
		`{"log":"d","kubernetes":{}}`,
		`{"date":1,"log":"e","cluster":"four"}`,
	)
	var got []string
	for _, e := range es {
		got = append(got, e.Message+" "+e.Resource.Cluster+" "+e.Resource.Pod)
	}
	require.Equal(t, []string{"a one from-the-file", "b two from-the-file", "c three p", "d default from-the-file", "e four from-the-file"}, got)
}

func TestFluentBitParts(t *testing.T) {
	part := func(tag, text string) string {
		return `{"time":"2026-11-20T10:00:00Z","stream":"stdout",` + tag + `,"log":"` + text + `","kubernetes":{"pod_name":"p"}}`
	}
	joined := strings.Repeat("x", 16<<10+5)
	es := collected(t, collect.Options{},
		part(`"logtag":"P"`, "one "), part(`"logtag":"F"`, "two"),
		part(`"_p":"P"`, "three "), part(`"_p":"F"`, "four"),
		// Fluent Bit has joined this one and kept the first part's tag.
		part(`"_p":"P"`, joined), part(`"_p":"F"`, "of its own"),
	)
	require.Equal(t, []string{"one two", "three four", joined, "of its own"}, (&source{entries: es}).messages())
}

func TestOwners(t *testing.T) {
	for _, c := range []struct{ refs, labels, owner string }{
		{`[{"kind":"ReplicaSet","name":"orders-7c9d6d5c8b"}]`, `{}`, "orders"},
		{`[{"kind":"ReplicaSet","name":"orders-abc"}]`, `{"pod-template-hash":"abc"}`, "orders"},
		{`[{"kind":"ReplicaSet","name":"orders-blue"}]`, `{"pod-template-hash":"7c9d6d5c8b"}`, "orders-blue"},
		{`[{"kind":"Job","name":"backup-27133158"}]`, `{}`, "backup"},
		{`[{"kind":"Job","name":"backup-once"}]`, `{}`, "backup-once"},
		{`[{"kind":"StatefulSet","name":"db-7c9d6d5c8b"},{"kind":"Job","name":"x"}]`, `{}`, "db-7c9d6d5c8b"},
		{`[]`, `{}`, ""},
		{`"none"`, `{}`, ""},
	} {
		es := collected(t, collect.Options{}, `{"log":"a","kubernetes":{"labels":`+c.labels+`,"ownerReferences":`+c.refs+`}}`)
		require.Equal(t, c.owner, es[0].Resource.Owner, c.refs)
	}
}

const event = `{"metadata":{"name":"o.1","namespace":"shop","uid":"u-1","resourceVersion":"2001"},"involvedObject":{"kind":"Pod","name":"o"},"reason":"BackOff","count":1}`

func TestEvents(t *testing.T) {
	regarding := `{"kind":"Event","apiVersion":"events.k8s.io/v1","metadata":{"uid":"u-2","resourceVersion":"5"},"regarding":{"kind":"Pod"},"note":"x"}`
	s := newSource(collect.Options{Read: 7, Defaults: pipeline.Resource{Cluster: "c", Pod: "p"}})
	s.line(t, event)
	s.line(t, strings.ReplaceAll(regarding, ":", " : "))
	s.line(t, `{"kind":"EventList","items":[`+event+`, `+regarding+`]}`)
	require.Equal(t, []string{event, regarding, event, regarding}, s.messages(), "compact, and emitted at once")
	for _, e := range s.entries {
		require.Equal(t, pipeline.KindEvent, e.Kind)
		require.Equal(t, &pipeline.Resource{Cluster: "c"}, e.Resource)
		require.Equal(t, int64(7), e.Read)
		require.Zero(t, e.Time)
		require.Empty(t, e.Origin, "where it was read is no part of what it says")
	}
	require.Equal(t, s.entries[2].Start, s.entries[3].Start)
}

func TestJournal(t *testing.T) {
	line := func(members string) string {
		return `{"__REALTIME_TIMESTAMP":"1627982280848696","_HOSTNAME":"node-1",` + members + `}`
	}
	for _, c := range []struct{ line, container, message string }{
		{line(`"_SYSTEMD_UNIT":"kubelet.service","SYSLOG_IDENTIFIER":"hyperkube","PRIORITY":"6","MESSAGE":"E0803 09:18:00.844999       1 kubelet.go:1] bad"`), "kubelet", "E0803 09:18:00.844999       1 kubelet.go:1] bad"},
		{line(`"_SYSTEMD_UNIT":"sshd.service","PRIORITY":"3","MESSAGE":"refused"`), "sshd", "<3>refused"},
		{line(`"SYSLOG_IDENTIFIER":"kernel","PRIORITY":"4","MESSAGE":"Out of memory: Killed process 1 (INFORMER)"`), "kernel", "<4>Out of memory: Killed process 1 (INFORMER)"},
		{line(`"_TRANSPORT":"audit","MESSAGE":"x"`), "audit", "x"},
		{line(`"_SYSTEMD_UNIT":"crio.service","PRIORITY":"6","MESSAGE":"time=\"..\" level=error msg=x"`), "crio", `time=".." level=error msg=x`},
		{line(`"_SYSTEMD_UNIT":"a.service","PRIORITY":"6","MESSAGE":"2021-08-03 WARN slow"`), "a", "2021-08-03 WARN slow"},
		{line(`"_SYSTEMD_UNIT":"dev-a\\x2db.device","PRIORITY":"6","MESSAGE":[104,105,255]`), `dev-a\x2db.device`, "<6>hi\uFFFD"},
		{line(`"_SYSTEMD_UNIT":"a.service","PRIORITY":"6","MESSAGE":null`), "a", ""},
	} {
		es := collected(t, collect.Options{}, c.line)
		require.Len(t, es, 1)
		e := es[0]
		require.Equal(t, c.message, e.Message)
		require.Equal(t, int64(1627982280848696000), e.Time)
		require.Equal(t, pipeline.KindNode, e.Kind)
		require.Equal(t, "journal", e.Stream)
		require.Equal(t, "node-1", e.Resource.Node)
		require.Equal(t, c.container, e.Resource.Container)
	}
}

// TestPlain: what looks like a shape and is none, or is broken, stays as it is.
func TestPlain(t *testing.T) {
	for _, text := range []string{
		"a plain line",
		"  indented",
		"2021-08-03T09:18:00Z stdout X tag",
		"2021-08-03T09:18:00Z stdlog F stream",
		"2021-13-03T09:18:00Z stdout F month",
		"2021-08-03T09:18:00+0x:00 stdout F zone",
		`{"level":"info","message":"of an application","time":"2021-08-03T09:18:00Z"}`,
		`{"time":"2021-08-03T09:18:00Z","log":"an application's","user":"u"}`,
		`{"log":"cut\n","stream":"stdout","time":"2021-08-0`,
		`{"log":"x\n","stream":"stdout","time":"noon"}`,
		`{"log":"x","kubernetes":{"pod_name":"p"}} and more`,
		`{"log":"x\q","kubernetes":{}}`,
		`{"kubernetes":{"a":}}`,
		`{"kind":"Pod","metadata":{"uid":"u","resourceVersion":"1"},"involvedObject":{}}`,
		`{"metadata":{"name":"no uid"},"involvedObject":{}}`,
		`{"kind":"PodList","items":[{"kind":"Pod"}]}`,
		`{"kind":"EventList","items":[]}`,
		`{"MESSAGE":"no time","_HOSTNAME":"n"}`,
		`{"__REALTIME_TIMESTAMP":"1","MESSAGE":[1,256]}`,
		"{",
		"\x00nul\x00",
	} {
		es := collected(t, collect.Options{Kind: pipeline.KindNode, Read: 7, Defaults: pipeline.Resource{Pod: "p"}}, "first", text)
		require.Len(t, es, 2)
		e := es[1]
		require.Equal(t, text, e.Message)
		require.Equal(t, pipeline.KindNode, e.Kind)
		require.Equal(t, "p", e.Resource.Pod)
		require.Equal(t, []any{int64(0), int64(7), "file@6", uint64(0)}, []any{e.Time, e.Read, e.Origin, e.Occurrence})
	}
}

func TestFormats(t *testing.T) {
	cri := "2021-08-03T09:18:00Z stdout F cri"
	docker := `{"log":"docker\n","stream":"stdout","time":"2021-08-03T09:18:00Z"}`
	fluentBit := `{"log":"fluentbit","kubernetes":{}}`
	for format, want := range map[collect.Format][]string{
		collect.FormatAuto:   {"cri", "docker", "fluentbit"},
		collect.FormatCRI:    {"cri", docker, fluentBit},
		collect.FormatDocker: {cri, "docker", fluentBit},
		collect.FormatJSON:   {cri, "docker", "fluentbit"},
		collect.FormatText:   {cri, docker, fluentBit},
	} {
		es := collected(t, collect.Options{Format: format}, cri, docker, fluentBit)
		require.Equal(t, want, (&source{entries: es}).messages())
	}
}

func TestText(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, "\uFEFFbom")
	s.line(t, "\uFEFFnot at the start")
	s.line(t, "cr\r")
	s.line(t, "")
	s.line(t, " \t")
	s.line(t, "bad \xff\xfe utf-8")
	s.line(t, "2021-08-03T09:18:00Z stdout F ")
	s.line(t, "panic: x")
	s.line(t, "")
	s.line(t, "goroutine 1 [running]:")
	s.line(t, "")
	s.flush(t)
	require.Equal(t, []string{"bom", "\uFEFFnot at the start", "cr", "bad \uFFFD utf-8", "", "panic: x\n\ngoroutine 1 [running]:"}, s.messages())
	require.Equal(t, int64(3), s.c.Blank)
	require.Equal(t, int64(1), s.c.InvalidUTF8)
}

func TestTooLong(t *testing.T) {
	s := newSource(collect.Options{MaxLine: 10000})
	s.line(t, "2021-08-03T09:18:00Z stderr F panic: a")
	s.line(t, "2021-08-03T09:18:00Z stderr F "+strings.Repeat("é", 6000))
	require.NoError(t, s.c.TooLong([]byte(strings.Repeat("é", 3000)[1:]), 20000, 1<<30))
	require.Len(t, s.entries, 3)
	require.Equal(t, "panic: a", s.entries[0].Message, "what was held back comes first")
	require.Empty(t, s.entries[0].Rejected)
	cri, plain := s.entries[1], s.entries[2]
	require.Equal(t, collect.ReasonTooLong, cri.Rejected)
	require.Equal(t, strings.Repeat("é", 2048), cri.Message)
	require.Equal(t, "stderr", cri.Stream)
	require.Equal(t, stamp("2021-08-03T09:18:00Z"), cri.Time)
	require.Equal(t, uint64(1), cri.Occurrence)
	require.Equal(t, collect.ReasonTooLong, plain.Rejected)
	require.Equal(t, "file@20000", plain.Origin)
	require.Equal(t, int64(1<<30), plain.End)
}

// TestPartsOverTheBound: the parts of one endless line become several entries.
func TestPartsOverTheBound(t *testing.T) {
	s := newSource(collect.Options{MaxLine: 100})
	for range 25 {
		s.line(t, "2021-08-03T09:18:00Z stdout P "+strings.Repeat("x", 10))
	}
	s.line(t, "2021-08-03T09:18:00Z stdout F end")
	require.Equal(t, []string{strings.Repeat("x", 100), strings.Repeat("x", 100), strings.Repeat("x", 50) + "end"}, s.messages())
	require.Equal(t, uint64(2), s.entries[2].Occurrence)
}

func TestEmitErrorEndsLine(t *testing.T) {
	failed := errors.New("full")
	c := collect.New(collect.Options{Emit: func(*collect.Entry) error { return failed }})
	require.ErrorIs(t, c.Line([]byte("a"), 0, 2), failed)
	require.ErrorIs(t, c.Line([]byte(event), 2, 3), failed)
	require.NoError(t, c.Line([]byte("panic: held back"), 3, 4))
	require.ErrorIs(t, c.Flush(), failed)
}

func TestFileResource(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for _, c := range []struct {
		path string
		want pipeline.Resource
		ok   bool
	}{
		{"/var/log/containers/web.0-1_shop_side-car-" + id + ".log", pipeline.Resource{Pod: "web.0-1", Namespace: "shop", Container: "side-car"}, true},
		{"web_shop_c-" + id + ".log", pipeline.Resource{Pod: "web", Namespace: "shop", Container: "c"}, true},
		{"/var/log/pods/shop_web.0-1_0f0c-4a/side-car/0.log", pipeline.Resource{Namespace: "shop", Pod: "web.0-1", PodUID: "0f0c-4a", Container: "side-car"}, true},
		{"pods/shop_web_u/c/12.log.20210803-091800.gz", pipeline.Resource{Namespace: "shop", Pod: "web", PodUID: "u", Container: "c"}, true},
		{"web_shop_c-" + id[1:] + ".log", pipeline.Resource{}, false},
		{"web_shop_c-" + id, pipeline.Resource{}, false},
		{"web_shop_" + id + ".log", pipeline.Resource{}, false},
		{"web_c-" + id + ".log", pipeline.Resource{}, false},
		{"_shop_c-" + id + ".log", pipeline.Resource{}, false},
		{"pods/shop_web/c/0.log", pipeline.Resource{}, false},
		{"pods/shop_web_u/c/app.log", pipeline.Resource{}, false},
		{"/var/log/syslog", pipeline.Resource{}, false},
		{"", pipeline.Resource{}, false},
	} {
		got, ok := collect.FileResource(c.path)
		require.Equal(t, c.ok, ok, c.path)
		require.Equal(t, c.want, got, c.path)
	}
}
