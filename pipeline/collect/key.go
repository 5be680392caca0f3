package collect

import (
	"bytes"

	"github.com/loglode/loglode/pipeline/redact/pemkey"
)

// A private key is joined like a trace, so that redaction sees all of it. Where
// that fails (another line between its lines, a prefix before each, a bound, a
// line of JSON each) the entries that may hold the rest of it are marked.

const (
	maxKeyGap = 100 // lines without any of a key's behind one that is open
	maxKeys   = 256 // contexts with an open key
)

// openKey is a private key whose beginning was emitted without its end.
type openKey struct {
	start int64 // of the entry that it begins in
	left  int   // lines that it may still go on behind
}

// opensKey tells whether a line begins a private key that goes on in the next.
// Structured logs are left alone: joined, they would be none any more; so is
// what was joined before it came.
func opensKey(text []byte) bool {
	return text[0] != '{' && bytes.IndexByte(text, '\n') < 0 && pemkey.Unclosed(string(text))
}

// afterKey: base64 that is no word is the key's; short base64, headers and
// blanks are if more of it follows.
func afterKey(text []byte) verdict {
	switch pemkey.Line(string(text)) {
	case pemkey.Last:
		return ends
	case pemkey.Body:
		return belongs
	case pemkey.Blank, pemkey.Header, pemkey.Perhaps:
		return doubtful
	}
	return foreign
}

// followKey keeps track of the open key of an entry's context, and tells whether
// one was open before the entry.
func (c *Collector) followKey(l *line, text string) (inKey bool) {
	k, inKey := c.keys[l.key]
	switch {
	case l.pem && pemkey.Unclosed(text):
		if len(c.keys) >= maxKeys && !inKey {
			c.forgetOldestKey()
		}
		c.keys[l.key] = openKey{start: l.start, left: maxKeyGap}
		return inKey
	case !inKey:
		return false
	case pemkey.Closes(text):
		delete(c.keys, l.key)
		return true
	case pemkey.Holds(text):
		k.left = maxKeyGap
	default:
		k.left -= l.lines
	}
	if k.left <= 0 {
		delete(c.keys, l.key)
	} else {
		c.keys[l.key] = k
	}
	return true
}

func (c *Collector) forgetOldestKey() {
	var oldest Key
	start := int64(-1)
	for key, k := range c.keys {
		if start < 0 || k.start < start {
			oldest, start = key, k.start
		}
	}
	delete(c.keys, oldest)
}

// forgetKeys gives up the keys that began too far back.
func (c *Collector) forgetKeys(start int64) {
	for key, k := range c.keys {
		if start-k.start > maxBehind {
			delete(c.keys, key)
		}
	}
}
