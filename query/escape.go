package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes text of strangers harmless on a terminal and in a table: every
// control character (ESC, C1, DEL), every invisible or direction-changing one
// and every byte that is not UTF-8 is written out (\x1b, \u202e, \xff); newlines
// and tabs stay. Text without any is returned as it is.
func Printable(s string) string {
	clean := 0
	for clean < len(s) {
		r, size := utf8.DecodeRuneInString(s[clean:])
		if !harmless(r, size) {
			break
		}
		clean += size
	}
	if clean == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:clean])
	for i := clean; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case harmless(r, size):
			b.WriteString(s[i : i+size])
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\r':
			b.WriteString(`\r`)
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += size
	}
	return b.String()
}

func harmless(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return r == '\n' || r == '\t' || unicode.IsGraphic(r)
}
