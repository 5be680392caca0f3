// Package feed cuts a source's bytes into what a collector takes: lines, or the
// elements of JSON documents, in bounded memory.
//
//	bytes -> Decompress (by magic bytes, bomb guard) -> Sniff -> Lines or Elements -> collect.Collector
package feed

import (
	"bytes"
	"errors"
	"io"
)

// HeadBytes is how much is kept of a line that is too long.
const HeadBytes = 4 << 10

// Line is one line of a source. Data is valid until the next call of Next.
type Line struct {
	// Data has neither its newline nor a carriage return before it. It is the
	// first HeadBytes bytes when Long.
	Data []byte
	// Start and End are the line's byte range in the source, its newline
	// included.
	Start, End int64
	// Long says that the line is longer than the limit.
	Long bool
	// Open says that the source ended without a newline.
	Open bool
}

// Lines cuts a reader into lines. A line over the limit is skipped without
// being held.
//
// NUL bytes at a line's beginning are skipped: a writer that keeps its offset
// while its file is truncated under it (logrotate's copytruncate) leaves a hole
// there, of any size.
type Lines struct {
	r      io.Reader
	max    int
	buf    []byte
	lo, hi int
	offset int64 // of buf[lo]
	err    error
}

const readBytes = 64 << 10

// NewLines reads lines of at most max bytes from r, whose first byte is at
// offset of the source.
func NewLines(r io.Reader, offset int64, max int) *Lines {
	return &Lines{r: r, max: max, offset: offset, buf: make([]byte, readBytes)}
}

// Reset begins with another reader, whose first byte is at offset of its source.
// The buffer is used again.
func (l *Lines) Reset(r io.Reader, offset int64) {
	l.r, l.offset, l.lo, l.hi, l.err = r, offset, 0, 0, nil
}

// Next returns the next line. Its error is io.EOF at the end, or the reader's:
// then all complete lines were returned before it, and Unfinished bytes were
// not.
func (l *Lines) Next() (Line, error) {
	searched := 0
	for {
		if searched == 0 {
			l.skipHole()
		}
		if i := bytes.IndexByte(l.buf[l.lo+searched:l.hi], '\n'); i >= 0 {
			return l.cut(searched+i, searched+i+1, false), nil
		}
		searched = l.hi - l.lo
		if searched > max(l.max, HeadBytes) {
			return l.skip()
		}
		if errors.Is(l.err, io.EOF) && searched > 0 {
			return l.cut(searched, searched, true), nil
		}
		if l.err != nil {
			return Line{}, l.err
		}
		l.fill()
	}
}

// Unfinished is the number of bytes after the last line that Next returned.
func (l *Lines) Unfinished() int64 { return int64(l.hi - l.lo) }

// cut returns the first n bytes of the buffer as a line and moves past the
// first total bytes.
func (l *Lines) cut(n, total int, open bool) Line {
	line := Line{Data: l.buf[l.lo : l.lo+n], Start: l.offset, End: l.offset + int64(total), Open: open}
	l.lo += total
	l.offset = line.End
	if n > l.max {
		line.Long, line.Data = true, line.Data[:min(n, HeadBytes)]
		return line
	}
	line.Data = bytes.TrimSuffix(line.Data, []byte{'\r'})
	return line
}

// skip moves past a line that is longer than the limit.
func (l *Lines) skip() (Line, error) {
	line := Line{Data: bytes.Clone(l.buf[l.lo:min(l.hi, l.lo+HeadBytes)]), Start: l.offset, Long: true}
	for {
		i := bytes.IndexByte(l.buf[l.lo:l.hi], '\n')
		if i >= 0 {
			l.advance(i + 1)
			line.End = l.offset
			return line, nil
		}
		l.advance(l.hi - l.lo)
		if errors.Is(l.err, io.EOF) {
			line.End, line.Open = l.offset, true
			return line, nil
		}
		if l.err != nil {
			return Line{}, l.err
		}
		l.fill()
	}
}

func (l *Lines) skipHole() {
	n := 0
	for l.lo+n < l.hi && l.buf[l.lo+n] == 0 {
		n++
	}
	l.advance(n)
}

func (l *Lines) advance(n int) {
	l.lo += n
	l.offset += int64(n)
}

// fill reads more. The buffer grows to the longest line, never past the limit
// by more than two reads: Next skips a line as soon as it is over the limit.
func (l *Lines) fill() {
	if l.lo > 0 {
		copy(l.buf, l.buf[l.lo:l.hi])
		l.lo, l.hi = 0, l.hi-l.lo
	}
	if len(l.buf)-l.hi < readBytes/2 {
		grown := make([]byte, min(2*len(l.buf), l.max+2*readBytes))
		copy(grown, l.buf[:l.hi])
		l.buf = grown
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.hi:])
		l.hi += n
		if err != nil {
			l.err = err
			return
		}
		if n > 0 {
			return
		}
	}
	l.err = io.ErrNoProgress
}
