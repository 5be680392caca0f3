package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testdata/golden is an invented run; scores.golden is what the scripts of the
// development pack print of it.
const golden = "testdata/golden"

func TestScoresAreThoseOfThePacksScripts(t *testing.T) {
	p, err := readPack(golden)
	require.NoError(t, err)
	runs := map[string][]string{}
	require.NoError(t, eachJSON(filepath.Join(golden, "run.jsonl"), func(r struct {
		ID      string   `json:"query_id"`
		Results []string `json:"results"`
	}) error {
		runs[r.ID] = r.Results
		return nil
	}))
	var results [][]string
	for i := range p.questions {
		results = append(results, runs[p.questions[i].ID])
	}
	r, _ := scoreRun(p, results)

	var got []string
	row := func(name string, s score) {
		got = append(got, fmt.Sprintf("%s %d %.3f %.3f %.3f", name, s.N, s.NDCG, s.Recall, s.MRR))
	}
	delete(r.ByDifficulty, lexicalNatural) // the scripts have no such group
	for _, scores := range []map[string]score{r.ByDifficulty, r.BySystem} {
		row("ALL", r.All)
		for _, name := range slices.Sorted(maps.Keys(scores)) {
			row(name, scores[name])
		}
	}
	s := r.Structured
	got = append(got, fmt.Sprintf("queries %d (no results: %d)  filter-prec@10 %.3f  hit@10 %.3f  P@10 %.3f  tmplR@10 %.3f", s.N, s.Silent, s.Inside, s.Hit, s.P, s.Recall))
	for _, name := range []string{"groups.csv", "groups.tsv"} {
		got = append(got, groupsLine(t, filepath.Join(golden, "truth", name)))
	}
	require.Equal(t, scriptLines(t), got)
}

func groupsLine(t *testing.T, path string) string {
	read := readTSV
	if parseForm(path) == "csv" {
		read = readCSV
	}
	lines, err := read(path)
	require.NoError(t, err)
	mined, err := os.ReadFile(path + ".pred")
	require.NoError(t, err)
	s := scoreGroups(lines, strings.Fields(string(mined)))
	return fmt.Sprintf("lines %d truth groups %d predicted groups %d GA %.3f FGA %.3f PGA %.3f RGA %.3f", s.Lines, s.Truth, s.Found, s.GA, s.FGA, s.PGA, s.RGA)
}

// scriptLines are the scripts' lines, those of tables without the columns that
// are not measured here.
func scriptLines(t *testing.T) []string {
	text, err := os.ReadFile(filepath.Join(golden, "scores.golden"))
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch fields := strings.Fields(line); {
		case fields[0] == "group" || strings.HasPrefix(line, "queries without results"):
		case len(fields) == 7:
			lines = append(lines, strings.Join(fields[:5], " "))
		default:
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 11)
	return lines
}

func TestLexicalAndNaturalQuestionsAreOneGroup(t *testing.T) {
	g := newGroups()
	for difficulty, ndcg := range map[string]float64{"lexical": 1, "natural": .5, "symptom": 0} {
		g.add(&question{Difficulty: difficulty}, answerScore{NDCG: ndcg})
	}
	_, byDifficulty, _ := g.means()
	require.Equal(t, score{N: 2, NDCG: .75}, byDifficulty[lexicalNatural])
}

func TestLineBreaksInLogHubsContentsAreEscaped(t *testing.T) {
	lines, err := readCSV(filepath.Join(golden, "truth", "groups.csv"))
	require.NoError(t, err)
	require.Equal(t, `two,"lines"\nhere`, lines[5].text)
}

func TestFloorNamesEveryValueThatIsTooLow(t *testing.T) {
	f := floor{AtLeast: map[string]float64{"a": .5, "b": .5, "gone": 0}, Above: map[string]float64{"c": .5, "d": .5}}
	err := f.check(map[string]float64{"a": .5, "b": .4999, "c": .5, "d": .5001})
	require.EqualError(t, err, "below the floor: b is 0.4999, at least 0.5000 is wanted\ngone was not measured\nc is 0.5000, more than 0.5000 is wanted")
	require.NoError(t, (&floor{AtLeast: map[string]float64{"a": 1}}).check(map[string]float64{"a": 1}))
}

func TestFloorsOfTheDevelopmentPackAreRead(t *testing.T) {
	f, err := readFloor("floor.json")
	require.NoError(t, err)
	require.Len(t, f.AtLeast, 8)
	require.Equal(t, map[string]float64{"diagnosis/false_alarms": 0}, f.AtMost)
	require.Len(t, f.Above, 11)
}
