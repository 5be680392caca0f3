package analysis

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/loglode/loglode/pipeline"
)

// Entry appends the numbers of all terms by which an entry is found: those of
// its Message and of its attributes' keys and values. Their count is the
// entry's length in BM25.
func (a *Analyser) Entry(dst []uint32, e *pipeline.Entry) []uint32 {
	dst = a.Append(dst, e.Message)
	for i := range e.Attributes {
		dst = a.Append(dst, e.Attributes[i].Key)
		dst = a.value(dst, e.Attributes[i].Value)
	}
	return dst
}

// value appends the terms of a JSON value. Only escapes set its terms apart
// from those of its text ("a\nb" holds no nb), so the rest is read as text.
func (a *Analyser) value(dst []uint32, json string) []uint32 {
	if strings.IndexByte(json, '\\') < 0 {
		return a.Append(dst, json)
	}
	start := len(dst)
	d := jsontext.NewDecoder(strings.NewReader(json), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for depth := -1; depth != 0; depth = d.StackDepth() {
		token, err := d.ReadToken()
		if err != nil {
			return a.Append(dst[:start], json) // not JSON after all: text
		}
		switch token.Kind() {
		case '{', '}', '[', ']':
		default:
			dst = a.Append(dst, token.String())
		}
	}
	return dst
}
