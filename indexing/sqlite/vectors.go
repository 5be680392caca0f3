package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/loglode/loglode/pipeline/embedding"
)

// vectorTables came with version 2 of the catalogue. Vectors of documents are
// found by content, so that a pattern on thirty days is embedded once.
//
//	vectors     of documents   format, 8-bit integers
//	embeddings  of texts       format, 32-bit floats, little-endian
const vectorTables = `
CREATE TABLE vectors(model TEXT NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY(model, content)) WITHOUT ROWID;
CREATE TABLE embeddings(id INTEGER PRIMARY KEY, model TEXT NOT NULL, content BLOB NOT NULL, vector BLOB NOT NULL, UNIQUE(model, content));
`

const (
	vectorFormat    = 1
	embeddingFormat = 1
	// maxEmbeddings is how many texts the cache keeps; the oldest go first.
	maxEmbeddings = 300_000
	// vectorPage is how many vectors are pruned at once.
	vectorPage = 2048
)

func decodeVector(data []byte) ([]int8, error) {
	if len(data) < 2 || data[0] != vectorFormat {
		return nil, fmt.Errorf("vector of %d bytes: %w", len(data), errCorrupt)
	}
	v := make([]int8, len(data)-1)
	for i, b := range data[1:] {
		v[i] = int8(b)
	}
	return v, nil
}

func encodeVector(v []int8) []byte {
	data := make([]byte, 1, 1+len(v))
	data[0] = vectorFormat
	for _, x := range v {
		data = append(data, byte(x))
	}
	return data
}

// eachVector calls fn for all vectors of a model.
func (c *Catalogue) eachVector(ctx context.Context, model string, fn func(key embedding.Key, vector []int8) error) error {
	rows, err := c.read.QueryContext(ctx, `SELECT content, vector FROM vectors WHERE model = ?`, model)
	if err != nil {
		return fmt.Errorf("read vectors: %w", explain(c.path, err))
	}
	defer rows.Close()
	for rows.Next() {
		var content, data sql.RawBytes
		if err := rows.Scan(&content, &data); err != nil {
			return fmt.Errorf("read vectors: %w", explain(c.path, err))
		}
		v, err := decodeVector(data)
		if err == nil && len(content) != len(embedding.Key{}) {
			err = errCorrupt
		}
		if err != nil {
			return fmt.Errorf("read vectors: %w", explain(c.path, err))
		}
		if err := fn(embedding.Key(content), v); err != nil {
			return fmt.Errorf("read vectors: %w", explain(c.path, err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read vectors: %w", explain(c.path, err))
	}
	return nil
}

// findVector is the vector of a content, nil if there is none.
func (c *Catalogue) findVector(ctx context.Context, model string, key embedding.Key) ([]int8, error) {
	data, err := queryBlob(ctx, c.read, `SELECT vector FROM vectors WHERE model = ? AND content = ?`, model, key[:])
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	var v []int8
	if err == nil {
		v, err = decodeVector(data)
	}
	if err != nil {
		return nil, fmt.Errorf("read vector: %w", explain(c.path, err))
	}
	return v, nil
}

// addVectors stores vectors of one length; those that are there already stay.
func (c *Catalogue) addVectors(ctx context.Context, model string, keys []embedding.Key, vectors [][]int8) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.transact(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		var size int
		err := tx.QueryRowContext(ctx, `SELECT length(vector) FROM vectors WHERE model = ? LIMIT 1`, model).Scan(&size)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		insert, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO vectors(model, content, vector) VALUES(?, ?, ?)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		for i, v := range vectors {
			data := encodeVector(v)
			if size == 0 {
				size = len(data)
			}
			if len(data) != size {
				return fmt.Errorf("vector of %d dimensions, those of model %q have %d", len(v), model, size-1)
			}
			if _, err := insert.ExecContext(ctx, model, keys[i][:], data); err != nil {
				return err
			}
		}
		return nil
	})
}

// storedVector names a row of the table vectors.
type storedVector struct {
	model   string
	content []byte
}

// vectorsAfter is the next rows in the order of the table.
func (c *Catalogue) vectorsAfter(ctx context.Context, last storedVector) ([]storedVector, error) {
	rows, err := c.read.QueryContext(ctx, `SELECT model, content FROM vectors WHERE (model, content) > (?, ?) ORDER BY model, content LIMIT ?`, last.model, last.content, vectorPage)
	if err != nil {
		return nil, fmt.Errorf("list vectors: %w", explain(c.path, err))
	}
	defer rows.Close()
	var list []storedVector
	for rows.Next() {
		var v storedVector
		if err := rows.Scan(&v.model, &v.content); err != nil {
			return nil, fmt.Errorf("list vectors: %w", explain(c.path, err))
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list vectors: %w", explain(c.path, err))
	}
	return list, nil
}

func (c *Catalogue) removeVectors(ctx context.Context, list []storedVector) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.transact(ctx, func(tx *sql.Tx) error {
		for _, v := range list {
			if _, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM vectors WHERE model = ? AND content = ?`, v.model, v.content); err != nil {
				return err
			}
		}
		return nil
	})
}

// trimEmbeddings keeps the newest texts of the cache.
func (c *Catalogue) trimEmbeddings(ctx context.Context, keep int) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.transact(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `DELETE FROM embeddings WHERE id <= (SELECT max(id) FROM embeddings) - ?`, keep)
		return err
	})
}

// embeddings reads cached texts: one entry for each key, nil for none.
func (c *Catalogue) embeddings(ctx context.Context, model string, keys []embedding.Key) ([][]float32, error) {
	find, err := c.read.PrepareContext(ctx, `SELECT vector FROM embeddings WHERE model = ? AND content = ?`)
	if err != nil {
		return nil, explain(c.path, err)
	}
	defer find.Close()
	vectors := make([][]float32, len(keys))
	for i := range keys {
		var data []byte
		err := find.QueryRowContext(ctx, model, keys[i][:]).Scan(&data)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err == nil && (len(data)%4 != 1 || data[0] != embeddingFormat) {
			err = errCorrupt
		}
		if err != nil {
			return nil, explain(c.path, err)
		}
		vectors[i] = make([]float32, len(data)/4)
		for j := range vectors[i] {
			vectors[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(data[1+4*j:]))
		}
	}
	return vectors, nil
}

// addEmbeddings caches texts; those that are there already stay.
func (c *Catalogue) addEmbeddings(ctx context.Context, model string, keys []embedding.Key, vectors [][]float32) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	return c.transact(ctx, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		insert, err := tx.PrepareContext(ctx, `INSERT OR IGNORE INTO embeddings(model, content, vector) VALUES(?, ?, ?)`)
		if err != nil {
			return err
		}
		defer insert.Close()
		var data []byte
		for i, v := range vectors {
			data = append(data[:0], embeddingFormat)
			for _, x := range v {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
			}
			if _, err := insert.ExecContext(ctx, model, keys[i][:], data); err != nil {
				return err
			}
		}
		return nil
	})
}
