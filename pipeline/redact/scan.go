package redact

import (
	"net/url"
	"strings"
)

// trigger is what a byte may be the decisive part of.
type trigger uint8

const (
	none     trigger = iota
	tPrefix          // the last byte of a secret's fixed beginning
	tDot             // that, or Slack's host
	tHyphen          // that, a flag, or a PEM block
	tDigit           // a card number
	tEquals          // key=value
	tColon           // key: value, or scheme://user:password@
	tPercent         // key%3Dvalue
	tEscape          // key\u003dvalue
	tTag             // <key>value<
	tApos            // password 'value'
	tJ               // eyJ
	tA               // AKIA, AIza
	tL               // LS0tLS1CRUdJTi: a PEM block in base64
	tB               // Bearer, Basic
	tAt              // user:password@tcp(host)
	tToken           // [redacted:...]
)

// arm fills the tables of the scan.
func (r *Redactor) arm() {
	for i, p := range prefixes {
		if r.off[p.rule] {
			continue
		}
		n := len(p.prefix)
		for k := range r.last {
			if k < n {
				r.last[k][p.prefix[n-1-k]] |= 1 << i
				continue
			}
			for c := range 256 { // shorter than that: any byte will do
				r.last[k][c] |= 1 << i
			}
		}
		r.triggers[p.prefix[n-1]] = tPrefix
	}
	for c := byte('2'); c <= '6' && !r.off[ruleCard]; c++ {
		r.triggers[c] = tDigit
	}
	for c, t := range map[byte]trigger{
		'-': tHyphen, '.': tDot, '=': tEquals, ':': tColon, '%': tPercent, '\\': tEscape, '>': tTag,
		'\'': tApos, 'J': tJ, 'A': tA, 'L': tL, 'B': tB, 'b': tB, '@': tAt, '[': tToken,
	} {
		r.triggers[c] = t
	}
}

// prefixMask is a set of prefixes by their place in the list.
type prefixMask uint64

// ending is the set of prefixes that may end at text[i], by their last bytes.
func (r *Redactor) ending(text string, i int) prefixMask {
	if i < 2 {
		return 0
	}
	return r.last[0][text[i]] & r.last[1][text[i-1]] & r.last[2][text[i-2]]
}

// scan is one pass over a text. It stops at trigger bytes, looks at their
// neighbourhood, and goes on behind what it replaced.
type scan struct {
	r     *Redactor
	text  string
	found func(string)
	// out is what text[:done] became; nil until something was replaced.
	out  []byte
	done int
	// noJWT is the end of the run of base64 that holds no JWT, so that "eyJeyJ"
	// is not read once for each of its parts.
	noJWT int
	// header is the end of the header line that was looked for last.
	header int
	json   jsonState
}

// run scans. Each case is a cheap test that all but a few bytes fail.
func (s *scan) run() {
	text := s.text
	triggers := &s.r.triggers
	for i := 0; ; {
		for i < len(text) && triggers[text[i]] == none {
			i++
		}
		if i >= len(text) {
			return
		}
		next := 0
		switch triggers[text[i]] {
		case tDigit:
			if i+12 < len(text) && isDigit(text[i+3]) && isDigit(text[i+2]) && isDigit(text[i+1]) && (i == 0 || !isDigit(text[i-1])) {
				end := digits.run(text, i+4)
				if n := end - i; n == 4 || n >= 13 {
					next = s.card(i, end)
				}
				next = max(end, next)
			}
		case tHyphen:
			if may := s.r.ending(text, i); may != 0 {
				next = s.prefixed(i, may)
			}
			if i > 0 && text[i-1] == '-' && next == 0 {
				next = s.dashes(i)
			}
			if next == 0 && i+2 < len(text) && text[i+1] == 'u' && (text[i+2] == ' ' || text[i+2] == 's') {
				next = s.curlUser(i)
			}
		case tPrefix:
			if may := s.r.ending(text, i); may != 0 {
				next = s.prefixed(i, may)
			}
		case tDot:
			if may := s.r.ending(text, i); may != 0 {
				next = s.prefixed(i, may)
			}
			if next == 0 && i > 4 && text[i-1] == 's' && text[i-2] == 'k' {
				next = s.slackWebhook(i)
			}
		case tColon:
			if i+2 < len(text) && text[i+1] == '/' && text[i+2] == '/' {
				next = s.url(i)
			} else if i > 0 {
				next = s.pair(i, i+1)
			}
		case tEquals:
			if i > 0 {
				next = s.pair(i, i+1)
			}
		case tPercent:
			if i+2 < len(text) && text[i+1] == '3' && (text[i+2] == 'D' || text[i+2] == 'd') {
				next = s.pair(i, i+3)
			}
		case tEscape:
			if strings.HasPrefix(text[i:], `\u003d`) {
				next = s.pair(i, i+6)
			}
		case tTag:
			if i > 0 && charsets[text[i-1]] != 0 {
				next = s.pair(i, i+1)
			}
		case tApos:
			if i > 4 && text[i-1] == ' ' && text[i-2]|0x20 == 'd' {
				next = s.pair(i-1, i)
			}
		case tJ:
			if i > 1 && text[i-1] == 'y' && text[i-2] == 'e' && i >= s.noJWT {
				next = s.jwt(i - 2)
			}
		case tA:
			if i+3 < len(text) && (text[i+2] == 'I' || text[i+2] == 'z') {
				next = s.cloudKey(i)
			}
		case tL:
			if i+3 < len(text) && text[i+1] == 'S' && text[i+2] == '0' && text[i+3] == 't' {
				next = s.encodedPEM(i)
			}
		case tB:
			if i+6 < len(text) && (text[i+1]|0x20 == 'e' || text[i+1]|0x20 == 'a') && (text[i+2]|0x20 == 'a' || text[i+2]|0x20 == 's') {
				next = s.scheme(i)
			}
		case tAt:
			if strings.HasPrefix(text[i:], "@tcp(") || strings.HasPrefix(text[i:], "@unix(") {
				next = s.dsn(i)
			}
		case tToken:
			if i+1 < len(text) && text[i+1] == 'r' {
				next = tokenEnd(text, i)
			}
		}
		i = max(i+1, next)
	}
}

// result is the text as it is now, and whether it changed.
func (s *scan) result() (string, bool) {
	if s.done == 0 {
		return s.text, false
	}
	return string(append(s.out, s.text[s.done:]...)), true
}

// emit replaces text[from:to] by the token of secret.
func (s *scan) emit(rule string, from, to int, secret string) {
	s.out = append(s.out, s.text[s.done:from]...)
	s.out = s.r.appendToken(s.out, rule, secret)
	s.done = to
	if s.found != nil {
		s.found(rule)
	}
}

// replace replaces text[from:to], a secret as it stands there but for the tokens
// in it, unless the rule is off. It returns where the scan goes on; 0 if nothing
// was replaced.
func (s *scan) replace(r rule, from, to int) int {
	if s.r.off[r] || from < s.done || from >= to {
		return 0
	}
	next := 0
	for _, p := range outsideTokens(s.text, from, to) {
		s.emit(ruleNames[r], p.from, p.to, canonical(r, s.text[p.from:p.to]))
		next = to
	}
	return next
}

// replaceBare replaces a value without quotes. In JSON only a number stands
// so, and the token that takes its place needs quotes.
func (s *scan) replaceBare(r rule, from, to int, quote string) int {
	switch {
	case s.json.bare(s.text, from):
		quote = `"`
	case quote == `"` && s.json.inside(s.text, from):
		quote = ""
	}
	if quote == "" || s.r.off[r] || from < s.done || strings.Contains(s.text[from:to], tokenHead) {
		return s.replace(r, from, to)
	}
	s.out = append(s.out, s.text[s.done:from]...)
	s.out = append(s.out, quote...)
	s.done = from
	s.emit(ruleNames[r], from, to, canonical(r, s.text[from:to]))
	s.out = append(s.out, quote...)
	return to
}

// canonical is the form of a secret that its token is made of, so that it is
// the same for each way of writing it down: escapes of JSON in JSON are undone,
// percent-encoding in URLs, the separators of card numbers, the line breaks of
// PEM blocks.
func canonical(r rule, secret string) string {
	for range 8 {
		if strings.IndexByte(secret, '\\') < 0 {
			break
		}
		secret = unescape(secret)
	}
	switch r {
	case ruleURLPassword, ruleAzureSAS, ruleSignature, ruleToken, rulePassword, ruleAPIKey, ruleSecret:
		if strings.IndexByte(secret, '%') >= 0 {
			if plain, err := url.PathUnescape(secret); err == nil {
				return plain
			}
		}
	case ruleCard:
		return keep(secret, isDigit)
	case rulePrivateKey:
		return keep(secret, func(b byte) bool { return !isSpace(b) })
	}
	return secret
}

func keep(s string, want func(byte) bool) string {
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if want(s[i]) {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// unescape undoes one level of JSON's escapes; what is no escape stays.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		switch c := s[i]; {
		case c == 'n':
			b = append(b, '\n')
		case c == 'r':
			b = append(b, '\r')
		case c == 't':
			b = append(b, '\t')
		case c == 'u' && i+4 < len(s) && s[i+1] == '0' && s[i+2] == '0' && unhex(s[i+3]) < 8 && unhex(s[i+4]) < 16:
			b = append(b, unhex(s[i+3])<<4|unhex(s[i+4]))
			i += 4
		default:
			b = append(b, c)
		}
	}
	return string(b)
}

// unhex is the value of a hexadecimal digit; 255 if it is none.
func unhex(b byte) byte {
	switch {
	case isDigit(b):
		return b - '0'
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return b | 0x20 - 'a' + 10
	}
	return 255
}

// jsonState follows whether a place of a text that is JSON lies in a string. It
// only moves forward, so that asking costs one more pass in all.
type jsonState struct {
	at       int
	inString bool
}

func (j *jsonState) move(text string, i int) {
	for ; j.at < i; j.at++ {
		switch text[j.at] {
		case '\\':
			j.at++
		case '"':
			j.inString = !j.inString
		}
	}
}

// bare says whether text is JSON and text[i] stands outside its strings, where
// a value does.
func (j *jsonState) bare(text string, i int) bool {
	if !mayBeJSON(text) || strings.HasPrefix(text, tokenHead) {
		return false
	}
	j.move(text, i)
	return !j.inString && standsInJSON(text, i)
}

// inside says whether text is JSON and text[i] stands in a string.
func (j *jsonState) inside(text string, i int) bool {
	if !mayBeJSON(text) {
		return false
	}
	j.move(text, i)
	return j.inString
}

// mayBeJSON says whether text begins as an object or a list does.
func mayBeJSON(text string) bool { return text[0] == '{' || text[0] == '[' }

// standsInJSON says whether what precedes text[i] is what precedes a value.
func standsInJSON(text string, i int) bool {
	for i--; i >= 0; i-- {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
		case ':', ',', '[':
			return true
		default:
			return false
		}
	}
	return false
}
