package analysis

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline"
)

func TestTerms(t *testing.T) {
	long := strings.Repeat("abcdefgh", 12)
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"punctuation", " ./-_:[]{}\"\\\n\x00", nil},
		{"plain", "Starting file observer", []string{"start", "file", "observ"}},
		{"stop words", "the pod is not in the node", []string{"pod", "node"}},
		{"repeats keep order", "pod node pod", []string{"pod", "node", "pod"}},
		{"camel", "NetworkPolicyList", []string{"network", "polici", "list"}},
		{"acronym", "HTTPServer XMLHTTPRequest", []string{"http", "server", "xmlhttp", "request"}},
		{"digit then capital", "v1Pod etcd3Client 12AB", []string{"v1", "pod", "etcd3", "client", "12", "ab"}},
		{"capitals alone", "ERROR ABC1", []string{"error", "abc1"}},
		{"capital then digit then capital", "A1B", []string{"a1", "b"}},
		{"dotted and snake", "k8s.io/client-go snake_case", []string{"k8s", "io", "client", "go", "snake", "case"}},
		{"address", "10.0.195.177:6443", []string{"10", "0", "195", "177", "6443"}},
		{"hash is not stemmed", "78c688f56bs", []string{"78c688f56bs"}},
		{"long word is cut", long + "tail rest", []string{english.Stem(long[:64], true), "rest"}},
		{"latin beyond ASCII", "Größe naïve ÜBER", []string{"größe", "naïve", "über"}},
		{"ASCII before foreign", "fooBär", []string{"foo", "bär"}},
		{"cyrillic, greek", "Ошибка Αρχείο", []string{"ошибка", "αρχείο"}},
		{"han pairs", "连接失败 x", []string{"连接", "接失", "失败", "x"}},
		{"one han character", "错 x错b", []string{"错", "x", "错", "b"}},
		{"kana and hangul", "エラー 오류", []string{"エラ", "ラー", "오류"}},
		{"combining mark", "cafe\u0301 noir", []string{"cafe\u0301", "noir"}},
		{"arabic digits", "٣٤ x", []string{"٣٤", "x"}},
		{"broken UTF-8", "ab\xffcd \xf0\x9f ef", []string{"ab", "cd", "ef"}},
		{"emoji", "ok🙂done", []string{"ok", "done"}},
		{"long foreign word is cut at a character", strings.Repeat("ж", 40), []string{strings.Repeat("ж", 32)}},
	}
	a := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, a.Terms(nil, tt.text))
			require.Equal(t, tt.want, a.Terms(nil, tt.text), "the same from the cache")
		})
	}
}

// reference is the rule of facts/embedder.md, written as its regular
// expressions: ASCII only.
func reference(text string) []string {
	text = regexp.MustCompile(`([a-z0-9])([A-Z])`).ReplaceAllString(text, "$1 $2")
	text = regexp.MustCompile(`([A-Z])([A-Z][a-z])`).ReplaceAllString(text, "$1 $2")
	var terms []string
	for _, w := range regexp.MustCompile(`[a-z0-9]+`).FindAllString(strings.ToLower(text), -1) {
		if len(w) > 64 {
			w = w[:64]
		}
		if isStopWord(w) {
			continue
		}
		if regexp.MustCompile(`^[a-z]+$`).MatchString(w) {
			w = english.Stem(w, true)
		}
		terms = append(terms, w)
	}
	return terms
}

func TestTermsAgainstReference(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := "abcxyzABCXYZ0129 ._-s"
	a := New()
	for range 2000 {
		var b strings.Builder
		for range random.IntN(40) {
			b.WriteByte(alphabet[random.IntN(len(alphabet))])
		}
		require.Equal(t, reference(b.String()), a.Terms(nil, b.String()), "%q", b.String())
	}
}

func TestNumbers(t *testing.T) {
	a := New()
	numbers := a.Append(nil, "connection connections refused")
	require.Equal(t, []uint32{0, 0, 1}, numbers, "one number for one stem")
	require.Equal(t, 2, a.Size())
	require.Equal(t, "connect", a.Term(0))
	require.Equal(t, uint32(1), a.Number("refus"))
	require.Equal(t, uint32(2), a.Number("running"), "a term is taken as it is")
	a.Reset()
	require.Zero(t, a.Size())
	require.Equal(t, []string{"refus"}, a.Terms(nil, "refused"))
}

func TestGrowth(t *testing.T) {
	a := New()
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, "w%d ", i)
	}
	first := a.Append(nil, text.String())
	require.Len(t, first, 20_000)
	require.Equal(t, first, a.Append(nil, text.String()))
	require.Equal(t, "w19999", a.Term(first[19_999]))
}

func TestBounded(t *testing.T) {
	a := New()
	for i := range 2*SoftLimit + 10 {
		a.Terms(nil, fmt.Sprintf("w%d", i))
	}
	require.LessOrEqual(t, a.Words(), SoftLimit+1)
}

func TestNoAllocations(t *testing.T) {
	a := New()
	text := "Failed to watch *v1.ConfigMap: connection refused by 10.0.195.177:6443"
	var terms []string
	terms = a.Terms(terms, text)
	require.Zero(t, testing.AllocsPerRun(100, func() { terms = a.Terms(terms[:0], text) }))
}

func TestQuery(t *testing.T) {
	tests := []struct {
		name, text string
		want       Query
	}{
		{"empty", "  ", Query{}},
		{"words", "Connections refused", Query{Clauses: []Clause{{Terms: []string{"connect"}}, {Terms: []string{"refus"}}}}},
		{"a word of two terms", "NetworkPolicy", Query{Clauses: []Clause{{Terms: []string{"network", "polici"}}}}},
		{"stop words fall out", "the pod", Query{Clauses: []Clause{{Terms: []string{"pod"}}}}},
		{"only stop words", "the of", Query{Nothing: true}},
		{"only punctuation", "!!", Query{Nothing: true}},
		{"negated stop word", "-the", Query{}},
		{"negation alone", "-Pods", Query{Not: []Clause{{Terms: []string{"pod"}}}}},
		{"phrase", `"Connection Refused" x`, Query{Clauses: []Clause{{Terms: []string{"connect", "refus"}, Phrase: "connection refused"}, {Terms: []string{"x"}}}}},
		{"phrase of stop words", `"not in"`, Query{Clauses: []Clause{{Phrase: "not in"}}}},
		{"empty phrase", `""`, Query{Nothing: true}},
		{"open phrase", `"a b`, Query{Clauses: []Clause{{Terms: []string{"b"}, Phrase: "a b"}}}},
		{"negated phrase", `-"time out"`, Query{Not: []Clause{{Terms: []string{"out", "time"}, Phrase: "time out"}}}},
		{"prefix", "Connect*", Query{Clauses: []Clause{{Prefix: "connect", PrefixStem: "connect"}}}},
		{"prefix keeps its ending", "policies*", Query{Clauses: []Clause{{Prefix: "policies", PrefixStem: "polici"}}}},
		{"prefix of a stop word", "no*", Query{Clauses: []Clause{{Prefix: "no", PrefixStem: "no"}}}},
		{"prefix after words", "net.Conn*", Query{Clauses: []Clause{{Terms: []string{"net"}, Prefix: "conn", PrefixStem: "conn"}}}},
		{"prefix of digits", "10.0*", Query{Clauses: []Clause{{Terms: []string{"10"}, Prefix: "0"}}}},
		{"star alone", "*", Query{Nothing: true}},
		{"star after punctuation", "pod.*", Query{Clauses: []Clause{{Terms: []string{"pod"}}}}},
		{"negated prefix", "-conn*", Query{Not: []Clause{{Prefix: "conn", PrefixStem: "conn"}}}},
		{"dash alone", "-", Query{Nothing: true}},
		{"dash within", "client-go", Query{Clauses: []Clause{{Terms: []string{"client", "go"}}}}},
	}
	a := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := a.Query(tt.text)
			require.NoError(t, err)
			for _, c := range [][]Clause{q.Clauses, q.Not} {
				for i := range c {
					if len(c[i].Terms) == 0 {
						c[i].Terms = nil
					}
				}
			}
			require.Equal(t, tt.want, q)
		})
	}
	_, err := a.Query(strings.Repeat("x", 5000))
	require.ErrorIs(t, err, pipeline.ErrRejected)
	_, err = a.Query(strings.Repeat("x ", 65))
	require.ErrorIs(t, err, pipeline.ErrRejected)
}

func TestHasPhrase(t *testing.T) {
	c := Clause{Phrase: "über den"}
	require.True(t, c.HasPhrase("Fehler ÜBER DEN Wolken"))
	require.False(t, c.HasPhrase("über  den"))
	require.True(t, new(Clause).HasPhrase(""))
}

// Terms are what an FTS5 table with the ascii tokenizer must take as one token
// each: no ASCII but small letters and digits.
func FuzzTerms(f *testing.F) {
	for _, s := range []string{"", "HTTPServer 10.0.0.1", "naïve 连接", "\xff\xfeab", "K\u212a µr12 §r12"} {
		f.Add(s)
	}
	a := New()
	f.Fuzz(func(t *testing.T, text string) {
		terms := a.Terms(nil, text)
		require.Equal(t, terms, New().Terms(nil, text), "the cache changes nothing")
		for _, term := range terms {
			require.True(t, utf8.ValidString(term))
			require.NotEmpty(t, term)
			require.LessOrEqual(t, len(term), maxWord)
			for _, r := range term {
				if r < utf8.RuneSelf {
					require.Contains(t, "abcdefghijklmnopqrstuvwxyz0123456789", string(r))
				} else {
					require.True(t, unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
				}
			}
		}
		if _, err := a.Query(text); err != nil {
			require.ErrorIs(t, err, pipeline.ErrRejected)
		}
	})
}

func BenchmarkTerms(b *testing.B) {
	a := New()
	var numbers []uint32
	lines := make([]string, 1000)
	for i := range lines {
		lines[i] = fmt.Sprintf("I0803 09:20:37.%06d       1 reflector.go:255] Listing and watching *v1.ConfigMap from k8s.io/client-go/informers/factory.go:134 for pod-%x in namespace openshift-apiserver", i*37%1000000, i*7919)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		numbers = a.Append(numbers[:0], lines[i%len(lines)])
		if i++; i%20_000 == 0 {
			a.Reset()
		}
	}
}

func TestEntry(t *testing.T) {
	attribute := func(v string) []pipeline.Attribute { return []pipeline.Attribute{{Key: "lastError", Value: v}} }
	tests := []struct {
		name  string
		entry pipeline.Entry
		want  []string
	}{
		{"message alone", pipeline.Entry{Message: "pod failed", Raw: "I0803 pod failed"}, []string{"pod", "fail"}},
		{"string", pipeline.Entry{Attributes: attribute(`"timeout"`)}, []string{"last", "error", "timeout"}},
		{"escapes", pipeline.Entry{Attributes: attribute(`"one\ntwo \u0041bc"`)}, []string{"last", "error", "one", "two", "abc"}},
		{"number", pipeline.Entry{Attributes: attribute(`42`)}, []string{"last", "error", "42"}},
		{"object", pipeline.Entry{Attributes: attribute(`{"code":7,"text":["x\ty",null]}`)}, []string{"last", "error", "code", "7", "text", "x", "y", "null"}},
		{"no JSON", pipeline.Entry{Attributes: attribute(`C:\new`)}, []string{"last", "error", "c", "new"}},
	}
	a := New()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, n := range a.Entry(nil, &tt.entry) {
				got = append(got, a.Term(n))
			}
			require.Equal(t, tt.want, got)
		})
	}
}
