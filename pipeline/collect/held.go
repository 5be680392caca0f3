package collect

// held is text that waits for more: the parts of a line, or a trace.
//
//	buf   header \n frame \n frame \n blank \n function
//	      |---- sure ----------------|
//	tail                             [blank, function]
//
// The tail is lines that belong to it only if a later one proves it. If none
// does, each is taken again as a line of its own.
type held struct {
	head  line // the entry to be: what its first line said; end and lines grow
	buf   []byte
	sure  int   // bytes of buf that belong to the entry
	last  int64 // time of the line that came last, tail included
	tail  []tailLine
	trace trace

	prev, next *held // in the shelf, by start
}

// tailLine is a doubtful line: buf[from:to].
type tailLine struct {
	line
	from, to int
}

func (h *held) start() int64 { return h.head.start }

// add appends a line's text.
func (h *held) add(l *line, text []byte) {
	h.buf = append(append(h.buf, '\n'), text...)
	h.last = l.time
}

// include makes all of buf, up to the source's offset end, part of the entry.
func (h *held) include(end int64, lines int) {
	for i := range h.tail {
		lines += h.tail[i].lines
	}
	h.head.end = end
	h.head.lines += lines
	h.sure = len(h.buf)
	h.tail = h.tail[:0]
}

// shelf keeps one held for each context, in order of where they start.
type shelf struct {
	byKey       map[Key]*held
	first, last *held
}

func newShelf() shelf { return shelf{byKey: make(map[Key]*held)} }

func (s *shelf) get(key *Key) *held {
	if s.first == nil {
		return nil
	}
	return s.byKey[*key]
}

// put adds h. It nearly always starts last; only a doubtful line that is taken
// again starts before lines that came since.
func (s *shelf) put(h *held) {
	s.byKey[h.head.key] = h
	after := s.last
	for after != nil && after.start() > h.start() {
		after = after.prev
	}
	h.prev = after
	if after == nil {
		h.next, s.first = s.first, h
	} else {
		h.next, after.next = after.next, h
	}
	if h.next == nil {
		s.last = h
	} else {
		h.next.prev = h
	}
}

func (s *shelf) remove(h *held) {
	delete(s.byKey, h.head.key)
	if h.prev == nil {
		s.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		s.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next = nil, nil
}
