package collect

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner walks one level of a JSON value and hands out its members' raw bytes,
// which alias the value. It builds nothing: one pass, no allocation.
type scanner struct {
	decoder *jsontext.Decoder
	buffer  *bytes.Buffer
}

var errNotContainer = errors.New("not a JSON object or array")

func newScanner() scanner {
	s := scanner{buffer: new(bytes.Buffer)}
	// What is scanned was made valid UTF-8 before; a lone surrogate escape is
	// no reason to lose a line's shape.
	s.decoder = jsontext.NewDecoder(s.buffer, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	return s
}

// object calls member for each member of the object that is all of raw, with
// the name as a quoted string.
func (s *scanner) object(raw []byte, member func(name, value []byte)) error {
	return s.walk(raw, '{', func() error {
		name, err := s.value(raw)
		if err != nil {
			return err
		}
		value, err := s.value(raw)
		if err != nil {
			return err
		}
		member(name, value)
		return nil
	})
}

// array calls element for each element of the array that is all of raw.
func (s *scanner) array(raw []byte, element func(value []byte)) error {
	return s.walk(raw, '[', func() error {
		value, err := s.value(raw)
		if err != nil {
			return err
		}
		element(value)
		return nil
	})
}

// walk steps through the container that begins with open until its end, which
// must be the end of raw.
func (s *scanner) walk(raw []byte, open jsontext.Kind, step func() error) error {
	*s.buffer = *bytes.NewBuffer(raw)
	s.decoder.Reset(s.buffer, s.decoder.Options())
	if s.decoder.PeekKind() != open {
		return errNotContainer
	}
	if _, err := s.decoder.ReadToken(); err != nil {
		return err
	}
	for {
		switch s.decoder.PeekKind() {
		case jsontext.KindEndObject, jsontext.KindEndArray:
			if _, err := s.decoder.ReadToken(); err != nil {
				return err
			}
			if _, err := s.decoder.ReadToken(); !errors.Is(err, io.EOF) {
				return errNotContainer
			}
			return nil
		}
		if err := step(); err != nil {
			return err
		}
	}
}

// value reads the next value and finds it again in raw, where it stays valid
// however the decoder moves on.
func (s *scanner) value(raw []byte) ([]byte, error) {
	v, err := s.decoder.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(s.decoder.InputOffset())
	return raw[end-len(v) : end], nil
}

func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }
func isArray(raw []byte) bool  { return len(raw) > 0 && raw[0] == '[' }
func isString(raw []byte) bool { return len(raw) > 0 && raw[0] == '"' }

// unquote is the text of a JSON string; empty for anything else.
func unquote(raw []byte) string {
	if !isString(raw) {
		return ""
	}
	return string(appendText(nil, raw))
}

// appendText appends the text of a JSON string.
func appendText(dst, raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(dst, raw[1:len(raw)-1]...)
	}
	// The only error left in a string that was scanned is a lone surrogate
	// escape, which has become U+FFFD.
	dst, _ = jsontext.AppendUnquote(dst, raw)
	return dst
}
