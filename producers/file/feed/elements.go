package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Shape is how a source holds its entries.
type Shape uint8

// The shapes of a source.
const (
	ShapeLines    Shape = iota // one entry a line
	ShapeArray                 // a JSON array of objects
	ShapeDocument              // JSON objects that are spread over lines
	ShapeStream                // JSON objects with nothing between them (Fluent Bit's json_stream)
)

// SniffBytes is how much of a source Sniff should see.
const SniffBytes = 64 << 10

// Sniff tells the shape from a source's first bytes. It is a guess, which may
// turn out not to parse, for all shapes but ShapeLines.
func Sniff(head []byte) Shape {
	head = skipBlank(head, " \t\r\n")
	if len(head) == 0 {
		return ShapeLines
	}
	rest := head[1:]
	switch head[0] {
	case '[':
		// "[ERROR] out of disk" and "[2026-01-01] up" are lines.
		if next := skipBlank(rest, " \t\r\n"); len(next) > 0 && (next[0] == '{' || next[0] == ']') {
			return ShapeArray
		}
	case '{':
		if next := skipBlank(rest, " \t\r"); len(next) > 0 && next[0] == '\n' {
			return ShapeDocument
		}
		return sniffObjects(head)
	}
	return ShapeLines
}

// sniffObjects tells objects a line from one that goes on behind its line, and
// from several on one.
func sniffObjects(head []byte) Shape {
	d := jsontext.NewDecoder(bytes.NewReader(head), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	err := d.SkipValue()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && bytes.IndexByte(head, '\n') >= 0:
		return ShapeDocument // the first object is longer than its line, and than head
	case err != nil:
		return ShapeLines
	case bytes.IndexByte(head[:d.InputOffset()], '\n') >= 0:
		return ShapeDocument
	}
	if next := skipBlank(head[d.InputOffset():], " \t\r"); len(next) > 0 && next[0] == '{' {
		return ShapeStream
	}
	return ShapeLines
}

func skipBlank(b []byte, blank string) []byte { return bytes.TrimLeft(b, blank) }

// SyntaxError says where a source stops being JSON.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not JSON at byte %d: %v", e.Offset, e.Err)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// maxElement bounds the bytes of one element, blanks included.
const maxElement = 16 << 20

// Elements calls fn with each entry of a source that is not lines: the elements
// of arrays, the items of Kubernetes lists (an object with an apiVersion before
// its items), other objects as they are; start and end are its byte range. elem
// is JSON without newlines and valid until fn returns.
//
// What is not JSON, or holds an element of more than 16 MiB, is a SyntaxError;
// errors of r and fn are returned as they are.
func Elements(r io.Reader, fn func(elem []byte, start, end int64) error) error {
	e := &elements{fn: fn, guard: guard{r: r}}
	e.guard.e = e
	e.d = jsontext.NewDecoder(&e.guard, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	err := e.all()
	var failed *callError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &failed):
		return failed.err
	case e.guard.err != nil:
		return e.guard.err
	}
	return &SyntaxError{Offset: e.d.InputOffset(), Err: err}
}

type elements struct {
	d     *jsontext.Decoder
	guard guard
	fn    func(elem []byte, start, end int64) error
	buf   []byte
}

// guard bounds what the decoder holds of one value.
type guard struct {
	r    io.Reader
	e    *elements
	read int64
	err  error
}

func (g *guard) Read(p []byte) (int, error) {
	if g.read-g.e.d.InputOffset() > maxElement {
		return 0, fmt.Errorf("an element has more than %d bytes", maxElement)
	}
	n, err := g.r.Read(p)
	g.read += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		g.err = err
	}
	return n, err
}

type callError struct{ err error }

func (e *callError) Error() string { return e.err.Error() }

func (e *elements) all() error {
	for {
		switch e.d.PeekKind() {
		case '[':
			if err := e.array(); err != nil {
				return err
			}
		case '{':
			if err := e.object(); err != nil {
				return err
			}
		default:
			err := e.value()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

func (e *elements) array() error {
	if _, err := e.d.ReadToken(); err != nil {
		return err
	}
	for e.d.PeekKind() != ']' {
		if err := e.value(); err != nil {
			return unexpected(err)
		}
	}
	_, err := e.d.ReadToken()
	return unexpected(err)
}

// value hands on the next value.
func (e *elements) value() error {
	v, err := e.d.ReadValue()
	if err != nil {
		return err
	}
	end := e.d.InputOffset()
	return e.call(v, end-int64(len(v)), end)
}

func (e *elements) call(v []byte, start, end int64) error {
	// A newline can only stand between the tokens of valid JSON.
	if bytes.IndexByte(v, '\n') >= 0 {
		e.buf = append(e.buf[:0], v...)
		compact := jsontext.Value(e.buf)
		if err := compact.Compact(); err != nil {
			return err
		}
		v = compact
	}
	if err := e.fn(v, start, end); err != nil {
		return &callError{err}
	}
	return nil
}

// object hands on an object, or the items of a Kubernetes list. kubectl writes
// a list's kind behind its items: apiVersion is all there is to know it by.
func (e *elements) object() error {
	if _, err := e.d.ReadToken(); err != nil {
		return err
	}
	start := e.d.InputOffset() - 1
	whole := []byte{'{'}
	list, versioned := false, false
	for e.d.PeekKind() != '}' {
		name, err := e.d.ReadToken()
		if err != nil {
			return unexpected(err)
		}
		key := name.String()
		if versioned && !list && key == "items" && e.d.PeekKind() == '[' {
			list = true
			if err := e.array(); err != nil {
				return err
			}
			continue
		}
		v, err := e.d.ReadValue()
		if err != nil {
			return unexpected(err)
		}
		versioned = versioned || key == "apiVersion"
		if list {
			continue
		}
		if len(whole)+len(v) > maxElement {
			return fmt.Errorf("an element has more than %d bytes", maxElement)
		}
		if len(whole) > 1 {
			whole = append(whole, ',')
		}
		if whole, err = jsontext.AppendQuote(whole, key); err != nil {
			return err
		}
		whole = append(append(whole, ':'), v...)
	}
	if _, err := e.d.ReadToken(); err != nil {
		return unexpected(err)
	}
	if list {
		return nil
	}
	return e.call(append(whole, '}'), start, e.d.InputOffset())
}

// unexpected is err where the end of the input is none.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
