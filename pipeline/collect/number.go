package collect

import (
	"encoding/binary"
	"maps"
	"strconv"

	"github.com/loglode/loglode/pipeline"
	"github.com/zeebo/xxh3"
)

// Key names a numbering context: a container's stream. It is the XXH3-128 of
// the length-prefixed fields cluster, namespace, pod UID (else pod, else node),
// container and stream: those that [pipeline.LineID] holds. Sources keep marks
// by Key, so its form is frozen.
type Key [16]byte

// KeyOf computes the context of a Resource's stream.
func KeyOf(r *pipeline.Resource, stream string) Key {
	who := r.PodUID
	switch {
	case who != "":
	case r.Pod != "":
		who = r.Pod
	default:
		who = r.Node
	}
	var array [256]byte
	b := array[:0]
	for _, s := range [...]string{r.Cluster, r.Namespace, who, r.Container, stream} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return xxh3.Hash128(b).Bytes()
}

// Mark is the last numbered line of a context: its time, Unix ns, and its
// occurrence number.
type Mark struct {
	Time  int64
	Count uint64
}

// Numberer assigns occurrence numbers per context and time, so that lines which
// share container, stream and time stay apart. It keeps one mark for each
// context it has seen, and is not safe for concurrent use.
type Numberer struct {
	identity string
	base     func(Key, int64) (Mark, bool)
	marks    map[Key]*Mark
	bases    map[Key]Mark
	lastKey  Key // the context of the line before: most lines share it
	last     *Mark
}

// Crowded is the base of a context that somebody else numbers at the same
// moment: it lies after every time, so that the context's lines are told apart
// by their Origin.
func Crowded() Mark { return Mark{Time: 1<<63 - 1, Count: 1} }

// NewNumberer returns a Numberer. identity names the file or chunk in Origin.
// base gives the mark that a context starts from, the last line before those of
// this unit, and is asked once for each Key, with the time of its first line;
// nil is none.
func NewNumberer(identity string, base func(Key, int64) (Mark, bool)) *Numberer {
	return &Numberer{identity: identity, base: base, marks: make(map[Key]*Mark), bases: make(map[Key]Mark)}
}

// Number sets Occurrence or Origin of the next entry of its context:
//
//	Time == 0                    Origin = identity@Start
//	Time == the line before's    Occurrence = its occurrence + 1
//	Time >  the line before's    Occurrence = 0
//	Time <  the line before's    Origin = identity@Start: numbers at that time
//	                             may have been given out already
//
// A Kubernetes event is left alone: its UID and resourceVersion are its
// identity, and where it was read must not change what it says.
func (n *Numberer) Number(e *Entry) {
	e.Occurrence, e.Origin = 0, ""
	if e.Kind == pipeline.KindEvent {
		return
	}
	if e.Time == 0 {
		e.Origin = n.origin(e.Start)
		return
	}
	m := n.mark(e)
	switch {
	case e.Time > m.Time:
		m.Time, m.Count = e.Time, 0
	case e.Time == m.Time:
		m.Count++
		e.Occurrence = m.Count
	default:
		e.Origin = n.origin(e.Start)
	}
}

// mark finds the mark of e's context. A new context starts before every time.
func (n *Numberer) mark(e *Entry) *Mark {
	key := e.key
	if !e.keyed {
		key = KeyOf(e.Resource, e.Stream)
	}
	if n.last != nil && key == n.lastKey {
		return n.last
	}
	m := n.marks[key]
	if m == nil {
		m = &Mark{Time: -1 << 63}
		if n.base != nil {
			if b, ok := n.base(key, e.Time); ok && b != (Mark{}) {
				*m = b
				n.bases[key] = b
			}
		}
		n.marks[key] = m
	}
	n.lastKey, n.last = key, m
	return m
}

// Marks returns the last mark of each context seen.
func (n *Numberer) Marks() map[Key]Mark {
	out := make(map[Key]Mark, len(n.marks))
	for k, m := range n.marks {
		out[k] = *m
	}
	return out
}

// Bases returns the marks, other than zero, that contexts started from.
func (n *Numberer) Bases() map[Key]Mark { return maps.Clone(n.bases) }

func (n *Numberer) origin(start int64) string {
	b := make([]byte, 0, len(n.identity)+21)
	b = append(b, n.identity...)
	b = append(b, '@')
	return string(strconv.AppendInt(b, start, 10))
}
