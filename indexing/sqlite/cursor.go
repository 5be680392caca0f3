package sqlite

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"math"

	"github.com/loglode/loglode/pipeline"
)

// hit is a line that a query found, before it is read.
type hit struct {
	score   float64
	time    int64
	lineage pipeline.Lineage
	id      pipeline.ID

	day *day
	ref int64
}

// comparePlace orders by time, then by stream position; the ID settles what has
// both in common, so that the order is total.
func comparePlace(a, b *hit) int {
	if c := cmp.Compare(a.time, b.time); c != 0 {
		return c
	}
	x, y := &a.lineage, &b.lineage
	return cmp.Or(
		cmp.Compare(x.Partition, y.Partition),
		// Sequence numbers are decimal: the longer is the larger.
		cmp.Compare(len(x.Sequence), len(y.Sequence)),
		cmp.Compare(x.Sequence, y.Sequence),
		cmp.Compare(x.Sub, y.Sub),
		cmp.Compare(x.Index, y.Index),
		cmp.Compare(string(a.id[:]), string(b.id[:])),
	)
}

// compare orders hits as their order lists them: negative if a comes first.
func compare(order pipeline.Order, a, b *hit) int {
	switch order {
	case pipeline.OldestFirst:
		return comparePlace(a, b)
	case pipeline.ByRank:
		if c := cmp.Compare(b.score, a.score); c != 0 {
			return c
		}
	}
	return comparePlace(b, a)
}

// statistics are the collection's figures in BM25. A cursor carries them, so
// that all pages of one query rank alike whatever is written meanwhile.
type statistics struct {
	entries, terms int64
	df             []int64 // by place in textQuery.scoring
}

// cursor stands after the last line of a page.
type cursor struct {
	last  hit
	stats statistics
}

const (
	pageCursor   = 1
	followCursor = 2
)

func (c *cursor) encode(print uint32) string {
	b := []byte{pageCursor}
	b = binary.BigEndian.AppendUint32(b, print)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(c.last.score))
	b = binary.AppendVarint(b, c.last.time)
	b = appendString(b, c.last.lineage.Partition)
	b = appendString(b, c.last.lineage.Sequence)
	b = binary.AppendVarint(b, int64(c.last.lineage.Sub))
	b = binary.AppendVarint(b, int64(c.last.lineage.Index))
	b = append(b, c.last.id[:]...)
	b = binary.AppendUvarint(b, uint64(c.stats.entries))
	b = binary.AppendUvarint(b, uint64(c.stats.terms))
	b = binary.AppendUvarint(b, uint64(len(c.stats.df)))
	for _, df := range c.stats.df {
		b = binary.AppendUvarint(b, uint64(df))
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(text string, print uint32, terms int) (*cursor, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, pipeline.BadCursor("is not one of ours")
	}
	r := reader{data: data}
	head := r.bytes(13)
	if len(head) == 0 || head[0] != pageCursor {
		return nil, pipeline.BadCursor("is not one of ours")
	}
	if binary.BigEndian.Uint32(head[1:]) != print {
		return nil, pipeline.BadCursor("belongs to another query")
	}
	c := &cursor{}
	c.last.score = math.Float64frombits(binary.BigEndian.Uint64(head[5:]))
	c.last.time = r.varint()
	c.last.lineage.Partition = r.string()
	c.last.lineage.Sequence = r.string()
	c.last.lineage.Sub = int(r.varint())
	c.last.lineage.Index = int(r.varint())
	if id := r.bytes(16); id != nil {
		c.last.id = pipeline.ID(id)
	}
	c.stats.entries = int64(r.uvarint())
	c.stats.terms = int64(r.uvarint())
	n := r.uvarint()
	if n != 0 && n != uint64(terms) {
		return nil, pipeline.BadCursor("belongs to another query")
	}
	for range n {
		c.stats.df = append(c.stats.df, int64(r.uvarint()))
	}
	if r.broken || len(r.data) > 0 || math.IsNaN(c.last.score) {
		return nil, pipeline.BadCursor("is damaged")
	}
	return c, nil
}

// page keeps the first limit hits of an order after a cursor. It is a heap with
// the last of them on top.
type page struct {
	order pipeline.Order
	after *hit // nil for the first page
	limit int
	hits  []hit
}

func (p *page) full() bool { return len(p.hits) == p.limit }

// wants says whether a hit would be kept.
func (p *page) wants(h *hit) bool {
	if p.after != nil && compare(p.order, h, p.after) <= 0 {
		return false
	}
	return !p.full() || compare(p.order, h, &p.hits[0]) < 0
}

// add keeps a hit that the page wants.
func (p *page) add(h hit) {
	if !p.full() {
		p.hits = append(p.hits, h)
		for i := len(p.hits) - 1; i > 0; {
			parent := (i - 1) / 2
			if compare(p.order, &p.hits[i], &p.hits[parent]) <= 0 {
				break
			}
			p.hits[i], p.hits[parent] = p.hits[parent], p.hits[i]
			i = parent
		}
		return
	}
	p.hits[0] = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(p.hits) {
			return
		}
		if child+1 < len(p.hits) && compare(p.order, &p.hits[child+1], &p.hits[child]) > 0 {
			child++
		}
		if compare(p.order, &p.hits[child], &p.hits[i]) <= 0 {
			return
		}
		p.hits[i], p.hits[child] = p.hits[child], p.hits[i]
		i = child
	}
}

// mayHold says whether times in [low, high] can still enter a page that is
// ordered by time.
func (p *page) mayHold(low, high int64) bool {
	newest := p.order != pipeline.OldestFirst
	if p.after != nil && (newest && low > p.after.time || !newest && high < p.after.time) {
		return false
	}
	if !p.full() {
		return true
	}
	worst := p.hits[0].time
	return newest && high >= worst || !newest && low <= worst
}
