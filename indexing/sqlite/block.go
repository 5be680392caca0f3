package sqlite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/loglode/loglode/pipeline"
)

const (
	// blockEntries is the largest number of entries of a block. It is part of
	// the format: a reference is block*blockEntries + place.
	blockEntries = 256
	// blockBytes seals a block early: it bounds the memory that reading one
	// text costs (a block holds at most this and one entry more).
	blockBytes = 1 << 20
	// blockFormat is the first byte of every blob of a block.
	blockFormat = 1
	// detailsFormat is that of details with the block's documents, which
	// blockFormat lacked.
	detailsFormat = 2
)

// row is an entry as a block stores it: dictionary numbers in place of what
// repeats.
type row struct {
	id                        pipeline.ID
	time, collector           int64
	occurrence                uint64
	resource, service, stream uint32
	kind                      pipeline.Kind
	level                     pipeline.Level
	lineage                   pipeline.Lineage
	terms                     uint32 // the number of terms with repeats: BM25's length
	pattern                   uint32 // the number of its document, 0 for none
	event                     *pipeline.Event
	origin, raw               string
	original                  *string // the value of the attribute original_time
}

// columns is a decoded block but for its texts: everything that filters, orders
// and aggregations need.
type columns struct {
	n                         int
	time                      [blockEntries]int64
	resource, service, stream [blockEntries]uint64
	level, kind               [blockEntries]uint64
	terms, pattern            [blockEntries]uint64
	collector                 [blockEntries]int64
	occurrence                [blockEntries]uint64
	record, sub               [blockEntries]uint64
	index                     [blockEntries]int64
	hasEvent, count           [blockEntries]uint64
	records                   []pipeline.Position
	uids                      []string // of the entries with an event, in order

	scratch [blockEntries]uint64
}

// appendColumns encodes all of rows but texts and IDs.
func appendColumns(dst []byte, rows []row) []byte {
	dst = append(dst, blockFormat)
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	var array [blockEntries]uint64
	values := array[:len(rows)]
	add := func(value func(r *row) uint64) {
		for i := range rows {
			values[i] = value(&rows[i])
		}
		dst = appendColumn(dst, values)
	}
	delta := func(value func(r *row) int64) {
		previous := int64(0)
		for i := range rows {
			v := value(&rows[i])
			values[i] = zigzag(v - previous)
			previous = v
		}
		dst = appendColumn(dst, values)
	}
	delta(func(r *row) int64 { return r.time })
	add(func(r *row) uint64 { return uint64(r.resource) })
	add(func(r *row) uint64 { return uint64(r.service) })
	add(func(r *row) uint64 { return uint64(r.stream) })
	add(func(r *row) uint64 { return uint64(r.level) })
	add(func(r *row) uint64 { return uint64(r.kind) })
	add(func(r *row) uint64 { return uint64(r.terms) })
	add(func(r *row) uint64 { return uint64(r.pattern) })
	add(func(r *row) uint64 { return zigzag(r.time - r.collector) })
	add(func(r *row) uint64 { return r.occurrence })

	var records []pipeline.Position
	last := 0
	for i := range rows {
		p := rows[i].lineage.Position
		if len(records) == 0 || records[last] != p {
			if last = slices.Index(records, p); last < 0 {
				last = len(records)
				records = append(records, p)
			}
		}
		values[i] = uint64(last)
	}
	dst = appendColumn(dst, values)
	add(func(r *row) uint64 { return zigzag(int64(r.lineage.Sub)) })
	delta(func(r *row) int64 { return int64(r.lineage.Index) })
	add(func(r *row) uint64 {
		if r.event == nil {
			return 0
		}
		return 1
	})
	add(func(r *row) uint64 {
		if r.event == nil {
			return 0
		}
		return r.event.Count
	})
	dst = binary.AppendUvarint(dst, uint64(len(records)))
	for _, p := range records {
		dst = appendString(appendString(dst, p.Partition), p.Sequence)
	}
	for i := range rows {
		if e := rows[i].event; e != nil {
			dst = appendString(dst, e.UID)
		}
	}
	return dst
}

// decode reads what appendColumns wrote.
func (c *columns) decode(data []byte) error {
	r := reader{data: data}
	if format := r.byte(); format != blockFormat {
		return fmt.Errorf("block has format %d: %w", format, errCorrupt)
	}
	n := r.uvarint()
	if n == 0 || n > blockEntries {
		return fmt.Errorf("block of %d entries: %w", n, errCorrupt)
	}
	c.n = int(n)
	scratch := c.scratch[:n]
	signed := func(dst *[blockEntries]int64, previous int64, delta int64) {
		r.column(scratch)
		for i, v := range scratch {
			previous = previous*delta + unzigzag(v)
			dst[i] = previous
		}
	}
	signed(&c.time, 0, 1)
	r.column(c.resource[:n])
	r.column(c.service[:n])
	r.column(c.stream[:n])
	r.column(c.level[:n])
	r.column(c.kind[:n])
	r.column(c.terms[:n])
	r.column(c.pattern[:n])
	r.column(scratch)
	for i, v := range scratch {
		c.collector[i] = c.time[i] - unzigzag(v)
	}
	r.column(c.occurrence[:n])
	r.column(c.record[:n])
	r.column(scratch)
	for i, v := range scratch {
		c.sub[i] = uint64(unzigzag(v))
	}
	signed(&c.index, 0, 1)
	r.column(c.hasEvent[:n])
	r.column(c.count[:n])
	k := r.uvarint()
	if r.broken || k == 0 || k > n {
		return errCorrupt
	}
	c.records = c.records[:0]
	for range k {
		c.records = append(c.records, pipeline.Position{Partition: r.string(), Sequence: r.string()})
	}
	c.uids = c.uids[:0]
	for i := range c.n {
		if c.record[i] >= k {
			return errCorrupt
		}
		if c.hasEvent[i] != 0 {
			c.uids = append(c.uids, r.string())
		}
	}
	return r.err()
}

func (c *columns) lineage(i int) pipeline.Lineage {
	return pipeline.Lineage{Position: c.records[c.record[i]], Sub: int(int64(c.sub[i])), Index: int(c.index[i])}
}

// uid is the event's UID of the entry at i, which has one.
func (c *columns) uid(i int) string {
	k := 0
	for j := range i {
		if c.hasEvent[j] != 0 {
			k++
		}
	}
	return c.uids[k]
}

// The fields that few entries have, as bits.
const (
	withOrigin = 1 << iota
	withOriginal
	withEvent
)

// appendTexts encodes the texts of rows, to be compressed: the lengths of the
// raw texts, the rare fields, then the raw texts themselves.
func appendTexts(dst []byte, rows []row) []byte {
	dst = append(dst, blockFormat)
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	rare := 0
	for i := range rows {
		dst = binary.AppendUvarint(dst, uint64(len(rows[i].raw)))
		if rows[i].rare() != 0 {
			rare++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(rare))
	for i := range rows {
		r := &rows[i]
		fields := r.rare()
		if fields == 0 {
			continue
		}
		dst = append(dst, byte(i), fields)
		if fields&withOrigin != 0 {
			dst = appendString(dst, r.origin)
		}
		if fields&withOriginal != 0 {
			dst = appendString(dst, *r.original)
		}
		if e := r.event; e != nil {
			for _, s := range []string{e.ResourceVersion, e.Reason, e.ObjectKind, e.ObjectNamespace, e.ObjectName} {
				dst = appendString(dst, s)
			}
		}
	}
	for i := range rows {
		dst = append(dst, rows[i].raw...)
	}
	return dst
}

func (r *row) rare() (fields byte) {
	if r.origin != "" {
		fields |= withOrigin
	}
	if r.original != nil {
		fields |= withOriginal
	}
	if r.event != nil {
		fields |= withEvent
	}
	return fields
}

// texts is the decoded texts of a block.
type texts struct {
	raw  []string // share one string
	rare map[int]rareFields
}

type rareFields struct {
	origin   string
	original *string
	event    *pipeline.Event // without UID and Count, which columns hold
}

// decode reads what appendTexts wrote.
func (t *texts) decode(data []byte) error {
	r := reader{data: data}
	if format := r.byte(); format != blockFormat {
		return fmt.Errorf("texts have format %d: %w", format, errCorrupt)
	}
	n := r.uvarint()
	if n == 0 || n > blockEntries {
		return fmt.Errorf("texts of %d entries: %w", n, errCorrupt)
	}
	var lengths [blockEntries]uint64
	total := uint64(0)
	for i := range n {
		lengths[i] = r.uvarint()
		if lengths[i] > math.MaxInt32 {
			return errCorrupt
		}
		total += lengths[i]
	}
	rare := r.uvarint()
	t.rare = nil
	if rare > n {
		return errCorrupt
	}
	if rare > 0 {
		t.rare = make(map[int]rareFields, rare)
	}
	for range rare {
		head := r.bytes(2)
		if head == nil {
			return errCorrupt
		}
		var f rareFields
		if head[1]&withOrigin != 0 {
			f.origin = r.string()
		}
		if head[1]&withOriginal != 0 {
			s := r.string()
			f.original = &s
		}
		if head[1]&withEvent != 0 {
			f.event = &pipeline.Event{ResourceVersion: r.string(), Reason: r.string(), ObjectKind: r.string(), ObjectNamespace: r.string(), ObjectName: r.string()}
		}
		t.rare[int(head[0])] = f
	}
	if r.broken || uint64(len(r.data)) != total {
		return errCorrupt
	}
	all := string(r.data)
	t.raw = t.raw[:0]
	for _, l := range lengths[:n] {
		t.raw = append(t.raw, all[:l])
		all = all[l:]
	}
	return nil
}

// summary is what is known of a block without reading it. It is kept in memory
// for every block of an open day and rules out most blocks of a filtered query.
type summary struct {
	id                  int64
	n                   int
	minTime, maxTime    int64
	terms               int64 // the sum of the entries' lengths
	levels, kinds       uint8 // sets of bits; 7 and above share one
	resources, services []uint32
	documents           numberSet
}

func bit(v uint64) uint8 { return 1 << min(v, 7) }

func summarise(id int64, rows []row) summary {
	s := summary{id: id, n: len(rows), minTime: math.MaxInt64, maxTime: math.MinInt64}
	var array [blockEntries]uint32
	documents := array[:0]
	for i := range rows {
		r := &rows[i]
		s.minTime = min(s.minTime, r.time)
		s.maxTime = max(s.maxTime, r.time)
		s.terms += int64(r.terms)
		s.levels |= bit(uint64(r.level))
		s.kinds |= bit(uint64(r.kind))
		if i == 0 || r.resource != rows[i-1].resource {
			s.resources = append(s.resources, r.resource)
		}
		if i == 0 || r.service != rows[i-1].service {
			s.services = append(s.services, r.service)
		}
		documents = append(documents, r.pattern)
	}
	s.resources = sortedSet(s.resources)
	s.services = sortedSet(s.services)
	s.documents = newNumberSet(documents)
	return s
}

func sortedSet(v []uint32) []uint32 {
	slices.Sort(v)
	return slices.Clip(slices.Compact(v))
}

// numberSet is a sorted set of numbers, as uvarints: the first, then steps. It
// takes a third of the memory of a slice.
type numberSet []byte

// noDocuments is the set of a block none of whose lines has a pattern.
var noDocuments = numberSet{0}

// newNumberSet changes v.
func newNumberSet(v []uint32) numberSet {
	slices.Sort(v)
	var array [blockEntries * binary.MaxVarintLen32]byte
	set, previous := array[:0], uint32(0)
	for i, n := range v {
		if i == 0 || n != previous {
			set = binary.AppendUvarint(set, uint64(n-previous))
		}
		previous = n
	}
	return bytes.Clone(set)
}

func (s numberSet) valid() bool {
	r := reader{data: s}
	for len(r.data) > 0 {
		r.uvarint()
	}
	return len(s) > 0 && !r.broken
}

// anyOf says whether the set has a number that is wanted; nil wants all.
func (s numberSet) anyOf(wanted []bool) bool {
	if wanted == nil {
		return true
	}
	n := uint64(0)
	for r := (reader{data: s}); len(r.data) > 0; {
		if n += r.uvarint(); n < uint64(len(wanted)) && wanted[n] {
			return true
		}
	}
	return false
}

// appendDetails encodes what has no column of its own in the table blocks.
func (s *summary) appendDetails(dst []byte) []byte {
	dst = append(dst, detailsFormat, s.levels, s.kinds)
	dst = binary.AppendUvarint(dst, uint64(s.terms))
	for _, set := range [][]uint32{s.resources, s.services} {
		dst = binary.AppendUvarint(dst, uint64(len(set)))
		previous := uint32(0)
		for _, v := range set {
			dst = binary.AppendUvarint(dst, uint64(v-previous))
			previous = v
		}
	}
	return append(dst, s.documents...)
}

func (s *summary) decodeDetails(data []byte) error {
	r := reader{data: data}
	head := r.bytes(3)
	if len(head) == 0 || head[0] != blockFormat && head[0] != detailsFormat {
		return errCorrupt
	}
	s.levels, s.kinds = head[1], head[2]
	s.terms = int64(r.uvarint())
	for _, set := range []*[]uint32{&s.resources, &s.services} {
		n := r.uvarint()
		if n > blockEntries {
			return errCorrupt
		}
		*set = make([]uint32, n)
		previous := uint32(0)
		for i := range n {
			previous += uint32(r.uvarint())
			(*set)[i] = previous
		}
	}
	if s.documents = noDocuments; head[0] == detailsFormat {
		s.documents = numberSet(bytes.Clone(r.data))
		if !s.documents.valid() {
			return errCorrupt
		}
	}
	return r.err()
}
