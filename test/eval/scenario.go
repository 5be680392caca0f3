package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/loglode/loglode/internal/config"
	"github.com/loglode/loglode/query"
	"github.com/loglode/loglode/query/diagnose"
)

// expectation is a scenario's expect.json.
type expectation struct {
	Answerable bool           `json:"answerable"`
	Object     *objectWanted  `json:"object"`
	ObjectAlso []objectWanted `json:"object_also"`
	Cause      string         `json:"cause"`
	CauseAlso  []string       `json:"cause_also"`
	Keywords   [][]string     `json:"cause_keywords"`
	Evidence   []string       `json:"evidence"`
}

// objectWanted is an object by name or by the start of one.
type objectWanted struct {
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
	NamePrefix string `json:"name_prefix"`
}

// diagnosis is how one scenario was answered, as score_diagnosis.py of the pack
// scores it.
type diagnosis struct {
	Scenario   string `json:"scenario"`
	Answerable bool   `json:"answerable"`
	Cause      string `json:"cause"`
	Want       string `json:"want"`
	Hits       int    `json:"evidence"`
	Wanted     int    `json:"evidence_wanted"`
	Object     bool   `json:"object"`
	ObjectAlso bool   `json:"object_or_also"`
	CauseIs    bool   `json:"cause_is"`
	CauseAlso  bool   `json:"cause_or_also"`
	Keywords   bool   `json:"keywords"`
	Unanswered bool   `json:"unanswerable_said"`
	Shown      int    `json:"shown"`
	Characters int    `json:"characters"`
	answer     *query.AskResponse
}

// measureScenarios answers the question of each scenario from its inputs alone.
func measureScenarios(ctx context.Context, root string, told *progress) ([]diagnosis, error) {
	expects, err := filepath.Glob(filepath.Join(root, "*", "expect.json"))
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	var list []diagnosis
	for _, path := range expects {
		d, err := measureScenario(ctx, filepath.Dir(path), told)
		if err != nil {
			return nil, fmt.Errorf("scenario %s: %w", filepath.Base(filepath.Dir(path)), err)
		}
		list = append(list, d)
	}
	return list, nil
}

func measureScenario(ctx context.Context, dir string, told *progress) (d diagnosis, err error) {
	var want expectation
	text, err := os.ReadFile(filepath.Join(dir, "expect.json"))
	if err == nil {
		err = json.Unmarshal(text, &want)
	}
	question, err2 := os.ReadFile(filepath.Join(dir, "question.txt"))
	records, err3 := convert(filepath.Join(dir, "input"))
	if err := errors.Join(err, err2, err3); err != nil {
		return d, err
	}
	answer, err := answerFrom(ctx, records, query.AskRequest{Query: string(question)}, told)
	if err != nil {
		return d, err
	}
	return scoreDiagnosis(filepath.Base(dir), &want, &answer), nil
}

// answerFrom loads records into a data directory of their own and asks.
func answerFrom(ctx context.Context, records []byte, r query.AskRequest, told *progress) (answer query.AskResponse, err error) {
	err = withRecords(ctx, records, told, func(ctx context.Context, handler http.Handler) error {
		answer, err = ask(ctx, handler, r)
		return err
	})
	return answer, err
}

// withRecords calls fn with the service of a data directory that holds records.
func withRecords(ctx context.Context, records []byte, told *progress, fn func(context.Context, http.Handler) error) (err error) {
	dir, err := os.MkdirTemp("", "loglode-eval")
	if err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "records.jsonl")
	if err := os.WriteFile(path, records, 0o600); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	cfg, err := config.Load("", map[string]any{"data": filepath.Join(dir, "data"), "log.level": "warn"})
	if err != nil {
		return err
	}
	quiet := &progress{w: io.Discard, start: told.start}
	if len(records) > 0 {
		if _, err := load(ctx, cfg, path, quiet); err != nil {
			return fmt.Errorf("load records: %w", err)
		}
	}
	newest := newestTime(records)
	// "since this morning" is that of the records.
	now := func() time.Time { return newest.Add(time.Minute) }
	return withService(ctx, cfg, now, quiet, fn)
}

// newestTime is the time of the newest record, or event; zero for none.
func newestTime(records []byte) time.Time {
	var newest time.Time
	for line := range bytes.Lines(records) {
		var r struct{ Time, LastTimestamp time.Time }
		if json.Unmarshal(line, &r) != nil {
			continue
		}
		for _, at := range []time.Time{r.Time, r.LastTimestamp} {
			if at.After(newest) {
				newest = at
			}
		}
	}
	return newest
}

// ask asks the HTTP service.
func ask(ctx context.Context, handler http.Handler, r query.AskRequest) (query.AskResponse, error) {
	return post[query.AskResponse](ctx, handler, "/v1/ask", r)
}

func scoreDiagnosis(name string, want *expectation, a *query.AskResponse) diagnosis {
	cause := strings.ToLower(string(a.Cause))
	d := diagnosis{Scenario: name, Answerable: want.Answerable, Cause: cause, Want: want.Cause, Wanted: len(want.Evidence), answer: a}
	if !want.Answerable {
		d.Unanswered = cause == "" || cause == string(diagnose.CauseInsufficientData)
		return d
	}
	shown := make([]string, len(a.Evidence))
	for i, e := range a.Evidence {
		shown[i] = squeeze(e.Text)
		d.Characters += len([]rune(shown[i]))
	}
	d.Shown = len(shown)
	for _, text := range want.Evidence {
		if slices.ContainsFunc(shown, func(s string) bool { return strings.Contains(s, squeeze(text)) }) {
			d.Hits++
		}
	}
	d.Object = want.Object == nil && a.Object == nil || want.Object != nil && want.Object.is(a.Object)
	d.ObjectAlso = d.Object || slices.ContainsFunc(want.ObjectAlso, func(o objectWanted) bool { return o.is(a.Object) })
	d.CauseIs = cause == want.Cause
	d.CauseAlso = d.CauseIs || slices.Contains(want.CauseAlso, cause)
	text := strings.ToLower(a.Text)
	d.Keywords = !slices.ContainsFunc(want.Keywords, func(words []string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, strings.ToLower(w)) })
	})
	return d
}

// squeeze makes texts alike that differ in blanks, case and backslashes.
func squeeze(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\n`, " "), `\`, "")
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

var workloads = [...]string{"pod", "deployment", "replicaset", "statefulset", "daemonset", "job", "cronjob"}

// longKind is a kind in full and in lower case, also of kubectl's short names.
func longKind(kind string) string {
	switch kind = strings.ToLower(kind); kind {
	case "po":
		return "pod"
	case "deploy":
		return "deployment"
	case "svc":
		return "service"
	case "ns":
		return "namespace"
	case "no":
		return "node"
	case "pvc":
		return "persistentvolumeclaim"
	case "netpol":
		return "networkpolicy"
	}
	return kind
}

// is says whether an object is the one wanted: pods and their controllers are of
// one kind, namespaces count where both are known.
func (w *objectWanted) is(got *diagnose.Object) bool {
	if got == nil || got.Name == "" {
		return false
	}
	kind, name := longKind(got.Kind), strings.ToLower(got.Name)
	wanted, prefix, wantedKind := strings.ToLower(w.Name), strings.ToLower(w.NamePrefix), longKind(w.Kind)
	switch {
	case wanted != "" && name != wanted, wanted == "" && !strings.HasPrefix(name, prefix) && name != strings.TrimRight(prefix, "-"):
		return false
	case kind != wantedKind && !(slices.Contains(workloads[:], kind) && slices.Contains(workloads[:], wantedKind)):
		return false
	}
	return w.Namespace == "" || got.Namespace == "" || strings.EqualFold(w.Namespace, got.Namespace)
}

// writeDiagnoses writes what score_diagnosis.py reads.
func writeDiagnoses(path string, list []diagnosis) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write diagnoses: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	encoder := json.NewEncoder(file)
	for _, d := range list {
		texts := make([]string, len(d.answer.Evidence))
		for i, e := range d.answer.Evidence {
			texts[i] = e.Text
		}
		if err := encoder.Encode(map[string]any{"scenario": d.Scenario, "object": d.answer.Object, "cause": d.answer.Cause, "text": d.answer.Text, "evidence": texts}); err != nil {
			return fmt.Errorf("write diagnoses: %w", err)
		}
	}
	return nil
}
