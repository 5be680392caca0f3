package sqlite

import (
	"encoding/binary"
	"errors"
)

// errCorrupt says that a blob is not what the writer wrote.
var errCorrupt = errors.New("stored block is corrupt")

// A column of n numbers is its length in bytes, a mode, and the numbers:
//
//	constant   one uvarint, which all n are
//	varied     n uvarints
const (
	constant = 0
	varied   = 1
)

// appendColumn appends values, which are not empty, as a column.
func appendColumn(dst []byte, values []uint64) []byte {
	same := true
	size := 0
	for _, v := range values {
		same = same && v == values[0]
		size += uvarintLen(v)
	}
	if same {
		dst = binary.AppendUvarint(dst, uint64(1+uvarintLen(values[0])))
		dst = append(dst, constant)
		return binary.AppendUvarint(dst, values[0])
	}
	dst = binary.AppendUvarint(dst, uint64(1+size))
	dst = append(dst, varied)
	for _, v := range values {
		dst = binary.AppendUvarint(dst, v)
	}
	return dst
}

func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// reader reads a blob from its front. The first fault sticks: what is read
// after it is zero.
type reader struct {
	data   []byte
	broken bool
}

func (r *reader) err() error {
	if r.broken {
		return errCorrupt
	}
	return nil
}

func (r *reader) uvarint() uint64 {
	if len(r.data) > 0 && r.data[0] < 0x80 {
		v := r.data[0]
		r.data = r.data[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.broken, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return v
}

func (r *reader) varint() int64 { return unzigzag(r.uvarint()) }

func (r *reader) byte() byte { return byte(r.uvarint()) }

// bytes reads n bytes, which stay part of the blob.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.broken, r.data = true, nil
		return nil
	}
	b := r.data[:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) string() string { return string(r.bytes(r.uvarint())) }

// column reads a column into values.
func (r *reader) column(values []uint64) {
	c := reader{data: r.bytes(r.uvarint())}
	switch mode := c.byte(); {
	case mode == constant:
		v := c.uvarint()
		for i := range values {
			values[i] = v
		}
	case mode == varied:
		for i := range values {
			values[i] = c.uvarint()
		}
	default:
		c.broken = true
	}
	r.broken = r.broken || c.broken || len(c.data) > 0
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
