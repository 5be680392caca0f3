package collect

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestCompact: what compact takes and what it leaves to scan.
func TestCompact(t *testing.T) {
	for text, want := range map[string]bool{
		`{"log":"a","date":12.5,"x":true,"y":null,"z":false,"kubernetes":{"labels":{"a":"}"}}}`: true,
		`{"log":"eight ordinary bytes and an escape \n \\ \" in it"}`:                           true,
		`{"log":"é € 𝄞"}`:            true,
		`{"log":"\u00e9"}`:           false,
		`{"log":"\q"}`:               false,
		"{\"log\":\"a\tb\"}":         false,
		"{\"log\":\"aaaaaaa\x1fb\"}": false,
		`{"date":01}`:                false,
		`{"date":-1}`:                false,
		`{"date":1.}`:                false,
		`{"date":1e5}`:               false,
		`{"x":truefalse}`:            false,
		`{"x":{}}`:                   false,
		`{"x":[]}`:                   false,
		`{"log":"a"} `:               false,
		`{"log":"a",}`:               false,
		`{"log":"a"`:                 false,
		`{"log": "a"}`:               false,
		`{"log"}`:                    false,
		`{}`:                         false,
		`{`:                          false,
	} {
		var m members
		require.Equal(t, want, m.compact([]byte(text), func([]byte) bool { return true }), text)
	}
	var m members
	require.False(t, m.compact([]byte(`{"kubernetes":{}}`), func([]byte) bool { return false }))
}

// TestCompactAgreesWithScan: compact never takes what scan would not, nor in
// another way.
func TestCompactAgreesWithScan(t *testing.T) {
	pieces := []string{`{`, `}`, `"log"`, `"time"`, `"x"`, `"kubernetes"`, `:`, `,`, `"a\n"`, `"\`, `"`, `\\`, `\u00e9`, `\`, `é`, "\x01", `12`, `0`, `.5`, `true`, `null`, `[]`, `{}`, ` `,
		`"log":"a"`, `"date":1.5`, `"kubernetes":{"a":"b"}`, `"eight ordinary bytes"`}
	rapid.Check(t, func(t *rapid.T) {
		text := "{"
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces") {
			text += p
		}
		text += "}"
		requireAgreement(t, []byte(text))
	})
}

func FuzzCompact(f *testing.F) {
	f.Add([]byte(`{"log":"a \"b\" c","date":1.5,"kubernetes":{"a":{"b":"}"}}}`))
	f.Add([]byte("{\"a\":\"0123456\x1f\"}"))
	f.Fuzz(func(t *testing.T, text []byte) { requireAgreement(t, text) })
}

func requireAgreement(t require.TestingT, text []byte) {
	if len(text) == 0 || text[0] != '{' {
		return
	}
	c := New(Options{})
	text = c.valid(text)
	var fast, slow members
	known := func(raw []byte) bool { return c.inner.object(raw, func(_, _ []byte) {}) == nil }
	if fast.compact(text, known) {
		require.NoError(t, slow.scan(&c.json, text), "%q", text)
		require.Equal(t, slow, fast, "%q", text)
	}
}
