package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/loglode/loglode/pipeline"
)

var errDropped = errors.New("day was dropped")

// day is one day's file.
type day struct {
	store  *Store
	name   string // "2021-08-03"
	number int64  // days since 1970
	path   string
	used   int64 // by store.mu

	// life is held shared by all who use the files and alone by who closes or
	// deletes them.
	life    sync.RWMutex
	dropped bool

	openMu   sync.Mutex // who opens files and loads view
	prepared bool       // the schema was checked and is the newest; under openMu
	db       *sql.DB    // readers; set under openMu, unset under life
	isOpen   atomic.Bool
	file     atomic.Pointer[os.FileInfo] // what was opened; nil before
	view     atomic.Pointer[view]
	totals   atomic.Pointer[totals] // outlives the open files

	publishMu sync.Mutex // who replaces view and totals

	// writeMu is held by who writes or closes the writer.
	writeMu sync.Mutex
	writer  *writer
	writing atomic.Bool
}

// totals is the one row of the table totals.
type totals struct {
	entries, terms int64
	next           int64 // the reference after the last entry's
	indexed        int64 // the first block that is not in the table terms
	tail           int64 // the first reference that no run of IDs holds

	documents int64 // of the table patterns; set by publish
}

// view is what is known of a day without reading blocks. A view never changes:
// a write makes a new one that shares the front of its slices.
type view struct {
	totals
	sealed    []summary
	open      *summary // the last block while it is not full, else nil
	resources []*pipeline.Resource
	names     []string
	documents []sharedDocument // by number; 0 is the zero document
}

// blocks calls fn for each block.
func (v *view) blocks(fn func(*summary)) {
	for i := range v.sealed {
		fn(&v.sealed[i])
	}
	if v.open != nil {
		fn(v.open)
	}
}

func newDay(s *Store, name string, number int64) *day {
	return &day{store: s, name: name, number: number, path: filepath.Join(s.dir, name+".db")}
}

// acquire readies a day for use until release is called.
func (d *day) acquire() error {
	d.life.RLock()
	if !d.dropped && d.moved() {
		d.life.RUnlock()
		d.store.forget(d)
		d.life.RLock()
	}
	if d.dropped {
		d.life.RUnlock()
		return fmt.Errorf("%s: %w", d.name, errDropped)
	}
	d.store.touch(d)
	return nil
}

func (d *day) release() {
	d.life.RUnlock()
	d.store.evict()
}

// readers opens the day for reading.
func (d *day) readers(ctx context.Context) (*sql.DB, error) {
	d.openMu.Lock()
	defer d.openMu.Unlock()
	if d.db != nil {
		return d.db, nil
	}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	db, err := openReaders(d.path)
	if err != nil {
		return nil, err
	}
	d.db = db
	d.isOpen.Store(true)
	d.store.openDays.Add(1)
	return db, nil
}

// prepare checks a file that nothing has opened yet, and migrates it. The
// caller holds openMu.
func (d *day) prepare(ctx context.Context) error {
	if d.prepared {
		return nil
	}
	w, err := d.openForWriting(ctx)
	if err != nil {
		return err
	}
	return explain(d.path, w.Close())
}

// openForWriting opens the file with one connection that may write. The caller
// holds openMu: two that create a schema at once would meet.
func (d *day) openForWriting(ctx context.Context) (*sql.DB, error) {
	w, err := openFile(ctx, d.path, daySchema, d.store.createdBy)
	d.prepared = err == nil
	if err == nil && d.file.Load() == nil {
		if info, err := os.Stat(d.path); err == nil {
			d.file.Store(&info)
		}
	}
	return w, err
}

// moved says whether another file than the one that is open stands at the day's
// path, or none: somebody moved, deleted or restored it. What is written into
// the open one would be gone with it.
func (d *day) moved() bool {
	opened := d.file.Load()
	if opened == nil {
		return false
	}
	now, err := os.Stat(d.path)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return !os.SameFile(*opened, now)
}

// current is the newest view.
func (d *day) current(ctx context.Context) (*view, *sql.DB, error) {
	db, err := d.readers(ctx)
	if err != nil {
		return nil, nil, err
	}
	if v := d.view.Load(); v != nil {
		return v, db, nil
	}
	d.openMu.Lock()
	defer d.openMu.Unlock()
	if v := d.view.Load(); v != nil {
		return v, db, nil
	}
	v, err := loadView(ctx, db)
	if err != nil {
		return nil, nil, explain(d.path, err)
	}
	d.publish(v)
	return v, db, nil
}

// publish makes a view the current one, unless a newer was published before: a
// reader may load a view, be overtaken by a write, and only then come here.
// References only grow while the file lives.
func (d *day) publish(v *view) {
	d.publishMu.Lock()
	defer d.publishMu.Unlock()
	if t := d.totals.Load(); t != nil && v.next < t.next {
		return
	}
	d.view.Store(v)
	t := v.totals
	t.documents = int64(len(v.documents)) - 1
	d.totals.Store(&t)
}

// readTotals returns the totals, of which those of a closed day are remembered.
func (d *day) readTotals(ctx context.Context) (totals, error) {
	if t := d.totals.Load(); t != nil && !d.moved() {
		return *t, nil
	}
	if err := d.acquire(); err != nil {
		return totals{}, err
	}
	defer d.release()
	if _, err := os.Stat(d.path); errors.Is(err, os.ErrNotExist) {
		return totals{}, nil // made by a Write that is under way or has failed
	}
	db, err := d.readers(ctx)
	if err != nil {
		return totals{}, err
	}
	t, err := loadTotals(ctx, db)
	if err != nil {
		return totals{}, explain(d.path, err)
	}
	return t, nil
}

func (d *day) exists() bool {
	_, err := os.Stat(d.path)
	return err == nil
}

// bytes is the size of the day's files.
func (d *day) bytes() int64 {
	total := int64(0)
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(d.path + suffix); err == nil {
			total += info.Size()
		}
	}
	return total
}

// shut closes the files. The caller holds life alone.
func (d *day) shut() error {
	// evict closes a writer under writeMu alone, and may be about it now.
	d.writeMu.Lock()
	err := d.closeWriter()
	d.writeMu.Unlock()
	if d.db != nil {
		err = errors.Join(err, d.db.Close())
		d.db = nil
		d.isOpen.Store(false)
		d.store.openDays.Add(-1)
	}
	d.view.Store(nil)
	return err
}

func loadTotals(ctx context.Context, q querier) (totals, error) {
	var t totals
	err := q.QueryRowContext(ctx, `SELECT entries, terms, next, indexed, tail FROM totals`).Scan(&t.entries, &t.terms, &t.next, &t.indexed, &t.tail)
	if err != nil {
		return totals{}, fmt.Errorf("read totals: %w", err)
	}
	return t, nil
}

// loadView reads a day's view in one transaction.
func loadView(ctx context.Context, db *sql.DB) (*view, error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read day: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	v := &view{}
	if v.totals, err = loadTotals(ctx, tx); err != nil {
		return nil, err
	}
	if err := v.loadBlocks(ctx, tx); err != nil {
		return nil, err
	}
	err = each(ctx, tx, `SELECT id, json FROM resources ORDER BY id`, func(id int64, text []byte) error {
		r := new(pipeline.Resource)
		if id != int64(len(v.resources)) {
			return errCorrupt
		}
		v.resources = append(v.resources, r)
		return json.Unmarshal(text, r)
	})
	if err != nil {
		return nil, fmt.Errorf("read resources: %w", err)
	}
	err = each(ctx, tx, `SELECT id, name FROM names ORDER BY id`, func(id int64, text []byte) error {
		if id != int64(len(v.names)) {
			return errCorrupt
		}
		v.names = append(v.names, string(text))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read names: %w", err)
	}
	err = v.loadDocuments(ctx, tx)
	return v, err
}

func (v *view) loadBlocks(ctx context.Context, q querier) error {
	rows, err := q.QueryContext(ctx, `SELECT id, n, min_time, max_time, sealed, details FROM blocks ORDER BY id`)
	if err != nil {
		return fmt.Errorf("read blocks: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s summary
		var sealed int
		var details sql.RawBytes
		if err := rows.Scan(&s.id, &s.n, &s.minTime, &s.maxTime, &sealed, &details); err != nil {
			return fmt.Errorf("read blocks: %w", err)
		}
		if err := s.decodeDetails(details); err != nil {
			return err
		}
		if sealed == 0 {
			v.open = &s
			continue
		}
		v.sealed = append(v.sealed, s)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read blocks: %w", err)
	}
	return nil
}

// each calls fn for the rows of a query of a number and a blob.
func each(ctx context.Context, q querier, query string, fn func(id int64, data []byte) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var data sql.RawBytes
		if err := rows.Scan(&id, &data); err != nil {
			return err
		}
		if err := fn(id, data); err != nil {
			return err
		}
	}
	return rows.Err()
}
