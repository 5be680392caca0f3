package feed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/loglode/loglode/pipeline"
)

// Compression is how a source is compressed.
type Compression string

// The compressions that are read.
const (
	Plain Compression = "plain"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// compressionOf tells the compression from the first bytes.
func compressionOf(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return Gzip
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return Zstd
	// A skippable frame: parallel zstd writes one first (RFC 8878, 3.1.2).
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}):
		return Zstd
	}
	return Plain
}

// CorruptError says that compressed data cannot be decoded from some point on.
type CorruptError struct {
	Compression Compression
	Err         error
}

func (e *CorruptError) Error() string {
	if errors.Is(e.Err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("the %s data ends too early", e.Compression)
	}
	return fmt.Sprintf("the %s data is corrupt: %v", e.Compression, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// Decompressor decodes a source.
type Decompressor struct {
	in          counter
	compression Compression
	out         io.Reader
	close       func()
	decoded     int64
}

// maxWindow is the largest zstd window that is decoded: that of `zstd
// --long=27`, which the zstd tool decodes without being asked.
const maxWindow = 128 << 20

// smallWindow is the largest zstd window of a request's body: what zstd uses at
// its usual levels.
const smallWindow = 8 << 20

// Decompress decodes r by its magic bytes: gzip of any number of members, zstd
// of any number of frames, or plain. Errors of the encoding are CorruptErrors;
// those of r are returned as they are.
func Decompress(r io.Reader) (*Decompressor, error) { return decompress(r, maxWindow) }

// DecompressSmall is Decompress for many at once: zstd may use no window of more
// than 8 MiB.
func DecompressSmall(r io.Reader) (*Decompressor, error) { return decompress(r, smallWindow) }

func decompress(r io.Reader, window uint64) (*Decompressor, error) {
	d := &Decompressor{in: counter{r: r}, close: func() {}}
	in := bufio.NewReaderSize(&d.in, readBytes)
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	d.compression = compressionOf(head)
	switch d.compression {
	case Gzip:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, d.fault(err)
		}
		d.out = z
	case Zstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, d.fault(err)
		}
		d.out, d.close = z, z.Close
	default:
		d.out = in
	}
	return d, nil
}

// Compression is what the source was found to be.
func (d *Decompressor) Compression() Compression { return d.compression }

// Read implements io.Reader.
func (d *Decompressor) Read(p []byte) (int, error) {
	n, err := d.out.Read(p)
	d.decoded += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = d.fault(err)
	}
	return n, err
}

// Close frees the decoder. It does not close the source.
func (d *Decompressor) Close() { d.close() }

func (d *Decompressor) fault(err error) error {
	if d.in.err != nil {
		return d.in.err
	}
	if d.compression == Plain {
		return err
	}
	return &CorruptError{Compression: d.compression, Err: err}
}

// counter counts what is read and keeps the reader's own error, which decoders
// may wrap or replace.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// BombLimit says when compressed data is taken for a bomb: when it has decoded
// to more than Bytes at more than Ratio to one. The zero value never does.
type BombLimit struct {
	Bytes int64
	Ratio int64
}

// DefaultBombLimit lets logs pass: they compress up to 60 to 1.
var DefaultBombLimit = BombLimit{Bytes: 1 << 30, Ratio: 200}

// ErrBomb says that compressed data decodes to far more than logs do.
var ErrBomb = errors.New("compressed data looks like a bomb")

// Guarded stops at a bomb.
type Guarded struct {
	*Decompressor
	Limit BombLimit
}

// Read implements io.Reader.
func (g *Guarded) Read(p []byte) (int, error) {
	n, err := g.Decompressor.Read(p)
	out, in := g.decoded, g.in.n
	if l := g.Limit; l.Bytes > 0 && out > l.Bytes && out/max(in, 1) > l.Ratio {
		return n, pipeline.WithHint(
			fmt.Errorf("%w: %d KiB have become %d MiB", ErrBomb, in>>10, out>>20),
			"if it is a log, decompress it first and load the result")
	}
	return n, err
}
