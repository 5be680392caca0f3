package parse

import "strings"

// json takes a line that is one JSON object, be it followed by lines of text.
// Every field becomes an attribute with its value as it is, except the three
// that are the line's message, level and time.
func (f *Fields) json(text string, ref int64) bool {
	r := roles{strings: true, ref: ref}
	o := newObject(text)
	for o.next() {
		f.jsonField(&r, o.key, o.value)
	}
	if o.bad {
		return false
	}
	rest := text[o.i:]
	if !isBlank(firstLine(rest)) {
		return false
	}
	f.settle(&r)
	if r.message == "" {
		f.Message = text
		return true
	}
	f.Message = withRest(unquote(r.message), rest)
	return true
}

// jsonField adds one field. Some loggers keep the line's own fields one level
// down; those are read for their roles and stay where they are.
func (f *Fields) jsonField(r *roles, key, value string) {
	at := f.add(key, value)
	if value[0] == '{' && holdsRoles(key) {
		o := newObject(value)
		for o.next() {
			if ro, rank := r.of(o.key); ro != noRole && (ro == messageRole || !strings.HasPrefix(key, "err")) {
				r.consider(ro, nestedRank+rank, o.key, o.value, -1)
			}
		}
		return
	}
	if ro, rank := r.of(key); ro != noRole {
		r.consider(ro, rank, key, value, at)
	}
}

// nestedRank puts a field of a nested object behind all of the line's own.
const nestedRank = 100

// holdsRoles names the objects in which loggers keep message or level: ECS
// (log.level, error.message), tracing (fields.message), Stackdriver.
func holdsRoles(key string) bool {
	switch key {
	case "log", "error", "err", "fields", "jsonPayload":
		return true
	}
	return false
}

// object walks the members of the JSON object that s begins with. It checks
// what it passes: when next returns false and bad is false, s[:i] is valid.
//
//	for o := newObject(s); o.next(); { use(o.key, o.value) }
type object struct {
	s          string
	i          int
	key, value string // the key decoded, the value as JSON text
	bad        bool
	at         place
}

// place is how far an object has been walked.
type place uint8

const (
	before place = iota
	inside
	done
)

func newObject(s string) object { return object{s: s} }

func (o *object) next() bool {
	if o.bad || o.at == done {
		return false
	}
	if o.at == before {
		o.i = skipSpace(o.s, 0)
		if !o.take('{') {
			return o.fail()
		}
		o.at = inside
		o.i = skipSpace(o.s, o.i)
		if o.take('}') {
			o.at = done
			return false
		}
	} else {
		o.i = skipSpace(o.s, o.i)
		if o.take('}') {
			o.at = done
			return false
		}
		if !o.take(',') {
			return o.fail()
		}
	}
	return o.member()
}

func (o *object) member() bool {
	o.i = skipSpace(o.s, o.i)
	end := scanString(o.s, o.i)
	if end < 0 {
		return o.fail()
	}
	o.key = unquote(o.s[o.i:end])
	o.i = skipSpace(o.s, end)
	if !o.take(':') {
		return o.fail()
	}
	o.i = skipSpace(o.s, o.i)
	if end = scanValue(o.s, o.i, 1); end < 0 {
		return o.fail()
	}
	o.value = o.s[o.i:end]
	o.i = end
	return true
}

func (o *object) take(b byte) bool {
	if o.i < len(o.s) && o.s[o.i] == b {
		o.i++
		return true
	}
	return false
}

func (o *object) fail() bool {
	o.bad = true
	return false
}

func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// scanValue returns where the JSON value at s[i] ends, or -1 where there is
// none that RFC 8259 allows or it is nested deeper than maxDepth.
func scanValue(s string, i, depth int) int {
	if i >= len(s) || depth > maxDepth {
		return -1
	}
	switch s[i] {
	case '"':
		return scanString(s, i)
	case '{':
		return scanMembers(s, i+1, depth)
	case '[':
		return scanElements(s, i+1, depth)
	case 't':
		return scanLiteral(s, i, "true")
	case 'f':
		return scanLiteral(s, i, "false")
	case 'n':
		return scanLiteral(s, i, "null")
	}
	return scanNumber(s, i)
}

func scanLiteral(s string, i int, word string) int {
	if !strings.HasPrefix(s[i:], word) {
		return -1
	}
	return i + len(word)
}

func scanMembers(s string, i, depth int) int {
	i = skipSpace(s, i)
	if i < len(s) && s[i] == '}' {
		return i + 1
	}
	for {
		if i = scanString(s, skipSpace(s, i)); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i >= len(s) || s[i] != ':' {
			return -1
		}
		if i = scanValue(s, skipSpace(s, i+1), depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i >= len(s) {
			return -1
		}
		switch s[i] {
		case '}':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

func scanElements(s string, i, depth int) int {
	i = skipSpace(s, i)
	if i < len(s) && s[i] == ']' {
		return i + 1
	}
	for {
		if i = scanValue(s, skipSpace(s, i), depth+1); i < 0 {
			return -1
		}
		if i = skipSpace(s, i); i >= len(s) {
			return -1
		}
		switch s[i] {
		case ']':
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
}

// scanString returns where the JSON string at s[i] ends, or -1.
func scanString(s string, i int) int {
	if i >= len(s) || s[i] != '"' {
		return -1
	}
	for i++; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			if i++; i >= len(s) {
				return -1
			}
			switch s[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) || !isHex(s[i+3]) || !isHex(s[i+4]) {
					return -1
				}
				i += 4
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool { return isDigit(c) || (c|0x20)-'a' < 6 }

func scanNumber(s string, i int) int {
	if i < len(s) && s[i] == '-' {
		i++
	}
	n := digitRun(s[i:], len(s))
	if n == 0 || n > 1 && s[i] == '0' {
		return -1
	}
	i += n
	if i < len(s) && s[i] == '.' {
		if n = digitRun(s[i+1:], len(s)); n == 0 {
			return -1
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if n = digitRun(s[i:], len(s)); n == 0 {
			return -1
		}
		i += n
	}
	return i
}
