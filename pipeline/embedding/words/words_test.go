package words_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/loglode/loglode/pipeline/embedding/words"
)

func all(text string) []string {
	list := []string{}
	var word []byte
	for at := 0; ; {
		if word, at = words.Append(word[:0], text, at); len(word) == 0 {
			return list
		}
		list = append(list, string(word))
	}
}

func TestAppend(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		" .;-\x00":                    "",
		"Failed to pull image":        "failed to pull image",
		"kubeAPIServer":               "kube api server",
		"HTTPServer2Go":               "http server2 go",
		"ABC1d X":                     "abc1d x",
		"x509: certificate":           "x509 certificate",
		"MyPodID":                     "my pod id",
		"a.b_c/D":                     "a b c d",
		"naïve größe":                 "na ve gr e",
		"10.0.0.1":                    "10 0 0 1",
		"连接 refused":                  "refused",
		"5\u212aB":                    "5kb",
		"\u0130stanbul \u0130\u0130A": "i stanbul i i a",
		"\xe2\x84":                    "",
		"\xc4":                        "",
		"a\xe2\x84b":                  "a b",
	} {
		require.Equal(t, want, strings.Join(all(text), " "), "%q", text)
	}
	require.Equal(t, []string{strings.Repeat("a", words.Max), "b"}, all(strings.Repeat("a", 5000)+" b"), "the rest of a long word is dropped, not read as another")
}

// reference is the cut as the table's training script makes it.
func reference() func(text string) []string {
	one := regexp.MustCompile(`([a-z0-9])([A-Z])`)
	two := regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	word := regexp.MustCompile(`[a-z0-9]+`)
	return func(text string) []string {
		text = two.ReplaceAllString(one.ReplaceAllString(text, "$1 $2"), "$1 $2")
		// Go's ToLower maps the dotted I to i alone; Unicode's full mapping has
		// the combining dot.
		text = strings.ToLower(strings.ReplaceAll(text, "\u0130", "i\u0307"))
		list := []string{}
		for _, w := range word.FindAllString(text, -1) {
			list = append(list, w[:min(len(w), words.Max)])
		}
		return list
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"kubeAPIServer x509", "aB\u212aCd\u0130E", "AAAb9CDe", "\xc4\xe2\x84\xaa", "ÅngstromTest"} {
		f.Add(s)
	}
	want := reference()
	f.Fuzz(func(t *testing.T, text string) {
		got := all(text)
		if utf8.ValidString(text) {
			require.Equal(t, want(text), got)
		}
	})
}
