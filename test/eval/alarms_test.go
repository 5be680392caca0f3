package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

func silent() *progress { return &progress{w: io.Discard, start: time.Now()} }

// scenarioOf is a folder with a copy of one of our own scenarios.
func scenarioOf(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join(mill, "scenarios", name))))
	return dir
}

// expect changes what a scenario expects.
func expect(t *testing.T, dir string, change func(*expectation)) {
	t.Helper()
	path := filepath.Join(dir, "expect.json")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var want expectation
	require.NoError(t, json.Unmarshal(text, &want))
	change(&want)
	text, err = json.Marshal(want)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

// takeInputs gives a scenario the inputs of another: it is answered as that is.
func takeInputs(t *testing.T, dir, other string) {
	t.Helper()
	inputs := filepath.Join(dir, "input")
	require.NoError(t, os.RemoveAll(inputs))
	require.NoError(t, os.CopyFS(inputs, os.DirFS(filepath.Join(mill, "scenarios", other, "input"))))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "question.txt"), []byte("what is wrong?"), 0o600))
}

func TestAWrongAnswerFallsBelowTheFloor(t *testing.T) {
	f, err := readFloor(filepath.Join(mill, "floor.json"))
	require.NoError(t, err)
	right, err := measureScenarios(t.Context(), filepath.Join(mill, "scenarios"), silent())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		scenario string
		spoil    func(t *testing.T, dir string)
		low      string
	}{
		"cause": {"full-disk", func(t *testing.T, dir string) {
			expect(t, dir, func(e *expectation) { e.Cause = "quota" })
		}, "diagnosis/cause is 3.0000, at least 4.0000 is wanted"},
		"object": {"missing-secret", func(t *testing.T, dir string) {
			expect(t, dir, func(e *expectation) { e.Object.NamePrefix = "mill-presses-" })
		}, "diagnosis/object is 3.0000, at least 4.0000 is wanted"},
		"evidence": {"behind-a-queue", func(t *testing.T, dir string) {
			expect(t, dir, func(e *expectation) { e.Evidence = []string{"never written"} })
		}, "diagnosis/evidence is 3.0000, at least 4.0000 is wanted"},
		"a fault of what is healthy": {"well", func(t *testing.T, dir string) {
			takeInputs(t, dir, "full-disk")
		}, "diagnosis/cause is 3.0000, at least 4.0000 is wanted"},
		"no fault of what has one": {"full-disk", func(t *testing.T, dir string) {
			takeInputs(t, dir, "well")
		}, "diagnosis/cause is 3.0000, at least 4.0000 is wanted"},
		"an answer where there is none": {"unknown", func(t *testing.T, dir string) {
			takeInputs(t, dir, "full-disk")
		}, "diagnosis/unanswerable is 0.0000, at least 1.0000 is wanted"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := scenarioOf(t, c.scenario)
			c.spoil(t, dir)
			wrong, err := measureScenario(t.Context(), dir, silent())
			require.NoError(t, err)
			r := report{Diagnoses: slices.Clone(right)}
			i := slices.IndexFunc(right, func(d diagnosis) bool { return d.Scenario == c.scenario })
			r.Diagnoses[i] = wrong
			require.ErrorContains(t, f.check(r.values()), c.low)
		})
	}
}

func TestAScenarioThatIsNotWholeIsNamed(t *testing.T) {
	for _, gone := range []string{"expect.json", "question.txt", "input"} {
		dir := scenarioOf(t, "full-disk")
		require.NoError(t, os.RemoveAll(filepath.Join(dir, gone)))
		_, err := measureScenario(t.Context(), dir, silent())
		require.ErrorContains(t, err, gone)
	}
	dir := scenarioOf(t, "full-disk")
	require.NoError(t, os.Remove(filepath.Join(dir, "question.txt")))
	_, err := measureScenarios(t.Context(), filepath.Dir(dir), silent())
	require.ErrorContains(t, err, "scenario full-disk: ")
}

func TestObjectsAreComparedAsThePacksScriptDoes(t *testing.T) {
	pod := objectWanted{Kind: "Pod", Namespace: "yard", Name: "crane-1"}
	crane := objectWanted{Kind: "deploy", NamePrefix: "crane-"}
	for _, c := range []struct {
		want  objectWanted
		got   *diagnose.Object
		right bool
	}{
		{pod, &diagnose.Object{Kind: "Pod", Namespace: "yard", Name: "crane-1"}, true},
		{pod, &diagnose.Object{Kind: "pod", Namespace: "YARD", Name: "Crane-1"}, true},
		{pod, &diagnose.Object{Kind: "StatefulSet", Name: "crane-1"}, true},
		{pod, &diagnose.Object{Kind: "Pod", Namespace: "yard", Name: "crane-12"}, false},
		{pod, &diagnose.Object{Kind: "Pod", Namespace: "dock", Name: "crane-1"}, false},
		{pod, &diagnose.Object{Kind: "Service", Namespace: "yard", Name: "crane-1"}, false},
		{pod, &diagnose.Object{Kind: "Pod", Namespace: "yard"}, false},
		{pod, nil, false},
		{crane, &diagnose.Object{Kind: "Pod", Namespace: "dock", Name: "crane-7c9d8b5f6-k2x4z"}, true},
		{crane, &diagnose.Object{Kind: "Deployment", Namespace: "yard", Name: "crane"}, true},
		{crane, &diagnose.Object{Kind: "Deployment", Namespace: "yard", Name: "crane2"}, false},
		{crane, &diagnose.Object{Kind: "Pod", Namespace: "yard", Name: "old-crane-1"}, false},
		{objectWanted{Kind: "svc", Name: "crane"}, &diagnose.Object{Kind: "Service", Name: "crane"}, true},
		{objectWanted{Kind: "PersistentVolumeClaim", Name: "boards"}, &diagnose.Object{Kind: "pvc", Name: "boards"}, true},
		{objectWanted{Kind: "Node", Name: "quay"}, &diagnose.Object{Kind: "Pod", Name: "quay"}, false},
	} {
		require.Equal(t, c.right, c.want.is(c.got), "%v %v", c.want, c.got)
	}
	none := expectation{Answerable: true, Cause: "no_fault", Evidence: []string{"x"}}
	require.True(t, scoreDiagnosis("s", &none, &query.AskResponse{}).Object, "none is wanted")
	require.False(t, scoreDiagnosis("s", &none, &query.AskResponse{Object: &diagnose.Object{Kind: "Pod", Name: "crane"}}).ObjectAlso)
}

// answering is a service that answers with the cause that fn says.
func answering(fn func(question string) diagnose.Cause) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked query.AskRequest
		if r.URL.Path != "/v1/ask" || json.NewDecoder(r.Body).Decode(&asked) != nil {
			http.NotFound(w, r)
			return
		}
		if err := json.NewEncoder(w).Encode(query.AskResponse{Cause: fn(asked.Query), Summary: "so it seems"}); err != nil {
			panic(err)
		}
	})
}

func TestOnlyCausesAreFalseAlarms(t *testing.T) {
	causes := map[string]diagnose.Cause{
		quietQuestions[0]: diagnose.CauseNoFault, quietQuestions[1]: diagnose.CauseInsufficientData, quietQuestions[2]: diagnose.CauseOOMKilled,
	}
	var a alarms
	require.NoError(t, a.ask(t.Context(), answering(func(q string) diagnose.Cause { return causes[q] }), "here", query.Selection{}))
	require.Equal(t, alarms{Asked: len(quietQuestions), False: []string{"here: " + quietQuestions[2] + ": so it seems"}}, a)
	require.ErrorContains(t, a.ask(t.Context(), http.NotFoundHandler(), "here", query.Selection{}), "ask answered 404")
}

func TestAMissedFloorIsExitCodeOne(t *testing.T) {
	var errs bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), []string{"--pack", mill, "--seeds", "0", "--floor", filepath.Join(mill, "floor.json")}, io.Discard, &errs))
	require.Contains(t, errs.String(), "eval: below the floor: diagnosis/demo was not measured\ndiagnosis/false_alarms was not measured\n")

	path := filepath.Join(t.TempDir(), "floor.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"at_best": {"diagnosis/cause": 1}}`), 0o600))
	require.Equal(t, exitUsage, run(t.Context(), []string{"--pack", mill, "--floor", path}, io.Discard, &errs))
	require.Contains(t, errs.String(), `unknown field "at_best"`)
}

func TestWhatWasNotAskedIsNotMeasured(t *testing.T) {
	f := floor{AtMost: map[string]float64{"diagnosis/false_alarms": 0}, AtLeast: map[string]float64{"diagnosis/demo": 0, "diagnosis/cause": 0}}
	r := report{Alarms: &alarms{}}
	require.EqualError(t, f.check(r.values()), "below the floor: diagnosis/cause was not measured\ndiagnosis/demo was not measured\ndiagnosis/false_alarms was not measured")
}

// shift is a corpus of a yard's crane: a line a minute for as long as it says.
func shift(t *testing.T, minutes int, say func(minute int) string) string {
	t.Helper()
	var out bytes.Buffer
	for i := range minutes {
		at := time.Date(2026, 4, 1, 6, i, 0, 0, time.UTC)
		fmt.Fprintf(&out, `{"time":%q,"stream":"stdout","log":%q,"kubernetes":{"namespace_name":"yard","pod_name":"crane-7c9d8b5f6-k2x4z","container_name":"hook"}}`+"\n", at.Format(time.RFC3339Nano), say(i))
	}
	path := filepath.Join(t.TempDir(), "shift.jsonl")
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
	return path
}

func TestACorpusIsAskedByStretches(t *testing.T) {
	well := func(i int) string { return fmt.Sprintf("INFO lifted box %d in 40 s", i) }
	var a alarms
	require.NoError(t, a.corpus(t.Context(), shift(t, 20, well), silent()))
	require.Equal(t, alarms{Asked: 2 * len(quietQuestions)}, a)

	a = alarms{}
	require.NoError(t, a.corpus(t.Context(), shift(t, 20, func(i int) string {
		if i < 15 {
			return well(i)
		}
		return "ERROR cannot write manifest: write /var/yard/manifest: no space left on device"
	}), silent()))
	require.NotEmpty(t, a.False, "the second stretch is not healthy")
	for _, text := range a.False {
		require.True(t, strings.HasPrefix(text, "2026-04-01T06:15:00Z: "), text)
	}
}

func TestACorpusThatCannotBeAsked(t *testing.T) {
	var a alarms
	require.NoError(t, a.corpus(t.Context(), filepath.Join(t.TempDir(), "none"), silent()))
	require.Zero(t, a.Asked)
	path := filepath.Join(t.TempDir(), "corpus.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("{\"log\":\"no time\"}\nno JSON\n"), 0o600))
	require.EqualError(t, a.corpus(t.Context(), path, silent()), "read corpus: no record of "+path+" has a time")
}

func TestAlarmsAreToldOneByOne(t *testing.T) {
	r := report{
		Diagnoses: []diagnosis{
			{Scenario: "first", Answerable: true, Cause: "quota", Hits: 1, Wanted: 2, ObjectAlso: true, CauseIs: true, CauseAlso: true},
			{Scenario: "second", Cause: "insufficient_data", Unanswered: true},
		},
		Alarms: &alarms{Asked: 10, False: []string{"at six: is it well?: no"}, Incidents: 4, Right: 3, Wrong: []string{"demo 1: why?: because"}},
	}
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 1, ' ', 0)
	r.diagnosisTable(w)
	require.NoError(t, w.Flush())
	var lines []string
	for line := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	require.Equal(t, []string{
		"",
		"scenario evidence object cause said keywords",
		"first 1/2 ~ + quota -",
		"second unanswerable + insufficient_data",
		"of 1 that can be answered: evidence 1 (0.5 of it) object 0 cause 1 or also 1 keywords 0",
		"",
		"healthy logs: 1 false alarms of 10 questions; the demo's incidents: 3 of 4 right",
		"at six: is it well?: no",
		"demo 1: why?: because",
	}, lines)
}
