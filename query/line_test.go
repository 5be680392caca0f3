package query_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/query"
)

var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func samples() []query.Line {
	full := line(1, "GET /a?b=<1>&c \x1b[31mred\x1b[0m — 5 µs", func(e *pipeline.Entry) {
		e.Time = time.Date(2021, 8, 3, 9, 18, 7, 123456780, time.UTC).UnixNano()
		e.Level = pipeline.LevelWarn
		e.Pattern = pipeline.Pattern{ID: pipeline.NewPatternID("GET <*>"), Template: "GET <*>"}
		e.Attributes = []pipeline.Attribute{
			{Key: "status", Value: "500"},
			{Key: "big", Value: "12345678901234567890.10"},
			{Key: "nested", Value: `{"z": [1, null],"a":"<&>"}`},
			{Key: "status", Value: `"last"`},
			{Key: "ugly", Value: `{no json`},
			{Key: `a"b`, Value: "true"},
		}
	})
	formula := line(3, "=cmd|' /C calc'!A0\nsecond, \"quoted\"", func(e *pipeline.Entry) {
		e.Kind, e.Level = pipeline.KindNode, pipeline.LevelUnknown
		e.Service = "@sum"
	})
	empty := pipeline.Entry{ID: id(2)}
	return []query.Line{query.NewLine(&full), query.NewLine(&empty), query.NewLine(&formula)}
}

func TestLineJSONIsFrozen(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, l := range samples() {
		require.NoError(t, e.Encode(l))
	}
	golden(t, "line.golden", b.Bytes())
}

func TestLineJSONReadsBack(t *testing.T) {
	for _, want := range samples() {
		text, err := json.Marshal(want)
		require.NoError(t, err)
		var got query.Line
		require.NoError(t, json.Unmarshal(text, &got))
		again, err := json.Marshal(got)
		require.NoError(t, err)
		require.Equal(t, string(text), string(again))
		require.Equal(t, want.Time, got.Time)
		require.Equal(t, want.Lineage, got.Lineage)
	}
}

func TestAttributesRefuseWhatIsNoObject(t *testing.T) {
	for _, text := range []string{`[]`, `"a"`, `{"a":}`, `{"a":1`, ``, `null`} {
		var a query.Attributes
		require.Error(t, a.UnmarshalJSON([]byte(text)), text)
	}
}

func TestCSVIsFrozen(t *testing.T) {
	var b bytes.Buffer
	w := query.NewCSV(&b)
	require.NoError(t, w.Write(samples()[:1]))
	require.NoError(t, w.Write(samples()[1:]))
	golden(t, "lines.csv.golden", b.Bytes())
}

func TestCSVHasNoFormulaAndNoControlCharacter(t *testing.T) {
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r", "\n"} {
		e := line(1, start+"1+1\x1b]0;title\x07\u009b31m\u202e")
		e.Resource = &pipeline.Resource{Pod: start + "pod"}
		e.Service = start + "service"
		var b bytes.Buffer
		require.NoError(t, query.NewCSV(&b).Write([]query.Line{query.NewLine(&e)}))
		records, err := csv.NewReader(&b).ReadAll()
		require.NoError(t, err)
		require.Len(t, records, 2)
		for _, cell := range records[1] {
			require.NotContains(t, "=+-@\t\r\n", (cell + " ")[:1])
			require.False(t, strings.ContainsAny(cell, "\x1b\x07\u009b\u202e\r"), "%q", cell)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünï 漢字 🙂\n\tx":      "plain ünï 漢字 🙂\n\tx",
		"\x1b[2J\x00\x7f":          `\x1b[2J\x00\x7f`,
		"c1 \u009b csi":            `c1 \u009b csi`,
		"bidi \u202e\u2066":        `bidi \u202e\u2066`,
		"bytes \xff\xc3":           `bytes \xff\xc3`,
		"overwrite\rX":             `overwrite\rX`,
		"zero\u200bwidth\ufeff":    `zero\u200bwidth\ufeff`,
		"tag \U000e0041":           `tag \U000e0041`,
		"replacement \ufffd stays": "replacement \ufffd stays",
		"":                         "",
	} {
		require.Equal(t, want, query.Printable(in))
	}
}
