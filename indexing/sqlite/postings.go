package sqlite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline/analysis"
)

// Postings say which entries of a block hold a term and how often.
//
//	format, number of terms, bytes of the dictionary   byte, uvarint, uvarint
//	restarts     for every 16th term: where it begins in the dictionary and
//	             where its list begins, uint32 each
//	dictionary   terms in order: bytes shared with the term before (0 at a
//	             restart), bytes that follow, these bytes, bytes of its list
//	lists        per entry: steps from the entry before << 1 | more than once,
//	             then how often if so
const (
	restartEvery = 16
	restartBytes = 8
)

// posting is one entry's place in a term's list.
type posting struct {
	entry uint8
	tf    uint32
}

// inverter turns the terms of entries into postings. It is reused.
type inverter struct {
	slots  []uint32 // by the analyser's number: 1 + place in terms, 0 for none
	terms  []inverted
	pairs  []pair
	sorted []posting
	lists  []byte
	dict   []byte
	starts []uint32
	joined []byte // buffers of the writer's, kept here for reuse
	plain  []byte
}

type inverted struct {
	number uint32
	count  uint32 // pairs
	last   int32  // its newest pair
	text   string
	head   uint64 // the first 8 bytes of text: sorts most terms alone
}

type pair struct {
	term  uint32
	entry uint8
	tf    uint32
}

// invert appends the postings of a block to dst. entries holds the numbers of
// each entry's terms. joined, which is appended to, receives the distinct terms
// with a space after each, in order.
func (v *inverter) invert(dst, joined []byte, a *analysis.Analyser, entries [][]uint32) (postings, terms []byte) {
	if n := a.Size(); n > len(v.slots) {
		v.slots = make([]uint32, n+n/2)
	}
	v.terms, v.pairs = v.terms[:0], v.pairs[:0]
	for i, numbers := range entries {
		for _, n := range numbers {
			at := v.slots[n]
			if at == 0 {
				text := a.Term(n)
				v.terms = append(v.terms, inverted{number: n, last: -1, text: text, head: head(text)})
				at = uint32(len(v.terms))
				v.slots[n] = at
			}
			t := &v.terms[at-1]
			if t.last >= 0 && v.pairs[t.last].entry == uint8(i) {
				v.pairs[t.last].tf++
				continue
			}
			t.last = int32(len(v.pairs))
			t.count++
			v.pairs = append(v.pairs, pair{term: at - 1, entry: uint8(i), tf: 1})
		}
	}
	v.group()
	return v.encode(dst, joined)
}

// vocabulary lists the distinct terms of entries as strings of their own, and
// the entries' terms as places in that list.
func (v *inverter) vocabulary(a *analysis.Analyser, entries [][]uint32) (list []string, terms [][]uint32) {
	if n := a.Size(); n > len(v.slots) {
		v.slots = make([]uint32, n+n/2)
	}
	var distinct []uint32
	total, size := 0, 0
	for _, numbers := range entries {
		total += len(numbers)
	}
	all := make([]uint32, 0, total)
	terms = make([][]uint32, len(entries))
	for i, numbers := range entries {
		start := len(all)
		for _, n := range numbers {
			if v.slots[n] == 0 {
				distinct = append(distinct, n)
				v.slots[n] = uint32(len(distinct))
				size += len(a.Term(n))
			}
			all = append(all, v.slots[n]-1)
		}
		terms[i] = all[start:len(all):len(all)]
	}
	var text strings.Builder
	text.Grow(size)
	list = make([]string, len(distinct))
	for i, n := range distinct {
		v.slots[n] = 0
		start := text.Len()
		text.WriteString(a.Term(n))
		list[i] = text.String()[start:]
	}
	return list, terms
}

func head(s string) uint64 {
	var b [8]byte
	copy(b[:], s)
	return binary.BigEndian.Uint64(b[:])
}

// group sorts the pairs by term, keeping the order of entries, into v.sorted;
// terms[i].last becomes the end of its group.
func (v *inverter) group() {
	end := int32(0)
	for i := range v.terms {
		t := &v.terms[i]
		v.slots[t.number] = 0
		t.last = end
		end += int32(t.count)
	}
	v.sorted = slices.Grow(v.sorted[:0], len(v.pairs))[:len(v.pairs)]
	for _, p := range v.pairs {
		t := &v.terms[p.term]
		v.sorted[t.last] = posting{entry: p.entry, tf: p.tf}
		t.last++
	}
}

func (v *inverter) encode(dst, joined []byte) (postings, terms []byte) {
	slices.SortFunc(v.terms, func(a, b inverted) int {
		switch {
		case a.head < b.head:
			return -1
		case a.head > b.head:
			return 1
		}
		return strings.Compare(a.text, b.text)
	})
	v.lists, v.dict, v.starts = v.lists[:0], v.dict[:0], v.starts[:0]
	previous := ""
	for i := range v.terms {
		t := &v.terms[i]
		shared := 0
		if i%restartEvery == 0 {
			v.starts = append(v.starts, uint32(len(v.dict)), uint32(len(v.lists)))
		} else {
			shared = commonPrefix(previous, t.text)
		}
		start := len(v.lists)
		v.lists = appendList(v.lists, v.sorted[t.last-int32(t.count):t.last])
		v.dict = binary.AppendUvarint(v.dict, uint64(shared))
		v.dict = appendString(v.dict, t.text[shared:])
		v.dict = binary.AppendUvarint(v.dict, uint64(len(v.lists)-start))
		joined = append(append(joined, t.text...), ' ')
		previous = t.text
	}
	dst = append(dst, blockFormat)
	dst = binary.AppendUvarint(dst, uint64(len(v.terms)))
	dst = binary.AppendUvarint(dst, uint64(len(v.dict)))
	for _, s := range v.starts {
		dst = binary.LittleEndian.AppendUint32(dst, s)
	}
	return append(append(dst, v.dict...), v.lists...), joined
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func appendList(dst []byte, list []posting) []byte {
	previous := uint8(0)
	for _, p := range list {
		step := uint64(p.entry-previous) << 1
		previous = p.entry
		if p.tf == 1 {
			dst = binary.AppendUvarint(dst, step)
			continue
		}
		dst = binary.AppendUvarint(dst, step|1)
		dst = binary.AppendUvarint(dst, uint64(p.tf))
	}
	return dst
}

// eachPosting calls fn for every entry of an encoded list.
func eachPosting(list []byte, fn func(entry uint8, tf uint32)) error {
	r := reader{data: list}
	entry := uint64(0)
	for len(r.data) > 0 {
		step := r.uvarint()
		entry += step >> 1
		tf := uint64(1)
		if step&1 != 0 {
			tf = r.uvarint()
		}
		if r.broken || entry >= blockEntries {
			return errCorrupt
		}
		fn(uint8(entry), uint32(tf))
	}
	return nil
}

// postings is an encoded block of postings, opened for look-ups.
type postings struct {
	n        int
	restarts []byte
	dict     []byte
	lists    []byte
}

func openPostings(data []byte) (postings, error) {
	r := reader{data: data}
	if format := r.byte(); format != blockFormat {
		return postings{}, fmt.Errorf("postings have format %d: %w", format, errCorrupt)
	}
	n := r.uvarint()
	size := r.uvarint()
	p := postings{n: int(n)}
	if n > uint64(len(data)) {
		return postings{}, errCorrupt
	}
	p.restarts = r.bytes((n + restartEvery - 1) / restartEvery * restartBytes)
	p.dict = r.bytes(size)
	p.lists = r.data
	return p, r.err()
}

func (p *postings) restart(i int) (dict, lists uint32) {
	b := p.restarts[i*restartBytes:]
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
}

// firstTerm is the term at a restart.
func (p *postings) firstTerm(i int) []byte {
	at, _ := p.restart(i)
	if uint64(at) >= uint64(len(p.dict)) {
		return nil
	}
	r := reader{data: p.dict[at:]}
	r.uvarint()
	return r.bytes(r.uvarint())
}

// list returns the encoded list of a term, nil if the block lacks it.
func (p *postings) list(term string) ([]byte, error) {
	var found []byte
	err := p.from(term, func(t, list []byte) bool {
		if string(t) == term {
			found = list
		}
		return false
	})
	return found, err
}

// from calls fn for the terms from the first that is not below start, in order,
// until fn returns false. term is valid until fn returns.
func (p *postings) from(start string, fn func(term, list []byte) (more bool)) error {
	// The last restart whose term is not above start, else the first.
	low, high := 0, len(p.restarts)/restartBytes
	for low < high {
		mid := (low + high) / 2
		if string(p.firstTerm(mid)) <= start {
			low = mid + 1
		} else {
			high = mid
		}
	}
	group := max(low-1, 0)
	if p.n == 0 {
		return nil
	}
	dictAt, listAt := p.restart(group)
	if uint64(dictAt) > uint64(len(p.dict)) || uint64(listAt) > uint64(len(p.lists)) {
		return errCorrupt
	}
	dict := reader{data: p.dict[dictAt:]}
	lists := reader{data: p.lists[listAt:]}
	var term []byte
	for len(dict.data) > 0 {
		shared := dict.uvarint()
		rest := dict.bytes(dict.uvarint())
		if shared > uint64(len(term)) {
			return errCorrupt
		}
		term = append(term[:shared], rest...)
		list := lists.bytes(dict.uvarint())
		if dict.broken || lists.broken {
			return errCorrupt
		}
		if bytes.Compare(term, []byte(start)) < 0 {
			continue
		}
		if !fn(term, list) {
			return nil
		}
	}
	return nil
}
