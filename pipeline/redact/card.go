package redact

// card finds a card number that begins with the run of digits text[i:end]: all
// of it, or the first of groups of 4-4-4-4(-3), 4-6-5 and 4-6-4. It must have
// an issuer's prefix and length, pass the Luhn check, and not be part of
// anything longer: hexadecimal IDs, decimals, versions, paths.
func (s *scan) card(i, end int) int {
	if c := s.text[i]; c < '2' || c > '6' || !startsNumber(s.text, i) {
		return 0
	}
	var number [19]byte
	n := 0
	stop := end
	if end-i >= 13 {
		if end-i > len(number) || !endsNumber(s.text, end) {
			return 0
		}
		n = copy(number[:], s.text[i:end])
		// Random 64-bit numbers have 17 to 19 digits: what says that it is an ID
		// is believed.
		if n != 15 && n != 16 && s.namedID(i) {
			return 0
		}
	} else if n, stop = grouped(s.text, i, &number); n == 0 {
		return 0
	}
	if !issued(number[:n]) || !luhn(number[:n]) {
		return 0
	}
	return s.replaceBare(ruleCard, i, stop, s.keyQuote(i))
}

// startsNumber says whether text[i] may be a number's first digit.
func startsNumber(text string, i int) bool {
	if i == 0 {
		return true
	}
	switch c := text[i-1]; c {
	case '.', '-', '_', '+', '@', '$', '%', '~':
		return false
	case 'D', 'd':
		return i > 2 && text[i-2] == '3' && text[i-3] == '%' // an escaped =
	case 'n', 't', 'r':
		return escapedBreak(text, i)
	default:
		return c < 0x80 && !alnum.has(c)
	}
}

// endsNumber says whether the number that ends at text[:end] ends there.
func endsNumber(text string, end int) bool {
	if end == len(text) {
		return true
	}
	switch c := text[end]; c {
	case '.':
		return end+1 == len(text) || !alnum.has(text[end+1])
	case '-', '_', '@', '%', '~', '+':
		return false
	default:
		return c < 0x80 && !alnum.has(c)
	}
}

// grouped gathers the digits of a number in groups joined by one kind of
// separator, a space or a hyphen.
func grouped(text string, i int, number *[19]byte) (n, end int) {
	if i+4 >= len(text) || text[i+4] != ' ' && text[i+4] != '-' {
		return 0, 0
	}
	sep := text[i+4]
	var groups [6]int
	g, at := 0, i
	for g < len(groups) {
		stop := digits.run(text[:min(len(text), at+8)], at)
		if stop-at > 6 || stop == at || n+stop-at > len(number) {
			break
		}
		n += copy(number[n:], text[at:stop])
		groups[g] = stop - at
		g++
		end = stop
		if stop+1 >= len(text) || text[stop] != sep || !isDigit(text[stop+1]) {
			break
		}
		at = stop + 1
		// Numbers in a row are no part of the card: "4111 1111 1111 1111 200".
		if sep == ' ' && n == 16 && groups == [6]int{4, 4, 4, 4} && !isGroup(text, at, 3) {
			break
		}
	}
	switch groups {
	case [6]int{4, 4, 4, 4}, [6]int{4, 4, 4, 4, 3}, [6]int{4, 6, 5}, [6]int{4, 6, 4}:
	default:
		return 0, 0
	}
	if !endsNumber(text, end) {
		return 0, 0
	}
	if n == 19 && sep == ' ' && !luhn(number[:n]) {
		n, end = 16, end-4
	}
	return n, end
}

func isGroup(text string, at, n int) bool { return digits.run(text, at) == at+n }

// issued says whether a number has the prefix and the length of an issuer:
// ISO/IEC 7812 ranges as the schemes publish them.
func issued(d []byte) bool {
	prefix := func(n int) int {
		v := 0
		for _, c := range d[:n] {
			v = v*10 + int(c-'0')
		}
		return v
	}
	n, two, three, four := len(d), prefix(2), prefix(3), prefix(4)
	switch {
	case d[0] == '4': // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case three >= 300 && three <= 305, two == 36 || two == 38 || two == 39: // Diners Club
		return n == 14 || n == 16
	case four >= 3528 && four <= 3589: // JCB
		return n >= 16
	case four == 6011, three >= 644 && three <= 649, two == 65: // Discover
		return n == 16 || n == 19
	case two == 62: // UnionPay
		return n >= 16
	case four >= 2200 && four <= 2204: // Mir
		return n == 16
	case four == 5018, four == 5020, four == 5038, four == 5893, four == 6304, four == 6759, four >= 6761 && four <= 6763: // Maestro
		return true
	}
	return false
}

// luhn is the check of ISO/IEC 7812-1, annex B. A number of one digit only
// passes it and is no card.
func luhn(d []byte) bool {
	sum, same := 0, true
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
		same = same && d[i] == d[0]
	}
	return sum%10 == 0 && !same
}

// namedID says whether text[i:] is the value of a key that names an ID, a time
// or a place in a stream.
func (s *scan) namedID(i int) bool {
	k := keyBefore(s.text, i)
	for _, suffix := range [...]string{"id", "ids", "time", "timestamp", "ts", "seq", "sequence", "offset", "span", "trace", "hash", "version", "revision"} {
		if len(k) >= len(suffix) && foldEqual(k[len(k)-len(suffix):], suffix) {
			return true
		}
	}
	return false
}

// keyBefore is the key in front of a value at text[i], through quotes, spaces
// and one operator; empty if there is none.
func keyBefore(text string, i int) string {
	i = skipBack(text, i, " \"'\\")
	if i > 0 && (text[i-1] == '=' || text[i-1] == ':') {
		i--
	}
	i = skipBack(text, i, " \"'\\")
	from := i
	for from > 0 && i-from < maxKeyLen && keyBytes.has(text[from-1]) {
		from--
	}
	return text[from:i]
}

// skipBack is the place before text[:i]'s last bytes that are in set; it skips
// 8 at most.
func skipBack(text string, i int, set string) int {
	for n := 0; i > 0 && n < 8; n++ {
		k := 0
		for k < len(set) && set[k] != text[i-1] {
			k++
		}
		if k == len(set) {
			break
		}
		i--
	}
	return i
}

// keyQuote is the quote, escapes included, that closes the key of the bare
// value at text[i]: the value's token must stand in the same.
func (s *scan) keyQuote(i int) string {
	i = skipBack(s.text, i, " \t")
	if i == 0 || s.text[i-1] != ':' {
		return ""
	}
	end := skipBack(s.text, i-1, " \t")
	if end == 0 || s.text[end-1] != '"' {
		return ""
	}
	from := end - 1
	for from > 0 && s.text[from-1] == '\\' && end-from < maxQuote {
		from--
	}
	if end-from == maxQuote {
		return ""
	}
	return s.text[from:end]
}
