package collect

import (
	"bytes"
	"encoding/binary"
)

// compact scans the top level of the usual line: JSON without blanks, of
// strings, numbers and literals, and a kubernetes object whose very bytes were
// read before. It does what scan does, in a third of the time, or reports false
// and leaves the line to scan, which is the judge of what is JSON. text is valid
// UTF-8.
func (m *members) compact(text []byte, known func(kubernetes []byte) bool) bool {
	clear(m.raw[:])
	m.others = 0
	for i := 1; ; i++ { // past the { or a comma
		n := stringEnd(text[i:])
		if n < 0 || i+n >= len(text) || text[i+n] != ':' {
			return false
		}
		f := fieldOf(text[i : i+n])
		i += n + 1
		switch n = scalarEnd(text[i:]); {
		case n > 0:
		case f == fKubernetes && m.raw[f] == nil:
			n = objectEnd(text[i:])
			if n < 0 || !known(text[i:i+n]) {
				return false
			}
		default:
			return false
		}
		switch {
		case f == fOther:
			m.others++
		case m.raw[f] == nil:
			m.raw[f] = text[i : i+n]
		}
		i += n
		switch {
		case i < len(text) && text[i] == ',':
		case i == len(text)-1 && text[i] == '}':
			return true
		default:
			return false
		}
	}
}

// stringEnd is the length of the JSON string that b begins with, or -1.
func stringEnd(b []byte) int {
	if !isString(b) {
		return -1
	}
	for i := 1; i < len(b); {
		if i+8 <= len(b) && isOrdinary(binary.LittleEndian.Uint64(b[i:])) {
			i += 8
			continue
		}
		switch x := b[i]; {
		case x == '"':
			return i + 1
		case x < ' ':
			return -1
		case x == '\\':
			if i+1 >= len(b) || bytes.IndexByte([]byte(`"\/bfnrt`), b[i+1]) < 0 {
				return -1 // also \u: rare, and subtle
			}
			i += 2
		default:
			i++
		}
	}
	return -1
}

// isOrdinary tells whether none of eight bytes is a quote, a backslash or a
// control character (the "determine if a word has a byte less than n" and
// "equal to n" tests of S. E. Anderson, Bit Twiddling Hacks; a byte above 0x7f
// is at worst taken for one of them, never missed).
func isOrdinary(w uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^(ones*'"'), w^(ones*'\\')
	return ((w-ones*' ')|(quote-ones)|(slash-ones)|w)&tops == 0
}

// scalarEnd is the length of the string, plain number or literal that b begins
// with, or -1.
func scalarEnd(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch x := b[0]; {
	case x == '"':
		return stringEnd(b)
	case hasPrefix(b, "true"), hasPrefix(b, "null"):
		return 4
	case hasPrefix(b, "false"):
		return 5
	case x >= '1' && x <= '9':
		n := digits(b)
		if n+1 < len(b) && b[n] == '.' {
			fraction := digits(b[n+1:])
			if fraction == 0 {
				return -1
			}
			n += 1 + fraction
		}
		return n
	}
	return -1
}

func digits(b []byte) (n int) {
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}

// objectEnd is the length of what may be the JSON object that b begins with:
// up to the brace that closes it; -1 if there is none.
func objectEnd(b []byte) int {
	if !isObject(b) {
		return -1
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			n := stringEnd(b[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}
