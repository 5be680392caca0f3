// Package pemkey knows the lines of a private key in PEM (RFC 7468, and the
// headers of RFC 1421), so that who joins them and who redacts them agree:
//
//	-----BEGIN RSA PRIVATE KEY-----      Begins
//	Proc-Type: 4,ENCRYPTED               Header
//	                                     Blank
//	MIIEowIBAAKCAQEA...                  Body
//	Q0==                                 Perhaps
//	-----END RSA PRIVATE KEY-----        Last
package pemkey

import "strings"

// Begin and End are what the first and the last line of any PEM block hold.
const (
	Begin = "-----BEGIN "
	End   = "-----END "
	// Label is in both lines of a private key: what to look for first, since it
	// is rarer than hyphens.
	Label = "PRIVATE KEY"

	dashes   = "-----"
	maxLabel = 64 // bytes
)

// Kind is what a line may be to the private key that began before it.
type Kind uint8

// The kinds.
const (
	Other   Kind = iota // none of it
	Blank               // as below a header
	Header              // Proc-Type, DEK-Info and those of OpenPGP
	Perhaps             // base64, but so are words: what stands around it tells
	Body                // base64 that is no word
	Last                // holds the end
)

// Begins says whether a private key begins at text[from], and where the end of
// its first line is to be looked for.
func Begins(text string, from int) (body int, ok bool) {
	if !strings.HasPrefix(text[from:], Begin) {
		return 0, false
	}
	from += len(Begin)
	words := text[from:min(len(text), from+maxLabel)]
	k := strings.Index(words, Label)
	if k < 0 || strings.Trim(words[:k], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ") != "" {
		return 0, false
	}
	return from + k, true
}

// BlockEnd is the end of the block whose body is text[body:], its last line
// included; -1 if there is none.
func BlockEnd(text string, body int) int {
	k := strings.Index(text[body:], End)
	if k < 0 {
		return -1
	}
	end := body + k + len(End)
	stop := strings.Index(text[end:min(len(text), end+maxLabel)], dashes)
	if stop < 0 {
		return -1
	}
	return end + stop + len(dashes)
}

// Unclosed says whether a private key begins in text and does not end there.
func Unclosed(text string) bool {
	for at := 0; ; {
		k := strings.Index(text[at:], Begin)
		if k < 0 {
			return false
		}
		at += k
		body, ok := Begins(text, at)
		if !ok {
			at += len(Begin)
			continue
		}
		if at = BlockEnd(text, body); at < 0 {
			return true
		}
	}
}

// Closes says whether a private key ends in text.
func Closes(text string) bool {
	k := strings.Index(text, End)
	return k >= 0 && strings.Contains(text[k:min(len(text), k+len(End)+maxLabel)], Label)
}

// OpenEnd is the end of an unclosed key whose body is text[body:]: that of the
// last line which holds some of it. What follows on the first line is the key's.
func OpenEnd(text string, body int) int {
	end := lineEnd(text, body)
	whole := true // no line of something else since the beginning
	for from := end + 1; from <= len(text); {
		stop := lineEnd(text, from)
		line := text[from:stop]
		switch Line(line) {
		case Body, Last:
			end = stop
		case Perhaps:
			if whole {
				end = stop
			}
		case Other:
			whole = false
			if Holds(line) {
				end = stop
			}
		}
		from = stop + 1
	}
	return end
}

func lineEnd(text string, from int) int {
	if k := strings.IndexByte(text[from:], '\n'); k >= 0 {
		return from + k
	}
	return len(text)
}

// Line judges one line without its newline. Indentation, quotes and list marks
// around it do not count.
func Line(text string) Kind {
	if strings.Contains(text, End) {
		if Closes(text) {
			return Last
		}
		return Other
	}
	bare := trim(text)
	n := run(bare, 0)
	switch {
	case bare == "":
		return Blank
	case isHeader(bare):
		return Header
	case n < len(bare):
		return Other
	case isMaterial(bare):
		return Body
	}
	return Perhaps
}

// trim cuts what stands around a key's line where it is quoted: in YAML, mail,
// comments, and source code ('MIIE\n' +).
func trim(text string) string {
	text = strings.TrimLeft(text, " \t>|#*-\"'`")
	for {
		cut := strings.TrimRight(text, " \t\r\"'`,;")
		cut = strings.TrimSuffix(strings.TrimSuffix(cut, `\n`), `\r`)
		cut = strings.TrimSuffix(cut, " +")
		if cut == text {
			return text
		}
		text = cut
	}
}

func isHeader(bare string) bool {
	name, _, ok := strings.Cut(bare, ": ")
	switch name {
	case "Proc-Type", "DEK-Info", "Version", "Comment", "Hash", "Charset":
		return ok
	}
	return false
}

// Runs calls fn with each range of a line that is a key's, whatever stands
// before it: base64 of 40 columns, of 16 where a text or a quoted part of it
// ends, and the padded rest that is all of a line.
func Runs(line string, fn func(from, to int)) {
	end := len(strings.TrimRight(line, " \t\r"))
	for i := 0; i < end; {
		to := run(line[:end], i)
		if to == i {
			i++
			continue
		}
		part := line[i:to]
		last := to == end || strings.IndexByte("\"'`\\", line[to]) >= 0
		switch {
		case len(part) < 40 && !last:
		case isMaterial(part), part == trim(line) && len(part) >= 4 && part[len(part)-1] == '=':
			fn(i, to)
		}
		i = to
	}
}

// Holds says whether a line of text holds any of Runs.
func Holds(text string) (found bool) {
	for line := range strings.SplitSeq(text, "\n") {
		Runs(line, func(int, int) { found = true })
	}
	return found
}

// run is the end of the base64 that begins at text[i]: OpenPGP's checksum has
// its = in front.
func run(text string, i int) int {
	if i < len(text) && text[i] == '=' {
		i++
	}
	from := i
	for i < len(text) && classOf(text[i]) != none {
		i++
	}
	for n := 0; n < 2 && i > from && i < len(text) && text[i] == '='; n++ {
		i++
	}
	return i
}

type class uint8

const none class = 0

const (
	upper class = 1 << iota
	lower
	other // digits, + and /
)

func classOf(b byte) class {
	switch {
	case b >= 'A' && b <= 'Z':
		return upper
	case b >= 'a' && b <= 'z':
		return lower
	case b >= '0' && b <= '9', b == '+', b == '/':
		return other
	}
	return none
}

// isMaterial says whether base64 is as mixed as random bytes make it: of 16
// columns 94 in 100 hold all three classes, of 40 all but 2 in 1,000. Words,
// paths, numbers and hexadecimal digests do not.
func isMaterial(run string) bool {
	if len(run) < 16 {
		return false
	}
	var seen class
	for i := range len(run) {
		seen |= classOf(run[i])
	}
	return seen == upper|lower|other || len(run) >= 40 && seen == upper|lower
}
