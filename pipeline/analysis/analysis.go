// Package analysis turns text into search terms. There is one analyser for
// everything: lines, patterns, questions, SQLite and OpenSearch, so that all of
// them rank alike.
//
//	"HTTPServer refused 3 connections"
//	   -> split case     HTTP Server refused 3 connections
//	   -> lower, words   http server refused 3 connections
//	   -> stop words, stems
//	                     http server refus 3 connect
//
// A word is a run of letters and digits. ASCII words are split where a lower
// case letter or digit meets an upper case one, and before the last capital of
// a run that a small letter follows. Words of other scripts are kept whole,
// save Han, Hiragana, Katakana and Hangul, which become pairs of characters.
package analysis

import (
	"hash/maphash"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
)

const (
	// maxWord is the number of bytes of a word that count; the rest is cut.
	maxWord = 64
	// maxStems bounds the cache of stems, which outlives Reset: a log's
	// vocabulary of plain words is a few thousand.
	maxStems = 1 << 15
	// chunk is the size of the buffers that hold the text of terms.
	chunk = 1 << 14
	// dropped stands for a word that yields no term.
	dropped = ^uint32(0)
)

// SoftLimit is the number of words after which Terms starts a new table, and
// after which callers of Append should.
const SoftLimit = 1 << 16

// Analyser turns text into terms. It numbers the terms it meets, 0 and up, and
// remembers words, so that a known word costs one look-up. It is not safe for
// concurrent use; keep several in a sync.Pool.
type Analyser struct {
	seed  maphash.Seed
	slots []slot // open addressing, a power of two, at most half full
	words int

	terms   []string          // by number
	numbers map[string]uint32 // of terms
	stems   map[string]string // word -> stem, bounded, kept by Reset
	text    strings.Builder   // what terms and words point into

	plain   bool // keep stop words and endings
	buf     [maxWord]byte
	scratch []uint32
}

// slot maps a word to the number of its term.
type slot struct {
	word string
	hash uint32
	term uint32
}

// New returns an empty Analyser.
func New() *Analyser {
	a := &Analyser{seed: maphash.MakeSeed(), stems: make(map[string]string, 1024)}
	a.Reset()
	return a
}

// Reset forgets all words and terms: numbers given before mean nothing after.
// Strings handed out stay valid.
func (a *Analyser) Reset() {
	if len(a.slots) != 1<<12 {
		a.slots = make([]slot, 1<<12)
	} else {
		clear(a.slots)
	}
	a.words = 0
	a.terms = nil
	a.numbers = make(map[string]uint32, 1<<10)
	a.text = strings.Builder{}
}

// Words is the number of distinct words known, for a caller to compare with
// SoftLimit.
func (a *Analyser) Words() int { return a.words }

// Size is the number of distinct terms known: the numbers 0 to Size()-1.
func (a *Analyser) Size() int { return len(a.terms) }

// Term is the term with a number that Append or Number gave since the last
// Reset.
func (a *Analyser) Term(number uint32) string { return a.terms[number] }

// Number is the number of a term that was made before, by this or any other
// Analyser. The term is taken as it is.
func (a *Analyser) Number(term string) uint32 {
	if n, ok := a.numbers[term]; ok {
		return n
	}
	return a.addTerm(strings.Clone(term))
}

// Terms appends the terms of text to dst, in order, with repeats. It allocates
// nothing for words it knows.
func (a *Analyser) Terms(dst []string, text string) []string {
	if a.words > SoftLimit {
		a.Reset()
	}
	a.scratch = a.Append(a.scratch[:0], text)
	for _, n := range a.scratch {
		dst = append(dst, a.terms[n])
	}
	return dst
}

// Classes of bytes.
const (
	separator = iota
	small     // a-z, 0-9
	capital   // A-Z
	foreign   // part of a character beyond ASCII
)

// classes and folded are tables by byte: its class, and the byte in lower case.
var classes, folded = tables()

func tables() (classes, folded [256]byte) {
	for i := range 256 {
		c := byte(i)
		folded[i] = c
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			classes[i] = small
		case 'A' <= c && c <= 'Z':
			classes[i] = capital
			folded[i] = c + 'a' - 'A'
		case c >= utf8.RuneSelf:
			classes[i] = foreign
		}
	}
	return classes, folded
}

// Append appends the numbers of text's terms to dst, in order, with repeats.
// The numbers hold until Reset, which is the caller's to call: Append alone
// never forgets, however many words it meets.
func (a *Analyser) Append(dst []uint32, text string) []uint32 {
	for i := 0; i < len(text); {
		start := i
		switch classes[text[i]] {
		case separator:
			i++
			continue
		case foreign:
			i, dst = a.foreignRun(dst, text, start)
			continue
		}
		n := 0
		previous := byte(small)
		if classes[text[i]] == capital {
			previous = capital
		}
		for i < len(text) {
			c := text[i]
			class := classes[c]
			if class == separator || class == foreign {
				break
			}
			if class == capital && i > start {
				if previous == small {
					break
				}
				if i+1 < len(text) && 'a' <= text[i+1] && text[i+1] <= 'z' {
					break
				}
			}
			if n < maxWord {
				a.buf[n] = folded[c]
				n++
			}
			previous = class
			i++
		}
		if i < len(text) && classes[text[i]] == foreign && isWordRune(text[i:]) {
			// A word that mixes ASCII with other letters ("naïve") is one
			// word: read it again the slow way.
			i, dst = a.foreignRun(dst, text, start)
			continue
		}
		if t := a.lookup(a.buf[:n]); t != dropped {
			dst = append(dst, t)
		}
	}
	return dst
}

// lookup returns the number of a lower-case word's term.
func (a *Analyser) lookup(word []byte) uint32 {
	h := maphash.Bytes(a.seed, word)
	mask := uint64(len(a.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := &a.slots[at]
		if s.word == "" {
			return a.learn(word, h)
		}
		if s.hash == uint32(h>>32) && s.word == string(word) {
			return s.term
		}
	}
}

// learn adds a word that the table lacks.
func (a *Analyser) learn(word []byte, h uint64) uint32 {
	kept := a.keep(word)
	term := dropped
	switch {
	case a.plain:
		term = a.number(kept)
	case isStopWord(kept):
	case isAlphabetic(word):
		term = a.number(a.stem(kept))
	default:
		term = a.number(kept)
	}
	if 2*(a.words+1) > len(a.slots) {
		a.grow()
	}
	a.place(slot{word: kept, hash: uint32(h >> 32), term: term}, h)
	a.words++
	return term
}

func (a *Analyser) place(s slot, h uint64) {
	mask := uint64(len(a.slots) - 1)
	at := h & mask
	for a.slots[at].word != "" {
		at = (at + 1) & mask
	}
	a.slots[at] = s
}

func (a *Analyser) grow() {
	old := a.slots
	a.slots = make([]slot, 2*len(old))
	for _, s := range old {
		if s.word != "" {
			a.place(s, maphash.String(a.seed, s.word))
		}
	}
}

func (a *Analyser) number(term string) uint32 {
	if n, ok := a.numbers[term]; ok {
		return n
	}
	return a.addTerm(term)
}

func (a *Analyser) addTerm(term string) uint32 {
	n := uint32(len(a.terms))
	a.terms = append(a.terms, term)
	a.numbers[term] = n
	return n
}

// keep copies a word into the current chunk: one allocation for many words.
func (a *Analyser) keep(word []byte) string {
	if a.text.Len()+len(word) > a.text.Cap() {
		a.text = strings.Builder{}
		a.text.Grow(chunk)
	}
	start := a.text.Len()
	a.text.Write(word)
	return a.text.String()[start:]
}

// stem is the Snowball English (Porter2) stem of an alphabetic word.
func (a *Analyser) stem(word string) string {
	if s, ok := a.stems[word]; ok {
		return s
	}
	s := english.Stem(word, true)
	if len(a.stems) >= maxStems {
		clear(a.stems)
	}
	a.stems[strings.Clone(word)] = s
	return s
}

func isAlphabetic(word []byte) bool {
	for _, c := range word {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// isWordRune says whether text starts with a letter, digit or mark.
func isWordRune(text string) bool {
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// isPaired says whether a character belongs to a script that writes no spaces
// between words, or long compounds. U+30FC lengthens kana and is of no script.
func isPaired(r rune) bool {
	return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// foreignRun reads a run of word characters of which one at least is not ASCII,
// from text[start:], and returns where it ends. Case is folded, not split: the
// split is a habit of ASCII identifiers.
func (a *Analyser) foreignRun(dst []uint32, text string, start int) (int, []uint32) {
	n := 0 // bytes of the word in buf
	var pair [2 * utf8.UTFMax]byte
	before := 0 // bytes of the CJK character before, at the front of pair
	alone := false
	flushWord := func() {
		if n > 0 {
			if t := a.lookup(a.buf[:n]); t != dropped {
				dst = append(dst, t)
			}
			n = 0
		}
	}
	flushPair := func() {
		if alone {
			dst = append(dst, a.lookup(pair[:before]))
		}
		before, alone = 0, false
	}
	i := start
	full := false
	for i < len(text) {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size <= 1 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			if i == start {
				i += size
			}
			break
		}
		i += size
		if isPaired(r) {
			flushWord()
			full = false
			width := utf8.EncodeRune(pair[before:], r)
			if before > 0 {
				dst = append(dst, a.lookup(pair[:before+width]))
				copy(pair[:], pair[before:before+width])
			}
			alone = before == 0
			before = width
			continue
		}
		flushPair()
		var lower [utf8.UTFMax]byte
		width := utf8.EncodeRune(lower[:], unicode.ToLower(r))
		full = full || n+width > maxWord
		if !full {
			n += copy(a.buf[n:], lower[:width])
		}
	}
	flushWord()
	flushPair()
	return i, dst
}
