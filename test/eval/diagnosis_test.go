package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// testdata/diagnosis holds invented scenarios of a mill: an event, a log, a
// failure behind another, one that is none, and one that nothing tells of.
const mill = "testdata/diagnosis"

func TestOwnScenariosReachTheirFloor(t *testing.T) {
	diagnoses := filepath.Join(t.TempDir(), "run.jsonl")
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"--pack", mill, "--floor", filepath.Join(mill, "floor.json"), "--diagnoses", diagnoses, "--seeds", "1"}, &out, &errs)
	t.Log(errs.String() + out.String())
	require.Equal(t, exitOK, code)
	require.Contains(t, out.String(), "0 false alarms of 10 questions; the demo's incidents: 4 of 4 right")

	written, err := os.ReadFile(diagnoses)
	require.NoError(t, err)
	require.Equal(t, 5, bytes.Count(written, []byte("\n")))
	var first struct {
		Scenario, Cause, Text string
		Object                diagnose.Object
		Evidence              []string
	}
	require.NoError(t, json.Unmarshal(written[:bytes.IndexByte(written, '\n')], &first))
	require.Equal(t, "behind-a-queue", first.Scenario)
	require.Equal(t, "image_pull", first.Cause)
	require.Equal(t, "Pod", first.Object.Kind)
	require.NotEmpty(t, first.Evidence)
}

func TestDiagnosesAreScoredExactly(t *testing.T) {
	want := expectation{
		Answerable: true, Object: &objectWanted{Kind: "Pod", Namespace: "mill", NamePrefix: "saw-"},
		ObjectAlso: []objectWanted{{Kind: "PersistentVolumeClaim", Namespace: "mill", Name: "boards"}},
		Cause:      "disk_pressure", CauseAlso: []string{"pvc_unbound"},
		Keywords: [][]string{{"disk", "space"}, {"FULL"}}, Evidence: []string{"no space  left", "Exit Code: 1"},
	}
	right := func() query.AskResponse {
		return query.AskResponse{
			Cause: diagnose.CauseDiskPressure, Text: "The disk is full.", Object: &diagnose.Object{Kind: "Deployment", Namespace: "mill", Name: "saw"},
			Evidence: []query.AskEvidence{{Text: "write /x: NO SPACE\nleft on device"}, {Text: "other"}},
		}
	}
	a := right()
	require.Equal(t, diagnosis{
		Scenario: "s", Answerable: true, Cause: "disk_pressure", Want: "disk_pressure", Hits: 1, Wanted: 2, Shown: 2, Characters: 38,
		Object: true, ObjectAlso: true, CauseIs: true, CauseAlso: true, Keywords: true, answer: &a,
	}, scoreDiagnosis("s", &want, &a))

	for name, c := range map[string]struct {
		change func(*query.AskResponse)
		wrong  func(*testing.T, diagnosis)
	}{
		"another cause": {func(a *query.AskResponse) { a.Cause = diagnose.CausePVCUnbound }, func(t *testing.T, d diagnosis) {
			require.False(t, d.CauseIs)
			require.True(t, d.CauseAlso)
		}},
		"another object": {func(a *query.AskResponse) {
			a.Object = &diagnose.Object{Kind: "PersistentVolumeClaim", Namespace: "mill", Name: "boards"}
		}, func(t *testing.T, d diagnosis) {
			require.False(t, d.Object)
			require.True(t, d.ObjectAlso)
		}},
		"another namespace": {func(a *query.AskResponse) { a.Object.Namespace = "shop" }, func(t *testing.T, d diagnosis) { require.False(t, d.ObjectAlso) }},
		"another name":      {func(a *query.AskResponse) { a.Object.Name = "sawdust" }, func(t *testing.T, d diagnosis) { require.False(t, d.ObjectAlso) }},
		"another kind":      {func(a *query.AskResponse) { a.Object.Kind = "Node" }, func(t *testing.T, d diagnosis) { require.False(t, d.ObjectAlso) }},
		"no object":         {func(a *query.AskResponse) { a.Object = nil }, func(t *testing.T, d diagnosis) { require.False(t, d.ObjectAlso) }},
		"no keyword":        {func(a *query.AskResponse) { a.Text = "The disk is round." }, func(t *testing.T, d diagnosis) { require.False(t, d.Keywords) }},
		"no evidence":       {func(a *query.AskResponse) { a.Evidence = a.Evidence[1:] }, func(t *testing.T, d diagnosis) { require.Zero(t, d.Hits) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := right()
			c.change(&a)
			c.wrong(t, scoreDiagnosis("s", &want, &a))
		})
	}

	want = expectation{Cause: "insufficient_data"}
	require.False(t, scoreDiagnosis("s", &want, &a).Unanswered)
	require.True(t, scoreDiagnosis("s", &want, &query.AskResponse{Cause: diagnose.CauseInsufficientData}).Unanswered)
}

func TestFalseAlarmsBreakTheFloor(t *testing.T) {
	r := report{Alarms: &alarms{Asked: 30, False: []string{"one"}, Right: 12, Incidents: 12}}
	f := floor{AtMost: map[string]float64{"diagnosis/false_alarms": 0, "diagnosis/gone": 3}}
	require.EqualError(t, f.check(r.values()), "below the floor: diagnosis/false_alarms is 1.0000, at most 0.0000 is wanted\ndiagnosis/gone was not measured")
	r.Alarms.False = nil
	delete(f.AtMost, "diagnosis/gone")
	require.NoError(t, f.check(r.values()))
}

// converted is what a folder of inputs becomes: its records as maps.
func converted(t *testing.T, inputs map[string]string) []map[string]any {
	t.Helper()
	dir := t.TempDir()
	for name, text := range inputs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	records, err := convert(dir)
	require.NoError(t, err)
	var list []map[string]any
	for line := range bytes.Lines(records) {
		var record map[string]any
		require.NoError(t, json.Unmarshal(line, &record), "%s", line)
		list = append(list, record)
	}
	return list
}

func at(record map[string]any, keys ...string) any {
	var v any = record
	for _, key := range keys {
		v = v.(map[string]any)[key]
	}
	return v
}

const describedPod = `Name:         saw-5c4d8f7b96-m4n8v
Namespace:    mill
Node:         node-a/10.0.0.1
Start Time:   Mon, 02 Mar 2026 09:00:00 +0100
Service Account:  default
Containers:
  saw:
    Image:  saw:v1
  dust:
    Image:  dust:v1
Events:
  Type     Reason   Age                  From     Message
  ----     ------   ----                 ----     -------
  Warning  BackOff  10s (x7 over 5m30s)  kubelet  Back-off restarting failed container
`

func TestADescriptionBecomesRecordsAndEvents(t *testing.T) {
	list := converted(t, map[string]string{"describe.txt": describedPod})
	last := list[len(list)-1]
	require.Equal(t, "Event", last["kind"])
	require.Equal(t, map[string]any{"kind": "Pod", "namespace": "mill", "name": "saw-5c4d8f7b96-m4n8v"}, last["involvedObject"])
	require.Equal(t, "BackOff", last["reason"])
	require.Equal(t, "Back-off restarting failed container", last["message"])
	require.InDelta(t, 7, last["count"], 0)
	// The pod began at eight, and no event is older than its object.
	require.Equal(t, "2026-03-02T08:00:00Z", last["firstTimestamp"])
	require.Equal(t, "2026-03-02T08:05:20Z", last["lastTimestamp"])

	containers := map[any]string{}
	for _, record := range list[:len(list)-1] {
		require.Equal(t, "mill", at(record, "kubernetes", "namespace_name"))
		require.Equal(t, "saw-5c4d8f7b96-m4n8v", at(record, "kubernetes", "pod_name"))
		require.Equal(t, "node-a", at(record, "kubernetes", "host"))
		if container := at(record, "kubernetes", "container_name"); container != nil {
			containers[container] = record["log"].(string)
		}
	}
	require.Equal(t, map[any]string{"saw": "Containers:\n  saw:\n    Image:  saw:v1", "dust": "Containers:\n  dust:\n    Image:  dust:v1"}, containers)
}

func TestTablesAndLogsBecomeRecordsOfTheirPods(t *testing.T) {
	list := converted(t, map[string]string{
		"a_describe.txt": describedPod,
		"b_get.txt":      "NAMESPACE   NAME                   READY   STATUS    RESTARTS   AGE\nmill        saw-5c4d8f7b96-m4n8v   0/2     Error     9          1d\n",
		"c_events.txt":   "LAST SEEN   TYPE      REASON   OBJECT                     MESSAGE\n2m          Warning   Failed   pod/saw-5c4d8f7b96-m4n8v   it  failed\n",
		"d_logs.txt":     "one\ntwo\n\n",
	})
	var rows, lines []string
	for _, record := range list {
		switch text, _ := record["log"].(string); {
		case strings.HasPrefix(text, "NAMESPACE"):
			rows = append(rows, text)
			require.Equal(t, "saw-5c4d8f7b96-m4n8v", at(record, "kubernetes", "pod_name"))
		case text == "one" || text == "two":
			lines = append(lines, text)
			require.Equal(t, "saw-5c4d8f7b96-m4n8v", at(record, "kubernetes", "pod_name"), "the only pod that is named")
		case record["reason"] == "Failed":
			require.Equal(t, "it  failed", record["message"])
			require.Equal(t, "mill", at(record, "involvedObject", "namespace"))
			require.Equal(t, "2026-03-02T08:03:30Z", record["lastTimestamp"])
		}
	}
	require.Len(t, rows, 1)
	require.Equal(t, []string{"one", "two"}, lines)
}

func TestManifestsAndDocuments(t *testing.T) {
	list := converted(t, map[string]string{
		"a.json": `{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"p","namespace":"n","labels":{"app":"x"}},"spec":{"nodeName":"m"}},{"kind":"Event","metadata":{"uid":"u","resourceVersion":"1","name":"e","namespace":"n"},"involvedObject":{"kind":"Pod","name":"p"},"reason":"R","message":"m","lastTimestamp":"2026-03-02T09:00:00Z"}]}`,
		"b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: n\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: q\n  namespace: n\n",
		"c.json": `{"nodes": ["a"], "partitions": true}`,
		"d.txt":  "",
	})
	require.Len(t, list, 5)
	require.Equal(t, "p", at(list[0], "kubernetes", "pod_name"))
	require.Equal(t, "x", at(list[0], "kubernetes", "labels", "app"))
	require.Equal(t, "u", at(list[1], "metadata", "uid"), "an event stays as it is")
	require.Nil(t, at(list[2], "kubernetes", "pod_name"))
	require.Equal(t, "q", at(list[3], "kubernetes", "pod_name"))
	require.JSONEq(t, `{"nodes": ["a"], "partitions": true}`, list[4]["log"].(string))
}

func TestNothingOfALongTextIsLost(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: ConfigMap\n")
	for text.Len() < 3*maxRecordText {
		text.WriteString("  key: a value that goes on\n")
	}
	var joined []string
	for _, record := range converted(t, map[string]string{"a.yaml": text.String()}) {
		require.LessOrEqual(t, len(record["log"].(string)), maxRecordText)
		joined = append(joined, record["log"].(string))
	}
	require.Equal(t, strings.TrimSpace(text.String()), strings.TrimSpace(strings.Join(joined, "\n")))
	require.Empty(t, converted(t, map[string]string{}))
	_, err := convert("testdata/no-such-folder")
	require.ErrorContains(t, err, "no-such-folder")
}

func TestAges(t *testing.T) {
	for text, want := range map[string]struct {
		first, last time.Duration
		count       int
	}{
		"58m":                   {58 * time.Minute, 58 * time.Minute, 1},
		"3m19s (x256 over 58m)": {58 * time.Minute, 3*time.Minute + 19*time.Second, 256},
		"2d4h":                  {52 * time.Hour, 52 * time.Hour, 1},
		"5s (x2)":               {5 * time.Second, 5 * time.Second, 2},
		"<unknown>":             {0, 0, 1},
	} {
		first, last, count := ages(text)
		require.Equal(t, want.first, first, text)
		require.Equal(t, want.last, last, text)
		require.Equal(t, want.count, count, text)
	}
}
