package main

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// wantedEvent is what a test wants of a v1.Event.
type wantedEvent struct{ kind, namespace, name, level, reason, message, from, first, last string }

func eventsOf(list []map[string]any) []wantedEvent {
	var found []wantedEvent
	for _, r := range list {
		if r["kind"] != "Event" {
			continue
		}
		text := func(keys ...string) string {
			s, _ := at(r, keys...).(string)
			return s
		}
		found = append(found, wantedEvent{
			text("involvedObject", "kind"), text("involvedObject", "namespace"), text("involvedObject", "name"),
			text("type"), text("reason"), text("message"), text("source", "component"), text("firstTimestamp"), text("lastTimestamp"),
		})
	}
	return found
}

// logsOf are the texts of records, each with whose it is: "namespace/pod: text".
func logsOf(list []map[string]any) []string {
	var found []string
	for _, r := range list {
		if text, is := r["log"].(string); is {
			namespace, _ := at(r, "kubernetes", "namespace_name").(string)
			pod, _ := at(r, "kubernetes", "pod_name").(string)
			found = append(found, namespace+"/"+pod+": "+text)
		}
	}
	return found
}

func TestLogsBecomeARecordALine(t *testing.T) {
	const pods = "NAMESPACE   NAME                    READY   STATUS    RESTARTS   AGE\n" +
		"yard        crane-7c9d8b5f6-k2x4z   1/1     Running   0          3d\n" +
		"yard        gate-84f6d7c5b9-q8w7r   1/1     Running   0          3d\n"
	for name, c := range map[string]struct {
		file, text string
		want       []string
	}{
		"plain": {"kubectl_logs_crane-7c9d8b5f6-k2x4z.txt", "lifting box 4\n\n  box 4 is too heavy\n", []string{
			"yard/crane-7c9d8b5f6-k2x4z: lifting box 4", "yard/crane-7c9d8b5f6-k2x4z:   box 4 is too heavy",
		}},
		"with times": {"kubectl_logs_q8w7r.txt", "2026-04-01T06:00:00.123456789Z stderr F barrier stuck\n", []string{
			"yard/gate-84f6d7c5b9-q8w7r: 2026-04-01T06:00:00.123456789Z stderr F barrier stuck",
		}},
		"JSON": {"logs.jsonl", `{"level":"error","msg":"kind: unknown"}` + "\n" + `{"level":"info","msg":"<ok>"}` + "\n", []string{
			`/: {"level":"error","msg":"kind: unknown"}`, `/: {"level":"info","msg":"<ok>"}`,
		}},
		"of a pod that its head names": {"logs.txt", "- Pod: gate-84f6d7c5b9-q8w7r\n- Namespace: yard\nbarrier stuck", []string{
			"yard/gate-84f6d7c5b9-q8w7r: - Pod: gate-84f6d7c5b9-q8w7r", "yard/gate-84f6d7c5b9-q8w7r: - Namespace: yard", "yard/gate-84f6d7c5b9-q8w7r: barrier stuck",
		}},
		"of nobody, since there are two": {"logs.txt", "barrier stuck", []string{"/: barrier stuck"}},
		"garbage":                        {"core.bin", "\x7fELF{[ \x01\nName:\nEvents:\n", []string{"/: \x7fELF{[ \x01", "/: Name:", "/: Events:"}},
		"broken JSON":                    {"pod.json", "{\"kind\": \"Pod\",\n", []string{`/: {"kind": "Pod",`}},
	} {
		t.Run(name, func(t *testing.T) {
			list := logsOf(converted(t, map[string]string{"a_pods.txt": pods, c.file: c.text}))
			require.Equal(t, c.want, list[2:], "the first two are the table's rows")
		})
	}
}

func TestEventTables(t *testing.T) {
	const log = "2026-04-01T06:00:00Z barrier stuck\n"
	for name, c := range map[string]struct {
		text string
		want []wantedEvent
		logs []string
	}{
		"of a namespace": {
			"LAST SEEN   TYPE      REASON      OBJECT                      MESSAGE\n" +
				"90s         Normal    Scheduled   pod/crane-7c9d8b5f6-k2x4z   Successfully assigned yard/crane-7c9d8b5f6-k2x4z to quay-2\n",
			[]wantedEvent{{"Pod", "", "crane-7c9d8b5f6-k2x4z", "Normal", "Scheduled", "Successfully assigned yard/crane-7c9d8b5f6-k2x4z to quay-2", "kubelet", "2026-04-01T05:58:30Z", "2026-04-01T05:58:30Z"}},
			nil,
		},
		"of all, with counts": {
			"NAMESPACE   LAST SEEN             TYPE      REASON              OBJECT                          MESSAGE\n" +
				"yard        2m (x9 over 1h)       Warning   FailedGetScale      horizontalpodautoscaler/crane   no matches for kind\n" +
				"yard        4h                    Warning   Odd                 Widget/crane                    it is odd\n",
			[]wantedEvent{
				{"HorizontalPodAutoscaler", "yard", "crane", "Warning", "FailedGetScale", "no matches for kind", "kubelet", "2026-04-01T05:00:00Z", "2026-04-01T05:58:00Z"},
				{"Widget", "yard", "crane", "Warning", "Odd", "it is odd", "kubelet", "2026-04-01T02:00:00Z", "2026-04-01T02:00:00Z"},
			},
			nil,
		},
		"wide": {
			"LAST SEEN   TYPE      REASON    OBJECT        SOURCE               MESSAGE\n" +
				"1d          Warning   Evicted   node/quay-2   node-controller-3    The  node was low on memory\n",
			[]wantedEvent{{"Node", "", "quay-2", "Warning", "Evicted", "The  node was low on memory", "node-controller-3", "2026-03-31T06:00:00Z", "2026-03-31T06:00:00Z"}},
			nil,
		},
		"rows that are none": {
			"$ kubectl get events\nLAST SEEN   TYPE      REASON    OBJECT        MESSAGE\nNo more resources found.\n",
			nil,
			[]string{"/: $ kubectl get events", "/: No more resources found."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			list := converted(t, map[string]string{"events.txt": c.text, "zlog.txt": log})
			require.Equal(t, c.want, eventsOf(list))
			texts := logsOf(list)
			require.Equal(t, append(c.logs, "/: "+strings.TrimSpace(log)), texts)
		})
	}
}

const described = `$ kubectl describe
Name:           crane-7c9d8b5f6-k2x4z
Namespace:      yard
Node:           <none>
Labels:         app=crane
Containers:
  hook:
    State:          Waiting
      Reason:       CrashLoopBackOff
Conditions:
  Type              Status
  Ready             False
Events:           <none>
Name:          boards
Namespace:     yard
StorageClass:  slow
Status:        Pending
Events:
  Type     Reason              Age   From                         Message
  ----     ------              ----  ----                         -------
  Warning  ProvisioningFailed  5m    persistentvolume-controller  storageclass "slow" not found
`

func TestDescribedObjects(t *testing.T) {
	list := converted(t, map[string]string{"describe.txt": described})
	const pod = "yard/crane-7c9d8b5f6-k2x4z: "
	require.Equal(t, []string{
		"/: $ kubectl describe",
		pod + "Name:           crane-7c9d8b5f6-k2x4z",
		pod + "Namespace:      yard",
		pod + "Node:           <none>",
		pod + "Labels:         app=crane",
		pod + "Containers:\n  hook:\n    State:          Waiting\n      Reason:       CrashLoopBackOff",
		pod + "Conditions:\n  Type              Status\n  Ready             False",
	}, logsOf(list))
	require.Nil(t, at(list[3], "kubernetes", "host"))
	require.Equal(t, "hook", at(list[5], "kubernetes", "container_name"))
	// No input tells a time: ages count from a fixed one.
	require.Equal(t, []wantedEvent{
		{
			"PersistentVolumeClaim", "yard", "boards", "Normal", "Described", "Name:          boards\nNamespace:     yard\nStorageClass:  slow\nStatus:        Pending",
			"kubectl", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z",
		},
		{
			"PersistentVolumeClaim", "yard", "boards", "Warning", "ProvisioningFailed", `storageclass "slow" not found`,
			"persistentvolume-controller", "2024-12-31T23:55:00Z", "2024-12-31T23:55:00Z",
		},
	}, eventsOf(list))
}

func TestKindsOfDescribedObjects(t *testing.T) {
	for field, want := range map[string]string{
		"Service Account:  default": "Pod", "Pods Statuses:  0 Active": "Job", "StrategyType:  Recreate": "Deployment", "Reference:  Deployment/crane": "HorizontalPodAutoscaler",
		"Schedule:  0 * * * *": "CronJob", "Allocatable:\n  cpu:  2": "Node", "Session Affinity:  None": "Service", "Rules:\n  Host  Path": "Ingress",
		"Pods Status:  0 Running": "ReplicaSet", "PodSelector:  app=crane": "NetworkPolicy", "Provisioner:  disk.example": "StorageClass", "Data\n====": "Pod", "Data:  x": "ConfigMap",
		"  Schedule:  of something else": "Pod",
	} {
		_, kind, name := describedOrigin("Name:  crane\nStatus:  \n" + field + "\n")
		require.Equal(t, want, kind, field)
		require.Equal(t, "crane", name)
	}
}

func TestNamespacesThatAreNotTold(t *testing.T) {
	const row = "NAME                    READY   STATUS    RESTARTS   AGE\ncrane-7c9d8b5f6-k2x4z   1/1     Running   0          3d\n"
	const claim = "Name:  boards\nNamespace:  yard\nStatus:  Bound\n"
	logs := func(inputs map[string]string) string { return logsOf(converted(t, inputs))[0] }
	require.Equal(t, "/crane-7c9d8b5f6-k2x4z: "+strings.TrimSpace(row), logs(map[string]string{"a.txt": row}))
	require.Equal(t, "yard/crane-7c9d8b5f6-k2x4z: "+strings.TrimSpace(row), logs(map[string]string{"a.txt": row, "b.txt": claim}), "the only one that is named")
	require.Equal(t, "/crane-7c9d8b5f6-k2x4z: "+strings.TrimSpace(row), logs(map[string]string{"a.txt": row, "b.txt": claim, "c.txt": strings.ReplaceAll(claim, "yard", "dock")}))
}

func TestManifestsLoseTheirManagedFieldsOnly(t *testing.T) {
	text := "{\n  \"kind\": \"Deployment\",\n  \"metadata\": {\n    \"managedFields\": [\n      {\n        \"manager\": \"kubectl\"\n      }\n    ],\n    \"name\": \"crane\",\n    \"namespace\": \"yard\"\n  }\n}"
	require.Equal(t, []string{"yard/: {\n  \"kind\": \"Deployment\",\n  \"metadata\": {\n    \"name\": \"crane\",\n    \"namespace\": \"yard\"\n  }\n}"},
		logsOf(converted(t, map[string]string{"a.json": text})))
}

func TestLogLinesKeepTheirTimes(t *testing.T) {
	list := converted(t, map[string]string{"a.log": "2026-04-01T06:00:00Z barrier stuck\n  and stays so\n2026-04-01T06:07:00Z barrier up\n", "b.txt": "PODS   READY\ncrane   1/1\n"})
	var minutes []string
	for _, r := range list {
		minutes = append(minutes, r["time"].(string)[:len("2026-04-01T06:00:00")])
	}
	require.Equal(t, []string{"2026-04-01T06:00:00", "2026-04-01T06:00:00", "2026-04-01T06:07:00", "2026-04-01T06:07:00"}, minutes, "what tells no time was seen when the logs end")
}

func TestALongLineIsCutBetweenCharacters(t *testing.T) {
	long := "x" + strings.Repeat("€", maxRecordText)
	var joined strings.Builder
	list := converted(t, map[string]string{"a.txt": long})
	require.Greater(t, len(list), 2)
	for _, r := range list {
		joined.WriteString(r["log"].(string))
	}
	require.Equal(t, long, joined.String())
}

func TestInputsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deeper"), 0o700))
	_, err := convert(dir)
	require.ErrorContains(t, err, "read input: ")
	require.ErrorContains(t, err, "deeper")

	dir = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt.gz"), []byte("no gzip"), 0o600))
	_, err = convert(dir)
	require.ErrorContains(t, err, "a.txt.gz")
	file, err := os.Create(filepath.Join(dir, "a.txt.gz"))
	require.NoError(t, err)
	w := gzip.NewWriter(file)
	_, err = w.Write([]byte("barrier stuck\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
	records, err := convert(dir)
	require.NoError(t, err)
	require.Contains(t, string(records), `"log":"barrier stuck"`)
}
