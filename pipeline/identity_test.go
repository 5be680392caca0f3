package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func line(change ...func(*pipeline.RawEntry)) pipeline.ID {
	e := pipeline.RawEntry{Time: 1627982280848696855, Stream: "stdout", Message: "m",
		Resource: &pipeline.Resource{Cluster: "c", Namespace: "n", Pod: "p", PodUID: "u", Container: "k", Node: "w", Labels: map[string]string{"a": "b"}}}
	for _, f := range change {
		f(&e)
	}
	return pipeline.LineID(&e)
}

func resource(change func(*pipeline.Resource)) func(*pipeline.RawEntry) {
	return func(e *pipeline.RawEntry) {
		res := *e.Resource
		change(&res)
		e.Resource = &res
	}
}

func message(m string) func(*pipeline.RawEntry) {
	return func(e *pipeline.RawEntry) { e.Message = m }
}

func TestEveryFieldOfTheIdentityCounts(t *testing.T) {
	seen := map[pipeline.ID]string{line(): "nothing"}
	for name, change := range map[string]func(*pipeline.RawEntry){
		"cluster":      resource(func(r *pipeline.Resource) { r.Cluster = "x" }),
		"namespace":    resource(func(r *pipeline.Resource) { r.Namespace = "x" }),
		"uid":          resource(func(r *pipeline.Resource) { r.PodUID = "x" }),
		"no uid":       resource(func(r *pipeline.Resource) { r.PodUID = "" }),
		"only node":    resource(func(r *pipeline.Resource) { r.PodUID, r.Pod = "", "" }),
		"container":    resource(func(r *pipeline.Resource) { r.Container = "x" }),
		"stream":       func(e *pipeline.RawEntry) { e.Stream = "stderr" },
		"time":         func(e *pipeline.RawEntry) { e.Time++ },
		"occurrence":   func(e *pipeline.RawEntry) { e.Occurrence++ },
		"origin":       func(e *pipeline.RawEntry) { e.Origin = "x" },
		"message":      message("n"),
		"moved border": func(e *pipeline.RawEntry) { e.Stream, e.Message = "stdou", "tm" },
	} {
		id := line(change)
		require.NotContains(t, seen, id, "%s is like %s", name, seen[id])
		seen[id] = name
	}
}

func TestWhatIsNoPartOfTheIdentity(t *testing.T) {
	for name, change := range map[string]func(*pipeline.RawEntry){
		"pod beside its UID": resource(func(r *pipeline.Resource) { r.Pod = "x" }),
		"node of a pod":      resource(func(r *pipeline.Resource) { r.Node = "x" }),
		"labels":             resource(func(r *pipeline.Resource) { r.Labels = nil }),
		"read time":          func(e *pipeline.RawEntry) { e.Read = 5 },
	} {
		require.Equal(t, line(), line(change), name)
	}
}

func TestTheIdentityDoesNotDependOnTheKey(t *testing.T) {
	a := line(message("login [redacted:password:0123456789ab] by [redacted:jwt:ffffffffffff] ok"))
	require.Equal(t, a, line(message("login [redacted:password:ba9876543210] by [redacted:jwt:000000000000] ok")))
	require.NotEqual(t, a, line(message("login [redacted:secret:0123456789ab] by [redacted:jwt:ffffffffffff] ok")))
	for _, no := range []string{"[redacted:", "[redacted:x:", "[redacted:x:0123456789ab", "[redacted:x:0123456789aB]", "[redacted:x:0123456789abc]"} {
		require.NotEqual(t, line(message(no+"1")), line(message(no+"2")), "%q is no token", no)
	}
	require.NotEqual(t, line(message("[redacted:x:0123456789aB]")), line(message("[redacted:x:0123456789aC]")))
}

func TestIDsReadBack(t *testing.T) {
	id, err := pipeline.ParseID(line().String())
	require.NoError(t, err)
	require.Equal(t, line(), id)
	for _, bad := range []string{"", "ab", line().String() + "0", "zz" + line().String()[2:]} {
		_, err := pipeline.ParseID(bad)
		require.Error(t, err, bad)
	}
}
