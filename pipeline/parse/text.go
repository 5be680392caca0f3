package parse

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const esc = 0x1b

func isDigit(c byte) bool  { return c-'0' < 10 }
func isUpper(c byte) bool  { return c-'A' < 26 }
func isLower(c byte) bool  { return c-'a' < 26 }
func isLetter(c byte) bool { return (c|0x20)-'a' < 26 }

// toLower writes s to dst, which is as long, with its ASCII letters in lower case.
func toLower(dst []byte, s string) {
	for i := range dst {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		dst[i] = c
	}
}

// isNameByte says whether c may stand in a logger's, program's or class's name.
func isNameByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '.' || c == '_' || c == '-' || c == '$' || c == '/' || c == '@'
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// isBoundary says whether a time may end where s begins.
func isBoundary(s string) bool { return s == "" || !isLetter(s[0]) && !isDigit(s[0]) }

func isBlank(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] > ' ' {
			return false
		}
	}
	return true
}

func trimLeft(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && s[len(s)-1] <= ' ' {
		s = s[:len(s)-1]
	}
	return s
}

func trim(s string) string { return trimRight(trimLeft(s)) }

// firstLine is s up to its first newline.
func firstLine(s string) string {
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return s[:i]
	}
	return s
}

// digitRun is the length of the digits that s begins with, at most limit.
func digitRun(s string, limit int) int {
	n := 0
	for n < len(s) && n < limit && isDigit(s[n]) {
		n++
	}
	return n
}

// cutWord cuts s at its first space or tab.
func cutWord(s string) (word, rest string) {
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' || s[i] == '\t' {
			return s[:i], trimLeft(s[i:])
		}
	}
	return s, ""
}

// cutName cuts a name of letters, digits and . _ - $ / @ that begins with a
// letter or _ and is followed by sep.
func cutName(s, sep string) (name, rest string, ok bool) {
	if s == "" || !isLetter(s[0]) && s[0] != '_' {
		return "", s, false
	}
	i := 1
	for i < len(s) && i <= maxToken && isNameByte(s[i]) {
		i++
	}
	if i > maxToken || !strings.HasPrefix(s[i:], sep) {
		return "", s, false
	}
	return s[:i], s[i+len(sep):], true
}

// cutBracket cuts the [content] that s begins with, within its first line.
func cutBracket(s string) (content, rest string, ok bool) {
	if s == "" || s[0] != '[' {
		return "", s, false
	}
	for i := 1; i < len(s) && i <= maxToken && s[i] != '\n' && s[i] != '['; i++ {
		if s[i] == ']' {
			return s[1:i], s[i+1:], true
		}
	}
	return "", s, false
}

// stripANSI removes terminal control sequences (ECMA-48: CSI ... final byte).
func stripANSI(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != esc {
			b = append(b, s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '[' {
			for i += 2; i < len(s) && (s[i] < 0x40 || s[i] > 0x7e); i++ {
			}
		}
	}
	return string(b)
}

// quote is s as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func quote(s string) string {
	b := make([]byte, 0, len(s)+8)
	b, _ = jsontext.AppendQuote(b, s)
	return string(b)
}

// unquote is the text of a JSON string that [scanString] accepted.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s[1 : len(s)-1]
	}
	b, _ := jsontext.AppendUnquote(make([]byte, 0, len(s)), s)
	return string(b)
}
