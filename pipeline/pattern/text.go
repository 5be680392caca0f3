package pattern

import (
	"slices"
	"strings"
)

// Words is a template's text without placeholders, white space folded: what is
// embedded and analysed. A placeholder takes the punctuation around it along.
func Words(template string) string {
	var b strings.Builder
	b.Grow(len(template))
	for word := range strings.FieldsSeq(template) {
		if strings.Contains(word, placeholder) {
			word = strings.Join(strings.Fields(strings.ReplaceAll(word, placeholder, " ")), " ")
			word = strings.Trim(word, ` ="'`+"`"+`:,;|-/@#([{}])`)
		}
		if strings.IndexFunc(word, isWordRune) < 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

func isWordRune(r rune) bool {
	return r >= 0x80 || class[byte(r)]&(anyCase|digit) != 0
}

// Bounds on what [Variables] returns.
const (
	maxVariables = 16
	maxVariable  = 256 // bytes
)

// Variables returns the tokens of a person's question that templates mask and
// that are worth looking for in lines as they stand: addresses, IDs, names with
// a hash, paths, hosts, long numbers, and names in quotes. Small numbers, times,
// durations and sizes are none. At most 16, each once, in their order.
func Variables(text string) []string {
	var found []string
	add := func(w string) {
		if len(w) <= maxVariable && len(found) < maxVariables && !slices.Contains(found, w) {
			found = append(found, strings.Clone(w))
		}
	}
	text = text[:min(len(text), maxLine)]
	for i := 0; i < len(text); {
		if isBlank(text[i]) {
			i++
			continue
		}
		if isQuote(text[i]) {
			if n := strings.IndexByte(text[i+1:], text[i]); n >= 2 && !strings.ContainsAny(text[i+1:i+1+n], " \t\r\n") {
				add(text[i+1 : i+1+n])
				i += n + 2
				continue
			}
		}
		end := i
		for end < len(text) && !isBlank(text[end]) {
			end++
		}
		if w := bare(text[i:end]); isLiteral(w) {
			add(w)
		}
		i = end
	}
	return found
}

// bare is a word of prose without what surrounds it, or the value of a key=value.
func bare(w string) string {
	const around = "\"'`()[]{}<>,;:.!?*"
	w = strings.TrimSuffix(strings.Trim(w, around), "'s")
	if key, value, ok := strings.Cut(w, "="); ok && flagsOf(key)&^(anyCase|hyphen|underscore|dot) == 0 {
		w = strings.Trim(value, around)
	}
	return w
}

// isLiteral says that a word of a question is worth looking for as it is.
func isLiteral(w string) bool {
	f := flagsOf(w)
	switch {
	case len(w) < 3, f&(digit|dot|slash|backslash|at|hyphen) == 0, isMoment(w):
		return false
	case f&^digit == 0:
		return len(w) >= 5
	case f&^(digit|dot) == 0 && strings.Count(w, ".") < 2: // 99.9
		return false
	case f&slash != 0 && (strings.HasPrefix(strings.ToLower(w), "http/") || f&^(anyCase|slash) == 0 && w[0] != '/' && strings.Count(w, "/") == 1):
		return false
	case isDigit(w[0]) && f&^(digit|letter) == 0 && (strings.HasSuffix(w, "st") || strings.HasSuffix(w, "nd") || strings.HasSuffix(w, "rd") || strings.HasSuffix(w, "th")):
		return false
	}
	return isVariable(w, f)
}

// isMoment says that a word is a time of day, a date, a duration, a size or a
// share: 09:18, 2021-08-03T09:18:00Z, 1h30m, 512Mi, 95%.
func isMoment(w string) bool {
	if len(w) >= 10 && w[4] == '-' && w[7] == '-' && flagsOf(w[:10])&^(digit|hyphen) == 0 && (len(w) == 10 || w[10] == 'T') {
		return true
	}
	if strings.Trim(w, "0123456789:.") == "" && strings.IndexByte(w, ':') > 0 && strings.IndexByte(w, ':') <= 2 && strings.Count(w, ".") <= 1 {
		return true
	}
	for w != "" {
		n := 0
		for n < len(w) && (isDigit(w[n]) || w[n] == '.') {
			n++
		}
		if n == 0 || n == len(w) {
			return false
		}
		w = w[n:]
		n = 0
		for n < len(w) && !isDigit(w[n]) {
			n++
		}
		switch unit := w[:n]; unit {
		case "%", "m", "d", "w", "y", "x", "day", "days", "hour", "hours", "minute", "minutes", "second", "seconds", "weeks", "th":
		default:
			if !isUnit(unit) {
				return false
			}
		}
		w = w[n:]
	}
	return true
}
