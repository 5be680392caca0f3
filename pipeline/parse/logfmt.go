package parse

import (
	"strconv"
	"strings"
)

// logfmt takes a line of key=value pairs, of which one at least is a message,
// a level or a time; or three, if there is nothing else on the line.
func (f *Fields) logfmt(text string, ref int64) bool {
	line := firstLine(text)
	if n := keyLength(line); n == 0 || line[n] != '=' {
		return false
	}
	r := roles{ref: ref}
	if !f.pairs(line, &r) {
		return false
	}
	known := r.picks[messageRole].rank != 0 || r.picks[levelRole].rank != 0 || r.picks[timeRole].rank != 0
	if !known && len(f.Attributes) < 3 {
		return false
	}
	f.settle(&r)
	if r.message == "" {
		f.Message = withoutHeader(text)
		return true
	}
	f.Message = withRest(unquoteGo(r.message), text[len(line):])
	return true
}

// withoutHeader is a logfmt line from its first field that is neither its
// level nor its time: what remains to be read where there is no message.
func withoutHeader(text string) string {
	p := pairScanner{s: firstLine(text)}
	for start := 0; p.next(); start = p.i {
		if ro, _ := keyRole(p.key); ro == noRole && p.key != "" {
			return trimLeft(text[start:])
		}
	}
	return text
}

// pairs adds the attributes of a run of key=value pairs and reports whether s
// is one: it begins with a pair, and every quote closes. Words without a key
// belong to the bare value before them, for many write msg=like this.
func (f *Fields) pairs(s string, r *roles) bool {
	p := pairScanner{s: s}
	for p.next() {
		if p.key == "" {
			return false
		}
		p.extend()
		ro, rank := r.of(p.key)
		if ro == noRole {
			f.add(p.key, f.jsonString(p.value))
			continue
		}
		at := f.add(p.key, p.value)
		loser := r.consider(ro, rank, p.key, p.value, at)
		if loser >= 0 {
			f.Attributes[loser].Value = f.jsonString(f.Attributes[loser].Value)
		}
	}
	return !p.bad
}

// jsonString is a pair's token as a JSON string. Most quoted ones are one.
func (f *Fields) jsonString(token string) string {
	if token == "" || token[0] != '"' {
		return f.quote(token)
	}
	if scanString(token, 0) == len(token) {
		return token
	}
	return f.quote(unquoteGo(token))
}

// unquoteGo is the text of a token: strconv.Quote's and JSON's strings decoded,
// a bare token as it is.
func unquoteGo(token string) string {
	if token == "" || token[0] != '"' {
		return token
	}
	inner := token[1 : len(token)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	if scanString(token, 0) == len(token) {
		return unquote(token)
	}
	if s, err := strconv.Unquote(token); err == nil {
		return s
	}
	return inner
}

// quotedEnd returns where the quoted string at s[i] ends, or -1.
func quotedEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// keyLength is the length of the key that s begins with, 0 if it does not.
func keyLength(s string) int {
	n := 0
	for n < len(s) && n <= maxToken && isNameByte(s[n]) {
		n++
	}
	if n == 0 || n == len(s) || n > maxToken || isDigit(s[0]) || s[0] == '-' {
		return 0
	}
	return n
}

// pairScanner walks key=value pairs; a word without a key has an empty key.
type pairScanner struct {
	s          string
	i          int
	key, value string // the value's token: in quotes, or bare
	bad        bool
}

func (p *pairScanner) next() bool {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\r') {
		p.i++
	}
	if p.bad || p.i >= len(p.s) {
		return false
	}
	start := p.i
	if p.s[p.i] == '"' { // klogr quotes its keys
		end := quotedEnd(p.s, p.i)
		if end < 0 {
			p.bad = true
			return false
		}
		p.i = end
		p.key = unquoteGo(p.s[start:end])
	} else {
		for p.i < len(p.s) && p.s[p.i] > ' ' && p.s[p.i] != '=' && p.s[p.i] != '"' {
			p.i++
		}
		p.key = p.s[start:p.i]
	}
	if p.i >= len(p.s) || p.s[p.i] != '=' || p.key == "" {
		p.i = start
		p.key = ""
		p.value = p.word()
		return true
	}
	p.i++
	p.value = p.token()
	return !p.bad
}

// token reads a value: to its closing quote, or to the next space.
func (p *pairScanner) token() string {
	start := p.i
	if start < len(p.s) && p.s[start] == '"' {
		end := quotedEnd(p.s, start)
		if end < 0 || end < len(p.s) && p.s[end] > ' ' {
			p.bad = true
			return ""
		}
		p.i = end
		return p.s[start:end]
	}
	if start < len(p.s) && (p.s[start] == '{' || p.s[start] == '[') {
		if end := scanValue(p.s, start, 1); end > 0 && (end == len(p.s) || p.s[end] <= ' ') {
			p.i = end
			return p.s[start:end]
		}
	}
	return p.word()
}

func (p *pairScanner) word() string {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] > ' ' {
		p.i++
	}
	if p.i == start && p.i < len(p.s) && p.s[p.i] != ' ' { // a control character
		p.i++
	}
	return p.s[start:p.i]
}

// extend adds to a bare value the words up to the next key.
func (p *pairScanner) extend() {
	if p.value == "" || p.value[0] == '"' {
		return
	}
	start := p.i - len(p.value)
	for {
		q := pairScanner{s: p.s, i: p.i}
		if !q.next() || q.key != "" {
			break
		}
		p.i = q.i
	}
	p.value = trimRight(p.s[start:p.i])
}
