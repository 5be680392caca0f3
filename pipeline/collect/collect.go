package collect

import (
	"bytes"
	"unicode/utf8"

	"github.com/loglode/loglode/pipeline"
	"github.com/zeebo/xxh3"
)

// Bounds of what a Collector keeps. They take part in what is joined, so they
// are constants: another value gives other entries.
const (
	defaultMaxLine = 1 << 20 // bytes
	maxJoinedLines = 1000    // source lines in one entry
	maxHeld        = 4096    // contexts with something held back, of each sort
	maxSources     = 4096    // cached Resources
	// How far back Pending may stay, bytes: a container's last words in a file
	// of many containers must not hold a resumed reader there for ever.
	maxBehind    = 16 << 20
	rejectedHead = 4 << 10 // bytes of a rejected line that are kept
)

// ReasonTooLong is Entry.Rejected of a line over Options.MaxLine.
const ReasonTooLong = "too_long"

// Entry is a raw entry with what only its source needs to know.
type Entry struct {
	pipeline.RawEntry
	// Annotations are the pod's, for drop rules; never sent. They are shared
	// by all entries of a pod: nothing may change them.
	Annotations map[string]string
	// Start and End are its byte range [Start, End) in the source, from the
	// first line of a joined entry to the end of its last. Lines of other
	// containers may lie within.
	Start, End int64
	// Lines is the number of source lines in it: 1, more when joined.
	Lines int
	// InKey says that a private key began in an entry of the same context
	// before this one and did not end: Message may hold lines of it, and is for
	// redact.Redactor.KeyLine.
	InKey bool
	// Rejected, if not empty, is the reason why it can never be sent; Message
	// then holds at most its first 4 KiB.
	Rejected string

	key   Key // the numbering context, when keyed says that it is known
	keyed bool
}

// Format says which shapes of lines are recognised. A line of no shape that is
// looked for is a plain line.
type Format uint8

// The formats.
const (
	FormatAuto   Format = iota // every shape, line by line
	FormatCRI                  // container runtimes' "<time> <stream> <F|P> <text>"
	FormatDocker               // docker's json-file driver
	FormatJSON                 // every JSON shape: docker, Fluent Bit, Events, journal
	FormatText                 // none: every line is a plain line
)

// Options configure a Collector.
type Options struct {
	Format Format
	// Defaults fills a Resource's empty fields: from a file's name, flags, a
	// token.
	Defaults pipeline.Resource
	// Kind is that of plain lines.
	Kind pipeline.Kind
	// Read is RawEntry.Read of lines that have no time of their own, Unix ns.
	Read int64
	// Numbers assigns occurrence numbers; nil starts new ones with the empty
	// identity.
	Numbers *Numberer
	// MaxLine bounds a source line and a joined entry, bytes; 0 is 1 MiB.
	MaxLine int
	// Emit is called for each entry: in source order within a container's
	// stream, while a trace held back may let other containers' lines pass it.
	// The Entry is reused when Emit returns; Message and Resource may be kept.
	Emit func(*Entry) error
}

// Collector turns the lines of one source into entries. It is not safe for
// concurrent use. When Emit fails, its error is returned as it is and the
// Collector MUST be dropped: a new one reads again from what is durable.
type Collector struct {
	// Blank counts the empty lines that were skipped: those of sources without
	// times, outside a stack trace.
	Blank int64
	// InvalidUTF8 counts the lines in which bytes that are not UTF-8 became
	// U+FFFD.
	InvalidUTF8 int64

	options  Options
	defaults *source
	cluster  *pipeline.Resource // that of events: the cluster alone
	sources  map[xxh3.Uint128]*source

	found *source // that of the line's kubernetes object, when it was known

	json    scanner // the line's top level
	inner   scanner // an object inside the line
	members members
	text    []byte // an unquoted or compacted message
	scratch []byte // the key of a lookup

	parts  shelf // lines of which a part is still to come
	traces shelf // lines that began, or may begin, a stack trace
	spare  []*held
	keys   map[Key]openKey

	out Entry
}

// New returns a Collector. Options.Emit must be set.
func New(o Options) *Collector {
	if o.MaxLine <= 0 {
		o.MaxLine = defaultMaxLine
	}
	if o.Numbers == nil {
		o.Numbers = NewNumberer("", nil)
	}
	defaults := o.Defaults
	return &Collector{
		options:  o,
		defaults: &source{resource: &defaults},
		cluster:  &pipeline.Resource{Cluster: defaults.Cluster},
		sources:  make(map[xxh3.Uint128]*source),
		json:     newScanner(),
		inner:    newScanner(),
		parts:    newShelf(),
		traces:   newShelf(),
		keys:     make(map[Key]openKey),
	}
}

// line is what is known of a complete source line besides its text.
type line struct {
	src        *source
	key        Key
	stream     string
	kind       pipeline.Kind
	time       int64
	start, end int64
	lines      int
	priority   byte // syslog priority digit to put before the text, or 0
	pem        bool // the text holds pemkey.Label
}

// Line takes one source line without its newline. [start, end) is its byte
// range in the source, newline included or not. Starts ascend. The bytes are
// not kept and not changed.
func (c *Collector) Line(text []byte, start, end int64) error {
	if len(text) > c.options.MaxLine {
		return c.TooLong(text, start, end)
	}
	if start == 0 {
		text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	}
	text = c.valid(cutReturn(text))
	if err := c.catchUp(start); err != nil {
		return err
	}
	l := line{src: c.defaults, start: start, end: end, lines: 1}
	if len(text) > 0 {
		if text[0] == '{' {
			if done, err := c.jsonLine(l, text); done || err != nil {
				return err
			}
		} else if text[0] >= '0' && text[0] <= '9' && c.looksForCRI() {
			if done, err := c.criLine(l, text); done || err != nil {
				return err
			}
		}
	}
	c.plain(&l)
	return c.whole(&l, text)
}

// TooLong takes a source line over MaxLine of which only the head was kept: at
// least 4 KiB, or all there was. The line becomes a rejected entry.
func (c *Collector) TooLong(head []byte, start, end int64) error {
	if start == 0 {
		head = bytes.TrimPrefix(head, []byte("\uFEFF"))
	}
	if err := c.catchUp(start); err != nil {
		return err
	}
	l := line{src: c.defaults, start: start, end: end, lines: 1}
	c.plain(&l)
	if cri, ok := readCRI(head); ok && c.looksForCRI() {
		l.kind, l.time, l.stream = pipeline.KindLog, cri.time, cri.stream
		l.key = l.src.key(l.stream)
		head = cri.text
	}
	if err := c.settle(l.key); err != nil {
		return err
	}
	c.fill(&l, string(c.valid(cutHead(head))))
	c.out.Rejected = ReasonTooLong
	return c.send()
}

// Pending is the lowest Start of what is held back, and of the entries that may
// be followed by lines of a private key which began in them: who reads on from
// behind those would not know such lines. ok is false when there are none. It is
// at most 16 MiB before the line last taken.
func (c *Collector) Pending() (start int64, ok bool) {
	for _, h := range [...]*held{c.parts.first, c.traces.first} {
		if h != nil && (!ok || h.start() < start) {
			start, ok = h.start(), true
		}
	}
	for _, k := range c.keys {
		if !ok || k.start < start {
			start, ok = k.start, true
		}
	}
	return start, ok
}

// Flush emits everything held back: the source has ended.
func (c *Collector) Flush() error {
	for c.parts.first != nil {
		if err := c.finishPart(c.parts.first); err != nil {
			return err
		}
	}
	for c.traces.first != nil {
		if err := c.release(c.traces.first); err != nil {
			return err
		}
	}
	clear(c.keys)
	return nil
}

// catchUp emits what has been held back for too much of the source.
func (c *Collector) catchUp(start int64) error {
	for h := c.parts.first; h != nil && start-h.start() > maxBehind; h = c.parts.first {
		if err := c.finishPart(h); err != nil {
			return err
		}
	}
	for h := c.traces.first; h != nil && start-h.start() > maxBehind; h = c.traces.first {
		if err := c.settle(h.head.key); err != nil {
			return err
		}
	}
	if len(c.keys) > 0 {
		c.forgetKeys(start)
	}
	return nil
}

func (c *Collector) looksForCRI() bool {
	return c.options.Format == FormatAuto || c.options.Format == FormatCRI
}

// plain makes l a line of no shape: it has no time and the default Resource.
func (c *Collector) plain(l *line) {
	l.src, l.kind, l.time, l.stream = c.defaults, c.options.Kind, 0, ""
	l.key = l.src.key("")
}

// emit sends one line that stands for itself.
func (c *Collector) emit(l *line, text []byte) error {
	if l.time == 0 && isBlank(text) {
		c.Blank++
		return nil
	}
	var message string
	if l.priority != 0 {
		c.scratch = append(c.scratch[:0], '<', l.priority, '>')
		c.scratch = append(c.scratch, text...)
		message = string(c.scratch)
	} else {
		message = string(text)
	}
	c.fill(l, message)
	if l.pem || len(c.keys) > 0 {
		c.out.InKey = c.followKey(l, message)
	}
	return c.send()
}

func (c *Collector) fill(l *line, message string) {
	e := &c.out
	e.Time, e.Occurrence, e.Origin, e.Read = l.time, 0, "", 0
	if l.time == 0 {
		e.Read = c.options.Read
	}
	e.Stream, e.Kind, e.Message = l.stream, l.kind, message
	e.Resource, e.Annotations = l.src.resource, l.src.annotations
	e.Start, e.End, e.Lines, e.Rejected = l.start, l.end, l.lines, ""
	e.InKey = false
	e.key, e.keyed = l.key, true
}

func (c *Collector) send() error {
	c.options.Numbers.Number(&c.out)
	return c.options.Emit(&c.out)
}

// valid returns text as UTF-8: each run of bytes that are none becomes one
// U+FFFD.
func (c *Collector) valid(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	c.InvalidUTF8++
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}

func cutReturn(text []byte) []byte {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		return text[:n-1]
	}
	return text
}

// cutHead cuts text to what a rejected entry keeps, without splitting a rune.
func cutHead(text []byte) []byte {
	if len(text) <= rejectedHead {
		return text
	}
	n := rejectedHead
	for i := 0; i < utf8.UTFMax && !utf8.RuneStart(text[n]); i++ {
		n--
	}
	return text[:n]
}

func isBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
