// Package wire is the stream's format: how raw entries become the bytes of a
// record and come back, and what else a stream may hold.
//
// A record of ours is a header and a zstd frame of newline-delimited JSON:
//
//	offset size
//	0      4    magic A7 'L' 'O' 'G'
//	4      1    version, 1
//	5      1    compression, 1 = zstd
//	6      2    header length in bytes, 32; a reader skips what it does not know
//	8      8    the producer's send time, Unix ns, signed
//	16     4    number of entries
//	20     4    decoded length of the payload in bytes
//	24     4    digest of the redaction and drop rules that the producer applied
//	28     4    low 32 bits of XXH3-64 of the decoded payload
//	32     ..   payload
//
// All numbers are big-endian. A line of the payload is an object with the keys
// below; those marked with * are left out when empty or zero:
//
//	t   the collector's time, Unix ns*
//	n   occurrence number*
//	o   origin, for entries without t or whose number it tells apart instead of n*
//	d   when the source read it, Unix ns, for entries without t*
//	s   stream*
//	k   kind: "event", "node"* (left out: "log")
//	r   the resource: an object on its first use in the record, then its number,
//	    counted from 0 in the order of first use
//	m   the message
//
// The form is frozen by testdata/record.v1.
package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/loglode/loglode/pipeline"
)

const (
	version         = 1
	compressionZstd = 1
	headerLen       = 32
)

var magic = []byte{0xA7, 'L', 'O', 'G'}

// ErrNewerVersion says that a record was written by a newer loglode. It waits
// in the stream until the reader is upgraded: it is never rejected.
var ErrNewerVersion = fmt.Errorf("%w: record of a newer version", pipeline.ErrTryLater)

// Encoder gathers the entries of one lane into a record. It is not safe for
// concurrent use.
type Encoder struct {
	zstd      *zstd.Encoder
	buf       []byte
	resources map[*pipeline.Resource]int
	entries   int
}

// NewCompressor makes the zstd encoder that Encoders share. It is safe for
// concurrent use. The window is small: records are, and memory counts.
func NewCompressor() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2),
		zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
}

// NewEncoder makes an Encoder that compresses with c.
func NewEncoder(c *zstd.Encoder) *Encoder {
	return &Encoder{zstd: c, resources: map[*pipeline.Resource]int{}}
}

// Add appends an entry. It keeps nothing of raw but the Resource's address
// until Seal.
func (e *Encoder) Add(raw *pipeline.RawEntry) error {
	b := append(e.buf, '{')
	if raw.Time != 0 {
		b = strconv.AppendInt(append(b, `"t":`...), raw.Time, 10)
		b = append(b, ',')
	}
	if raw.Occurrence != 0 {
		b = strconv.AppendUint(append(b, `"n":`...), raw.Occurrence, 10)
		b = append(b, ',')
	}
	var err error
	if raw.Origin != "" {
		if b, err = appendString(append(b, `"o":`...), raw.Origin); err != nil {
			return err
		}
		b = append(b, ',')
	}
	if raw.Read != 0 {
		b = strconv.AppendInt(append(b, `"d":`...), raw.Read, 10)
		b = append(b, ',')
	}
	if raw.Stream != "" {
		if b, err = appendString(append(b, `"s":`...), raw.Stream); err != nil {
			return err
		}
		b = append(b, ',')
	}
	if raw.Kind != pipeline.KindLog {
		if b, err = appendString(append(b, `"k":`...), raw.Kind.String()); err != nil {
			return err
		}
		b = append(b, ',')
	}
	b = append(b, `"r":`...)
	if n, ok := e.resources[raw.Resource]; ok {
		b = strconv.AppendInt(b, int64(n), 10)
	} else {
		res, err := json.Marshal(raw.Resource)
		if err != nil {
			return fmt.Errorf("encode resource: %w", err)
		}
		b = append(b, res...)
		e.resources[raw.Resource] = len(e.resources)
	}
	if b, err = appendString(append(b, `,"m":`...), raw.Message); err != nil {
		return err
	}
	e.buf = append(b, '}', '\n')
	e.entries++
	return nil
}

// appendString quotes s; what is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return jsontext.AppendQuote(b, s)
}

// Size is the decoded length of what was added, in bytes.
func (e *Encoder) Size() int { return len(e.buf) }

// Entries is the number of entries added.
func (e *Encoder) Entries() int { return e.entries }

// Seal returns the record and makes the encoder empty again. sent is the send
// time in Unix ns, digest that of the rules applied.
func (e *Encoder) Seal(sent int64, digest uint32) []byte {
	out := make([]byte, headerLen, headerLen+len(e.buf)/6)
	copy(out, magic)
	out[4] = version
	out[5] = compressionZstd
	binary.BigEndian.PutUint16(out[6:], headerLen)
	binary.BigEndian.PutUint64(out[8:], uint64(sent))
	binary.BigEndian.PutUint32(out[16:], uint32(e.entries))
	binary.BigEndian.PutUint32(out[20:], uint32(len(e.buf)))
	binary.BigEndian.PutUint32(out[24:], digest)
	binary.BigEndian.PutUint32(out[28:], uint32(xxh3.Hash(e.buf)))
	out = e.zstd.EncodeAll(e.buf, out)
	e.buf = e.buf[:0]
	e.entries = 0
	clear(e.resources)
	return out
}

// Header is what a record of ours says before its payload.
type Header struct {
	Sent    int64  // Unix ns
	Entries int    // number of entries
	Size    int    // decoded payload, bytes
	Digest  uint32 // of the rules that the producer applied
	sum     uint32
	length  int
}

// ReadHeader reads the header of a record of ours. ok is false when data is
// something else.
func ReadHeader(data []byte) (h Header, ok bool, err error) {
	if len(data) < len(magic) || string(data[:len(magic)]) != string(magic) {
		return Header{}, false, nil
	}
	if len(data) < 8 {
		return Header{}, true, corrupt("record ends within its header")
	}
	if data[4] > version {
		return Header{}, true, fmt.Errorf("%w: %d, this loglode reads up to %d", ErrNewerVersion, data[4], version)
	}
	h.length = int(binary.BigEndian.Uint16(data[6:]))
	if h.length < headerLen || len(data) < h.length {
		return Header{}, true, corrupt("record ends within its header")
	}
	if data[5] != compressionZstd {
		return Header{}, true, corrupt(fmt.Sprintf("unknown compression %d", data[5]))
	}
	h.Sent = int64(binary.BigEndian.Uint64(data[8:]))
	h.Entries = int(binary.BigEndian.Uint32(data[16:]))
	h.Size = int(binary.BigEndian.Uint32(data[20:]))
	h.Digest = binary.BigEndian.Uint32(data[24:])
	h.sum = binary.BigEndian.Uint32(data[28:])
	return h, true, nil
}

func corrupt(what string) error {
	return fmt.Errorf("%w: corrupt record: %s", pipeline.ErrRejected, what)
}

// decodeOurs reads the entries of a record of ours. All messages share one
// allocation.
func (d *Decoder) decodeOurs(h Header, data []byte) ([]pipeline.RawEntry, error) {
	if h.Size > d.maxDecoded {
		return nil, fmt.Errorf("%w: record decodes to %d bytes, the limit is %d", ErrTooLarge, h.Size, d.maxDecoded)
	}
	payload, err := d.zstd.DecodeAll(data[h.length:], slices.Grow(d.payload[:0], h.Size))
	if err != nil {
		return nil, corrupt("zstd: " + err.Error())
	}
	d.payload = payload
	if len(payload) != h.Size || uint32(xxh3.Hash(payload)) != h.sum {
		return nil, corrupt("payload does not match its checksum")
	}
	// An entry takes at least 8 bytes: a lying count must not allocate.
	entries := make([]pipeline.RawEntry, 0, min(h.Entries, h.Size/8+1))
	d.resources = d.resources[:0]
	d.text, d.spans = d.text[:0], d.spans[:0]
	d.reader = *bytes.NewBuffer(payload)
	d.json.Reset(&d.reader, jsontext.AllowDuplicateNames(true))
	for d.json.PeekKind() == '{' {
		entries = append(entries, pipeline.RawEntry{})
		if err := d.entry(&entries[len(entries)-1]); err != nil {
			return nil, corrupt(fmt.Sprintf("entry %d: %v", len(entries)-1, err))
		}
	}
	if len(entries) != h.Entries {
		return nil, corrupt(fmt.Sprintf("%d entries, the header says %d", len(entries), h.Entries))
	}
	text := string(d.text)
	at := 0
	for i := range entries {
		entries[i].Message = text[at:d.spans[i]]
		at = d.spans[i]
	}
	return entries, nil
}

// entry reads one object into raw, except the message, whose text goes to
// d.text.
func (d *Decoder) entry(raw *pipeline.RawEntry) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if len(name) != 3 {
			return fmt.Errorf("unknown key %s", name)
		}
		key := name[1]
		value, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if err := d.field(raw, key, value); err != nil {
			return fmt.Errorf("key %q: %w", key, err)
		}
	}
	if raw.Resource == nil {
		return errors.New("no resource")
	}
	d.spans = append(d.spans, len(d.text))
	_, err := d.json.ReadToken()
	return err
}

func (d *Decoder) field(raw *pipeline.RawEntry, key byte, value jsontext.Value) (err error) {
	switch key {
	case 't':
		raw.Time, err = strconv.ParseInt(string(value), 10, 64)
	case 'n':
		raw.Occurrence, err = strconv.ParseUint(string(value), 10, 64)
	case 'd':
		raw.Read, err = strconv.ParseInt(string(value), 10, 64)
	case 'o':
		raw.Origin, err = unquote(value)
	case 's':
		raw.Stream, err = d.stream(value)
	case 'k':
		var name string
		if name, err = unquote(value); err == nil {
			raw.Kind, err = pipeline.ParseKind(name)
		}
	case 'r':
		raw.Resource, err = d.resource(value)
	case 'm':
		d.text, err = jsontext.AppendUnquote(d.text, value)
	default:
		err = errors.New("unknown key")
	}
	return err
}

// stream returns the usual names without an allocation.
func (d *Decoder) stream(value jsontext.Value) (string, error) {
	switch string(value) {
	case `"stdout"`:
		return "stdout", nil
	case `"stderr"`:
		return "stderr", nil
	}
	return unquote(value)
}

func unquote(value jsontext.Value) (string, error) {
	b, err := jsontext.AppendUnquote(nil, value)
	return string(b), err
}

// resource reads an object or the number of an earlier one. Equal objects of
// different records share one Resource, so that what is cached by its address
// stays good.
func (d *Decoder) resource(value jsontext.Value) (*pipeline.Resource, error) {
	if value.Kind() != '{' {
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n >= len(d.resources) {
			return nil, fmt.Errorf("no resource %s before it", value)
		}
		return d.resources[n], nil
	}
	res, ok := d.known[string(value)]
	if !ok {
		res = &pipeline.Resource{}
		if err := json.Unmarshal(value, res); err != nil {
			return nil, err
		}
		if len(d.known) >= maxKnownResources {
			clear(d.known)
		}
		d.known[string(value)] = res
	}
	d.resources = append(d.resources, res)
	return res, nil
}
