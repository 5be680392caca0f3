package redact

import (
	"math/bits"
	"strings"

	"github.com/loglode/loglode/pipeline/redact/pemkey"
)

// maxQuote bounds a quote with its escapes: JSON in JSON in JSON in JSON.
const maxQuote = 16

// key is what stands in front of an operator.
type key struct {
	name     string
	from     int // where the name begins
	class    class
	quote    string // the quote that closes it, escapes included: ", \", \\\", '
	operator byte
	spaced   bool // white space stands between the operator and the value
}

// pair looks at the key before the operator text[op:after] and replaces the
// value behind it if the key promises a secret and the value may be one. It
// returns where the scan goes on; 0 if nothing was replaced.
func (s *scan) pair(op, after int) int {
	end, _ := keyEnd(s.text, op)
	if _, may := hinted(s.text, end); !may {
		return 0 // nearly always; the rest may take its time
	}
	return s.hintedPair(op, after)
}

func (s *scan) hintedPair(op, after int) int {
	k, ok := readKey(s.text, op)
	if !ok {
		return 0
	}
	if k.class == value {
		if k.class = s.nameBefore(k); k.class == notSecret {
			return 0
		}
	}
	k.operator = s.text[op]
	if k.operator == '\'' || k.operator == ' ' {
		if k.class != password {
			return 0
		}
		return s.value(k, after)
	}
	if k.operator == '>' {
		return s.element(k, after)
	}
	if after < len(s.text) && (s.text[after] == '=' || s.text[after] == '>') { // ==, =>, :=
		after++
	}
	return s.value(k, after)
}

// keyEnd is where the key before the operator text[op] ends, before spaces, a
// closing bracket and a quote, and where that quote ends.
func keyEnd(text string, op int) (end, quoteEnd int) {
	end = op
	for end > 0 && op-end < 4 && text[end-1] == ' ' {
		end--
	}
	if end > 0 && text[end-1] == ']' {
		end-- // config["password"] = x
	}
	quoteEnd = end
	if end > 0 && (text[end-1] == '"' || text[end-1] == '\'' || text[end-1] == '`') {
		end--
		for end > 0 && text[end-1] == '\\' && quoteEnd-end < maxQuote {
			end--
		}
	}
	return end, quoteEnd
}

// readKey reads the key before the operator text[op] and says whether it
// promises a secret.
func readKey(text string, op int) (key, bool) {
	end, quoteEnd := keyEnd(text, op)
	k := key{quote: text[end:quoteEnd]}
	from, may := hinted(text, end)
	if !may {
		return key{}, false
	}
	from = skipEscape(text, from, end)
	k.from, k.name = from, text[from:end]
	k.class = classify(k.name)
	if k.class == notSecret && foldEqual(k.name, "key") && from > 1 && text[from-1] == ' ' {
		k.class = spacedKey(text, from-1)
	}
	return k, k.class != notSecret
}

// skipEscape passes the rest of an escape that text[from:end] begins with:
// \n, \u0026, %26.
func skipEscape(text string, from, end int) int {
	n := 0
	switch {
	case from == 0:
	case text[from-1] == '%':
		n = 2
	case text[from-1] != '\\' || from == end:
	case text[from] == 'u':
		n = 5
	case text[from] == 'n' || text[from] == 'r' || text[from] == 't':
		n = 1
	}
	return min(from+n, end)
}

// spacedKey says whether the word that ends at text[end] makes a "key" behind
// it secret: "API key: x".
func spacedKey(text string, end int) class {
	from := end
	for from > 0 && end-from < 16 && isLetter(text[from-1]) {
		from--
	}
	if oneOf(text[from:end], "api", "access", "secret", "private", "account", "encryption", "signing") {
		return apiKey
	}
	return notSecret
}

// nameBefore says what the pair in front of a "value" key names:
// {"name":"DB_PASSWORD","value":"x"}, "- name: DB_PASSWORD\n  value: x",
// {Name:DB_PASSWORD,Value:x}.
func (s *scan) nameBefore(k key) class {
	const between = " \t\r\n,;{\"'\\n"
	end := skipFar(s.text, k.from, between)
	from := end
	for from > 0 && end-from < maxKeyLen && keyBytes.has(s.text[from-1]) {
		from--
	}
	if from == end || from == k.from {
		return notSecret
	}
	op := skipFar(s.text, from, " \"'\\")
	if op == 0 || s.text[op-1] != ':' && s.text[op-1] != '=' {
		return notSecret
	}
	name := skipFar(s.text, op-1, " \"'\\")
	if name < 3 || !endsWith(s.text[max(0, name-4):name], "name", "key") {
		return notSecret
	}
	c := classify(s.text[from:end])
	if c == value {
		return notSecret
	}
	return c
}

// skipFar is skipBack over up to 48 bytes: the indentation of YAML.
func skipFar(text string, i int, set string) int {
	for n := 0; i > 0 && n < 48 && strings.IndexByte(set, text[i-1]) >= 0; n++ {
		i--
	}
	return i
}

// element replaces what stands in <password>x</password>.
func (s *scan) element(k key, i int) int {
	if k.from == 0 || s.text[k.from-1] != '<' && s.text[k.from-1] != ':' {
		return 0
	}
	end := strings.IndexByte(s.text[i:min(len(s.text), i+16*peek)], '<')
	if end <= 0 || !strings.HasPrefix(s.text[i+end:], "</") || harmless(k, s.text[i:i+min(end, peek)]) {
		return 0
	}
	return s.secret(k, i, i+end, "")
}

// value reads the value that begins behind the operator, at text[i], and
// replaces it.
func (s *scan) value(k key, i int) int {
	text := s.text
	for n := 0; i < len(text) && (text[i] == ' ' || text[i] == '\t') && n < 16; n++ {
		i++
		k.spaced = true
	}
	i = skipType(text, i)
	if k.class != authorization {
		i = skipBearer(text, i)
	}
	if i >= len(text) {
		return 0
	}
	if text[i] == '[' && tokenEnd(text, i) == 0 {
		return s.list(k, i+1)
	}
	if strings.HasPrefix(text[i:], pemkey.Begin) {
		if end := pemBlockEnd(text, i); end > 0 {
			return s.replace(rulePrivateKey, i, end)
		}
	}
	if q, n := quoteAt(text, i); q != 0 {
		switch {
		case k.quote == "" && emptyQuotes(text, i+n):
			return 0
		case n < len(k.quote), q == '"' && n%2 == 1 && s.json.inside(text, i):
			return 0 // it closes what the key stands in
		}
		return s.quoted(k, i, n, q)
	}
	return s.bare(k, i)
}

// skipBearer passes a scheme that stands where only the token was promised.
func skipBearer(text string, i int) int {
	const scheme = "bearer "
	if len(text)-i > len(scheme) && foldEqual(text[i:i+len(scheme)], scheme) {
		i += len(scheme)
	}
	return i
}

// skipType passes what Go and Python write before a string: "(string) (len=3) ",
// `string(`, b', u'.
func skipType(text string, i int) int {
	for _, p := range [...]string{"(string) ", "string(", "[]byte(", "[]uint8("} {
		if strings.HasPrefix(text[i:], p) {
			i += len(p)
			break
		}
	}
	if strings.HasPrefix(text[i:], "(len=") {
		if k := strings.Index(text[i:min(len(text), i+16)], ") "); k > 0 {
			i += k + 2
		}
	}
	if i+1 < len(text) && (text[i] == 'b' || text[i] == 'u') && (text[i+1] == '\'' || text[i+1] == '"') {
		i++
	}
	return i
}

// quoteAt reads the quote, escapes included, at text[i]: its byte and length.
func quoteAt(text string, i int) (quote byte, length int) {
	n := 0
	for i+n < len(text) && text[i+n] == '\\' && n < maxQuote {
		n++
	}
	if i+n < len(text) {
		if c := text[i+n]; c == '"' || c == '\'' || c == '`' {
			return c, n + 1
		}
	}
	return 0, 0
}

// emptyQuotes says whether the quote before text[i] closes something rather
// than opens a value: in ["--token=","x"] the value of token is empty.
func emptyQuotes(text string, i int) bool {
	return i >= len(text) || strings.IndexByte(",]}):; \t\r\n", text[i]) >= 0
}

// closing says how many of the backslashes before a quote belong to it if it
// closes a text that was opened by one with depth backslashes, or a text around
// that; -1 if it is part of the text. Each level of JSON in JSON doubles the
// backslashes and adds one: 0, 1, 3, 7. The text's own may stand before them.
func closing(slashes, depth int) int {
	switch {
	case slashes%(2*(depth+1)) == depth:
		return depth
	case slashes < depth:
		return slashes
	case depth&(depth+1) != 0 || slashes%(2*(depth+1)) == 2*depth+1:
		return -1
	}
	outer := 0
	for slashes%(2*(outer+1)) != outer {
		outer = 2*outer + 1
	}
	return outer
}

// quotedEnd is where the text that begins at text[i] behind a quote with depth
// backslashes ends: at the quote that closes it, or a text around it. In a
// string of JSON, a plain " does. It looks as far as text[:limit].
func (s *scan) quotedEnd(i int, quote byte, depth, limit int) (end int, closed bool) {
	text, from, slashes := s.text, i, 0
	outer := byte('"')
	if quote == '"' || !s.json.inside(text, i) {
		outer = 0
	}
	for ; i < limit; i++ {
		switch text[i] {
		case '\\':
			slashes++
			continue
		case quote:
			if quote == '\'' && i > from && i+1 < limit && text[i+1] == '\'' {
				i++ // a quote within, as SQL and YAML write it
				break
			}
			if n := closing(slashes, depth); n >= 0 {
				return i - n, true
			}
		case '"':
			if slashes < depth || slashes == 0 && outer != 0 {
				return i - slashes, true
			}
		}
		slashes = 0
	}
	return limit, false
}

// peek bounds what is read of a value to decide whether it is a secret. What is
// longer is one.
const peek = 256

// quoted replaces a value in quotes; text[i:] begins with the quote of n bytes.
func (s *scan) quoted(k key, i, n int, quote byte) int {
	from := i + n
	end, closed := s.quotedEnd(from, quote, n-1, min(len(s.text), from+peek))
	if closed && (end == from || harmless(k, s.text[from:end]) || nested(s.text[from:end])) {
		return 0
	}
	if !closed {
		end, closed = s.quotedEnd(from, quote, n-1, len(s.text))
	}
	if !closed {
		// A value that was cut off: to the end of its line.
		if nl := strings.IndexByte(s.text[from:], '\n'); nl >= 0 {
			end = from + nl
		}
	}
	return s.secret(k, from, end, "")
}

// list replaces the values of ["a","b"] and [a b]: headers as Go prints them.
func (s *scan) list(k key, i int) int {
	next := 0
	for range 64 {
		for i < len(s.text) && (s.text[i] == ' ' || s.text[i] == ',') {
			i++
		}
		q, n := quoteAt(s.text, i)
		if q == 0 {
			break
		}
		if n < len(k.quote) || q == '"' && n%2 == 1 && s.json.inside(s.text, i) {
			return next // it closes what the list stands in
		}
		end, closed := s.quotedEnd(i+n, q, n-1, min(len(s.text), i+n+16*peek))
		if !closed {
			return next
		}
		if end > i+n && !harmless(k, s.text[i+n:end]) {
			next = max(next, s.secret(k, i+n, end, ""))
		}
		i = end + n
	}
	if next > 0 || i >= len(s.text) || s.text[i] == ']' || k.class != authorization && k.class != cookie && k.operator == ':' && k.quote == "" && k.class != password && k.class != apiKey && k.class != token {
		return next
	}
	limit := min(len(s.text), i+16*peek)
	close := strings.IndexAny(s.text[i:limit], "]\"\n")
	if close <= 0 || s.text[i+close] != ']' || strings.IndexByte("{[(<\\", s.text[i]) >= 0 || harmless(k, s.text[i:i+close]) {
		return 0
	}
	if k.class != authorization && k.class != cookie && strings.IndexByte(s.text[i:i+close], ' ') >= 0 {
		return 0
	}
	return s.secret(k, i, i+close, k.quote)
}

// bare replaces a value without quotes.
func (s *scan) bare(k key, i int) int {
	text := s.text
	limit := min(len(text), i+peek)
	end := s.bareEnd(k, i, limit)
	v := text[i:end]
	cut := end == limit && limit < len(text)
	switch {
	case v == "":
		return 0
	case k.operator == '\'' || k.operator == ' ':
		return 0
	case !cut && harmless(k, v), structure(v), anotherKey(v):
		return 0
	case k.class == authorization || k.class == cookie:
		if k.class == authorization && k.spaced && k.quote == "" && wordy(v) && !knownScheme(v) {
			return 0
		}
	case k.operator == ':' && k.quote == "" && !k.spaced && s.qualified(k):
		return 0
	case k.operator == ':' && k.spaced && !header(k.name) && s.prose(k, v, end):
		return 0
	}
	if cut {
		end = s.bareEnd(k, i, len(text))
	}
	if k.class == authorization || k.class == cookie {
		end = s.headerEnd(i)
	}
	quote := k.quote
	if k.operator != ':' || !strings.HasSuffix(quote, `"`) {
		quote = ""
	}
	return s.secret(k, i, end, quote)
}

// anotherKey says whether v is a key itself: "token password: x".
func anotherKey(v string) bool {
	n := len(v) - 1
	return (v[n] == ':' || v[n] == '=') && keyBytes.run(v, 0) == n && classify(v[:n]) != notSecret
}

// bareEnd is where a value without quotes ends: at a space, a quote, an escaped
// line break; at a separator that another key, or nothing, follows.
func (s *scan) bareEnd(k key, i, limit int) int {
	text := s.text
	inQuery := k.from > 0 && (text[k.from-1] == '?' || text[k.from-1] == '&')
	for ; i < limit; i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\n', '\r', '"', '`':
			return i
		case '<':
			if i+1 < len(text) && text[i+1] == '/' {
				return i
			}
		case '\'':
			if i+1 == len(text) || !alnum.has(text[i+1]) {
				return i
			}
		case '\\':
			if escapedEnd(text[i:]) {
				return i
			}
		case '%':
			if text[k.from+len(k.name)] == '%' && strings.HasPrefix(text[i:], "%26") {
				return i
			}
		case '[':
			if t := tokenEnd(text, i); t > 0 {
				i = t - 1
			}
		case '&':
			if inQuery || !valueGoesOn(text, i+1) {
				return i
			}
		case '#':
			if inQuery {
				return i
			}
		case ',', ';', '|':
			if !valueGoesOn(text, i+1) {
				return i
			}
		case ')', ']', '}':
			if i+1 == len(text) || strings.IndexByte(" \t\r\n,;:.)]}\"'\\|", text[i+1]) >= 0 {
				return i
			}
		}
	}
	return i
}

// escapedEnd says whether text begins with an escape that ends a word: a line
// break, a quote, or an escaped & < > ' ".
func escapedEnd(text string) bool {
	n := 0
	for n < len(text) && text[n] == '\\' && n < maxQuote {
		n++
	}
	if n == len(text) {
		return false
	}
	switch text[n] {
	case 'n', 'r', 't', '"', '\'':
		return true
	case 'u':
		for _, e := range [...]string{"u0026", "u003c", "u003e", "u0027", "u0022", "u003C", "u003E"} {
			if strings.HasPrefix(text[n:], e) {
				return true
			}
		}
	}
	return false
}

// valueGoesOn says whether what follows a separator is still the value: neither
// the end, nor a space or quote, nor another key.
func valueGoesOn(text string, i int) bool {
	if i == len(text) || strings.IndexByte(" \t\r\n\"'\\{[", text[i]) >= 0 {
		return false
	}
	end := keyBytes.run(text[:min(len(text), i+maxKeyLen)], i)
	return end == i || end == len(text) || text[end] != '=' && text[end] != ':'
}

// headerEnd is where the value of a header without quotes ends: at the quote
// around the header, or the line's end. It is the same for every place up to
// there, so it is remembered.
func (s *scan) headerEnd(i int) int {
	if i <= s.header {
		return s.header
	}
	for s.header = i; s.header < len(s.text); s.header++ {
		switch s.text[s.header] {
		case '\n', '\r', '"', '\'', '`', ']', '}':
			return s.header
		case '\\':
			if escapedEnd(s.text[s.header:]) {
				return s.header
			}
		}
	}
	return s.header
}

// secret replaces the value text[from:to] of a key. What is a secret by its
// form keeps that form's name.
func (s *scan) secret(k key, from, to int, quote string) int {
	if from >= to {
		return 0
	}
	switch k.class {
	case cookie:
		return s.cookies(k, from, to, quote)
	case authorization:
		return s.credentials(from, to, quote)
	case basicAuth:
		if !basicCredentials(s.text[from:to]) {
			return 0
		}
	}
	v := s.text[from:to]
	if n := len("bearer "); len(v) > n && foldEqual(v[:n], "bearer ") {
		from += n
		v = v[n:]
	}
	r, end := s.form(from, to)
	if end == to {
		return s.replace(r, from, to)
	}
	r = classRules[k.class]
	switch {
	case k.class == signature && foldEqual(k.name, "sig"):
		r = ruleAzureSAS
	case k.class == apiKey && (endsWith(k.name, "accountkey", "sharedaccesskey")):
		r = ruleAzureKey
	case len(v) == 40 && base64Std.run(v, 0) == 40 && (k.class == apiKey || k.class == secret || k.class == named):
		r = ruleAWSSecretKey
	case k.class == apiKey && endsWith(k.name, "privatekey", "private_key", "private-key"):
		r = rulePrivateKey
	}
	return s.replaceBare(r, from, to, quote)
}

// form says which form the secret that begins at text[from] has, and where it
// ends by that form; 0 if it has none.
func (s *scan) form(from, to int) (rule, int) {
	text := s.text
	switch {
	case strings.HasPrefix(text[from:], pemkey.Begin):
		if end := pemBlockEnd(text, from); end > 0 && !s.r.off[rulePrivateKey] {
			// The value's own end counts: what stands behind the block is in it.
			return rulePrivateKey, to
		}
	case text[from] == 'e':
		if end := jwtEnd(text[:to], from); end > 0 && !s.r.off[ruleJWT] {
			return ruleJWT, end
		}
	case text[from] == 'A':
		if end := awsKeyEnd(text[:to], from); end > 0 && !s.r.off[ruleAWSKeyID] {
			return ruleAWSKeyID, end
		}
		if end := gcpKeyEnd(text[:to], from); end > 0 && !s.r.off[ruleGCPKey] {
			return ruleGCPKey, end
		}
	}
	for i := from + 2; i < min(to, from+12); i++ {
		for may := s.r.ending(text, i); may != 0; may &= may - 1 {
			if p := &prefixes[bits.TrailingZeros64(uint64(may))]; i+1-len(p.prefix) == from {
				if end := p.match(text[:to], i); end > 0 {
					return p.rule, end
				}
			}
		}
	}
	return 0, 0
}

// credentials replaces what an Authorization header holds behind its scheme.
func (s *scan) credentials(from, to int, quote string) int {
	v := s.text[from:to]
	sp := strings.IndexByte(v, ' ')
	if sp < 0 {
		if v = strings.TrimRight(v, ",;)"); placeholder(v) || knownScheme(v) {
			return 0
		}
		return s.replaceBare(ruleAuthorization, from, from+len(v), quote)
	}
	scheme, rest := v[:sp], from+sp+1
	for rest < to && s.text[rest] == ' ' {
		rest++
	}
	if rest == to || placeholder(s.text[rest:to]) {
		return 0
	}
	r := ruleAuthorization
	switch {
	case foldEqual(scheme, "bearer"):
		r = ruleBearer
	case foldEqual(scheme, "basic"):
		r = ruleBasic
	case oneOf(scheme, "digest", "aws4-hmac-sha256", "hawk", "oauth", "signature"):
		return s.replace(r, rest, to)
	case !knownScheme(scheme) && !wordy(scheme):
		return s.replace(r, from, from+sp)
	}
	end := rest
	for end < to && s.text[end] != ' ' && s.text[end] != ',' && s.text[end] != ';' {
		end++
	}
	if end > rest && placeholder(s.text[rest:end]) {
		return 0
	}
	if f, stop := s.form(rest, end); stop == end {
		r = f
	}
	return s.replace(r, rest, end)
}

func knownScheme(s string) bool {
	return oneOf(s, "bearer", "basic", "token", "apikey", "api-key", "key", "negotiate", "ntlm", "digest", "splunk", "hawk", "oauth", "signature", "snowflake", "ghost", "genie-key", "aws4-hmac-sha256", "sharedkey", "sharedkeylite", "sharedaccesssignature", "jwt")
}

// cookies replaces the values of name=value; name=value, a cookie's attributes
// excepted; without a name, all of it.
func (s *scan) cookies(k key, from, to int, quote string) int {
	next, i := 0, from
	for skipped := 0; i < to && skipped < 16; {
		for i < to && (s.text[i] == ' ' || s.text[i] == ';') {
			i++
		}
		name := i
		for i < to && i-name < 2*maxKeyLen && strings.IndexByte("=; ,\"", s.text[i]) < 0 {
			i++
		}
		switch {
		case i == to && name == from && (k.operator != ':' || k.quote != ""):
			if v := s.text[from:to]; wordy(v) || harmless(k, v) {
				return 0
			}
			return s.replaceBare(ruleCookie, from, to, quote)
		case i < to && s.text[i] == ';': // a flag: HttpOnly
			skipped++
			continue
		case i == to || s.text[i] != '=':
			return next
		}
		attribute := oneOf(s.text[name:i], "path", "domain", "expires", "max-age", "samesite", "version", "priority")
		i++
		v := i
		for i < to && s.text[i] != ';' && (s.text[i] != ' ' || attribute) && (!attribute || i-v < maxKeyLen) {
			i++
		}
		replaced := 0
		if !attribute && i > v && !placeholder(s.text[v:i]) {
			r := ruleCookie
			if f, end := s.form(v, i); end == i {
				r = f
			}
			replaced = s.replace(r, v, i)
		}
		if replaced == 0 {
			skipped++
		}
		next = max(next, replaced)
	}
	return next
}

// dashes looks at what follows "--" whose second hyphen is text[i]: a flag with
// its value behind a space, or a PEM block.
func (s *scan) dashes(i int) int {
	text := s.text
	if strings.HasPrefix(text[i:], "- ") || i+1 < len(text) && text[i+1] == 'B' {
		return s.pem(i)
	}
	if i > 1 && (!startsWord(text, i-1) || text[i-2] == '-') {
		return 0
	}
	end := keyBytes.run(text[:min(len(text), i+1+maxKeyLen)], i+1)
	if end >= len(text) || end-i < 4 {
		return 0
	}
	if _, may := hinted(text, end); !may {
		return 0
	}
	k := key{name: text[i+1 : end], from: i + 1, operator: '-', spaced: true}
	switch k.class = classify(k.name); k.class {
	case password, pass, secret, named, token, apiKey, credential:
	default:
		return 0
	}
	at := end
	if q, n := quoteAt(text, at); q != 0 { // "--password","x"
		at += n
		if at < len(text) && text[at] == ',' {
			at++
		}
	}
	gap := at
	for at < len(text) && at-gap < 16 && text[at] == ' ' {
		at++
	}
	if at == end || at >= len(text) || text[at] == '-' {
		return 0
	}
	at = skipBearer(text, at)
	if q, n := quoteAt(text, at); q != 0 {
		if emptyQuotes(text, at+n) {
			return 0
		}
		return s.quoted(k, at, n, q)
	}
	v := text[at:s.bareEnd(k, at, min(len(text), at+peek))]
	if v == "" || wordy(v) && english(strings.TrimRight(v, ".,:;")) || strings.IndexByte(v, '=') > 0 && k.class != password {
		return 0
	}
	return s.bare(k, at)
}
