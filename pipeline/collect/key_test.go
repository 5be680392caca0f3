package collect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/loglode/loglode/pipeline/collect"
	"github.com/stretchr/testify/require"
)

const (
	keyBegin = "-----BEGIN RSA PRIVATE KEY-----"
	keyBody  = "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu"
	keyEnd   = "-----END RSA PRIVATE KEY-----"
)

func inKey(s *source) []bool {
	var out []bool
	for _, e := range s.entries {
		out = append(out, e.InKey)
	}
	return out
}

// TestKeyThatIsNotJoined: what may hold the rest of a key is marked.
func TestKeyThatIsNotJoined(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  []bool
	}{
		"a prefix before each line": {
			[]string{"a.go:1] " + keyBegin, "a.go:1] " + keyBody, "a.go:1] Q0==", "a.go:1] " + keyEnd, "after"},
			[]bool{false, true, true, true, false}},
		"another line in between": {
			[]string{keyBegin, keyBody, "another line", keyBody, keyEnd, "after"},
			[]bool{false, true, true, true, false}},
		"one record of JSON each": {
			[]string{`{"log":"{\"msg\":\"` + keyBegin + `\"}"}`, `{"log":"{\"msg\":\"` + keyBody + `\"}"}`, `{"log":"{\"msg\":\"` + keyEnd + `\"}"}`, `{"log":"after"}`},
			[]bool{false, true, true, false}},
		"too far apart in time": {
			[]string{"2021-08-03T09:18:00Z stdout F " + keyBegin, "2021-08-03T09:18:06Z stdout F " + keyBody, "2021-08-03T09:18:06Z stderr F of another stream"},
			[]bool{false, true, false}},
		"another key": {
			[]string{keyBegin, "x", keyBegin, keyBody, keyEnd, "x", keyBegin, keyBody, keyEnd, "x"},
			[]bool{false, true, true, false, false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(collect.Options{})
			for _, l := range c.lines {
				s.line(t, l)
			}
			s.flush(t)
			require.Equal(t, c.want, inKey(s), "%q", s.messages())
		})
	}
}

// TestOpenKeyIsBounded: a key without an end is waited for over 100 lines, and
// who reads on from Pending until then begins at the key.
func TestOpenKeyIsBounded(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, "before")
	s.line(t, "a] "+keyBegin)
	for range 99 {
		s.line(t, "a] a line")
	}
	s.line(t, "a] "+keyBody)
	for range 100 {
		start, ok := s.c.Pending()
		require.True(t, ok)
		require.Equal(t, s.starts[1], start)
		s.line(t, "a] a line")
	}
	_, ok := s.c.Pending()
	require.False(t, ok)
	s.line(t, "a] a line")
	require.Equal(t, 200, strings.Count(fmt.Sprint(inKey(s)), "true"))

	s.line(t, keyBegin)
	s.flush(t)
	_, ok = s.c.Pending()
	require.False(t, ok, "the source has ended")

	s.line(t, keyBegin)
	s.line(t, "a line")
	start, ok := s.c.Pending()
	require.True(t, ok)
	s.offset = start + 16<<20 + 1
	s.line(t, "far behind")
	_, ok = s.c.Pending()
	require.False(t, ok)
}

func TestOpenKeysAreBounded(t *testing.T) {
	s := newSource(collect.Options{})
	for i := range 300 {
		s.line(t, `{"log":"{`+keyBegin+`","kubernetes":{"pod_name":"p`+itoa(i)+`"}}`)
	}
	start, ok := s.c.Pending()
	require.True(t, ok)
	require.Equal(t, s.starts[300-256], start, "the oldest go")
}

func TestKeyOverTheBound(t *testing.T) {
	s := newSource(collect.Options{})
	s.line(t, keyBegin)
	for range 1500 {
		s.line(t, keyBody)
	}
	s.line(t, keyEnd)
	s.line(t, "after")
	s.flush(t)
	require.Len(t, s.entries, 3)
	require.Equal(t, []bool{false, true, false}, inKey(s))
	require.True(t, strings.HasSuffix(s.entries[1].Message, keyEnd))
}
