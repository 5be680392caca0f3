package pattern

import (
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/embedding/words"
)

// Bounds on what [Masked] returns, and on what it reads.
const (
	maxWords   = 16  // 8 measure .01 nDCG@10 less, 24 the same
	maxSampled = 600 // bytes of an entry
)

// Masked is the plain words of an entry that its template, e.Pattern's, masks:
// "imagestreams" where the template has "failed to list <*>". A store keeps those
// of the entry that makes a pattern's document, so that the pattern is found by
// them. At most 16, each once, in their order, with a space between; tokens with
// a digit (an ID, an address, a number) have none, and single letters are none.
func Masked(e *pipeline.Entry) string {
	m := masked{left: maxSampled}
	m.known = wordsOf(Words(e.Pattern.Template))
	m.add(e.Message)
	for i := range e.Attributes {
		if a := &e.Attributes[i]; !isHeader(a.Key) {
			m.add(a.Value)
		}
	}
	return strings.Join(m.found, " ")
}

// masked gathers words.
type masked struct {
	known []string // words of the template
	found []string
	left  int // bytes to read
}

// add takes the words of a text that neither the template nor found has.
func (m *masked) add(text string) {
	text = text[:min(len(text), m.left)]
	m.left -= len(text)
	for token := range strings.FieldsFuncSeq(text, isBorder) {
		if flagsOf(token)&digit != 0 {
			continue
		}
		for _, w := range wordsOf(token) {
			if len(m.found) == maxWords {
				return
			}
			if len(w) > 1 && !slices.Contains(m.known, w) && !slices.Contains(m.found, w) {
				m.found = append(m.found, w)
			}
		}
	}
}

// isBorder says that a character ends a token: a name or a value.
func isBorder(r rune) bool {
	return strings.ContainsRune(" \t\r\n,;=/\"'`[](){}", r)
}

func wordsOf(text string) (all []string) {
	var buf [words.Max]byte
	for at := 0; ; {
		var w []byte
		if w, at = words.Append(buf[:0], text, at); len(w) == 0 {
			return all
		}
		all = append(all, string(w))
	}
}
