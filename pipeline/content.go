package pipeline

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/zeebo/xxh3"
)

// TextHash is a 64-bit hash of what a line's identity rests on without the
// numbers that tell equal lines apart: who wrote what, when. Equal lines that
// got different numbers have the same.
func (e *Entry) TextHash() uint64 {
	r := e.Resource
	b := make([]byte, 0, 512)
	for _, s := range []string{r.Cluster, r.Namespace, cmp.Or(r.PodUID, r.Pod, r.Node), r.Container, e.Stream, e.Raw} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return xxh3.Hash(binary.BigEndian.AppendUint64(b, uint64(e.CollectorTime)))
}

// ContentHash is a 64-bit hash of all that an entry says, its labels and level
// included, and not of where it came from: an audit compares it with what the
// stream holds, so that one ID for different content shows.
func (e *Entry) ContentHash() uint64 {
	b := make([]byte, 0, 512)
	add := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	r := e.Resource
	for _, s := range []string{r.Cluster, r.Namespace, r.Pod, r.PodUID, r.Container, r.Node, r.Owner, e.Service, e.Stream, e.Origin, e.Raw} {
		add(s)
	}
	keys := make([]string, 0, len(r.Labels))
	for k := range r.Labels {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		add(k)
		add(r.Labels[k])
	}
	for _, n := range []uint64{uint64(e.Time), uint64(e.CollectorTime), e.Occurrence, uint64(e.Kind), uint64(e.Level)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return xxh3.Hash(b)
}
