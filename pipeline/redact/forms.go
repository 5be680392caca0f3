package redact

import (
	"encoding/base64"
	"math/bits"
	"strings"

	"github.com/loglode/loglode/pipeline/redact/pemkey"
)

// The secrets that are known by their own form. Each function looks at the
// neighbourhood of text[i], replaces what it finds, and returns where the scan
// goes on; 0 if there is nothing.

// prefixed finds secrets of which one of may is the fixed beginning, which ends
// at text[i].
func (s *scan) prefixed(i int, may prefixMask) int {
	for ; may != 0; may &= may - 1 {
		p := &prefixes[bits.TrailingZeros64(uint64(may))]
		if end := p.match(s.text, i); end > 0 {
			return s.replace(p.rule, i+1-len(p.prefix), end)
		}
	}
	return 0
}

// match is the end of the secret whose prefix ends at text[i], or 0.
func (p *prefixed) match(text string, i int) int {
	const look = 64
	if !strings.HasSuffix(text[:i+1], p.prefix) {
		return 0
	}
	if p.open == wordStart {
		if !startsWord(text, i+1-len(p.prefix)) {
			return 0
		}
		// "sk-" also begins names such as sk-learn-worker-deployment.
		if end := p.set.run(text[:min(len(text), i+1+look)], i+1); words(text[i+1 : end]) {
			return 0
		}
	}
	end := trimDots(text, i+1, p.set.run(text, i+1))
	if end-i-1 < p.min {
		return 0
	}
	return end
}

// startsWord says whether no word goes on at text[i]: an escaped line break in
// front of it ends in a letter, but is none.
func startsWord(text string, i int) bool {
	return i == 0 || !alnum.has(text[i-1]) || escapedBreak(text, i)
}

// escapedBreak says whether text[:i] ends in \n, \r or \t, written so.
func escapedBreak(text string, i int) bool {
	return i > 1 && text[i-2] == '\\' && (text[i-1] == 'n' || text[i-1] == 'r' || text[i-1] == 't')
}

// trimDots gives a sentence its full stop back.
func trimDots(text string, from, end int) int {
	for end > from && text[end-1] == '.' {
		end--
	}
	return end
}

// words says whether s is words joined by hyphens and such: no part of it mixes
// letters and digits, or cases within a word.
func words(s string) bool {
	for i := 0; i < len(s); {
		if !alnum.has(s[i]) {
			i++
			continue
		}
		end := alnum.run(s, i)
		part := s[i:end]
		if !plainWord(part) && (digits.run(part, 0) < len(part) || len(part) > 8) {
			return false
		}
		i = end
	}
	return true
}

// plainWord says whether s is letters in the case of a word: foo, Foo, FOO.
func plainWord(s string) bool {
	if letters.run(s, 0) < len(s) || s == "" {
		return false
	}
	lower := s[1:] == strings.ToLower(s[1:])
	return lower || s == strings.ToUpper(s)
}

// jwt finds header.payload.signature at text[i:], and the five parts of
// encrypted ones.
func (s *scan) jwt(i int) int {
	end := jwtEnd(s.text, i)
	if end == 0 {
		s.noJWT = base64URL.run(s.text, i)
		return 0
	}
	return s.replace(ruleJWT, i, end)
}

// jwtEnd is the end of the JWT that begins at text[i], or 0.
func jwtEnd(text string, i int) int {
	if !strings.HasPrefix(text[i:], "eyJ") {
		return 0
	}
	header := base64URL.run(text, i)
	if header-i < 12 || header+12 >= len(text) || text[header] != '.' {
		return 0
	}
	end := base64URL.run(text, header+1)
	if end-header < 8 && (end >= len(text) || text[end] != '.') {
		return 0
	}
	for range 3 {
		if end >= len(text) || text[end] != '.' {
			break
		}
		part := base64URL.run(text, end+1)
		if part-end < 8 {
			break
		}
		end = part
	}
	return end
}

// cloudKey finds AWS's key IDs (and the secret key behind one, "ID:secret") and
// Google's API keys at text[i:].
func (s *scan) cloudKey(i int) int {
	if end := gcpKeyEnd(s.text, i); end > 0 {
		return s.replace(ruleGCPKey, i, end)
	}
	end := awsKeyEnd(s.text, i)
	if end == 0 {
		return 0
	}
	next := s.replace(ruleAWSKeyID, i, end)
	if end < len(s.text) && s.text[end] == ':' {
		if secret := base64Std.run(s.text, end+1); secret-end-1 == 40 {
			return max(next, s.replace(ruleAWSSecretKey, end+1, secret))
		}
	}
	return next
}

// awsKeyEnd is the end of AKIA, ASIA, ABIA or ACCA and 16 capitals and digits.
func awsKeyEnd(text string, i int) int {
	const length = 20
	if i+length > len(text) {
		return 0
	}
	switch text[i : i+4] {
	case "AKIA", "ASIA", "ABIA", "ACCA":
	default:
		return 0
	}
	capital := func(b byte) bool { return isDigit(b) || b-'A' < 26 }
	for _, c := range []byte(text[i+4 : i+length]) {
		if !capital(c) {
			return 0
		}
	}
	return i + length
}

// gcpKeyEnd is the end of AIza and 35 bytes.
func gcpKeyEnd(text string, i int) int {
	if !strings.HasPrefix(text[i:], "AIza") {
		return 0
	}
	if end := base64URL.run(text, i); end-i >= 35 {
		return end
	}
	return 0
}

// slackWebhook finds the path behind hooks.slack.com at the dot text[i].
func (s *scan) slackWebhook(i int) int {
	const host, rest = "hooks", ".slack.com/"
	if !strings.HasSuffix(s.text[:i], host) || !strings.HasPrefix(s.text[i:], rest) {
		return 0
	}
	from := i + len(rest)
	kind := letters.run(s.text, from)
	if kind < len(s.text) && s.text[kind] == '/' {
		from = kind + 1 // services/, workflows/, triggers/
	}
	end := trimDots(s.text, from, (base64URL|dot|plusSlash).run(s.text, from))
	if end-from < 8 {
		return 0
	}
	return s.replace(ruleSlackWebhook, from, end)
}

// url finds the password of scheme://user:password@host; text[i] is the colon.
// The part before the host ends at the first '/', so that every byte is read
// for one URL only.
func (s *scan) url(i int) int {
	from := i + 3
	at, colon, end := -1, -1, from
authority:
	for ; end < len(s.text); end++ {
		switch c := s.text[end]; {
		case c == '@':
			at = end
		case c == ':' && colon < 0:
			colon = end
		case c == '[':
			if t := tokenEnd(s.text, end); t > 0 {
				end = t - 1
			}
		case c <= ' ' || c == '/' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == '\\' || c == '?' && at >= 0 || c == ',' && at >= 0:
			break authority
		}
	}
	switch {
	case at < 0 || i == 0 || !alnum.has(s.text[i-1]):
		return 0
	case colon > 0 && colon < at:
		from = colon + 1
	case at-from < 20 || words(s.text[from:at]):
		return 0 // a name; long and random it is a token
	}
	if secret := s.text[from:at]; secret == "" || placeholder(secret) {
		return 0
	}
	return s.replace(ruleURLPassword, from, at)
}

// dsn finds the password of user:password@tcp(host), as Go's MySQL driver writes
// it; text[at] is the @. Of several colons the first is taken.
func (s *scan) dsn(at int) int {
	from := -1
	for i := at - 1; i >= s.done && at-i < peek; i-- {
		c := s.text[i]
		if c <= ' ' || strings.IndexByte("\"'`=(]", c) >= 0 {
			break
		}
		if c == ':' {
			from = i + 1
		}
	}
	if from < 0 || from == at || placeholder(s.text[from:at]) {
		return 0
	}
	return s.replace(ruleURLPassword, from, at)
}

// curlUser finds the password of "curl -u user:password"; text[i] is the hyphen.
func (s *scan) curlUser(i int) int {
	at := i + len("-u ")
	if strings.HasPrefix(s.text[i:], "-user ") && i > 0 && s.text[i-1] == '-' {
		at = i + len("-user ")
	} else if s.text[i+2] != ' ' {
		return 0
	}
	if !strings.Contains(s.text[max(0, i-peek):i], "curl") {
		return 0
	}
	if q, n := quoteAt(s.text, at); q != 0 {
		at += n
	}
	end, colon := at, -1
	for ; end < len(s.text) && s.text[end] > ' ' && strings.IndexByte("\"'\\`", s.text[end]) < 0; end++ {
		if s.text[end] == ':' && colon < 0 {
			colon = end
		}
	}
	if colon < 0 || colon+1 == end || placeholder(s.text[colon+1:end]) {
		return 0
	}
	return s.replace(ruleBasic, colon+1, end)
}

// pem finds a private key whose first hyphens end at text[i], to its end line,
// to the end of the quoted text it fills, or to its last line of base64.
func (s *scan) pem(i int) int {
	from := i - 4
	if from < 0 {
		return 0
	}
	end := pemBlockEnd(s.text, from)
	if end == 0 {
		return 0
	}
	return s.replace(rulePrivateKey, from, end)
}

// pemBlockEnd is the end of the private key that begins at text[from], or 0.
func pemBlockEnd(text string, from int) int {
	body, ok := pemkey.Begins(text, from)
	if !ok {
		return 0
	}
	if end := pemkey.BlockEnd(text, body); end >= 0 {
		return end
	}
	// Its end is missing. A quote ends it only where quotes are sure to be no
	// part of the text.
	end, quote := pemkey.OpenEnd(text, body), byte('"')
	switch {
	case from > 0 && (text[from-1] == '"' || text[from-1] == '\''):
		quote = text[from-1]
	case !mayBeJSON(text):
		return end
	}
	if k := strings.IndexByte(text[body:end], quote); k >= 0 {
		for end = body + k; text[end-1] == '\\'; {
			end--
		}
	}
	return end
}

// encodedPEM finds a private key in base64, as Secrets and kubeconfigs hold it.
func (s *scan) encodedPEM(i int) int {
	const look = 56 // "-----BEGIN ENCRYPTED PRIVATE KEY" is 32 bytes, 44 in base64
	if i+look > len(s.text) {
		return 0
	}
	head, err := base64.StdEncoding.DecodeString(s.text[i : i+look])
	if err != nil || !strings.HasPrefix(string(head), pemkey.Begin) || !strings.Contains(string(head), "PRIVATE KEY") {
		return 0
	}
	return s.replace(rulePrivateKey, i, base64Std.run(s.text, i))
}

// scheme finds "Bearer x" and "Basic x" that stand without a header's name.
// What follows must look like a credential: both are words as well.
func (s *scan) scheme(i int) int {
	var r rule
	var from int
	switch {
	case foldEqual(s.text[i:i+6], "bearer"):
		r, from = ruleBearer, i+6
	case foldEqual(s.text[i:i+5], "basic"):
		r, from = ruleBasic, i+5
	default:
		return 0
	}
	if !startsWord(s.text, i) {
		return 0
	}
	switch {
	case strings.HasPrefix(s.text[from:], "%20"):
		from += 3
	case from < len(s.text) && (s.text[from] == ' ' || s.text[from] == '+'):
		from++
	default:
		return 0
	}
	if r == ruleBasic {
		end := base64Any.run(s.text[:min(len(s.text), from+maxBasic+1)], from)
		if !basicCredentials(s.text[from:end]) {
			return 0
		}
		return s.replace(r, from, end)
	}
	const set = base64Any | dot
	look := s.text[from:set.run(s.text[:min(len(s.text), from+peek)], from)]
	if len(look) < 8 && !strings.HasPrefix(s.text[from:], "sha256~") || words(look) || challenge(s.text, from, look) {
		return 0
	}
	end := set.run(s.text, from)
	if end < len(s.text) && s.text[end] == '~' {
		end = set.run(s.text, end+1)
	}
	return s.replace(r, from, trimDots(s.text, from, end))
}

// challenge says whether what follows "Bearer" is a server's challenge:
// realm="..."; = ends a credential at most.
func challenge(text string, from int, look string) bool {
	k := strings.IndexByte(look, '=')
	if k < 0 {
		return false
	}
	if strings.Trim(look[k:], "=") != "" {
		return true
	}
	end := from + len(look)
	return end < len(text) && (text[end] == '"' || text[end] == '\\') && letters.run(look, 0) == k
}

// maxBasic bounds the length of Basic credentials in base64.
const maxBasic = 1024

// basicCredentials says whether s is base64 of "user:password".
func basicCredentials(s string) bool {
	if len(s) < 4 || len(s) > maxBasic {
		return false
	}
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil || strings.IndexByte(string(plain), ':') < 0 {
		return false
	}
	for _, c := range plain {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return true
}
