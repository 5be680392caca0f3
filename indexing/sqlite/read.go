package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
)

// blockReader reads one block after the other, part by part. Its buffers are
// reused.
type blockReader struct {
	store   *Store
	q       querier
	view    *view
	block   int64
	columns columns
	ids     []byte
	texts   texts
	plain   []byte

	hasIDs, hasTexts bool
}

// open reads the columns of a block. They are read before the other parts:
// these then hold at least the same entries, also when the block is open and
// grows meanwhile.
//
// Entries that the summary does not count are left out: its view may lack their
// resources and names.
func (r *blockReader) open(ctx context.Context, s *summary) error {
	r.block, r.hasIDs, r.hasTexts = s.id, false, false
	data, err := queryBlob(ctx, r.q, `SELECT data FROM block_columns WHERE id = ?`, s.id)
	if err != nil {
		return fmt.Errorf("read block %d: %w", s.id, noRows(err))
	}
	if err := r.columns.decode(data); err != nil {
		return err
	}
	r.columns.n = min(r.columns.n, s.n)
	for i := range r.columns.n {
		if r.columns.resource[i] >= uint64(len(r.view.resources)) ||
			max(r.columns.service[i], r.columns.stream[i]) >= uint64(len(r.view.names)) || r.columns.pattern[i] >= uint64(len(r.view.documents)) {
			return fmt.Errorf("dictionary of block %d: %w", s.id, errCorrupt)
		}
	}
	return nil
}

// noRows takes a missing part of a block for what it is.
func noRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return errCorrupt
	}
	return err
}

func (r *blockReader) readIDs(ctx context.Context) (err error) {
	if r.hasIDs {
		return nil
	}
	r.ids, err = queryBlob(ctx, r.q, `SELECT data FROM block_ids WHERE id = ?`, r.block)
	if err != nil {
		return fmt.Errorf("read IDs of block %d: %w", r.block, noRows(err))
	}
	if len(r.ids) < 16*r.columns.n {
		return fmt.Errorf("IDs of block %d: %w", r.block, errCorrupt)
	}
	r.hasIDs = true
	return nil
}

func (r *blockReader) readTexts(ctx context.Context) error {
	if r.hasTexts {
		return nil
	}
	data, err := queryBlob(ctx, r.q, `SELECT data FROM block_texts WHERE id = ?`, r.block)
	if err != nil {
		return fmt.Errorf("read texts of block %d: %w", r.block, noRows(err))
	}
	if r.plain, err = r.store.decoder.DecodeAll(data, r.plain[:0]); err != nil {
		return fmt.Errorf("decompress texts of block %d: %w", r.block, errors.Join(errCorrupt, err))
	}
	if err := r.texts.decode(r.plain); err != nil {
		return err
	}
	if len(r.texts.raw) < r.columns.n {
		return fmt.Errorf("texts of block %d: %w", r.block, errCorrupt)
	}
	r.hasTexts = true
	return nil
}

func (r *blockReader) postings(ctx context.Context) (postings, error) {
	return readPostings(ctx, r.q, r.block)
}

func readPostings(ctx context.Context, q querier, block int64) (postings, error) {
	data, err := queryBlob(ctx, q, `SELECT data FROM block_postings WHERE id = ?`, block)
	if err != nil {
		return postings{}, fmt.Errorf("read postings of block %d: %w", block, noRows(err))
	}
	return openPostings(data)
}

func (r *blockReader) id(i int) pipeline.ID { return pipeline.ID(r.ids[16*i : 16*i+16]) }

// event is the event of an entry, or nil.
func (r *blockReader) event(i int) *pipeline.Event {
	f, ok := r.texts.rare[i]
	if !ok || f.event == nil || r.columns.hasEvent[i] == 0 {
		return nil
	}
	e := *f.event
	e.UID, e.Count = r.columns.uid(i), r.columns.count[i]
	return &e
}

// row is an entry as the writer holds it. IDs and texts are read.
func (r *blockReader) row(i int) row {
	c := &r.columns
	f := r.texts.rare[i]
	return row{
		id: r.id(i), time: c.time[i], collector: c.collector[i], occurrence: c.occurrence[i],
		resource: uint32(c.resource[i]), service: uint32(c.service[i]), stream: uint32(c.stream[i]),
		kind: pipeline.Kind(c.kind[i]), level: pipeline.Level(c.level[i]), lineage: c.lineage(i),
		terms: uint32(c.terms[i]), pattern: uint32(c.pattern[i]), event: r.event(i),
		origin: f.origin, raw: r.texts.raw[i], original: f.original,
	}
}

// entry is an entry as it was written, but for Message and Attributes. IDs and
// texts are read.
func (r *blockReader) entry(i int) pipeline.Entry {
	c := &r.columns
	return pipeline.Entry{
		ID: r.id(i), Time: c.time[i], CollectorTime: c.collector[i], Occurrence: c.occurrence[i],
		Origin: r.texts.rare[i].origin, Stream: r.view.names[c.stream[i]], Kind: pipeline.Kind(c.kind[i]), Level: pipeline.Level(c.level[i]),
		Service: r.view.names[c.service[i]], Resource: r.view.resources[c.resource[i]],
		Raw: strings.Clone(r.texts.raw[i]), Pattern: r.view.documents[c.pattern[i]].Value().pattern, Event: r.event(i), Lineage: c.lineage(i),
	}
}

// line is a whole entry.
func (r *blockReader) line(i int) pipeline.Line {
	e := r.entry(i)
	e.Message, e.Attributes = r.store.view(e.Kind, e.Raw, viewTime(e.Time, e.CollectorTime))
	if original := r.texts.rare[i].original; original != nil {
		e.Attributes = append(e.Attributes[:len(e.Attributes):len(e.Attributes)], pipeline.Attribute{Key: "original_time", Value: *original})
	}
	return pipeline.Line{Entry: e}
}

// message is an entry's message. Texts are read.
func (r *blockReader) message(i int) string {
	c := &r.columns
	m, _ := r.store.view(pipeline.Kind(c.kind[i]), r.texts.raw[i], viewTime(c.time[i], c.collector[i]))
	return m
}

// viewTime is the reference time of a View.
func viewTime(time, collector int64) int64 {
	if collector != 0 {
		return collector
	}
	return time
}

// Line returns one entry by its ID, or pipeline.ErrNotFound. It asks the newest
// days first.
func (s *Store) Line(ctx context.Context, id pipeline.ID) (pipeline.Line, error) {
	days, err := s.snapshotDays(0, 0)
	if err != nil {
		return pipeline.Line{}, err
	}
	for i := len(days) - 1; i >= 0; i-- {
		line, err := days[i].line(ctx, id)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, pipeline.ErrNotFound), errors.Is(err, errDropped):
		default:
			return pipeline.Line{}, fmt.Errorf("read line %s: %w", id, err)
		}
	}
	return pipeline.Line{}, fmt.Errorf("line %s: %w", id, pipeline.ErrNotFound)
}

func (d *day) line(ctx context.Context, id pipeline.ID) (line pipeline.Line, err error) {
	if err := d.acquire(); err != nil {
		return line, err
	}
	defer d.release()
	if !d.exists() {
		return line, pipeline.ErrNotFound
	}
	_, db, err := d.current(ctx)
	if err != nil {
		return line, err
	}
	defer func() { err = explain(d.path, err) }()
	ref, err := findID(ctx, db, id)
	if err != nil {
		return line, err
	}
	r := &blockReader{store: d.store, q: db, view: d.view.Load()}
	if r.view == nil || r.view.find(ref) == nil {
		// It was committed after the view was made.
		if r.view, err = loadView(ctx, db); err != nil {
			return line, err
		}
	}
	if err := r.goTo(ctx, ref); err != nil {
		return line, err
	}
	return r.line(int(ref % blockEntries)), nil
}

// find is the block of a reference, or nil if the view lacks the entry.
func (v *view) find(ref int64) *summary {
	s := v.open
	at, ok := slices.BinarySearchFunc(v.sealed, ref/blockEntries, func(s summary, id int64) int { return cmp.Compare(s.id, id) })
	if ok {
		s = &v.sealed[at]
	}
	if s == nil || s.id != ref/blockEntries || int(ref%blockEntries) >= s.n {
		return nil
	}
	return s
}

// goTo reads all parts of the block that holds an entry, unless they are read.
func (r *blockReader) goTo(ctx context.Context, ref int64) error {
	s := r.view.find(ref)
	if s == nil {
		return errCorrupt
	}
	if r.hasTexts && r.hasIDs && r.block == s.id && int(ref%blockEntries) < r.columns.n {
		return nil
	}
	return r.openAll(ctx, s)
}

// openAll reads all parts of a block.
func (r *blockReader) openAll(ctx context.Context, s *summary) error {
	if err := r.open(ctx, s); err != nil {
		return err
	}
	if err := r.readIDs(ctx); err != nil {
		return err
	}
	return r.readTexts(ctx)
}

// findID finds an entry's reference in the runs, else in the blocks that no run
// holds yet, within one transaction: a flush moves IDs from one to the other.
func findID(ctx context.Context, db *sql.DB, id pipeline.ID) (int64, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	t, err := loadTotals(ctx, tx)
	if err != nil {
		return 0, err
	}
	var refs []int64
	err = each(ctx, tx, `SELECT s.id, s.data FROM (SELECT DISTINCT run FROM id_segments) r JOIN id_segments s
		ON s.id = (SELECT id FROM id_segments WHERE run = r.run AND first <= ? ORDER BY first DESC LIMIT 1)`,
		func(_ int64, data []byte) error {
			refs = append(refs, searchSegment(data, key(id))...)
			return nil
		}, key(id))
	if err != nil {
		return 0, fmt.Errorf("read runs of IDs: %w", err)
	}
	for _, ref := range refs {
		data, err := queryBlob(ctx, tx, `SELECT data FROM block_ids WHERE id = ?`, ref/blockEntries)
		if err != nil {
			return 0, fmt.Errorf("read IDs: %w", noRows(err))
		}
		if found, ok := idAt(data, ref); ok && found == id {
			return ref, nil
		}
	}
	found := int64(-1)
	err = each(ctx, tx, `SELECT id, data FROM block_ids WHERE id >= ? ORDER BY id`, func(block int64, data []byte) error {
		for i := 0; 16*i+16 <= len(data); i++ {
			if pipeline.ID(data[16*i:16*i+16]) == id {
				found = block*blockEntries + int64(i)
			}
		}
		return nil
	}, t.tail/blockEntries)
	if err != nil {
		return 0, fmt.Errorf("read IDs: %w", err)
	}
	if found < 0 {
		return 0, pipeline.ErrNotFound
	}
	return found, nil
}

// Scan implements pipeline.LineReader. Days come oldest first. A day that is
// dropped meanwhile is left out.
func (s *Store) Scan(ctx context.Context, from, to int64, fn func(pipeline.Stored) error) error {
	days, err := s.snapshotDays(from, to)
	if err != nil {
		return err
	}
	for _, d := range days {
		if err := d.scan(ctx, from, to, fn); err != nil && !errors.Is(err, errDropped) {
			return err
		}
	}
	return nil
}

func (d *day) scan(ctx context.Context, from, to int64, fn func(pipeline.Stored) error) error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.release()
	if !d.exists() {
		return nil
	}
	v, db, err := d.current(ctx)
	if err != nil {
		return fmt.Errorf("scan day: %w", err)
	}
	r := &blockReader{store: d.store, q: db, view: v}
	var stop error
	v.blocks(func(s *summary) {
		if stop != nil || !s.overlaps(from, to) {
			return
		}
		if stop = ctx.Err(); stop != nil {
			return
		}
		if err := r.openAll(ctx, s); err != nil {
			stop = fmt.Errorf("scan day: %w", explain(d.path, err))
			return
		}
		for i := 0; i < min(r.columns.n, s.n) && stop == nil; i++ {
			if t := r.columns.time[i]; from != 0 && t < from || to != 0 && t >= to {
				continue
			}
			e := r.entry(i)
			stop = fn(pipeline.NewStored(&e))
		}
	})
	return stop
}

// overlaps says whether a block can hold times in [from, to); 0 is open.
func (s *summary) overlaps(from, to int64) bool {
	return (from == 0 || s.maxTime >= from) && (to == 0 || s.minTime < to)
}
