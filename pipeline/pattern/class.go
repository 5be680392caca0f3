package pattern

// flags say what bytes a chunk is made of.
type flags uint16

const (
	letter flags = 1 << iota // a-z
	upper                    // A-Z
	digit
	dot
	slash
	backslash
	hyphen
	underscore
	colon
	at
	high    // not ASCII
	symbol  // any other byte that does not end a chunk
	stop    // ends a chunk: brackets, quotes, separators
	blank   // ends a chunk: white space and control characters
	anyCase = letter | upper
)

// class is the flags of each byte.
var class = func() (t [256]flags) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z':
			t[c] = letter
		case c >= 'A' && c <= 'Z':
			t[c] = upper
		case c >= '0' && c <= '9':
			t[c] = digit
		case c >= 0x80:
			t[c] = high
		case c <= ' ' || c == 0x7f:
			t[c] = blank
		default:
			t[c] = symbol
		}
	}
	for _, c := range "()[]{}<>\"'`,;=|" {
		t[c] = stop
	}
	t['.'], t['/'], t['\\'], t['-'], t['_'], t[':'], t['@'] = dot, slash, backslash, hyphen, underscore, colon, at
	return t
}()

func isBlank(c byte) bool  { return class[c]&blank != 0 }
func isDigit(c byte) bool  { return class[c]&digit != 0 }
func isUpper(c byte) bool  { return class[c]&upper != 0 }
func isLetter(c byte) bool { return class[c]&anyCase != 0 }

// flagsOf gathers the flags of all bytes of s.
func flagsOf(s string) (f flags) {
	for i := 0; i < len(s); i++ {
		f |= class[s[i]]
	}
	return f
}

// lowered is s in lower case, in buf; empty where it does not fit.
func lowered(s string, buf *[24]byte) []byte {
	if len(s) > len(buf) {
		return nil
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		buf[i] = c
	}
	return buf[:len(s)]
}
