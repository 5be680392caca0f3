package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/loglode/loglode/pipeline"
)

// Which IDs a day holds is kept as a log-structured tree, because a B-tree of
// random keys rewrites a page for nearly every line once it is large:
//
//	tail    the newest entries, in memory; on disk only in their blocks
//	run     the tail, sorted, once it is full: rows of id_segments
//	merge   eight runs of a level become one of the next
//
// A run holds the first 63 bits of each ID and the entry's reference. A key
// that is found is checked against the whole ID in the entry's block, so IDs
// that share their first bits stay apart.
const (
	runsPerLevel   = 8
	topLevel       = 2 // runs of about a million keys are merged no further
	segmentKeys    = 288
	keyBytes       = 14 // 8 of the key, 6 of the reference: 288 fill a page
	maxReference   = 1<<48 - 1
	filterBitsKey  = 16
	filterMaxWords = 8 << 20 // 64 MiB; beyond it the filter lets more through
)

// key orders and finds an ID: its first 63 bits.
func key(id pipeline.ID) int64 { return int64(binary.BigEndian.Uint64(id[:8]) >> 1) }

type keyRef struct{ key, ref int64 }

type idRef struct {
	id  pipeline.ID
	ref int64
}

// tail is a hash table of the newest entries by ID.
type tail struct {
	entries []idRef
	slots   []int32 // 1 + place in entries, 0 for none; a power of two
}

// find returns the place of an ID in entries, or -1.
func (t *tail) find(id pipeline.ID) int {
	if len(t.slots) == 0 {
		return -1
	}
	mask := len(t.slots) - 1
	for at := spread(key(id)) & mask; t.slots[at] != 0; at = (at + 1) & mask {
		if place := int(t.slots[at] - 1); t.entries[place].id == id {
			return place
		}
	}
	return -1
}

// add appends an ID that is not there.
func (t *tail) add(id pipeline.ID, ref int64) {
	t.entries = append(t.entries, idRef{id, ref})
	if 2*len(t.entries) > len(t.slots) {
		t.slots = make([]int32, max(1024, 2*len(t.slots)))
		for i := range t.entries {
			t.place(i)
		}
		return
	}
	t.place(len(t.entries) - 1)
}

func (t *tail) place(i int) {
	mask := len(t.slots) - 1
	at := spread(key(t.entries[i].id)) & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = int32(i + 1)
}

func (t *tail) reset() {
	t.entries = t.entries[:0]
	clear(t.slots)
}

// spread makes a place in a table of a key, whose low bits may be anything.
func spread(key int64) int {
	return int(mix(uint64(key)) >> 1)
}

// mix is the finalizer of MurmurHash3.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// filter is a Bloom filter of one 64-bit word for each key, six bits in it: one
// cache miss a look-up. With 16 bits a key or more it lets about one key in two
// hundred through that it does not hold.
type filter struct {
	words []uint64
	keys  int
}

func newFilter(keys int) *filter {
	words := 1024
	for words < keys*filterBitsKey/64 && words < filterMaxWords {
		words *= 2
	}
	return &filter{words: make([]uint64, words)}
}

func (f *filter) place(key int64) (word int, bits uint64) {
	h := mix(uint64(key))
	word = int(h>>36) & (len(f.words) - 1)
	for i := range 6 {
		bits |= 1 << (h >> (6 * i) & 63)
	}
	return word, bits
}

func (f *filter) add(key int64) {
	word, bits := f.place(key)
	f.words[word] |= bits
	f.keys++
}

func (f *filter) mayHold(key int64) bool {
	word, bits := f.place(key)
	return f.words[word]&bits == bits
}

func (f *filter) full() bool {
	return f.keys*filterBitsKey > 64*len(f.words) && len(f.words) < filterMaxWords
}

// run is a sorted run on disk.
type run struct {
	number, level int64
	segments      []keyRef // first key and row of each segment
	keys          int64
}

// idIndex is the writer's view of a day's IDs.
type idIndex struct {
	tail   tail
	filter *filter // of the keys in runs
	runs   []run
	next   int64 // number of the next run
}

// loadIDs reads the index of a day: tailFrom is the first reference that no run
// holds.
func loadIDs(ctx context.Context, c *sql.Conn, tailFrom int64) (*idIndex, error) {
	x := &idIndex{}
	rows, err := c.QueryContext(ctx, `SELECT id, run, level, first, length(data) FROM id_segments ORDER BY run, first`)
	if err != nil {
		return nil, fmt.Errorf("read runs of IDs: %w", err)
	}
	defer rows.Close()
	keys := int64(0)
	for rows.Next() {
		var row, number, level, first, size int64
		if err := rows.Scan(&row, &number, &level, &first, &size); err != nil {
			return nil, fmt.Errorf("read runs of IDs: %w", err)
		}
		if n := len(x.runs); n == 0 || x.runs[n-1].number != number {
			x.runs = append(x.runs, run{number: number, level: level})
		}
		r := &x.runs[len(x.runs)-1]
		r.segments = append(r.segments, keyRef{first, row})
		r.keys += size / keyBytes
		keys += size / keyBytes
		x.next = max(x.next, number+1)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read runs of IDs: %w", err)
	}
	if err := x.refill(ctx, c, int(keys)); err != nil {
		return nil, err
	}
	if err := x.loadTail(ctx, c, tailFrom); err != nil {
		return nil, err
	}
	return x, nil
}

func (x *idIndex) loadTail(ctx context.Context, c *sql.Conn, from int64) error {
	rows, err := c.QueryContext(ctx, `SELECT id, data FROM block_ids WHERE id >= ? ORDER BY id`, from/blockEntries)
	if err != nil {
		return fmt.Errorf("read IDs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var block int64
		var data sql.RawBytes
		if err := rows.Scan(&block, &data); err != nil {
			return fmt.Errorf("read IDs: %w", err)
		}
		for i := range int64(len(data) / 16) {
			if ref := block*blockEntries + i; ref >= from {
				x.tail.add(pipeline.ID(data[16*i:16*i+16]), ref)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read IDs: %w", err)
	}
	return nil
}

// refill makes a filter of all runs, with room for them to double.
func (x *idIndex) refill(ctx context.Context, c *sql.Conn, keys int) error {
	f := newFilter(2 * keys)
	if keys > 0 {
		rows, err := c.QueryContext(ctx, `SELECT data FROM id_segments`)
		if err != nil {
			return fmt.Errorf("read runs of IDs: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			var data sql.RawBytes
			if err := rows.Scan(&data); err != nil {
				return fmt.Errorf("read runs of IDs: %w", err)
			}
			for i := 0; i+keyBytes <= len(data); i += keyBytes {
				f.add(segmentKey(data[i:]).key)
			}
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("read runs of IDs: %w", err)
		}
	}
	x.filter = f
	return nil
}

func segmentKey(b []byte) keyRef {
	ref := binary.BigEndian.Uint64(b[keyBytes-8:]) & maxReference
	return keyRef{int64(binary.BigEndian.Uint64(b)), int64(ref)}
}

func appendSegmentKey(dst []byte, k keyRef) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(k.key))
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(k.ref))
	return append(dst, b[2:]...)
}

// search finds in the runs what the filter let through: known[i] is set for
// every ids[i] that is there. picked are places in ids.
func (x *idIndex) search(ctx context.Context, c *sql.Conn, ids func(int32) pipeline.ID, picked []int32, found func(int32)) error {
	slices.SortFunc(picked, func(a, b int32) int { return cmp.Compare(key(ids(a)), key(ids(b))) })
	type candidate struct {
		ref   int64
		place int32
	}
	var candidates []candidate
	for _, r := range x.runs {
		for i := 0; i < len(picked); {
			s := sort.Search(len(r.segments), func(s int) bool { return r.segments[s].key > key(ids(picked[i])) }) - 1
			if s < 0 {
				i++
				continue
			}
			end := int64(math.MaxInt64)
			if s+1 < len(r.segments) {
				end = r.segments[s+1].key
			}
			data, err := queryBlob(ctx, c, `SELECT data FROM id_segments WHERE id = ?`, r.segments[s].ref)
			if err != nil {
				return fmt.Errorf("read run of IDs: %w", err)
			}
			for ; i < len(picked) && key(ids(picked[i])) < end; i++ {
				for _, ref := range searchSegment(data, key(ids(picked[i]))) {
					candidates = append(candidates, candidate{ref, picked[i]})
				}
			}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int { return cmp.Compare(a.ref, b.ref) })
	block, data := int64(-1), []byte(nil)
	for _, m := range candidates {
		if b := m.ref / blockEntries; b != block {
			var err error
			if data, err = queryBlob(ctx, c, `SELECT data FROM block_ids WHERE id = ?`, b); err != nil {
				return fmt.Errorf("read IDs of a block: %w", err)
			}
			block = b
		}
		if id, ok := idAt(data, m.ref); ok && id == ids(m.place) {
			found(m.place)
		}
	}
	return nil
}

// searchSegment returns the references of a key in a segment.
func searchSegment(data []byte, k int64) (refs []int64) {
	n := len(data) / keyBytes
	i := sort.Search(n, func(i int) bool { return segmentKey(data[i*keyBytes:]).key >= k })
	for ; i < n; i++ {
		s := segmentKey(data[i*keyBytes:])
		if s.key != k {
			break
		}
		refs = append(refs, s.ref)
	}
	return refs
}

func idAt(data []byte, ref int64) (pipeline.ID, bool) {
	at := int(ref%blockEntries) * 16
	if at+16 > len(data) {
		return pipeline.ID{}, false
	}
	return pipeline.ID(data[at : at+16]), true
}

// flush writes the tail as a run and merges what has gathered. The caller is in
// a transaction.
func (x *idIndex) flush(ctx context.Context, c *sql.Conn) error {
	keys := make([]keyRef, len(x.tail.entries))
	for i, e := range x.tail.entries {
		keys[i] = keyRef{key(e.id), e.ref}
		x.filter.add(keys[i].key)
	}
	if err := x.writeRun(ctx, c, 0, keys); err != nil {
		return err
	}
	x.tail.reset()
	for level := int64(0); level < topLevel; level++ {
		if err := x.merge(ctx, c, level); err != nil {
			return err
		}
	}
	if x.filter.full() {
		return x.refill(ctx, c, x.filter.keys)
	}
	return nil
}

// writeRun sorts keys and writes them as one run.
func (x *idIndex) writeRun(ctx context.Context, c *sql.Conn, level int64, keys []keyRef) error {
	slices.SortFunc(keys, func(a, b keyRef) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return cmp.Compare(a.ref, b.ref)
	})
	r := run{number: x.next, level: level, keys: int64(len(keys))}
	x.next++
	insert, err := c.PrepareContext(ctx, `INSERT INTO id_segments(run, level, first, data) VALUES(?, ?, ?, ?)`)
	if err != nil {
		return fmt.Errorf("write run of IDs: %w", err)
	}
	defer insert.Close()
	var data []byte
	for len(keys) > 0 {
		n := min(segmentKeys, len(keys))
		for n < len(keys) && keys[n].key == keys[n-1].key {
			n++ // equal keys never straddle two segments
		}
		data = data[:0]
		for _, k := range keys[:n] {
			data = appendSegmentKey(data, k)
		}
		result, err := insert.ExecContext(ctx, r.number, level, keys[0].key, data)
		if err != nil {
			return fmt.Errorf("write run of IDs: %w", err)
		}
		row, err := result.LastInsertId()
		if err != nil {
			return fmt.Errorf("write run of IDs: %w", err)
		}
		r.segments = append(r.segments, keyRef{keys[0].key, row})
		keys = keys[n:]
	}
	x.runs = append(x.runs, r)
	return nil
}

// merge makes one run of a level's, once there are runsPerLevel.
func (x *idIndex) merge(ctx context.Context, c *sql.Conn, level int64) error {
	var keep, merged []run
	total := int64(0)
	for _, r := range x.runs {
		if r.level == level {
			merged = append(merged, r)
			total += r.keys
		} else {
			keep = append(keep, r)
		}
	}
	if len(merged) < runsPerLevel {
		return nil
	}
	keys := make([]keyRef, 0, total)
	for _, r := range merged {
		for _, s := range r.segments {
			data, err := queryBlob(ctx, c, `SELECT data FROM id_segments WHERE id = ?`, s.ref)
			if err != nil {
				return fmt.Errorf("merge runs of IDs: %w", err)
			}
			for i := 0; i+keyBytes <= len(data); i += keyBytes {
				keys = append(keys, segmentKey(data[i:]))
			}
		}
		if _, err := c.ExecContext(ctx, `DELETE FROM id_segments WHERE run = ?`, r.number); err != nil {
			return fmt.Errorf("merge runs of IDs: %w", err)
		}
	}
	x.runs = keep
	return x.writeRun(ctx, c, level+1, keys)
}

// querier is what *sql.DB, *sql.Conn and *sql.Tx share.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func queryBlob(ctx context.Context, q querier, query string, args ...any) ([]byte, error) {
	var data []byte
	err := q.QueryRowContext(ctx, query, args...).Scan(&data)
	return data, err
}
