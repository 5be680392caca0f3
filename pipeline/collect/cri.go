package collect

import (
	"bytes"

	"github.com/loglode/loglode/pipeline"
)

// completeness says whether a line's text goes on in the next line.
type completeness uint8

const (
	whole   completeness = iota // the last part, or all of it
	partial                     // more is to come
)

// criText is a line in the format of the container runtime interface:
//
//	2021-08-03T09:18:00.848696855Z stderr F message
//
// Tags are separated by colons; the first is F (full) or P (partial)
// (kubernetes/pkg/kubelet/cri: the "CRI log format").
type criText struct {
	time   int64
	stream string
	part   completeness
	text   []byte
}

func readCRI(b []byte) (criText, bool) {
	var l criText
	stamp, rest, ok := bytes.Cut(b, []byte{' '})
	if !ok || len(stamp) < 20 {
		return l, false
	}
	switch {
	case bytes.HasPrefix(rest, []byte("stdout ")):
		l.stream = "stdout"
	case bytes.HasPrefix(rest, []byte("stderr ")):
		l.stream = "stderr"
	default:
		return l, false
	}
	tags, text, _ := bytes.Cut(rest[len("stdout "):], []byte{' '})
	switch {
	case isTag(tags, 'F'):
	case isTag(tags, 'P'):
		l.part = partial
	default:
		return l, false
	}
	if l.time, ok = readTime(stamp); !ok {
		return l, false
	}
	l.text = text
	return l, true
}

// isTag tells whether the first of a line's tags is tag.
func isTag(tags []byte, tag byte) bool {
	return len(tags) > 0 && tags[0] == tag && (len(tags) == 1 || tags[1] == ':')
}

// criLine takes a line in CRI format; done is false when it is none.
func (c *Collector) criLine(l line, text []byte) (done bool, err error) {
	cri, ok := readCRI(text)
	if !ok {
		return false, nil
	}
	l.kind, l.time, l.stream = pipeline.KindLog, cri.time, cri.stream
	l.key = l.src.key(l.stream)
	return true, c.part(&l, cri.text, cri.part)
}
