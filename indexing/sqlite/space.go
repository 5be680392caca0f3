package sqlite

import (
	"encoding/binary"
	"fmt"
	"math"
)

const (
	// chunkRows is how many vectors of a space share an allocation: growing it
	// copies nothing.
	chunkRows = 1024
	// offset is added to the integers of rows, to keep them without a sign.
	offset = 128
	// questionLength is the length to which the question is scaled before it is
	// rounded to integers. Its error is then far below that of the vectors' 8
	// bits, and a sum of products stays below 2^31 (by Cauchy and Schwarz: 2^14
	// times the 255 sqrt(dimensions) that a row's length is at most).
	questionLength = 1 << 14
	maxDimensions  = 1 << 16
)

// space is the vectors of one model, by the number of their content. They are
// kept as 8-bit integers, of which only the direction counts.
type space struct {
	dims   int       // 0 before the first vector
	chunks [][]byte  // chunkRows of padded(dims) each; nil without a vector
	scales []float32 // by content: 1/length of the integers, 0 for the zero vector, noVector
	filled int       // contents below it were looked for in the file
	has    int       // how many of them have a vector
}

const noVector = -1

// padded is the length of a row: a multiple of sixteen.
func padded(dims int) int { return (dims + 15) &^ 15 }

// grow makes room for contents below n.
func (v *space) grow(n int) {
	for len(v.scales) < n {
		v.scales = append(v.scales, noVector)
	}
	for len(v.chunks)*chunkRows < n {
		v.chunks = append(v.chunks, nil)
	}
}

// set keeps the vector of a content, unless it has one already.
func (v *space) set(content uint32, vector []int8) error {
	if v.dims == 0 {
		v.dims = len(vector)
	}
	if len(vector) != v.dims || v.dims == 0 {
		return fmt.Errorf("vector of %d dimensions among those of %d: %w", len(vector), v.dims, errCorrupt)
	}
	if v.scales[content] != noVector {
		return nil
	}
	chunk := &v.chunks[content/chunkRows]
	if *chunk == nil {
		*chunk = make([]byte, chunkRows*padded(v.dims))
	}
	row := v.row(content)
	for i := range row {
		row[i] = offset // what pads it is zero
	}
	for i, x := range vector {
		row[i] = byte(int(x) + offset)
	}
	v.scales[content] = scale(vector)
	v.has++
	return nil
}

// row is the bytes of a content's vector.
func (v *space) row(content uint32) []byte {
	size := padded(v.dims)
	start := int(content%chunkRows) * size
	return v.chunks[content/chunkRows][start : start+size]
}

// integers is the vector of a content that has one.
func (v *space) integers(content uint32) []int8 {
	integers := make([]int8, v.dims)
	for i, x := range v.row(content)[:v.dims] {
		integers[i] = int8(int(x) - offset)
	}
	return integers
}

// vector is the vector of a content, of unit length or zero; nil without one.
func (v *space) vector(content uint32) []float32 {
	if v == nil || v.scales[content] == noVector {
		return nil
	}
	floats := make([]float32, v.dims)
	for i, x := range v.integers(content) {
		floats[i] = float32(x) * v.scales[content]
	}
	return floats
}

// moved returns the space with the contents in their new places: places[i] is
// that of content i, or -1. n is how many there are.
func (v *space) moved(places []int32, n int) (*space, error) {
	to := &space{dims: v.dims}
	to.grow(n)
	for from, at := range places[:v.filled] {
		if at < 0 {
			continue
		}
		to.filled = int(at) + 1 // places ascend
		if v.scales[from] != noVector {
			if err := to.set(uint32(at), v.integers(uint32(from))); err != nil {
				return nil, err
			}
		}
	}
	return to, nil
}

// quantise is a vector as 8-bit integers of the same direction.
func quantise(v []float32) ([]int8, error) {
	largest := 0.0
	for _, x := range v {
		if y := math.Abs(float64(x)); y > largest || math.IsNaN(y) {
			largest = y
		}
	}
	if math.IsNaN(largest) || math.IsInf(largest, 0) || len(v) == 0 || len(v) > maxDimensions {
		return nil, fmt.Errorf("vector of %d dimensions cannot be kept: it has no direction, or too many", len(v))
	}
	q := make([]int8, len(v))
	if largest == 0 {
		return q, nil
	}
	for i, x := range v {
		q[i] = int8(math.RoundToEven(float64(x) * 127 / largest))
	}
	return q, nil
}

// scale makes a quantised vector one of unit length.
func scale(v []int8) float32 {
	sum := int64(0)
	for _, x := range v {
		sum += int64(x) * int64(x)
	}
	if sum == 0 {
		return 0
	}
	return float32(1 / math.Sqrt(float64(sum)))
}

// question is a question's vector, made for products with rows of a space.
type question struct {
	dims  int
	pairs []uint64 // see dot
	sum   int32    // of its integers
}

// newQuestion makes a question of a vector; nil for the zero vector, which has
// no direction.
func newQuestion(v []float32) (*question, error) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("vector of %d dimensions has no direction", len(v))
	}
	if sum == 0 {
		return nil, nil
	}
	values := make([]int64, padded(len(v)))
	q := &question{dims: len(v), pairs: make([]uint64, len(values)/2)}
	for i, x := range v {
		values[i] = int64(math.RoundToEven(float64(x) * questionLength / math.Sqrt(sum)))
		q.sum += int32(values[i])
	}
	for i := range q.pairs {
		at := i/4*8 + i%4
		q.pairs[i] = uint64(values[at+4] + values[at]<<32)
	}
	return q, nil
}

// cosine is that of a question and the vector of a content that has one.
func (v *space) cosine(q *question, content uint32) float32 {
	return float32(dot(v.row(content), q.pairs)-offset*q.sum) * v.scales[content] / questionLength
}

// dot is the sum of products of a row's bytes, a multiple of sixteen, and
// the integers of a question. A multiplication of 64 bits makes two products:
//
//	(a0 + a4 2^32) (q4 + q0 2^32) = a0 q4 + (a0 q0 + a4 q4) 2^32   mod 2^64
//
// The upper half of the sum is the result, once what the lower half, a signed
// number that fits in 32 bits, took from it is given back. Scalar code that
// multiplies one by one takes twice as long.
func dot(row []byte, pairs []uint64) int32 {
	const lanes = 0x000000ff_000000ff
	var s0, s1 uint64
	for len(row) >= 16 && len(pairs) >= 8 {
		w, x := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(row[8:])
		q := (*[8]uint64)(pairs)
		s0 += (w&lanes)*q[0] + (w>>16&lanes)*q[2]
		s1 += (w>>8&lanes)*q[1] + (w>>24&lanes)*q[3]
		s0 += (x&lanes)*q[4] + (x>>16&lanes)*q[6]
		s1 += (x>>8&lanes)*q[5] + (x>>24&lanes)*q[7]
		row, pairs = row[16:], pairs[8:]
	}
	sum := int64(s0 + s1)
	return int32((sum - int64(int32(sum))) >> 32)
}
