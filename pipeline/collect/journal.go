package collect

import (
	"bytes"
	"strconv"

	"github.com/loglode/loglode/pipeline"
)

// isJournal: an entry of systemd's journal, from journalctl -o json or Fluent
// Bit's systemd input.
func isJournal(m *members) bool {
	return m.raw[fJournalMessage] != nil && m.any(fJournalTime, fJournalHost, fJournalUnit, fJournalTransport)
}

// journalLine takes an entry of the journal. Its container is its unit, else
// what it calls itself, else how it came.
func (c *Collector) journalLine(l line) (done bool, err error) {
	m := &c.members
	text, ok := c.journalMessage(m.raw[fJournalMessage])
	if !ok {
		return false, nil
	}
	if l.time, ok = c.journalTime(); !ok {
		return false, nil
	}
	unit := m.raw[fJournalUnit]
	for _, f := range [...]field{fJournalIdentifier, fJournalTransport} {
		if !isString(unit) || len(unit) == len(`""`) {
			unit = m.raw[f]
		}
	}
	l.src = c.node(m.raw[fJournalHost], unit)
	l.kind, l.stream = pipeline.KindNode, "journal"
	l.key = l.src.key(l.stream)
	if p := plainText(m.raw[fJournalPriority]); len(p) == 1 && p[0] >= '0' && p[0] <= '7' && !hasLevel(text) {
		l.priority = p[0]
	}
	return true, c.whole(&l, text)
}

// journalTime is in microseconds since 1970, written as a string. Fluent Bit
// hands on only the sender's and its own.
func (c *Collector) journalTime() (int64, bool) {
	for _, f := range [...]field{fJournalTime, fJournalSourceTime} {
		if us, err := strconv.ParseInt(string(plainText(c.members.raw[f])), 10, 64); err == nil && us > 0 && us < 1<<63/1000 {
			return us * 1000, true
		}
	}
	t := c.envelopeTime()
	return t, t != 0
}

// journalMessage is the text of MESSAGE: a string, an array of bytes when it is
// not printable, or null when it is too large for journalctl's --all.
func (c *Collector) journalMessage(raw []byte) (text []byte, ok bool) {
	switch {
	case isString(raw):
		return c.unquoted(raw), true
	case bytes.Equal(raw, []byte("null")):
		return nil, true
	case !isArray(raw):
		return nil, false
	}
	ok = true
	text = c.text[:0]
	err := c.inner.array(raw, func(value []byte) {
		n, err := strconv.ParseUint(string(value), 10, 8)
		ok = ok && err == nil
		text = append(text, byte(n))
	})
	c.text = text
	if err != nil || !ok {
		return nil, false
	}
	return c.valid(text), true
}

// plainText is the text of a JSON number, or of a string that holds one.
func plainText(raw []byte) []byte {
	switch {
	case isString(raw):
		return raw[1 : len(raw)-1]
	case len(raw) > 0 && raw[0] >= '0' && raw[0] <= '9':
		return raw
	}
	return nil
}

// hasLevel tells whether a message says itself how severe it is, in a form that
// package parse reads: then the journal's PRIORITY, which is 6 for all that a
// service prints, must not stand before it.
func hasLevel(text []byte) bool {
	if len(text) > 256 {
		text = text[:256]
	}
	if len(text) == 0 {
		return true
	}
	if text[0] == '{' || text[0] == '<' && len(text) > 2 && text[2] == '>' || isKlog(text) {
		return true
	}
	for _, key := range [...]string{"level=", "lvl=", "severity=", `"level":`} {
		if bytes.Contains(text, []byte(key)) {
			return true
		}
	}
	return hasLevelWord(text[:min(len(text), 80)])
}

// hasLevelWord looks for a level in capitals that stands as a word.
func hasLevelWord(text []byte) bool {
	for len(text) > 0 {
		n := 0
		for n < len(text) && text[n] >= 'A' && text[n] <= 'Z' {
			n++
		}
		switch string(text[:n]) {
		case "TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "PANIC", "SEVERE":
			if n == len(text) || !isLetter(text[n]) {
				return true
			}
		}
		// On to the start of the next word.
		for n < len(text) && isLetter(text[n]) {
			n++
		}
		for n < len(text) && !isLetter(text[n]) {
			n++
		}
		text = text[n:]
	}
	return false
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
