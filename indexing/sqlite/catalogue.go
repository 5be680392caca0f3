package sqlite

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/loglode/loglode/pipeline"
)

var catalogueSchema = schema{kind: "catalogue", version: 2, create: `
CREATE TABLE dead_letters(
	id BLOB PRIMARY KEY, at INTEGER NOT NULL, reason TEXT NOT NULL, whole INTEGER NOT NULL,
	partition TEXT NOT NULL, sequence TEXT NOT NULL, sub INTEGER NOT NULL, place INTEGER NOT NULL,
	detail TEXT NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX dead_letters_by_time ON dead_letters(at, id, reason);
CREATE INDEX dead_letters_by_place ON dead_letters(partition, sequence, sub, place);
CREATE TABLE state(bucket TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(bucket, key)) WITHOUT ROWID;
` + vectorTables, migrations: map[int]func(context.Context, *sql.Tx) error{1: runs(vectorTables)}}

const (
	// minKey is the least length of Options.Key, in bytes.
	minKey = 16
	// pruneEvery is how often Add removes dead letters that are too old.
	pruneEvery = time.Hour
	// maxCombined bounds how many Puts share a transaction.
	maxCombined = 1024
)

// Catalogue is the file of what belongs to no day: dead letters, state and
// vectors. It implements pipeline.DeadLetters and pipeline.State.
type Catalogue struct {
	path string
	db   *sql.DB // one connection that writes
	read *sql.DB
	seal cipher.AEAD
	age  time.Duration
	now  func() time.Time

	queueMu sync.Mutex
	queue   []*put
	writeMu sync.Mutex // held by who writes

	pruneMu sync.Mutex
	pruned  time.Time
}

var (
	_ pipeline.DeadLetters = (*Catalogue)(nil)
	_ pipeline.State       = (*Catalogue)(nil)
)

// put is one call of Put in the queue.
type put struct {
	items []pipeline.StateItem
	done  bool // set under writeMu
	err   error
}

// OpenCatalogue opens o.Dir/catalogue.db, which is created where it is missing.
func OpenCatalogue(ctx context.Context, o Options) (*Catalogue, error) {
	if len(o.Key) < minKey {
		return nil, pipeline.WithHint(fmt.Errorf("open catalogue: key of %d bytes, at least %d are needed", len(o.Key), minKey),
			"Dead letters are encrypted: give the deployment's key.")
	}
	derived, err := hkdf.Key(sha256.New, o.Key, nil, "loglode/dead-letters/1", 32)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("create data directory: %w", err), "Check the path and its permissions, or name another directory with --data.")
	}
	c := &Catalogue{path: filepath.Join(dir, "catalogue.db"), seal: seal, age: o.DeadLetterAge, now: o.Now}
	if c.now == nil {
		c.now = time.Now
	}
	if c.db, err = openFile(ctx, c.path, catalogueSchema, o.CreatedBy); err != nil {
		return nil, fmt.Errorf("open catalogue: %w", err)
	}
	if c.read, err = openReaders(c.path); err != nil {
		return nil, errors.Join(fmt.Errorf("open catalogue: %w", err), c.db.Close())
	}
	if err := c.pruneIfDue(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close closes the file.
func (c *Catalogue) Close() error { return errors.Join(c.read.Close(), c.db.Close()) }

// transact runs fn in a transaction and commits.
func (c *Catalogue) transact(ctx context.Context, fn func(tx *sql.Tx) error) error {
	// A commit that is under way is not cut off: see day.write.
	ctx = context.WithoutCancel(ctx)
	tx, err := c.db.BeginTx(ctx, nil)
	if err != nil {
		return explain(c.path, err)
	}
	if err := fn(tx); err != nil {
		return errors.Join(explain(c.path, err), ignoreDone(tx.Rollback()))
	}
	return explain(c.path, tx.Commit())
}

// ignoreDone drops the error of a transaction that SQLite has ended itself.
func ignoreDone(err error) error {
	if err != nil && code(err) != 1 && !errors.Is(err, sql.ErrTxDone) {
		return err
	}
	return nil
}

// Get implements pipeline.State.
func (c *Catalogue) Get(ctx context.Context, bucket, key string) ([]byte, error) {
	value, err := queryBlob(ctx, c.read, `SELECT value FROM state WHERE bucket = ? AND key = ?`, bucket, key)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get state: %w", explain(c.path, err))
	}
	if value == nil {
		value = []byte{}
	}
	return value, nil
}

// Put implements pipeline.State. Calls that come while another writes share one
// transaction, in the order in which they came.
func (c *Catalogue) Put(ctx context.Context, items []pipeline.StateItem) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(items) == 0 {
		return nil
	}
	p := &put{items: items}
	c.queueMu.Lock()
	c.queue = append(c.queue, p)
	c.queueMu.Unlock()
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	for !p.done {
		c.putQueued(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("put state: %w", p.err)
	}
	return nil
}

// putQueued writes what stands at the front of the queue. The caller holds
// writeMu.
func (c *Catalogue) putQueued(ctx context.Context) {
	c.queueMu.Lock()
	n := min(len(c.queue), maxCombined)
	puts := c.queue[:n:n]
	c.queue = c.queue[n:]
	c.queueMu.Unlock()
	err := c.transact(ctx, func(tx *sql.Tx) error {
		for _, p := range puts {
			for _, item := range p.items {
				if err := putItem(ctx, tx, item); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, p := range puts {
		p.done, p.err = true, err
	}
}

func putItem(ctx context.Context, tx *sql.Tx, item pipeline.StateItem) error {
	ctx = context.WithoutCancel(ctx)
	if item.Value == nil {
		_, err := tx.ExecContext(ctx, `DELETE FROM state WHERE bucket = ? AND key = ?`, item.Bucket, item.Key)
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO state VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value`, item.Bucket, item.Key, item.Value)
	return err
}

// listPage is how many keys List reads at once: fn runs outside of any
// transaction and may call Put.
const listPage = 512

// List implements pipeline.State. Keys that are put while it runs may be left
// out.
func (c *Catalogue) List(ctx context.Context, bucket string, fn func(key string, value []byte) error) error {
	type item struct {
		key   string
		value []byte
	}
	query, after := `SELECT key, value FROM state WHERE bucket = ? AND key >= ? ORDER BY key LIMIT ?`, ""
	for {
		rows, err := c.read.QueryContext(ctx, query, bucket, after, listPage)
		if err != nil {
			return fmt.Errorf("list state: %w", explain(c.path, err))
		}
		var items []item
		for rows.Next() {
			var i item
			if err := rows.Scan(&i.key, &i.value); err != nil {
				return errors.Join(fmt.Errorf("list state: %w", explain(c.path, err)), rows.Close())
			}
			items = append(items, i)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("list state: %w", explain(c.path, err))
		}
		for _, i := range items {
			if err := fn(i.key, i.value); err != nil {
				return err
			}
		}
		if len(items) < listPage {
			return nil
		}
		query, after = `SELECT key, value FROM state WHERE bucket = ? AND key > ? ORDER BY key LIMIT ?`, items[len(items)-1].key
	}
}

// Add implements pipeline.DeadLetters. Data is encrypted with AES-256-GCM,
// bound to the letter's ID.
func (c *Catalogue) Add(ctx context.Context, letters []pipeline.DeadLetter) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.pruneIfDue(ctx); err != nil {
		return err
	}
	if len(letters) == 0 {
		return nil
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	err := c.transact(ctx, func(tx *sql.Tx) error {
		for i := range letters {
			l := &letters[i]
			data, err := c.encrypt(l.ID, l.Data)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(context.WithoutCancel(ctx), `INSERT OR IGNORE INTO dead_letters VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				l.ID[:], l.At.UnixNano(), l.Reason, l.Whole, l.Lineage.Partition, l.Lineage.Sequence, l.Lineage.Sub, l.Lineage.Index, l.Detail, data)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add dead letters: %w", err)
	}
	return nil
}

func (c *Catalogue) encrypt(id pipeline.ID, data []byte) ([]byte, error) {
	nonce := make([]byte, c.seal.NonceSize(), c.seal.NonceSize()+len(data)+c.seal.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("encrypt dead letter: %w", err)
	}
	return c.seal.Seal(nonce, nonce, data, id[:]), nil
}

func (c *Catalogue) decrypt(id pipeline.ID, data []byte) ([]byte, error) {
	if len(data) < c.seal.NonceSize() {
		return nil, fmt.Errorf("decrypt dead letter %s: %w", id, errCorrupt)
	}
	n := c.seal.NonceSize()
	plain, err := c.seal.Open(nil, data[:n], data[n:], id[:])
	if err != nil {
		return nil, pipeline.WithHint(fmt.Errorf("decrypt dead letter %s: %w", id, err), "It was written under another key.")
	}
	return plain, nil
}

// DeadLetterFilter selects dead letters.
type DeadLetterFilter struct {
	Reason string    // empty for any
	Since  time.Time // zero for any
	Limit  int       // 0 for 100, at most 10,000
	Cursor string    // DeadLetterPage.Next of the page before
}

// DeadLetterPage is one page of dead letters.
type DeadLetterPage struct {
	// Letters come newest first and without their Data.
	Letters []pipeline.DeadLetter
	// Next continues after the last; empty when there are no more.
	Next string
}

const deadLetterFields = `id, at, reason, whole, partition, sequence, sub, place, detail, length(data)`

// ListDeadLetters returns dead letters, newest first. A bad cursor is an error
// that wraps pipeline.ErrRejected.
func (c *Catalogue) ListDeadLetters(ctx context.Context, f DeadLetterFilter) (DeadLetterPage, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	limit = min(limit, maxLimit)
	query := `SELECT ` + deadLetterFields + ` FROM dead_letters WHERE (? = '' OR reason = ?)`
	args := []any{f.Reason, f.Reason}
	if !f.Since.IsZero() {
		query += ` AND at >= ?`
		args = append(args, f.Since.UnixNano())
	}
	if f.Cursor != "" {
		at, id, err := decodeLetterCursor(f.Cursor)
		if err != nil {
			return DeadLetterPage{}, err
		}
		query += ` AND (at, id) < (?, ?)`
		args = append(args, at, id)
	}
	rows, err := c.read.QueryContext(ctx, query+` ORDER BY at DESC, id DESC LIMIT ?`, append(args, limit+1)...)
	if err != nil {
		return DeadLetterPage{}, fmt.Errorf("list dead letters: %w", explain(c.path, err))
	}
	defer rows.Close()
	var page DeadLetterPage
	for rows.Next() {
		l, err := scanLetter(rows.Scan)
		if err != nil {
			return DeadLetterPage{}, fmt.Errorf("list dead letters: %w", explain(c.path, err))
		}
		if len(page.Letters) == limit {
			last := page.Letters[limit-1]
			b := binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixNano()))
			page.Next = base64.RawURLEncoding.EncodeToString(append(b, last.ID[:]...))
			break
		}
		page.Letters = append(page.Letters, l)
	}
	if err := rows.Err(); err != nil {
		return DeadLetterPage{}, fmt.Errorf("list dead letters: %w", explain(c.path, err))
	}
	return page, nil
}

func decodeLetterCursor(text string) (at int64, id []byte, err error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 24 {
		return 0, nil, pipeline.BadCursor("is not one of ours")
	}
	return int64(binary.BigEndian.Uint64(b)), b[8:], nil
}

// sealOverhead is what AES-GCM adds: nonce and tag, bytes.
const sealOverhead = 12 + 16

// scanLetter reads deadLetterFields and what more is given.
func scanLetter(scan func(...any) error, more ...any) (pipeline.DeadLetter, error) {
	var l pipeline.DeadLetter
	var id []byte
	var at int64
	err := scan(append([]any{&id, &at, &l.Reason, &l.Whole, &l.Lineage.Partition, &l.Lineage.Sequence, &l.Lineage.Sub, &l.Lineage.Index, &l.Detail, &l.Size}, more...)...)
	if err != nil {
		return l, err
	}
	if len(id) != len(l.ID) {
		return l, errCorrupt
	}
	l.ID, l.At = pipeline.ID(id), time.Unix(0, at).UTC()
	l.Size = max(0, l.Size-sealOverhead)
	return l, nil
}

// DeadLetter returns one dead letter with its Data, or pipeline.ErrNotFound.
func (c *Catalogue) DeadLetter(ctx context.Context, id pipeline.ID) (pipeline.DeadLetter, error) {
	var data []byte
	row := c.read.QueryRowContext(ctx, `SELECT `+deadLetterFields+`, data FROM dead_letters WHERE id = ?`, id[:])
	l, err := scanLetter(row.Scan, &data)
	if errors.Is(err, sql.ErrNoRows) {
		return l, fmt.Errorf("dead letter %s: %w", id, pipeline.ErrNotFound)
	}
	if err != nil {
		return l, fmt.Errorf("read dead letter %s: %w", id, explain(c.path, err))
	}
	l.Data, err = c.decrypt(id, data)
	return l, err
}

// RemoveDeadLetters deletes dead letters. IDs that are not there are no error.
func (c *Catalogue) RemoveDeadLetters(ctx context.Context, ids []pipeline.ID) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	err := c.transact(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM dead_letters WHERE id = ?`, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove dead letters: %w", err)
	}
	return nil
}

// PruneDeadLetters deletes the dead letters from before a time and returns how
// many they were.
func (c *Catalogue) PruneDeadLetters(ctx context.Context, before time.Time) (removed int64, err error) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	err = c.transact(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM dead_letters WHERE at < ?`, before.UnixNano())
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune dead letters: %w", err)
	}
	return removed, nil
}

// pruneIfDue prunes by Options.DeadLetterAge, at most once in pruneEvery.
func (c *Catalogue) pruneIfDue(ctx context.Context) error {
	if c.age <= 0 {
		return nil
	}
	now := c.now()
	c.pruneMu.Lock()
	due := now.Sub(c.pruned) >= pruneEvery
	if due {
		c.pruned = now
	}
	c.pruneMu.Unlock()
	if !due {
		return nil
	}
	_, err := c.PruneDeadLetters(ctx, now.Add(-c.age))
	return err
}
