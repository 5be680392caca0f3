package redact

import (
	"regexp/syntax"
	"strings"
)

// literal is a text that every match of a pattern holds: the cheap question
// before the expensive one.
type literal struct {
	text string
	// fold says that ASCII letters match in either case; text is lower-case.
	fold bool
}

// in says whether text may hold a match.
func (l literal) in(text string) bool {
	if !l.fold {
		return strings.Contains(text, l.text)
	}
	lower, upper := l.text[0], l.text[0]
	if isLetter(lower) {
		upper = lower &^ 0x20
	}
	for i := 0; i+len(l.text) <= len(text); i++ {
		if c := text[i]; (c == lower || c == upper) && foldEqual(text[i:i+len(l.text)], l.text) {
			return true
		}
	}
	return false
}

// foldEqual compares s with lower, which is lower-case, over ASCII letters.
func foldEqual(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// requiredLiteral finds the longest text that every match of a valid pattern
// holds; empty if there is none.
func requiredLiteral(pattern string) literal {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return literal{}
	}
	return required(re.Simplify())
}

func required(re *syntax.Regexp) literal {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return literal{text: string(re.Rune)}
		}
		return foldable(re.Rune)
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return required(re.Sub[0])
		}
	case syntax.OpConcat:
		var best literal
		for _, sub := range re.Sub {
			if l := required(sub); len(l.text) > len(best.text) {
				best = l
			}
		}
		return best
	}
	return literal{}
}

// foldable is the longest run of ASCII that folds within ASCII: k and s also
// match the Kelvin sign and the long s.
func foldable(runes []rune) literal {
	var best, run []byte
	for _, r := range runes {
		if r >= 'A' && r <= 'Z' {
			r |= 0x20
		}
		if r >= 0x80 || r == 'k' || r == 's' {
			run = nil
			continue
		}
		if run = append(run, byte(r)); len(run) > len(best) {
			best = run
		}
	}
	if len(best) == 0 {
		return literal{}
	}
	return literal{text: string(best), fold: true}
}
