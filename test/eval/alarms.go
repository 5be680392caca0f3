package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/loglode/loglode/internal/demo"
	"github.com/loglode/loglode/query"
)

// alarms is how questions to healthy logs, and to the demo's incidents, were
// answered.
type alarms struct {
	// Asked is how many questions were asked of healthy logs, False the answers
	// that named a cause.
	Asked int      `json:"asked"`
	False []string `json:"false"`
	// Right is how many of the demo's Incidents got their cause, Wrong the others.
	Incidents int      `json:"incidents"`
	Right     int      `json:"right"`
	Wrong     []string `json:"wrong"`
}

// quietQuestions are asked of healthy logs.
var quietQuestions = [...]string{
	"what is wrong?",
	"is everything fine?",
	"why do orders fail?",
	"why does the cache service not start?",
	"is the frontend healthy?",
	"why was a pod restarted?",
	"why are requests slow?",
	"what is the issue with checkout?",
	"are there any errors in the cart service?",
	"why can nobody log in?",
}

const (
	quietSpan = 30 * time.Minute
	demoRate  = 20
)

// diagnosePack measures diagnosis, where the pack has scenarios.
func diagnosePack(ctx context.Context, o options, told *progress, r *report) error {
	root := filepath.Join(o.pack, "scenarios")
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var err error
	told.say("scenarios of %s", root)
	if r.Diagnoses, err = measureScenarios(ctx, root, told); err != nil {
		return err
	}
	if o.diagnoses != "" {
		if err := writeDiagnoses(o.diagnoses, r.Diagnoses); err != nil {
			return err
		}
	}
	told.say("questions to healthy logs, and to the demo's incidents")
	r.Alarms = &alarms{False: []string{}, Wrong: []string{}}
	for seed := range o.seeds {
		if err := r.Alarms.quiet(ctx, seed+1, told); err != nil {
			return err
		}
		if err := r.Alarms.incidents(ctx, seed+1, told); err != nil {
			return err
		}
	}
	return r.Alarms.corpus(ctx, filepath.Join(o.pack, "corpus", "onlineboutique.jsonl.gz"), told)
}

func demoRecords(seed uint64, incidents []string) ([]byte, error) {
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	g, err := demo.New(demo.Options{Seed: seed, Start: start, Rate: demoRate, Incidents: incidents})
	if err != nil {
		return nil, err
	}
	var records bytes.Buffer
	_, err = g.Write(&records, start.Add(quietSpan))
	return records.Bytes(), err
}

// quiet asks the demo without incidents.
func (a *alarms) quiet(ctx context.Context, seed uint64, told *progress) error {
	records, err := demoRecords(seed, []string{})
	if err != nil {
		return err
	}
	return withRecords(ctx, records, told, func(ctx context.Context, handler http.Handler) error {
		return a.ask(ctx, handler, fmt.Sprintf("demo %d", seed), query.Selection{})
	})
}

// ask asks all questions of what is healthy.
func (a *alarms) ask(ctx context.Context, handler http.Handler, where string, s query.Selection) error {
	for _, q := range quietQuestions {
		answer, err := ask(ctx, handler, query.AskRequest{Query: q, Selection: s})
		if err != nil {
			return err
		}
		a.Asked++
		if answer.Cause.IsFault() {
			a.False = append(a.False, fmt.Sprintf("%s: %s: %s", where, q, answer.Summary))
		}
	}
	return nil
}

// incidents asks the demo about what goes wrong in it.
func (a *alarms) incidents(ctx context.Context, seed uint64, told *progress) error {
	records, err := demoRecords(seed, nil)
	if err != nil {
		return err
	}
	return withRecords(ctx, records, told, func(ctx context.Context, handler http.Handler) error {
		for _, incident := range demo.Incidents() {
			answer, err := ask(ctx, handler, query.AskRequest{Query: incident.Ask})
			if err != nil {
				return err
			}
			a.Incidents++
			if answer.Cause == incident.Cause {
				a.Right++
				continue
			}
			a.Wrong = append(a.Wrong, fmt.Sprintf("demo %d: %s: %s (want %s)", seed, incident.Ask, answer.Summary, incident.Cause))
		}
		return nil
	})
}

// stretch is how much of a corpus is asked about at a time.
const stretch = 15 * time.Minute

// corpus asks each stretch of a file of healthy records, if it is there.
func (a *alarms) corpus(ctx context.Context, path string, told *progress) error {
	file, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read corpus: %w", err)
	}
	defer file.Close()
	records, err := io.ReadAll(file)
	if err != nil {
		return fmt.Errorf("read corpus: %w", err)
	}
	times := stretches(records)
	if len(times) == 0 {
		return fmt.Errorf("read corpus: no record of %s has a time", path)
	}
	return withRecords(ctx, records, told, func(ctx context.Context, handler http.Handler) error {
		for _, from := range times {
			s := query.Selection{From: from.Format(time.RFC3339), To: from.Add(stretch).Format(time.RFC3339)}
			if err := a.ask(ctx, handler, s.From, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// stretches are when those begin that hold records.
func stretches(records []byte) []time.Time {
	var times []time.Time
	for line := range bytes.Lines(records) {
		var r struct{ Time time.Time }
		if json.Unmarshal(line, &r) != nil || r.Time.IsZero() {
			continue
		}
		if at := r.Time.Truncate(stretch); !slices.ContainsFunc(times, at.Equal) {
			times = append(times, at)
		}
	}
	return times
}

// values are numbers of answers. Where nothing was asked, nothing was measured.
func (a *alarms) values(values map[string]float64) {
	if a.Asked > 0 {
		values["diagnosis/false_alarms"] = float64(len(a.False))
	}
	if a.Incidents > 0 {
		values["diagnosis/demo"] = float64(a.Right)
	}
}

// diagnosisValues are numbers of scenarios: of those that can be answered, and of
// those that cannot.
func diagnosisValues(list []diagnosis, values map[string]float64) {
	count := func(name string, has bool) {
		values[name] += 0
		if has {
			values[name]++
		}
	}
	for _, d := range list {
		if !d.Answerable {
			count("diagnosis/unanswerable", d.Unanswered)
			continue
		}
		count("diagnosis/evidence", d.Hits > 0)
		count("diagnosis/object", d.Object)
		count("diagnosis/object_or_also", d.ObjectAlso)
		count("diagnosis/cause", d.CauseIs)
		count("diagnosis/cause_or_also", d.CauseAlso)
		count("diagnosis/keywords", d.Keywords)
		values["diagnosis/answerable"]++
		values["diagnosis/evidence_strings"] += float64(d.Hits)
		values["diagnosis/evidence_mean"] += float64(d.Hits) / float64(max(1, d.Wanted))
	}
}

func (r *report) diagnosisTable(w *tabwriter.Writer) {
	if len(r.Diagnoses) > 0 {
		fmt.Fprintf(w, "\nscenario\tevidence\tobject\tcause\tsaid\tkeywords\n")
		for _, d := range r.Diagnoses {
			if !d.Answerable {
				fmt.Fprintf(w, "%s\tunanswerable\t\t%s\t%s\n", d.Scenario, mark(d.Unanswered, d.Unanswered), d.Cause)
				continue
			}
			fmt.Fprintf(w, "%s\t%d/%d\t%s\t%s\t%s\t%s\n", d.Scenario, d.Hits, d.Wanted, mark(d.Object, d.ObjectAlso), mark(d.CauseIs, d.CauseAlso), d.Cause, mark(d.Keywords, d.Keywords))
		}
		values := map[string]float64{}
		diagnosisValues(r.Diagnoses, values)
		fmt.Fprintf(w, "of %.0f that can be answered:\tevidence %.0f (%.1f of it)\tobject %.0f\tcause %.0f\tor also %.0f\tkeywords %.0f\n", values["diagnosis/answerable"], values["diagnosis/evidence"],
			values["diagnosis/evidence_mean"], values["diagnosis/object"], values["diagnosis/cause"], values["diagnosis/cause_or_also"], values["diagnosis/keywords"])
	}
	if a := r.Alarms; a != nil {
		fmt.Fprintf(w, "\nhealthy logs: %d false alarms of %d questions; the demo's incidents: %d of %d right\n", len(a.False), a.Asked, a.Right, a.Incidents)
		for _, text := range append(a.False, a.Wrong...) {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
}

// mark is + for exactly right, ~ for right also, - for wrong.
func mark(exact, also bool) string { //nolint:revive // two facts, not a flag
	switch {
	case exact:
		return "+"
	case also:
		return "~"
	}
	return "-"
}
