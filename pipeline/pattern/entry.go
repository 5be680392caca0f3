package pattern

import (
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// Entry is the pattern of an entry: of its message, and of those of its
// attributes that say something. Who wrote the entry, when and in which trace is
// no part of it.
//
//	a line with fields  "<message> key=<*> err="<masked text>""
//	an event            "<reason> <object's kind>: <message>"
//	an access log       ""GET <*>" 5xx ..."
func (m *Miner) Entry(e *pipeline.Entry) pipeline.Pattern {
	s := &m.scan
	s.reset()
	if e.Kind == pipeline.KindEvent && e.Event != nil {
		s.event(e)
		return m.pattern()
	}
	if e.Message != "" && (e.Message[0] != '{' || len(e.Attributes) == 0) {
		s.message(e.Message)
	}
	if !strings.HasPrefix(e.Message, `"`) || !isAccess(e.Attributes) {
		for i := range e.Attributes {
			if s.done {
				break
			}
			s.attribute(e.Attributes[i].Key, e.Attributes[i].Value)
		}
	}
	return m.pattern()
}

func (s *scanner) event(e *pipeline.Entry) {
	s.line(cutLine(e.Event.Reason))
	s.space = true
	s.line(cutLine(e.Event.ObjectKind))
	if len(s.out) > 0 && !s.done {
		s.separator(':')
		s.space = true
	}
	s.message(e.Message)
}

// attribute emits a field of a structured line; value is JSON text.
func (s *scanner) attribute(key, value string) {
	if isHeader(key) {
		return
	}
	s.space, s.hole, s.named, s.synced, s.prev = true, -1, -1, false, ""
	if flagsOf(key)&^(anyCase|hyphen|underscore|dot) != 0 || !isLetter(key[0]) || len(key) > 48 {
		return // a key that holds a value
	}
	s.word(key)
	s.separator('=')
	if len(value) > 2 && value[0] == '"' {
		content := value[1 : len(value)-1]
		if isErrorKey(key) || isSentence(content) {
			if i := strings.Index(content, `\n`); i > 0 {
				content = content[:i]
			}
			s.separator('"')
			s.inside = true
			s.line(cutLine(content))
			s.inside = false
			if !s.done {
				s.space = false
				s.separator('"')
			}
			return
		}
	}
	s.mask(false)
}

// isAccess says that the attributes are those of an access log's line, which
// repeat its message.
func isAccess(attributes []pipeline.Attribute) bool {
	for i := range attributes {
		if attributes[i].Key == "status" {
			return true
		}
	}
	return false
}
