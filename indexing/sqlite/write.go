package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loglode/loglode/pipeline"
	"github.com/loglode/loglode/pipeline/analysis"
)

// Write implements pipeline.Index. The entries of one call are written in a
// transaction for each of their days.
func (s *Store) Write(ctx context.Context, entries []pipeline.Entry, results []pipeline.WriteResult) error {
	if len(entries) != len(results) {
		return fmt.Errorf("write %d entries with %d results: the two must be as many", len(entries), len(results))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	a, ok := s.analysers.Get().(*analysis.Analyser)
	if !ok {
		return errors.New("pool of analysers holds something else")
	}
	defer s.analysers.Put(a)
	if a.Words() > analysis.SoftLimit {
		a.Reset()
	}
	// The work of analysis is done before any lock is taken, so that several
	// callers share the processors.
	b := batch{entries: entries, results: results, analyser: a, terms: make([][]uint32, len(entries))}
	days := b.analyse()
	for _, number := range slices.Sorted(maps.Keys(days)) {
		if err := s.writeDay(ctx, number, &b, days[number]); err != nil {
			return fmt.Errorf("write day %s: %w", pipeline.Day(number*nanosPerDay), err)
		}
	}
	return nil
}

// batch is one call's entries with their terms.
type batch struct {
	entries  []pipeline.Entry
	results  []pipeline.WriteResult
	analyser *analysis.Analyser
	terms    [][]uint32
}

// analyse finds each entry's terms, rejects what cannot be stored, and groups
// the rest by day.
func (b *batch) analyse() map[int64][]int32 {
	days := make(map[int64][]int32, 2)
	numbers := make([]uint32, 0, 32*len(b.entries))
	last, group := int64(0), []int32(nil)
	for i := range b.entries {
		e := &b.entries[i]
		if len(e.Raw) > maxRaw {
			b.results[i] = pipeline.WriteResult{Outcome: pipeline.Rejected, Reason: "too_large"}
			continue
		}
		start := len(numbers)
		numbers = b.analyser.Entry(numbers, e)
		b.terms[i] = numbers[start:len(numbers):len(numbers)]
		if d := dayOf(e.Time); d != last || group == nil {
			if group != nil {
				days[last] = group
			}
			last, group = d, days[d]
			if group == nil {
				group = make([]int32, 0, len(b.entries)-i)
			}
		}
		group = append(group, int32(i))
	}
	if group != nil {
		days[last] = group
	}
	return days
}

func (s *Store) writeDay(ctx context.Context, number int64, b *batch, picked []int32) error {
	for {
		d, err := s.day(number)
		if err != nil {
			return err
		}
		err = d.write(ctx, b, picked)
		if !errors.Is(err, errDropped) {
			return err
		}
		// It was dropped between the two: the next handle is a new file.
	}
}

func (d *day) write(ctx context.Context, b *batch, picked []int32) error {
	if err := d.acquire(); err != nil {
		return err
	}
	defer d.release()
	d.writeMu.Lock()
	defer d.writeMu.Unlock()
	// A write is short. It is not cut off in the middle: a statement that is
	// interrupted costs the writer's state, and a caller that goes away wants
	// what it has handed over to be kept.
	ctx = context.WithoutCancel(ctx)
	if d.writer == nil {
		w, err := d.openWriter(ctx)
		if err != nil {
			return err
		}
		d.writer = w
		d.writing.Store(true)
		d.store.openWriters.Add(1)
	}
	if err := d.writer.write(ctx, b, picked); err != nil {
		// What the writer holds in memory is ahead of the file now, or behind
		// it, if it was the commit that failed. All start from the file again.
		err = errors.Join(explain(d.path, err), d.closeWriter())
		d.view.Store(nil)
		return err
	}
	return nil
}

// writer is a day that is open for writing. Its memory mirrors the file.
type writer struct {
	day  *day
	db   *sql.DB
	conn *sql.Conn

	view      *view // what is committed
	ids       *idIndex
	resources map[string]uint32
	names     map[string]uint32
	documents writerDocuments

	open    openBlock
	pending []pendingTerms

	statements map[string]*sql.Stmt
	inverter   inverter
	grouper    grouper
	buffers    [6][]byte
}

// openBlock is the last block while it is not full.
type openBlock struct {
	id         int64
	rows       []row
	terms      [][]uint32 // by row, numbers in vocabulary
	vocabulary []string
}

// pendingTerms is a full block that the table terms lacks.
type pendingTerms struct {
	block int64
	terms string
}

func (d *day) openWriter(ctx context.Context) (*writer, error) {
	d.openMu.Lock()
	db, err := d.openForWriting(ctx)
	d.openMu.Unlock()
	if err != nil {
		return nil, err
	}
	w := &writer{day: d, db: db, resources: map[string]uint32{}, names: map[string]uint32{}, statements: map[string]*sql.Stmt{}}
	if err := w.load(ctx); err != nil {
		return nil, errors.Join(explain(d.path, err), w.close())
	}
	return w, nil
}

// load reads what the writer must know of the file.
func (w *writer) load(ctx context.Context) (err error) {
	// The file alone is asked, not the published view: a write on top of a view
	// that lags behind would replace blocks.
	if w.view, err = loadView(ctx, w.db); err != nil {
		return err
	}
	w.day.publish(w.view)
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	for i, r := range w.view.resources {
		w.resources[resourceKey(r)] = uint32(i)
	}
	for i, n := range w.view.names {
		w.names[n] = uint32(i)
	}
	if err := w.documents.load(w.view, w.names); err != nil {
		return err
	}
	if w.ids, err = loadIDs(ctx, w.conn, w.view.tail); err != nil {
		return err
	}
	if err := w.loadPending(ctx); err != nil {
		return err
	}
	w.open = openBlock{id: w.view.next / blockEntries}
	if w.view.next%blockEntries != 0 && w.view.open == nil {
		w.open.id++ // the last block was sealed early
	}
	if w.view.open != nil {
		return w.loadOpen(ctx)
	}
	return nil
}

func (w *writer) loadPending(ctx context.Context) error {
	return each(ctx, w.conn, `SELECT p.id, p.data FROM block_postings p JOIN blocks b USING(id) WHERE p.id >= ? AND b.sealed = 1 ORDER BY p.id`,
		func(id int64, data []byte) error {
			p, err := openPostings(data)
			if err != nil {
				return err
			}
			var terms strings.Builder
			err = p.from("", func(term, _ []byte) bool {
				terms.Write(term)
				terms.WriteByte(' ')
				return true
			})
			w.pending = append(w.pending, pendingTerms{id, terms.String()})
			return err
		}, w.view.indexed)
}

// loadOpen reads the open block back into rows.
func (w *writer) loadOpen(ctx context.Context) error {
	b := &w.open
	b.id = w.view.open.id
	reader := &blockReader{store: w.day.store, q: w.conn, view: w.view}
	if err := reader.open(ctx, w.view.open); err != nil {
		return err
	}
	if err := reader.readIDs(ctx); err != nil {
		return err
	}
	if err := reader.readTexts(ctx); err != nil {
		return err
	}
	for i := range reader.columns.n {
		b.rows = append(b.rows, reader.row(i))
	}
	b.terms = make([][]uint32, len(b.rows))
	p, err := reader.postings(ctx)
	if err != nil {
		return err
	}
	var broken error
	err = p.from("", func(term, list []byte) bool {
		n := uint32(len(b.vocabulary))
		b.vocabulary = append(b.vocabulary, string(term))
		broken = eachPosting(list, func(entry uint8, tf uint32) {
			if int(entry) < len(b.terms) {
				for range tf {
					b.terms[entry] = append(b.terms[entry], n)
				}
			}
		})
		return broken == nil
	})
	return errors.Join(err, broken)
}

// closeWriter closes the writer, if there is one. The caller holds writeMu.
func (d *day) closeWriter() error {
	if d.writer == nil {
		return nil
	}
	err := d.writer.close()
	d.writer = nil
	d.writing.Store(false)
	d.store.openWriters.Add(-1)
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.statements {
		errs = append(errs, s.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// exec runs a statement, which is prepared once.
func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	s := w.statements[query]
	if s == nil {
		var err error
		if s, err = w.conn.PrepareContext(ctx, query); err != nil {
			return err
		}
		w.statements[query] = s
	}
	_, err := s.ExecContext(ctx, args...)
	return err
}

// write stores the picked entries of a batch and commits.
func (w *writer) write(ctx context.Context, b *batch, picked []int32) error {
	fresh, err := w.dedupe(ctx, b, picked)
	if err != nil {
		return err
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := w.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return err
	}
	next, err := w.store(ctx, b, fresh)
	if err != nil {
		return errors.Join(err, w.rollback(ctx))
	}
	if err := w.exec(ctx, `COMMIT`); err != nil {
		return errors.Join(err, w.rollback(ctx))
	}
	w.view = next
	w.day.publish(next)
	return nil
}

// rollback ends a transaction that failed. SQLite may have ended it already,
// which is no fault.
func (w *writer) rollback(ctx context.Context) error {
	if err := w.exec(ctx, `ROLLBACK`); err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		return err
	}
	return nil
}

// fresh is an entry that is not stored yet.
type fresh struct {
	entry    int32
	tail     int32 // its place in ids.tail
	resource uint32
}

// dedupe sets the results of picked entries and returns those to be stored,
// which are in ids.tail from then on.
func (w *writer) dedupe(ctx context.Context, b *batch, picked []int32) ([]fresh, error) {
	id := func(i int32) pipeline.ID { return b.entries[i].ID }
	var maybe []int32
	for _, i := range picked {
		b.results[i] = pipeline.WriteResult{Outcome: pipeline.Created}
		if w.ids.filter.mayHold(key(id(i))) && len(w.ids.runs) > 0 {
			maybe = append(maybe, i)
		}
	}
	err := w.ids.search(ctx, w.conn, id, maybe, func(i int32) { b.results[i].Outcome = pipeline.Exists })
	if err != nil {
		return nil, err
	}
	found := make([]fresh, 0, len(picked))
	for _, i := range picked {
		if b.results[i].Outcome == pipeline.Exists {
			continue
		}
		if w.ids.tail.find(id(i)) >= 0 {
			b.results[i].Outcome = pipeline.Exists
			continue
		}
		w.ids.tail.add(id(i), 0)
		found = append(found, fresh{entry: i, tail: int32(len(w.ids.tail.entries) - 1)})
	}
	return found, nil
}

// store writes fresh entries within a transaction and returns the view to be
// published once it is committed.
func (w *writer) store(ctx context.Context, b *batch, found []fresh) (*view, error) {
	next := *w.view
	if err := w.number(ctx, &next, b, found); err != nil {
		return nil, err
	}
	if len(found) > blockEntries {
		// Lines of one writer compress together, and fewer blocks then hold a
		// resource. A small batch keeps its order: it is in one block or two.
		slices.SortStableFunc(found, func(x, y fresh) int {
			if c := cmp.Compare(x.resource, y.resource); c != 0 {
				return c
			}
			return cmp.Compare(b.entries[x.entry].Time, b.entries[y.entry].Time)
		})
	}
	rows, terms, err := w.rows(ctx, &next, b, found)
	if err != nil {
		return nil, err
	}
	if err := w.fill(ctx, &next, b.analyser, rows, terms, found); err != nil {
		return nil, err
	}
	next.entries += int64(len(found))
	for _, f := range found {
		next.terms += int64(len(b.terms[f.entry]))
	}
	if err := w.index(ctx, &next); err != nil {
		return nil, err
	}
	if len(w.ids.tail.entries) >= w.day.store.limits.tail {
		if err := w.ids.flush(ctx, w.conn); err != nil {
			return nil, err
		}
		next.tail = next.next
	}
	err = w.exec(ctx, `UPDATE totals SET entries = ?, terms = ?, next = ?, indexed = ?, tail = ?`, next.entries, next.terms, next.next, next.indexed, next.tail)
	if err != nil {
		return nil, fmt.Errorf("write totals: %w", err)
	}
	return &next, nil
}

// number gives each entry its resource's number, and new resources their rows.
func (w *writer) number(ctx context.Context, next *view, b *batch, found []fresh) error {
	known := map[*pipeline.Resource]uint32{}
	for i := range found {
		r := b.entries[found[i].entry].Resource
		n, ok := known[r]
		if !ok {
			var err error
			if n, err = w.resource(ctx, next, r); err != nil {
				return err
			}
			known[r] = n
		}
		found[i].resource = n
	}
	return nil
}

func (w *writer) resource(ctx context.Context, next *view, r *pipeline.Resource) (uint32, error) {
	k := resourceKey(r)
	if n, ok := w.resources[k]; ok {
		return n, nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("encode resource: %w", err)
	}
	n := uint32(len(next.resources))
	if err := w.exec(ctx, `INSERT INTO resources(id, json) VALUES(?, ?)`, n, string(text)); err != nil {
		return 0, fmt.Errorf("write resource: %w", err)
	}
	next.resources = append(next.resources, r)
	w.resources[k] = n
	w.documents.addResource(r)
	return n, nil
}

func (w *writer) name(ctx context.Context, next *view, name string) (uint32, error) {
	if n, ok := w.names[name]; ok {
		return n, nil
	}
	name = strings.Clone(name)
	n := uint32(len(next.names))
	if err := w.exec(ctx, `INSERT INTO names(id, name) VALUES(?, ?)`, n, name); err != nil {
		return 0, fmt.Errorf("write name: %w", err)
	}
	next.names = append(next.names, name)
	w.names[name] = n
	return n, nil
}

// resourceKey is a resource's content as a string.
func resourceKey(r *pipeline.Resource) string {
	var b []byte
	for _, s := range []string{r.Cluster, r.Namespace, r.Pod, r.PodUID, r.Container, r.Node, r.Owner} {
		b = appendString(b, s)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
		b = appendString(appendString(b, k), r.Labels[k])
	}
	return string(b)
}

// rows makes rows of entries: the open block's first.
func (w *writer) rows(ctx context.Context, next *view, b *batch, found []fresh) ([]row, [][]uint32, error) {
	rows := make([]row, 0, len(w.open.rows)+len(found))
	terms := make([][]uint32, 0, len(w.open.rows)+len(found))
	rows = append(rows, w.open.rows...)
	// The open block's terms get this analyser's numbers.
	numbers := make([]uint32, len(w.open.vocabulary))
	for i, t := range w.open.vocabulary {
		numbers[i] = b.analyser.Number(t)
	}
	for _, t := range w.open.terms {
		renumbered := make([]uint32, len(t))
		for i, n := range t {
			renumbered[i] = numbers[n]
		}
		terms = append(terms, renumbered)
	}
	for _, f := range found {
		e := &b.entries[f.entry]
		service, err := w.name(ctx, next, e.Service)
		if err != nil {
			return nil, nil, err
		}
		stream, err := w.name(ctx, next, e.Stream)
		if err != nil {
			return nil, nil, err
		}
		document, err := w.document(ctx, next, e, f.resource, service)
		if err != nil {
			return nil, nil, err
		}
		b.results[f.entry].Unpatterned = document == 0 && !e.Pattern.ID.IsZero()
		rows = append(rows, row{
			id: e.ID, time: e.Time, collector: e.CollectorTime, occurrence: e.Occurrence, resource: f.resource, service: service, stream: stream,
			kind: e.Kind, level: e.Level, lineage: e.Lineage, terms: uint32(len(b.terms[f.entry])), pattern: document, event: e.Event,
			origin: e.Origin, raw: e.Raw, original: originalTime(e),
		})
		terms = append(terms, b.terms[f.entry])
	}
	return rows, terms, nil
}

// originalTime is the one attribute that is no view of the raw text: the time
// that was replaced, being too far in the future.
func originalTime(e *pipeline.Entry) *string {
	if e.Time == e.CollectorTime {
		return nil
	}
	for i := range e.Attributes {
		if e.Attributes[i].Key == "original_time" {
			return &e.Attributes[i].Value
		}
	}
	return nil
}

// fill cuts rows into blocks, writes them, and keeps the last if it is not
// full. found are the last of rows.
func (w *writer) fill(ctx context.Context, next *view, a *analysis.Analyser, rows []row, terms [][]uint32, found []fresh) error {
	kept := len(w.open.rows)
	next.sealed, next.open = w.view.sealed, nil
	id := w.open.id
	w.open = openBlock{}
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && n < blockEntries && size < blockBytes {
			size += len(rows[n].raw)
			n++
		}
		state := blockOpen
		if n == blockEntries || size >= blockBytes {
			state = blockSealed
		}
		for i := kept; i < n; i++ {
			w.ids.tail.entries[found[0].tail].ref = id*blockEntries + int64(i)
			found = found[1:]
		}
		s := summarise(id, rows[:n])
		if err := w.writeBlock(ctx, &s, a, rows[:n], terms[:n], state); err != nil {
			return fmt.Errorf("write block: %w", err)
		}
		next.next = id*blockEntries + int64(n)
		if state == blockSealed {
			next.sealed = append(next.sealed, s)
			id++
		} else {
			next.open = &s
			w.keepOpen(id, rows[:n], terms[:n], kept, a)
		}
		rows, terms, kept = rows[n:], terms[n:], 0
	}
	if next.open == nil {
		w.open.id = id
	}
	return nil
}

// keepOpen copies the rows of the open block, of which the first kept are
// copies already.
func (w *writer) keepOpen(id int64, rows []row, terms [][]uint32, kept int, a *analysis.Analyser) {
	w.open = openBlock{id: id, rows: slices.Clone(rows)}
	w.open.vocabulary, w.open.terms = w.inverter.vocabulary(a, terms)
	for i := kept; i < len(rows); i++ {
		r := &w.open.rows[i]
		r.raw, r.origin = strings.Clone(r.raw), strings.Clone(r.origin)
		if i > 0 && r.lineage.Position == w.open.rows[i-1].lineage.Position {
			r.lineage.Position = w.open.rows[i-1].lineage.Position
		} else {
			r.lineage.Partition, r.lineage.Sequence = strings.Clone(r.lineage.Partition), strings.Clone(r.lineage.Sequence)
		}
		if r.original != nil {
			text := strings.Clone(*r.original)
			r.original = &text
		}
		if e := r.event; e != nil {
			r.event = &pipeline.Event{
				UID: strings.Clone(e.UID), ResourceVersion: strings.Clone(e.ResourceVersion), Count: e.Count, Reason: strings.Clone(e.Reason),
				ObjectKind: strings.Clone(e.ObjectKind), ObjectNamespace: strings.Clone(e.ObjectNamespace), ObjectName: strings.Clone(e.ObjectName),
			}
		}
	}
}

// blockState is the column sealed of a block.
type blockState int64

const (
	blockOpen   blockState = 0 // the next batch may replace it
	blockSealed blockState = 1 // it stays as it is
)

// writeBlock writes or replaces a block.
func (w *writer) writeBlock(ctx context.Context, s *summary, a *analysis.Analyser, rows []row, terms [][]uint32, state blockState) error {
	details := s.appendDetails(w.buffers[0][:0])
	columns := appendColumns(w.buffers[1][:0], rows)
	ids := w.buffers[2][:0]
	for i := range rows {
		ids = append(ids, rows[i].id[:]...)
	}
	postings, joined := w.inverter.invert(w.buffers[3][:0], w.inverter.joined[:0], a, terms)
	plain := appendTexts(w.inverter.plain[:0], rows)
	texts := w.day.store.encoder.EncodeAll(plain, w.buffers[4][:0])
	w.inverter.joined, w.inverter.plain = joined, plain
	groups := w.buffers[5][:0]
	if state == blockSealed {
		groups = w.grouper.append(groups, s, rows)
	}
	w.buffers = [6][]byte{details, columns, ids, postings, texts, groups}

	err := w.exec(ctx, `REPLACE INTO blocks(id, n, min_time, max_time, sealed, details) VALUES(?, ?, ?, ?, ?, ?)`,
		s.id, s.n, s.minTime, s.maxTime, int64(state), details)
	if err != nil {
		return err
	}
	for i, query := range []string{
		`REPLACE INTO block_columns(id, data) VALUES(?, ?)`, `REPLACE INTO block_ids(id, data) VALUES(?, ?)`,
		`REPLACE INTO block_postings(id, data) VALUES(?, ?)`, `REPLACE INTO block_texts(id, data) VALUES(?, ?)`,
	} {
		if err := w.exec(ctx, query, s.id, w.buffers[i+1]); err != nil {
			return err
		}
	}
	if len(groups) > 0 {
		if err := w.exec(ctx, `INSERT INTO block_groups(id, data) VALUES(?, ?)`, s.id, groups); err != nil {
			return err
		}
	}
	if state == blockSealed {
		w.pending = append(w.pending, pendingTerms{s.id, string(joined)})
	}
	return nil
}

// index gives waiting blocks to the table terms once there are enough: FTS5
// writes a segment for each transaction, and merges small ones at a cost.
// Queries read waiting blocks without asking FTS5.
func (w *writer) index(ctx context.Context, next *view) error {
	if len(w.pending) < w.day.store.limits.pending {
		return nil
	}
	for _, p := range w.pending {
		if err := w.exec(ctx, `INSERT INTO terms(rowid, text) VALUES(?, ?)`, p.block, p.terms); err != nil {
			return fmt.Errorf("index terms: %w", err)
		}
		next.indexed = p.block + 1
	}
	w.pending = w.pending[:0]
	return nil
}
