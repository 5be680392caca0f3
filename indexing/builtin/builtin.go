// Package builtin is the embedder that needs no model server: a static table of
// one vector for each word piece, distilled from all-MiniLM-L6-v2 (Apache-2.0)
// by tools/train/train_table.py and held in the binary.
//
//	"kubeAPIServer refused"
//	  -> words        kube api server refused
//	  -> rows         kube(27) api(912) server(1140) refused(311)   each row once
//	  -> sum of int8  [-31 12 88 ...]
//	  -> unit length  [-.04 .02 .11 ...]
//
// A word that is one of the table's extra words is that one row; any other word
// is WordPiece: the longest piece that the vocabulary has, then the longest that
// continues it ("##"), until the word ends. Weights of words are inside the
// rows.
package builtin

import (
	"context"
	"crypto/sha256"
	_ "embed" // the table
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/loglode/loglode/pipeline/embedding/words"
)

// form names how texts become rows: another cut or sum is another form, and so
// another model.
const form = "loglode/builtin/1"

// maxWord is the longest word, in bytes, that WordPiece takes apart; it passes
// over longer ones (max_input_chars_per_word of BERT's tokenizer).
const maxWord = words.Max - 1

// The files as tools/train/train_table.py writes them. Strings: they stay where
// the binary's file is mapped, and nothing can change them.
var (
	//go:embed table.i8
	tableFile string
	//go:embed vocab.txt
	vocabularyFile string
	//go:embed meta.json
	metaFile string
)

// Embedder is the built-in embedding.Embedder.
type Embedder struct {
	model      string
	dimensions int
	table      string // rows of int8, one after the other
	// heads are the pieces that begin a word and the extra words, tails those
	// that continue one, without their "##".
	heads, tails pieces
	scratch      sync.Pool // of *scratch
}

// Open reads the table in the binary. It takes some ten milliseconds; an
// error means that the binary is broken.
func Open() (*Embedder, error) {
	e, err := open(tableFile, vocabularyFile, metaFile)
	if err != nil {
		return nil, fmt.Errorf("open the built-in embedder: %w", err)
	}
	return e, nil
}

// meta is what meta.json says of the table.
type meta struct {
	Rows      int    `json:"rows"`
	Dim       int    `json:"dim"`
	WordPiece int    `json:"wordpiece"` // rows of word pieces, which come first
	Extra     int    `json:"extra"`     // rows of whole words
	SHA256    string `json:"sha256"`    // of table.i8
}

func open(table, vocabulary, metaText string) (*Embedder, error) {
	var m meta
	if err := json.Unmarshal([]byte(metaText), &m); err != nil {
		return nil, fmt.Errorf("read meta.json: %w", err)
	}
	tokens := strings.Split(strings.TrimSuffix(vocabulary, "\n"), "\n")
	switch {
	case m.Dim <= 0 || m.Dim%lane != 0:
		return nil, fmt.Errorf("meta.json: dim is %d, not a multiple of %d", m.Dim, lane)
	case m.Rows != m.WordPiece+m.Extra:
		return nil, fmt.Errorf("meta.json: %d rows are not %d word pieces and %d extra words", m.Rows, m.WordPiece, m.Extra)
	case len(table) != m.Rows*m.Dim:
		return nil, fmt.Errorf("table.i8 has %d bytes, not %d rows of %d", len(table), m.Rows, m.Dim)
	case len(tokens) != m.Rows:
		return nil, fmt.Errorf("vocab.txt has %d tokens, not %d", len(tokens), m.Rows)
	}
	sum := digest(table)
	if got := hex.EncodeToString(sum[:]); got != m.SHA256 {
		return nil, fmt.Errorf("table.i8 has the SHA-256 %s, not %s", got, m.SHA256)
	}
	name := sha256.Sum256(fmt.Appendf(nil, "%s %d %x %x", form, m.WordPiece, sum, digest(vocabulary)))
	e := &Embedder{
		model:      "builtin-" + hex.EncodeToString(name[:4]),
		dimensions: m.Dim,
		table:      table,
	}
	e.scratch.New = func() any { return newScratch(m.Rows, m.Dim) }
	if err := e.index(tokens, m.WordPiece); err != nil {
		return nil, err
	}
	return e, nil
}

// digest is the SHA-256 of a long string, which it does not copy.
func digest(s string) (sum [sha256.Size]byte) {
	h := sha256.New()
	var part [1 << 15]byte
	for len(s) > 0 {
		n := copy(part[:], s)
		h.Write(part[:n])
		s = s[n:]
	}
	return [sha256.Size]byte(h.Sum(sum[:0]))
}

// index makes the look-up of the vocabulary.
func (e *Embedder) index(tokens []string, wordPieces int) error {
	e.heads = pieces{row: make(map[string]uint32, len(tokens)), whole: uint32(wordPieces)}
	e.tails = pieces{row: make(map[string]uint32, len(tokens)/4), whole: uint32(len(tokens))}
	for row, token := range tokens {
		p := &e.heads
		if tail, ok := strings.CutPrefix(token, "##"); ok {
			p, token = &e.tails, tail
		}
		if _, twice := p.row[token]; twice || token == "" {
			return fmt.Errorf("vocab.txt: token %d, %q, is empty or there twice", row, tokens[row])
		}
		p.row[token] = uint32(row)
		p.longest = max(p.longest, len(token))
	}
	return nil
}

// Model implements embedding.Embedder: "builtin-" and eight digits of a hash of
// the table, its vocabulary and the form.
func (e *Embedder) Model() string { return e.model }

// Dimensions implements embedding.Embedder.
func (e *Embedder) Dimensions() int { return e.dimensions }

// Embed implements embedding.Embedder: microseconds a text. It fails only when
// ctx ends. The vectors of a call share memory.
func (e *Embedder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	values := make([]float32, len(texts)*e.dimensions)
	s := e.scratch.Get().(*scratch)
	defer e.scratch.Put(s)
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("embed: %w", err)
		}
		vectors[i], values = values[:e.dimensions:e.dimensions], values[e.dimensions:]
		e.embed(s, text, vectors[i])
	}
	return vectors, nil
}

// embed writes the vector of a text to v, which is zero.
func (e *Embedder) embed(s *scratch, text string, v []float32) {
	e.tokens(s, text)
	s.sum(e.table, e.dimensions)
	s.unit(v)
	s.reset()
}

// tokens fills s.rows with the rows of a text's tokens, each once, in order.
func (e *Embedder) tokens(s *scratch, text string) {
	var word []byte
	for at := 0; ; {
		word, at = words.Append(s.word[:0], text, at)
		if len(word) == 0 {
			return
		}
		if len(word) <= maxWord {
			s.add(e.split(s.split[:0], word))
		}
	}
}

// split appends the rows of a word's pieces to dst: nothing when the vocabulary
// cannot make the word, which is BERT's [UNK] and has no row.
func (e *Embedder) split(dst []uint32, word []byte) []uint32 {
	row, n := e.heads.match(word)
	for p := &e.tails; n > 0; row, n = p.match(word) {
		dst = append(dst, row)
		if word = word[n:]; len(word) == 0 {
			return dst
		}
	}
	return nil
}

// pieces is a part of the vocabulary.
type pieces struct {
	row     map[string]uint32
	longest int    // bytes
	whole   uint32 // rows from here on are whole words and no pieces
}

// match returns the row of the longest piece that word begins with and the
// piece's length, 0 when there is none.
func (p *pieces) match(word []byte) (row uint32, n int) {
	for n = min(len(word), p.longest); n > 0; n-- {
		if row, ok := p.row[string(word[:n])]; ok && (row < p.whole || n == len(word)) {
			return row, n
		}
	}
	return 0, 0
}

// scratch is what one text needs. It is bounded by the vocabulary.
type scratch struct {
	word  [words.Max]byte
	split [maxWord]uint32
	rows  []uint32 // distinct
	seen  []uint64 // one bit a row
	even  []uint64 // four sums of 16 bits each, of every even dimension
	odd   []uint64
	sums  []int32
}

func newScratch(rows, dimensions int) *scratch {
	return &scratch{
		seen: make([]uint64, (rows+63)/64),
		even: make([]uint64, dimensions/lane),
		odd:  make([]uint64, dimensions/lane),
		sums: make([]int32, dimensions),
	}
}

func (s *scratch) add(rows []uint32) {
	for _, row := range rows {
		if word, bit := &s.seen[row/64], uint64(1)<<(row%64); *word&bit == 0 {
			*word |= bit
			s.rows = append(s.rows, row)
		}
	}
}

func (s *scratch) reset() {
	for _, row := range s.rows {
		s.seen[row/64] = 0
	}
	s.rows = s.rows[:0]
	clear(s.sums)
}

// Rows are summed eight values at a time in two words of 64 bits: with 128 added
// to it a value is a byte without sign, and sums of 256 of those fit 16 bits.
const (
	lane = 8
	flip = 0x8080808080808080
	low  = 0x00ff00ff00ff00ff
	most = 256
)

// sum adds up the rows of a table in s.sums.
func (s *scratch) sum(table string, dimensions int) {
	for rest := s.rows; len(rest) > 0; {
		part := rest[:min(len(rest), most)]
		rest = rest[len(part):]
		for _, row := range part {
			s.addRow(table[int(row)*dimensions:][:dimensions])
		}
		s.flush(int32(len(part)))
	}
}

func (s *scratch) addRow(row string) {
	even, odd := s.even, s.odd[:len(s.even)]
	for i := range even {
		x := load(row[i*lane:]) ^ flip
		even[i] += x & low
		odd[i] += x >> 8 & low
	}
}

// flush moves the sums of n rows from the words to s.sums.
func (s *scratch) flush(n int32) {
	for i := range s.even {
		to := s.sums[i*lane:][:lane]
		for j := range lane / 2 {
			to[2*j] += int32(s.even[i]>>(16*j)&0xffff) - 128*n
			to[2*j+1] += int32(s.odd[i]>>(16*j)&0xffff) - 128*n
		}
	}
	clear(s.even)
	clear(s.odd)
}

// load reads eight bytes, the first one lowest: a single load where the machine
// allows it.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unit writes the sums, scaled to unit length, to v.
func (s *scratch) unit(v []float32) {
	var square int64
	for _, x := range s.sums {
		square += int64(x) * int64(x)
	}
	if square == 0 {
		return
	}
	scale := 1 / math.Sqrt(float64(square))
	for i, x := range s.sums {
		v[i] = float32(float64(x) * scale)
	}
}
