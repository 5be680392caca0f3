package pattern

import "strings"

// placeholder stands for a variable part. Neighbours fold into one.
const placeholder = "<*>"

// Bounds on a masked text before lists in it are folded, in words and bytes.
const (
	maxTokens = 4 * MaxTokens
	maxMasked = 4 * MaxTemplate
)

// maxAhead bounds the bytes that a text may cost in looking ahead for closing
// brackets and quotes, over all of it.
const maxAhead = 4 * maxLine

// scanner masks one text into out. Each call of a method that emits leaves out
// a prefix of the template, but for separators that a placeholder may still
// swallow.
type scanner struct {
	out    []byte
	tokens int
	space  bool   // white space is due before what is emitted next
	hole   int    // the end of the last placeholder, if only separators follow it; else -1
	number bool   // that placeholder was a number, which may have a unit
	named  int    // the end of the last quoted name, if only separators follow it; else -1
	synced bool   // a name of several words is being masked
	prev   string // the word before, if nothing but white space or a colon follows it
	told   bool   // a colon follows prev
	at     int    // where prev begins in out
	ahead  int    // bytes left to look ahead
	done   bool

	closers [maxQuotes]closer
	open    int
	inside  bool // all of what is being masked is quoted
	quotes  int  // sentences in quotes so far
}

// maxSentences bounds the quoted sentences of a text that stay; of more, and of
// their further lines, there is a product of variants.
const maxSentences = 2

// maxQuotes is how deep quoted prose may be quoted in quoted prose.
const maxQuotes = 4

// closer is the end of quoted prose that is being masked like the rest.
type closer struct {
	rest   int // bytes of the text from the closing quote on
	silent bool
}

func (s *scanner) reset() {
	*s = scanner{out: s.out[:0], hole: -1, named: -1, ahead: maxAhead}
}

// finish returns the template; it is valid until the next reset.
func (s *scanner) finish() []byte {
	for len(s.out) > 0 && s.out[len(s.out)-1] == ' ' {
		s.out = s.out[:len(s.out)-1]
	}
	for _, c := range s.out {
		if class[c]&(anyCase|high) != 0 {
			return s.out
		}
	}
	if len(s.out) > 0 { // nothing but variables and punctuation
		s.out = append(s.out[:0], placeholder...)
	}
	return s.out
}

// message masks a text: its first line that says something, and of those that
// follow the one that names an exception.
func (s *scanner) message(text string) {
	head, rest := text, ""
	for {
		if i := strings.IndexByte(head[:min(len(head), maxLine)], '\n'); i >= 0 {
			head, rest = head[:i], head[i+1:]
		}
		if rest == "" || strings.TrimSpace(head) != "" {
			break
		}
		head, rest = rest, ""
	}
	s.line(cutLine(head))
	if rest == "" {
		return
	}
	if t := thrown(rest); t != "" {
		s.space = true
		s.line(cutLine(t))
	}
}

// cutLine bounds a line, at a white space if there is one.
func cutLine(t string) string {
	if len(t) <= maxLine {
		return t
	}
	t = t[:maxLine]
	if i := strings.LastIndexByte(t, ' '); i > 0 {
		t = t[:i]
	}
	return t
}

// thrown finds in the lines behind the first the one that says what was thrown:
// the last cause of a Java trace, a panic, the end of a Python traceback.
func thrown(lines string) (found string) {
	lines = lines[:min(len(lines), maxTrace)]
	for lines != "" {
		line := lines
		if i := strings.IndexByte(lines, '\n'); i >= 0 {
			line, lines = lines[:i], lines[i+1:]
		} else {
			lines = ""
		}
		if line == "" || isBlank(line[0]) {
			continue
		}
		if strings.HasPrefix(line, "Caused by: ") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			found = line
			continue
		}
		name := line
		if i := strings.IndexAny(line, ": "); i >= 0 {
			name = line[:i]
		}
		if isException(name) && !strings.HasPrefix(found, "Caused by: ") {
			found = line
		}
	}
	return found
}

// line masks one line behind what is in out already.
func (s *scanner) line(t string) {
	n := len(t)
	s.open = 0
	for i := 0; i < n && !s.done; {
		c := t[i]
		switch f := class[c]; {
		case f&blank != 0:
			s.space = true
			if c == 0x1b {
				i = afterEscape(t, i)
			}
			i++
		case f&stop != 0:
			i = s.stop(t, i)
		case c == '\\' && escapes(t, i) > 0:
			i = s.escaped(t, i)
		default:
			j, f := chunkEnd(t, i)
			i = s.chunk(t, i, j, f)
		}
	}
}

// afterEscape is the last byte of the terminal's control sequence at t[i].
func afterEscape(t string, i int) int {
	if i+1 < len(t) && t[i+1] == '[' {
		for i += 2; i < len(t) && !isLetter(t[i]) && !isBlank(t[i]); i++ {
		}
	}
	return i
}

// chunkEnd returns where the run of bytes that no separator ends, and what it
// is made of. An apostrophe between letters belongs to it.
func chunkEnd(t string, i int) (int, flags) {
	var f flags
	start := i
	for i < len(t) {
		c := class[t[i]]
		if c&(stop|blank|backslash) != 0 {
			if c&backslash != 0 {
				if n := escapes(t, i); n == 0 || f&backslash != 0 && !isQuote(t[i+n]) || i == start+2 && t[i-1] == ':' {
					f |= c
					i++
					continue
				}
			}
			if t[i] == '\'' && i > start && i+1 < len(t) && isLetter(t[i-1]) && isLetter(t[i+1]) {
				i++
				continue
			}
			break
		}
		f |= c
		i++
	}
	return i, f
}

// chunk emits the chunk t[i:j] and returns where to go on.
func (s *scanner) chunk(t string, i, j int, f flags) int {
	if f&(slash|backslash) != 0 {
		j = pathEnd(t, j)
	}
	if j < len(t) {
		switch t[j] {
		case '=':
			if j+1 == len(t) || t[j+1] != '=' && t[j+1] != '>' && t[j+1] != '~' {
				if next := s.pair(t, i, j, f); next > 0 {
					return next
				}
			}
		case '{':
			if end := s.match(t, j); end > 0 {
				s.mask(false)
				return end
			}
			s.mask(false)
			s.done = true
			return len(t)
		case '[':
			if t[i:j] == "map" {
				if end := s.match(t, j); end > 0 {
					s.mask(false)
					return end
				}
			}
		case ',':
			if end := s.listed(t, i, j); end > 0 {
				s.mask(false)
				return end
			}
		}
	}
	s.token(t[i:j], f, t[j:])
	return j
}

// separator emits punctuation that keeps the placeholders on its sides apart.
func (s *scanner) separator(c byte) {
	if !s.done {
		s.hole, s.named = -1, -1
	}
	s.joint(c)
}

// joint emits punctuation; placeholders on both sides of it are one.
func (s *scanner) joint(c byte) {
	if s.done {
		return
	}
	if s.told = c == ':'; !s.told {
		s.prev = ""
	}
	s.synced = false
	s.pad()
	s.out = append(s.out, c)
	s.limit()
}

// pad emits the white space that is due.
func (s *scanner) pad() {
	if s.space && len(s.out) > 0 {
		s.out = append(s.out, ' ')
		s.tokens++
	}
	s.space = false
}

// limit ends the masked text where it has reached a bound.
func (s *scanner) limit() {
	if s.tokens < maxTokens && len(s.out) < maxMasked {
		return
	}
	s.done = true
	s.out = append(s.out, ' ')
	s.out = append(s.out, placeholder...)
}

// mask emits a placeholder, or lets the last one stand for this too.
func (s *scanner) mask(number bool) {
	if s.done {
		return
	}
	s.prev = ""
	s.number = number
	s.named = -1
	if s.hole >= 0 {
		s.out = s.out[:s.hole]
		s.space = false
		return
	}
	s.pad()
	s.out = append(s.out, placeholder...)
	s.hole = len(s.out)
	s.limit()
}

// word emits a word as it is.
func (s *scanner) word(w string) {
	if s.done || s.hole == len(s.out) && !s.space && s.hole > 0 {
		return
	}
	s.hole, s.named = -1, -1
	s.pad()
	s.at = len(s.out)
	s.out = append(s.out, w...)
	s.synced = len(w) == 3 && w == "for" && isSync(s.prev)
	s.prev, s.told = w, false
	s.limit()
}
