package parse

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestEvent(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       EventFields
		attributes string
	}{
		{"v1 as Fluent Bit prints it", `{"metadata":{"name":"orders-x2x7v.17f0","namespace":"shop","uid":"u-1","resourceVersion":"2001","creationTimestamp":"2026-11-20T15:42:08Z"},
			"involvedObject":{"kind":"Pod","namespace":"shop","name":"orders-x2x7v","fieldPath":"spec.containers{orders}","uid":"p-1"},"reason":"BackOff","message":"Back-off \"restarting\"",
			"source":{"component":"kubelet","host":"node-1"},"firstTimestamp":"2026-11-20T15:42:08Z","lastTimestamp":"2026-11-20T15:43:08Z","count":3,"type":"Warning","eventTime":null}`,
			EventFields{Event: pipeline.Event{UID: "u-1", ResourceVersion: "2001", Count: 3, Reason: "BackOff", ObjectKind: "Pod", ObjectNamespace: "shop", ObjectName: "orders-x2x7v"},
				Time: at("2026-11-20T15:43:08Z"), Level: pipeline.LevelWarn, Message: `Back-off "restarting"`, Namespace: "shop", Pod: "orders-x2x7v", Container: "orders", Node: "node-1"},
			`type="Warning" reason="BackOff" count=3 component="kubelet" object.kind="Pod" object.namespace="shop" object.name="orders-x2x7v" object.uid="p-1" object.field_path="spec.containers{orders}" name="orders-x2x7v.17f0" uid="u-1" resource_version="2001" first_time="2026-11-20T15:42:08Z" last_time="2026-11-20T15:43:08Z"`},
		{"series of v1", `{"kind":"Event","apiVersion":"v1","eventTime":"2021-08-03T09:14:56.955208Z","firstTimestamp":null,"lastTimestamp":null,"series":{"count":9,"lastObservedTime":"2021-08-03T09:15:09.849928Z"},
			"metadata":{"uid":"u","namespace":"default","creationTimestamp":"2021-08-03T09:14:56Z"},"involvedObject":{"kind":"Node","name":"node-7"},"message":"m","source":{},"reportingComponent":"default-scheduler","type":"Normal"}`,
			EventFields{Event: pipeline.Event{UID: "u", Count: 9, ObjectKind: "Node", ObjectName: "node-7"}, Time: at("2021-08-03T09:15:09.849928Z"), Level: pipeline.LevelInfo, Message: "m", Namespace: "default", Node: "node-7"},
			`type="Normal" count=9 component="default-scheduler" object.kind="Node" object.name="node-7" uid="u" last_time="2021-08-03T09:15:09.849928Z"`},
		{"events.k8s.io/v1", `{"kind":"Event","apiVersion":"events.k8s.io/v1","regarding":{"kind":"Pod","namespace":"n","name":"p","fieldPath":"spec.initContainers{init}"},"note":"hello","reason":"r",
			"deprecatedCount":4,"deprecatedLastTimestamp":"2021-08-03T10:00:00Z","deprecatedSource":{"component":"c","host":"h"},"reportingController":"rc","eventTime":"2021-08-03T09:00:00.000001Z","metadata":{"uid":"u","resourceVersion":"5"},"type":"Warning"}`,
			EventFields{Event: pipeline.Event{UID: "u", ResourceVersion: "5", Count: 4, Reason: "r", ObjectKind: "Pod", ObjectNamespace: "n", ObjectName: "p"}, Time: at("2021-08-03T10:00:00Z"), Level: pipeline.LevelWarn, Message: "hello", Namespace: "n", Pod: "p", Container: "init", Node: "h"},
			`type="Warning" reason="r" count=4 component="c" object.kind="Pod" object.namespace="n" object.name="p" object.field_path="spec.initContainers{init}" uid="u" resource_version="5" last_time="2021-08-03T10:00:00Z"`},
		{"zero times, odd types", `{"metadata":{"uid":"u","creationTimestamp":"2021-08-03T09:00:00Z"},"lastTimestamp":"0001-01-01T00:00:00Z","eventTime":"0001-01-01T00:00:00.000000Z","count":-2,"type":"Error","message":7,"reason":"Why"}`,
			EventFields{Event: pipeline.Event{UID: "u", Count: 1, Reason: "Why"}, Time: at("2021-08-03T09:00:00Z"), Level: pipeline.LevelError, Message: "Why"},
			`type="Error" reason="Why" count=1 uid="u" last_time="0001-01-01T00:00:00Z"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e EventFields
			require.NoError(t, Event(c.text, &e))
			require.Equal(t, c.attributes, attrs(e.Attributes))
			for _, a := range e.Attributes {
				require.True(t, json.Valid([]byte(a.Value)))
			}
			e.Attributes = nil
			require.Equal(t, c.want, e)
		})
	}
	for _, text := range []string{"", "x", "null", "[]", `{}`, `{"metadata":{}}`, `{"metadata":{"uid":""}}`, `{"metadata":{"uid":"u"}`, `{"metadata":{"uid":"u"}} x`, `{"kind":"Pod","metadata":{"uid":"u"}}`} {
		var e EventFields
		require.ErrorIs(t, Event(text, &e), pipeline.ErrRejected, text)
	}
}

// The order of the times is the issue's: the first that is there wins.
func TestEventTime(t *testing.T) {
	full := `"series":{"lastObservedTime":"2021-08-05T00:00:00Z"},"lastTimestamp":"2021-08-04T00:00:00Z","eventTime":"2021-08-03T00:00:00Z","firstTimestamp":"2021-08-01T00:00:00Z"`
	for _, c := range []struct{ members, created, want string }{
		{full, "2021-08-02T00:00:00Z", "2021-08-05T00:00:00Z"},
		{full[len(`"series":{"lastObservedTime":"2021-08-05T00:00:00Z"},`):], "2021-08-02T00:00:00Z", "2021-08-04T00:00:00Z"},
		{`"eventTime":"2021-08-03T00:00:00.5Z"`, "2021-08-02T00:00:00Z", "2021-08-03T00:00:00.5Z"},
		{`"firstTimestamp":"2021-08-01T00:00:00Z"`, "2021-08-02T00:00:00Z", "2021-08-02T00:00:00Z"},
		{`"firstTimestamp":"2021-08-01T00:00:00Z"`, "", "2021-08-01T00:00:00Z"},
	} {
		var e EventFields
		require.NoError(t, Event(`{"metadata":{"uid":"u","creationTimestamp":"`+c.created+`"},`+c.members+`}`, &e))
		require.Equal(t, at(c.want), e.Time, c.members)
	}
	var e EventFields
	require.NoError(t, Event(`{"metadata":{"uid":"u"},"lastTimestamp":"9999-01-01T00:00:00Z"}`, &e))
	require.Zero(t, e.Time)
}
