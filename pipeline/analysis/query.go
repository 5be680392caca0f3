package analysis

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
)

// The bounds of a query.
const (
	maxQueryBytes   = 4096
	maxQueryClauses = 64
)

// Query is a text query in terms.
type Query struct {
	// Clauses are what must occur: all of them or, when LineQuery.Any is set,
	// at least one. None means that everything matches, unless Nothing is set.
	Clauses []Clause
	// Not are what must not occur.
	Not []Clause
	// Nothing says that words were asked for and none is left: all of them are
	// stop words or punctuation. Such a query matches nothing, as in Lucene.
	Nothing bool
}

// Clause is one word or phrase of a query. It occurs in a line when all of its
// parts do.
type Clause struct {
	// Terms must all be there.
	Terms []string
	// Prefix, if not empty: there must be a term that starts with it or that
	// equals PrefixStem, so that connections* finds "connections" though its
	// term is connect. A prefix adds nothing to a score.
	Prefix, PrefixStem string
	// Phrase, if not empty, must stand in the line's Message, in any case. It
	// is in lower case here.
	Phrase string
}

// HasPhrase says whether m, a line's Message, holds the clause's phrase.
func (c *Clause) HasPhrase(message string) bool {
	return c.Phrase == "" || strings.Contains(strings.ToLower(message), c.Phrase)
}

// Query reads a query as LineQuery.Text documents it: words, "phrases", word*
// and -word (also -"a phrase"). An error wraps pipeline.ErrRejected.
func (a *Analyser) Query(text string) (Query, error) {
	var q Query
	if len(text) > maxQueryBytes {
		return q, fmt.Errorf("query text is %d bytes long, at most %d are allowed: %w", len(text), maxQueryBytes, pipeline.ErrRejected)
	}
	asked := false
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		negated := false
		if rest[0] == '-' && len(rest) > 1 {
			negated = true
			rest = rest[1:]
		}
		var c Clause
		c, rest = a.clause(rest)
		if !negated {
			asked = true
		}
		if len(c.Terms) == 0 && c.Prefix == "" && c.Phrase == "" {
			continue
		}
		if negated {
			q.Not = append(q.Not, c)
		} else {
			q.Clauses = append(q.Clauses, c)
		}
	}
	if n := len(q.Clauses) + len(q.Not); n > maxQueryClauses {
		return Query{}, fmt.Errorf("query has %d words, at most %d are allowed: %w", n, maxQueryClauses, pipeline.ErrRejected)
	}
	q.Nothing = asked && len(q.Clauses) == 0
	return q, nil
}

// clause reads one word or phrase from the front of text.
func (a *Analyser) clause(text string) (c Clause, rest string) {
	if text[0] == '"' {
		phrase, rest, _ := strings.Cut(text[1:], `"`)
		c.Terms = a.distinct(phrase)
		c.Phrase = strings.ToLower(strings.TrimSpace(phrase))
		return c, rest
	}
	word := text
	if i := strings.IndexAny(text, " \t\r\n\""); i >= 0 {
		word, rest = text[:i], text[i:]
	}
	start, isPrefix := strings.CutSuffix(word, "*")
	if !isPrefix || !endsInWord(start) {
		c.Terms = a.distinct(word)
		return c, rest
	}
	// Only the last piece of net.Conn* is a prefix; the ones before are words.
	words := pieces(start)
	last := words[len(words)-1]
	c.Terms = a.distinct(strings.Join(words[:len(words)-1], " "))
	c.Prefix = last
	if isAlphabetic([]byte(last)) {
		c.PrefixStem = a.stem(last)
	}
	return c, rest
}

// distinct is the distinct terms of text.
func (a *Analyser) distinct(text string) []string {
	terms := a.Terms(nil, text)
	slices.Sort(terms)
	return slices.Compact(terms)
}

// pieces is the words of text in lower case, stop words and endings included.
func pieces(text string) []string {
	w := New()
	w.plain = true
	return w.Terms(nil, text)
}

// endsInWord says whether the last character of text belongs to a word.
func endsInWord(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}
