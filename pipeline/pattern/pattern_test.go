package pattern_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/pattern"
)

func TestVariableParts(t *testing.T) {
	for _, c := range []struct{ what, text, template string }{
		{"number", "served 12 meals", "served <*> meals"},
		{"negative and decimal", "moved by -3.25 points", "moved by <*> points"},
		{"hexadecimal", "fault at 0x7ffe12ab in stage two", "fault at <*> in stage two"},
		{"size with a unit apart", "used 12.5 MB of memory", "used <*> of memory"},
		{"size with its unit", "used 512Mi of memory", "used <*> of memory"},
		{"duration", "brewed in 1m3.5s", "brewed in <*>"},
		{"share", "tank is 85% full", "tank is <*> full"},
		{"UUID", "cart 6f1d2c3b-9a8b-4c7d-8e9f-0a1b2c3d4e5f closed", "cart <*> closed"},
		{"address", "dialled 10.1.2.3", "dialled <*>"},
		{"address and port", "dialled 10.1.2.3:8443.", "dialled <*>."},
		{"network", "route to 10.1.0.0/16 lost", "route to <*> lost"},
		{"IPv6", "bound to [fe80::1]:9000 now", "bound to <*> now"},
		{"IPv6 bare", "neighbour fe80::ab:1 left", "neighbour <*> left"},
		{"URL", "fetched https://shop.example.com/a?b=1&c=2 twice", "fetched <*> twice"},
		{"path", "opened /var/spool/tea/x.log again", "opened <*> again"},
		{"Windows path", `opened C:\tea\new\rum.txt again`, "opened <*> again"},
		{"root", "listing / now", "listing <*> now"},
		{"file", "wrote menu.yaml anew", "wrote <*> anew"},
		{"host", "resolved tea.example.com late", "resolved <*> late"},
		{"e-mail", "wrote to ann@example.com today", "wrote to <*> today"},
		{"time", "due at 2031-05-06T07:08:09Z sharp", "due at <*> sharp"},
		{"time in words", "due Tue, 06 May 2031 07:08:09 GMT sharp", "due <*> sharp"},
		{"version", "kettle v1.22.3+k9s4 boots", "kettle <*> boots"},
		{"image", "pulled registry.example.com/tea/pot@sha256:ab12 again", "pulled <*> again"},
		{"name with a hash", "moved teapot-7d9f8c6b5-x2k4q away", "moved <*> away"},
		{"name with a hash of letters", "moved teapot-dwdnm away", "moved <*> away"},
		{"name of many parts", "moved tea-house-front away", "moved <*> away"},
		{"namespace and name", "moved tea/pot-front away", "moved <*> away"},
		{"name in quotes", `moved "pot" and 'cup' away`, `moved "<*>" and '<*>' away`},
		{"names in quotes", `moved "pot", "cup", "jar" away`, `moved "<*>" away`},
		{"name behind its kind", "namespace tea-house is empty", "namespace <*> is empty"},
		{"name behind an object's kind", "TeaHouse north-wing is empty", "TeaHouse <*> is empty"},
		{"plain name behind its kind", "ClusterRole brewer not found", "ClusterRole <*> not found"},
		{"user", "session closed for user ann", "session closed for user <*>"},
		{"user before white space", "session closed for user ann ", "session closed for user <*>"},
		{"user before from", "refused password for ann from 10.1.2.3", "refused password for <*> from <*>"},
		{"identifier behind of", "started worker of KettleController today", "started worker of <*> today"},
		{"what is synced", "caches are synced for tea leaves", "caches are synced for <*>"},
		{"step of a walk", `apply of role "pot" (3 of 12) failed`, `apply of <*> (<*> of <*>) failed`},
		{"key and value", "poured cups=12 kind=green", "poured cups=<*> kind=<*>"},
		{"key and empty value", "poured cups= kind=green", "poured cups=<*> kind=<*>"},
		{"key and quoted value", `poured kind="dark green"`, `poured kind=<*>`},
		{"key and text", `poured note="the cup was too small"`, `poured note="the cup was too small"`},
		{"error in a key", `poured err="open /a/b: permission denied" cup=1`, `poured err="open <*>: permission denied" cup=<*>`},
		{"table", "labels app=tea,tier=front,zone=b set", "labels <*> set"},
		{"list in brackets", "cups [red green-2 blue] are clean", "cups <*> are clean"},
		{"empty list", "cups [] are clean", "cups <*> are clean"},
		{"list of words", "order: green, black, white", "order: <*>"},
		{"list in one word", "order of green,black,white tea", "order of <*> tea"},
		{"numbers in a row", "fans ( 12 14 15 )", "fans ( <*>)"},
		{"parenthesis behind a variable", "cup 12 (10.1.2.3) is hot", "cup <*> is hot"},
		{"Go struct", `state &tea.Pot{Name:"a}", Size:3, Lids:[]int{1, 2}} is odd`, "state <*> is odd"},
		{"Go map", `lids map[a:1 b:2] are odd`, "lids <*> are odd"},
		{"Go pointer", "worker (*tea.Error)(0xc000a1) failed", "worker (<*>)(<*>) failed"},
		{"Go type", "watching *v1.Teapot closed", "watching <*> closed"},
		{"Go nil", "cup <nil> is odd", "cup <*> is odd"},
		{"JSON", `reply {"cups":[1,2],"kind":"gr\"een"} was late`, "reply <*> was late"},
		{"cut JSON", `reply {"cups":[1,2],"kind":"gr`, "reply <*>"},
		{"page", "reply was <html><body>no tea today</body></html>", "reply was <*>"},
		{"base64", "body " + strings.Repeat("QUJDREVGabcdef", 6) + " is odd", "body <*> is odd"},
		{"short flag", "moved pot -n tea-house because it was cold", "moved pot -n <*> because it was cold"},
		{"long flag", "flag --warm-up-time is old", "flag <*> is old"},
		{"names joined", "loaded ca::/etc/a.crt", "loaded <*>::<*>"},
		{"index of a word", "trace[12345]: slow", "trace[<*>]: slow"},
		{"glued", `see "pot"s and 12ers`, `see "<*>"s and <*>`},
		{"invalid UTF-8", "cup \xff\xfe is odd", "cup <*> is odd"},
		{"terminal colours", "\x1b[31mred\x1b[0m alarm", "red alarm"},
		{"nothing but variables", "12 / 13 (14) [a1 b2]", "<*>"},
		{"punctuation", "-----", "<*>"},
	} {
		t.Run(c.what, func(t *testing.T) {
			require.Equal(t, c.template, pattern.New().Text(c.text).Template)
		})
	}
}

func TestWordsStay(t *testing.T) {
	for _, text := range []string{
		"Back-off restarting failed container",
		"x509: certificate signed by unknown authority",
		"dial tcp: lookup failed: i/o timeout",
		"connect: connection refused",
		"kube-apiserver is not ready, etcd is",
		"read-only file system, out-of-date index",
		"java.lang.IllegalStateException: no tea",
		"TLS handshake error: EOF",
		"ENOSPC: no space left on device",
		"NodeNotReady: NODE_IS_DOWN",
		"[init] can't start",
		"it's the user's turn, and we don't know why",
		"service account is missing",
		"Zugriff verweigert: ungültig",
		`rpc error: code = Unavailable desc = "transport is closing"`,
	} {
		require.Equal(t, text, pattern.New().Text(text).Template)
	}
}

func TestStructuredMessage(t *testing.T) {
	m := pattern.New()
	require.Equal(t, `Pouring tea cup=<*> err="no tea left in <*>"`, m.Text(`"Pouring tea" cup="a/b" err="no tea left in \"pot\""`).Template)
	require.Equal(t, "Pouring tea", m.Text(`"Pouring tea"`).Template)
	require.Equal(t, `"<*>" is empty`, m.Text(`"pot" is empty`).Template)
}

func TestManyLines(t *testing.T) {
	m := pattern.New()
	require.Equal(t, "request failed Caused by: tea.PotException: no lid",
		m.Text("request failed\nio.BrewException: x\n\tat tea.Pot(Pot.java:3)\nCaused by: tea.PotException: no lid\n\tat tea.Lid(Lid.java:9)\n").Template)
	require.Equal(t, "Traceback (most recent call last): ValueError: no tea",
		m.Text("Traceback (most recent call last):\n  File \"a.py\", line 3\nValueError: no tea").Template)
	require.Equal(t, "tea is ready", m.Text("\n\n tea is ready\nsecond line").Template)
}

func TestListsFoldWhateverTheirLength(t *testing.T) {
	m := pattern.New()
	want := m.Text("cups [a1] failed: [pot 1 is cold]")
	for n := 2; n < 40; n++ {
		var cups, errs []string
		for i := range n {
			cups = append(cups, fmt.Sprintf("a%d", i))
			errs = append(errs, fmt.Sprintf("pot %d is cold", i))
		}
		require.Equal(t, want, m.Text("cups ["+strings.Join(cups, " ")+"] failed: ["+strings.Join(errs, ", ")+"]"), n)
	}
	long := m.Text("failed: " + strings.Repeat("pot 1 is cold, ", 100))
	for n := 101; n < 110; n++ {
		require.Equal(t, long, m.Text("failed: "+strings.Repeat("pot 1 is cold, ", n)), n)
	}
}

func TestBounds(t *testing.T) {
	m := pattern.New()
	p := m.Text(strings.Repeat("tea ", 10_000))
	require.Equal(t, strings.Repeat("tea ", pattern.MaxTokens)+"<*>", p.Template)
	require.EqualValues(t, 1, m.Capped)

	p = m.Text(strings.Repeat("teapots ünd ", 1000))
	require.LessOrEqual(t, len(p.Template), pattern.MaxTemplate)
	p = m.Text(strings.Repeat("é,", 3000))
	require.True(t, utf8.ValidString(p.Template))

	require.Zero(t, m.Text(" \t\n "))
	require.Zero(t, m.Text(""))
}

func TestTimeIsLinear(t *testing.T) {
	m := pattern.New()
	for _, unit := range []string{"a", " ", "\n", "\\", `\"`, `"`, "'", "(", "[", "[is ", "{", "<a", "a,", ": a, ", "a=", "a=[", `a="b `, "x/", "1", "\x00", "é", "a-", "::", "<*>", "a'b", "=", `" a b c `} {
		text := strings.Repeat(unit, 4<<20/len(unit))
		start := time.Now()
		m.Text(text)
		require.Less(t, time.Since(start), time.Second, unit) // far above what it takes, far below a square's
	}
}

func TestIDIsOfTheTemplate(t *testing.T) {
	p := pattern.New().Text("served 12 meals")
	require.Equal(t, pipeline.NewPatternID("served <*> meals"), p.ID)
}

func TestTemplatesAreShared(t *testing.T) {
	m := pattern.New()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.Text("served 12 meals to guest-1 in /a/b")
	}))
}

// piece draws what logs are made of; %d stands for a number.
var piece = rapid.SampledFrom([]string{
	"tea", "Pot", "failed", "for", "of", "user", "namespace", "is", "not", "found", "from", "the", "x509", "GET", "and/or", "sync", "synced", "-n", "state", "KettleController", "container", "map", "err", "note",
	"%d", "0x%d", "a-%d", "v%d.%d", "10.%d.0.1:%d", "/a/%d/b", "k=%d", "(%d of %d)", "%ds", "%d MB", "tea-house", "tea-house-front", "a.b.c", "Foo.bar", "*v1.Pot", "a::b", "<nil>", "<*>", "<html>",
	`"pot"`, `'cup'`, `"the pot is cold"`, `\"lid\"`, `err="no tea in \"x\""`, "k=", "kind=green", "a=1,b=2", "a, b, c", "a,b,c,d", "[a b]", "[no tea is left]", "{a:%d}", "&tea.Pot{A:%d}", "map[a:%d]", "ünd", "\xff",
	`"`, "'", "`", "(", ")", "[", "]", "{", "}", "<", ">", ":", ",", ";", "=", "|", "-", "--", ".", "...", "::", "/", `\`, `\n`, "\n", "#", "*", "&",
})

var text = rapid.Custom(func(t *rapid.T) string {
	var b strings.Builder
	for _, p := range rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces") {
		b.WriteString(p)
		b.WriteString(rapid.SampledFrom([]string{" ", " ", " ", "", ", ", ": "}).Draw(t, "gap"))
	}
	return b.String()
})

func TestATemplateIsItsOwnTemplate(t *testing.T) {
	m := pattern.New()
	rapid.Check(t, func(t *rapid.T) {
		p := m.Text(text.Draw(t, "text"))
		checkPattern(t, p)
		require.Equal(t, p, m.Text(p.Template))
	})
}

func checkPattern(t require.TestingT, p pipeline.Pattern) {
	require.LessOrEqual(t, len(p.Template), pattern.MaxTemplate)
	require.True(t, utf8.ValidString(p.Template), "%q", p.Template)
	require.NotContains(t, p.Template, "\n")
	require.NotContains(t, p.Template, "  ")
	require.Equal(t, p.Template == "", p.ID.IsZero())
	if p.Template != "" {
		require.Equal(t, pipeline.NewPatternID(p.Template), p.ID)
	}
}

func TestOtherNumbersGiveTheSameTemplate(t *testing.T) {
	m := pattern.New()
	number := rapid.Uint64Range(1, 1<<60)
	rapid.Check(t, func(t *rapid.T) {
		form := text.Draw(t, "form")
		fill := func(name string) string {
			parts := strings.Split(form, "%d")
			var b strings.Builder
			for i, p := range parts {
				b.WriteString(p)
				if i+1 < len(parts) {
					fmt.Fprint(&b, number.Draw(t, name))
				}
			}
			return b.String()
		}
		a, b := fill("a"), fill("b")
		require.Equal(t, m.Text(a), m.Text(b), "%q\n%q", a, b)
	})
}

func TestOrderAndMemoDoNotMatter(t *testing.T) {
	used := pattern.New()
	for i := range 1<<15 + 10 { // more than it remembers
		used.Text(letters(i) + " is served")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := text.Draw(t, "text")
		require.Equal(t, pattern.New().Text(s), used.Text(s))
		require.Equal(t, pattern.New().Text(s), used.Text(s))
	})
}

// letters is a number as a word that no rule masks.
func letters(i int) string {
	b := []byte("tea")
	for ; i > 0; i /= 13 {
		b = append(b, byte('a'+i%13), 'o')
	}
	return string(b)
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "tea 12", `a="b \"c\" d" e`, "[is [is", "{", "<!doctype", "x\n\nCaused by: y", `C:\a\new`, "a::b", "\xff\xfe", `"a b c "d e f" g"`, "ä=b", `err="a`, "for x from y", "é,é,é", strings.Repeat("tea ", 70)} {
		f.Add(s)
	}
	m := pattern.New()
	f.Fuzz(func(t *testing.T, s string) {
		p := m.Text(s)
		checkPattern(t, p)
		require.Equal(t, p, m.Text(p.Template), "%q", s)
		require.Equal(t, p, pattern.New().Text(s))
		pattern.Words(p.Template)
		for _, v := range pattern.Variables(s) {
			require.Contains(t, s, v)
		}
	})
}
