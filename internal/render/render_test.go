package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/internal/render"
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

var at = time.Date(2021, 8, 3, 9, 18, 7, 123456789, time.UTC)

// hostile does what a stranger's line may try on a terminal.
const hostile = "\x1b[2Jgone \u009b31m red \x07\x7f \u202etxt.exe \rover\xff \U000e0041"

func lines() []query.Line {
	return []query.Line{
		{Time: at, Level: "info", Service: "cart", Pod: "cart-5d9f7c8b6d-x2x4k", Kind: "log", Message: "short"},
		{Time: at, Level: "error", Service: "checkout-with-a-very-long-name-that-goes-on", Pod: "p", Message: "java.lang.Error: x\r\n\tat a.B.c(B.java:1)\n\tat d.E.f\n"},
		{Time: at, Service: "漢字", Node: "node-1", Kind: "node", Message: "wide 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字 🙂 end"},
		{Time: at, Level: "warn", Service: hostile, Pod: hostile, Message: hostile},
		{Time: at, Level: "debug", Message: ""},
	}
}

func table(t *testing.T, terminal render.Terminal, pages ...[]query.Line) string {
	t.Helper()
	var b bytes.Buffer
	w := render.NewLines(&b, render.FormatTable, terminal)
	for _, page := range pages {
		require.NoError(t, w.Write(page))
	}
	return b.String()
}

func TestTables(t *testing.T) {
	for name, terminal := range map[string]render.Terminal{
		"table-pipe.golden":    {},
		"table-120.golden":     {Width: 120},
		"table-narrow.golden":  {Width: 40},
		"table-colours.golden": {Width: 160, Colours: true},
	} {
		golden(t, name, []byte(table(t, terminal, lines()[:1], lines()[1:])))
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	for _, columns := range []int{1, 2, 10, 79, 80, 120, 200} {
		text := table(t, render.Terminal{Width: columns}, []query.Line{{Time: at, Service: "s", Pod: "p", Message: strings.Repeat("long words ", 30)}})
		rows := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		message := ""
		for _, row := range rows[1:] {
			if columns >= 80 {
				require.LessOrEqual(t, len(row), columns)
			}
			message += strings.TrimPrefix(row, strings.Repeat(" ", len(row)-len(strings.TrimLeft(row, " "))))
		}
		if columns >= 79 {
			require.Equal(t, 30*len("longwords"), strings.Count(strings.ReplaceAll(message, " ", ""), "")-1-len("2021-08-03T09:18:07.123Zsp"))
		}
	}
}

func TestLongMessagesAreCutOnATerminalAlone(t *testing.T) {
	long := []query.Line{{Time: at, Message: strings.Repeat("x\n", 5000)}, {Time: at, Message: strings.Repeat("y", 1<<20)}}
	text := table(t, render.Terminal{Width: 100}, long)
	require.Equal(t, 1+40+40, strings.Count(text, "\n"))
	require.Contains(t, text, "1.0 MiB")
	text = table(t, render.Terminal{}, long)
	require.Equal(t, 1+5000+1, strings.Count(text, "\n"))
	require.Contains(t, text, strings.Repeat("y", 1<<20))
}

// harmful are the characters that no output may hold.
func harmful(text string) bool {
	return strings.ContainsAny(text, "\x1b\x07\x7f\r\u009b\u202e\U000e0041")
}

func TestStrangersTextIsHarmlessInEveryForm(t *testing.T) {
	require.False(t, harmful(table(t, render.Terminal{}, lines())))
	require.False(t, harmful(table(t, render.Terminal{Width: 50}, lines())))
	require.False(t, harmful(render.Safe(hostile)))
	for _, f := range []render.Format{render.FormatCSV, render.FormatJSON} {
		var b bytes.Buffer
		require.NoError(t, render.NewLines(&b, f, render.Terminal{}).Write(lines()))
		require.False(t, harmful(b.String()), f)
	}
	var b bytes.Buffer
	require.NoError(t, render.Table(&b, render.Terminal{}, []string{"A", "B"}, [][]string{{hostile, hostile}}))
	require.False(t, harmful(b.String()))
	require.NotContains(t, render.Safe("a\nb\tc"), "\n")
}

func TestJSONMeansTheSame(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, render.NewLines(&b, render.FormatJSON, render.Terminal{}).Write(lines()))
	d := json.NewDecoder(&b)
	for _, want := range lines() {
		var got query.Line
		require.NoError(t, d.Decode(&got))
		require.Equal(t, strings.ToValidUTF8(want.Message, "\ufffd"), got.Message)
	}
	require.False(t, d.More())
	require.NoError(t, render.JSON(&b, map[string]string{"a": "<&>\u009b"}))
	require.Equal(t, "{\"a\":\"<&>\\u009b\"}\n", b.String())
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, render.Table(&b, render.Terminal{Colours: true}, []string{"DAY", "ENTRIES"}, [][]string{{"2021-08-03", "5"}, {"漢", "12"}, {"short"}}))
	require.Equal(t, "\x1b[1mDAY         ENTRIES\x1b[0m\n2021-08-03  5\n漢          12\nshort\n", b.String())
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		render.Bytes(0):      "0 B",
		render.Bytes(1536):   "1.5 KiB",
		render.Bytes(-1536):  "-1.5 KiB",
		render.Count(134692): "134,692",
	} {
		require.Equal(t, want, got)
	}
}

func TestDetectIsNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	none := func(string) string { return "" }
	require.Equal(t, render.Terminal{}, render.Detect(file, none))
	require.Equal(t, render.Terminal{}, render.Detect(&bytes.Buffer{}, none))
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := render.NewProgress(&b, render.Terminal{}, "load", 100)
	require.NoError(t, p.Set(50, 100))
	p.Label("x")
	require.NoError(t, p.Close())
	require.Empty(t, b.String())

	p = render.NewProgress(&b, render.Terminal{Width: 80}, "load \x1b[2J", 100)
	require.NoError(t, p.Set(10, -1))
	p.Label("more\x07")
	require.NoError(t, p.Set(150, 200))
	require.NoError(t, p.Set(500, 200))
	require.NoError(t, p.Close())
	require.Contains(t, b.String(), "load")
	require.NotContains(t, b.String(), "\x1b[2J")
	require.NotContains(t, b.String(), "\x07")

	for _, total := range []int64{0, -1} {
		p = render.NewProgress(&b, render.Terminal{Width: 80}, "stdin", total)
		require.NoError(t, p.Set(10, total))
		require.NoError(t, p.Close())
	}
}
func TestTableShowsWhatStandsInAttributesAlone(t *testing.T) {
	l := query.Line{Kind: "log", PatternID: "abc", Message: "sync failed", Container: "app", Attributes: query.Attributes{
		{Key: "caller", Value: `"x.go:1"`}, {Key: "err", Value: `"disk full"`}, {Key: "node", Value: `"n1"`}, {Key: "tries", Value: "3"}}}
	var few, wide strings.Builder
	require.NoError(t, render.NewLines(&few, render.FormatTable, render.Terminal{}).Write([]query.Line{l}))
	require.Contains(t, few.String(), `sync failed err="disk full" node=n1 tries=3`)
	require.NotContains(t, few.String(), "x.go:1")
	require.NoError(t, render.NewLines(&wide, render.FormatWide, render.Terminal{}).Write([]query.Line{l}))
	require.Contains(t, wide.String(), "id="+l.ID.String()+" pattern=abc kind=log container=app caller=x.go:1")

	event := query.Line{Kind: "event", Message: "Started", Attributes: query.Attributes{{Key: "uid", Value: `"u"`}}}
	few.Reset()
	require.NoError(t, render.NewLines(&few, render.FormatTable, render.Terminal{}).Write([]query.Line{event}))
	require.NotContains(t, few.String(), "uid")
}
