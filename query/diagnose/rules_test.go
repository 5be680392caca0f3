package diagnose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/parse"
	"github.com/loglode/loglode/pipeline/pattern"
)

func builtin(t testing.TB) *Table {
	t.Helper()
	table, err := NewTable(Builtin()...)
	require.NoError(t, err)
	return table
}

// rowsOf reads a table of tests: fields between tabs, # before comments, \n and
// \t for what they stand for.
func rowsOf(t testing.TB, name string) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		for i := range fields {
			fields[i] = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(fields[i])
		}
		rows = append(rows, fields)
	}
	require.NotEmpty(t, rows)
	return rows
}

const webPod = "web-5d4cf56db6-x2x7v"

// told is an entry of pod shop/web-.. as a source tells it: log, node, or the
// reason of an event.
func told(source, text string) *pipeline.Entry {
	e := &pipeline.Entry{Message: text, Raw: text, Service: "web", Resource: &pipeline.Resource{Namespace: "shop", Pod: webPod}}
	switch source {
	case "log", "node":
		var fields parse.Fields
		parse.Line(text, 0, &fields)
		e.Message, e.Level, e.Attributes = fields.Message, fields.Level, fields.Attributes
		if source == "node" {
			e.Kind, e.Resource, e.Service = pipeline.KindNode, &pipeline.Resource{Node: "worker-1"}, "kernel"
		}
	default:
		e.Kind = pipeline.KindEvent
		e.Event = &pipeline.Event{UID: "1", Count: 1, Reason: source, ObjectKind: "Pod", ObjectNamespace: "shop", ObjectName: webPod}
	}
	return e
}

func TestEachRuleFindsItsTexts(t *testing.T) {
	table := builtin(t)
	shown := map[string]bool{}
	for _, row := range rowsOf(t, "faults.tsv") {
		rule, source, text := row[0], row[1], row[2]
		shown[rule] = true
		e := told(source, text)
		e.Level = pipeline.LevelError

		matches := table.Match(e)
		require.NotEmpty(t, matches, "%s: %s", rule, text)
		deepest := matches[0]
		for _, m := range matches {
			if m.Rule.Depth > deepest.Rule.Depth {
				deepest = m
			}
		}
		require.Equal(t, rule, deepest.Rule.Name, "%s", text)
		var needs []string
		for _, o := range deepest.Needs {
			needs = append(needs, o.String())
		}
		require.Equal(t, strings.Join(row[3:], ""), strings.Join(needs, ", "), "%s: %s", rule, text)
		says := fill(deepest.Rule.Says, deepest.Values, deepest.Subject)
		require.NotContains(t, says, "{", "%s", text)
		require.NotRegexp(t, `\b(?:it|of it) it\b|  `, says, "%s", text)

		// Of a pattern that promises nothing no line is read in a large store. The
		// template is of the first line.
		if e.Kind != pipeline.KindEvent && !strings.Contains(text, "\n") {
			template := pattern.New().Entry(e).Template
			require.True(t, table.Promises(template, e.Level), "%s: %s: %s", rule, text, template)
		}
	}
	names := map[string]bool{}
	for _, r := range Builtin() {
		require.False(t, names[r.Name], "two rules are called %s", r.Name)
		names[r.Name] = true
		require.True(t, shown[r.Name], "rule %s has no text in testdata/faults.tsv", r.Name)
	}
}

// TestHealthyLinesAreNoFault asks of each line, alone, what is wrong: with the
// pod that wrote it, and with everything.
func TestHealthyLinesAreNoFault(t *testing.T) {
	table := builtin(t)
	for _, row := range rowsOf(t, "healthy.tsv") {
		e := told(row[0], row[1])
		for _, about := range [][]Object{nil, {{Kind: "Pod", Namespace: "shop", Name: webPod}}} {
			got := Diagnose(table, Case{About: about, Sightings: []Sighting{{Entry: e}}})
			require.Equal(t, CauseInsufficientData, got.Cause, "%s: %s", row[1], got.Summary)
		}
	}
}

func TestARuleThatCannotWorkIsRefused(t *testing.T) {
	good := Rule{Name: "x", Cause: CauseQuota, Depth: Root, In: Logs, Words: []string{"x"}, Match: "x", Says: "x"}
	_, err := NewTable(good)
	require.NoError(t, err)
	for name, spoil := range map[string]func(*Rule){
		"not of lower-case":   func(r *Rule) { r.Name = "X" },
		"is unknown":          func(r *Rule) { r.Cause = "bad luck" },
		"reads nothing":       func(r *Rule) { r.In = 0 },
		"needs words":         func(r *Rule) { r.Words = nil },
		"matches everything":  func(r *Rule) { r.Match = "" },
		"says nothing":        func(r *Rule) { r.Says = "" },
		"not in lower case":   func(r *Rule) { r.Words = []string{"Error"} },
		"missing closing":     func(r *Rule) { r.Match = "(" },
		"missing argument to": func(r *Rule) { r.Unless = "*" },
	} {
		r := good
		spoil(&r)
		_, err := NewTable(r)
		require.ErrorContains(t, err, name)
	}
}
