// Package parse reads what a line's own text says: its time, its level, the
// message for people and the fields around it.
//
//	text -> dispatch on the first bytes -> klog | JSON | logfmt | syslog |
//	        access log | dated header | plain words -> Fields
//
// What no format recognises stays as it is: Message is the text. Nothing here
// fails on a line, asks a clock or keeps state that changes a result.
package parse

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// Bounds on what one line can make of itself. The text is kept whole in any
// case; what is beyond a bound is only not split up.
const (
	maxAttributes = 256  // fields of one line
	maxDepth      = 64   // nesting of a JSON value
	maxToken      = 128  // bytes of a logger's, thread's or program's name
	maxQuotes     = 4096 // JSON strings remembered by a Fields
)

// Fields is what the text of one line says of itself. It may be used again for
// the next line: its backing arrays are kept, and so are the JSON forms of
// short strings that it has seen. It is not safe for concurrent use.
type Fields struct {
	Time       int64 // Unix ns UTC, 0 none
	Level      pipeline.Level
	Message    string // the text for people: header or structure removed; never empty when the text is not
	Attributes []pipeline.Attribute

	quotes map[string]string // text -> its JSON string
}

// Line parses one line, or a joined entry, of which the first line decides.
// ref (Unix ns, 0 for unknown) completes times: one without a year is in the
// latest year that puts it no more than a day after ref, one without a day is
// the nearest to ref. dst is overwritten; its Attributes' backing array is used
// again.
//
// Attributes stand in the order in which they appear, each key once (a
// repeated key keeps its place and takes the last value); their values are
// JSON text, as written where the line is JSON, else JSON strings, except for
// numbers that a format defines as such (a process ID, a status).
func Line(text string, ref int64, dst *Fields) {
	dst.reset()
	plain := text
	if strings.IndexByte(text, esc) >= 0 {
		plain = stripANSI(text)
	}
	if !dst.structured(plain, ref) {
		dst.reset()
		dst.plain(plain, ref)
	}
	if isBlank(dst.Message) {
		dst.Message = plain
	}
	if dst.Message == "" {
		dst.Message = text
	}
}

func (f *Fields) reset() {
	f.Time, f.Level, f.Message, f.Attributes = 0, pipeline.LevelUnknown, "", f.Attributes[:0]
}

// structured tries the formats that the first byte allows and reports whether
// one of them took the line. One that did not may leave anything in f.
func (f *Fields) structured(text string, ref int64) bool {
	if text == "" {
		return false
	}
	switch c := text[0]; {
	case c == '{':
		return f.json(text, ref)
	case c == '[':
		return f.bracketed(text, ref)
	case c == '<':
		return f.priority(text, ref)
	case isDigit(c):
		return f.dated(text, ref) || f.redis(text, ref) || f.access(text, ref) || f.hpc(text)
	case isUpper(c):
		if f.klog(text, ref) {
			return true
		}
	case c == '-' || c == ':' || c == '"':
		return f.bluegene(text, ref) || f.access(text, ref)
	case !isLower(c) && c != '_' && c != '@':
		return false
	}
	return f.logfmt(text, ref) || f.dated(text, ref) || f.ruby(text, ref) ||
		isUpper(text[0]) && f.bluegene(text, ref) || f.access(text, ref)
}

// plain is the last resort: a level in the first words, a time behind the
// first word, and otherwise the text as it is.
func (f *Fields) plain(text string, ref int64) {
	f.Message = text
	if f.leveled(text, ref) || f.prefixed(text, ref) {
		return
	}
	f.Level = outcry(text)
}

// leveled takes a line that begins with its level: "ERROR: x", "[error] x",
// "WARNING:root:x", "WARNING: 2021/08/03 09:18:00 x".
func (f *Fields) leveled(text string, ref int64) bool {
	level, rest, ok := leadLevel(text)
	if !ok {
		return false
	}
	f.Level = level
	if len(rest) == len(text) {
		return true // the word is part of the message
	}
	if rest != "" && rest[0] != ' ' {
		// Python's basicConfig: LEVEL:logger:message
		if name, after, ok := cutName(rest, ":"); ok {
			f.text("logger", name)
			f.Message = after
			return true
		}
	}
	rest = trimLeft(rest)
	if t, after, ok := timestamp(rest, ref); ok && isBoundary(after) {
		f.Time, rest = t, trimLeft(after)
	}
	if i := strings.Index(firstLine(rest), ` - "`); i > 0 && i < maxToken && f.request(rest[i+3:]) {
		f.text("client", rest[:i])
		f.Level = max(f.Level, level)
		return true
	}
	f.tail(rest, looseTail)
	return true
}

// prefixed takes a line whose header stands behind one word that says nothing
// of a level: a file's name, a host, "web_1 |".
func (f *Fields) prefixed(text string, ref int64) bool {
	i := strings.IndexByte(text, ' ')
	if i <= 0 || i > maxToken {
		return false
	}
	rest := strings.TrimLeft(text[i:], " |")
	if rest == "" || !isDigit(rest[0]) {
		return false
	}
	t, after, ok := timestamp(rest, ref)
	if !ok || !isBoundary(after) || isDigits(rest[:len(rest)-len(after)]) {
		return false
	}
	f.Time = t
	f.text("source", text[:i])
	f.afterTime(after, ref)
	return true
}

// add appends an attribute whose value is JSON text already and returns its
// index, -1 where it was left out.
func (f *Fields) add(key, value string) (at int) {
	if key == "" || len(f.Attributes) >= maxAttributes {
		return -1 // stores refuse a field without a name
	}
	for i := range f.Attributes {
		if f.Attributes[i].Key == key {
			f.Attributes[i].Value = value
			return i
		}
	}
	f.Attributes = append(f.Attributes, pipeline.Attribute{Key: key, Value: value})
	return len(f.Attributes) - 1
}

// text appends an attribute whose value is a string.
func (f *Fields) text(key, value string) { f.add(key, f.quote(value)) }

// number appends an attribute of digits: a JSON number, or a string where it
// has leading zeros or is too long to be one.
func (f *Fields) number(key, digits string) {
	if isDigits(digits) && len(digits) < 16 && (digits[0] != '0' || len(digits) == 1) {
		f.add(key, digits)
		return
	}
	f.text(key, digits)
}

// quote is s as a JSON string. Headers repeat few short strings (call sites,
// loggers, threads), so those are remembered.
func (f *Fields) quote(s string) string {
	if len(s) > 64 {
		return quote(s)
	}
	if q, ok := f.quotes[s]; ok {
		return q
	}
	if f.quotes == nil {
		f.quotes = make(map[string]string)
	}
	if len(f.quotes) >= maxQuotes {
		clear(f.quotes)
	}
	q := quote(s)
	f.quotes[strings.Clone(s)] = q
	return q
}
