package collect

import (
	"bytes"

	"github.com/loglode/loglode/pipeline/redact/pemkey"
)

const (
	maxGap  = 5e9 // ns between the times of two lines of one trace
	maxTail = 10  // doubtful lines
	// Buffers that grew beyond this are left to the garbage collector.
	maxSpareBytes = 64 << 10
	maxSpare      = 64
)

// part takes a line whose shape tells whether its text goes on, and joins the
// parts of a context's lines, by nothing but that. A joined line past a bound
// goes on in a new one: nothing is lost.
func (c *Collector) part(l *line, text []byte, more completeness) error {
	h := c.parts.get(&l.key)
	if h != nil && (len(h.buf)+len(text) > c.options.MaxLine || h.head.lines >= maxJoinedLines) {
		if err := c.finishPart(h); err != nil {
			return err
		}
		h = nil
	}
	if h == nil {
		if more == whole {
			return c.whole(l, text)
		}
		return c.hold(&c.parts, l, text, trace{})
	}
	h.buf = append(h.buf, text...)
	h.head.end = l.end
	h.head.lines += l.lines
	if more == whole {
		return c.finishPart(h)
	}
	return nil
}

// finishPart takes what came of a line as all of it.
func (c *Collector) finishPart(h *held) error {
	c.parts.remove(h)
	err := c.whole(&h.head, h.buf)
	c.free(h)
	return err
}

// whole takes a complete line: it goes on with its context's trace, may begin
// one, or stands for itself.
func (c *Collector) whole(l *line, text []byte) error {
	for {
		h := c.traces.get(&l.key)
		if h == nil {
			break
		}
		taken, err := c.extend(h, l, text)
		if taken || err != nil {
			return err
		}
		// What was doubtful has been taken again and may be held anew.
	}
	l.pem = bytes.Contains(text, []byte(pemkey.Label))
	if l.pem && opensKey(text) {
		return c.hold(&c.traces, l, text, trace{family: privateKey})
	}
	if t, ok := opening(text); ok && bytes.IndexByte(text, '\n') < 0 {
		return c.hold(&c.traces, l, text, t)
	}
	return c.emit(l, text)
}

// extend offers a line to its context's trace; the trace is released if the line
// is none of it.
func (c *Collector) extend(h *held, l *line, text []byte) (taken bool, err error) {
	if !within(h.last, l.time) || bytes.IndexByte(text, '\n') >= 0 {
		return false, c.release(h)
	}
	fits := len(h.buf)+1+len(text) <= c.options.MaxLine && h.head.lines+len(h.tail)+l.lines <= maxJoinedLines
	switch h.trace.next(text) {
	case belongs:
		if !fits {
			return c.split(h, l, text)
		}
		h.add(l, text)
		h.include(l.end, l.lines)
		return true, nil
	case ends:
		if !fits {
			return false, c.release(h)
		}
		h.add(l, text)
		h.include(l.end, l.lines)
		return true, c.release(h)
	case doubtful:
		if !fits || len(h.tail) == maxTail {
			return false, c.release(h)
		}
		h.add(l, text)
		h.tail = append(h.tail, tailLine{*l, len(h.buf) - len(text), len(h.buf)})
		return true, nil
	}
	return false, c.release(h)
}

// split lets a trace that has reached a bound go on in a new entry, which
// begins with the doubtful lines that l has proved, if any.
func (c *Collector) split(h *held, l *line, text []byte) (taken bool, err error) {
	if len(h.buf)-h.sure+len(text) > c.options.MaxLine {
		return false, c.release(h)
	}
	begin := *l
	var joined []byte
	if len(h.tail) > 0 {
		joined = append(append(joined, h.buf[h.tail[0].from:]...), '\n')
		begin = h.tail[0].line
		begin.end = l.end
		begin.lines = l.lines
		for i := range h.tail {
			begin.lines += h.tail[i].lines
		}
		h.tail = h.tail[:0]
	}
	joined = append(joined, text...)
	goesOn := h.trace
	if err := c.release(h); err != nil {
		return true, err
	}
	if err := c.hold(&c.traces, &begin, joined, goesOn); err != nil {
		return true, err
	}
	if h := c.traces.get(&begin.key); h != nil {
		h.last = l.time
	}
	return true, nil
}

// hold puts a line aside. When too many contexts wait, the oldest goes.
func (c *Collector) hold(s *shelf, l *line, text []byte, t trace) error {
	h := c.take()
	h.head = *l
	h.buf = append(h.buf[:0], text...)
	h.sure, h.tail, h.trace = len(h.buf), h.tail[:0], t
	h.last = l.time
	s.put(h)
	if len(s.byKey) <= maxHeld {
		return nil
	}
	if s == &c.parts {
		return c.finishPart(s.first)
	}
	return c.settle(s.first.head.key)
}

// release emits a trace as far as it is sure and takes its doubtful lines again.
func (c *Collector) release(h *held) error {
	c.traces.remove(h)
	h.head.pem = bytes.Contains(h.buf[:h.sure], []byte(pemkey.Label))
	err := c.emit(&h.head, h.buf[:h.sure])
	for i := range h.tail {
		if err != nil {
			return err
		}
		t := &h.tail[i]
		err = c.whole(&t.line, h.buf[t.from:t.to])
	}
	c.free(h)
	return err
}

// settle emits all that a context's trace holds back.
func (c *Collector) settle(key Key) error {
	for h := c.traces.get(&key); h != nil; h = c.traces.get(&key) {
		if err := c.release(h); err != nil {
			return err
		}
	}
	return nil
}

func (c *Collector) take() *held {
	if n := len(c.spare); n > 0 {
		h := c.spare[n-1]
		c.spare = c.spare[:n-1]
		return h
	}
	return new(held)
}

func (c *Collector) free(h *held) {
	if cap(h.buf) <= maxSpareBytes && len(c.spare) < maxSpare {
		h.head.src = nil
		clear(h.tail[:cap(h.tail)])
		c.spare = append(c.spare, h)
	}
}

// within tells whether two lines' times allow that they were written together;
// lines without times always do.
func within(a, b int64) bool {
	if a == 0 || b == 0 {
		return true
	}
	return a-b <= maxGap && b-a <= maxGap
}
