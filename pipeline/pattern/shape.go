package pattern

import (
	"strings"
	"unicode/utf8"
)

// token emits a chunk with its trailing punctuation; rest is the text behind it.
func (s *scanner) token(w string, f flags, rest string) {
	end := len(w)
	for end > 0 && isTail(w[end-1]) {
		end--
	}
	tail := w[end:]
	if tail != "" {
		w = w[:end]
		f = flagsOf(w)
	}
	switch {
	case w == "/":
		s.mask(false)
	case f&(anyCase|digit|high) == 0:
		for i := 0; i < len(w); i++ {
			s.joint(w[i])
		}
	case s.hole == len(s.out) && !s.space && s.hole > 0:
		// Glued to a placeholder: a part of it.
	case f&^anyCase == 0:
		s.plain(w, rest)
	default:
		s.shape(w, f)
	}
	for i := 0; i < len(tail); i++ {
		if tail == "::" {
			s.separator(tail[i])
		} else {
			s.joint(tail[i])
		}
	}
}

// shape emits a chunk that is not letters alone.
func (s *scanner) shape(w string, f flags) {
	if f&colon != 0 {
		if p := strings.IndexByte(w, ':'); p >= 2 && w[p+1] != ':' && !strings.HasPrefix(w[p+1:], "//") && !isMethod(w[:p]) && flagsOf(w[:p])&^(anyCase|hyphen|underscore) == 0 && flagsOf(w[p+1:])&(anyCase|digit|high) != 0 {
			s.word(w[:p])
			s.joint(':')
			s.token(w[p+1:], flagsOf(w[p+1:]), "")
			return
		}
	}
	if f&colon != 0 && s.joined(w) {
		return
	}
	if s.synced || isShortFlag(s.prev) || isVariable(w, f) || f&(hyphen|underscore) != 0 && s.isNamedHere(f) {
		s.mask(f&digit != 0)
		return
	}
	s.word(w)
}

// joined emits names that are joined by double colons, and reports whether w is
// such: how many there are belongs to what is said. An IPv6 address is none.
func (s *scanner) joined(w string) bool {
	i := strings.Index(w, "::")
	if i <= 0 || strings.Trim(w, "0123456789abcdefABCDEF:.%/") == "" {
		return false
	}
	for i >= 0 && !s.done {
		s.mask(false)
		s.separator(':')
		s.separator(':')
		w = w[i+2:]
		i = strings.Index(w, "::")
	}
	if w != "" && !s.done {
		s.mask(false)
	}
	return true
}

// isVariable says that the shape of a chunk, which is not letters alone, is a
// variable's. It begins and ends with anything but trailing punctuation.
func isVariable(w string, f flags) bool {
	switch {
	case len(w) > 64:
		return true
	case f&high != 0 && !utf8.ValidString(w):
		return true
	case f&dot != 0 && isException(w):
		return false
	case f&digit != 0:
		return !isTerm(w)
	case f&(slash|backslash) != 0:
		return !isPair(w)
	case f&at != 0, f&colon != 0:
		return true
	case f&dot != 0 && !isCode(w, f):
		return true
	case f&hyphen != 0:
		return isName(w)
	}
	return false
}

// isException says that a dotted name is that of a class that is thrown, which
// is searched by name.
func isException(w string) bool {
	if len(w) < 8 || isDigit(w[0]) {
		return false
	}
	for _, end := range [...]string{"Exception", "Error", "Throwable", "Fault"} {
		if strings.HasSuffix(w, end) {
			return flagsOf(w)&^(anyCase|dot|underscore|digit) == 0 && isLetter(w[0])
		}
	}
	return false
}

// isCode says that a dotted name is of the code: Type.method, or an
// abbreviation such as e.g.
func isCode(w string, f flags) bool {
	i := strings.IndexByte(w, '.')
	last := strings.LastIndexByte(w, '.')
	if i == 0 || last == len(w)-1 {
		return false
	}
	if i == last {
		if i == 1 && len(w) == 3 {
			return true
		}
		return f&upper != 0 && f&^(anyCase|dot|underscore) == 0
	}
	return false
}

// isName says that a word with hyphens is a name: one with two hyphens or more
// unless they tie a phrase (out-of-date, end-to-end), a flag, or one with a part
// that nobody can say, as generated names have.
func isName(w string) bool {
	if strings.HasPrefix(w, "--") {
		return true
	}
	hyphens, tied := 0, false
	for start, i := 0, 0; i <= len(w); i++ {
		if i < len(w) && w[i] != '-' {
			continue
		}
		part := w[start:i]
		if i < len(w) {
			hyphens++
		}
		if start > 0 && i < len(w) && len(part) <= 4 && isFunction(part) {
			tied = true
		}
		if len(part) >= 5 && !isSpeakable(part) {
			return true
		}
		start = i + 1
	}
	return hyphens >= 2 && !tied
}

// isSpeakable says that a word has a vowel.
func isSpeakable(w string) bool {
	for i := 0; i < len(w); i++ {
		switch w[i] | 0x20 {
		case 'a', 'e', 'i', 'o', 'u', 'y':
			return true
		}
		if class[w[i]]&high != 0 {
			return true
		}
	}
	return false
}

// plain emits a word of letters alone, unless it is a unit or a name.
func (s *scanner) plain(w, rest string) {
	if s.number && s.hole == len(s.out) && isUnit(w) {
		s.space = false
		return
	}
	if isCalendar(w) && (s.number && s.hole == len(s.out) || isDated(rest)) {
		s.mask(true)
		return
	}
	if s.synced && !isFunction(w) || isShortFlag(s.prev) || s.prev != "" && s.isNameHere(w, rest) || len(w) > 64 {
		s.mask(false)
		return
	}
	s.word(w)
}

// isDated says that a number or another word of a date follows.
func isDated(rest string) bool {
	rest = strings.TrimLeft(rest, ", ")
	return rest != "" && isDigit(rest[0]) || len(rest) > 3 && rest[3] == ' ' && isCalendar(rest[:3])
}

// isNameHere says that the plain word w is a name by where it stands: an
// identifier behind "of" or "for"; a word between one of a thing that has a name
// and what is said of it, "user root from", "ClusterRole admin not found".
func (s *scanner) isNameHere(w, rest string) bool {
	if !s.space || s.told {
		return s.told && rest == "" && s.prev == "for" && isResource(w)
	}
	if s.prev == "for" && strings.HasPrefix(rest, " from ") {
		return !isFunction(w)
	}
	if isUpper(w[0]) {
		return (s.prev == "for" || s.prev == "of") && isCamel(w)
	}
	if rest == "" && s.prev == "for" || strings.HasPrefix(rest, " count ") {
		return isResource(w)
	}
	return isOwner(s.prev) && saysOf(rest) && !isFunction(w) && !isFacet(w)
}

// isNamedHere says that a word with hyphens or underscores is the name of what
// the word before says: "namespace kube-system", "CatalogSource my-catalog".
func (s *scanner) isNamedHere(f flags) bool {
	if s.prev == "" || s.told && f&upper != 0 {
		return false
	}
	return isNamed(s.prev) || f&upper == 0 && isCamel(s.prev)
}

// isShortFlag says that a word is a flag whose value follows, "-n default".
func isShortFlag(w string) bool { return len(w) == 2 && w[0] == '-' }

// isCamel says that a word is made of several, each with a capital.
func isCamel(w string) bool {
	humps := 0
	for i := 1; i < len(w); i++ {
		if isUpper(w[i]) && (!isUpper(w[i-1]) || i+1 < len(w) && !isUpper(w[i+1])) {
			humps++
		}
	}
	return humps > 0
}

// saysOf says that what follows a word says something of what it names.
func saysOf(rest string) bool {
	if rest == "" {
		return true
	}
	if rest[0] != ' ' {
		return false
	}
	j, _ := chunkEnd(rest, 1)
	switch rest[1:j] {
	case "not", "is", "was", "has", "does", "took", "from", "by", "already", "cannot":
		return true
	}
	return false
}
