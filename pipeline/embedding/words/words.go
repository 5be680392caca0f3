// Package words cuts a text into the words that the built-in table and the
// glossary know. Both were made with this cut, so it is frozen; search terms
// are another matter, and package analysis makes them.
//
//	"kubeAPIServer: x509 failed"  ->  kube api server x509 failed
//
// A space goes between [a-z0-9] and [A-Z], and between [A-Z]+ and [A-Z][a-z];
// then the text is lower-cased, and words are all runs of [a-z0-9]+. Other
// scripts and punctuation fall out: with punctuation in the average, the nDCG of
// a table of token vectors fell from .479 to .364 (our own measurement).
package words

// Max is how many bytes of a word are kept. WordPiece takes words of up to 100
// characters; the one more tells its reader that a word is longer.
const Max = 101

// Classes of bytes.
const (
	separator = iota
	small     // a-z, 0-9
	capital   // A-Z
	beyond    // the first byte of a character beyond ASCII that has an ASCII lower case
)

// The characters beyond ASCII whose lower case holds an ASCII letter (Unicode's
// SpecialCasing): the Kelvin sign is a k, the dotted capital I an i and a
// combining dot, which ends the word.
const (
	kelvin  = "\u212a"
	dottedI = "\u0130"
)

var classes = classify()

func classify() (t [256]byte) {
	for i := range t {
		switch c := byte(i); {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			t[i] = small
		case 'A' <= c && c <= 'Z':
			t[i] = capital
		case c == kelvin[0], c == dottedI[0]:
			t[i] = beyond
		}
	}
	return t
}

// Append appends to dst the first word of text[at:], at most Max bytes of it,
// and returns where to go on. Nothing is appended when no word is left. at is 0
// or what Append returned for the same text.
func Append(dst []byte, text string, at int) (word []byte, next int) {
	start := len(dst)
	previous := byte(separator)
	for at < len(text) {
		c := text[at]
		class := classes[c]
		width := 1
		switch class {
		case small:
		case capital:
			if previous == small || previous == capital && at+1 < len(text) && 'a' <= text[at+1] && text[at+1] <= 'z' {
				return dst, at
			}
			c |= 'a' - 'A'
		case beyond:
			c, width = lower(text[at:])
		}
		if c == 0 || class == separator {
			if len(dst) > start {
				return dst, at
			}
			at += width
			continue
		}
		if len(dst)-start < Max {
			dst = append(dst, c)
		}
		at += width
		previous = class
		if class == beyond && width == len(dottedI) {
			return dst, at
		}
	}
	return dst, at
}

// lower is the ASCII letter that the first character of s has for a lower
// case, 0 for none, and the character's width; 1 for one that is passed over.
func lower(s string) (letter byte, width int) {
	switch {
	case len(s) >= len(kelvin) && s[:len(kelvin)] == kelvin:
		return 'k', len(kelvin)
	case len(s) >= len(dottedI) && s[:len(dottedI)] == dottedI:
		return 'i', len(dottedI)
	}
	return 0, 1
}
