package pattern_test

import (
	"bufio"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/pattern"
)

func TestWords(t *testing.T) {
	for template, words := range map[string]string{
		"":                            "",
		"<*>":                         "",
		"served <*> meals":            "served meals",
		`Get "<*>": dial tcp <*>: no`: "Get dial tcp no",
		"err=<*> k=<*>":               "err k",
		`note="no tea in <*>" - <*>`:  `note="no tea in`,
		"trace[<*>]: slow <*>::<*>":   "trace slow",
		"it's 4xx, x509":              "it's 4xx, x509",
		"ünd <*>":                     "ünd",
	} {
		require.Equal(t, words, pattern.Words(template), template)
	}
}

func TestVariables(t *testing.T) {
	for question, want := range map[string][]string{
		"":                         nil,
		"why is checkout slow":     nil,
		"what failed at 10.1.2.3?": {"10.1.2.3"},
		"errors of pot-5d6f7c8b9-x2k4q's last run":                                      {"pot-5d6f7c8b9-x2k4q"},
		"find 6f1d2c3b-9a8b-4c7d-8e9f-0a1b2c3d4e5f, please":                             {"6f1d2c3b-9a8b-4c7d-8e9f-0a1b2c3d4e5f"},
		"trace fe3974115b911675d0640788986f80c9":                                        {"fe3974115b911675d0640788986f80c9"},
		"trace_id=ab12cd and order 1234567":                                             {"ab12cd", "1234567"},
		`what does "cart" say of 'ann'`:                                                 {"cart", "ann"},
		`who said "connection refused"`:                                                 nil,
		"who opened /var/lib/tea (or tea.example.com:8443)":                             {"/var/lib/tea", "tea.example.com:8443"},
		"the last 3 hours, 15m, 2031-05-06, 09:18, 2031-05-06T07:08:09Z, 95% and 512Mi": nil,
		"500 errors and 404, 5xx, x509 or HTTP/1.1, the 2nd":                            nil,
		"pods/nodes and client/server, and/or i/o":                                      nil,
		"node3 or web-0": {"node3", "web-0"},
		"kube-scheduler or openshift-tea-operator":   {"openshift-tea-operator"},
		"10.1.2.3 and 10.1.2.3":                      {"10.1.2.3"},
		"image registry.example.com/tea@sha256:ab12": {"registry.example.com/tea@sha256:ab12"},
	} {
		require.Equal(t, want, pattern.Variables(question), question)
	}
	require.Len(t, pattern.Variables(strings.Repeat("a1b2 x-9y z8.7w ", 9)+"a10 a11 a12 a13 a14 a15 a16 a17 a18 a19 a20 a21 a22 a23 a24"), 16)
}

var update = flag.Bool("update", false, "write testdata/templates.golden anew: raise pattern.Version then")

// IDs of patterns are stored. What this file says holds for pattern.Version.
func TestTemplatesAreFrozen(t *testing.T) {
	const golden = "testdata/templates.golden"
	f, err := os.Open("testdata/texts.txt")
	require.NoError(t, err)
	defer f.Close()
	m := pattern.New()
	var got strings.Builder
	for s := bufio.NewScanner(f); s.Scan(); {
		p := m.Text(strings.ReplaceAll(s.Text(), `¶`, "\n"))
		got.WriteString(p.ID.String() + " " + p.Template + "\n")
	}
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "another template is another ID: raise pattern.Version, and write the file with -update")
}
