// Package pattern turns an entry's text into a template: the text with its
// variable parts masked. The template, and so its ID, is a function of the text
// alone. Nothing is learned, so workers, restarts and replays agree, and the
// first line of a new kind gets the template that its thousandth will get.
//
//	text -> mask, one pass over the bytes -> memo: known?  yes -> Pattern
//	                                                      no  -> mask until it
//	                                                             stays, SHA-256
//
// What is masked is what the shape of a token says is variable: whatever holds a
// digit, addresses, paths, dotted and many-hyphened names, quoted names, values
// of key=value, dumps in braces, lists. Plain words stay: people search them.
package pattern

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
)

// Version is the version of the rules. IDs of patterns are stored: a change of
// any rule moves lines to other templates, so that counts break off and start
// anew under other IDs, and new templates are embedded once more. Raise it with
// every change that moves testdata/templates.golden, and say so in the changelog.
const Version = 1

// Bounds on a text and on its template.
const (
	// MaxTokens and MaxTemplate (bytes) bound a template; what is beyond
	// becomes one placeholder.
	MaxTokens   = 64
	MaxTemplate = 512
	// maxLine is how much of a line is looked at, in bytes, and maxTrace how
	// much of the lines that follow it. The time for a text is bounded with it.
	maxLine  = 4 << 10
	maxTrace = 16 << 10
)

// maxMemo bounds the masked texts that a Miner remembers; then it starts again.
const maxMemo = 1 << 14

// Miner masks texts. It is not safe for concurrent use. It remembers at most
// 16,384 masked texts with their templates: 45 MB at the very most, some 4 MB
// with real logs. The memo changes no result.
type Miner struct {
	// Capped counts the texts whose template reached a bound.
	Capped uint64

	scan scanner
	memo map[string]mined
}

// mined is what became of a masked text.
type mined struct {
	pattern pipeline.Pattern
	capped  bool
}

// New returns a Miner that remembers nothing yet.
func New() *Miner {
	return &Miner{memo: map[string]mined{}}
}

// Text is the pattern of a text of which nothing but its words is known. Equal
// texts have equal patterns; a template is its own template. A blank text has the
// zero Pattern.
func (m *Miner) Text(text string) pipeline.Pattern {
	m.scan.reset()
	m.scan.message(text)
	return m.pattern()
}

// pattern is the pattern of what has been scanned.
func (m *Miner) pattern() pipeline.Pattern {
	masked := m.scan.finish()
	if len(masked) == 0 {
		return pipeline.Pattern{}
	}
	known, ok := m.memo[string(masked)]
	if !ok {
		known = m.learn(string(masked))
	}
	if known.capped {
		m.Capped++
	}
	return known.pattern
}

// learn works out what becomes of a masked text and remembers it. Masked texts
// with one template share its string.
func (m *Miner) learn(masked string) mined {
	template, capped := settle(masked)
	if template == masked {
		template = masked
	}
	p := pipeline.Pattern{ID: pipeline.NewPatternID(template), Template: template}
	if own, ok := m.memo[template]; ok {
		p = own.pattern
	}
	if len(m.memo) >= maxMemo {
		clear(m.memo)
	}
	known := mined{p, capped}
	m.memo[masked] = known
	return known
}

// settle folds what repeats in a masked text, bounds it, and masks it again until
// it stays as it is. Almost all do at once; what does not within a few passes has
// no shape worth keeping. Only texts that the memo does not know pay for this.
func settle(masked string) (template string, capped bool) {
	const passes = 6
	var s scanner
	template, capped = bound(foldRepeats(strings.Fields(masked)))
	for range passes {
		s.reset()
		s.message(template)
		next, _ := bound(foldRepeats(strings.Fields(string(s.finish()))))
		if next == template {
			return template, capped
		}
		template = next
	}
	return placeholder, capped
}

// foldRepeats leaves one of what stands in a text several times in a row, such
// as the errors of a list: runs of up to 16 words with a placeholder among them.
func foldRepeats(words []string) []string {
	const longest = 16
	for period := 1; period <= longest; period++ {
		for i := 0; i+2*period <= len(words); i++ {
			run := words[i : i+period]
			end := i + period
			for end+period <= len(words) && sameWords(run, words[end:end+period]) {
				end += period
			}
			if end == i+period || !hasPlaceholder(run) {
				continue
			}
			last := words[end-1] // with what closes the list
			words = append(words[:i+period], words[end:]...)
			words[i+period-1] = last
		}
	}
	return words
}

// sameWords compares words without the punctuation of lists around them.
func sameWords(a, b []string) bool {
	const list = "[],;"
	for i := range a {
		if a[i] != b[i] && strings.Trim(a[i], list) != strings.Trim(b[i], list) {
			return false
		}
	}
	return true
}

func hasPlaceholder(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, placeholder) })
}

// bound joins words to a template within its bounds and reports whether they
// were too many.
func bound(words []string) (template string, capped bool) {
	const room = MaxTemplate - 1 - len(placeholder)
	size, n := 0, 0
	for n < len(words) && n < MaxTokens && size+len(words[n]) <= room {
		size += len(words[n]) + 1
		n++
	}
	if n == len(words) || n == len(words)-1 && words[n] == placeholder {
		return strings.Join(words, " "), false
	}
	if n == 0 { // one long word
		cut := room
		for cut > 0 && !utf8.RuneStart(words[0][cut]) {
			cut--
		}
		return words[0][:cut] + " " + placeholder, true
	}
	return strings.Join(words[:n], " ") + " " + placeholder, true
}
