package redact

import "strings"

// What a value is not: the judgements that keep names, files and sentences.

// placeholder says whether v stands for a secret rather than is one.
func placeholder(v string) bool {
	v = strings.TrimRight(v, ".,;")
	if v == "" {
		return true
	}
	switch v[0] {
	case '<':
		return v[len(v)-1] == '>' // <redacted>, <nil>, <token>
	case '$':
		return len(v) > 1 && (v[1] == '{' || v[1] == '(' || isEnvName(v[1:]))
	case '%':
		return len(v) <= 6 && len(v) > 1 && (isLetter(v[len(v)-1]) || v[len(v)-1] == '%') && !isDigit(v[1])
	case '{':
		return len(v) == 1 || v[1] == '{' || v[1] == '}'
	case '[', '(':
		inner := strings.Trim(v, "[]()")
		return oneOf(inner, "redacted", "masked", "filtered", "hidden", "protected", "secret", "sensitive", "removed", "omitted")
	}
	if oneOf(v, "redacted", "masked", "filtered", "removed", "omitted", "_redacted_", "scrubbed", "*redacted*") {
		return true
	}
	same := true // ****, xxxxx, ....
	for i := range len(v) {
		same = same && v[i] == v[0]
	}
	return same && (!alnum.has(v[0]) || (v[0]|0x20 == 'x' && len(v) > 2)) || strings.HasPrefix(v, "***")
}

func isEnvName(s string) bool {
	for i := range len(s) {
		if !upper(s[i]) && s[i] != '_' && !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// harmless says whether the value of a key is no secret whatever stands around
// it. v has at most peek bytes.
func harmless(k key, v string) bool {
	switch {
	case placeholder(v), constant(v), path(v):
		return true
	case k.class == cookie || k.class == authorization:
		return false
	case strings.Contains(v, "://"):
		return k.class != password && !strings.Contains(v, "@")
	}
	number := digits.run(v, 0) == len(v)
	switch k.class {
	case password:
		return false
	case pass:
		return number && len(v) < 4 || wordy(v) && english(v)
	case named, credential:
		return number && len(v) < 6 || objectName(v)
	case token:
		return number && len(v) < 6 || tokenName(v) || duration(v)
	case signature:
		return len(v) < 20 || words(v)
	default:
		return number && len(v) < 6
	}
}

// constant says whether v is a value of a flag or a field that holds nothing.
func constant(v string) bool {
	v = strings.TrimRight(v, ".,;:!)]}")
	return v == "" || oneOf(v, "true", "false", "yes", "no", "on", "off", "null", "nil", "none", "undefined", "unknown", "empty", "unset", "set", "n/a", "missing", "present", "required", "optional", "enabled", "disabled", "invalid", "valid", "expired", "string", "nan", "not")
}

// structure says whether v is the beginning of a composite value or a type:
// &Secret{, {..., map[..., *v1.Secret, 0xc000123456, ([]string), getToken().
func structure(v string) bool {
	switch v[0] {
	case '{', '}', ')', ']', ',', ';':
		return true
	case '&':
		return len(v) > 1 && isLetter(v[1]) && strings.IndexByte(v, '{') > 0
	case '*':
		return len(v) > 1 && isLetter(v[1]) && strings.IndexByte(v, '.') > 0
	case '(':
		return strings.HasPrefix(v, "([]") || strings.HasPrefix(v, "(*") || strings.HasPrefix(v, "(map") || v == "(MISSING)"
	case '[':
		return strings.HasPrefix(v, "[]")
	case '-':
		return len(v) > 2 && v[1] == '-' && isLetter(v[2]) // the next flag
	case '|':
		return len(v) == 1
	}
	return strings.HasPrefix(v, "0xc0") || strings.HasPrefix(v, "map[") || strings.HasSuffix(v, "()")
}

// nested says whether v, which stood in quotes, is JSON itself: its own pairs
// say what is secret in it.
func nested(v string) bool {
	return len(v) > 1 && (v[0] == '{' || v[0] == '[') && (v[1] == '"' || v[1] == '\\' || v[1] == '{' || v[1] == '}' || v[1] == ']')
}

// path says whether v is a file's path. Base64 may begin with a slash too: a
// path does not mix cases and digits, and has no + and =.
func path(v string) bool {
	if len(v) > 2 && isLetter(v[0]) && v[1] == ':' && (v[2] == '\\' || v[2] == '/') {
		return true
	}
	if !strings.HasPrefix(v, "/") && !strings.HasPrefix(v, "./") && !strings.HasPrefix(v, "../") && !strings.HasPrefix(v, "~/") {
		return false
	}
	var digit, lower, capital bool
	for i := range len(v) {
		switch c := v[i]; {
		case c == '+' || c == '=':
			return false
		case isDigit(c):
			digit = true
		case upper(c):
			capital = true
		case isLetter(c):
			lower = true
		}
	}
	return !(digit && lower && capital)
}

// objectName says whether v is a Kubernetes object's name, with a namespace or
// not: words joined by hyphens, at the end perhaps a generated suffix.
func objectName(v string) bool {
	v = strings.TrimRight(v, ".,;:")
	joined, longWord := false, false
	for i := 0; i < len(v); {
		end := alnum.run(v, i)
		part := v[i:end]
		if part == "" || part != strings.ToLower(part) {
			return false
		}
		switch isWord := letters.run(part, 0) == len(part); {
		case isWord:
			longWord = longWord || len(part) > 2
		case digits.run(part, 0) == len(part) && len(part) <= 4:
		case longWord && (len(part) <= 5 || len(part) <= 10 && generated(part)):
		default:
			return false
		}
		if end == len(v) {
			break
		}
		if c := v[end]; c != '-' && c != '/' && c != '.' {
			return false
		}
		joined = true
		i = end + 1
	}
	return joined && longWord
}

// generated says whether s uses only the letters of generated suffixes
// (k8s.io/apimachinery/pkg/util/rand).
func generated(s string) bool {
	return strings.Trim(s, "bcdfghjklmnpqrstvwxz0123456789") == ""
}

// tokenName says whether v is the name of a token's Secret: default-token-x7k2p.
func tokenName(v string) bool {
	return objectName(v) && (strings.HasSuffix(v, "-token") || strings.Contains(v, "-token-"))
}

// duration says whether v is one as Go prints it: 10m0s.
func duration(v string) bool {
	return v != "" && isDigit(v[0]) && strings.Trim(v, "0123456789.hmsuµn") == "" && !isDigit(v[len(v)-1])
}

// wordy says whether v is a word of a sentence: letters, perhaps joined by
// hyphens or apostrophes, perhaps with punctuation behind.
func wordy(v string) bool {
	v = strings.TrimRight(v, ".,:;!?)")
	for i := 0; i < len(v); {
		end := letters.run(v, i)
		if !plainWord(v[i:end]) {
			return false
		}
		if end == len(v) {
			return true
		}
		if v[end] != '-' && v[end] != '\'' && v[end] != '/' {
			return false
		}
		i = end + 1
	}
	return false
}

// header says whether a key is a header's name: X-Api-Key.
func header(name string) bool {
	return len(name) > 2 && name[0]|0x20 == 'x' && name[1] == '-'
}

// qualified says whether a key and what follows are parts of one name:
// system:serviceaccount:ns:token:x, registry/token:v1.2.
func (s *scan) qualified(k key) bool {
	return k.from > 0 && (s.text[k.from-1] == '/' || s.text[k.from-1] == ':')
}

// prose says whether the value behind "key: " is the sentence going on, as in
// "get token: Post https://... failed". v ends at text[end].
func (s *scan) prose(k key, v string, end int) bool {
	if v[len(v)-1] == ':' && keyBytes.run(v, 0) == len(v)-1 {
		return true // an error's next part: "x509: ..."
	}
	if strings.HasPrefix(v, "(") || strings.Contains(v, "()") {
		return true
	}
	if k.class != password && (len(v) < 4 || objectName(v)) {
		return true
	}
	if k.class == token && s.parserSpeaks(k.from) {
		return true
	}
	if !wordy(v) {
		return false
	}
	if english(strings.TrimRight(v, ".,:;!?)")) {
		return true
	}
	if k.class == password {
		return false
	}
	return s.wordFollows(end) || !s.lineStart(k.from)
}

// parserSpeaks says whether the token named at text[from] is a parser's:
// "unexpected token: }".
func (s *scan) parserSpeaks(from int) bool {
	before := strings.TrimRight(s.text[max(0, from-16):from], " ")
	return endsWith(before, "unexpected", "illegal", "unrecognized", "near", "next")
}

// wordFollows says whether a word of a sentence follows text[:end].
func (s *scan) wordFollows(end int) bool {
	if end >= len(s.text) || s.text[end] != ' ' {
		return false
	}
	stop := end + 1
	for stop < len(s.text) && stop-end < 32 && !isSpace(s.text[stop]) {
		stop++
	}
	return stop > end+1 && letters.has(s.text[end+1])
}

// lineStart says whether only indentation and punctuation precede text[i] on
// its line.
func (s *scan) lineStart(i int) bool {
	for n := 0; n < maxKeyLen; n++ {
		i--
		if i < 0 || s.text[i] == '\n' {
			return true
		}
		if strings.IndexByte(" \t-{[(,;|", s.text[i]) < 0 {
			return s.text[i] == 'n' && i > 0 && s.text[i-1] == '\\'
		}
	}
	return false
}

// english says whether v is a word that sentences about secrets go on with.
func english(v string) bool {
	return oneOf(v, "a", "an", "the", "is", "was", "are", "were", "be", "been", "or", "and", "nor", "not", "no", "to", "must", "for", "with", "in", "of", "on", "at", "by", "but", "if", "when", "as", "can", "cannot", "could", "should", "has", "have", "had", "from", "instead", "will", "does", "did", "do", "it", "its", "this", "that", "you", "your", "please", "too", "only", "also", "any", "all", "than", "then", "via", "using", "used",
		"flag", "flags", "option", "options", "argument", "arguments", "parameter", "value", "field", "requires", "required", "given", "specified", "provided", "set", "supplied",
		"failed", "failure", "fail", "error", "errors", "incorrect", "invalid", "wrong", "expired", "missing", "unauthorized", "unauthenticated", "forbidden", "denied", "rejected", "refused", "unable", "authentication", "access", "permission", "mismatch", "changed", "updated", "created", "deleted", "rotated", "accepted", "found", "unexpected", "unknown", "unsupported", "context", "timeout", "timed", "dial", "rpc", "connection", "open", "stat", "read", "get", "post", "put", "delete", "patch", "failing", "retrying", "skipping", "waiting", "could", "didn't", "doesn't", "can't", "won't", "operation", "internal", "server", "client", "request", "response", "ok", "success", "succeeded", "passed")
}
