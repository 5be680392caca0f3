package pattern

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// maxEscapes is how many backslashes may stand before a quote: seven are three
// levels of quoting.
const maxEscapes = 7

// escapes is the number of backslashes at t[i] before a quote, or before the
// letter of a white space; 0 for backslashes that mean nothing of the sort.
func escapes(t string, i int) int {
	j := i
	for j < len(t) && t[j] == '\\' && j-i <= maxEscapes {
		j++
	}
	if j == len(t) || j-i > maxEscapes {
		return 0
	}
	switch t[j] {
	case '"', '\'', '`':
		return j - i
	case 'n', 't', 'r':
		if j-i <= 2 {
			return j - i
		}
	}
	return 0
}

// escaped reads an escaped quote or white space.
func (s *scanner) escaped(t string, i int) int {
	k := escapes(t, i)
	if !isQuote(t[i+k]) {
		s.space = true
		if s.open > 0 && t[i+k] == 'n' { // of quoted lines the first says it
			if end := len(t) - s.closers[s.open-1].rest; end > i+k+1 {
				s.mask(false)
				return end
			}
		}
		return i + k + 1
	}
	if s.closes(t, i) {
		return i + k + 1
	}
	if n := s.quoteEnd(t, i+k+1, t[i:i+k+1]); n >= 0 {
		return s.quoted(t, i+k+1, n, n+k+1)
	}
	s.separator(t[i+k])
	return i + k + 1
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// spend takes n bytes from what may be looked ahead and reports whether there
// were any left.
func (s *scanner) spend(n int) bool {
	if s.ahead <= 0 {
		return false
	}
	s.ahead -= n
	return true
}

// pathEnd extends a chunk that holds a slash to the end of the path or URL: it
// may hold what separates elsewhere.
func pathEnd(t string, j int) int {
	for ; j < len(t); j++ {
		switch c := t[j]; {
		case class[c]&blank != 0, isQuote(c):
			return j
		case class[c]&stop == 0:
			if c == '\\' && escapes(t, j) > 0 && isQuote(t[j+escapes(t, j)]) {
				return j
			}
		case c == ',' || c == ';' || c == '=' || c == '|':
			if j+1 == len(t) || isBlank(t[j+1]) || isQuote(t[j+1]) {
				return j
			}
		default:
			return j
		}
	}
	return j
}

// pair emits key=value, of which the key stays, and returns where to go on.
func (s *scanner) pair(t string, i, j int, f flags) int {
	key, v := t[i:j], j+1
	if p := strings.LastIndexByte(key, ':'); p > 0 && flagsOf(key[:p])&^(anyCase|hyphen|underscore) == 0 {
		s.word(key[:p]) // Server environment:java.version=17
		s.separator(':')
	}
	named := !isOption(s.prev) && f&^(anyCase|hyphen|underscore|dot|high) == 0 && class[key[0]]&anyCase != 0 && len(key) <= 48 && utf8.ValidString(key)
	if named && v < len(t) && !isBlank(t[v]) && isErrorKey(key) {
		switch t[v] {
		case '"', '\'', '`', '\\', '[', '{', '&', '<':
		default:
			s.word(key)
			s.separator('=')
			return v
		}
	}
	if v < len(t) {
		k := 0
		if t[v] == '\\' {
			k = escapes(t, v)
		}
		if v+k < len(t) && isQuote(t[v+k]) && s.ahead > 0 {
			if n := s.quoteEnd(t, v+k+1, t[v:v+k+1]); n >= 0 {
				content := t[v+k+1 : n]
				if named && s.open < maxQuotes && (isErrorKey(key) && content != "" || isSentence(content)) {
					s.word(key)
					s.separator('=')
					s.separator('"')
					s.closers[s.open] = closer{rest: len(t) - n}
					s.open++
					return v + k + 1
				}
			}
		}
	}
	end := s.valueEnd(t, v)
	if end+1 < len(t) && t[end] == ',' && !isBlank(t[end+1]) && !isQuote(t[end+1]) {
		for end < len(t) && !isBlank(t[end]) && !isQuote(t[end]) && t[end] != ')' && t[end] != ']' {
			end++
		}
		named = false // a table: which keys it has is variable too
	}
	for end > v && isTail(t[end-1]) {
		end--
	}
	if named {
		s.word(key)
		s.separator('=')
	}
	s.space = s.space && !named
	s.mask(false)
	return end
}

// quoteEnd finds the closing delimiter of the quoted string whose content
// begins at t[i], or returns -1.
func (s *scanner) quoteEnd(t string, i int, delimiter string) int {
	quote := delimiter[len(delimiter)-1]
	limit := min(len(t), i+max(s.ahead, 0))
	if len(delimiter) > 1 {
		n := strings.Index(t[i:limit], delimiter)
		if n < 0 {
			s.ahead -= limit - i
			return -1
		}
		s.ahead -= n
		return i + n
	}
	for j := i; j < limit; j++ {
		switch t[j] {
		case '\\':
			j++
		case quote:
			if quote == '\'' && j+1 < len(t) && (isLetter(t[j+1]) || isDigit(t[j+1])) {
				continue
			}
			s.ahead -= j - i
			return j
		}
	}
	s.ahead -= limit - i
	return -1
}

// valueEnd returns where the value at t[v] ends.
func (s *scanner) valueEnd(t string, v int) int {
	for i := v; i < len(t); i++ {
		switch c := t[i]; c {
		case ',', ';', ')', ']', '}', '|':
			return i
		case '{', '[', '(':
			end := s.match(t, i)
			if end < 0 {
				return len(t)
			}
			i = end - 1
		case '"', '\'', '`':
			if i > v && c == '\'' {
				return i
			}
			end := s.quoteEnd(t, i+1, t[i:i+1])
			if end < 0 {
				return i
			}
			i = end
		case '\\':
			k := escapes(t, i)
			if k == 0 || !isQuote(t[i+k]) {
				continue
			}
			if i > v {
				return i
			}
			end := s.quoteEnd(t, i+k+1, t[i:i+k+1])
			if end < 0 {
				return i
			}
			i = end + k
		default:
			if isBlank(c) {
				return i
			}
		}
	}
	return len(t)
}

// match returns where the bracket at t[i] is closed, behind the closing one, or
// -1. Brackets in double quotes do not count.
func (s *scanner) match(t string, i int) int {
	limit := min(len(t), i+max(s.ahead, 0))
	depth := 0
	for j := i; j < limit; j++ {
		switch t[j] {
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			if depth--; depth == 0 {
				s.ahead -= j - i
				return j + 1
			}
		case '"':
			if end := strings.IndexByte(t[j+1:limit], '"'); end >= 0 && (j == i+1 || t[j-1] != '\\') {
				for end >= 0 && t[j+end] == '\\' {
					next := strings.IndexByte(t[j+end+2:limit], '"')
					if next < 0 {
						end = -1
						break
					}
					end += 1 + next
				}
				if end >= 0 {
					j += 1 + end
				}
			}
		}
	}
	s.ahead -= limit - i
	return -1
}

// listed returns the end of a list that begins with the item t[i:j], of which a
// comma ends the first, or 0: three items or more in one word (a,b,c), or of
// one word each (a, b, c) behind a colon or an opening bracket.
func (s *scanner) listed(t string, i, j int) int {
	if j+1 < len(t) && !isBlank(t[j+1]) {
		commas, k := 0, j
		for ; k < len(t) && class[t[k]]&blank == 0 && !isQuote(t[k]) && t[k] != ')' && t[k] != ']' && t[k] != '('; k++ {
			if t[k] == ',' && k+1 < len(t) && class[t[k+1]]&blank == 0 {
				commas++
			}
		}
		if commas < 2 || !s.spend(k-j) {
			return 0
		}
		for isTail(t[k-1]) || t[k-1] == ',' {
			k--
		}
		return k
	}
	if n := len(s.out); n == 0 || s.out[n-1] != ':' && s.out[n-1] != '(' && s.out[n-1] != '[' {
		return 0
	}
	items, k := 1, j
	for k < len(t) && t[k] == ',' && k+1 < len(t) && t[k+1] == ' ' {
		k += 2
		end, _ := chunkEnd(t, k)
		if end == k {
			return 0
		}
		k = end
		items++
	}
	if items < 3 || k < len(t) && t[k] != ')' && t[k] != ']' && t[k] != ';' || !s.spend(k-j) {
		return 0
	}
	for isTail(t[k-1]) {
		k--
	}
	return k
}

// isTail says that c is punctuation when it ends a word.
func isTail(c byte) bool { return c == '.' || c == ':' || c == '!' || c == '?' }

// stop reads the separator, bracket or quote at t[i].
func (s *scanner) stop(t string, i int) int {
	switch c := t[i]; c {
	case '"', '\'', '`':
		return s.quote(t, i)
	case '<':
		return s.angle(t, i)
	case '{':
		end := s.match(t, i)
		s.mask(false)
		if end < 0 {
			s.done = true
			return len(t)
		}
		return end
	case '[':
		return s.bracket(t, i)
	case ')':
		s.parenthesis()
	case ',', ';', '=', '|':
		s.joint(c)
	default:
		s.separator(c)
	}
	return i + 1
}

// parenthesis closes one. What stands in parentheses behind a placeholder and
// is one itself folds into it.
func (s *scanner) parenthesis() {
	const tail = "(" + placeholder
	if k := len(s.out) - len(tail); s.hole == len(s.out) && k >= 0 && s.out[k] == '(' {
		head := bytes.TrimRight(s.out[:k], " ")
		if k := len(head) - len(placeholder); k >= 0 && string(head[k:]) == placeholder {
			s.out, s.hole, s.space = head, len(head), false
			return
		}
	}
	s.space = false
	s.separator(')')
}

// quote reads what is quoted: a name is masked, prose is masked like the rest.
func (s *scanner) quote(t string, i int) int {
	if s.closes(t, i) {
		return i + 1
	}
	if t[i] == '\'' && i > 0 && class[t[i-1]]&(blank|stop) == 0 && t[i-1] != ':' {
		if s.hole != len(s.out) {
			s.separator('\'')
		}
		return i + 1
	}
	end := -1
	if s.ahead > 0 {
		end = s.quoteEnd(t, i+1, t[i:i+1])
	}
	if end < 0 {
		s.separator(t[i])
		return i + 1
	}
	return s.quoted(t, i+1, end, end+1)
}

// closes reports whether t[i] closes quoted prose, and closes it.
func (s *scanner) closes(t string, i int) bool {
	if s.open == 0 || s.closers[s.open-1].rest != len(t)-i {
		return false
	}
	s.open--
	if !s.closers[s.open].silent {
		s.space = false
		s.separator('"')
	}
	return true
}

// quoted reads a quoted string with its content t[from:to], which is over at end,
// and returns where to go on.
func (s *scanner) quoted(t string, from, to, end int) int {
	content := t[from:to]
	c := closer{rest: len(t) - to}
	switch {
	case s.open == maxQuotes:
	case len(s.out) == 0 && isMessage(t[end:]) && !isRequest(content):
		c.silent = true // klog's structured form: "message" key="value"
		s.closers[s.open] = c
		s.open++
		return from
	case isRequest(content):
		return s.request(t, content, end)
	case isProse(content) && s.quotes < maxSentences:
		s.quotes++
		if c.silent = s.open > 0 || s.inside; !c.silent {
			s.separator('"')
		}
		s.closers[s.open] = c
		s.open++
		return from
	}
	if s.prev != "" && s.space && !s.told && isStep(t[end:]) && flagsOf(s.prev)&^letter == 0 {
		s.out = s.out[:s.at]
		s.space = s.space && s.at > 0 && s.out[s.at-1] != ' '
		s.mask(false)
		return end
	}
	s.name(t[from-1])
	return end
}

// isStep says that what was quoted before rest is a step of a walk over many
// things, `role "admin" (12 of 676)`: their kind varies with their name.
func isStep(rest string) bool {
	if len(rest) < 4 || rest[:2] != " (" || !isDigit(rest[2]) {
		return false
	}
	i := 3
	for i < len(rest) && isDigit(rest[i]) {
		i++
	}
	return strings.HasPrefix(rest[i:], " of ") && len(rest) > i+4 && isDigit(rest[i+4])
}

// name emits a quoted name. A list of them is one.
func (s *scanner) name(quote byte) {
	if s.open > 0 || s.inside {
		s.mask(false) // quotes in quotes: whose is whose would not be clear
		return
	}
	if s.named >= 0 {
		s.out = s.out[:s.named]
		s.space = false
		return
	}
	s.separator(quote)
	s.mask(false)
	s.separator(quote)
	s.named = len(s.out)
}

// isMessage says that the string before rest is a whole line's message: nothing
// follows, or a key and a value.
func isMessage(rest string) bool {
	if rest == "" {
		return true
	}
	if rest[0] != ' ' {
		return false
	}
	j, f := chunkEnd(rest, 1)
	return j < len(rest) && rest[j] == '=' && f&anyCase != 0
}

// isRequest says that a quoted text is the request line of an access log.
func isRequest(content string) bool {
	method, rest, _ := strings.Cut(content, " ")
	return isMethod(method) && rest != "" && (rest[0] == '/' || rest[0] == '*' || rest[0] == '<' || strings.Contains(rest, "://"))
}

// request emits an access log's request, "GET <*>" and the class of its status,
// 4xx, and returns where to go on.
func (s *scanner) request(t, content string, end int) int {
	method, _, _ := strings.Cut(content, " ")
	s.separator('"')
	s.word(method)
	s.space = true
	s.mask(false)
	s.separator('"')
	if rest := t[end:]; len(rest) > 3 && rest[0] == ' ' && rest[1] >= '1' && rest[1] <= '5' && isDigit(rest[2]) && isDigit(rest[3]) && (len(rest) == 4 || isBlank(rest[4])) {
		s.space = true
		s.word(statusClasses[rest[1]-'1'])
		return end + 4
	}
	return end
}

var statusClasses = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}

// isProse says that a quoted text is a sentence rather than a name.
func isProse(content string) bool {
	tokens, words, small := 0, 0, 0
	for i := 0; i < len(content) && tokens < 16; {
		if class[content[i]]&blank != 0 {
			i++
			continue
		}
		start, f := i, flags(0)
		for i < len(content) && class[content[i]]&blank == 0 {
			f |= class[content[i]]
			i++
		}
		tokens++
		if f&anyCase != 0 && f&(digit|slash|backslash|at) == 0 {
			words++
		}
		if f&^letter == 0 && i-start > 2 {
			small++
		}
	}
	switch tokens {
	case 0, 1:
		return false
	case 2:
		return small == 2
	}
	return words >= 2 && small > 0 && 2*words >= tokens
}

// isSentence says that the quoted value of a key is prose for sure: it has words
// that names and titles do not have.
func isSentence(content string) bool {
	if !isProse(content) {
		return false
	}
	tokens := 0
	for word := range strings.FieldsSeq(content) {
		if tokens++; tokens > 16 {
			break
		}
		if isFunction(word) {
			return true
		}
	}
	return false
}

// angle reads a '<': a placeholder, a tag, or a sign.
func (s *scanner) angle(t string, i int) int {
	rest := t[i:]
	if strings.HasPrefix(rest, placeholder) {
		s.mask(false)
		return i + len(placeholder)
	}
	if len(rest) > 1 && (isLetter(rest[1]) || rest[1] == '/' || rest[1] == '!' || rest[1] == '?') {
		if n := strings.IndexByte(rest[:min(len(rest), 256)], '>'); n > 0 {
			s.mask(false)
			if isDocument(rest[1:n]) {
				s.done = true
				return len(t)
			}
			return i + n + 1
		}
	}
	s.separator('<')
	return i + 1
}

// isDocument says that a tag begins a page or an XML document.
func isDocument(tag string) bool {
	name := strings.TrimLeft(tag, "!?")
	if i := strings.IndexByte(name, ' '); i >= 0 {
		name = name[:i]
	}
	var buf [24]byte
	switch string(lowered(name, &buf)) {
	case "html", "doctype", "xml", "head", "body":
		return true
	}
	return false
}

// bracket reads a '[': a list is masked, words in brackets stay.
func (s *scanner) bracket(t string, i int) int {
	end := s.match(t, i)
	if end < 0 {
		s.separator('[')
		return i + 1
	}
	content := t[i+1 : end-1]
	if isBracketed(content) {
		s.separator('[')
		return i + 1
	}
	if !s.space && len(s.out) > 0 && s.hole != len(s.out) && class[s.out[len(s.out)-1]]&anyCase != 0 && strings.IndexByte(content, ' ') < 0 {
		s.separator('[') // name[123]
		s.mask(false)
		s.separator(']')
		return end
	}
	s.mask(false)
	return end
}

// isBracketed says that what stands in brackets is words rather than a list:
// a few words alone, or a sentence.
func isBracketed(content string) bool {
	tokens, plain := 0, true
	for i := 0; i < len(content) && tokens < 24; {
		if class[content[i]]&blank != 0 {
			i++
			continue
		}
		start, f := i, flags(0)
		for i < len(content) && class[content[i]]&blank == 0 {
			f |= class[content[i]]
			i++
		}
		tokens++
		if f&^(anyCase|hyphen|underscore) != 0 || f&anyCase == 0 {
			plain = false
		}
		if f&^anyCase == 0 && tokens > 1 && isFunction(content[start:i]) {
			return true
		}
	}
	return plain && tokens > 0 && tokens <= 3
}
