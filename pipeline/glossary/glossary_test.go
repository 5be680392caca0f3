package glossary_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/glossary"
)

func source(lines ...string) glossary.Source {
	return glossary.Source{Name: "my.tsv", Text: strings.NewReader(strings.Join(lines, "\n"))}
}

// own is what the tests below know of keys that no real glossary has.
var own = []string{
	"# invented",
	"",
	"zorp\tsingle zorp",
	"zorp flux\tzorp in flux",
	"flux\ta lone flux",
	"zorp flux core melt\tthe core has melted",
	"XyzzyFault42\tmagic failed",
	"  qux   Quux \t  several   blanks  ",
	"quuz\tsingle zorp\r",
}

func TestExpand(t *testing.T) {
	g, err := glossary.New(source(own...))
	require.NoError(t, err)
	for text, want := range map[string]string{
		"":                               "",
		"florp":                          "",
		"a Zorp!":                        "single zorp",
		"zorp flux":                      "zorp in flux",
		"flux zorp":                      "a lone flux single zorp",
		"zorp-flux core":                 "zorp in flux",
		"ZorpFlux.core_melt":             "the core has melted",
		"zorp zorp flux zorp":            "single zorp zorp in flux",
		"quuz before zorp":               "single zorp",
		"xyzzyFault42":                   "magic failed",
		"xyzzyfault42":                   "",
		"xyzzy fault42 qux florp quux":   "magic failed",
		"qux quux, zorp":                 "several blanks single zorp",
		"zorp flux core florp melt quuz": "zorp in flux single zorp",
	} {
		require.Equal(t, want, g.Expand(text), "%q", text)
	}
}

func TestTheBuiltInGlossary(t *testing.T) {
	g, err := glossary.New()
	require.NoError(t, err)
	require.Greater(t, g.Len(), 100)
	require.Contains(t, g.Expand("Container was OOMKilled"), "memory")
	require.Contains(t, g.Expand("x509: malformed"), "certificate")
}

func TestLaterEntriesReplaceAndRemove(t *testing.T) {
	g, err := glossary.New(source(own...), source("ZORP\tanother zorp", "zorpFlux\t", "qux quux\t-", "never there\t"))
	require.NoError(t, err)
	require.Equal(t, "another zorp a lone flux", g.Expand("zorp flux"))
	require.Equal(t, "", g.Expand("qux quux"))
	require.Equal(t, "the core has melted", g.Expand("zorp flux core melt"))
	g, err = glossary.New(source("oomKilled\t", "oom killed\tmine"))
	require.NoError(t, err)
	require.Equal(t, "mine", g.Expand("OOMKilled"))
}

func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"no tab":         {[]string{"# c", "zorp means this"}, "glossary my.tsv, line 2: no tab"},
		"no key":         {[]string{"größe\tok", "\tthis"}, "line 2: the key \"\" has no word"},
		"foreign key":    {[]string{"连接\tthis"}, "line 1: the key \"连接\" has no word"},
		"long key":       {[]string{"a b c d e f g h i\tthis"}, "more than 8 words"},
		"long expansion": {[]string{"a\t" + strings.Repeat("x", 513)}, "513 bytes long"},
		"long line":      {[]string{"a\tb", "c\t" + strings.Repeat("x", 5000)}, "line 2: longer than 4096 bytes"},
		"not UTF-8":      {[]string{"a\t\xff"}, "is not UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := glossary.New(source(tt.lines...))
			require.ErrorContains(t, err, tt.want)
			var hint *pipeline.HintError
			require.ErrorAs(t, err, &hint)
			require.NotEmpty(t, hint.Hint)
		})
	}
	many := make([]string, 1<<16+1)
	for i := range many {
		many[i] = fmt.Sprintf("key %d\tb", i)
	}
	_, err := glossary.New(source(many...))
	require.ErrorContains(t, err, "more than 65536 entries")
	broken := errors.New("broken")
	_, err = glossary.New(glossary.Source{Name: "my.tsv", Text: iotest.ErrReader(broken)})
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "my.tsv")
}

func TestByteOrderMark(t *testing.T) {
	g, err := glossary.New(source("\ufeff# made by an editor", "zorp\tthis"))
	require.NoError(t, err)
	require.Equal(t, "this", g.Expand("zorp"))
}

func TestWhatIsSaidIsBounded(t *testing.T) {
	g, err := glossary.New(source("zorp\tone two three four five", "florp\tsix seven eight nine ten", "blurt\televen twelve",
		"glib\tthirteen", "long\t"+strings.Repeat("word ", 20)))
	require.NoError(t, err)
	require.Equal(t, "one two three four five six seven eight nine ten eleven twelve", g.Expand("zorp florp blurt glib"))
	require.Equal(t, "one two three four five six seven eight nine ten", g.Expand("zorp florp long glib"), "it ends where the bound is met")
	require.Len(t, strings.Fields(g.Expand("long zorp")), 20, "the first is whole")
	g, err = glossary.New(source(own...))
	require.NoError(t, err)
	require.Equal(t, "", g.Expand(strings.Repeat("florp ", 4096)+"zorp"), "the first 4,096 words count")
	require.Equal(t, "single zorp", g.Expand(strings.Repeat("florp ", 4095)+"zorp"))
}

func TestExpandFromSeveralGoroutines(t *testing.T) {
	g, err := glossary.New(source(own...))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if g.Expand("a zorp flux b") != "zorp in flux" {
					panic("another expansion")
				}
			}
		})
	}
	wg.Wait()
}

func TestExpandAllocatesItsResultAlone(t *testing.T) {
	g, err := glossary.New(source(own...))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { g.Expand("nothing of zorp here") }))
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { g.Expand("zorp zorp flux") }), 1.0)
}

func FuzzNew(f *testing.F) {
	f.Add("a b\tc d\n# x\n\nb\t-\n", "a b b")
	f.Add("\ufeffKubeAPIServer\tx\r\n", "kube api server")
	f.Add("a\xff\tb", "a")
	f.Fuzz(func(t *testing.T, lines, text string) {
		g, err := glossary.New(glossary.Source{Name: "f", Text: strings.NewReader(lines)})
		if err != nil {
			return
		}
		said := g.Expand(text)
		require.LessOrEqual(t, len(said), 4096)
		require.Equal(t, said, g.Expand(strings.ReplaceAll(text, "\t", "\n")))
	})
}

func BenchmarkExpand(b *testing.B) {
	g, err := glossary.New()
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		g.Expand("Failed to pull image from registry context deadline exceeded while waiting for the kubelet to mount volumes")
	}
}
