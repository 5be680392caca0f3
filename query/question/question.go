// Package question reads filters and times out of a question in plain English.
//
//	"timeouts in namespace shop since this morning"
//	    |
//	    v                        Names   namespace: shop
//	  Read --(pure, given now)-> Time    from 2021-08-03 00:00
//	    |
//	    v (what the caller found to be known)
//	  Without ---------------->  "timeouts"
//
// A wrong filter hides the answer, a missing one only leaves more to look at. So
// only phrases that can hardly mean anything else are read: a name needs the
// word that says what it is and a preposition, and the caller still has to ask
// the store whether there is such a thing; two times that do not fit together
// are both left alone, and so is everything in what looks like a pasted log line.
package question

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Field says what a name selects by.
type Field uint8

// The fields.
const (
	Cluster Field = iota
	Namespace
	Service
	Pod
	Container
	Node
	Level
	Kind
)

// Span is a part of the question: bytes Start to End.
type Span struct{ Start, End int }

// Name is a phrase that names what to search in.
type Name struct {
	Span
	Field Field
	// Values are alternatives, as they stand in the question. A * at the end of a
	// pod, container or node stands for any rest. Levels are lower-case names,
	// "unknown", or a name with a plus; kinds are log, event, node.
	Values []string
}

// Time is what a question says about when.
type Time struct {
	// Spans are the phrases that say it, none where nothing does.
	Spans []Span
	// From is inclusive, To exclusive, UTC; zero is open.
	From, To time.Time
}

// Reading is what was read out of a question. Spans do not overlap.
type Reading struct {
	Names []Name
	Time  Time
}

// maxNames bounds the names that are read out of one question: each is looked up.
const maxNames = 8

// Read reads a question. Times are UTC and relative to now.
func Read(text string, now time.Time) Reading {
	words := split(text)
	if pasted(words) {
		return Reading{}
	}
	r := Reading{Time: readTime(words, now.UTC())}
	for _, n := range readNames(words, r.Time.Spans) {
		if len(r.Names) < maxNames && !slices.ContainsFunc(r.Time.Spans, n.Overlaps) {
			r.Names = append(r.Names, n)
		}
	}
	return r
}

// Overlaps says that two parts share a byte.
func (s Span) Overlaps(other Span) bool { return s.Start < other.End && other.Start < s.End }

// Without is the question without some of its parts, and without the
// punctuation that they leave behind. Without parts it is text as it stands.
func Without(text string, parts []Span) string {
	if len(parts) == 0 {
		return text
	}
	parts = slices.SortedFunc(slices.Values(parts), func(a, b Span) int { return a.Start - b.Start })
	var kept []string
	at := 0
	keep := func(part string) {
		if part = strings.TrimSpace(part); part != "" {
			kept = append(kept, part)
		}
	}
	for i, p := range parts {
		part := text[at:p.Start]
		if i > 0 {
			part = strings.TrimLeft(part, opening+")]},;:?!. ")
		}
		keep(strings.TrimRight(part, opening+",;: "))
		at = p.End
	}
	keep(strings.TrimLeft(text[at:], closing+" "))
	return strings.Join(kept, " ")
}

// word is a run of the question between white space, without the punctuation
// around it.
type word struct {
	Span
	raw  string // as it stands
	text string // in lower case
	// opens and closes say that punctuation, or an end of the question, stands
	// before and after it; quoted that this is a pair of quotes.
	opens, closes, quoted bool
}

const (
	quotes  = "\"'`"
	opening = "([{" + quotes
	closing = ")]}" + quotes + ",;:?!."
)

func split(text string) []word {
	var words []word
	dash := true // what stands before the next word ends a phrase
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		end := strings.IndexFunc(text[at:], unicode.IsSpace)
		if end < 0 {
			end = len(text) - at
		}
		run := text[at : at+end]
		inner := strings.TrimLeft(run, opening)
		start := at + len(run) - len(inner)
		raw := trimEnd(inner)
		at += end
		if strings.Trim(raw, "-–—/|&") == "" { // a dash, or nothing but punctuation
			dash = true
			if len(words) > 0 {
				words[len(words)-1].closes = true
			}
			continue
		}
		w := word{Span: Span{start, start + len(raw)}, raw: raw, text: strings.ToLower(raw)}
		before, after := run[:len(run)-len(inner)], inner[len(raw):]
		w.opens, w.closes = dash || before != "", after != ""
		w.quoted = before != "" && after != "" && strings.ContainsAny(before, quotes) && strings.ContainsAny(after, quotes)
		dash = false
		words = append(words, w)
	}
	if len(words) > 0 {
		words[len(words)-1].closes = true
	}
	return words
}

// trimEnd drops the punctuation behind a word, but not the dots of "cart-7d9f..".
func trimEnd(s string) string {
	for s != "" {
		last := s[len(s)-1]
		if strings.IndexByte(closing, last) < 0 || last == '.' && strings.HasSuffix(s, "..") {
			return s
		}
		s = s[:len(s)-1]
	}
	return s
}

// adjoins says that nothing but space stands between words[i] and words[i+1].
func adjoins(words []word, i int) bool {
	return i >= 0 && i+1 < len(words) && !words[i].closes && !words[i+1].opens
}

// pasted says that the words look like a line of a log, in which nothing is
// meant as a filter.
func pasted(words []word) bool {
	if len(words) == 0 {
		return true
	}
	first := words[0]
	if first.quotedJSON() || isKlogHeader(first.raw) || isTimestamp(first.text) {
		return true
	}
	if len(words) > 1 {
		second := words[1].text
		_, isDate := parseDate(strings.ReplaceAll(first.text, "/", "-"))
		if _, isClock := parseClock(trimFraction(second)); isClock && isDate {
			return true
		}
	}
	if len(words) > 2 { // "Aug  3 09:42:10 host ..."
		_, isMonth := months[first.text]
		if _, isClock := parseClock(trimFraction(words[2].text)); isClock && isMonth {
			return true
		}
	}
	foreign := 0
	for _, w := range words {
		if w.quotedJSON() {
			return true
		}
		key, _, isPair := strings.Cut(w.text, "=")
		if !isPair || key == "" || strings.ContainsAny(key, "<>!:") {
			continue
		}
		switch key {
		case "msg", "message", "err", "error", "ts", "time", "timestamp", "caller", "logger", "severity":
			return true
		}
		if _, ours := pairFields[key]; !ours {
			foreign++
		}
	}
	return foreign > 1
}

// quotedJSON says that the word holds the start of a JSON object.
func (w word) quotedJSON() bool { return strings.Contains(w.raw, `":`) }

// isKlogHeader knows the "E0803" that a line of klog starts with.
func isKlogHeader(s string) bool {
	return len(s) == 5 && strings.IndexByte("IWEF", s[0]) >= 0 && strings.Trim(s[1:], "0123456789") == ""
}

// isTimestamp knows a date with a time behind it in one word.
func isTimestamp(s string) bool {
	_, ok := parseInstant(s)
	return ok
}

func trimFraction(s string) string {
	if at := strings.IndexAny(s, ".,"); at > 0 {
		return s[:at]
	}
	return s
}
